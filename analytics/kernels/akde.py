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


# n fixes, k rates, b fixes in a block
@jit
def _factor(
    times_s: Floats,
    rates: Floats,
    amounts: Floats,
    limits: tuple[float, float],
    start: int,
    inner: Floats,
    sums: Floats,
    factor: Floats,
    pivots: Floats,
    out: Floats,
) -> None:
    """Factors the fixes from `start` on, as many as `factor` (b, k) has rows.

    Row by row L to `factor`, D to `pivots` (n,), the solution of L times solution = ones to `out`
    (n,). The sums over earlier fixes in `inner` (k, k) and `sums` (k,) are carried on: they
    include the fix before `start`, not yet decayed.
    """
    diagonal, floor = limits
    size = rates.size
    decay, projected = np.ones(size), np.zeros(size)
    step = -1.0
    for m in range(factor.shape[0]):
        i = start + m
        if i > 0:
            t = times_s[i] - times_s[i - 1]
            if t != step:
                step = t
                _decay(rates, t, decay)
            for j in range(size):
                sums[j] *= decay[j]
                for k in range(size):
                    inner[j, k] *= decay[j] * decay[k]
        pivot, value = diagonal, 1.0
        for j in range(size):
            total = 0.0
            for k in range(size):
                total += inner[j, k] * amounts[k]
            projected[j] = total
            pivot -= amounts[j] * total
            value -= amounts[j] * sums[j]
        pivot = max(pivot, floor)
        row = factor[m]
        for j in range(size):
            row[j] = (1.0 - projected[j]) / pivot
            sums[j] += row[j] * value
        for j in range(size):
            pulled = pivot * row[j]
            for k in range(size):
                inner[j, k] += pulled * row[k]
        pivots[i], out[i] = pivot, value


@jit
def lag_solve(
    times_s: Floats,
    rates: Floats,
    amounts: Floats,
    diagonal: float,
    floor: float,
    block: int,
    out: Floats,
) -> None:
    """Writes to `out` (n,) the solution of matrix times solution = ones.

    Factors the matrix as L D L' by the recursion of its generators, D not below `floor`. L is kept
    for one block of fixes at a time, so that memory is 16 bytes per fix and one block; all blocks
    but the last are factored twice.

    Source: Foreman-Mackey et al. 2017, doi:10.3847/1538-3881/aa9332, section 5.
    """
    n, size = times_s.size, rates.size
    blocks = (n + block - 1) // block
    inners, sums = np.zeros((blocks + 1, size, size)), np.zeros((blocks + 1, size))
    factor, pivots = np.empty((min(n, block), size)), np.empty(n)
    limits = (diagonal, floor)
    for b in range(blocks):
        start, stop = b * block, min(n, (b + 1) * block)
        inners[b + 1], sums[b + 1] = inners[b], sums[b]
        room = factor[: stop - start]
        inner, past = inners[b + 1], sums[b + 1]
        _factor(times_s, rates, amounts, limits, start, inner, past, room, pivots, out)
    decay, backward = np.ones(size), np.zeros(size)
    ahead = 0.0
    for b in range(blocks - 1, -1, -1):
        start, stop = b * block, min(n, (b + 1) * block)
        if b < blocks - 1:
            inner, past = inners[b], sums[b]
            _factor(times_s, rates, amounts, limits, start, inner, past, factor, pivots, out)
        for i in range(stop - 1, start - 1, -1):
            value = out[i] / pivots[i]
            if i < n - 1:
                _decay(rates, times_s[i + 1] - times_s[i], decay)
                for k in range(size):
                    backward[k] = decay[k] * (backward[k] + amounts[k] * ahead)
                    value -= factor[i - start, k] * backward[k]
            out[i] = value
            ahead = value


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
