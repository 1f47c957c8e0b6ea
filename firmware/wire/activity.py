"""An activity: how much the animal moved, and what its movement gave, in one interval.

    field           in a DATA payload (codes: bits.py), after the time (data.py)
    interval_s      g(13): length of the interval
    wakes           g(3): wakes of the collar in it
    moved_wakes     g(3): those that found the accelerometer's "moved since" flag set
    intensity_mg    g(6): mean magnitude of the dynamic acceleration, 1/1000 g
    income_mj       g(10): energy that came in, mJ

Ranges: recorded_at_s u32 (Unix time, UTC), the end of the interval; interval_s u32; wakes and
moved_wakes u8; intensity_mg and income_mj u16. Counters and amounts saturate on the collar.
"""

from collections import namedtuple

from .bits import Reader, Writer
from .errors import BadValue, check_range
from .identity import check_record

Activity = namedtuple(
    "Activity",
    (
        "record",
        "recorded_at_s",
        "interval_s",
        "wakes",
        "moved_wakes",
        "intensity_mg",
        "income_mj",
    ),
)


def check(activity: Activity) -> None:
    """Require that every field is in its range.

    Raises:
        BadValue: one is not; names it.
    """
    check_record(activity.record)
    check_range("recorded_at_s", activity.recorded_at_s, 0, 0xFFFFFFFF)
    check_range("interval_s", activity.interval_s, 0, 0xFFFFFFFF)
    check_range("wakes", activity.wakes, 0, 0xFF)
    check_range("moved_wakes", activity.moved_wakes, 0, 0xFF)
    check_range("intensity_mg", activity.intensity_mg, 0, 0xFFFF)
    check_range("income_mj", activity.income_mj, 0, 0xFFFF)
    if activity.moved_wakes > activity.wakes:
        raise BadValue("moved_wakes", activity.moved_wakes, f"at most {activity.wakes}, the wakes")


def append(out: Writer, activity: Activity) -> None:
    """Append the fields of `activity` behind its time."""
    out.g(activity.interval_s, 13)
    out.g(activity.wakes, 3)
    out.g(activity.moved_wakes, 3)
    out.g(activity.intensity_mg, 6)
    out.g(activity.income_mj, 10)


def read(data: Reader, record: int, recorded_at_s: int) -> Activity:
    """Take the fields of activity number `record` behind its time; none is checked.

    Raises:
        WireError: the bits end.
    """
    return Activity(record, recorded_at_s, data.g(13), data.g(3), data.g(3), data.g(6), data.g(10))
