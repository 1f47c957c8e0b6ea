"""The clairvoyant optimum: the most fixes a year's income can pay, known in advance.

It counts fixes on a grid of half hours, pays mean costs (it cannot pick lucky searches) and sees
the whole income. A receiver's knowledge is a small graph: states, and in each what a fix costs and
which state follows (`Moves`). Two answers:

    upper bound   Lagrange dual of the linear relaxation (the storage's balance is priced, the
                  graph stays exact): no plan, whatever its luck with rounding, can do better
    plan          dynamic programme over half hours, states and stored energy, carried out with
                  the exact balance: so much can be done

Leakage is a parallel resistance, so it is linear in the energy and both answers pay it exactly.
Everything is joules above the storage's lower limit.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

Array = NDArray[np.float64]
SLOT_S = 1800
PER_DAY = 86_400 // SLOT_S
_GRID = 385  # energies of the dynamic programme
_SPARE_J = 12.0  # above what the relaxation stores
_LATE = 3.0  # joules missing, at the end or ever, cost so many times their price
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
        fixes: The plan's fixes, less those that pay for joules missing at the end.
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
    """Return the best plan for `income_j`, the joules of each half hour of whole days."""
    rate = store.leak_per_s
    leak0 = store.leak_w + rate * store.low_j
    net_j = income_j - (store.always_w + leak0) * SLOT_S
    prices, most_j = _prices(net_j, rate * SLOT_S, best_cycle_j(moves), store)
    bound = _dual(net_j, 1.0 - rate * SLOT_S, prices, moves, store)
    top_j = min(store.high_j, most_j + _SPARE_J)  # the plan need not look higher
    grid_j = np.linspace(0.0, top_j - store.low_j, _GRID)
    leak_j = (leak0 + rate * grid_j) * SLOT_S
    by_grid_j = (income_j - store.always_w * SLOT_S)[:, None] - leak_j
    start_j = store.start_j - store.low_j
    end_fixes = _LATE * prices[-1] * np.minimum(0.0, grid_j - start_j)
    graph = (moves.idle, moves.cost_j, moves.then)
    value = _values(by_grid_j, *graph, end_fixes, grid_j[1], _LATE * prices[-1])
    taken, energy_j, wasted_j = _carry_out(value, by_grid_j, *graph, start_j, grid_j[1])
    missing_j = max(0.0, start_j - float(energy_j[-1]))
    fixes = int(taken.sum()) - math.ceil(missing_j / float(np.min(moves.cost_j)) - 1e-9)
    return Plan(bound, fixes, taken, energy_j + store.low_j, float(wasted_j))


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
def _values(
    net_j: Array,
    idle: NDArray[np.int64],
    cost_j: Array,
    then: NDArray[np.int64],
    end_fixes: Array,
    step_j: float,
    short: float,
) -> NDArray[np.float32]:
    """Fixes to come by half hour, state and energy on a grid, backwards from the end."""
    slots, grid = len(net_j), len(end_fixes)
    states, ways = cost_j.shape
    value = np.zeros((slots + 1, states, grid), dtype=np.float32)
    for s in range(states):
        value[slots, s] = end_fixes
    for t in range(slots - 1, -1, -1):
        for i in range(grid):
            rest = i * step_j + net_j[t, i]
            for s in range(states):
                best = _at(value[t + 1, idle[s]], rest / step_j)
                for w in range(ways):
                    after = rest - cost_j[s, w]
                    if after >= 0.0:
                        best = max(best, 1.0 + _at(value[t + 1, then[s, w]], after / step_j))
                value[t, s, i] = best + short * min(rest, 0.0)
    return value


@_jit
def _carry_out(
    value: NDArray[np.float32],
    net_j: Array,
    idle: NDArray[np.int64],
    cost_j: Array,
    then: NDArray[np.int64],
    start_j: float,
    step_j: float,
) -> tuple[NDArray[np.bool_], Array, float]:
    """Take what the values call best, with the exact balance; energies above the lower limit."""
    slots = len(net_j)
    ways = cost_j.shape[1]
    high_j = (value.shape[2] - 1) * step_j
    taken = np.zeros(slots, dtype=np.bool_)
    energy = np.empty(slots + 1)
    energy[0] = start_j
    wasted, s = 0.0, 0
    for t in range(slots):
        rest = energy[t] + _at(net_j[t], energy[t] / step_j)
        best, way = _at(value[t + 1, idle[s]], rest / step_j), -1
        for w in range(ways):
            after = rest - cost_j[s, w]
            if after >= 0.0:
                worth = 1.0 + _at(value[t + 1, then[s, w]], after / step_j)
                if worth > best:
                    best, way = worth, w
        if way >= 0:
            rest -= cost_j[s, way]
            taken[t] = True
            s = then[s, way]
        else:
            s = idle[s]
        wasted += max(0.0, rest - high_j)
        energy[t + 1] = min(rest, high_j)
    return taken, energy, wasted


@_jit
def _at(values: Array, index: float) -> float:
    """Value at a fractional index, linear between the grid's points; beyond its end the last."""
    if index >= len(values) - 1:
        return float(values[len(values) - 1])
    i = int(max(index, 0.0))
    share = max(index, 0.0) - i
    return float(values[i] * (1.0 - share) + values[i + 1] * share)
