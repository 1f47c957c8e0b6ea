"""Store rows of positions that came as a file: in one transaction, every row accounted for.

Imported positions are records of generation 0, which no collar ever counts. Their number is made
of their time, so that the same row is the same record whenever and however often it is imported:
milliseconds times 16, plus which of the differing rows of that tag and time it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from backend.db.queries import query
from backend.movebank.report import Report
from backend.movebank.rows import Event

_MOST_ISLANDS = 50  # changes of animal that one tag can have in one file
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_COLUMNS = (
    "line", "tag", "animal", "taxon", "recorded_at", "lat", "lon", "altitude_m", "accuracy_m",
    "outlier", "attributes",
)  # fmt: skip


class _Island(NamedTuple):
    """A stretch of time in which a tag's rows name one animal."""

    collar: int
    animal: int
    first: datetime
    last: datetime


class _Deployment(NamedTuple):
    deployment: int
    collar: int
    animal: int
    first: datetime | None
    end: datetime | None


def store(
    connection: psycopg.Connection[Any],
    study: int,
    blocks: Iterable[Iterable[Event]],
    report: Report,
    dry_run: bool = False,
) -> None:
    """Store blocks of rows in one transaction; what the study lacks (tags, animals) is added.

    Args:
        connection: its transaction is made here.
        study: whose tags and animals are meant.
        blocks: the rows; an error raised by the iterator undoes everything.
        report: gets the counts, and the lines that cannot be stored.
        dry_run: do all of it, then undo it.
    """
    with connection.transaction(force_rollback=dry_run), connection.cursor() as cursor:
        cursor.execute(query("lock_study_for_import"), {"study": study})
        if cursor.execute(query("has_import_stage")).fetchone() == (False,):
            cursor.execute(query("create_import_stage"))
        _stage(cursor, blocks)
        names = {"study": study}
        with connection.pipeline():
            for step in (
                "analyze_import_stage", "number_import_repeats", "add_imported_collars",
                "add_imported_animals", "name_import_stage",
            ):  # fmt: skip
                cursor.execute(query(step), names)
        _deploy(cursor)
        cursor.execute(query("knows_imported_collars"))
        if cursor.fetchone() is not None:
            cursor.execute(query("mark_import_known"))
        cursor.execute(query("count_import"))
        counted = cursor.fetchone()
        assert counted is not None
        report.accepted, report.without_position, report.duplicate = counted
        for line, reason in cursor.execute(query("import_rejections")):
            report.reject(line, reason)
        with connection.pipeline():
            for step in (
                "insert_imported_fixes", "insert_imported_events", "advance_latest_imported",
                "note_imported",
            ):  # fmt: skip
                cursor.execute(query(step))
            cursor.execute(query("note_imported_terms"), {**names, "terms": report.columns})


def _stage(cursor: psycopg.Cursor[Any], blocks: Iterable[Iterable[Event]]) -> None:
    statement = f"copy import_stage ({', '.join(_COLUMNS)}) from stdin"
    names: dict[str, str] = {}
    with cursor.copy(statement.encode()) as out:
        for block in blocks:
            out.write("".join([_line(row, names) for row in block]))


def _line(row: Event, names: dict[str, str]) -> str:
    tag, animal, taxon = (
        names.get(name) or names.setdefault(name, _escaped(name))
        for name in (row.tag, row.animal, row.taxon)
    )
    attributes = row.attributes.replace("\\", "\\\\")  # JSON has no other letter to escape
    return (
        f"{row.line}\t{tag}\t{animal}\t{taxon}\t{row.recorded_at.isoformat()}\t"
        f"{_or_null(row.lat)}\t{_or_null(row.lon)}\t{_or_null(row.altitude_m)}\t"
        f"{_or_null(row.accuracy_m)}\t{row.outlier}\t{attributes}\n"
    )


def _escaped(text: str) -> str:
    """Text as COPY reads it (PostgreSQL manual, COPY, "Text Format")."""
    if not text.isprintable() or "\\" in text:
        text = text.translate(_ESCAPES)
    return text


def _or_null(value: float | None) -> str:
    return "\\N" if value is None else repr(value)


def _deploy(cursor: psycopg.Cursor[Any]) -> None:
    """Put tags on the animals that the rows name; mark rows that contradict what is known."""
    islands = [_Island(*row) for row in cursor.execute(query("import_islands"))]
    known: dict[int, list[_Deployment]] = {}
    for row in map(_Deployment._make, cursor.execute(query("import_deployments"))):
        known.setdefault(row.collar, []).append(row)
    per_collar: dict[int, int] = {}
    for island in islands:
        per_collar[island.collar] = per_collar.get(island.collar, 0) + 1
    for island in islands:
        if per_collar[island.collar] > _MOST_ISLANDS:
            cursor.execute(query("reject_import_island"), {
                **island._asdict(), "reason": "the tag changes animals from row to row",
            })  # fmt: skip
        else:
            _deploy_island(cursor, island, known.setdefault(island.collar, []))


def _deploy_island(cursor: psycopg.Cursor[Any], island: _Island, known: list[_Deployment]) -> None:
    others = [d for d in known if d.animal != island.animal]
    for other in others:
        if _overlap(other, island.first, island.last):
            # only the rows inside the other deployment contradict it
            cursor.execute(query("reject_import_deployed"), other._asdict() | island._asdict())
            cursor.execute(query("import_island_left"), island._asdict())
            left = cursor.fetchone()
            if left is None or left[0] is None:
                return
            island = island._replace(first=left[0], last=left[1])
            if any(_overlap(one, island.first, island.last) for one in others):
                cursor.execute(query("reject_import_island"), {
                    **island._asdict(), "reason": "the tag is on another animal in between",
                })  # fmt: skip
                return
    own = [d for d in known if d.animal == island.animal]
    near = next((d for d in own if _may_reach(d, island, others)), None)
    if near is None:
        cursor.execute(query("insert_imported_deployment"), island._asdict())
    else:
        known.remove(near)
        cursor.execute(
            query("extend_deployment"), {**island._asdict(), "deployment": near.deployment}
        )
    row = cursor.fetchone()
    assert row is not None
    known.append(_Deployment(*row))


def _overlap(one: _Deployment, first: datetime, last: datetime) -> bool:
    return (one.first is None or one.first <= last) and (one.end is None or first < one.end)


def _may_reach(one: _Deployment, island: _Island, others: list[_Deployment]) -> bool:
    """Whether a deployment can grow to hold an island without touching another animal's."""
    first = None if one.first is None else min(one.first, island.first)
    last = island.last if one.end is None else max(one.end, island.last)
    return not any(
        (other.end is None or first is None or first < other.end)
        and (other.first is None or other.first <= last)
        for other in others
    )
