"""An activity: how much the animal moved, and what its movement gave, in one interval.

    field           what
    recorded_at_s   u32, Unix time, UTC: the end of the interval
    interval_s      u32: its length
    wakes           u8: wakes of the collar in it
    moved_wakes     u8: those that found the accelerometer's "moved since" flag set
    intensity_mg    u16: mean magnitude of the dynamic acceleration, 1/1000 g
    income_mj       u16: energy that came in, mJ

Counters and amounts saturate on the collar.
"""

from collections import namedtuple

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
        raise BadValue("moved_wakes", activity.moved_wakes, "at most %d wakes" % activity.wakes)
