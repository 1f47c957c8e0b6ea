"""Convex hulls of the neighbourhoods of fixes, and the order in which they cover them."""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit
from analytics.kernels.hull import hull_of_chosen

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


# b fixes of a block, m neighbours at most, nearest first
@jit
def sort_ties(x: Floats, y: Floats, first: int, near: Integers, distances: Floats) -> None:
    """Orders neighbours (b, m) at equal distance by their number, and measures them anew.

    The fix of row k is number `first` + k; entries beyond the last fix stand for none.
    """
    rows, m = near.shape
    for k in range(rows):
        u, v = x[first + k], y[first + k]
        for i in range(m):
            one = near[k, i]
            if one == x.size:
                distances[k, i] = np.inf
                continue
            distance = np.sqrt((x[one] - u) ** 2 + (y[one] - v) ** 2)
            j = i
            while j > 0 and (
                distances[k, j - 1] > distance
                or (distances[k, j - 1] == distance and near[k, j - 1] > one)
            ):
                distances[k, j], near[k, j] = distances[k, j - 1], near[k, j - 1]
                j -= 1
            distances[k, j], near[k, j] = distance, one


# `vertices` has room for all neighbours counted and one more for each of the b fixes
@jit
def hulls(
    x: Floats,
    y: Floats,
    near: Integers,
    counts: Integers,
    sizes: Integers,
    areas: Floats,
    vertices: Integers,
) -> int:
    """Writes the hull of the first `counts` (b) neighbours (b, m) of each fix.

    `sizes` (b) are the numbers of vertices, `areas` (b) [m2], `vertices` all of them one hull
    after the other, of which it returns the number. A neighbourhood on one line has no vertices.
    """
    total = 0
    for k in range(counts.size):
        chosen = near[k, : counts[k]].copy()
        sizes[k], areas[k] = 0, 0.0
        if counts[k] < 3:
            continue
        size = hull_of_chosen(x, y, chosen, vertices[total:])
        if size < 3:
            continue
        own = vertices[total : total + size]
        u, v = x[own[0]], y[own[0]]
        twice = 0.0
        for i in range(1, size - 1):
            a, b = own[i], own[i + 1]
            twice += (x[a] - u) * (y[b] - v) - (x[b] - u) * (y[a] - v)
        sizes[k], areas[k] = size, twice / 2
        total += size
    return total


@jit
def cover(near: Integers, counts: Integers, ranks: Integers, covered_at: Integers) -> None:
    """Lowers `covered_at` (n) of every neighbour (b, m) to the rank (b) of the hull it is in."""
    for k in range(counts.size):
        for i in range(counts[k]):
            one = near[k, i]
            if ranks[k] < covered_at[one]:
                covered_at[one] = ranks[k]
