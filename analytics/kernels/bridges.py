"""Densities of movement between fixes, and likelihoods of how diffusive it is.

A bridge runs from fix i to fix i + 1. At the part a (0..1) of its time the position is normal
around the point at a on the straight line, with the variance in each direction

    spread a (1 - a) + (1 - a)^2 variance[i] + a^2 variance[i + 1]

where spread is the diffusion's variance rate times the bridge's duration.
"""

import math

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._exp2 import exp2
from analytics.kernels._jit import jit
from analytics.kernels._rows import BLOCK, add_product

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_SCANNED = 14  # points of the coarse search for the likeliest variance, each 4 times the last
_LOG_4 = math.log(4.0)


# q quadrature nodes of one bridge, r rows, p columns padded to whole blocks
@jit
def _add_hills(box: Integers, hill: Floats, count: int, factor: Floats, out: Floats) -> None:
    """Adds `count` round normal hills to `out` (r, p), each inside its box.

    `box` (q, 4): first and last column, first and last row, empty where last < first; `hill`
    (q, 4): column and row of the middle [cells], height, exponent of 2 per squared cell.

    Boxes are widened to whole blocks of columns, p is a multiple of `BLOCK`. Measured, with boxes
    of 9 x 9 cells: consecutive boxes overlap, and a load that straddles what was just stored waits
    for it; with blocks no load does (up to 2 times faster).
    """
    grid, factors = out.ctypes.data, factor.ctypes.data
    for k in range(count):
        left, right, bottom, top = box[k, 0], box[k, 1], box[k, 2], box[k, 3]
        if right < left or top < bottom:
            continue
        first = left & -BLOCK
        width = (right - first + BLOCK) & -BLOCK
        height = top - bottom + 1
        u_middle, v_middle = hill[k, 0] - first, hill[k, 1] - bottom + width
        peak, falloff = hill[k, 2], hill[k, 3]
        before, after = left - first, right - first
        for j in range((width + height + BLOCK - 1) & -BLOCK):  # columns first, then rows
            distance = j - (u_middle if j < width else v_middle)
            value = exp2(falloff * distance * distance)
            if j < before or (j > after and j < width):
                value = 0.0
            factor[j] = value
        add_product(
            grid + 8 * (bottom * out.shape[1] + first),
            8 * out.shape[1],
            factors,
            factors + 8 * width,
            peak,
            height,
            width // BLOCK,
        )


# n fixes, b bridges, q quadrature nodes of all rules, r rows, p columns padded to whole blocks
@jit
def density(
    x_m: Floats,
    y_m: Floats,
    variance_m2: Floats,
    bridge: Integers,
    spread_m2: Floats,
    weight: Floats,
    rule: Integers,
    rule_start: Integers,
    part: Floats,
    share: Floats,
    x0_m: float,
    y0_m: float,
    cell_m: float,
    columns: int,
    support_sd: float,
    out: Floats,
) -> None:
    """Adds to `out` (r, p) the weighted sum of the densities of bridges [1/m2] at the nodes.

    Bridge k starts at fix `bridge[k]`; its integral over time takes the nodes
    `rule_start[rule[k]]` up to `rule_start[rule[k] + 1]` of `part` (0..1) and `share` (which sum
    to 1). Each node of it is a round normal density: one factor per column and one per row, in
    the box of `support_sd` standard deviations around its middle, zero outside.

    All boxes of a bridge are laid out before any is filled, so that the lengths of the inner
    loops are known early: a mispredicted end then no longer waits for a root and two divisions.
    """
    rows, padded = out.shape
    factor = np.empty(rows + padded + 2 * BLOCK)
    longest = (rule_start[1:] - rule_start[:-1]).max()
    box, hill = np.empty((longest, 4), np.int64), np.empty((longest, 4))
    per_cell = 1.0 / cell_m
    falloff_m2 = -0.5 / math.log(2.0) * cell_m * cell_m
    for k in range(bridge.size):
        i, begin = bridge[k], rule_start[rule[k]]
        count = rule_start[rule[k] + 1] - begin
        u_start, u_step = (x_m[i] - x0_m) * per_cell, (x_m[i + 1] - x_m[i]) * per_cell
        v_start, v_step = (y_m[i] - y0_m) * per_cell, (y_m[i + 1] - y_m[i]) * per_cell
        for node in range(count):
            a = part[begin + node]
            rest = 1.0 - a
            variance = spread_m2[k] * a * rest
            variance += rest * rest * variance_m2[i] + a * a * variance_m2[i + 1]
            u, v = u_start + a * u_step, v_start + a * v_step
            reach = support_sd * math.sqrt(variance) * per_cell
            box[node, 0] = int(min(float(columns), max(0.0, math.ceil(u - reach))))
            box[node, 1] = int(max(-1.0, min(columns - 1.0, math.floor(u + reach))))
            box[node, 2] = int(min(float(rows), max(0.0, math.ceil(v - reach))))
            box[node, 3] = int(max(-1.0, min(rows - 1.0, math.floor(v + reach))))
            hill[node, 0], hill[node, 1] = u, v
            hill[node, 2] = weight[k] * share[begin + node] / (2.0 * math.pi * variance)
            hill[node, 3] = falloff_m2 / variance
        _add_hills(box, hill, count, factor, out)


# n fixes, n - 2 left-out fixes
@jit
def left_out(
    times_s: Floats, x_m: Floats, y_m: Floats, variance_m2: Floats
) -> tuple[Floats, Floats, Floats]:
    """Returns what leaving out each inner fix tells: its bridge's factors, its squared distance.

    For the bridge from the fix before to the fix after: the time factor T a (1 - a) [s], the part
    of the variance that location error makes [m2], and the squared distance of the fix from the
    bridge's middle line at its time [m2]; each (n - 2).
    """
    count = max(0, times_s.size - 2)
    time_factor, from_error, squared = np.empty(count), np.empty(count), np.empty(count)
    for i in range(count):
        total = times_s[i + 2] - times_s[i]
        a = (times_s[i + 1] - times_s[i]) / total
        rest = 1.0 - a
        time_factor[i] = total * a * rest
        from_error[i] = rest * rest * variance_m2[i] + a * a * variance_m2[i + 2]
        dx = x_m[i + 1] - rest * x_m[i] - a * x_m[i + 2]
        dy = y_m[i + 1] - rest * y_m[i] - a * y_m[i + 2]
        squared[i] = dx * dx + dy * dy
    return time_factor, from_error, squared


# n fixes
@jit
def mean_square_left_out(times_s: Floats, x_m: Floats, y_m: Floats) -> float:
    """Returns the mean squared distance of inner fixes from the line between their neighbours."""
    total = 0.0
    for i in range(1, times_s.size - 1):
        a = (times_s[i] - times_s[i - 1]) / (times_s[i + 1] - times_s[i - 1])
        dx = x_m[i] - x_m[i - 1] - a * (x_m[i + 1] - x_m[i - 1])
        dy = y_m[i] - y_m[i - 1] - a * (y_m[i + 1] - y_m[i - 1])
        total += dx * dx + dy * dy
    return total / (times_s.size - 2)


@jit
def deviance(
    time_factor: Floats,
    from_error: Floats,
    squared: Floats,
    start: int,
    stop: int,
    step: int,
    rate: float,
) -> float:
    """Returns -2 log likelihood of the variance rate [m2/s] for the left-out fixes in a range."""
    twice = 0.0
    for i in range(start, stop, step):
        variance = time_factor[i] * rate + from_error[i]
        twice += 2.0 * math.log(2.0 * math.pi * variance) + squared[i] / variance
    return twice


@jit
def _slope(
    time_factor: Floats,
    from_error: Floats,
    squared: Floats,
    start: int,
    stop: int,
    step: int,
    rate: float,
) -> tuple[float, float]:
    """Returns first and second derivative of half the deviance by the logarithm of the rate."""
    first, second = 0.0, 0.0
    for i in range(start, stop, step):
        inverse = 1.0 / (time_factor[i] * rate + from_error[i])
        moved = time_factor[i] * rate * inverse
        excess = 0.5 * squared[i] * inverse
        first += moved * (1.0 - excess)
        second += moved * (1.0 - excess) - moved * moved * (1.0 - 2.0 * excess)
    return first, second


@jit
def likeliest_rate(
    time_factor: Floats,
    from_error: Floats,
    squared: Floats,
    start: int,
    stop: int,
    step: int,
) -> tuple[float, float]:
    """Returns the variance rate [m2/s] of highest likelihood, and its deviance.

    Each left-out fix alone would have the rate (squared / 2 - from_error) / time_factor, or 0; the
    optimum lies between the smallest and the largest of these, so no bound is chosen. Searched by
    factors of 4 downwards from the largest, compared with 0, then refined by Newton's method on
    the logarithm, held inside the neighbouring points.
    """
    highest, lowest = 0.0, math.inf
    for i in range(start, stop, step):
        alone = (0.5 * squared[i] - from_error[i]) / time_factor[i]
        highest, lowest = max(highest, alone), min(lowest, alone)
    best = deviance(time_factor, from_error, squared, start, stop, step, 0.0)
    if highest <= 0.0:
        return 0.0, best
    log_best, log_rate = -math.inf, math.log(highest)
    for _ in range(_SCANNED):
        found = deviance(time_factor, from_error, squared, start, stop, step, math.exp(log_rate))
        if not found >= best:
            best, log_best = found, log_rate
        if math.exp(log_rate) < lowest:
            break
        log_rate -= _LOG_4
    if log_best == -math.inf:
        return 0.0, best
    below, above, log_rate = log_best - _LOG_4, log_best + _LOG_4, log_best
    for _ in range(60):
        first, second = _slope(
            time_factor, from_error, squared, start, stop, step, math.exp(log_rate)
        )
        if first > 0.0:
            above = log_rate
        else:
            below = log_rate
        following = log_rate - first / second if second > 0.0 else math.inf
        if not below < following < above:
            following = 0.5 * (below + above)
        moved, log_rate = abs(following - log_rate), following
        if moved < 1e-11:
            break
    rate = math.exp(log_rate)
    return rate, deviance(time_factor, from_error, squared, start, stop, step, rate)


# n fixes, n - 2 left-out fixes, n - 1 bridges; w fixes per window, m of margin
@jit
def window_rates(
    time_factor: Floats, from_error: Floats, squared: Floats, window: int, margin: int
) -> tuple[Floats, Integers, Integers]:
    """Returns the variance rate of each bridge as the mean over windows, and how many windows.

    A window of w fixes slides along the track. It has one rate, or one before and one after a
    break, whichever has the lower BIC; breaks leave at least m fixes on either side and an odd
    number in both parts, so that every second fix can be left out. The inner bridges, m - 1 from
    either end, take the window's rate.

    Both parts of all windows are runs of m, m + 2 ... fixes: each run is fitted once, not once per
    window (twice the speed), and kept as long as a window needs it.

    Returns:
        (n - 1) rates [m2/s], NaN where no window counts; (n - 1) numbers of windows; (n - w + 1)
        first fix after the break of each window, -1 where it has none.
    """
    fixes = time_factor.size + 2
    windows, lengths = fixes - window + 1, (window - 2 * margin + 1) // 2 + 1
    ahead = window - margin + 1  # runs that windows need begin less than this after them
    rates, deviances = np.empty((lengths, ahead)), np.empty((lengths, ahead))
    fitted = 0  # runs that begin before this fix
    total, count = np.zeros(fixes - 1), np.zeros(fixes - 1, np.int64)
    breaks = np.full(windows, -1)
    for s in range(windows):
        while fitted < s + ahead:
            for length in range(lengths):
                stop = fitted + margin + 2 * length - 2
                if stop <= time_factor.size:
                    at = length, fitted % ahead
                    rates[at], deviances[at] = likeliest_rate(
                        time_factor, from_error, squared, fitted, stop, 2
                    )
            fitted += 1
        rate, best = likeliest_rate(time_factor, from_error, squared, s, s + window - 2, 2)
        best += math.log(window)
        before, after = rate, rate
        for length in range(lengths):
            middle, other = s + margin + 2 * length - 1, lengths - 1 - length
            one, next_one = (length, s % ahead), (other, middle % ahead)
            found = deviances[one] + deviances[next_one] + 2.0 * math.log(window)
            if found < best:
                best, breaks[s] = found, middle
                before, after = rates[one], rates[next_one]
        for i in range(s + margin - 1, s + window - margin):
            total[i] += before if i < breaks[s] or breaks[s] < 0 else after
            count[i] += 1
    for i in range(total.size):
        total[i] /= count[i]
    return total, count, breaks
