"""Load records and receptions: fast, idempotent, safe for several loaders at once.

`record_gate` holds per (collar, generation) the multirange of records already stored. Its rows are
locked in ascending order before anything is written, so that a record is stored once whatever the
order, the overlap and the number of loaders, and two loaders can never wait for each other in a
ring. What the gate lets pass goes by binary COPY straight into the tables. Should a table hold it
all the same (a gate that was lost, a reception that was loaded before), the transaction is undone,
and another one goes through staging tables, where what is known is left out.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import psycopg
from psycopg.pq import TransactionStatus

from backend.db import checks, copy, gate
from backend.db.errors import BusyConnection
from backend.db.queries import query
from backend.db.rows import (
    RECEPTION,
    RECORDS,
    ActivityRow,
    AlarmRow,
    FixRow,
    HealthRow,
    ReceptionRow,
    StatusRow,
    Table,
)

log = logging.getLogger(__name__)

_TRIES = 6  # of a batch that the server itself cancels (deadlock, serialization)
_TABLES = (*RECORDS, RECEPTION)

# Collars and stations that a connection has put into the registry: not to ask at every batch.
_registered: WeakKeyDictionary[psycopg.Connection[Any], set[int | str]] = WeakKeyDictionary()


class Batch(NamedTuple):
    """What one `load` stores together or not at all."""

    fixes: Sequence[FixRow] = ()
    statuses: Sequence[StatusRow] = ()
    receptions: Sequence[ReceptionRow] = ()
    activities: Sequence[ActivityRow] = ()
    alarms: Sequence[AlarmRow] = ()
    healths: Sequence[HealthRow] = ()

    def tables(self) -> list[tuple[Table, Sequence[Any]]]:
        """All rows by their table; those that pass the gate first, in the gate's order."""
        return list(zip(_TABLES, (*self[:2], *self[3:], self.receptions), strict=True))


class LoadReport(NamedTuple):
    """How many rows of a batch were new; rows in = new + duplicate."""

    fixes_new: int
    fixes_duplicate: int
    statuses_new: int
    statuses_duplicate: int
    receptions_new: int
    others_new: int = 0
    """Activity, alarms and health together"""
    others_duplicate: int = 0


def load(connection: psycopg.Connection[Any], batch: Batch) -> LoadReport:
    """Store a batch in one transaction of its own.

    Loading the same rows again changes nothing. Deadlocks and serialization failures are tried
    again.

    Args:
        connection: an idle connection (autocommit or not); its transaction is committed here.
        batch: any number of rows in any order, of any number of collars.

    Returns:
        The count of new and of already known rows.

    Raises:
        BadRow: a row can never be stored (value and expectation named); nothing was stored.
        BusyConnection: the connection is already inside a transaction.
        psycopg.OperationalError: the database is away; try again later.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        raise BusyConnection("the connection is inside a transaction: expected an idle one")
    staged = [_stage(table, rows) for table, rows in batch.tables()]
    checks.check_station(batch.receptions)
    store = _copy
    for attempt in range(1, _TRIES):
        try:
            return _load_once(connection, staged, store)
        except psycopg.errors.UniqueViolation:
            store = _merge
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
            log.warning("batch cancelled by the server, try %d of %d: %s", attempt, _TRIES, error)
            time.sleep(random.uniform(0.01, 0.05) * 2**attempt)
        except gate.NoGate:
            gate.add_missing(connection, _names(staged))
    return _load_once(connection, staged, store)


def _stage(table: Table, rows: Sequence[Any]) -> list[copy.Column]:
    """The rows by column, checked."""
    try:
        columns = copy.columns(table.kinds, rows)
    except (TypeError, ValueError, OverflowError, AttributeError):
        checks.name_bad_row(rows, table.bounds)
        checks.check_station(rows)
        raise
    checks.check(rows, columns, table.bounds)
    return columns


def _names(staged: list[list[copy.Column]]) -> list[list[gate.Integers]]:
    """Collar, generation, record and time of every kind of record."""
    return [[column.values for column in columns[:4]] for columns in staged[:-1]]


def _load_once(
    connection: psycopg.Connection[Any],
    staged: list[list[copy.Column]],
    store: Callable[..., int],
) -> LoadReport:
    with connection.transaction(), connection.cursor() as cursor:
        passed = gate.let_pass(cursor, _names(staged))
        names = _register(cursor, passed.gates[0], staged[-1])
        rows = [*passed.new, np.arange(len(staged[-1][0].values))]
        notes = cache(
            lambda: [passed.note(), _latest(staged[0], rows[0]), _arrivals(staged, rows)]
        )
        new = [
            store(cursor, *one, notes) if len(one[2]) else 0
            for one in zip(_TABLES, staged, rows, strict=True)
        ]
        with connection.pipeline():
            for name, values in filter(None, notes()):
                cursor.execute(query(name), values)
    _registered.setdefault(connection, set()).update(names)
    known = [len(columns[0].values) - count for columns, count in zip(staged, new, strict=True)]
    others_new, others_known = sum(new[2:-1]), sum(known[2:-1])
    return LoadReport(new[0], known[0], new[1], known[1], new[-1], others_new, others_known)


def _register(
    cursor: psycopg.Cursor[Any], gates: gate.Integers, heard: list[copy.Column]
) -> set[int | str]:
    """Put collars of records, and collars and stations of receptions, into the registry."""
    collars = {*gates.tolist(), *heard[1].values.tolist()}
    stations = {name.decode() for name in set(heard[0].values.tolist())}
    known = _registered.get(cursor.connection, set())
    if not collars <= known:
        cursor.execute(query("add_missing_collars"), {"collars": sorted(collars)})
    if not stations <= known:
        cursor.execute(query("add_missing_stations"), {"stations": sorted(stations)})
    return collars | stations


def _copy(
    cursor: psycopg.Cursor[Any],
    table: Table,
    columns: list[copy.Column],
    rows: gate.Integers,
    meanwhile: Callable[[], object],
) -> int:
    """Store rows that the table does not hold; returns how many."""
    _copy_into(table.name, cursor, table, columns, rows, meanwhile)
    return len(rows)


def _merge(
    cursor: psycopg.Cursor[Any],
    table: Table,
    columns: list[copy.Column],
    rows: gate.Integers,
    meanwhile: Callable[[], object],
) -> int:
    """Store the rows that the table does not hold; returns how many."""
    stage, names = f"new_{table.name}", table.columns
    create = f"create temp table {stage} on commit drop as select {names} from {table.name}"
    cursor.execute(f"{create} limit 0".encode())
    _copy_into(stage, cursor, table, columns, rows, meanwhile)
    merge = f"insert into {table.name} ({names}) select * from {stage}"
    cursor.execute(f"{merge} order by {table.order} on conflict do nothing".encode())
    return cursor.rowcount


def _copy_into(
    target: str,
    cursor: psycopg.Cursor[Any],
    table: Table,
    columns: list[copy.Column],
    rows: gate.Integers,
    meanwhile: Callable[[], object],
) -> None:
    statement = f"copy {target} ({table.columns}) from stdin (format binary)"
    with cursor.copy(statement.encode()) as out:
        for block in copy.blocks(columns, rows):
            out.write(block)
        meanwhile()  # the server still reads


def _latest(fixes: list[copy.Column], rows: gate.Integers) -> gate.Statement | None:
    """What lets `latest_fix` show the newest of some fixes, by time, generation and record."""
    collar, generation, record, time_us = (column.values[rows] for column in fixes[:4])
    order = np.lexsort((record, generation, time_us, collar))
    newest = rows[order[np.diff(collar[order], append=-1) != 0]]
    if not len(newest):
        return None
    columns = [column.take(newest) for column in fixes]
    values = [copy.array(column.values, column.null) for column in columns]
    return "advance_latest", dict(zip(FixRow._fields, values, strict=True))


def _arrivals(staged: list[list[copy.Column]], rows: list[gate.Integers]) -> gate.Statement | None:
    """What leaves word for the alerts: which collars have something new, and since when."""
    came = [
        (columns[0].values[new], columns[3].values[new])
        for columns, new in zip(staged[:-1], rows[:-1], strict=True)
    ]
    came.append((staged[-1][1].values, staged[-1][2].values))  # collar and time of receptions
    collars, times_us = (np.concatenate(part) for part in zip(*came, strict=True))
    order = np.lexsort((times_us, collars))
    firsts = order[np.diff(collars[order], prepend=-1) != 0]
    if not len(firsts):
        return None
    values = {"collars": copy.array(collars[firsts]), "times_us": copy.array(times_us[firsts])}
    return "note_arrival", values
