"""Fixes as a viewer may see them, as a tile of the web's map: points and lines.

Layer `fixes` has points, the newest of each pixel; `tracks` a line per animal through those that
are given exactly. Of what is given as a grid cell there is the centre, and no line: where a line
leaves a tile would be a place that no cell has. A tile never has more than about `POINTS_MAX`
points and `VERTICES_MAX` vertices: where there are more, pixels are taken larger.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend import mvt
from backend.fix_columns import POSTGRES_EPOCH_US, FixColumns
from backend.geojson import STORED_DEG

ZOOM_MAX = 22
POINTS_MAX = 2_000
VERTICES_MAX = 20_000
_MARGIN = 64
"""Beyond the edges, so that what is drawn there has its width"""
_LOW, _HIGH = -_MARGIN, mvt.EXTENT + _MARGIN
_PIXEL = 8  # of 512 across a tile
_APART_TO = 256
"""Up to pixels of this size each animal keeps a point of its own"""
_LAT_MAX = 85.051_128_779_806_6  # where the web's map ends

Positions = NDArray[np.float64]
"""(n, 2) x to the east and y to the south, in units of the tile from its north-west corner"""


def tile(found: FixColumns, zoom: int, column: int, row: int) -> bytes:
    """A vector tile of fixes in order of animals and time."""
    at = _project(found, zoom, column, row)
    fixes = mvt.layer("fixes", _points(found, at))
    return fixes + mvt.layer("tracks", _lines(found, at, mvt.EXTENT << zoom))


def _project(found: FixColumns, zoom: int, column: int, row: int) -> Positions:
    """Web Mercator; whatever is nearer the other way round the world is taken there."""
    lat = np.radians(np.clip(found.lat, -_LAT_MAX, _LAT_MAX))
    x = found.lon / 360 + 0.5
    y = 0.5 - np.arctanh(np.sin(lat)) / (2 * np.pi)
    tiles = 1 << zoom
    from_middle = (x - (column + 0.5) / tiles + 0.5) % 1 - 0.5
    across = from_middle * tiles + 0.5
    return np.column_stack([across, y * tiles - row]) * mvt.EXTENT


def _points(found: FixColumns, at: Positions) -> Iterator[mvt.Feature]:
    shown = np.flatnonzero(((at >= _LOW) & (at <= _HIGH)).all(axis=1))[::-1]
    places = np.rint(at).astype(np.int64)
    pixel = _PIXEL
    while True:
        x, y = (places[shown] - _LOW).T // pixel
        whose = found.animal[shown] if pixel <= _APART_TO else 0
        _, newest = np.unique(whose << 20 | x << 10 | y, return_index=True)
        shown = shown[np.sort(newest)]  # the last of each animal comes first
        if shown.size <= POINTS_MAX:
            break
        pixel *= 2
    for i in shown.tolist():
        yield mvt.Feature("point", [places[i : i + 1]], _said_of_fix(found, i))


def _said_of_fix(found: FixColumns, i: int) -> dict[str, mvt.Value]:
    identity = (found.collar, found.generation, found.record)
    return {
        "fix": "-".join(str(part[i]) for part in identity),
        "animal": int(found.animal[i]),
        "recorded_at_s": (int(found.time_us[i]) + POSTGRES_EPOCH_US) // 1_000_000,
        "precision_deg": 1 / int(found.cells_per_degree[i] or 1 / STORED_DEG),
    }


def _lines(found: FixColumns, at: Positions, world: int) -> Iterator[mvt.Feature]:
    exact = found.cells_per_degree == 0
    joined = (found.animal[1:] == found.animal[:-1]) & exact[1:] & exact[:-1]
    joined &= np.abs(at[1:, 0] - at[:-1, 0]) < world / 2  # else it passes the other side
    steps = np.flatnonzero(joined)
    begins, ends, seen = _clip(at[steps], at[steps + 1])
    steps, begins, ends = steps[seen], begins[seen], ends[seen]
    # a step goes on from the one before if neither was cut where they meet
    whole = (begins[1:] == at[steps[1:]]).all(axis=1) & (ends[:-1] == at[steps[1:]]).all(axis=1)
    on = np.append(False, (np.diff(steps) == 1) & whole)
    order = np.repeat(np.arange(steps.size), 1 + ~on)
    first = np.append(True, order[1:] != order[:-1]) & ~on[order]
    vertices = np.rint(np.where(first[:, None], begins[order], ends[order])).astype(np.int64)
    whose = found.animal[steps[order]]
    kept, starts = _thinned(vertices, first)
    vertices, whose = vertices[kept], whose[kept]
    parts: dict[int, list[Any]] = {}
    for part, animal in zip(
        np.split(vertices, starts[1:]), whose[starts].tolist() if starts.size else (), strict=False
    ):
        if (part != part[0]).any():
            parts.setdefault(animal, []).append(part)
    for animal, of_one in parts.items():
        yield mvt.Feature("line", of_one, {"animal": animal, "precision_deg": STORED_DEG})


def _thinned(
    vertices: mvt.Part, first: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
    """Which vertices to keep: of each line the ends, and between them one a pixel; its starts."""
    last = np.append(first[1:], True)[: first.size]
    pixel = _PIXEL
    while True:
        moved = (np.diff(vertices // pixel, axis=0, prepend=-(1 << 40)) != 0).any(axis=1)
        kept = first | last | moved
        if kept.sum() <= VERTICES_MAX or pixel > mvt.EXTENT:
            return kept, np.flatnonzero(first[kept])
        pixel *= 2


def _clip(a: Positions, b: Positions) -> tuple[Positions, Positions, NDArray[np.bool_]]:
    """Of each straight step what is within the tile and its margin (Liang and Barsky, 1984)."""
    way = b - a
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.stack([(_LOW - a) / way, (_HIGH - a) / way])
    within = (a >= _LOW) & (a <= _HIGH)
    still = way == 0
    enter = np.where(still, np.where(within, 0.0, 2.0), shares.min(axis=0)).max(axis=1)
    leave = np.where(still, np.where(within, 1.0, -1.0), shares.max(axis=0)).min(axis=1)
    enter, leave = np.maximum(enter, 0), np.minimum(leave, 1)
    begin = np.where((enter > 0)[:, None], a + enter[:, None] * way, a)
    end = np.where((leave < 1)[:, None], a + leave[:, None] * way, b)
    return begin, end, enter <= leave
