"""Fixes, page by page in order of time, and the newest of each collar."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from backend import deps, geojson, schemas
from backend.deps import Database
from backend.geojson import GeoJSONResponse
from backend.params import Cursor, FixQuery, Query_, clamp_limit
from firmware.wire import fix as wire_fix

router = APIRouter(tags=["fixes"], default_response_class=GeoJSONResponse)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_REASONS = {
    value: name.removeprefix("REASON_").lower()
    for name, value in vars(wire_fix).items()
    if name.startswith("REASON_")
}


@router.get("/fixes", summary="Fixes", response_model=schemas.Fixes, responses=deps.NOT_FOUND)
def list_fixes(
    database: Database, request: Request, wanted: Annotated[FixQuery, Query()]
) -> GeoJSONResponse:
    """Position records, oldest first, of all collars, one collar or one animal.

    Long answers come in pages: follow the link with `rel` = `next` until there is none.
    """
    deps.require(database, "animal", wanted.animal)
    deps.require(database, "collar", wanted.collar)
    limit = clamp_limit(wanted.limit)
    found = deps.rows(database, _page_query(wanted), **_values(wanted, limit + 1))
    page = found[:limit]
    links = [geojson.link("self", request.url)]
    if len(found) > limit:
        onward = request.url.include_query_params(after=_cursor(page[-1]))
        links.append(geojson.link("next", onward))
    return GeoJSONResponse(geojson.collection([_feature(row) for row in page], links))


@router.get("/latest", summary="Latest positions", response_model=schemas.Latest)
def list_latest(database: Database, request: Request, _: Query_) -> GeoJSONResponse:
    """The newest fix of every collar, with the animal that wore it then."""
    features = [_feature(row) for row in deps.rows(database, "latest")]
    return GeoJSONResponse(geojson.collection(features, [geojson.link("self", request.url)]))


def _page_query(wanted: FixQuery) -> str:
    return "fix_page" if wanted.animal is None else "fix_page_of_animal"


def _values(wanted: FixQuery, limit: int) -> dict[str, Any]:
    after = wanted.after
    return {
        "animal": wanted.animal,
        "collar": wanted.collar,
        "from_time": wanted.from_time,
        "to_time": wanted.to_time,
        "after_time": _EPOCH + timedelta(microseconds=after.recorded_at_us) if after else None,
        "after_collar": after.collar if after else None,
        "after_generation": after.generation if after else None,
        "after_record": after.record if after else None,
        "limit": limit,
    }


def _cursor(row: dict[str, Any]) -> Cursor:
    recorded_at_us = (row["recorded_at"] - _EPOCH) // timedelta(microseconds=1)
    return Cursor(recorded_at_us, row["collar"], row["generation"], row["record"])


def _feature(row: dict[str, Any]) -> dict[str, Any]:
    geometry = geojson.point(row.pop("lon"), row.pop("lat"))
    row["reason"] = _REASONS.get(row["reason"], f"reason {row['reason']}")
    identity = f"{row['collar']}-{row['generation']}-{row['record']}"
    return geojson.feature(identity, geometry, row)
