"""Sign in to the map page, and who one is."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from backend import deps
from backend import people_models as models
from backend.auth import COOKIE, Caller, Principal, audit, identify
from backend.db import accounts
from backend.db.queries import query
from backend.deps import Database
from backend.errors import Unauthenticated
from backend.params import Query_

router = APIRouter(prefix="/session", tags=["session"])


@router.get("", summary="Who asks")
def get_session(caller: Caller, _: Query_) -> models.Session:
    """Who this key, token or session is, and what it may."""
    return _said(caller)


@router.post("", summary="Sign in", status_code=201)
def begin_session(
    database: Database, request: Request, response: Response, wanted: models.SignIn, _: Query_
) -> models.Session:
    """Trade a key, or the ticket of a one-time link, for a session in a cookie of this page."""
    request.app.state.limits.take(
        f"sign-in {request.client.host if request.client else '?'}", known=False
    )
    key = accounts.find_key(database, wanted.key)
    if key is None or key["expired"] or key["revoked"] or key["kind"] == "session":
        raise Unauthenticated("this key is not good, or the link was used before")
    if (
        key["kind"] == "ticket"
        and not database.execute(query("spend_ticket"), {"api_key": key["api_key"]}).fetchone()
    ):
        raise Unauthenticated("this key is not good, or the link was used before")
    lasts = timedelta(hours=request.app.state.settings.session_hours)
    made = accounts.add_key(database, key["account"], "map page", key["scopes"], lasts, "session")
    principal = identify(database, made.text)
    audit(request, principal, "sign-in", by=key["prefix"])
    response.set_cookie(
        COOKIE,
        made.text,
        max_age=int(lasts.total_seconds()),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return _said(principal)


@router.delete("", summary="Sign out", status_code=204, responses=deps.FORBIDDEN)
def end_session(
    database: Database, request: Request, response: Response, caller: Caller, _: Query_
) -> None:
    """End the session of the cookie; keys and tokens are left as they are."""
    if cookie := request.cookies.get(COOKIE):
        key: dict[str, Any] | None = accounts.find_key(database, cookie)
        if key and key["kind"] == "session":
            values = {"api_key": key["api_key"], "prefix": None, "account": None}
            database.execute(query("revoke_key"), values)
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def _said(caller: Principal) -> models.Session:
    roles = [{"account": caller.account, "study": s, "role": r} for s, r in caller.roles]
    return models.Session.model_validate(
        {
            "actor": caller.actor,
            "account": caller.account,
            "roles": roles,
            "scopes": sorted(caller.scopes),
        }
    )
