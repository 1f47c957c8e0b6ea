"""Tests for fixes that cannot be true, over fixes in order of time."""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_LOOK_BACK = 1000  # fixes in a row that may be wrong before the speed test loses the thread


@jit
def _replace_sorted(window: Floats, old: float, new: float) -> None:
    """Puts a value in the place of another in ascending values, which stay ascending."""
    k = np.searchsorted(window, old)
    while k + 1 < window.size and window[k + 1] < new:
        window[k] = window[k + 1]
        k += 1
    while k > 0 and window[k - 1] > new:
        window[k] = window[k - 1]
        k -= 1
    window[k] = new


# n fixes, w values per window
@jit
def median_distance(x_m: Floats, y_m: Floats, width: int, out_m: Floats) -> None:
    """Fills `out_m` (n) with distances to the medians of x and y over w fixes around each.

    At both ends the window is that of the first or last fix that has one whole, so it needs
    n >= w. Windows stay sorted while they move: w operations per fix instead of a sort.
    """
    half, n = width // 2, x_m.size
    xs, ys = np.sort(x_m[:width]), np.sort(y_m[:width])
    for i in range(n):
        if half < i < n - half:
            _replace_sorted(xs, x_m[i - half - 1], x_m[i + half])
            _replace_sorted(ys, y_m[i - half - 1], y_m[i + half])
        out_m[i] = np.hypot(x_m[i] - xs[half], y_m[i] - ys[half])


@jit
def mean_distance(x_m: Floats, y_m: Floats, width: int, out_m: Floats) -> None:
    """Fills `out_m` (n) with distances to the means of x and y, windows as `median_distance`."""
    half, n = width // 2, x_m.size
    for i in range(n):
        first = min(max(0, i - half), n - width)
        dx = dy = 0.0
        for j in range(first, first + width):
            dx += x_m[j] - x_m[i]
            dy += y_m[j] - y_m[i]
        out_m[i] = np.hypot(dx, dy) / width


@jit
def spikes(
    times_s: Floats,
    x_m: Floats,
    y_m: Floats,
    speed_mps: float,
    cosine: float,
    out: Flags,
) -> None:
    """Marks fixes reached and left faster than a speed, with a turn of less than a cosine."""
    for i in range(1, x_m.size - 1):
        ax, ay = x_m[i] - x_m[i - 1], y_m[i] - y_m[i - 1]
        bx, by = x_m[i + 1] - x_m[i], y_m[i + 1] - y_m[i]
        there, back = np.hypot(ax, ay), np.hypot(bx, by)
        fast = there > speed_mps * (times_s[i] - times_s[i - 1]) and back > speed_mps * (
            times_s[i + 1] - times_s[i]
        )
        out[i] = fast and ax * bx + ay * by < cosine * there * back


@jit
def unreachable(
    times_s: Floats, x_m: Floats, y_m: Floats, speed_mps: float, error_m: float, out: Flags
) -> None:
    """Marks the fewest fixes without which no step is faster than a speed, `error_m` forgiven.

    The longest chain of fixes each of which can be reached from the one before, by dynamic
    programming: `best` (n) is the length of the longest chain that ends at a fix, `top` (n) the
    fix with the longest up to there. Going back from a fix ends as soon as no earlier chain could
    be longer, so time grows with n where few fixes are wrong.
    """
    n = x_m.size
    best, before = np.ones(n, np.int64), np.full(n, -1, np.int64)
    top = np.zeros(n, np.int64)
    for i in range(n):
        j = i - 1
        while j >= 0 and best[top[j]] + 1 > best[i]:
            if i - j > _LOOK_BACK:
                j = top[j]
            if best[j] + 1 > best[i]:
                reach_m = speed_mps * (times_s[i] - times_s[j]) + error_m
                if np.hypot(x_m[i] - x_m[j], y_m[i] - y_m[j]) <= reach_m:
                    best[i], before[i] = best[j] + 1, j
            if i - j > _LOOK_BACK:
                break
            j -= 1
        top[i] = i if i == 0 or best[i] > best[top[i - 1]] else top[i - 1]
    out[:] = True
    k = top[n - 1]
    while k >= 0:
        out[k] = False
        k = before[k]
