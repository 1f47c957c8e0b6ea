"""The audit: rows that only grow, each with the hash of the one before.

A row's hash is SHA-256 over the hash before and the row's own text. Whoever changes or removes a
row breaks the chain behind it; whoever cuts off its end changes the head, which `capra audit
verify` prints so that it can be written down elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from psycopg.types.json import Jsonb

from backend.db.queries import query

_LOCK = 0x43415055  # one chain, one writer at a time
_GENESIS = bytes(32)


class Entry(NamedTuple):
    """What is to be remembered."""

    actor: str
    """Who: the account and its key's prefix, or public"""
    action: str
    """`read`, `change`, `refused` or `sign-in`"""
    what: dict[str, Any]
    """The rest, JSON; never a secret, never a position"""


class Verdict(NamedTuple):
    """What `verify` found."""

    rows: int
    head: str
    """Hash of the last row, hexadecimal"""
    broken_at: int | None
    """Number of the first row that does not fit, None where all do"""


def append(connection: psycopg.Connection[Any], entries: Sequence[Entry]) -> None:
    """Add entries at the end, in one transaction."""
    with connection.pipeline(), connection.transaction():  # to the database and back twice
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        last = connection.execute(query("audit_head")).fetchone()
        first, previous = (int(last[0]) + 1, bytes(last[1])) if last else (1, _GENESIS)
        rows = []
        for number, entry in enumerate(entries, start=first):
            at = datetime.now(UTC)
            digest = _hash(previous, number, at, entry)
            row = {"audit": number, "at": at, "actor": entry.actor, "action": entry.action}
            rows.append(row | {"what": Jsonb(entry.what), "previous": previous, "hash": digest})
            previous = digest
        with connection.cursor() as cursor:
            cursor.executemany(query("add_audit"), rows)


def verify(connection: psycopg.Connection[Any]) -> Verdict:
    """Walk the whole chain and compute every hash anew."""
    number, previous = 0, _GENESIS
    with connection.transaction(), connection.cursor("audit") as cursor:
        cursor.itersize = 10_000
        for row in cursor.execute(query("audit_chain")):
            number += 1
            entry = Entry(row[2], row[3], row[4])
            fits = row[0] == number and bytes(row[5]) == previous
            previous = _hash(previous, number, row[1], entry)
            if not fits or bytes(row[6]) != previous:
                return Verdict(number, previous.hex(), broken_at=number)
    return Verdict(number, previous.hex(), broken_at=None)


def _hash(previous: bytes, number: int, at: datetime, entry: Entry) -> bytes:
    at_us = (at - datetime(1970, 1, 1, tzinfo=UTC)) // datetime.resolution
    text = json.dumps([number, at_us, *entry], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous + text.encode()).digest()
