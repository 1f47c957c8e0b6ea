"""Load records and receptions: fast, idempotent, safe for several loaders at once.

A batch goes by binary COPY into temporary staging tables and from there, in the same transaction,
into the tables. `record_gate` holds per (collar, generation) the multirange of records already
stored: its rows are locked in ascending order before anything is written, so that a record is
stored once whatever the order, the overlap and the number of loaders, and two loaders can never
wait for each other in a ring.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from backend.db import checks, copy
from backend.db.errors import BusyConnection
from backend.db.queries import query

log = logging.getLogger(__name__)

_TRIES = 6  # of a batch that the server itself cancels (deadlock, serialization)

_RECORD_KINDS = ("i4", "i4", "i8", "time")
_FIX_KINDS = (*_RECORD_KINDS, "f8", "f8", "f4", "f4", "i2")
_STATUS_KINDS = (*_RECORD_KINDS, "i4", "i8", "i8", "i8", "i8", "i8", "i8", "i2")
_RECEPTION_KINDS = ("text", "i4", "time", "i8", "i8", "i8", "i2", "f4", "f4", "i2")


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


class ReceptionRow(NamedTuple):
    """One frame heard by one station, whatever was in it."""

    station: str
    collar: int
    received_at_us: int
    """Unix time at the end of the frame, station or bridge clock [us]"""
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


class Batch(NamedTuple):
    """What one `load` stores together or not at all."""

    fixes: Sequence[FixRow] = ()
    statuses: Sequence[StatusRow] = ()
    receptions: Sequence[ReceptionRow] = ()


class LoadReport(NamedTuple):
    """How many rows of a batch were new; rows in = new + duplicate."""

    fixes_new: int
    fixes_duplicate: int
    statuses_new: int
    statuses_duplicate: int
    receptions_new: int


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
    checks.check(batch.fixes, checks.FIX)
    checks.check(batch.statuses, checks.STATUS)
    checks.check(batch.receptions, checks.RECEPTION)
    checks.check_station(batch.receptions)
    for attempt in range(1, _TRIES):
        try:
            return _load_once(connection, batch)
        except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure) as error:
            log.warning("batch cancelled by the server, try %d of %d: %s", attempt, _TRIES, error)
            time.sleep(random.uniform(0.01, 0.05) * 2**attempt)
    return _load_once(connection, batch)


def _load_once(connection: psycopg.Connection[Any], batch: Batch) -> LoadReport:
    collars = {row.collar for row in batch.fixes}
    collars |= {row.collar for row in batch.statuses}
    collars |= {row.collar for row in batch.receptions}
    stations = {row.station for row in batch.receptions}
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(query("stage_tables"))
        _stage(cursor, "stage_fix", _FIX_KINDS, batch.fixes)
        _stage(cursor, "stage_status", _STATUS_KINDS, batch.statuses)
        _stage(cursor, "stage_reception", _RECEPTION_KINDS, batch.receptions)
        cursor.execute(query("add_missing_collars"), {"collars": sorted(collars)})
        cursor.execute(query("add_missing_stations"), {"stations": sorted(stations)})
        fixes_new = statuses_new = receptions_new = 0
        if batch.fixes or batch.statuses:
            cursor.execute(query("lock_gates"))
        if batch.fixes:
            fixes_new = _merge(cursor, "merge_fixes")
            cursor.execute(query("pass_fixes"))
        if batch.statuses:
            statuses_new = _merge(cursor, "merge_statuses")
            cursor.execute(query("pass_statuses"))
        if batch.receptions:
            receptions_new = _merge(cursor, "merge_receptions")
    return LoadReport(
        fixes_new,
        len(batch.fixes) - fixes_new,
        statuses_new,
        len(batch.statuses) - statuses_new,
        receptions_new,
    )


def _stage(
    cursor: psycopg.Cursor[Any],
    table: str,
    kinds: tuple[str, ...],
    rows: Sequence[tuple[object, ...]],
) -> None:
    if not rows:
        return
    target = sql.Identifier("pg_temp", table)
    statement = sql.SQL("copy {} from stdin (format binary)").format(target)
    with cursor.copy(statement) as out:
        for block in copy.binary_rows(kinds, rows):
            out.write(block)


def _merge(cursor: psycopg.Cursor[Any], name: str) -> int:
    row = cursor.execute(query(name)).fetchone()
    assert row is not None  # count(*) always answers
    return int(row[0])
