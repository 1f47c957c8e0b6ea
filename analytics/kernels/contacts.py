"""Pairs of fixes of two animals that belong to one moment."""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@jit
def _nearest(times_s: Floats, others_s: Floats) -> Integers:
    """Returns (n,) for each time the nearest of the others, the earlier of two as near."""
    nearest = np.empty(times_s.size, np.int64)
    j = 0
    for i in range(times_s.size):
        while j + 1 < others_s.size and abs(others_s[j + 1] - times_s[i]) < abs(
            others_s[j] - times_s[i]
        ):
            j += 1
        nearest[i] = j
    return nearest


# n and m fixes, k pairs
@jit
def simultaneous(a_s: Floats, b_s: Floats, tolerance_s: float) -> Integers:
    """Returns (k, 2) indices of fixes that are each other's nearest in time, within a tolerance.

    Both times ascend. Each fix is in one pair at most; swapping the animals swaps the columns.
    Time is n + m.
    """
    to_b, to_a = _nearest(a_s, b_s), _nearest(b_s, a_s)
    pairs = np.empty((min(a_s.size, b_s.size), 2), np.int64)
    count = 0
    for i in range(a_s.size):
        j = to_b[i]
        if to_a[j] == i and abs(b_s[j] - a_s[i]) <= tolerance_s:
            pairs[count, 0], pairs[count, 1] = i, j
            count += 1
    return pairs[:count]
