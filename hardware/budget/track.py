"""How well fixes tell where an animal was: the error of the track between them, and its gaps."""

import math

import numpy as np

from hardware.budget.years import GRID_S, Array, Year


def track_error_m(year: Year, fixes_s: list[float]) -> float:
    """Root mean square distance of the track between fixes, made of straight lines [m]."""
    if not fixes_s:
        return math.inf
    grid_s = np.arange(len(year.x_m)) * float(GRID_S)
    times: Array = np.asarray(fixes_s)
    squares = np.zeros(len(grid_s))
    for axis in (year.x_m, year.y_m):
        squares += (np.interp(grid_s, times, np.interp(times, grid_s, axis)) - axis) ** 2
    return float(np.sqrt(squares.mean()))


def longest_gap_d(year: Year, fixes_s: list[float]) -> float:
    """Longest time without a fix, the ends of the year included [days]."""
    return float(np.diff([0.0, *fixes_s, year.days * 86_400.0]).max() / 86_400)
