"""A health record: something that went wrong inside the collar, as two numbers.

field           what
recorded_at_s   u32, Unix time, UTC: when it was noticed
code            u8: what (firmware/health.py)
value           u32: which, how many or how much
"""

from collections import namedtuple

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
