"""Kernel density: the utilization distribution as a sum of round normal hills, one per fix.

Takes fixes as independent. Fixes close in time are not, so ranges of densely sampled animals come
out too small, and smaller the more often one samples.
"""

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics.errors import GridTooCoarse, ParameterError
from analytics.grid import Grid
from analytics.results import Estimate, UtilizationDistribution, software_version
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]

CELLS_PER_BANDWIDTH = 8
"""Default resolution: 95 % areas within 0.1 %, 50 % areas within 0.4 % of those on a very fine
grid (measured on tracks of 30 to 1000 fixes)."""

MARGIN_H = 5.0
"""Bandwidths by which the default grid reaches past the fixes: all but 1e-6 of the volume."""

SUPPORT_H = 9.0
"""Bandwidths to which each hill is computed: exp(-9^2 / 2) = 3e-18 of its height is left out."""


def reference_bandwidth(x_m: Floats, y_m: Floats) -> float:
    """Returns sqrt((var x + var y) / 2) n^(-1/6) [m], variances with n - 1.

    Best for one round normal hill; too wide for ranges of several centres.

    Source: Worton 1989, doi:10.2307/1938423, Silverman 1986, in the form of adehabitatHR 0.4.22's
    code (its manual prints the mean of standard deviations instead).
    """
    variance_m2 = (np.var(x_m, ddof=1) + np.var(y_m, ddof=1)) / 2
    return float(np.sqrt(variance_m2) * x_m.size ** (-1 / 6))


def kernel_ud(
    track: Track,
    bandwidth: float | Literal["reference"] = "reference",
    cell_m: float | None = None,
    grid: Grid | None = None,
    margin_m: float | None = None,
    support_h: float = SUPPORT_H,
) -> UtilizationDistribution:
    """Returns the kernel density of a track with one round normal kernel per fix.

    Time grows with fixes times the nodes within `support_h` of one. Memory is one grid.

    Args:
        track: at least 5 fixes, not all on one line.
        bandwidth: standard deviation of the kernel [m], or "reference" (`reference_bandwidth`).
        cell_m: width of the cells; by default an eighth of the bandwidth.
        grid: the nodes to use, instead of `cell_m` and `margin_m`.
        margin_m: how far the grid reaches past the fixes; by default 5 bandwidths.
        support_h: half width, in bandwidths, of the square around a fix in which it counts. The
            default leaves out nothing that float64 would notice; 4 gives adehabitatHR's densities,
            whose volume is 0.99987.

    Raises:
        TrackError: too few fixes, or fixes without spread.
        ParameterError: a value out of its range, or `grid` together with `cell_m` or `margin_m`.
        GridTooCoarse: cells wider than two bandwidths: nodes would miss hills.
        GridTooLarge: more nodes than `analytics.grid.MAX_NODES`.
    """
    from analytics.kernels.kde import density  # compiles at its first call

    check_spread(track)
    if isinstance(bandwidth, str) and bandwidth != "reference":
        raise ParameterError("bandwidth", bandwidth, 'metres or "reference"')
    if isinstance(bandwidth, str):
        bandwidth_m = reference_bandwidth(track.x_m, track.y_m)
    else:
        bandwidth_m = _positive("bandwidth", bandwidth)
    if grid is None:
        cell_m = bandwidth_m / CELLS_PER_BANDWIDTH if cell_m is None else cell_m
        margin_m = bandwidth_m * MARGIN_H if margin_m is None else margin_m
        grid = Grid.around(track.x_m, track.y_m, cell_m, margin_m)
    elif cell_m is not None or margin_m is not None:
        raise ParameterError("grid", grid, "no grid where cell_m or margin_m is given")
    if grid.cell_m > 2 * bandwidth_m:
        raise GridTooCoarse(grid.cell_m, f"at most 2 bandwidths of {bandwidth_m:g} m")

    values = np.zeros((grid.rows, grid.columns))
    support_h = _positive("support_h", support_h)
    density(
        track.x_m, track.y_m, grid.x0_m, grid.y0_m, grid.cell_m, bandwidth_m, support_h, values
    )
    values.flags.writeable = False
    estimate = Estimate(
        method="kernel density",
        parameters={
            "kernel": "bivariate normal",
            "bandwidth": "reference" if isinstance(bandwidth, str) else "given",
            "bandwidth_m": bandwidth_m,
            "support_h": support_h,
            "cell_m": grid.cell_m,
            "x0_m": grid.x0_m,
            "y0_m": grid.y0_m,
            "columns": grid.columns,
            "rows": grid.rows,
        },
        fixes=len(track),
        from_time_s=float(track.times_s[0]),
        to_time_s=float(track.times_s[-1]),
        projection=track.projection,
        software_version=software_version(),
    )
    return UtilizationDistribution(grid, values, estimate)


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(name, value, "a finite number above 0")
    return float(value)
