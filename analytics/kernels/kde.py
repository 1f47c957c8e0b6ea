"""Sums of round kernels on a regular grid, one fix after the other or gathered first.

Names: n fixes, r rows (y) and c columns (x) of nodes; extents in cells are whole numbers.
"""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]

_NODES = 24  # on which a fix is spread in x and in y
_BEFORE = 11  # of them lie left of it
_BLOCK = 128  # fixes placed together
_STRIP = 256  # columns worked on together: 9 rows of them stay in the first-level cache


# n fixes, r rows (y), c columns (x)
@jit
def density(
    x_m: Floats,
    y_m: Floats,
    x0_m: float,
    y0_m: float,
    cell_m: float,
    bandwidth_m: float,
    support_h: float,
    out: Floats,
) -> None:
    """Adds to `out` (r, c) the mean of n round normal densities [1/m2] at the nodes.

    A normal density is the product of one factor in x and one in y, so a fix costs as many
    exponentials as its box has rows and columns, not nodes. Only nodes within `support_h`
    bandwidths in x and in y are visited: time grows with n and with the box, memory is the grid.

    Tried and rejected: the product of the two matrices of factors (visits every node for every
    fix: 6 times slower for 1e5 fixes on 500 x 500 nodes at the reference bandwidth, a little
    faster only where kernels are as wide as the grid).
    """
    rows, columns = out.shape
    reach_m = support_h * bandwidth_m
    along_x = np.empty(columns)
    scale = 1.0 / (2.0 * np.pi * bandwidth_m * bandwidth_m * x_m.size)
    for k in range(x_m.size):
        left = int(max(0.0, np.ceil((x_m[k] - reach_m - x0_m) / cell_m)))
        right = int(min(float(columns), np.floor((x_m[k] + reach_m - x0_m) / cell_m) + 1.0))
        bottom = int(max(0.0, np.ceil((y_m[k] - reach_m - y0_m) / cell_m)))
        top = int(min(float(rows), np.floor((y_m[k] + reach_m - y0_m) / cell_m) + 1.0))
        width = max(0, right - left)
        for i in range(width):
            u = (x0_m + (left + i) * cell_m - x_m[k]) / bandwidth_m
            along_x[i] = scale * np.exp(-0.5 * u * u)
        for j in range(bottom, top):
            v = (y0_m + j * cell_m - y_m[k]) / bandwidth_m
            along_y = np.exp(-0.5 * v * v)
            row = out[j, left : left + width]  # indexed from 0, so that the loop is vectorised
            for i in range(width):
                row[i] += along_y * along_x[i]


@jit
def epanechnikov(
    x_m: Floats,
    y_m: Floats,
    x0_m: float,
    y0_m: float,
    cell_m: float,
    bandwidth_m: float,
    out: Floats,
) -> None:
    """Adds to `out` (r, c) the mean of n paraboloids 2 (1 - d^2 / h^2) / (pi h^2) [1/m2].

    Source: Silverman 1986, Density Estimation for Statistics and Data Analysis, equation 4.4.
    """
    rows, columns = out.shape
    scale = 2.0 / (np.pi * bandwidth_m * bandwidth_m * x_m.size)
    squared_x = np.empty(columns)
    for k in range(x_m.size):
        left = int(max(0.0, np.ceil((x_m[k] - bandwidth_m - x0_m) / cell_m)))
        right = int(min(float(columns), np.floor((x_m[k] + bandwidth_m - x0_m) / cell_m) + 1.0))
        bottom = int(max(0.0, np.ceil((y_m[k] - bandwidth_m - y0_m) / cell_m)))
        top = int(min(float(rows), np.floor((y_m[k] + bandwidth_m - y0_m) / cell_m) + 1.0))
        width = max(0, right - left)
        for i in range(width):
            u = (x0_m + (left + i) * cell_m - x_m[k]) / bandwidth_m
            squared_x[i] = u * u
        for j in range(bottom, top):
            v = (y0_m + j * cell_m - y_m[k]) / bandwidth_m
            below = 1.0 - v * v
            row = out[j, left : left + width]
            for i in range(width):
                row[i] += scale * max(0.0, below - squared_x[i])


@jit
def share_out(
    x_m: Floats, y_m: Floats, x0_m: float, y0_m: float, cell_m: float, out: Floats
) -> int:
    """Adds each fix to the four nodes around it (r, c), parts of 1 by distance in x and in y.

    Returns how many fixes lie outside the nodes and are left out. Places and parts of a block of
    fixes are found first, which the compiler does for several at a time; adding cannot be. Tried
    and rejected: one vector of four sums per cell, shared out afterwards (10 % slower, four times
    the memory).

    Source: linear binning, Wand 1994, doi:10.1080/10618600.1994.10474656.
    """
    rows, columns = out.shape
    flat = out.ravel()  # a view: `out` is contiguous
    per_m = 1.0 / cell_m
    places = np.empty(_BLOCK, np.int32)
    rights, ups = np.empty(_BLOCK), np.empty(_BLOCK)
    left_out = 0
    for first in range(0, x_m.size, _BLOCK):
        count = min(_BLOCK, x_m.size - first)
        x, y = x_m[first : first + count], y_m[first : first + count]
        for k in range(count):
            u, v = (x[k] - x0_m) * per_m, (y[k] - y0_m) * per_m
            i, j = np.int32(u), np.int32(v)
            rights[k], ups[k] = u - i, v - j
            inside = (u >= 0.0) & (u < columns - 1) & (v >= 0.0) & (v < rows - 1)
            places[k] = j * np.int32(columns) + i if inside else np.int32(-1)
        for k in range(count):
            if places[k] < 0:
                left_out += 1
                continue
            right, up = rights[k], ups[k]
            both = right * up
            at = np.uint64(places[k])  # unsigned: no test for an index counted from the end
            above = at + np.uint64(columns)
            flat[at] += 1.0 - right - up + both
            flat[at + np.uint64(1)] += right - both
            flat[above] += up - both
            flat[above + np.uint64(1)] += both
    return left_out


@jit
def spread_out(
    x_m: Floats, y_m: Floats, x0_m: float, y0_m: float, cell_m: float, width: float, out: Floats
) -> None:
    """Adds exp(-d^2 / 2 w^2) of every fix to the 24 x 24 nodes around it (r, c).

    d and w count cells. All is within 11 cells to every side, so w should be below 1.5. Fixes
    less than 11 cells inside the border, 12 on the far sides, are left out. Four exponentials per
    fix: exp(-(k - d)^2 / 2 w^2) is the product of a factor of d, a power with exponent k and a
    factor of k alone. The fixed number of nodes makes it twice as fast as one that follows from w.

    Source: Greengard & Lee 2004, doi:10.1137/S003614450343200X, section 3.
    """
    rows, columns = out.shape
    flat = out.ravel()  # a view: `out` is contiguous
    twice = 2.0 * width * width
    fixed = np.exp(-(np.arange(-_BEFORE, _NODES - _BEFORE + 0.0) ** 2) / twice)
    along_x, along_y = np.empty(_NODES), np.empty(_NODES)
    last_column, last_row = columns - _NODES + _BEFORE, rows - _NODES + _BEFORE
    for k in range(x_m.size):
        u, v = (x_m[k] - x0_m) / cell_m, (y_m[k] - y0_m) / cell_m
        if not (_BEFORE <= u < last_column and _BEFORE <= v < last_row):
            continue
        i, j = int(u), int(v)
        right, up = u - i, v - j
        factor, growth = np.exp(-right * (right + 2 * _BEFORE) / twice), np.exp(2 * right / twice)
        for node in range(_NODES):
            along_x[node] = factor * fixed[node]
            factor *= growth
        factor, growth = np.exp(-up * (up + 2 * _BEFORE) / twice), np.exp(2 * up / twice)
        for node in range(_NODES):
            along_y[node] = factor * fixed[node]
            factor *= growth
        for step in range(_NODES):
            at = (j - _BEFORE + step) * columns + i - _BEFORE
            row, factor = flat[at : at + _NODES], along_y[step]
            for node in range(_NODES):
                row[node] += factor * along_x[node]


# R x C nodes gathered on, r x c nodes asked for; taps of 2 m + 1
@jit
def _smooth_along_x(gathered: Floats, taps: Floats, left: int, first: int, out: Floats) -> None:
    """Writes to row k of `out` row `first` + k of `gathered` (R, C) under the sliding taps.

    Rows that there are not are left as they are. Eight taps in one pass over a row: loads and
    stores, not sums, are what takes the time.
    """
    columns = out.shape[1]
    padded = np.zeros(columns + taps.size + 8)
    start = left - taps.size // 2  # the column of `gathered` under the first tap at the first node
    begin, end = max(0, start), min(gathered.shape[1], start + columns + taps.size - 1)
    for j in range(max(0, first), min(gathered.shape[0], first + out.shape[0])):
        some = False
        for i in range(begin, end):
            padded[i - start] = gathered[j, i]
            some |= gathered[j, i] != 0.0
        row = out[j - first]
        row[:] = 0.0
        if some:
            t = 0
            while t + 8 <= taps.size:
                w0, w1, w2, w3 = taps[t], taps[t + 1], taps[t + 2], taps[t + 3]
                w4, w5, w6, w7 = taps[t + 4], taps[t + 5], taps[t + 6], taps[t + 7]
                p = padded[t : t + columns + 8]
                for i in range(columns):
                    row[i] += (
                        w0 * p[i]
                        + w1 * p[i + 1]
                        + w2 * p[i + 2]
                        + w3 * p[i + 3]
                        + w4 * p[i + 4]
                        + w5 * p[i + 5]
                        + w6 * p[i + 6]
                        + w7 * p[i + 7]
                    )
                t += 8
            while t < taps.size:
                one, p = taps[t], padded[t : t + columns]
                for i in range(columns):
                    row[i] += one * p[i]
                t += 1


@jit
def _smooth_along_y(rows: Floats, taps: Floats, out: Floats) -> None:
    """Writes to `out` (r, c) the columns of `rows` under the sliding taps.

    Row k of `rows` is under the first tap at the nodes of row k. Four rows of nodes are worked on
    together, so that one that is loaded serves all four: `rows` has 8 more than needed.
    """
    stair = np.zeros((taps.size + 7, 4))  # the taps of the four, each a step further on
    for k in range(4):
        stair[k : k + taps.size, k] = taps
    sums = np.empty((4, _STRIP))
    for strip in range(0, out.shape[1], _STRIP):
        end = min(out.shape[1], strip + _STRIP)
        width = end - strip
        p, q, r, s = sums[0, :width], sums[1, :width], sums[2, :width], sums[3, :width]
        for j in range(0, out.shape[0], 4):
            sums[:] = 0.0
            for t in range(0, taps.size + 3, 4):
                at = j + t
                a, b = rows[at, strip:end], rows[at + 1, strip:end]
                c, d = rows[at + 2, strip:end], rows[at + 3, strip:end]
                a0, a1, a2, a3 = stair[t, 0], stair[t, 1], stair[t, 2], stair[t, 3]
                b0, b1, b2, b3 = stair[t + 1, 0], stair[t + 1, 1], stair[t + 1, 2], stair[t + 1, 3]
                c0, c1, c2, c3 = stair[t + 2, 0], stair[t + 2, 1], stair[t + 2, 2], stair[t + 2, 3]
                d0, d1, d2, d3 = stair[t + 3, 0], stair[t + 3, 1], stair[t + 3, 2], stair[t + 3, 3]
                for i in range(width):
                    one, two, three, four = a[i], b[i], c[i], d[i]
                    p[i] += a0 * one + b0 * two + c0 * three + d0 * four
                    q[i] += a1 * one + b1 * two + c1 * three + d1 * four
                    r[i] += a2 * one + b2 * two + c2 * three + d2 * four
                    s[i] += a3 * one + b3 * two + c3 * three + d3 * four
            for k in range(min(4, out.shape[0] - j)):
                out[j + k, strip:end] = sums[k, :width]


@jit
def smooth(gathered: Floats, taps: Floats, left: int, bottom: int, out: Floats) -> None:
    """Writes to `out` (r, c) the nodes of `gathered` (R, C) under the taps in x and in y.

    Node (0, 0) of `out` is node (bottom, left) of `gathered`; beyond the border is nothing. Both
    may be the same array.
    """
    rows = np.zeros((out.shape[0] + taps.size + 7, out.shape[1]))
    _smooth_along_x(gathered, taps, left, bottom - taps.size // 2, rows)
    _smooth_along_y(rows, taps, out)
