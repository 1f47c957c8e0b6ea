"""Lists, single entries and changes of the registry, alike for every resource.

To add one: its models in `registry_models`, a `Resource` in `registry.py`.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from backend import deps
from backend.auth import Caller, Principal, audit
from backend.db import resources
from backend.deps import Database
from backend.errors import Conflict, NotFound
from backend.geojson import link
from backend.params import Number, Query_, clamp_limit
from backend.wanted import PageQuery

Rows = list[dict[str, Any]]


class Resource(NamedTuple):
    """What its routes need to know."""

    table: str
    """Also the name of its key"""
    path: str
    answer: type[BaseModel]
    page: type[BaseModel]
    new: type[BaseModel] | None
    change: type[BaseModel] | None
    fetch: Callable[..., Rows]
    """(database, caller, key, study, after, limit) -> rows that the caller may see, by key"""
    roles: Collection[str]
    """Who may change it, in its study"""
    key: Any = Number
    add: Callable[[Any, dict[str, Any]], Any] | None = None
    """In place of `resources.add`"""
    adapt: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]] = lambda values, _: values
    """Members of a body, and what is there now, to columns"""
    study_of: Callable[[Any, dict[str, Any]], int | None] = lambda _, row: row.get("study")
    allow: Callable[[Any, Principal, dict[str, Any]], None] = lambda *_: None
    """Raises what else stands against a row, as it is to be"""
    removable: bool = False
    signed: bool = False
    """Whether a row says who set it last, in `account`"""
    scope: str = "write"


def routes(r: Resource) -> APIRouter:
    """The routes of a resource."""
    router = APIRouter(prefix=f"/{r.path}", tags=[r.path.replace("-", " ")])
    _list(r, router)
    _get(r, router)
    if r.new is not None:
        _post(r, router, r.new)
    if r.change is not None:
        _patch(r, router, r.change)
    if r.removable:
        _delete(r, router)
    return router


def _list(r: Resource, router: APIRouter) -> None:
    member, key_type = r.path.replace("-", "_"), r.key

    class Page(PageQuery):
        after: key_type | None = Field(  # type: ignore[valid-type]
            default=None, description="Go on behind this one: taken from a next link"
        )

    def list_all(
        database: Database, request: Request, caller: Caller, wanted: Annotated[Page, Query()]
    ) -> Any:
        limit = clamp_limit(wanted.limit)
        found = r.fetch(database, caller, None, wanted.study, wanted.after, limit + 1)
        links = [link("self", request.url, "application/json")]
        if len(found) > limit:
            onward = request.url.include_query_params(after=found[limit - 1][r.table])
            links.append(link("next", onward, "application/json"))
        return r.page.model_validate({member: found[:limit], "links": links})

    list_all.__doc__ = f"The {r.path} that the caller may see, page by page."
    router.get("", name=f"list_{member}", summary=f"All {r.path}", response_model=r.page)(list_all)


def _get(r: Resource, router: APIRouter) -> None:
    key_type = r.key

    def get_one(
        database: Database,
        response: Response,
        caller: Caller,
        key: key_type,  # type: ignore[valid-type]
        _: Query_,
    ) -> Any:
        answer = _find(r, database, caller, key)
        deps.tag(response, answer)
        return answer

    get_one.__doc__ = f"The {r.table} of this key."
    router.get(
        "/{key}",
        name=f"get_{r.table}",
        summary=f"One {r.table}",
        response_model=r.answer,
        responses=deps.NOT_FOUND,
    )(get_one)


def _post(r: Resource, router: APIRouter, body: type[BaseModel]) -> None:
    def add(
        database: Database,
        request: Request,
        response: Response,
        caller: Caller,
        wanted: body,  # type: ignore[valid-type]
        _: Query_,
    ) -> Any:
        given = wanted.model_dump()  # type: ignore[attr-defined]
        _require(r, database, caller, given)
        r.allow(database, caller, given)
        with _conflicts():
            values = _signed(r, caller, r.adapt(given, {}))
            key = r.add(database, values) if r.add else resources.add(database, r.table, values)
        audit(request, caller, "change", added=f"{r.table} {key}")
        answer = _find(r, database, caller, key)
        response.headers["Location"] = f"{request.url.path}/{quote(str(key), safe='')}"
        deps.tag(response, answer)
        return answer

    add.__doc__ = f"Needs one of the roles {', '.join(r.roles)} in its study."
    router.post(
        "",
        name=f"add_{r.table}",
        summary=f"Add to {r.path}",
        status_code=201,
        response_model=r.answer,
        # 404: it was added, and the caller may not see it
        responses=deps.FORBIDDEN | deps.CONFLICT | deps.NOT_FOUND,
    )(add)


def _patch(r: Resource, router: APIRouter, body: type[BaseModel]) -> None:
    key_type = r.key

    def change(
        database: Database,
        request: Request,
        response: Response,
        caller: Caller,
        key: key_type,  # type: ignore[valid-type]
        wanted: body,  # type: ignore[valid-type]
        _: Query_,
    ) -> Any:
        changes = wanted.model_dump(exclude_unset=True)  # type: ignore[attr-defined]
        _require_known(r, caller)
        with _conflicts(), database.transaction():
            resources.lock(database, r.table, key)
            current = _find(r, database, caller, key)
            _require(r, database, caller, current.model_dump())
            if "study" in changes:
                _require(r, database, caller, changes)
            deps.require_match(request, current)
            r.allow(database, caller, current.model_dump() | changes)
            values = _signed(r, caller, r.adapt(changes, current.model_dump()))
            resources.change(database, r.table, key, values)
        audit(request, caller, "change", members=sorted(changes))
        answer = _find(r, database, caller, key)
        deps.tag(response, answer)
        return answer

    change.__doc__ = "Members left out stay as they are; If-Match guards against others."
    router.patch(
        "/{key}",
        name=f"change_{r.table}",
        summary=f"Change one {r.table}",
        response_model=r.answer,
        responses=deps.NOT_FOUND | deps.FORBIDDEN | deps.CONFLICT | deps.CHANGED,
    )(change)


def _delete(r: Resource, router: APIRouter) -> None:
    key_type = r.key

    def remove(
        database: Database,
        request: Request,
        caller: Caller,
        key: key_type,  # type: ignore[valid-type]
        _: Query_,
    ) -> None:
        _require_known(r, caller)
        with _conflicts(), database.transaction():
            resources.lock(database, r.table, key)
            current = _find(r, database, caller, key)
            _require(r, database, caller, current.model_dump())
            deps.require_match(request, current)
            resources.remove(database, r.table, key)
        audit(request, caller, "change", removed=f"{r.table} {key}")

    remove.__doc__ = f"Needs one of the roles {', '.join(r.roles)} in its study."
    router.delete(
        "/{key}",
        name=f"remove_{r.table}",
        summary=f"Remove one {r.table}",
        status_code=204,
        responses=deps.NOT_FOUND | deps.FORBIDDEN | deps.CONFLICT | deps.CHANGED,
    )(remove)


def _find(r: Resource, database: Any, caller: Principal, key: Any) -> Any:
    found = r.fetch(database, caller, key, None, None, 1)
    if not found:
        raise NotFound(r.table, key)
    return r.answer.model_validate(found[0])


def _signed(r: Resource, caller: Principal, values: dict[str, Any]) -> dict[str, Any]:
    return values | {"account": caller.account} if r.signed else values


@contextmanager
def _conflicts() -> Iterator[None]:
    try:
        yield
    except resources.Refused as error:
        raise Conflict(str(error)) from error


def _require_known(r: Resource, caller: Principal) -> None:
    """Refuse nobody known, before anything is looked up for them."""
    if caller.account is None:
        caller.require(r.scope, r.roles)


def _require(r: Resource, database: Any, caller: Principal, row: dict[str, Any]) -> None:
    _require_known(r, caller)
    caller.require(r.scope, r.roles, r.study_of(database, row))
