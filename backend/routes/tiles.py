"""Vector tiles: a map of many animals without their whole tracks."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from backend import deps, fix_columns, mvt, tiles
from backend.auth import Viewer
from backend.deps import Database
from backend.errors import NotFound
from backend.wanted import TileQuery

router = APIRouter(prefix="/tiles", tags=["tiles"])

_FIXES_MAX = 100_000
"""Fixes that are read for a tile: shared by the animals, the newest of each"""
_LAST = (1 << tiles.ZOOM_MAX) - 1
_MVT: deps.Responses = {
    200: {
        "description": "A tile; nothing in it where there is nothing to see",
        "content": {mvt.MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get(
    "/{zoom}/{column}/{row}.mvt",
    summary="A vector tile",
    response_class=Response,
    responses=_MVT | deps.NOT_FOUND,
)
def get_tile(
    database: Database,
    viewer: Viewer,
    zoom: Annotated[int, Path(ge=0, le=tiles.ZOOM_MAX, description="From 0, the world")],
    column: Annotated[int, Path(ge=0, le=_LAST, description="From the antimeridian eastward")],
    row: Annotated[int, Path(ge=0, le=_LAST, description="From the north")],
    wanted: Annotated[TileQuery, Query()],
) -> Response:
    """A Mapbox Vector Tile (2.1) in Web Mercator: layers `fixes` and `tracks`, without outliers.

    Of each animal its newest fixes in the time range: 100,000 of all animals together, shared
    alike, at least two of each. Fixes of a pixel are one, the newest. What is given as a grid cell
    is a point in its centre, with its `precision_deg`, and on no line.
    """
    if max(column, row) >= 1 << zoom:
        raise NotFound("tile", f"{zoom}/{column}/{row}")
    deps.require(database, viewer.viewer, "animal", wanted.animal)
    values = {"viewer": viewer.viewer, "most": _FIXES_MAX, **wanted.model_dump()}
    found = fix_columns.read(database, "tile_fixes", values)
    return Response(tiles.tile(found, zoom, column, row), media_type=mvt.MEDIA_TYPE)
