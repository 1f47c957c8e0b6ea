"""Load records and receptions into the database: fast, idempotent, safe for several loaders at once.

A batch goes by binary COPY into temporary staging tables and from there, in the same transaction, into the
tables. `record_gate` holds per (collar, generation) the multirange of records already stored: its rows are
locked in ascending order before anything is written, so that a record is stored once whatever the
order, the overlap and the number of loaders, and two loaders can never wait for each other in a ring.
"""

from __future__ import annotations

from typing import NamedTuple

import psycopg


class FixRow(NamedTuple):
    """One position record of a collar's log."""

    collar: int
    """1..65535"""
    generation: int
    """Log resets so far, >= 0"""
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

    fixes: list[FixRow] = []
    statuses: list[StatusRow] = []
    receptions: list[ReceptionRow] = []


class LoadReport(NamedTuple):
    """How many rows of a batch were new; rows in = new + duplicate."""

    fixes_new: int
    fixes_duplicate: int
    statuses_new: int
    statuses_duplicate: int
    receptions_new: int


def load(connection: psycopg.Connection[tuple[object, ...]], batch: Batch) -> LoadReport:
    """Store a batch in one transaction of its own.

    Loading the same rows again changes nothing. Deadlocks and serialization failures are tried again.

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
    raise NotImplementedError
