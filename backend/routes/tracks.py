"""Tracks: the way of each animal as a line."""

from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from backend import deps, geojson, schemas
from backend.auth import Viewer
from backend.deps import Database
from backend.geojson import GeoJSONResponse
from backend.params import TrackQuery, clamp_limit

router = APIRouter(prefix="/tracks", tags=["tracks"], default_response_class=GeoJSONResponse)


@router.get("", summary="Tracks", response_model=schemas.Tracks, responses=deps.NOT_FOUND)
def list_tracks(
    database: Database, request: Request, viewer: Viewer, wanted: Annotated[TrackQuery, Query()]
) -> GeoJSONResponse:
    """One line per animal through its fixes in order of time, whichever collars it wore."""
    deps.require(database, viewer.viewer, "animal", wanted.animal)
    limit = clamp_limit(wanted.limit)
    values: dict[str, Any] = {"viewer": viewer.viewer, "animal": wanted.animal}
    values |= {"from_time": wanted.from_time, "to_time": wanted.to_time}
    points = deps.rows(database, "track_points", **values, limit=limit + 1)
    features = [
        feature(list(newest_first), limit)
        for _, newest_first in groupby(points, key=lambda row: row["animal"])
    ]
    return GeoJSONResponse(geojson.collection(features, [geojson.link("self", request.url)]))


def feature(newest_first: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A track out of an animal's `track_points`, of which at most `limit` count."""
    animal = newest_first[0]
    fixes = [row for row in newest_first[:limit] if row["recorded_at_s"] is not None][::-1]
    times_s = [row["recorded_at_s"] for row in fixes]
    properties = {
        "animal": animal["animal"],
        "name": animal["name"],
        "taxon": animal["taxon"],
        "precision_deg": animal["precision_deg"],
        "fixes": len(fixes),
        "complete": len(newest_first) <= limit,
        "from_time": datetime.fromtimestamp(times_s[0], UTC) if times_s else None,
        "to_time": datetime.fromtimestamp(times_s[-1], UTC) if times_s else None,
        "recorded_at_s": times_s,
    }
    geometry = geojson.line([(row["lon"], row["lat"]) for row in fixes])
    return geojson.feature(animal["animal"], geometry, properties)
