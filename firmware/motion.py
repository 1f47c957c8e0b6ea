"""How much the animal moves, and whether it is dead, from what survives Standby.

Two things tell of the time asleep: the accelerometer's latched flag ("moved since it was last
read") and its FIFO, the last 20 s. A wake that finds the flag is a wake with motion. Whoever has
not moved for `mortality_s` is taken for dead: the alarm is a record and a frame at once, with
fixes after it; motion in two wakes of three revokes it. Pure: no hardware, no clock.
"""

from . import stride
from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .block import State
    from .config import Settings

NOTHING = 0
DIED = 1
REVIVED = 2

ALARM_FIXES = 12  # one every 30 minutes for six hours
_REVIVAL_WAKES = 2


def intensity_mg(samples: "list[tuple[int, int, int]]") -> int:
    """Return the mean magnitude of the dynamic acceleration in `samples` (x, y, z) [mg].

    The mean of the samples is gravity; what differs from it is motion. The magnitude is the sum
    over the axes (as in the overall dynamic body acceleration).
    """
    count = len(samples)
    if not count:
        return 0
    total = 0
    for axis in range(3):
        mean = sum([sample[axis] for sample in samples]) // count
        total += sum([abs(sample[axis] - mean) for sample in samples])
    return total // count


def note(state: "State", settings: "Settings", now_s: int, moved: bool, mean_mg: int) -> int:
    """Enter what a wake found; returns NOTHING, DIED or REVIVED.

    Args:
        state: changed in place.
        settings: the still time.
        now_s: the clock; a still time that lies ahead of it starts anew.
        moved: the latched flag.
        mean_mg: of the FIFO.
    """
    stride.feel(state, now_s, moved, mean_mg)
    state.wakes = min(state.wakes + 1, 255)
    state.moved_wakes = min(state.moved_wakes + (1 if moved else 0), 255)
    state.intensity_sum = min(state.intensity_sum + mean_mg, 0xFFFFFFFF)
    state.mean_mg = mean_mg
    if moved or not 0 < state.still_at_s <= now_s:
        state.still_at_s = now_s
    if not state.mortal:
        if now_s - state.still_at_s < settings.mortality_s:
            return NOTHING
        state.mortal = 1
        state.alarm_fixes = ALARM_FIXES
        state.revival = 0
        return DIED
    state.revival = min(state.revival + 1, _REVIVAL_WAKES) if moved else max(state.revival - 1, 0)
    if state.revival < _REVIVAL_WAKES:
        return NOTHING
    state.mortal = state.alarm_fixes = state.revival = 0
    return REVIVED


def move_clock(state: "State", by_s: int) -> None:
    """Keep the still time when the clock is set forward or back by `by_s`."""
    if state.still_at_s:
        state.still_at_s = max(1, state.still_at_s + by_s)


def take_interval(state: "State") -> "tuple[int, int, int]":
    """Return (wakes, wakes with motion, mean intensity [mg]) and start the next interval."""
    wakes = state.wakes
    found = (wakes, state.moved_wakes, state.intensity_sum // wakes if wakes else 0)
    state.wakes = state.moved_wakes = state.intensity_sum = 0
    return found
