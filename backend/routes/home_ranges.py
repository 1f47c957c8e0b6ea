"""Home ranges: what was computed, and computing one."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from psycopg import Connection

from backend import deps, geojson, range_models, schemas
from backend.analysis_models import Prefer
from backend.auth import Principal, Viewer
from backend.deps import Database
from backend.errors import NotFound
from backend.geojson import GeoJSONResponse
from backend.jobs import home_range as job
from backend.jobs.fixes import selection
from backend.params import Number, Query_, clamp_limit
from backend.routes import computed
from backend.wanted import HomeRangeQuery

router = APIRouter(
    prefix="/home-ranges", tags=["home ranges"], default_response_class=GeoJSONResponse
)


_KNOWN: deps.Responses = {
    200: {"model": schemas.HomeRanges, "description": "Stored before, on the same fixes"}
}


@router.get("", summary="Home ranges", response_model=schemas.HomeRanges, responses=deps.NOT_FOUND)
def list_home_ranges(
    database: Database,
    request: Request,
    viewer: Viewer,
    wanted: Annotated[HomeRangeQuery, Query()],
) -> GeoJSONResponse:
    """Stored home ranges, a feature per isopleth: the newest of each animal and method, or all.

    Long answers come in pages: follow the link with `rel` = `next` until there is none.
    """
    deps.require(database, viewer.viewer, "animal", wanted.animal)
    limit = clamp_limit(wanted.limit)
    asked = wanted.model_dump(exclude={"limit"})
    found = rows(database, viewer, **asked, limit=limit + 1)
    numbers = list(dict.fromkeys(row["home_range"] for row in found))
    onward = None
    if len(numbers) > limit:
        onward = numbers[limit - 1]
        found = [row for row in found if row["home_range"] <= onward]
    return _answer(found, geojson.page_links(request.url, onward))


@router.get(
    "/{home_range}",
    summary="One home range",
    response_model=schemas.HomeRanges,
    responses=deps.NOT_FOUND,
)
def get_home_range(
    home_range: Number, database: Database, request: Request, viewer: Viewer, _: Query_
) -> GeoJSONResponse:
    """The isopleths of one computation, by its number."""
    return _one(database, viewer, home_range, request.url)


@router.post(
    "",
    summary="Compute a home range",
    status_code=201,
    response_model=schemas.HomeRanges,
    responses=computed.COMPUTED | _KNOWN,
)
async def compute_home_range(
    wanted: range_models.HomeRangeRequest,
    request: Request,
    asker: computed.Asker,
    _: Query_,
    prefer: Prefer = None,
) -> Response:
    """Estimate the home range of an animal from its fixes and store it.

    The same question on the same fixes is answered by the stored result (status 200).
    """
    deps.require_order(wanted.from_time, wanted.to_time)
    options = dict(wanted.options)
    if wanted.bandwidth_m is not None:
        options["bandwidth_m"] = wanted.bandwidth_m
    question = job.ask(
        wanted.animal,
        wanted.method,
        wanted.from_time,
        wanted.to_time,
        wanted.levels_percent,
        options,
        selection(wanted.backbone_only, wanted.max_speed_mps, wanted.spike_speed_mps),
    )
    return await computed.answer(request, asker, prefer, question, _one)


def _one(
    database: Connection[Any], viewer: Principal, home_range: int, place: object
) -> GeoJSONResponse:
    found = rows(database, viewer, home_range=home_range, history=True)
    if not found:
        raise NotFound("home range", home_range)
    return _answer(found, [geojson.link("self", place)])


def rows(database: Connection[Any], viewer: Principal, **wanted: Any) -> list[dict[str, Any]]:
    """Isopleths by home range, each as its viewer may see it."""
    values = {"animal": None, "home_range": None, "after": None, "limit": None} | wanted
    return deps.rows(database, "home_ranges", viewer=viewer.viewer, **values)


def _answer(found: list[dict[str, Any]], links: list[dict[str, str]]) -> GeoJSONResponse:
    return GeoJSONResponse(geojson.collection([feature(row) for row in found], links))


def feature(row: dict[str, Any]) -> dict[str, Any]:
    """An isopleth out of a row of `home_ranges`."""
    geometry = row.pop("geometry")
    row["about"] = job.about(row["method"])
    return geojson.feature(f"{row['home_range']}-{row['level_percent']:g}", geometry, row)
