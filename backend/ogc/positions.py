"""Fixes and latest positions as collections: read in columns, written as text at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from psycopg import Connection

from backend import fix_columns
from backend.auth import Principal
from backend.errors import BadRequest, NotFound
from backend.ogc.asked import Asked
from backend.ogc.paging import Page, collar, parsed
from backend.params import parse_cursor, parse_identity
from backend.routes import fixes


def fix_page(database: Connection[Any], viewer: Principal, asked: Asked) -> Page:
    """A page of fixes, the oldest first."""
    cursor = parsed(asked.after, parse_cursor) if asked.after else None
    values = _values(asked) | {"viewer": viewer.viewer, "visible": None}
    values |= fix_columns.after(cursor) | {"limit": asked.limit + 1}
    found = fix_columns.read(database, fix_columns.page_of(values), values)
    return _page(found, asked.limit, lambda page: page.cursor())


def latest_page(database: Connection[Any], viewer: Principal, asked: Asked) -> Page:
    """A page of the newest fixes, by collar."""
    after = parsed(asked.after, collar) if asked.after else None
    found = fixes.latest(database, viewer, after, asked.limit + 1, **_values(asked))
    return _page(found, asked.limit, lambda page: page.collar[-1])


def _page(
    found: fix_columns.FixColumns, limit: int, cursor: Callable[[fix_columns.FixColumns], object]
) -> Page:
    page = found.first(limit)
    return Page(page.geojson(), page.rows, str(cursor(page)) if found.rows > limit else None)


def _values(asked: Asked) -> dict[str, Any]:
    edges = ("west", "south", "east", "north")
    box = asdict(asked.box) if asked.box else dict.fromkeys(edges)
    period = {"from_time": asked.from_time, "to_time": asked.to_time}
    return {"animal": asked.animal, "collar": asked.collar, **period, **box}


def one_fix(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    """A fix by its identity."""
    found = fix_columns.read(database, "fix_one", _identity(item) | {"viewer": viewer.viewer})
    return json.loads(found.first(1).geojson()) if found.rows else None


def one_latest(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    """The newest fix of a collar, where this is it."""
    identity = _identity(item)
    page = latest_page(database, viewer, Asked(limit=1, collar=identity["collar"]))
    feature = json.loads(page.features) if page.returned else None
    return feature if feature and feature["id"] == item else None


def _identity(item: str) -> dict[str, int]:
    try:
        return dict(zip(("collar", "generation", "record"), parse_identity(item), strict=True))
    except BadRequest:
        raise NotFound("feature", item) from None
