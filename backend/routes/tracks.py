"""Tracks: the way of each animal as a line."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from psycopg import Connection

from backend import deps, geojson, schemas
from backend.auth import Principal, Viewer
from backend.deps import Database
from backend.geojson import GeoJSONResponse
from backend.params import clamp_limit
from backend.wanted import TrackQuery

router = APIRouter(prefix="/tracks", tags=["tracks"], default_response_class=GeoJSONResponse)


_AT_ONCE = 10  # animals
_FIXES_MAX = 100_000
"""A page with so many fixes ends behind the animal with which it comes to that"""


@router.get("", summary="Tracks", response_model=schemas.Tracks, responses=deps.NOT_FOUND)
def list_tracks(
    database: Database, request: Request, viewer: Viewer, wanted: Annotated[TrackQuery, Query()]
) -> GeoJSONResponse:
    """One line per animal through its fixes in order of time, whichever collars it wore.

    Long answers come in pages: follow the link with `rel` = `next` until there is none.
    """
    deps.require(database, viewer.viewer, "animal", wanted.animal)
    period = {"from_time": wanted.from_time, "to_time": wanted.to_time}
    found = each(
        database, viewer, wanted.animal, wanted.after, clamp_limit(wanted.fixes), **period
    )
    features: list[dict[str, Any]] = []
    fixes = 0
    onward = None
    for one in found:
        if features and (len(features) == clamp_limit(wanted.limit) or fixes >= _FIXES_MAX):
            onward = features[-1]["id"]
            break
        features.append(one)
        fixes += one["properties"]["fixes"]
    links = geojson.page_links(request.url, onward)
    return GeoJSONResponse(geojson.collection(features, links))


def each(
    database: Connection[Any], viewer: Principal, animal: int | None, after: int | None,
    fixes: int, **period: datetime | None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """The tracks of a viewer's animals, or of one, by number: each through its newest fixes."""
    values = {"viewer": viewer.viewer, "animal": animal, "limit": _AT_ONCE}
    while some := deps.rows(database, "seen_animals", **values, after=after):
        animals = [row["animal"] for row in some]
        wanted = {"viewer": viewer.viewer, "animals": animals, "limit": fixes + 1, **period}
        points = deps.rows(database, "track_points", **wanted)
        for _, newest_first in groupby(points, key=lambda row: row["animal"]):
            yield feature(list(newest_first), fixes)
        after = animals[-1]


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
