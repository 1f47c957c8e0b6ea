"""Who asks: a key, a session of the map page, a person with a bearer token, or nobody known.

A route takes `Caller` to know who asks, `Viewer` where it gives positions away: that audits the
read before anything is answered. What a viewer may see is decided in SQL (`0006_policy.sql`,
`0017_seen_positions.sql`).
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, Request
from psycopg import Connection

from backend.audit import AuditLog
from backend.db import accounts
from backend.db.audit import Entry
from backend.db.queries import query
from backend.deps import Database, rows
from backend.errors import Forbidden, Unauthenticated
from backend.outgoing import is_inside

COOKIE = "capra_session"
_SAFE = ("GET", "HEAD", "OPTIONS")

WATCHERS = ("admin", "operator", "ecologist", "guest")
WORKERS = ("admin", "operator", "ecologist")
SCIENTISTS = ("admin", "ecologist")
KEEPERS = ("admin", "operator")
ADMINS = ("admin",)


@dataclass(frozen=True)
class Principal:
    """Who asks, and what they may."""

    actor: str = "public"
    """As the audit names them"""
    account: int | None = None
    roles: tuple[tuple[int | None, str], ...] = ()
    """(study, role); a study of None: all, and what belongs to none"""
    scopes: frozenset[str] = frozenset({"read"})
    until: datetime | None = None
    """When the key ends; None: never, or it is none of ours"""

    @property
    def viewer(self) -> str:
        """What the functions of the location policy take."""
        held = self.roles if "read" in self.scopes else ()
        return json.dumps([{"study": study, "role": role} for study, role in held])

    def has(self, roles: Collection[str], study: int | None) -> bool:
        """Whether one of `roles` is held in a study (None: where no study is concerned)."""
        return any(role in roles and where in (None, study) for where, role in self.roles)

    def require(self, scope: str, roles: Collection[str], study: int | None = None) -> None:
        """Check that the caller may do this.

        Raises:
            Unauthenticated: nobody known asks.
            Forbidden: the key has not the scope, or the account none of the roles.
        """
        self._require_scope(scope)
        if not self.has(roles, study):
            where = f"study {study}" if study else "all studies"
            raise Forbidden(f"this needs one of the roles {', '.join(roles)} in {where}")

    def require_anywhere(self, scope: str, roles: Collection[str]) -> None:
        """The same, where any study will do; what it is of is checked apart."""
        self._require_scope(scope)
        if not any(role in roles for _, role in self.roles):
            raise Forbidden(f"this needs one of the roles {', '.join(roles)} in a study")

    def require_outside(self, urls: Iterable[str]) -> None:
        """Only who runs the service lets it speak to its own machine and network.

        Raises:
            Forbidden: an address names one of these, and the caller does not run it all.
        """
        if not self.has(ADMINS, None) and any(map(is_inside, urls)):
            where = "this service's own machine or network"
            raise Forbidden(f"an address of {where} needs the role admin in all studies")

    def _require_scope(self, scope: str) -> None:
        if self.account is None:
            raise Unauthenticated("this needs a key or a token")
        if scope not in self.scopes:
            raise Forbidden(f"this key has no scope {scope!r}")

    def studies(self, roles: Collection[str]) -> list[int] | None:
        """Studies in which the caller has one of `roles`; None: all."""
        held = [study for study, role in self.roles if role in roles]
        return None if None in held else [study for study in held if study is not None]


def get_principal(request: Request, database: Database) -> Principal:
    """Who asks.

    Raises:
        Unauthenticated: a credential that is malformed, unknown, expired or revoked.
        TooMany: more requests than allowed.
    """
    text, cookie = _credential(request)
    address = request.client.host if request.client else "?"
    if text is None:
        request.app.state.limits.take(f"public {address}", known=False)
        return Principal()
    try:
        principal = identify(database, text, request.app.state.tokens)
    except Unauthenticated:
        request.app.state.limits.take(f"refused {address}", known=False)
        if cookie and request.method in _SAFE:
            return Principal()  # a session that ended: the page goes on as anybody
        raise
    request.app.state.limits.take(principal.actor, known=True)
    if cookie and request.method not in _SAFE:
        _refuse_foreign(request)
    return principal


def identify(database: Connection[Any], text: str, tokens: Any = None) -> Principal:
    """The principal of a key or of a bearer token.

    Raises:
        Unauthenticated: it is not good; the reason tells nothing about keys of others.
    """
    if text.count(".") == 2 and tokens is not None:
        return tokens.principal(database, text)  # type: ignore[no-any-return]
    key = accounts.find_key(database, text)
    if key is None or key["kind"] == "ticket":
        raise Unauthenticated("this key is not known")
    for fault in ("expired", "revoked"):
        if key[fault]:
            raise Unauthenticated(f"this key is {fault}")
    if key["untouched"]:
        database.execute(query("touch_key"), {"api_key": key["api_key"]})
    actor = f"{key['account_name']} #{key['account']} {key['kind']} {key['prefix']}"
    scopes = frozenset(key["scopes"])
    return Principal(actor, key["account"], _roles(key["roles"]), scopes, key["expires_at"])


def _roles(held: list[dict[str, Any]]) -> tuple[tuple[int | None, str], ...]:
    return tuple((one["study"], one["role"]) for one in held)


def _credential(request: Request) -> tuple[str | None, bool]:
    """The credential of a request, and whether it is the page's cookie; never out of the URL."""
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, text = header.partition(" ")
        if scheme.lower() == "basic":  # of programs that know nothing else: the password counts
            text = _password(text)
        elif scheme.lower() != "bearer":
            text = ""
        if not text.strip():
            raise Unauthenticated("Authorization: expected 'Bearer' and a key or token")
        return text.strip(), False
    if key := request.headers.get("apikey"):  # the header of Gundi's clients
        return key, False
    if cookie := request.cookies.get(COOKIE):
        return cookie, True
    return None, False


def _password(text: str) -> str:
    """The password of HTTP basic; nothing if there is none."""
    try:
        return b64decode(text.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""


def _refuse_foreign(request: Request) -> None:
    """A change under the page's cookie must come from the page (beside SameSite=Strict)."""
    origin = request.headers.get("origin")
    if origin is None or urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("a change under the page's session must come from the page itself")


Caller = Annotated[Principal, Depends(get_principal)]


def get_viewer(request: Request, database: Database, caller: Caller) -> Principal:
    """Who asks for positions; whoever may see any exactly is written into the audit."""
    if stored := _audit_read(request, database, caller):
        stored.result()
    return caller


def viewing(request: Request, database: Database, caller: Caller) -> Iterator[Principal]:
    """The same around a route: it reads while the audit is written; both end before the answer."""
    stored = _audit_read(request, database, caller)
    try:
        yield caller
    finally:
        if stored:
            stored.result()


Viewer = Annotated[Principal, Depends(viewing, scope="function")]


def _audit_read(
    request: Request, database: Connection[Any], caller: Principal
) -> Future[None] | None:
    if caller.roles and rows(database, "sees_any_exactly", viewer=caller.viewer)[0]["exactly"]:
        log: AuditLog = request.app.state.audit
        return log.begin(audited(request, caller, "read"))
    return None


def audit(request: Request, caller: Principal, action: str, **what: Any) -> None:
    """Write the audit; returns when the entry is durable."""
    request.app.state.audit.write(audited(request, caller, action, **what))


def audited(request: Request, caller: Principal, action: str, **what: Any) -> Entry:
    """What the audit is to remember of a request."""
    path = request.url.path.replace("\0", "%00")  # no JSON of the database holds it
    asked = {"method": request.method, "path": path, "query": request.url.query}
    return Entry(caller.actor, action, asked | what)
