"""An alarm: something a person should know soon.

    field    in a DATA payload (codes: bits.py), after the time (data.py)
    alarm    u(4): 1 mortality, 2 revival, 3 fence left, 4 fence entered, 5 energy low,
             6 energy back; others up to 15 are kept as numbers
    number   g(1): which fence, 0..3; else 0
    value    g(12): seconds without movement (1, 2), stored energy in mJ (5, 6), else 0

Ranges: recorded_at_s u32 (Unix time, UTC), when the collar noticed; number u8; value u32.
"""

from collections import namedtuple

from .bits import Reader, Writer
from .errors import check_range
from .identity import check_record

Alarm = namedtuple("Alarm", ("record", "recorded_at_s", "alarm", "number", "value"))

MORTALITY = 1
REVIVAL = 2
FENCE_LEFT = 3
FENCE_ENTERED = 4
ENERGY_LOW = 5
ENERGY_BACK = 6


def check(alarm: Alarm) -> None:
    """Require that every field is in its range.

    Raises:
        BadValue: one is not; names it.
    """
    check_record(alarm.record)
    check_range("recorded_at_s", alarm.recorded_at_s, 0, 0xFFFFFFFF)
    check_range("alarm", alarm.alarm, 1, 15)
    check_range("number", alarm.number, 0, 0xFF)
    check_range("value", alarm.value, 0, 0xFFFFFFFF)


def append(out: Writer, alarm: Alarm) -> None:
    """Append the fields of `alarm` behind its time."""
    out.u(alarm.alarm, 4)
    out.g(alarm.number, 1)
    out.g(alarm.value, 12)


def read(data: Reader, record: int, recorded_at_s: int) -> Alarm:
    """Take the fields of alarm number `record` behind its time; none is checked.

    Raises:
        WireError: the bits end.
    """
    return Alarm(record, recorded_at_s, data.u(4), data.g(1), data.g(12))
