"""What is worth doing now, and when to look again. Pure: times in, decision out.

All times are Unix seconds. A time in the state that lies ahead of the clock comes from a clock
that was wrong; it counts as due.
"""

from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .block import State
    from .config import Settings

DAY_S = 86400

TASK_SLEEP = 0
TASK_FIX = 1
TASK_SEND = 2
TASK_HALT = 3

SOON_S = 2  # until the next wake when something is due at once
SEND_WAIT_MAX_S = 172800 + 64  # longest back-off between frames nobody answers
_RETRY_S = 300  # search without a clock, doubling


def fix_interval_s(settings: "Settings", cycle_uj: int, budget_uj_per_day: int) -> int:
    """Return the seconds between fixes that a daily budget affords."""
    least, most = settings.fix_interval_min_s, settings.fix_interval_max_s
    if budget_uj_per_day <= 0:
        return most
    return max(least, min(DAY_S * cycle_uj // budget_uj_per_day, most))


def fix_at_s(state: "State", now_s: int, interval_s: int) -> int:
    """Return when the next fix is due."""
    if not 0 < state.tried_at_s <= now_s:
        return now_s
    return state.tried_at_s + interval_s


def status_at_s(state: "State", settings: "Settings", now_s: int) -> int:
    """Return when the next status record is due."""
    if not 0 < state.status_at_s <= now_s:
        return now_s
    return state.status_at_s + settings.status_interval_s


def send_at_s(
    state: "State", settings: "Settings", now_s: int, waiting: int, oldest_at_s: int
) -> "int | None":
    """Return when the next frame is due, None when nothing waits.

    A collar that no station has answered yet sends its first record at once.

    Args:
        state: back-off, and whether the last frame was answered.
        settings: how many records, or what age, make a frame.
        now_s: the clock.
        waiting: records no station has, counted up to `send_records`.
        oldest_at_s: time of the oldest of them.
    """
    if not waiting:
        return None
    if state.draining or not state.answered or waiting >= settings.send_records:
        at_s = now_s
    else:
        at_s = max(now_s, min(oldest_at_s, now_s) + settings.send_age_s)
    if 0 <= state.send_after_s - now_s <= SEND_WAIT_MAX_S:
        at_s = max(at_s, state.send_after_s)
    return at_s


def choose(now_s: int, fix_at: "int | None", send_at: "int | None") -> int:
    """Return the task of this wake; None is a task that is not possible now."""
    if fix_at is not None and fix_at <= now_s:
        return TASK_FIX
    if send_at is not None and send_at <= now_s:
        return TASK_SEND
    return TASK_SLEEP


def sleep_s(now_s: int, times_s: "list[int | None]", most_s: int) -> int:
    """Return the seconds until the first of `times_s`, from 2 to `most_s`."""
    wait_s = most_s
    for at_s in times_s:
        if at_s is not None:
            wait_s = min(wait_s, at_s - now_s)
    return max(SOON_S, wait_s)


def search_again_s(failed_in_row: int, most_s: int) -> int:
    """Return the seconds until the next search of a collar that does not know the time."""
    return min(_RETRY_S << min(max(failed_in_row - 1, 0), 10), most_s)
