"""How wide a corridor is where animals pass through it."""

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from analytics.corridors.results import Widths
from analytics.geometry import to_multipolygon
from analytics.track import Track

Floats = NDArray[np.float64]

SECTIONS = 200
"""Places, evenly along all ways, at which a width is measured at most."""


def measure_widths(
    polygon: MultiPolygon,
    tracks: Sequence[Track],
    shortest_step_m: float,
    sections: int = SECTIONS,
) -> Widths | None:
    """Returns the widths of an area across the steps that animals made through it.

    A section is the straight cut through the middle of a step, square to it, from border to
    border. A hole ends it, unless it is smaller than the square of the median width: then it lies
    within the corridor and does not part it.

    Args:
        polygon: the area [m].
        tracks: of the animals, on the same plane.
        shortest_step_m: shorter steps tell no direction and are not used.
        sections: cuts at most.

    Returns:
        None where no such step has its middle in the area.
    """
    middle, direction = _steps(tracks, shortest_step_m)
    inside = shapely.contains_xy(polygon, middle[:, 0], middle[:, 1])
    middle, direction = middle[inside], direction[inside]
    if not len(middle):
        return None
    every = max(1, -(-len(middle) // sections))
    middle, direction = middle[::every], direction[::every]
    width_m = _sections(polygon, middle, direction)
    whole = _without_holes(polygon, float(np.median(width_m)) ** 2)
    if whole is not polygon:
        width_m = _sections(whole, middle, direction)
    narrowest = int(np.argmin(width_m))
    return Widths(
        narrowest_m=float(width_m[narrowest]),
        median_m=float(np.median(width_m)),
        widest_m=float(width_m.max()),
        sections=len(middle),
        bottleneck_x_m=float(middle[narrowest, 0]),
        bottleneck_y_m=float(middle[narrowest, 1]),
    )


def _sections(polygon: MultiPolygon, middle: Floats, direction: Floats) -> Floats:
    """Returns how far it is from border to border through each middle, square to its direction."""
    x_min, y_min, x_max, y_max = polygon.bounds
    reach = np.hypot(x_max - x_min, y_max - y_min) * np.column_stack(
        (-direction[:, 1], direction[:, 0])
    )
    cuts = shapely.linestrings(np.stack((middle - reach, middle + reach), axis=1))
    pieces, owner = shapely.get_parts(shapely.intersection(cuts, polygon), return_index=True)
    distance_m = shapely.distance(pieces, np.asarray(shapely.points(middle))[owner])
    width_m = np.empty(len(middle))
    for k in range(len(middle)):  # the piece that holds the middle, to rounding the nearest
        own = np.flatnonzero(owner == k)
        width_m[k] = shapely.length(pieces[own[np.argmin(distance_m[own])]])
    return width_m


def _without_holes(polygon: MultiPolygon, area_m2: float) -> MultiPolygon:
    """Returns an area without its holes of less than that area; itself where it has none."""
    parts, found = [], False
    for part in polygon.geoms:
        holes = [ring for ring in part.interiors if Polygon(ring).area >= area_m2]
        found |= len(holes) < len(part.interiors)
        parts.append(Polygon(part.exterior, holes))
    return to_multipolygon(shapely.union_all(parts)) if found else polygon


def _steps(tracks: Sequence[Track], shortest_step_m: float) -> tuple[Floats, Floats]:
    """Returns the middles (s, 2) and unit directions (s, 2) of all steps long enough."""
    middles, directions = [], []
    for track in tracks:
        points = np.column_stack((track.x_m, track.y_m))
        step = np.diff(points, axis=0)
        length_m = np.hypot(step[:, 0], step[:, 1])
        long = length_m >= shortest_step_m
        middles.append((points[1:] + points[:-1])[long] / 2)
        directions.append(step[long] / length_m[long, None])
    return np.concatenate(middles), np.concatenate(directions)
