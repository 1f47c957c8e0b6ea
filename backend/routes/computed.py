"""What all computed resources share: answered from the store, soon, or later.

A question whose answer is stored is answered at once. Else it is queued, and waited for as long
as the caller prefers; whoever waits holds neither a thread nor a database connection.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from psycopg import Connection
from psycopg.types.json import Jsonb

from backend import analysis_models as models
from backend import deps, problems
from backend.auth import WORKERS, Principal, get_principal, get_viewer
from backend.db.queries import query
from backend.errors import CannotCompute, Conflict, NotFound, TooManyWaiting
from backend.jobs.kinds import KINDS
from backend.jobs.question import KindName, Posed, Question, known, pose

WAIT_S = 2.0
MOST_WAIT_S = 60.0
_LOOK_EVERY_S = 1.0
_RETRY_AFTER_S = 10

PLACES: dict[KindName, str] = {
    "home-range": "home-ranges",
    "overlap": "overlaps",
    "corridor": "corridors",
}


def get_asker(request: Request) -> Principal:
    """Who asks for a computation; as `Viewer`, but holds no connection meanwhile."""
    with request.app.state.pool.connection() as database:
        caller = get_viewer(request, database, get_principal(request, database))
    caller.require_anywhere("write", WORKERS)
    return caller


Asker = Annotated[Principal, Depends(get_asker)]

ACCEPTED: deps.Responses = {
    202: {
        "model": models.Analysis,
        "description": "It takes longer: ask again at `Location`",
        "headers": {
            "Location": {"schema": {"type": "string"}, "description": "The computation"},
            "Retry-After": {"schema": {"type": "integer"}, "description": "When to ask [s]"},
        },
    }
}
COMPUTED: deps.Responses = deps.NOT_FOUND | deps.FORBIDDEN | deps.CANNOT_COMPUTE | ACCEPTED


class _Begun(NamedTuple):
    """Where a question stands."""

    stored: int | None
    analysis: int | None


Show = Callable[[Connection[Any], Principal, int, str], Response]
"""Makes the answer of a stored result: database, who asks, its number and its address"""


async def answer(
    request: Request, asker: Principal, prefer: str | None, question: Question, show: Show
) -> Response:
    """The result, stored before (200) or made now (201), or the computation under way (202).

    Raises:
        NotFound: an animal that is not to be seen, or does not exist.
        Forbidden: one whose exact positions are not for who asks.
        CannotCompute: the fixes do not allow it.
        TooManyWaiting: the caller has too many under way.
    """
    wait_s = preferred_wait_s(prefer)
    begun = await run_in_threadpool(_begin, request, asker, question)
    number, status = begun.stored, 200
    if begun.analysis is not None:
        request.app.state.runner.wake()
        row = await _wait(request, begun.analysis, WAIT_S if wait_s is None else wait_s)
        if row["state"] in ("queued", "running"):
            return await run_in_threadpool(_later, request, asker, begun.analysis, wait_s)
        number, status = _result(row), 201
    assert number is not None
    place = f"{str(request.url).partition('?')[0]}/{number}"
    response = await run_in_threadpool(_show, request, asker, number, place, show)
    response.status_code = status
    response.headers["Location"] = place
    return _applied(response, wait_s)


def preferred_wait_s(prefer: str | None) -> float | None:
    """How long a caller prefers to wait [s]; None: they do not say."""
    for preference in (prefer or "").lower().split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip() == "respond-async":
            return 0.0
        value = value.strip().strip('"')
        if name.strip() == "wait" and re.fullmatch(r"\d{1,9}", value, re.ASCII):
            return min(float(value), MOST_WAIT_S)
    return None


def _applied(response: Response, wait_s: float | None) -> Response:
    if wait_s is not None:
        response.headers["Preference-Applied"] = f"wait={wait_s:g}" if wait_s else "respond-async"
    return response


def _begin(request: Request, asker: Principal, question: Question) -> _Begun:
    """Find the result, or queue the question where no same one is queued."""
    kind = KINDS[question.kind]
    with request.app.state.pool.connection() as database:
        deps.require_exact(database, asker.viewer, question.animals or ())
        posed = pose(database, question)
        deps.require_exact(database, asker.viewer, posed.animals)
        stored = known(database, kind.by_hash, posed.input_hash)
        if stored is not None:
            return _Begun(stored, None)
        most = request.app.state.settings.analyses_waiting
        return _Begun(None, enqueue(database, asker, question, posed, most))


def enqueue(
    database: Connection[Any], asker: Principal, question: Question, posed: Posed, most: int
) -> int:
    """The number of the computation that will answer a question.

    Raises:
        TooManyWaiting: the caller has `most` under way.
    """
    values = {
        "kind": question.kind,
        "question": Jsonb(question.to_json()),
        "input_hash": posed.input_hash,
        "animals": posed.animals,
        "account": asker.account,
    }
    while True:  # one of the same may end between the two
        with database.transaction():
            row = database.execute(query("join_analysis"), values).fetchone()
            if row is None:
                counted = database.execute(query("waiting_analyses"), values).fetchone()
                if counted is not None and counted[0] >= most:
                    raise TooManyWaiting(most, _RETRY_AFTER_S)
                row = database.execute(query("add_analysis"), values).fetchone()
        if row is not None:
            return int(row[0])


async def _wait(request: Request, analysis: int, wait_s: float) -> dict[str, Any]:
    """The row of a computation when it is over, or when the time is."""
    bulletin, until = request.app.state.bulletin, time.monotonic() + wait_s
    while True:
        seen = bulletin.number
        row = await run_in_threadpool(_row, request, analysis)
        left_s = until - time.monotonic()
        if row["state"] not in ("queued", "running") or left_s <= 0:
            return row
        await bulletin.wait(seen, min(left_s, _LOOK_EVERY_S))


def _row(request: Request, analysis: int) -> dict[str, Any]:
    with request.app.state.pool.connection() as database:
        found = deps.rows(database, "analysis_state", analysis=analysis)
    if not found:
        raise NotFound("analysis", analysis)
    return found[0]


def _result(row: dict[str, Any]) -> int:
    """The number of a result; where there is none, the error that it was."""
    match row["state"], row["problem"]:
        case "done", _:
            return int(row["result"])
        case "failed", {"kind": "cannot-compute", "detail": detail}:
            raise CannotCompute(detail)
        case "failed", problem:
            raise RuntimeError(problem["detail"])
    raise Conflict("this computation was cancelled")


def _later(request: Request, asker: Principal, analysis: int, wait_s: float | None) -> Response:
    with request.app.state.pool.connection() as database:
        found = shown(database, request, asker, analysis=analysis)
    if not found:
        raise NotFound("analysis", analysis)
    place = f"{request.base_url}api/v1/analyses/{analysis}"
    headers = {"Location": place, "Retry-After": "1"}
    response = Response(found[0].model_dump_json(), 202, headers, "application/json")
    return _applied(response, wait_s)


def _show(request: Request, asker: Principal, number: int, place: str, show: Show) -> Response:
    with request.app.state.pool.connection() as database:
        return show(database, asker, number, place)


def shown(
    database: Connection[Any], request: Request, viewer: Principal, **wanted: Any
) -> list[models.Analysis]:
    """Computations that a viewer may see all animals of, of them their own or a certain one."""
    values = {
        "viewer": viewer.viewer, "account": viewer.account, "analysis": None, "state": None,
        "after": None, "finished_after": None, "limit": 1, **wanted,
    }  # fmt: skip
    return [_analysis(request, row) for row in deps.rows(database, "analyses", **values)]


def _analysis(request: Request, row: dict[str, Any]) -> models.Analysis:
    kind, number, problem = row["kind"], row.pop("result"), row.pop("problem")
    base = f"{request.base_url}api/v1"
    kept = row["question"]
    row["question"] = {
        name: value
        for name, value in {**kept["asked"], **kept}.items()
        if name not in ("asked", "kind", "animals") and value is not None
    }
    row["result"] = number and {"number": number, "href": f"{base}/{PLACES[kind]}/{number}"}
    row["error"] = problem and problems.document(
        problem["kind"], problem["detail"], f"/api/v1/analyses/{row['analysis']}"
    )
    return models.Analysis.model_validate(row)
