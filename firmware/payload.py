"""The 13 payload bytes of a log slot, per kind of record. Values without room saturate.

fix       lat_e5 i32, lon_e5 i32, altitude_m i16, accuracy_class << 4 | reason u8, flags u8 (bit 0:
          the altitude is known), spare u8
status    voltage_mv (12 bits) | brownouts << 12, then u16: stored in 4 mJ, income in 10 mJ a day,
          fixes, failed fixes, frames; then the temperature i8 (-128 unknown)
activity  interval_s u32, wakes u8, moved_wakes u8, intensity_mg u16, income_mj u16
alarm     alarm u8, number u8, value u32
health    code u8, value u32
"""

import struct
from collections import namedtuple

from ._typing import TYPE_CHECKING
from .wire.activity import Activity
from .wire.alarm import Alarm
from .wire.fix import Fix
from .wire.health import Health
from .wire.kind import KIND_ACTIVITY, KIND_ALARM, KIND_FIX, KIND_HEALTH, KIND_STATUS
from .wire.status import Status

if TYPE_CHECKING:
    Record = Fix | Status | Activity | Alarm | Health

PAYLOAD_BYTES = 13
_ACTIVITY = "<IBBHH"
_ALARM = "<BBI"
_HEALTH = "<BI"

#: A record as it lies in the log. recorded_at_s: its stamp (moment.py).
Slot = namedtuple("Slot", ("record", "recorded_at_s", "kind", "payload"))


def pack_fix(
    lat_e5: int, lon_e5: int, altitude_m: "int | None", accuracy_class: int, reason: int
) -> bytes:
    """Return the payload of a fix."""
    known = altitude_m is not None
    altitude = max(-0x8000, min(altitude_m or 0, 0x7FFF))
    quality = accuracy_class << 4 | reason
    return struct.pack("<iihBBB", lat_e5, lon_e5, altitude, quality, 1 if known else 0, 0)


def pack_status(status: Status) -> bytes:
    """Return the payload of a status."""
    temperature_c = status.temperature_c
    return struct.pack(
        "<HHHHHHb",
        _clip(status.voltage_mv, 0xFFF) | _clip(status.brownouts, 15) << 12,
        _clip(status.stored_mj // 4, 0xFFFF),
        _clip(status.income_mj_per_day // 10, 0xFFFF),
        _clip(status.fixes, 0xFFFF),
        _clip(status.failed_fixes, 0xFFFF),
        _clip(status.frames, 0xFFFF),
        -128 if temperature_c is None else max(-127, min(temperature_c, 127)),
    )


def pack_activity(
    interval_s: int, wakes: int, moved_wakes: int, intensity_mg: int, income_mj: int
) -> bytes:
    """Return the payload of an activity."""
    return _padded(
        struct.pack(
            _ACTIVITY,
            _clip(interval_s, 0xFFFFFFFF),
            _clip(wakes, 0xFF),
            _clip(moved_wakes, 0xFF),
            _clip(intensity_mg, 0xFFFF),
            _clip(income_mj, 0xFFFF),
        )
    )


def pack_alarm(alarm: int, number: int, value: int) -> bytes:
    """Return the payload of an alarm."""
    return _padded(struct.pack(_ALARM, alarm, number, _clip(value, 0xFFFFFFFF)))


def pack_health(code: int, value: int) -> bytes:
    """Return the payload of a health record."""
    return _padded(struct.pack(_HEALTH, code, _clip(value, 0xFFFFFFFF)))


def _padded(data: bytes) -> bytes:
    return data + bytes(PAYLOAD_BYTES - len(data))


def _clip(value: int, most: int) -> int:
    return max(0, min(value, most))


def known(slot: Slot) -> bool:
    """Return whether this firmware knows the kind of a record."""
    return bool(KIND_FIX <= slot.kind <= KIND_HEALTH)


def decode(slot: Slot, at_s: "int | None" = None) -> "Record":
    """Return the record in a slot, with the time `at_s` if that is given, else with its stamp.

    Raises:
        ValueError: a kind this firmware does not know.
    """
    record = slot.record
    if at_s is None:
        at_s = slot.recorded_at_s
    if slot.kind == KIND_FIX:
        lat_e5, lon_e5, altitude, quality, flags = struct.unpack_from("<iihBB", slot.payload, 0)
        altitude_m = altitude if flags & 1 else None
        return Fix(record, at_s, lat_e5, lon_e5, altitude_m, quality >> 4, quality & 15)
    if slot.kind == KIND_STATUS:
        first, stored, income, fixes, failed, frames, temperature = struct.unpack_from(
            "<HHHHHHb", slot.payload, 0
        )
        return Status(
            record,
            at_s,
            first & 0xFFF,
            stored * 4,
            income * 10,
            fixes,
            failed,
            frames,
            first >> 12,
            None if temperature == -128 else temperature,
        )
    if slot.kind == KIND_ACTIVITY:
        interval_s, wakes, moved, intensity, income = struct.unpack_from(_ACTIVITY, slot.payload)
        return Activity(record, at_s, interval_s, wakes, moved, intensity, income)
    if slot.kind == KIND_ALARM:
        alarm, number, value = struct.unpack_from(_ALARM, slot.payload)
        return Alarm(record, at_s, alarm, number, value)
    if slot.kind == KIND_HEALTH:
        code, value = struct.unpack_from(_HEALTH, slot.payload)
        return Health(record, at_s, code, value)
    raise ValueError("kind of record %d is %d, expected 1 to 5" % (record, slot.kind))
