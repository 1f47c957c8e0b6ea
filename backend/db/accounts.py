"""Accounts and their keys: 256 random bits each, of which the database keeps a hash only.

A key reads `capra_PREFIX_SECRET`. The prefix names it in lists and in the audit; the secret is
shown once. Sessions of the map page and the one-time tickets that begin them are keys too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import psycopg
from psycopg.rows import dict_row

from backend.db.queries import query

Kind = Literal["key", "session", "ticket"]
SCOPES = ("read", "write", "ingest", "admin")
ROLES = ("guest", "ecologist", "operator", "admin")
TICKET_LASTS = timedelta(minutes=15)

_KEY = re.compile(r"capra_([a-z0-9]{10})_([A-Za-z0-9_-]{43})")
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


class NewKey(NamedTuple):
    """A key just made; `text` is known to nobody else and shown once."""

    api_key: int
    text: str


def add_key(
    connection: psycopg.Connection[Any],
    account: int,
    name: str,
    scopes: Sequence[str] = ("read",),
    lasts: timedelta | None = None,
    kind: Kind = "key",
) -> NewKey:
    """Make a key of an account; None lasts for ever."""
    prefix = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    secret = secrets.token_urlsafe(32)
    values = {
        "account": account,
        "kind": kind,
        "name": name,
        "prefix": prefix,
        "hash": _hash(secret),
        "scopes": list(scopes),
        "lasts": lasts,
    }
    row = connection.execute(query("add_key"), values).fetchone()
    assert row is not None  # "returning" answers with the inserted row
    return NewKey(int(row[0]), f"capra_{prefix}_{secret}")


def find_key(connection: psycopg.Connection[Any], text: str) -> dict[str, Any] | None:
    """The row of a key that is whole and right, be it expired or revoked; else None."""
    match = _KEY.fullmatch(text)
    if match is None:
        return None
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(query("find_key"), {"prefix": match[1]}).fetchone()
    if row is None or not hmac.compare_digest(row["hash"], _hash(match[2])):
        return None
    return row


def _hash(secret: str) -> bytes:
    """256 random bits cannot be guessed from their hash: no slow one is needed."""
    return hashlib.sha256(secret.encode()).digest()


def add_account(
    connection: psycopg.Connection[Any],
    name: str,
    email: str | None = None,
    issuer: str | None = None,
    subject: str | None = None,
) -> int:
    """Register a person or a program, with no role."""
    values = {"name": name, "email": email, "issuer": issuer, "subject": subject}
    row = connection.execute(query("add_account"), values).fetchone()
    assert row is not None  # "returning" answers with the inserted row
    return int(row[0])


def set_role(
    connection: psycopg.Connection[Any], account: int, role: str, study: int | None = None
) -> None:
    """Give an account a role in a study, or in all of them."""
    values = {"account": account, "study": study, "role": role}
    connection.execute(query("set_role"), values)


def first_key(connection: psycopg.Connection[Any]) -> str | None:
    """The administrator's key at the very first start; None ever after."""
    with connection.transaction():
        connection.execute("lock table account in share row exclusive mode")
        if connection.execute(query("any_admin")).fetchone():
            return None
        return add_key(connection, _add_admin(connection), "first key", SCOPES).text


def admin_ticket(connection: psycopg.Connection[Any]) -> str:
    """A ticket that signs its bearer in as administrator: once, and within `TICKET_LASTS`.

    For who can reach the database anyway, and wants the map without typing a key.
    """
    with connection.transaction():
        connection.execute("lock table account in share row exclusive mode")
        connection.execute(query("drop_spent_keys"))
        row = connection.execute(query("any_admin")).fetchone()
        account = int(row[0]) if row else _add_admin(connection)
        return add_key(connection, account, "one-time link", SCOPES, TICKET_LASTS, "ticket").text


def link(url: str, ticket: str) -> str:
    """Where a browser is signed in: behind the #, the ticket goes into no log and no referrer."""
    return f"{url}#ticket={ticket}"


def _add_admin(connection: psycopg.Connection[Any]) -> int:
    account = add_account(connection, "administrator")
    set_role(connection, account, "admin")
    return account
