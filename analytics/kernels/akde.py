"""Sums over all pairs of fixes, and systems of equations between them, in time linear in fixes.

A function of the lag between two fixes is given as a sum of exponentials: its value at lag t > 0
is the sum over k of `amounts[k] exp(-rates[k] t)`, its value at lag 0 is `diagonal`. The matrix of
such a function is semiseparable: its product with a vector costs O(n k), a solution O(n k^2).
"""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]


@jit
def _decay(rates: Floats, t: float, out: Floats) -> None:
    for k in range(rates.size):
        out[k] = np.exp(-rates[k] * t)


# n fixes, k rates
@jit
def lag_moments(times_s: Floats, weights: Floats, rates: Floats, out: Floats) -> None:
    """Writes to `out` (k,) the sum over pairs i != j of w_i w_j exp(-rate |t_i - t_j|)."""
    decay, past = np.ones(rates.size), np.zeros(rates.size)
    step = -1.0
    out[:] = 0.0
    for i in range(1, times_s.size):
        t = times_s[i] - times_s[i - 1]
        if t != step:
            step = t
            _decay(rates, t, decay)
        for k in range(rates.size):
            past[k] = decay[k] * (past[k] + weights[i - 1])
            out[k] += 2.0 * weights[i] * past[k]


@jit
def lag_product(
    times_s: Floats,
    vector: Floats,
    rates: Floats,
    amounts: Floats,
    diagonal: float,
    out: Floats,
) -> None:
    """Writes to `out` (n,) the product of the matrix of the function and a vector (n,)."""
    n = times_s.size
    decay, sums = np.ones(rates.size), np.zeros(rates.size)
    step = -1.0
    for i in range(n):
        out[i] = diagonal * vector[i]
    for direction in (1, -1):
        first = 0 if direction == 1 else n - 1
        sums[:] = 0.0
        for m in range(1, n):
            i = first + direction * m
            t = abs(times_s[i] - times_s[i - direction])
            if t != step:
                step = t
                _decay(rates, t, decay)
            total, before = 0.0, vector[i - direction]
            for k in range(rates.size):
                sums[k] = decay[k] * (sums[k] + before)
                total += amounts[k] * sums[k]
            out[i] += total


@jit
def lag_solve(
    times_s: Floats,
    rates: Floats,
    amounts: Floats,
    diagonal: float,
    floor: float,
    factor: Floats,
    out: Floats,
) -> None:
    """Writes to `out` (n,) the solution of matrix times solution = ones.

    Factors the matrix as L D L' by the recursion of its generators, D not below `floor`. `factor`
    (n, k) is room for L.

    Source: Foreman-Mackey et al. 2017, doi:10.3847/1538-3881/aa9332, section 5.
    """
    n, size = factor.shape
    inner = np.zeros((size, size))
    decay, forward, projected = np.ones(size), np.zeros(size), np.zeros(size)
    pivots = np.empty(n)
    step = -1.0
    for i in range(n):
        if i > 0:
            t = times_s[i] - times_s[i - 1]
            if t != step:
                step = t
                _decay(rates, t, decay)
            row = factor[i - 1]
            for j in range(size):
                pulled = pivots[i - 1] * row[j]
                for k in range(size):
                    inner[j, k] = decay[j] * decay[k] * (inner[j, k] + pulled * row[k])
                forward[j] = decay[j] * (forward[j] + row[j] * out[i - 1])
        pivot, value = diagonal, 1.0
        for j in range(size):
            total = 0.0
            for k in range(size):
                total += inner[j, k] * amounts[k]
            projected[j] = total
            pivot -= amounts[j] * total
            value -= amounts[j] * forward[j]
        pivot = max(pivot, floor)
        for j in range(size):
            factor[i, j] = (1.0 - projected[j]) / pivot
        pivots[i], out[i] = pivot, value
    backward = np.zeros(size)
    out[n - 1] /= pivots[n - 1]
    for i in range(n - 2, -1, -1):
        _decay(rates, times_s[i + 1] - times_s[i], decay)
        value = out[i] / pivots[i]
        for k in range(size):
            backward[k] = decay[k] * (backward[k] + amounts[k] * out[i + 1])
            value -= factor[i, k] * backward[k]
        out[i] = value


# n fixes, r rows (y), c columns (x)
@jit
def bin_linear(
    x_m: Floats, y_m: Floats, weights: Floats, x0_m: float, y0_m: float, cell_m: float, out: Floats
) -> None:
    """Adds each weight to the four nodes around its fix, in proportion to nearness.

    Fixes off the grid (r, c) are left out. Keeps the mean of a fix and adds, on average over
    where in a cell it lies, cell^2 / 6 to its variance along either axis.
    """
    rows, columns = out.shape
    for n in range(x_m.size):
        u, v = (x_m[n] - x0_m) / cell_m, (y_m[n] - y0_m) / cell_m
        if not (u >= 0.0 and v >= 0.0 and u < columns - 1 and v < rows - 1):
            continue
        i, j = int(u), int(v)
        u -= i
        v -= j
        out[j, i] += weights[n] * (1.0 - u) * (1.0 - v)
        out[j, i + 1] += weights[n] * u * (1.0 - v)
        out[j + 1, i] += weights[n] * (1.0 - u) * v
        out[j + 1, i + 1] += weights[n] * u * v
