"""The clairvoyant optimum: the most fixes a year's income can pay, known in advance.

It counts fixes on a grid of half hours, pays mean costs (it cannot pick lucky searches) and sees
the whole income. A receiver's knowledge is a small graph: states, and in each what a fix costs and
which state follows (`Moves`). Two answers:

    plan          dynamic programme over half hours: for each state and number of fixes so far the
                  most energy that can be left, since more is never worse; it is carried out with
                  the exact balance
    upper bound   linear relaxation: parts of plans of the first half of the year, and parts of
                  plans of the second, joined at mid-year by the balance of energy and of knowledge
                  on the mean only. No plan, whatever its luck with rounding, can do better

(A relaxation of every half hour's balance may search a little in every slot, which keeps orbits
young for ever, and never pays for a cold start: it lies up to 3 % higher.)

Leakage is a parallel resistance, so it is linear in the energy and both answers pay it exactly.
Everything is joules above the storage's lower limit.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from hardware.budget import programme
from hardware.budget.programme import Array

SLOT_S = 1800
_SPARE_FIXES = 50  # more or fewer fixes than what is stored pays for


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
        gain = programme.gain(moves.idle, moves.cost_j, moves.then, np.full(2000, 1.0 / middle))
        low, high = (low, middle) if gain > 1e-6 else (middle, high)
    return high


def clairvoyant(income_j: Array, moves: Moves, store: Store) -> Plan:
    """Return the best plan for `income_j`, the joules of each half hour.

    Raises:
        ValueError: No plan keeps the storage within its limits.
    """
    keep = 1.0 - store.leak_per_s * SLOT_S
    low_leak_j = (store.leak_w + store.leak_per_s * store.low_j) * SLOT_S
    net_j = income_j - store.always_w * SLOT_S - low_leak_j
    start_j, high_j = store.start_j - store.low_j, store.high_j - store.low_j
    oldest_j = best_cycle_j(moves) * keep ** len(net_j)  # less leaked since what a fix has spent
    width = int(high_j / oldest_j) + _SPARE_FIXES
    graph = (moves.idle, moves.cost_j, moves.then)
    middle = len(net_j) // 2
    way, before = programme.best_ways(net_j, keep, *graph, start_j, high_j, width, middle)
    after = programme.needs(net_j[middle:], keep, *graph, start_j, high_j, width)
    energy_j, wasted_j = programme.carry_out(way, net_j, keep, *graph, start_j, high_j)
    if energy_j.min() < -1e-9 or energy_j[-1] < start_j:
        raise ValueError("no plan keeps the storage within its limits")
    taken = way >= 0
    bound = _joined(before, after)
    return Plan(bound, int(taken.sum()), taken, energy_j + store.low_j, float(wasted_j))


def _joined(before: tuple[Array, int], after: tuple[Array, int]) -> float:
    """Most fixes of parts of plans of two halves of a year.

    Args:
        before: By state and number of fixes what the first half can leave at most [J], and the
            first number.
        after: Likewise what the second half needs at least.
    """
    (left_j, first), (need_j, second) = before, after
    s, n = np.nonzero(left_j >= 0.0)
    other_s, m = np.nonzero(np.isfinite(need_j))
    fixes = np.concatenate([n + first, m + second]).astype(np.float64)
    energy_j = np.concatenate([left_j[s, n], -need_j[other_s, m]])
    column = np.arange(len(fixes))
    half = np.concatenate([np.zeros_like(s), np.ones_like(other_s)])
    state = 2 + np.concatenate([s, other_s])
    rows, columns = np.concatenate([half, state]), np.concatenate([column, column])
    values = np.concatenate([np.ones_like(fixes), 1.0 - 2.0 * half])
    shape = (2 + len(left_j), len(fixes))
    answer = linprog(
        -fixes,
        A_ub=-energy_j[None, :],
        b_ub=[0.0],
        A_eq=csr_array((values, (rows, columns)), shape=shape),
        b_eq=[1.0, 1.0] + [0.0] * len(left_j),
        method="highs",
    )
    if answer.status != 0:
        raise ValueError(f"no plan keeps the storage within its limits: {answer.message}")
    return -float(answer.fun)
