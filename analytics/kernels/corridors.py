"""Which steps of a track lie close to which, and how parallel they are."""

import math

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


# s steps, ordered by the x of their middles
@jit
def parallelism(x_m: Floats, y_m: Floats, radius_m: Floats, azimuth_rad: Floats) -> Floats:
    """Returns the circular variance (s) of the doubled azimuths of steps around each step.

    Around: with the middle at most `radius_m` from its middle. NaN where there is no other. The
    doubled azimuth makes opposite directions equal. Visits only middles within the radius in x.
    """
    variance = np.empty(x_m.size)
    for i in range(x_m.size):
        cosines, sines, count = 0.0, 0.0, 0
        begin = np.searchsorted(x_m, x_m[i] - radius_m[i])
        for j in range(begin, x_m.size):
            if x_m[j] > x_m[i] + radius_m[i]:
                break
            if math.hypot(x_m[j] - x_m[i], y_m[j] - y_m[i]) <= radius_m[i]:
                cosines += math.cos(2 * azimuth_rad[j])
                sines += math.sin(2 * azimuth_rad[j])
                count += 1
        variance[i] = 1 - math.hypot(cosines, sines) / count if count > 1 else math.nan
    return variance


# s steps, ordered by the x of their middles
@jit
def neighbours(
    x_m: Floats, y_m: Floats, radius_m: Floats, chosen: NDArray[np.bool_]
) -> tuple[Integers, Integers]:
    """Returns how many middles lie around each step's, itself included, and how many chosen."""
    around, among = np.zeros(x_m.size, np.int64), np.zeros(x_m.size, np.int64)
    for i in range(x_m.size):
        begin = np.searchsorted(x_m, x_m[i] - radius_m[i])
        for j in range(begin, x_m.size):
            if x_m[j] > x_m[i] + radius_m[i]:
                break
            if math.hypot(x_m[j] - x_m[i], y_m[j] - y_m[i]) <= radius_m[i]:
                around[i] += 1
                among[i] += chosen[j]
    return around, among
