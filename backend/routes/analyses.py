"""Computations under way, and those that are over: how far they are, and stopping them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from backend import analysis_models as models
from backend import deps, geojson
from backend.auth import KEEPERS, WORKERS, Caller, Principal, Viewer, audit
from backend.db.queries import query
from backend.deps import Database
from backend.errors import Conflict, Forbidden, NotFound
from backend.params import Number, Query_, clamp_computations
from backend.routes.computed import shown

router = APIRouter(prefix="/analyses", tags=["analyses"])
_REFUSED = deps.NOT_FOUND | deps.FORBIDDEN


@router.get("", summary="Computations", responses=deps.FORBIDDEN)
def list_analyses(
    database: Database,
    request: Request,
    viewer: Viewer,
    wanted: Annotated[models.AnalysisQuery, Query()],
) -> models.Analyses:
    """What who asks has asked for, the newest first; kept for 30 days."""
    viewer.require_anywhere("read", WORKERS)
    limit = clamp_computations(wanted.limit)
    found = shown(
        database, request, viewer, state=wanted.state, after=wanted.after, limit=limit + 1
    )
    links = [geojson.link("self", request.url, "application/json")]
    if len(found) > limit:
        onward = request.url.include_query_params(after=found[limit - 1].analysis)
        links.append(geojson.link("next", onward, "application/json"))
    return models.Analyses.model_validate({"analyses": found[:limit], "links": links})


@router.get("/{analysis}", summary="One computation", responses=_REFUSED)
def get_analysis(
    analysis: Number,
    database: Database,
    request: Request,
    response: Response,
    viewer: Viewer,
    _: Query_,
) -> models.Analysis:
    """How far a computation is; when it is done, where its result is.

    It is for those who may see all animals of it exactly.
    """
    return _one(database, request, response, viewer, analysis)


@router.delete("/{analysis}", summary="Cancel one computation", responses=_REFUSED | deps.CONFLICT)
def cancel_analysis(
    analysis: Number,
    database: Database,
    request: Request,
    response: Response,
    caller: Caller,
    _: Query_,
) -> models.Analysis:
    """Wait for it no longer. The last who does so stops it.

    Administrators and operators of all studies stop it whoever waits.
    """
    caller.require_anywhere("write", WORKERS)
    current = _one(database, request, response, caller, analysis)
    if current.state not in ("queued", "running"):
        raise Conflict(f"analysis {analysis} is over: {current.state}")
    anybody = caller.has(KEEPERS, None)
    if not (current.mine or anybody):
        raise Forbidden(f"analysis {analysis} was asked for by others")
    values = {"analysis": analysis, "account": caller.account, "anybody": anybody}
    left = database.execute(query("leave_analysis"), values).fetchone()
    if left is None:
        raise Conflict(f"analysis {analysis} was over before it could be stopped")
    if left[0] == "cancelled":
        request.app.state.runner.stop(analysis)
    audit(request, caller, "change", cancelled=f"analysis {analysis}")
    return _one(database, request, response, caller, analysis)


def _one(
    database: Database, request: Request, response: Response, viewer: Principal, analysis: int
) -> models.Analysis:
    viewer.require_anywhere("read", WORKERS)
    found = shown(database, request, viewer, analysis=analysis)
    if not found:
        raise NotFound("analysis", analysis)
    if found[0].state in ("queued", "running"):
        response.headers["Retry-After"] = "1"
    return found[0]
