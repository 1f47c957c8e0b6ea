"""Load records and receptions: fast, idempotent, safe for several loaders at once.

`record_gate` holds per (collar, generation) the multirange of records already stored. Its rows are
locked in ascending order before anything is written, so that a record is stored once whatever the
order, the overlap and the number of loaders, and two loaders can never wait for each other in a
ring. What the gate lets pass goes by binary COPY straight into the table. Should the table hold it
all the same (a gate that was lost, a reception that was loaded before), the COPY is undone and
the rows go through a staging table, where what is known is left out.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from backend.db import checks, copy, gate
from backend.db.errors import BusyConnection
from backend.db.queries import query

log = logging.getLogger(__name__)

_TRIES = 6  # of a batch that the server itself cancels (deadlock, serialization)

_RECORD_KINDS = ("i4", "i4", "i8", "time")


class FixRow(NamedTuple):
    """One position record of a collar's log."""

    collar: int
    """1..65535"""
    generation: int
    """Which log of the collar, >= 0 (firmware.wire.identity)"""
    record: int
    """Number in the collar's log, >= 1"""
    recorded_at_us: int
    """Unix time of the fix on the collar [us]"""
    lat_deg: float
    """WGS84 latitude [degrees], -90..90"""
    lon_deg: float
    """WGS84 longitude [degrees], -180..180"""
    altitude_m: float | None
    """Height above mean sea level [m]; None: not known"""
    accuracy_m: float | None
    """Horizontal accuracy as the collar states it [m]; None: unknown or worse than the table"""
    reason: int
    """Why the fix was taken, 0..15 (firmware.wire.fix)"""


class StatusRow(NamedTuple):
    """One status record of a collar's log (same numbering as the fixes)."""

    collar: int
    generation: int
    record: int
    recorded_at_us: int
    """Unix time on the collar [us]"""
    voltage_mv: int
    stored_mj: int
    income_mj_per_day: int
    fixes: int
    """Counters since the generation began"""
    failed_fixes: int
    frames: int
    brownouts: int
    temperature_c: int | None


class ActivityRow(NamedTuple):
    """One activity record of a collar's log: the interval that ended at `recorded_at_us`."""

    collar: int
    generation: int
    record: int
    recorded_at_us: int
    interval_s: int
    wakes: int
    moved_wakes: int
    """Wakes that found that the animal had moved"""
    intensity_mg: int
    """Mean size of the dynamic acceleration [0.001 g]"""
    income_mj: int


class AlarmRow(NamedTuple):
    """One alarm record of a collar's log; codes as in firmware.wire.alarm."""

    collar: int
    generation: int
    record: int
    recorded_at_us: int
    alarm: int
    number: int
    value: int


class HealthRow(NamedTuple):
    """One health record of a collar's log; codes as in firmware.wire.health."""

    collar: int
    generation: int
    record: int
    recorded_at_us: int
    code: int
    value: int


class ReceptionRow(NamedTuple):
    """One frame heard by one station, whatever was in it."""

    station: str
    collar: int
    received_at_us: int
    """Unix time at the end of the frame, corrected [us]"""
    epoch: int
    """Key epoch of the collar"""
    counter: int
    """Frame counter, u32"""
    freq_hz: int
    sf: int
    """Spreading factor, 5..12"""
    rssi_dbm: float
    snr_db: float
    frame_bytes: int
    """Length of the frame on the air [bytes]"""
    clock_error_s: float = 0.0
    """The station's own clock showed `received_at_us` and this much more [s]"""


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


class Table(NamedTuple):
    """How one kind of row lies in the database."""

    name: str
    kinds: tuple[str, ...]
    bounds: checks.Bounds
    row: type[Any]

    @property
    def columns(self) -> sql.Composed:
        """Its columns, as the fields of its rows name them without their units."""
        names = (_COLUMNS.get(field, field) for field in self.row._fields)
        return sql.SQL(", ").join(map(sql.Identifier, names))


# Collars and stations that a connection has put into the registry: not to ask at every batch.
_registered: WeakKeyDictionary[psycopg.Connection[Any], set[int | str]] = WeakKeyDictionary()
_COLUMNS = {
    "recorded_at_us": "recorded_at",
    "received_at_us": "received_at",
    "lat_deg": "lat",
    "lon_deg": "lon",
}
_COLLAR = (0, 0, 0, 0, 0, 1)  # which field it is
_RECEPTION = Table(
    "reception",
    ("text", "i4", "time", "i8", "i8", "i8", "i2", "f4", "f4", "i2", "f8"),
    checks.RECEPTION,
    ReceptionRow,
)
_TABLES = (
    Table("fix", (*_RECORD_KINDS, "f8", "f8", "f4", "f4", "i2"), checks.FIX, FixRow),
    Table("status", (*_RECORD_KINDS, "i4", *["i8"] * 6, "i2"), checks.STATUS, StatusRow),
    Table(
        "activity", (*_RECORD_KINDS, "i8", "i2", "i2", "i4", "i8"), checks.ACTIVITY, ActivityRow
    ),
    Table("alarm", (*_RECORD_KINDS, "i2", "i2", "i8"), checks.ALARM, AlarmRow),
    Table("health", (*_RECORD_KINDS, "i2", "i8"), checks.HEALTH, HealthRow),
    _RECEPTION,
)


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
    for attempt in range(1, _TRIES):
        try:
            return _load_once(connection, staged)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
            log.warning("batch cancelled by the server, try %d of %d: %s", attempt, _TRIES, error)
            time.sleep(random.uniform(0.01, 0.05) * 2**attempt)
        except gate.NoGate:
            gate.add_missing(connection, _names(staged))
    return _load_once(connection, staged)


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


def _load_once(connection: psycopg.Connection[Any], staged: list[list[copy.Column]]) -> LoadReport:
    counts = []
    with connection.transaction(), connection.cursor() as cursor:
        new = gate.let_pass(cursor, _names(staged))
        names = _register(cursor, staged)
        for table, columns, rows in zip(_TABLES, staged, new, strict=False):
            passed = [column.take(rows) for column in columns]
            stored = _insert(cursor, table, passed)
            if table.name == "fix" and len(rows):
                _advance_latest(cursor, passed)
            counts.append((stored, len(columns[0].values) - stored))
        receptions_new = _insert(cursor, _RECEPTION, staged[-1])
        _note_arrivals(cursor, staged, new)
    _registered.setdefault(connection, set()).update(names)
    others_new, others_duplicate = (sum(part) for part in zip(*counts[2:], strict=True))
    return LoadReport(*counts[0], *counts[1], receptions_new, others_new, others_duplicate)


def _note_arrivals(
    cursor: psycopg.Cursor[Any], staged: list[list[copy.Column]], new: Sequence[Any]
) -> None:
    """Leave word for the alerts: which collars have something new, and since when."""
    came = [
        (columns[0].values[rows], columns[3].values[rows])
        for columns, rows in zip(staged, new, strict=False)
    ]
    came.append((staged[-1][1].values, staged[-1][2].values))  # collar and time of receptions
    collars, times_us = (np.concatenate(part) for part in zip(*came, strict=True))
    order = np.lexsort((times_us, collars))
    firsts = order[np.flatnonzero(np.diff(collars[order], prepend=-1))]
    if len(firsts):
        values = {
            "collars": gate.array(collars[firsts].tolist()),
            "times_us": gate.array(times_us[firsts].tolist()),
        }
        cursor.execute(query("note_arrival"), values)


def _register(cursor: psycopg.Cursor[Any], staged: list[list[copy.Column]]) -> set[int | str]:
    """Put collars and stations into the registry; returns them."""
    parts = [one[_COLLAR[i]].values for i, one in enumerate(staged)]
    collars = set(np.unique(np.concatenate(parts)).tolist())
    stations = {name.decode() for name in set(staged[-1][0].values.tolist())}
    known = _registered.get(cursor.connection, set())
    if not collars <= known:
        cursor.execute(query("add_missing_collars"), {"collars": gate.array(sorted(collars))})
    if not stations <= known:
        cursor.execute(query("add_missing_stations"), {"stations": sorted(stations)})
    return collars | stations


def _insert(cursor: psycopg.Cursor[Any], table: Table, columns: list[copy.Column]) -> int:
    """Store rows; returns how many were new to the table."""
    rows = len(columns[0].values)
    if not rows:
        return 0
    try:
        with cursor.connection.transaction():
            _copy(cursor, sql.Identifier(table.name), table, columns)
        return rows
    except psycopg.errors.UniqueViolation:
        pass
    stage, target = sql.Identifier("stage"), sql.Identifier(table.name)
    create = "create temp table {} on commit drop as select {} from {} limit 0"
    cursor.execute(sql.SQL(create).format(stage, table.columns, target))
    _copy(cursor, stage, table, columns)
    # Time first: a loader that waits for a new chunk must not hold rows that come after it.
    merge = "insert into {} ({}) select * from {} order by {} on conflict do nothing"
    order = sql.SQL("received_at, station, collar, epoch, counter")
    if table is not _RECEPTION:
        order = sql.SQL("collar, generation, record")
    cursor.execute(sql.SQL(merge).format(target, table.columns, stage, order))
    new = cursor.rowcount
    cursor.execute(sql.SQL("drop table {}").format(stage))
    return new


def _copy(
    cursor: psycopg.Cursor[Any],
    target: sql.Identifier,
    table: Table,
    columns: list[copy.Column],
) -> None:
    copy_in = "copy {} ({}) from stdin (format binary)"
    statement = sql.SQL(copy_in).format(target, table.columns)
    with cursor.copy(statement) as out:
        for block in copy.blocks(columns):
            out.write(block)


def _advance_latest(cursor: psycopg.Cursor[Any], fixes: list[copy.Column]) -> None:
    """Let `latest_fix` show the newest of some fixes, by time, generation and record."""
    collar, generation, record, time_us = (column.values for column in fixes[:4])
    order = np.lexsort((record, generation, time_us, collar))
    ordered = collar[order]
    newest = order[np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))]
    parameters = {}
    for name, column in zip(FixRow._fields, fixes, strict=True):
        values = column.take(newest)
        known = values.null if values.null is not None else np.zeros(len(newest), bool)
        pairs = zip(values.values.tolist(), known.tolist(), strict=True)
        parameters[name] = gate.array(None if null else value for value, null in pairs)
    cursor.execute(query("advance_latest"), parameters)
