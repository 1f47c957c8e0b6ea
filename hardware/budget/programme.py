"""The loops of the clairvoyant optimum, compiled: over half hours, states and numbers of fixes.

All take the graph of moves as arrays (`hardware.budget.optimum.Moves`): `idle` (states,) the
state after half an hour without a fix, `cost_j` and `then` (states, ways) what a fix costs and
leads to. Energies are joules above the storage's lower limit; `keep` is what leakage leaves of one
in half an hour; `net_j` is what comes in each half hour less what is always drawn.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
States = NDArray[np.int64]
_Function = TypeVar("_Function", bound=Callable[..., object])


def jit(function: _Function) -> _Function:
    """Compile at the first call, for ever."""
    return cast(_Function, numba.njit(function, cache=True, nogil=True))


@jit
def gain(idle: States, cost_j: Array, then: States, prices: Array) -> float:
    """Best sum of fixes less priced joules over all half hours, from knowing nothing."""
    states, ways = cost_j.shape
    value = np.zeros(states)
    before = np.zeros(states)
    for t in range(len(prices) - 1, -1, -1):
        for s in range(states):
            best = value[idle[s]]
            for w in range(ways):
                best = max(best, 1.0 - prices[t] * cost_j[s, w] + value[then[s, w]])
            before[s] = best
        value, before = before, value
    return float(value[0])


@jit
def best_ways(
    net_j: Array,
    keep: float,
    idle: States,
    cost_j: Array,
    then: States,
    start_j: float,
    high_j: float,
    width: int,
    middle: int,
) -> tuple[States, tuple[Array, int]]:
    """The way taken in each half hour, -1 for none, of the plan with most fixes.

    It ends with no less than `start_j`. Few fixes leave a full storage: a window of `width`
    numbers of fixes holds what is left of them. Beside the ways: before half hour `middle` the
    most energy by state and number of fixes, and the first number.
    """
    slots = len(net_j)
    states, ways = cost_j.shape
    came = np.zeros((slots, states, width), dtype=np.uint8)  # state before, and way + 1
    shifts = np.zeros(slots, dtype=np.int64)  # of the window
    energy = np.full((states, width), -np.inf)
    energy[0, 0] = start_j
    top = first = 0
    halfway = (energy, first)
    for t in range(slots):
        if t == middle:
            halfway = (energy, first)
        shifts[t] = shift = _beaten(energy, top, width)
        first += shift
        after = np.full((states, width), -np.inf)
        for s in range(states):
            for n in range(shift, top + 1):
                if energy[s, n] < 0.0:
                    continue
                rest = energy[s, n] * keep + net_j[t]
                for w in range(-1, ways):
                    there = idle[s] if w < 0 else then[s, w]
                    left = min(rest if w < 0 else rest - cost_j[s, w], high_j)
                    m = n - shift + (w >= 0)
                    if left >= 0.0 and left > after[there, m]:
                        after[there, m] = left
                        came[t, there, m] = s * (ways + 1) + w + 1
        energy = after
        top += 1 - shift
        while top > 0 and energy[:, top].max() < 0.0:
            top -= 1
    taken = np.full(slots, -1)
    n = top
    while n > 0 and energy[:, n].max() < start_j:
        n -= 1
    s = int(np.argmax(energy[:, n]))
    for t in range(slots - 1, -1, -1):
        code = came[t, s, n]
        s, taken[t] = code // (ways + 1), code % (ways + 1) - 1
        n += shifts[t] - (taken[t] >= 0)
    return taken, halfway


@jit
def needs(
    net_j: Array,
    keep: float,
    idle: States,
    cost_j: Array,
    then: States,
    end_j: float,
    high_j: float,
    width: int,
) -> tuple[Array, int]:
    """By state and number of fixes the least energy to begin with, and the first number.

    Enough to end with `end_j`; infinite where no storage holds as much. Kept as what is left to
    `high_j`, of which more is never worse.
    """
    states, ways = cost_j.shape
    room = np.full((states, width), -np.inf)
    room[:, 0] = high_j - end_j
    top = first = 0
    for t in range(len(net_j) - 1, -1, -1):
        shift = _beaten(room, top, width)
        before = np.full((states, width), -np.inf)
        for s in range(states):
            for w in range(-1, ways):
                there = idle[s] if w < 0 else then[s, w]
                paid = net_j[t] - (0.0 if w < 0 else cost_j[s, w])
                for n in range(shift, top + 1):
                    left = min(high_j - (high_j - room[there, n] - paid) / keep, high_j)
                    m = n - shift + (w >= 0)
                    if room[there, n] >= 0.0 and left >= 0.0 and left > before[s, m]:
                        before[s, m] = left
        room = before
        first += shift
        top += 1 - shift
        while top > 0 and room[:, top].max() < 0.0:
            top -= 1
    return high_j - room, first


@jit
def _beaten(energy: Array, top: int, width: int) -> int:
    """How many numbers of fixes are beaten in every state: a larger one leaves as much energy.

    Raises:
        ValueError: Of those up to `top` that are left, and one more, some do not fit `width`.
    """
    count = top
    for s in range(len(energy)):
        most = energy[s, : top + 1].max()
        if most >= 0.0:
            n = top
            while energy[s, n] < most:
                n -= 1
            count = min(count, n)
    if top + 2 - count > width:
        raise ValueError("more numbers of fixes than expected")
    return count


@jit
def carry_out(
    way: States,
    net_j: Array,
    keep: float,
    idle: States,
    cost_j: Array,
    then: States,
    start_j: float,
    high_j: float,
) -> tuple[Array, float]:
    """Energies above the lower limit, and what a full storage refused."""
    energy = np.empty(len(way) + 1)
    energy[0] = start_j
    wasted, s = 0.0, 0
    for t in range(len(way)):
        rest = energy[t] * keep + net_j[t]
        if way[t] >= 0:
            rest -= cost_j[s, way[t]]
        s = idle[s] if way[t] < 0 else then[s, way[t]]
        wasted += max(0.0, rest - high_j)
        energy[t + 1] = min(rest, high_j)
    return energy, wasted
