"""Store what is known of animals, tags and which was on which, as reference data says it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from backend.db.queries import query
from backend.movebank.reference import Deployment
from backend.movebank.report import Report


def store(
    connection: psycopg.Connection[Any],
    study: int,
    rows: Iterable[Deployment],
    report: Report,
    dry_run: bool = False,
    note: Callable[[Report], None] | None = None,
) -> None:
    """Store rows in one transaction: what a row says replaces what was known, a blank nothing.

    A deployment that was only concluded from fixes gets the dates of the row.

    Args:
        connection: its transaction is made here.
        study: whose tags and animals are meant.
        rows: the rows; an error raised by the iterator undoes everything.
        report: gets the counts (a row that says what was known is a duplicate), and the lines
            that cannot be stored.
        dry_run: do all of it, then undo it.
        note: the last step of the transaction, which holds only if this succeeds.
    """
    with connection.transaction(force_rollback=dry_run), connection.cursor() as cursor:
        cursor.execute(query("lock_study_for_import"), {"study": study})
        for row in rows:
            try:
                with connection.transaction():
                    changed = _store_row(cursor, study, row)
            except psycopg.errors.ExclusionViolation:
                report.reject(row.line, "the tag is on another animal in these dates")
            else:
                report.accepted += changed
                report.duplicate += not changed
        if note and not dry_run:
            note(report)


def _store_row(cursor: psycopg.Cursor[Any], study: int, row: Deployment) -> bool:
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
