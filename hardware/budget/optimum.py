"""The clairvoyant optimum: the most fixes a year's income can pay, known in advance.

It counts fixes on a grid of half hours, pays mean costs (it cannot pick lucky searches) and sees
the whole income. A receiver's knowledge is a small graph: states, and in each what a fix costs and
which state follows (`Moves`). Two answers:

    upper bound   Lagrange dual of the linear relaxation (the storage's balance is priced, the
                  graph stays exact): no plan, whatever its luck with rounding, can do better.
                  It may search a little in every slot, which keeps orbits young for ever
    plan          dynamic programme over half hours: for each state and number of fixes so far the
                  most energy that can be left, since more is never worse; it is carried out with
                  the exact balance

Leakage is a parallel resistance, so it is linear in the energy and both answers pay it exactly.
Everything is joules above the storage's lower limit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog, minimize_scalar
from scipy.sparse import csr_array

Array = NDArray[np.float64]
SLOT_S = 1800
PER_DAY = 86_400 // SLOT_S
_SPARE_J = 12.0  # the plan may store so much more than the relaxation does
_SPARE_FIXES = 50  # and be so many more or fewer fixes ahead
_SCALES = (0.98, 1.05)  # of the relaxation's prices
_Function = TypeVar("_Function", bound=Callable[..., object])


def _jit(function: _Function) -> _Function:
    return cast(_Function, numba.njit(function, cache=True, nogil=True))


@dataclass(frozen=True)
class Moves:
    """What can be done in each state of knowledge; state 0 knows nothing.

    Attributes:
        idle: (states,) state after half an hour without a fix.
        cost_j: (states, ways) joules of a fix, infinite where there is no such way.
        then: (states, ways) state half an hour after it.
    """

    idle: NDArray[np.int64]
    cost_j: Array
    then: NDArray[np.int64]


@dataclass(frozen=True)
class Store:
    """The storage as the optimum sees it.

    Attributes:
        low_j, high_j: Between these it must stay [J].
        start_j: At the start, and at least so much at the end [J].
        always_w: Drawn always [W].
        leak_w, leak_per_s: Leakage at zero energy [W], and what each joule above adds [1/s].
    """

    low_j: float
    high_j: float
    start_j: float
    always_w: float
    leak_w: float
    leak_per_s: float


@dataclass(frozen=True)
class Plan:
    """A year's best plan.

    Attributes:
        bound: No plan has more fixes.
        fixes: The plan's fixes.
        taken: (slots,) whether a fix is taken in this half hour.
        energy_j: (slots + 1,) stored energy.
        wasted_j: What a full store refused.
    """

    bound: float
    fixes: int
    taken: NDArray[np.bool_]
    energy_j: Array
    wasted_j: float


def best_cycle_j(moves: Moves) -> float:
    """Joules per fix of the cheapest plan that can be repeated for ever."""
    low, high = 0.0, float(np.min(moves.cost_j[0]))
    for _ in range(60):  # the price of a joule at which the best cycle is worth nothing
        middle = 0.5 * (low + high)
        gain = _gain(moves.idle, moves.cost_j, moves.then, np.full(2000, 1.0 / middle))
        low, high = (low, middle) if gain > 1e-6 else (middle, high)
    return high


def clairvoyant(income_j: Array, moves: Moves, store: Store) -> Plan:
    """Return the best plan for `income_j`, the joules of each half hour of whole days.

    Raises:
        ValueError: No plan keeps the storage within its limits.
    """
    leak = store.leak_per_s * SLOT_S
    low_leak_j = (store.leak_w + store.leak_per_s * store.low_j) * SLOT_S
    net_j = income_j - store.always_w * SLOT_S - low_leak_j
    per_fix_j = best_cycle_j(moves)
    prices, most_j = _prices(net_j, leak, per_fix_j, store)
    bound = _bound(net_j, 1.0 - leak, prices, moves, store)
    most_j = min(store.high_j, most_j + _SPARE_J) - store.low_j  # no need to look higher
    width = int(most_j / per_fix_j) + _SPARE_FIXES
    graph = (moves.idle, moves.cost_j, moves.then)
    start_j = store.start_j - store.low_j
    way = _best_ways(net_j, 1.0 - leak, *graph, start_j, most_j, width)
    energy_j, wasted_j = _carry_out(way, net_j, 1.0 - leak, *graph, start_j, most_j)
    if energy_j.min() < -1e-9 or energy_j[-1] < start_j:
        raise ValueError("no plan keeps the storage within its limits")
    taken = way >= 0
    return Plan(bound, int(taken.sum()), taken, energy_j + store.low_j, float(wasted_j))


def _prices(net_j: Array, leak: float, per_fix_j: float, store: Store) -> tuple[Array, float]:
    """Fixes per joule at the end of each half hour, and the most energy stored on the way.

    From a relaxation by whole days. Any prices give a valid bound; these give a tight one.
    """
    days = len(net_j) // PER_DAY
    net = net_j.reshape(days, PER_DAY).sum(axis=1)
    keep = (1.0 - leak) ** PER_DAY
    # variables: fixes of each day (days), energy at the end of each day (days), waste (days)
    rows, columns, values = [], [], []
    for day in range(days):
        entries = [(day, per_fix_j), (days + day, 1.0), (2 * days + day, 1.0)]
        entries += [(days + day - 1, -keep)] if day else []
        for column, value in entries:
            rows.append(day)
            columns.append(column)
            values.append(value)
    right = net + store.low_j * (1.0 - keep)  # leakage is counted from the lower limit
    right[0] += keep * store.start_j
    low = [store.low_j] * (days - 1) + [store.start_j]
    bounds: list[tuple[float, float | None]] = [(0.0, float(PER_DAY))] * days
    bounds += [(least, store.high_j) for least in low] + [(0.0, None)] * days
    answer = linprog(
        np.concatenate([-np.ones(days), np.zeros(2 * days)]),
        A_eq=csr_array((values, (rows, columns)), shape=(days, 3 * days)),
        b_eq=right,
        bounds=bounds,
        method="highs",
    )
    if answer.status != 0:
        raise ValueError(f"no plan keeps the storage within its limits: {answer.message}")
    daily = -np.asarray(answer.eqlin.marginals, dtype=np.float64)
    within = (1.0 - leak) ** np.arange(PER_DAY - 1, -1, -1)  # a joule kept for later leaks
    prices: Array = np.outer(np.maximum(daily, 1e-9), within).ravel()
    return prices, max(store.start_j, float(answer.x[days : 2 * days].max()))


def _bound(net_j: Array, keep: float, prices: Array, moves: Moves, store: Store) -> float:
    """The least Lagrange dual for multiples of `prices`; it is convex in the multiple."""

    def dual(scale: float) -> float:
        return _dual(net_j, keep, scale * prices, moves, store)

    return float(minimize_scalar(dual, bounds=_SCALES, method="bounded").fun)


def _dual(net_j: Array, keep: float, prices: Array, moves: Moves, store: Store) -> float:
    """Value of the Lagrange dual: the balance of half hour t is priced with `prices[t]`."""
    income = net_j - store.low_j * (keep - 1.0)
    gain = float(_gain(moves.idle, moves.cost_j, moves.then, prices))
    total = gain + float(prices @ income)
    total += keep * prices[0] * store.start_j - prices[-1] * store.start_j
    slope = keep * prices[1:] - prices[:-1]  # of the energy between two half hours
    total += float(np.sum(np.where(slope > 0, slope * store.high_j, slope * store.low_j)))
    return float(total)


@_jit
def _gain(idle: NDArray[np.int64], cost_j: Array, then: NDArray[np.int64], prices: Array) -> float:
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


@_jit
def _best_ways(
    net_j: Array,
    keep: float,
    idle: NDArray[np.int64],
    cost_j: Array,
    then: NDArray[np.int64],
    start_j: float,
    high_j: float,
    width: int,
) -> NDArray[np.int64]:
    """The way taken in each half hour, -1 for none, of the plan with most fixes.

    It ends with no less than `start_j`. Few fixes leave a full storage: a window of `width`
    numbers of fixes holds what is left of them.
    """
    slots = len(net_j)
    states, ways = cost_j.shape
    came = np.zeros((slots, states, width), dtype=np.uint8)  # state before, and way + 1
    shifts = np.zeros(slots, dtype=np.int64)  # of the window
    energy = np.full((states, width), -np.inf)
    energy[0, 0] = start_j
    top = 0
    for t in range(slots):
        shifts[t] = shift = max(_beaten(energy, top), top + 2 - width)
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
    return taken


@_jit
def _beaten(energy: Array, top: int) -> int:
    """How many numbers of fixes are beaten in every state: a larger one leaves as much energy."""
    count = top
    for s in range(len(energy)):
        most = energy[s, : top + 1].max()
        if most >= 0.0:
            n = top
            while energy[s, n] < most:
                n -= 1
            count = min(count, n)
    return count


@_jit
def _carry_out(
    way: NDArray[np.int64],
    net_j: Array,
    keep: float,
    idle: NDArray[np.int64],
    cost_j: Array,
    then: NDArray[np.int64],
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
