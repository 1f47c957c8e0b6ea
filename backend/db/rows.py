"""What the loader stores: the rows of every kind, and the tables they go to.

To add a kind: its row here, its bounds in `checks`, its table in a migration, and a field of
`ingest.Batch`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from backend.db import checks


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


class Table(NamedTuple):
    """How one kind of row lies in the database."""

    name: str
    kinds: tuple[str, ...]
    """Of its columns, as `copy.KINDS` names them"""
    bounds: checks.Bounds
    row: type[Any]
    order: str
    """Its identity; rows that wait for each other are stored in this order"""

    @property
    def columns(self) -> str:
        """Its columns, as the fields of its rows name them without the units of some."""
        return ", ".join(_COLUMNS.get(field, field) for field in self.row._fields)


_COLUMNS = {
    "recorded_at_us": "recorded_at",
    "received_at_us": "received_at",
    "lat_deg": "lat",
    "lon_deg": "lon",
}


def _record_table(name: str, kinds: Sequence[str], bounds: checks.Bounds, row: type[Any]) -> Table:
    kinds = ("i4", "i4", "i8", "time", *kinds)
    return Table(name, kinds, bounds, row, "collar, generation, record")


RECORDS = (
    _record_table("fix", ("f8", "f8", "f4", "f4", "i2"), checks.FIX, FixRow),
    _record_table("status", ("i4", *["i8"] * 6, "i2"), checks.STATUS, StatusRow),
    _record_table("activity", ("i8", "i2", "i2", "i4", "i8"), checks.ACTIVITY, ActivityRow),
    _record_table("alarm", ("i2", "i2", "i8"), checks.ALARM, AlarmRow),
    _record_table("health", ("i2", "i8"), checks.HEALTH, HealthRow),
)
"""Tables of what a collar numbers in its log; the first four columns name the record."""

RECEPTION = Table(
    "reception",
    ("text", "i4", "time", "i8", "i8", "i8", "i2", "f4", "f4", "i2", "f8"),
    checks.RECEPTION,
    ReceptionRow,
    # Time first: a loader that waits for a new chunk must not hold rows that come after it.
    "received_at, station, collar, epoch, counter",
)
