"""Keys, roles, the location policy and the audit: who may, and who did."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from backend import deps
from backend import people_models as models
from backend.auth import ADMINS, Caller, audit
from backend.db import accounts, resources
from backend.db.queries import query
from backend.deps import Database
from backend.errors import Conflict, Forbidden, NotFound, Unauthenticated
from backend.geojson import page_links
from backend.params import Number, Query_, clamp_limit
from backend.registry_models import page_of
from backend.wanted import AuditQuery, PageQuery, RuleQuery, TaxonQuery

router = APIRouter()

KeyPage: Any = page_of(models.Key, "keys")
RolePage: Any = page_of(models.Membership, "roles")
RulePage: Any = page_of(models.Rule, "rules")
TaxonPage: Any = page_of(models.TaxonSensitivity, "taxa")
AuditPage: Any = page_of(models.AuditEntry, "audit")


@router.get("/keys", tags=["keys"], summary="All keys", response_model=KeyPage)
def list_keys(
    database: Database, request: Request, caller: Caller, wanted: Annotated[PageQuery, Query()]
) -> Any:
    """The caller's own keys; an administrator's list has all."""
    if caller.account is None:
        raise Unauthenticated("this needs a key or a token")
    limit = clamp_limit(wanted.limit)
    account = None if caller.has(ADMINS, None) else caller.account
    values = {"account": account, "api_key": None, "after": wanted.after, "limit": limit + 1}
    found = deps.rows(database, "keys", **values)
    onward = found[limit - 1]["api_key"] if len(found) > limit else None
    return _page(KeyPage, "keys", found[:limit], onward, request)


@router.post(
    "/keys",
    tags=["keys"],
    summary="Make a key",
    status_code=201,
    responses=deps.FORBIDDEN | deps.NOT_FOUND,
)
def add_key(
    database: Database, request: Request, caller: Caller, wanted: models.NewKey, _: Query_
) -> models.MadeKey:
    """A key of one's own, with no more than one's own scopes; administrators make them for all.

    A key of one's own ends no later than the one it is made with.
    """
    if caller.account is None:
        raise Unauthenticated("this needs a key or a token")
    account = wanted.account or caller.account
    if account != caller.account:
        caller.require("admin", ADMINS)
    if more := set(wanted.scopes) - caller.scopes:
        raise Forbidden(f"this key has not itself the scope {', '.join(sorted(more))}")
    if not database.execute(
        "select account from account where account = %s", (account,)
    ).fetchone():
        raise NotFound("account", account)
    lasts = timedelta(days=wanted.days) if wanted.days else timedelta.max
    if account == caller.account and caller.until is not None:
        lasts = min(lasts, caller.until - datetime.now(UTC))
    made = accounts.add_key(
        database, account, wanted.name, wanted.scopes, None if lasts == timedelta.max else lasts
    )
    audit(request, caller, "change", added=f"key {made.api_key}", account=account)
    values = {"account": None, "api_key": made.api_key, "after": None, "limit": 1}
    row = deps.rows(database, "keys", **values)[0]
    return models.MadeKey.model_validate(row | {"key": made.text})


@router.delete(
    "/keys/{key}", tags=["keys"], summary="Revoke a key", status_code=204, responses=deps.NOT_FOUND
)
def revoke_key(
    database: Database, request: Request, caller: Caller, key: Number, _: Query_
) -> None:
    """From now on the key opens nothing; it stays in the list."""
    if caller.account is None:
        raise Unauthenticated("this needs a key or a token")
    account = None if caller.has(ADMINS, None) and "admin" in caller.scopes else caller.account
    values = {"api_key": key, "prefix": None, "account": account}
    if not database.execute(query("revoke_key"), values).fetchone():
        raise NotFound("key", key)
    audit(request, caller, "change", removed=f"key {key}")


@router.get(
    "/roles", tags=["roles"], summary="Roles", response_model=RolePage, responses=deps.FORBIDDEN
)
def list_roles(
    database: Database, request: Request, caller: Caller, wanted: Annotated[PageQuery, Query()]
) -> Any:
    """Who has which role, in the studies the caller administers."""
    caller.require_anywhere("admin", ADMINS)
    limit = clamp_limit(wanted.limit)
    values = {"studies": caller.studies(ADMINS), "study": wanted.study, "after": wanted.after}
    found = deps.rows(database, "roles", **values, limit=limit + 1)
    whose = list(dict.fromkeys(row["account"] for row in found))
    onward = None
    if len(whose) > limit:
        onward = whose[limit - 1]
        found = [row for row in found if row["account"] <= onward]
    return _page(RolePage, "roles", found, onward, request)


@router.put(
    "/roles", tags=["roles"], summary="Give a role", responses=deps.FORBIDDEN | deps.CONFLICT
)
def set_role(
    database: Database, request: Request, caller: Caller, wanted: models.NewMembership, _: Query_
) -> models.Membership:
    """The role of an account in a study, or in all; it replaces the one it had there."""
    caller.require("admin", ADMINS, wanted.study)
    try:
        with resources.refusals(), database.transaction():
            accounts.set_role(database, wanted.account, wanted.role, wanted.study)
    except resources.Refused as error:
        raise Conflict(str(error)) from error
    audit(request, caller, "change", role=wanted.model_dump())
    return models.Membership.model_validate(wanted.model_dump())


@router.get(
    "/policy", tags=["location policy"], summary="Location policy", response_model=RulePage
)
def list_rules(
    database: Database, request: Request, caller: Caller, wanted: Annotated[RuleQuery, Query()]
) -> Any:
    """What each role sees of each category: the default rules and those set in their place."""
    if caller.account is None:
        raise Unauthenticated("this needs a key or a token")
    limit = clamp_limit(wanted.limit)
    study, role, sensitivity = (wanted.after or "..").split(".")
    after = {"after_study": study or None, "after_role": role, "after_sensitivity": sensitivity}
    found = deps.rows(database, "policy", **after, limit=limit + 1)
    onward = None
    if len(found) > limit:
        last = found[limit - 1]
        onward = f"{last['study'] or 0}.{last['role']}.{last['sensitivity']}"
    return _page(RulePage, "rules", found[:limit], onward, request)


@router.put(
    "/policy",
    tags=["location policy"],
    summary="Set a rule",
    responses=deps.FORBIDDEN | deps.CONFLICT,
)
def set_rule(
    database: Database, request: Request, caller: Caller, wanted: models.Rule, _: Query_
) -> models.Rule:
    """A rule for a study, or everywhere; it holds from the next request on."""
    caller.require("admin", ADMINS, wanted.study)
    cell = wanted.cell_deg
    cells = None if cell is None else round(1 / cell) if cell else 0
    values = wanted.model_dump() | {"cells": cells, "delay": timedelta(hours=wanted.delay_h)}
    try:
        with resources.refusals():
            database.execute(query("set_rule"), values)
    except resources.Refused as error:
        raise Conflict(str(error)) from error
    audit(request, caller, "change", rule={n: str(v) for n, v in wanted.model_dump().items()})
    return wanted


@router.get("/taxa", tags=["location policy"], summary="Sensitive taxa", response_model=TaxonPage)
def list_taxa(
    database: Database, request: Request, caller: Caller, wanted: Annotated[TaxonQuery, Query()]
) -> Any:
    """Species whose positions are more, or less, sensitive than those of their study."""
    if caller.account is None:
        raise Unauthenticated("this needs a key or a token")
    limit = clamp_limit(wanted.limit)
    found = deps.rows(database, "taxa", after=wanted.after, limit=limit + 1)
    onward = found[limit - 1]["taxon"] if len(found) > limit else None
    return _page(TaxonPage, "taxa", found[:limit], onward, request)


@router.put(
    "/taxa",
    tags=["location policy"],
    summary="Set a taxon's sensitivity",
    responses=deps.FORBIDDEN,
)
def set_taxon(
    database: Database,
    request: Request,
    caller: Caller,
    wanted: models.TaxonSensitivity,
    _: Query_,
) -> models.TaxonSensitivity:
    """How sensitive a species is, in all studies, where the animal itself states nothing."""
    caller.require("admin", ADMINS)
    database.execute(query("set_taxon"), wanted.model_dump())
    audit(request, caller, "change", taxon=wanted.model_dump())
    return wanted


@router.get(
    "/audit", tags=["audit"], summary="Audit", response_model=AuditPage, responses=deps.FORBIDDEN
)
def list_audit(
    database: Database, request: Request, caller: Caller, wanted: Annotated[AuditQuery, Query()]
) -> Any:
    """Who read precise positions and who changed what, oldest first."""
    caller.require("admin", ADMINS)
    limit = clamp_limit(wanted.limit)
    values = wanted.model_dump() | {"limit": limit + 1}
    found = deps.rows(database, "audit_page", **values)
    onward = found[limit - 1]["audit"] if len(found) > limit else None
    return _page(AuditPage, "audit", found[:limit], onward, request)


def _page(model: Any, member: str, found: list[Any], onward: Any, request: Request) -> Any:
    links = page_links(request.url, onward, "application/json")
    return model.model_validate({member: found, "links": links})
