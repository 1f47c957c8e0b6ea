"""Convex hulls of points on the plane."""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit
from analytics.kernels.turn import turn

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_FEW = 32  # up to here insertion is the fastest way to sort


@jit
def _sort_by_place(x: Floats, y: Floats, chosen: Integers) -> None:
    """Sorts indices of points by x, then y."""
    m = chosen.size
    if m <= _FEW:
        for i in range(1, m):
            one, j = chosen[i], i
            while j > 0 and (
                x[chosen[j - 1]] > x[one]
                or (x[chosen[j - 1]] == x[one] and y[chosen[j - 1]] > y[one])
            ):
                chosen[j] = chosen[j - 1]
                j -= 1
            chosen[j] = one
        return
    chosen[:] = chosen[np.argsort(x[chosen])]
    start = 0
    while start < m:
        end = start + 1
        while end < m and x[chosen[end]] == x[chosen[start]]:
            end += 1
        if end - start > 1:
            column = chosen[start:end].copy()
            chosen[start:end] = column[np.argsort(y[column])]
        start = end


# m points in `chosen`; `out` has room for m + 1
@jit
def hull_of_chosen(x: Floats, y: Floats, chosen: Integers, out: Integers) -> int:
    """Writes the vertices of the hull counter-clockwise from the leftmost, returns their number.

    `chosen` comes out sorted by (x, y). Points on an edge are no vertices; points on one line, or
    all at one place, leave at most two.

    Source: Andrew 1979, doi:10.1016/0020-0190(79)90072-3.
    """
    _sort_by_place(x, y, chosen)
    m = chosen.size
    count = 0
    for step in range(m):  # the lower chain, from left to right
        one = chosen[step]
        while count >= 2 and (
            turn(
                x[out[count - 2]],
                y[out[count - 2]],
                x[out[count - 1]],
                y[out[count - 1]],
                x[one],
                y[one],
            )
            <= 0
        ):
            count -= 1
        out[count] = one
        count += 1
    lower = count + 1
    for step in range(m - 2, -1, -1):  # the upper chain, back to the first point
        one = chosen[step]
        while count >= lower and (
            turn(
                x[out[count - 2]],
                y[out[count - 2]],
                x[out[count - 1]],
                y[out[count - 1]],
                x[one],
                y[one],
            )
            <= 0
        ):
            count -= 1
        out[count] = one
        count += 1
    return max(1, count - 1)


# n points; 8 directions, counter-clockwise from +x
@jit
def _extremes(x: Floats, y: Floats) -> Integers:
    """Returns the (8,) points that lie furthest in eight directions, counter-clockwise."""
    at = np.zeros(8, np.int64)
    most = np.full(8, -np.inf)
    for i in range(x.size):
        u, v = x[i], y[i]
        s, d = u + v, u - v
        if u > most[0]:
            most[0], at[0] = u, i
        if s > most[1]:
            most[1], at[1] = s, i
        if v > most[2]:
            most[2], at[2] = v, i
        if -d > most[3]:
            most[3], at[3] = -d, i
        if -u > most[4]:
            most[4], at[4] = -u, i
        if -s > most[5]:
            most[5], at[5] = -s, i
        if -v > most[6]:
            most[6], at[6] = -v, i
        if d > most[7]:
            most[7], at[7] = d, i
    return at


@jit
def hull(x: Floats, y: Floats) -> Integers:
    """Returns the vertices of the convex hull of n points, counter-clockwise from the leftmost.

    Points inside the octagon of the eight most outlying ones cannot be vertices; only the others,
    few as a rule, are sorted. Memory: 8 bytes for each of those.

    Source: Akl & Toussaint 1978, doi:10.1016/0020-0190(78)90003-0.
    """
    at = _extremes(x, y)
    # inside where a x + b y > c for all eight edges
    a, b, c = np.zeros(8), np.zeros(8), np.full(8, -np.inf)
    for k in range(8):
        p, q = at[k], at[(k + 1) % 8]
        if x[p] != x[q] or y[p] != y[q]:
            a[k], b[k] = y[p] - y[q], x[q] - x[p]
            # on the edge counts as outside, whatever rounding does
            size = abs(a[k] * x[p]) + abs(b[k] * y[p])
            c[k] = a[k] * x[p] + b[k] * y[p] + 1e-14 * size
    outside = np.empty(x.size, np.int64)
    m = 0
    for i in range(x.size):
        u, v = x[i], y[i]
        inside = (
            (a[0] * u + b[0] * v > c[0])
            & (a[1] * u + b[1] * v > c[1])
            & (a[2] * u + b[2] * v > c[2])
            & (a[3] * u + b[3] * v > c[3])
            & (a[4] * u + b[4] * v > c[4])
            & (a[5] * u + b[5] * v > c[5])
            & (a[6] * u + b[6] * v > c[6])
            & (a[7] * u + b[7] * v > c[7])
        )
        outside[m] = i
        m += not inside
    if m == 0:  # all points are equal
        return np.zeros(1, np.int64)
    chosen = outside[:m].copy()
    out = np.empty(m + 1, np.int64)
    return out[: hull_of_chosen(x, y, chosen, out)].copy()
