"""A health record: something that went wrong inside the collar, as two numbers.

    field   in a DATA payload (codes: bits.py), after the time (data.py)
    code    g(3): what (firmware/health.py)
    value   g(4): which, how many or how much

Ranges: recorded_at_s u32 (Unix time, UTC), when it was noticed; code u8; value u32.
"""

from collections import namedtuple

from .bits import Reader, Writer
from .errors import check_range
from .identity import check_record

Health = namedtuple("Health", ("record", "recorded_at_s", "code", "value"))


def check(health: Health) -> None:
    """Require that every field is in its range.

    Raises:
        BadValue: one is not; names it.
    """
    check_record(health.record)
    check_range("recorded_at_s", health.recorded_at_s, 0, 0xFFFFFFFF)
    check_range("code", health.code, 0, 0xFF)
    check_range("value", health.value, 0, 0xFFFFFFFF)


def append(out: Writer, health: Health) -> None:
    """Append the fields of `health` behind its time."""
    out.g(health.code, 3)
    out.g(health.value, 4)


def read(data: Reader, record: int, recorded_at_s: int) -> Health:
    """Take the fields of health record number `record` behind its time; none is checked.

    Raises:
        WireError: the bits end.
    """
    return Health(record, recorded_at_s, data.g(3), data.g(4))
