"""Store what is known of animals, tags and which was on which, as reference data says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol

import psycopg
from psycopg.types.json import Jsonb

from backend.db.imports import Stored
from backend.db.queries import query


class Row(Protocol):
    """What is asked of a row (`backend.movebank.reference.Deployment`)."""

    line: int
    tag: str
    animal: str
    taxon: str | None
    sex: str | None
    mass_g: float | None
    animal_comments: str | None
    first: datetime | None
    end: datetime | None
    end_type: str | None
    comments: str | None
    maker: str | None
    animal_attributes: dict[str, str]
    tag_attributes: dict[str, str]
    attributes: dict[str, str]


def store(
    connection: psycopg.Connection[Any],
    study: int,
    rows: Iterable[Row],
    reject: Callable[[int, str], None],
    dry_run: bool = False,
) -> Stored:
    """Store rows in one transaction: what a row says replaces what was known, a blank nothing.

    A deployment that was only concluded from fixes gets the dates of the row.

    Args:
        connection: its transaction is made here.
        study: whose tags and animals are meant.
        rows: the rows; an error raised by the iterator undoes everything.
        reject: told the line and the reason of each row that cannot be stored.
        dry_run: do all of it, then undo it.

    Returns:
        Rows that changed something, and rows that said what was known.
    """
    accepted = duplicate = 0
    with connection.transaction(force_rollback=dry_run), connection.cursor() as cursor:
        cursor.execute(query("lock_study_for_import"), {"study": study})
        for row in rows:
            try:
                with connection.transaction():
                    changed = _store_row(cursor, study, row)
            except psycopg.errors.ExclusionViolation:
                reject(row.line, "the tag is on another animal in these dates")
            else:
                accepted += changed
                duplicate += not changed
    return Stored(accepted, 0, duplicate)


def _store_row(cursor: psycopg.Cursor[Any], study: int, row: Row) -> bool:
    """Store one row; returns whether it changed anything."""
    values = {
        "study": study, "tag": row.tag, "animal": row.animal, "taxon": row.taxon, "sex": row.sex,
        "mass_g": row.mass_g, "animal_comments": row.animal_comments, "first": row.first,
        "end": row.end, "end_type": row.end_type, "comments": row.comments, "maker": row.maker,
        "animal_attributes": Jsonb(row.animal_attributes),
        "tag_attributes": Jsonb(row.tag_attributes), "attributes": Jsonb(row.attributes),
    }  # fmt: skip
    changed = 0
    for step in ("refer_animal", "refer_collar", "refer_deployment", "refer_new_deployment"):
        cursor.execute(query(step), values)
        changed += cursor.rowcount
    return changed > 0
