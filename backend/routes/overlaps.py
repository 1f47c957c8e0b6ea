"""Overlap of home ranges: what was computed, and computing it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from psycopg import Connection

from backend import analysis_models as models
from backend import deps, geojson
from backend.auth import WORKERS, Principal, Viewer
from backend.deps import Database
from backend.errors import NotFound
from backend.jobs import home_range, overlap
from backend.jobs.fixes import selection
from backend.params import Number, Query_, clamp_computations
from backend.routes import computed
from backend.wanted import CorridorQuery

router = APIRouter(prefix="/overlaps", tags=["overlaps"])

_KNOWN: deps.Responses = {
    200: {"model": models.Overlap, "description": "Stored before, on the same fixes"}
}


@router.get("", summary="Overlaps", responses=deps.NOT_FOUND)
def list_overlaps(
    database: Database,
    request: Request,
    viewer: Viewer,
    wanted: Annotated[CorridorQuery, Query()],
) -> models.Overlaps:
    """Stored overlaps of animals all of which who asks sees exactly, the newest first."""
    deps.require(database, viewer.viewer, "animal", wanted.animal)
    limit = clamp_computations(wanted.limit)
    found = _rows(database, viewer, animal=wanted.animal, after=wanted.after, limit=limit + 1)
    links = [geojson.link("self", request.url, "application/json")]
    if len(found) > limit:
        onward = request.url.include_query_params(after=found[limit - 1].overlap)
        links.append(geojson.link("next", onward, "application/json"))
    return models.Overlaps.model_validate({"overlaps": found[:limit], "links": links})


@router.get("/{overlap}", summary="One overlap", responses=deps.NOT_FOUND)
def get_overlap(overlap: Number, database: Database, viewer: Viewer, _: Query_) -> models.Overlap:
    """The indices of one computation, by its number."""
    return _one(database, viewer, overlap)


@router.post(
    "",
    summary="Compute an overlap",
    status_code=201,
    response_model=models.Overlap,
    responses=computed.COMPUTED | _KNOWN,
)
async def compute_overlap(
    wanted: models.OverlapRequest,
    request: Request,
    asker: computed.Asker,
    _: Query_,
    prefer: models.Prefer = None,
) -> Response:
    """Compare the home ranges of animals, every pair by six indices, and store the result.

    The same question on the same fixes is answered by the stored result (status 200).
    """
    if wanted.study is not None:
        asker.require("write", WORKERS, wanted.study)
    deps.require_order(wanted.from_time, wanted.to_time)
    question = overlap.ask(
        wanted.animals,
        wanted.study,
        wanted.from_time,
        wanted.to_time,
        wanted.method,
        wanted.level_percent,
        wanted.conditional,
        wanted.options,
        selection(wanted.backbone_only, wanted.max_speed_mps, wanted.spike_speed_mps),
    )
    return await computed.answer(request, asker, prefer, question, _shown)


def _shown(database: Connection[Any], viewer: Principal, number: int, place: str) -> Response:
    text = _one(database, viewer, number).model_dump_json()
    return Response(text, media_type="application/json")


def _one(database: Connection[Any], viewer: Principal, number: int) -> models.Overlap:
    found = _rows(database, viewer, overlap=number, limit=1)
    if not found:
        raise NotFound("overlap", number)
    return found[0]


def _rows(database: Connection[Any], viewer: Principal, **wanted: Any) -> list[models.Overlap]:
    values = {"viewer": viewer.viewer, "overlap": None, "animal": None, "after": None} | wanted
    return [
        models.Overlap.model_validate(
            row
            | {
                "about": home_range.about(row["method"]),
                "affinity_intervals": row["parameters"].pop("affinity_intervals"),
            }
        )
        for row in deps.rows(database, "overlaps", **values)
    ]
