"""Corridors: what was computed over a herd, and computing them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from psycopg import Connection

from backend import deps, geojson, range_models, schemas
from backend.analysis_models import Prefer
from backend.auth import WORKERS, Principal, Viewer
from backend.deps import Database
from backend.errors import NotFound
from backend.geojson import GeoJSONResponse
from backend.jobs import corridor as job
from backend.jobs.fixes import selection
from backend.params import Number, Query_, clamp_computations
from backend.routes import computed
from backend.wanted import CorridorQuery

router = APIRouter(prefix="/corridors", tags=["corridors"], default_response_class=GeoJSONResponse)

_KNOWN: deps.Responses = {
    200: {"model": schemas.Corridors, "description": "Stored before, on the same fixes"}
}


@router.get("", summary="Corridors", response_model=schemas.Corridors, responses=deps.NOT_FOUND)
def list_corridors(
    database: Database,
    request: Request,
    viewer: Viewer,
    wanted: Annotated[CorridorQuery, Query()],
) -> GeoJSONResponse:
    """Stored corridors, the newest computation first: a feature per level of use.

    Long answers come in pages: follow the link with `rel` = `next` until there is none.
    """
    deps.require(database, viewer.viewer, "animal", wanted.animal)
    limit = clamp_computations(wanted.limit)
    found = _rows(database, viewer, animal=wanted.animal, after=wanted.after, limit=limit + 1)
    numbers = list(dict.fromkeys(row["corridor"] for row in found))
    links = [geojson.link("self", request.url)]
    if len(numbers) > limit:
        last = numbers[limit - 1]
        links.append(geojson.link("next", request.url.include_query_params(after=last)))
        found = [row for row in found if row["corridor"] >= last]
    return _answer(found, links)


@router.get(
    "/{corridor}",
    summary="One computation of corridors",
    response_model=schemas.Corridors,
    responses=deps.NOT_FOUND,
)
def get_corridor(
    corridor: Number, database: Database, request: Request, viewer: Viewer, _: Query_
) -> GeoJSONResponse:
    """The levels of use of one computation, by its number."""
    return _one(database, viewer, corridor, request.url)


@router.post(
    "",
    summary="Compute corridors",
    status_code=201,
    response_model=schemas.Corridors,
    responses=computed.COMPUTED | _KNOWN,
)
async def compute_corridors(
    wanted: range_models.CorridorRequest,
    request: Request,
    asker: computed.Asker,
    _: Query_,
    prefer: Prefer = None,
) -> Response:
    """Find the land that animals of a herd pass through, by how many of them, and store it.

    Meant for migrations: on the ranges at their ends animals spend most of their time, so give
    the time range of the way between. The same question on the same fixes is answered by the
    stored result (status 200).
    """
    if wanted.animals is None:  # all there are, of whatever study
        asker.require("write", WORKERS)
    deps.require_order(wanted.from_time, wanted.to_time)
    asked = job.Asked(
        tuple(wanted.shares_percent) if wanted.shares_percent else None,
        wanted.error_m,
        wanted.motion_variance,
        wanted.max_gap_s,
        wanted.cell_m,
    )
    chosen = selection(wanted.backbone_only, wanted.max_speed_mps, wanted.spike_speed_mps)
    question = job.ask(wanted.animals, wanted.from_time, wanted.to_time, asked, chosen)
    return await computed.answer(request, asker, prefer, question, _one)


def _one(
    database: Connection[Any], viewer: Principal, corridor: int, place: object
) -> GeoJSONResponse:
    found = _rows(database, viewer, corridor=corridor, limit=1)
    if not found:
        raise NotFound("corridor", corridor)
    return _answer(found, [geojson.link("self", place)])


def _rows(database: Connection[Any], viewer: Principal, **wanted: Any) -> list[dict[str, Any]]:
    values = {"viewer": viewer.viewer, "corridor": None, "animal": None, "after": None} | wanted
    return deps.rows(database, "corridors", **values)


def _answer(found: list[dict[str, Any]], links: list[dict[str, str]]) -> GeoJSONResponse:
    return GeoJSONResponse(geojson.collection([feature(row) for row in found], links))


def feature(row: dict[str, Any]) -> dict[str, Any]:
    """A level out of a row of `corridors`."""
    geometry = row.pop("geometry")
    return geojson.feature(f"{row['corridor']}-{row['animals']}", geometry, row)
