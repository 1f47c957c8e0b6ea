"""Where a year's joules tell most of an animal's track: what physics leaves a plan to gain.

Single fixes or groups may be spread evenly, or by the animal's motion: at equal lengths of its
path, as a collar would that feels every step; or where they make the track's error smallest, known
from the track itself, which no collar can know. Joules are those of the whole year, never short;
fixes are on the optimum's grid of half hours and cost what its moves cost (`Moves`).
"""

import math
from collections.abc import Callable

import numpy as np

from hardware.budget.optimum import SLOT_S, Moves
from hardware.budget.programme import Array, States, jit
from hardware.budget.years import GRID_S, Year

_PER_SLOT = SLOT_S // GRID_S
_NEAR, _AIM = 0.995, 0.998  # so much of the joules is all of them
_TRIES, _SAME = 24, 1.01  # prices that hardly differ
_FAR = 9.0  # a gap whose error is worth so many cold fixes is no part of the best placing


def evenly(year: Year, moves: Moves, joules: float, size: int = 1) -> list[float]:
    """Times [s] of groups of `size` fixes, half an hour apart, through the year."""
    slots = len(year.income_w) // _PER_SLOT

    def groups(count: int) -> States:
        starts = (np.arange(count) + 0.5) / count * slots
        every = (starts[:, None] + np.arange(size)).ravel().astype(np.int64)
        return np.unique(every[every < slots])

    return _most(groups, slots // size, moves, joules)


def by_path(year: Year, moves: Moves, joules: float) -> list[float]:
    """Times [s] of fixes at equal lengths of the animal's path."""
    steps_m = np.hypot(np.diff(year.x_m), np.diff(year.y_m))
    length_m = np.concatenate([[0.0], np.cumsum(steps_m)])
    slots = len(steps_m) // _PER_SLOT

    def parted(count: int) -> States:
        at_m = (np.arange(count) + 0.5) / count * length_m[-1]
        at = np.interp(at_m, length_m, np.arange(len(length_m))) / _PER_SLOT
        return np.unique(np.minimum(at.astype(np.int64), slots - 1))

    return _most(parted, 8 * slots, moves, joules)  # many share a half hour


def _most(
    placed: Callable[[int], States], highest: int, moves: Moves, joules: float
) -> list[float]:
    """Times [s] of the most fixes that `joules` pay."""
    graph = (moves.idle, moves.cost_j, moves.then)
    low, high = 1, highest
    while low < high:
        count = (low + high + 1) // 2
        if spent_j(placed(count), *graph) <= joules:
            low = count
        else:
            high = count - 1
    return _times(placed(low))


def least_error(year: Year, moves: Moves, joules: float) -> list[float]:
    """Times [s] of the fixes that make the root mean square error of the track smallest.

    Shortest path over all half hours and states of knowledge: a gap costs the squared error of the
    straight line across it, a fix its joules at a price, and the price is raised until `joules`
    pay. Exact for what it spends, but for gaps `_FAR` beyond the others.
    """
    graph = (moves.idle, moves.cost_j, moves.then)
    sums = _sums(year)
    low, high = 0.0, math.inf
    price = 1e5 * year.days / joules
    best: States = np.zeros(0, dtype=np.int64)
    for _ in range(_TRIES):
        slots = _cheapest(*sums, *graph, price)
        spent = spent_j(slots, *graph)
        if spent <= joules:
            high, best = price, slots
            if spent >= _NEAR * joules:
                break
        else:
            low = price
        if high < _SAME * low:
            break
        guess = price * (spent / joules / _AIM) ** 1.5
        price = guess if low < guess < high else math.sqrt(low * high)
    return _times(best)


def _times(slots: States) -> list[float]:
    return [float(slot * SLOT_S) for slot in slots]


def _sums(year: Year) -> tuple[Array, Array, Array, Array]:
    """Sums over the points before each: of both axes, of them by number, and of their squares."""
    points = np.stack([year.x_m, year.y_m], axis=1)
    points = points - points.mean(axis=0)
    zero = np.zeros((1, 2))
    number = np.arange(len(points))[:, None]
    squares = np.concatenate([[0.0], np.cumsum((points**2).sum(axis=1))])
    one = np.concatenate([zero, np.cumsum(points, axis=0)])
    weighted = np.concatenate([zero, np.cumsum(number * points, axis=0)])
    return points, one, weighted, squares


@jit
def spent_j(slots: States, idle: States, cost_j: Array, then: States) -> float:
    """Least joules of fixes in these half hours."""
    states, ways = cost_j.shape
    spent = np.full(states, np.inf)
    spent[0] = 0.0
    before = -1
    for slot in slots:
        after = np.full(states, np.inf)
        for s in range(states):
            at = s
            for _ in range(min(slot - before - 1, states)):
                at = idle[at]
            for w in range(ways):
                there = then[at, w]
                after[there] = min(after[there], spent[s] + cost_j[at, w])
        spent, before = after, slot
    return float(spent.min())


@jit
def _error(
    points: Array, one: Array, weighted: Array, squares: Array, a: int, b: int, bent: bool
) -> float:
    """Squared distances of points a .. b - 1 to the line from a to b, or (not bent) to point a."""
    count = b - a
    sides = count * (count - 1) / 2.0
    both = (count - 1) * count * (2 * count - 1) / 6.0
    error = squares[b] - squares[a]
    for axis in range(2):
        start = points[a, axis]
        total = one[b, axis] - one[a, axis]
        error += start * (count * start - 2.0 * total)
        if bent:
            slope = (points[b, axis] - start) / count
            tilted = weighted[b, axis] - weighted[a, axis] - a * total - start * sides
            error += slope * (slope * both - 2.0 * tilted)
    return float(max(error, 0.0))


@jit
def _cheapest(
    points: Array,
    one: Array,
    weighted: Array,
    squares: Array,
    idle: States,
    cost_j: Array,
    then: States,
    price: float,
) -> States:
    """Half hours of the fixes whose track's squared error and priced joules are least."""
    states, ways = cost_j.shape
    slots, last = (len(points) - 1) // _PER_SLOT, len(points)
    far = _FAR * price * cost_j[0, 0]
    aged = _aged(idle)
    value = np.full((slots, states), np.inf)  # of all before, by the state after this fix
    least, ends = np.full(slots, np.inf), np.empty(slots)
    came = np.full((slots, states), -1, dtype=np.int64)
    for j in range(slots):
        b = _PER_SLOT * j
        arrived = np.full(states, np.inf)
        source = np.full(states, -1, dtype=np.int64)
        arrived[0] = _before(points, one, squares, b)
        for i in range(j - 1, -1, -1):
            error = _error(points, one, weighted, squares, _PER_SLOT * i, b, True)
            if j - i <= states:
                for u in range(states):
                    at = aged[j - i - 1, u]
                    if value[i, u] + error < arrived[at]:
                        arrived[at], source[at] = value[i, u] + error, i * states + u
            elif least[i] + error < arrived[0]:
                arrived[0], source[0] = least[i] + error, i * states + np.argmin(value[i])
            elif error > far:
                break
        for s in range(states):
            for w in range(ways):
                there, paid = then[s, w], arrived[s] + price * cost_j[s, w]
                if paid < value[j, there]:
                    value[j, there], came[j, there] = paid, source[s]
        least[j] = value[j].min()
        ends[j] = least[j] + _error(points, one, weighted, squares, b, last, False)
    at = int(np.argmin(ends))
    return _traced(came, at * states + int(np.argmin(value[at])))


@jit
def _aged(idle: States) -> States:
    """(half hours, states) the state after so many half hours without a fix."""
    aged = np.empty((len(idle), len(idle)), dtype=np.int64)
    aged[0] = np.arange(len(idle))
    for gap in range(1, len(idle)):
        aged[gap] = idle[aged[gap - 1]]
    return aged


@jit
def _before(points: Array, one: Array, squares: Array, b: int) -> float:
    """Squared distances of all points before b to point b."""
    total = one[b] - one[0]
    error = squares[b]
    for axis in range(2):
        error += points[b, axis] * (b * points[b, axis] - 2.0 * total[axis])
    return float(error)


@jit
def _traced(came: States, code: int) -> States:
    """The half hours on the way that ended with `code`, half hour x states + state."""
    slots, states = came.shape
    taken = np.zeros(slots, dtype=np.bool_)
    while code >= 0:
        taken[code // states] = True
        code = came[code // states, code % states]
    return np.flatnonzero(taken)
