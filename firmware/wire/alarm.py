"""An alarm: something a person should know soon.

field           what
recorded_at_s   u32, Unix time, UTC: when the collar noticed
alarm           1 mortality, 2 revival, 3 fence left, 4 fence entered, 5 energy low,
                6 energy back; others up to 15 are kept as numbers
number          u8: which fence, 0..3; else 0
value           u32: seconds without movement (1, 2), stored energy in mJ (5, 6), else 0
"""

from collections import namedtuple

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
