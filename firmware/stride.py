"""How far the animal has gone since the last fix: its motion, and what motion was worth so far.

    motion   intensity of the acceleration, summed over the wakes (motion.py) [mg min]
    stride   squared distance between two fixes for the motion between them, learned from the fixes

The expected displacement follows; and so does a clock of the animal's own, whose minute is one of
a mean animal. What a fix is worth, the area between track and chord, grows with the displacement
and with the time: a fix is as due as both say, in minutes (`due_min`).
"""

from ._typing import TYPE_CHECKING
from .energy import isqrt

if TYPE_CHECKING:
    from .block import State

_GAP_MAX_S = 43200  # beyond, home draws the animal back: no measure of its stride
_MEMORY_MIN = 14400
_FAR_M = 10000
_BLUR_M = 10  # of two fixes: an animal that went less has not moved
_HASTE = 6  # times the mean motion, at most


def feel(state: "State", now_s: int, moved: bool, mean_mg: int) -> None:
    """Count the motion since the last wake: none without the flag, else by what was felt."""
    elapsed_s = now_s - state.felt_at_s
    if state.felt_at_s and moved and 0 < elapsed_s <= 86400:
        twice_mg = state.mean_mg + mean_mg
        _, motion, minutes = state.walk
        if not twice_mg and minutes:  # it moved between, or nothing can be felt: as on the mean
            twice_mg = 2 * motion // minutes
        state.motion_since += twice_mg * elapsed_s // 120
    state.felt_at_s = now_s


def learn(state: "State", now_s: int, gone_m: int) -> None:
    """Learn from a fix `gone_m` away from the one before; then count anew."""
    elapsed_s = now_s - state.fix_at_s
    if state.fix_at_s and 0 < elapsed_s <= _GAP_MAX_S:
        squares_m2, motion, minutes = state.walk
        squares_m2 += min(gone_m, _FAR_M) ** 2
        motion += state.motion_since
        minutes += elapsed_s // 60
        while minutes > _MEMORY_MIN or squares_m2 >> 31 or motion >> 31:
            squares_m2, motion, minutes = squares_m2 // 2, motion // 2, minutes // 2
        state.walk = [squares_m2, motion, minutes]
    state.motion_since = 0


def expected_m(state: "State") -> int:
    """Return how far the animal is expected to be from its last fix [m]."""
    squares_m2, motion, _ = state.walk
    if not motion:
        return _FAR_M
    return isqrt(max(1, state.motion_since * squares_m2 // motion))


def due_min(state: "State", now_s: int) -> int:
    """Return the minutes since the last fix, as the geometric mean of the clock's and its own."""
    clock_min = max(0, now_s - state.fix_at_s) // 60
    _, motion, minutes = state.walk
    if not motion:
        return clock_min
    if expected_m(state) < _BLUR_M:
        return 0
    own_min = min(state.motion_since * minutes // motion, _HASTE * clock_min)
    return isqrt(max(1, clock_min * own_min))
