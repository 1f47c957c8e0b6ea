"""Sums over all pairs of fixes, read from the power spectrum of their gridded density."""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit, jit_sums

Floats = NDArray[np.float64]


@jit_sums
def squared_deviations(values: Floats) -> float:
    """Returns the sum of squared distances to the mean, in one pass and without a copy.

    Distances are counted from the first value, so that no digits are lost far from zero.
    """
    start = values[0]
    total, squared = 0.0, 0.0
    for i in range(values.size):
        distance = values[i] - start
        total += distance
        squared += distance * distance
    return squared - total * total / values.size


# q wave numbers along y (all), p along x (half of them: the other half mirrors it)
@jit
def power_sums(
    power: Floats,
    wave_y: Floats,
    wave_x: Floats,
    variances: Floats,
    order: int,
    cut: float,
    out: Floats,
) -> None:
    """Writes for each variance t the sum of power (q, p) k^(2 order) exp(-t k^2) over all waves.

    `power` holds the non-negative waves along x, as a real transform gives them; the negative
    ones count through the factor 2. Waves with t k^2 above `cut` are left out.
    """
    columns = wave_x.size
    along_x = np.empty(columns)
    for at in range(variances.size):
        variance = variances[at]
        width = 0
        while width < columns and variance * wave_x[width] ** 2 <= cut:
            along_x[width] = np.exp(-variance * wave_x[width] ** 2)
            if width > 0:
                along_x[width] *= 2.0
            width += 1
        total = 0.0
        for j in range(wave_y.size):
            squared_y = wave_y[j] ** 2
            if variance * squared_y > cut:
                continue
            row, part = power[j], 0.0
            for i in range(width):
                weight = along_x[i]
                for _ in range(order):
                    weight *= squared_y + wave_x[i] ** 2
                part += row[i] * weight
            total += np.exp(-variance * squared_y) * part
        out[at] = total
