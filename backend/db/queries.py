"""Named SQL queries, read from `sql/queries/*.sql`, so that SQL stays SQL.

A query begins with a line `-- name: what_it_answers`; comment lines under it say which index it
relies on. Parameters are named (`%(collar)s`). Names are unique over all files.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import LiteralString

from backend.db.errors import UnknownQuery

_HEADER = re.compile(r"^-- name: ([a-z0-9_]+)\s*$", re.MULTILINE)


def query(name: str) -> LiteralString:
    """The text of a named query.

    Raises:
        UnknownQuery: no file holds that name.
    """
    known = _all()
    if name not in known:
        raise UnknownQuery(name, list(known))
    return known[name]


@cache
def _all() -> dict[str, LiteralString]:
    found: dict[str, LiteralString] = {}
    folder = resources.files("backend.db") / "sql" / "queries"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        parts = _HEADER.split(file.read_text("utf-8"))
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"query {name!r} is defined twice, again in {file.name}")
            found[name] = text.strip()  # our own files: no input in them
    return found
