"""Where sensors post: EarthRanger's `sensors/.../status` and Gundi's `v2/observations`.

The clients call them so: `ERClient.post_sensor_observation` with the study's number or name as
provider key, `GundiDataSenderClient.post_observations` with a key of one study.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Body, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from psycopg import Connection

from backend.auth import KEEPERS, SCIENTISTS, Caller, Principal, audit, identify
from backend.compat import observations
from backend.compat.observations import Observation
from backend.deps import Database
from backend.errors import BadRequest, Unauthenticated
from backend.movebank.report import Report
from backend.params import Query_

router = APIRouter(include_in_schema=False)

_IMPORTERS = tuple(dict.fromkeys((*SCIENTISTS, *KEEPERS)))
_MOST = 10_000
_HOUR_S = 3600

Posted = Annotated[Observation | list[Observation], Body()]


@router.post("/api/v1.0/sensors/{kind}/{provider}/status")
@router.post("/api/v1.0/sensors/{kind}/{provider}/status/")
def post_sensor_status(
    database: Database, request: Request, caller: Caller, kind: str, provider: str, body: Posted,
    _: Query_,
) -> JSONResponse:  # fmt: skip
    """One observation or a list; 409 if all of it is known already."""
    caller.require_anywhere("ingest", _IMPORTERS)
    study = observations.study_named(database, provider)
    posted = body if isinstance(body, list) else [body]
    report = _store(database, request, caller, study, posted)
    if posted and report.duplicate == len(posted):
        return _envelope(409, "Conflict", {"detail": "these observations are known already"})
    told = [{"manufacturer_id": one.tag, "recorded_at": one.recorded_at} for one in posted]
    return _envelope(201, "Created", told if isinstance(body, list) else told[0])


@router.post("/v2/observations")
@router.post("/v2/observations/")
def post_observations(
    database: Database, request: Request, caller: Caller, body: Posted, _: Query_
) -> list[dict[str, Any]]:
    """One observation or a list; what is known already is answered with the id it had."""
    caller.require_anywhere("ingest", _IMPORTERS)
    study = observations.only_study(database, caller, _IMPORTERS)
    posted = body if isinstance(body, list) else [body]
    _store(database, request, caller, study, posted)
    now = datetime.now(UTC).isoformat()
    return [{"object_id": str(one.identity(study)), "created_at": now} for one in posted]


@router.post("/oauth2/token")
async def token(request: Request, database: Database, _: Query_) -> JSONResponse:
    """EarthRanger's password grant: the password is a key, and so is the token.

    Raises:
        Unauthenticated: it is not a good key.
        BadRequest: another grant.
    """
    form = parse_qs((await request.body())[:10_000].decode(errors="replace"))
    grant = (form.get("grant_type") or [""])[0]
    if grant != "password":
        raise BadRequest("grant_type", grant, "password, with a key as the password")
    key = (form.get("password") or [""])[0]
    request.app.state.limits.take(f"token {request.client and request.client.host}", known=False)
    if not key:
        raise Unauthenticated("expected a key as the password")
    await run_in_threadpool(identify, database, key)
    answer = {"access_token": key, "token_type": "Bearer", "expires_in": 10 * _HOUR_S}
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


def _store(
    database: Connection[Any], request: Request, caller: Principal, study: int,
    posted: list[Observation],
) -> Report:  # fmt: skip
    caller.require("ingest", _IMPORTERS, study)
    if len(posted) > _MOST:
        raise BadRequest("observations", len(posted), f"at most {_MOST} at once")
    report = observations.store(database, study, posted)
    counts = {name: getattr(report, name) for name in ("rows_in", "accepted", "duplicate")}
    audit(request, caller, "change", rows=counts)
    return report


def _envelope(status: int, message: str, data: Any) -> JSONResponse:
    """As EarthRanger wraps its answers."""
    detail = data.get("detail") if isinstance(data, dict) else None
    said = {"code": status, "message": message} | ({"detail": detail} if detail else {})
    content = {"data": _plain(data), "status": said}
    return JSONResponse(content, status)


def _plain(data: Any) -> Any:
    if isinstance(data, list):
        return [_plain(one) for one in data]
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in data.items()}
