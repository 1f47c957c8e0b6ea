"""Vector tiles as GDAL reads them, in degrees."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import pyogrio
import shapely

_HALF_M = math.pi * 6_378_137


class Read(NamedTuple):
    """A feature of a tile."""

    positions: list[tuple[float, float]]
    """Longitude and latitude; of a line in several parts one behind the other"""
    properties: dict[str, Any]


def address_of(zoom: int, lon: float, lat: float) -> tuple[int, int, int]:
    """Zoom, column and row of the tile at a place."""
    y = 0.5 - math.atanh(math.sin(math.radians(lat))) / (2 * math.pi)
    return zoom, int((lon / 360 + 0.5) * 2**zoom), int(y * 2**zoom)


def read_tile(content: bytes, zoom: int, column: int, row: int) -> dict[str, list[Read]]:
    """Features by layer."""
    found: dict[str, list[Read]] = {"fixes": [], "tracks": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tile.mvt"
        path.write_bytes(content)
        place = {"X": column, "Y": row, "Z": zoom, "CLIP": "NO"}
        for name, _ in pyogrio.list_layers(path):
            meta, _, shapes, columns = pyogrio.raw.read(path, layer=name, **place)
            for i, shape in enumerate(shapely.from_wkb(shapes)):
                said = {
                    field: column[i].item() if hasattr(column[i], "item") else column[i]
                    for field, column in zip(meta["fields"], columns, strict=True)
                }
                at = [_degrees(x, y) for x, y in shapely.get_coordinates(shape)]
                found[name].append(Read(at, said))
    return found


def _degrees(x_m: float, y_m: float) -> tuple[float, float]:
    lat = math.degrees(math.asin(math.tanh(y_m / _HALF_M * math.pi)))
    return x_m / _HALF_M * 180, lat
