"""Store rows of positions that came as a file: in one transaction, every row accounted for.

Imported positions are records of generation 0, which no collar ever counts. Their number is made
of their time, so that the same row is the same record whenever and however often it is imported:
milliseconds times 16, plus which of the differing rows of that tag and time it is.

Rows are looked at as columns, some hundred thousand at a time; only those of collars that were
known before are compared with what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import numpy as np
import psycopg

from backend.db import copy, imported_deployments
from backend.db.import_batch import Batch, Header
from backend.db.queries import query
from backend.movebank.columns import Events, Integers, Names
from backend.movebank.report import Report
from backend.movebank.rows import SEPARATOR

_BATCH_ROWS = 250_000
_ASKED_AT_ONCE = 5_000  # rows that are compared with what is stored
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_IMPORTED = 7  # reason of a fix (firmware.wire.fix)
_MOST_NUMBERS = 15  # of differing rows of one tag and time, beside the first

_COPY_FIXES: LiteralString = (
    "copy fix (collar, generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason, "
    "outlier) from stdin (format binary)"
)
_COPY_EVENTS: LiteralString = (
    "copy imported_event (collar, record, recorded_at, header, words) from stdin (format binary)"
)


def store(
    connection: psycopg.Connection[Any],
    study: int,
    found: Iterable[Events],
    report: Report,
    dry_run: bool = False,
    note: Callable[[Report], None] | None = None,
) -> None:
    """Store rows in one transaction; what the study lacks (tags, animals) is added.

    Args:
        connection: its transaction is made here.
        study: whose tags and animals are meant.
        found: the rows; an error raised by the iterator undoes everything.
        report: gets the counts, and the lines that cannot be stored.
        dry_run: do all of it, then undo it.
        note: the last step of the transaction, which holds only if this succeeds.
    """
    with connection.transaction(force_rollback=dry_run), connection.cursor() as cursor:
        cursor.execute(query("lock_study_for_import"), {"study": study})
        writing = _Import(cursor, study, report)
        for part in _batches(found):
            writing.store(part)
        if writing.new_terms:
            cursor.execute(query("note_imported_terms"), {"study": study, "terms": report.columns})
        if note and not dry_run:
            note(report)


def _batches(found: Iterable[Events]) -> Iterator[list[Events]]:
    batch, rows = list[Events](), 0
    for events in found:
        batch.append(events)
        rows += len(events.line)
        if rows >= _BATCH_ROWS:
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


class _Import:
    """One import, under the lock of its study."""

    def __init__(self, cursor: psycopg.Cursor[Any], study: int, report: Report) -> None:
        self._cursor = cursor
        self._study = study
        self._report = report
        self._known: dict[Names, tuple[int, int]] = {}
        self._headers: dict[tuple[str, ...], Header] = {}
        self.new_terms = False
        self._empty: set[int] = set()
        """Collars of which nothing can be stored yet"""

    def store(self, part: list[Events]) -> None:
        self._name({name for events in part for name in events.names})
        self._head({events.terms for events in part})
        batch = Batch.of(part, self._known, self._headers)
        batch.number_repeats(self._report, _MOST_NUMBERS)
        imported_deployments.settle(self._cursor, batch, self._report)
        self._leave_known(batch)
        report = self._report
        report.accepted += int(batch.live.sum())
        report.without_position += int((batch.live & ~batch.placed).sum())
        self._insert(batch)
        self._empty -= set(np.unique(batch.collar).tolist())

    def _name(self, names: set[Names]) -> None:
        """Find collars and animals by their names; add those that are not there."""
        unknown = sorted(names - self._known.keys())
        if not unknown:
            return
        tags, animals, taxa = map(list, zip(*unknown, strict=True))
        values = {"study": self._study, "tags": tags, "animals": animals, "taxa": taxa}
        for add in (True, False):
            found = self._ask("imported_names", values)
            if not add or all(collar and animal is not None for collar, animal in found):
                break
            self._cursor.execute(query("add_imported_animals"), values)
            new = self._cursor.execute(query("add_imported_collars"), values).fetchall()
            self._empty |= {collar for (collar,) in new}
        self._known.update(zip(unknown, found, strict=True))

    def _head(self, found: set[tuple[str, ...]]) -> None:
        """Find the headers of rows; add those that are not there."""
        unknown = {SEPARATOR.join(terms): terms for terms in sorted(found - self._headers.keys())}
        if not unknown:
            return
        values = {"study": self._study, "terms": list(unknown)}
        for name in ("imported_headers", "add_imported_headers"):
            for header, text in self._ask(name, values):
                self._headers[unknown.pop(text)] = Header(header, tuple(text.split(SEPARATOR)))
            if not unknown:
                return
            values["terms"] = list(unknown)
            self.new_terms = True

    def _ask(self, name: str, values: dict[str, Any]) -> list[Any]:
        """The rows of a query whose plan is good for any values: it is made once a session."""
        return self._cursor.execute(query(name), values, prepare=True).fetchall()

    def _leave_known(self, batch: Batch) -> None:
        """Leave out what is stored already; what contradicts it is rejected."""
        old = batch.live & ~np.isin(batch.collar, list(self._empty))
        rows = np.flatnonzero(old)
        rows = rows[np.argsort(batch.time_us[rows], kind="stable")]
        if len(rows):
            self._cursor.execute(query("go_by_indexes"))
        for start in range(0, len(rows), _ASKED_AT_ONCE):
            part = rows[start : start + _ASKED_AT_ONCE]
            away = ~batch.placed[part]
            values = {
                "row": copy.array(part),
                "collar": copy.array(batch.collar[part]),
                "time_us": copy.array(batch.time_us[part]),
                "lat": copy.array(batch.lat[part], away),
                "lon": copy.array(batch.lon[part], away),
                "header": copy.array(batch.header[part]),
                "words": batch.words.take(part).to_pylist(),
                "first": _EPOCH + timedelta(milliseconds=int(batch.time_us[part[0]] // 1000)),
                "last": _EPOCH + timedelta(milliseconds=int(batch.time_us[part[-1]] // 1000) + 1),
            }
            for row, same, own, last in self._ask("known_to_import", values):
                if not same and own and last + batch.number[row] < _MOST_NUMBERS:
                    batch.number[row] += last + 1  # differs from an earlier part of this file
                    continue
                batch.live[row] = False
                if same:
                    self._report.duplicate += 1
                else:
                    why = "other values are stored for this tag and time"
                    self._report.reject(int(batch.line[row]), why)

    def _insert(self, batch: Batch) -> None:
        rows = batch.order[batch.live[batch.order]]
        if not len(rows):
            return
        record = batch.record
        fixes = rows[batch.placed[rows]]
        with self._cursor.copy(_COPY_FIXES) as out:
            for block in copy.blocks(_fixes(batch, record), fixes):
                out.write(block)
        with self._cursor.copy(_COPY_EVENTS) as out:
            for data in batch.event_rows(rows, record):
                out.write(data)
        seen = fixes[(batch.outlier[fixes] & 8 > 0) | (batch.outlier[fixes] & 7 == 0)]
        first = rows[np.flatnonzero(np.diff(batch.collar[rows], prepend=-1))]
        with self._cursor.connection.pipeline():
            self._advance_latest(batch, record, seen)
            self._cursor.execute(query("note_arrival"), {
                "collars": copy.array(batch.collar[first]),
                "times_us": copy.array(batch.time_us[first]),
            })  # fmt: skip

    def _advance_latest(self, batch: Batch, record: Integers, rows: Integers) -> None:
        """Let `latest_fix` show the newest of some rows, which are in order of their time."""
        newest = rows[np.flatnonzero(np.diff(batch.collar[rows], append=-1))]
        if not len(newest):
            return
        names = (
            "collar", "generation", "record", "recorded_at_us", "lat_deg", "lon_deg",
            "altitude_m", "accuracy_m", "reason",
        )  # fmt: skip
        columns = (column.take(newest) for column in _fixes(batch, record))
        self._cursor.execute(query("advance_latest"), {
            name: copy.array(column.values, column.null)
            for name, column in zip(names, columns, strict=False)
        })  # fmt: skip


def _fixes(batch: Batch, record: Integers) -> list[copy.Column]:
    """The columns of `fix`."""
    same = np.zeros(len(record), np.int64)
    return [
        copy.Column("i4", batch.collar),
        copy.Column("i4", same),
        copy.Column("i8", record),
        copy.Column("time", batch.time_us),
        copy.Column("f8", batch.lat),
        copy.Column("f8", batch.lon),
        copy.Column("f4", batch.altitude_m, np.isnan(batch.altitude_m)),
        copy.Column("f4", batch.accuracy_m, np.isnan(batch.accuracy_m)),
        copy.Column("i2", same + _IMPORTED),
        copy.Column("i2", batch.outlier),
    ]
