"""Which rows can be stored: the bounds of every field, checked before anything is sent.

A broken clock or a decoding fault must not reach the tables: a far-off time would make a lone
chunk, a value out of a column's range would fail the whole batch without naming the row. Whatever
the wire can carry is within the bounds (`firmware.wire.fix`, `status`), but for times before the
GPS epoch: what is merely implausible is kept, and flagged by the analytics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from backend.db.copy import Column
from backend.db.errors import BadRow

_U32 = 2**32 - 1
_I53 = 2**53
_GPS_EPOCH_US = 315_964_800_000_000
_U32_END_US = _U32 * 1_000_000
_UNTIL = "Unix microseconds from 1980-01-06 (GPS epoch) to 2106-02-07"

_MAY_BE_NULL = frozenset({"altitude_m", "accuracy_m", "temperature_c"})

Bounds = Mapping[str, tuple[float, float]]

_RECORD: Bounds = {
    "collar": (1, 65535),
    "generation": (0, 2**31 - 1),
    "record": (1, _U32),
    "recorded_at_us": (_GPS_EPOCH_US, _U32_END_US),
}
FIX: Bounds = {
    **_RECORD,
    "lat_deg": (-90, 90),
    "lon_deg": (-180, 180),
    "altitude_m": (-32_768, 100_000),
    "accuracy_m": (0, 1_000_000),
    "reason": (0, 15),
}
STATUS: Bounds = {
    **_RECORD,
    "voltage_mv": (0, 100_000),
    "stored_mj": (-_I53, _I53),
    "income_mj_per_day": (-_I53, _I53),
    "fixes": (0, _I53),
    "failed_fixes": (0, _I53),
    "frames": (0, _I53),
    "brownouts": (0, _I53),
    "temperature_c": (-273, 1000),
}
RECEPTION: Bounds = {
    "collar": (1, 65535),
    "received_at_us": (_GPS_EPOCH_US, _U32_END_US),
    "epoch": (0, _U32),
    "counter": (0, _U32),
    "freq_hz": (1, _U32),
    "sf": (5, 12),
    "rssi_dbm": (-300, 100),
    "snr_db": (-100, 100),
    "frame_bytes": (1, 1024),
    "clock_error_s": (-_U32, _U32),
}
ACTIVITY: Bounds = {
    **_RECORD,
    "interval_s": (0, _U32),
    "wakes": (0, 2**15 - 1),
    "moved_wakes": (0, 2**15 - 1),
    "intensity_mg": (0, 2**31 - 1),
    "income_mj": (0, _U32),
}
ALARM: Bounds = {**_RECORD, "alarm": (0, 255), "number": (0, 255), "value": (-_I53, _I53)}
HEALTH: Bounds = {**_RECORD, "code": (0, 2**15 - 1), "value": (-_I53, _I53)}


def check(rows: Sequence[tuple[object, ...]], columns: Sequence[Column], bounds: Bounds) -> None:
    """Check every bounded field of every row; None passes where a value may be unknown.

    Args:
        rows: as they were given, to name the one at fault.
        columns: the same, by column.
        bounds: by name of a field.

    Raises:
        BadRow: the first row with a value that is not a number, not finite or out of bounds.
    """
    if not rows:
        return
    names: tuple[str, ...] = rows[0]._fields  # type: ignore[attr-defined]  # NamedTuples all
    for name, column in zip(names, columns, strict=True):
        if name in bounds and not _all_within(name, column, *bounds[name]):
            name_bad_row(rows, bounds)


def name_bad_row(rows: Sequence[tuple[object, ...]], bounds: Bounds) -> None:
    """Look at every value by itself.

    Raises:
        BadRow: the first that is not a number, not finite or out of bounds.
    """
    for row in rows:
        for name, value in zip(row._fields, row, strict=True):  # type: ignore[attr-defined]
            if name not in bounds or (value is None and name in _MAY_BE_NULL):
                continue
            low, high = bounds[name]
            if not _within(value, low, high):
                raise BadRow(row, name, value, _expected(name, low, high))


def check_station(rows: Sequence[tuple[object, ...]]) -> None:
    """Check the station's name, the first field of a reception.

    Raises:
        BadRow: empty, longer than 200 characters, or with a NUL.
    """
    for row in rows:
        name = row[0]
        if not isinstance(name, str) or not 0 < len(name) <= 200 or "\0" in name:
            raise BadRow(row, "station", name, "a name of 1 to 200 characters")


def _all_within(name: str, column: Column, low: float, high: float) -> bool:
    """Whether all values are within bounds; NaN is not."""
    values = column.values
    if column.null is not None:
        if name not in _MAY_BE_NULL:
            return False
        values = values[~column.null]
    return not len(values) or bool(values.min() >= low and values.max() <= high)


def _within(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and low <= value <= high


def _expected(name: str, low: float, high: float) -> str:
    return _UNTIL if name.endswith("_at_us") else f"a number from {low:.16g} to {high:.16g}"
