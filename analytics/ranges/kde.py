"""Kernel density: the utilization distribution as a sum of round hills, one per fix.

Takes fixes as independent. Fixes close in time are not, so ranges of densely sampled animals come
out too small, and smaller the more often one samples.
"""

import math
import warnings
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from analytics.errors import BandwidthWarning, GridTooCoarse, ParameterError
from analytics.grid import Grid
from analytics.ranges.bandwidth import (
    EPANECHNIKOV,
    EPANECHNIKOV_ADEHABITAT,
    cross_validate,
    plug_in_bandwidth,
    reference_bandwidth,
)
from analytics.results import Estimate, UtilizationDistribution
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]

BandwidthRule = Literal["reference", "lscv", "plug-in", "adehabitat"]
Kernel = Literal["normal", "epanechnikov"]
Mode = Literal["exact", "binned"]

CELLS_PER_BANDWIDTH = 8
"""Default resolution: 95 % areas within 0.1 %, 50 % areas within 0.4 % of those on a very fine
grid (measured on tracks of 30 to 1000 fixes)."""

MARGIN_H = 5.0
"""Bandwidths by which the default grid reaches past the fixes: all but 1e-6 of the volume."""

SUPPORT_H = 9.0
"""Bandwidths to which each hill is computed: exp(-9^2 / 2) = 3e-18 of its height is left out."""

_BINNED_SUPPORT_H = 5.5  # exp(-5.5^2 / 2) = 3e-7
_HILL_VARIANCE = 1.6  # in cells, left under the wave of the grid: 4 exp(-2 pi^2 1.6) = 8e-14
_HILL_LEAST_H = 3.0  # cells; hills up to 1.44 cells: the kernel ends at exp(-(11 / 1.44)^2 / 2)
_HILL_REACH = 12  # nodes to which the kernel spreads a fix


def kernel_ud(
    track: Track,
    bandwidth: float | BandwidthRule = "reference",
    cell_m: float | None = None,
    grid: Grid | None = None,
    margin_m: float | None = None,
    support_h: float = SUPPORT_H,
    kernel: Kernel = "normal",
    mode: Mode = "exact",
) -> UtilizationDistribution:
    """Returns the kernel density of a track with one round kernel per fix.

    Time grows with the fixes and with the nodes. Memory is a few grids.

    Args:
        track: at least 5 fixes, not all on one line.
        bandwidth: standard deviation of the normal kernel, radius of the Epanechnikov kernel [m];
            or the rule that finds it: "reference" (`reference_bandwidth`), "lscv"
            (`cross_validate`), "plug-in" (`plug_in_bandwidth`), "adehabitat" (as adehabitatHR
            0.4.22's `href`, which takes another Epanechnikov radius than "reference").
        cell_m: width of the cells; by default an eighth of the normal kernel's bandwidth.
        grid: the nodes to use, instead of `cell_m` and `margin_m`.
        margin_m: how far the grid reaches past the fixes; by default 5 bandwidths (normal).
        support_h: half width, in bandwidths, of the square around a fix in which a normal kernel
            counts. The default leaves out nothing that float64 would notice; 4 gives
            adehabitatHR's densities, whose volume is 0.99987.
        kernel: "normal", or "epanechnikov": a paraboloid that ends at its radius.
        mode: "exact", or "binned": fixes are shared out to the four nodes around them before the
            normal kernel is laid over the nodes. Many times faster from 1e5 fixes on. The error
            is below (cell / bandwidth)^2 / 6 of the peak whatever the fixes, and a few 1e-5 of it
            for 1e4 and more at the reference bandwidth.

    Raises:
        TrackError: too few fixes, or fixes without spread.
        ParameterError: a value out of its range, or two that exclude each other.
        GridTooCoarse: cells wider than two bandwidths: nodes would miss hills. In mode "binned",
            wider than one.
        GridTooLarge: more nodes than `analytics.grid.MAX_NODES`.

    Warns:
        BandwidthWarning: cross-validation ran into a limit.

    Source: Worton 1989, doi:10.2307/1938423; binning: Wand 1994,
    doi:10.1080/10618600.1994.10474656.
    """
    check_spread(track)
    _check_choices(kernel, mode, support_h)
    bandwidth_m = _bandwidth(track, bandwidth, kernel)
    normal_m = bandwidth_m if kernel == "normal" else bandwidth_m / EPANECHNIKOV
    if grid is None:
        cell_m = normal_m / CELLS_PER_BANDWIDTH if cell_m is None else cell_m
        margin_m = normal_m * MARGIN_H if margin_m is None else margin_m
        grid = Grid.around(track.x_m, track.y_m, cell_m, margin_m)
    elif cell_m is not None or margin_m is not None:
        raise ParameterError("grid", grid, "no grid where cell_m or margin_m is given")
    limit = 1 if mode == "binned" else 2
    if grid.cell_m > limit * bandwidth_m:
        raise GridTooCoarse(grid.cell_m, f"at most {limit} bandwidths of {bandwidth_m:g} m")

    if kernel == "epanechnikov":
        values = _paraboloids(track, grid, bandwidth_m)
    elif mode == "binned":
        values = _binned(track, grid, bandwidth_m)
    else:
        values = _exact(track, grid, bandwidth_m, support_h)
    values.flags.writeable = False
    parameters: dict[str, object] = {
        "kernel": "bivariate normal" if kernel == "normal" else "epanechnikov",
        "bandwidth": bandwidth if isinstance(bandwidth, str) else "given",
        "bandwidth_m": bandwidth_m,
        "support_h": support_h if kernel == "normal" and mode == "exact" else None,
        "mode": mode,
        "cell_m": grid.cell_m,
        "x0_m": grid.x0_m,
        "y0_m": grid.y0_m,
        "columns": grid.columns,
        "rows": grid.rows,
    }
    return UtilizationDistribution(grid, values, Estimate.of(track, "kernel density", parameters))


def _check_choices(kernel: str, mode: str, support_h: float) -> None:
    if kernel not in get_args(Kernel):
        raise ParameterError("kernel", kernel, '"normal" or "epanechnikov"')
    if mode not in get_args(Mode):
        raise ParameterError("mode", mode, '"exact" or "binned"')
    _positive("support_h", support_h)
    if mode == "binned" and kernel != "normal":
        raise ParameterError("mode", mode, f'"exact" with kernel "{kernel}"')
    if support_h != SUPPORT_H and (mode == "binned" or kernel != "normal"):
        raise ParameterError(
            "support_h", support_h, 'the default but for kernel "normal" in mode "exact"'
        )


def _bandwidth(track: Track, rule: float | str, kernel: str) -> float:
    """Returns the bandwidth of the kernel itself [m]."""
    if not isinstance(rule, str):
        return _positive("bandwidth", rule)
    x_m, y_m = track.x_m, track.y_m
    if rule not in get_args(BandwidthRule):
        names = ", ".join(f'"{name}"' for name in get_args(BandwidthRule))
        raise ParameterError("bandwidth", rule, f"metres or one of {names}")
    if rule == "plug-in":
        normal_m = plug_in_bandwidth(x_m, y_m)
    elif rule == "lscv":
        chosen = cross_validate(x_m, y_m)
        normal_m = chosen.bandwidth_m
        if not chosen.converged:
            warnings.warn(BandwidthWarning(normal_m), stacklevel=3)
    else:
        normal_m = reference_bandwidth(x_m, y_m)
    if kernel == "normal":
        return normal_m
    return normal_m * (EPANECHNIKOV_ADEHABITAT if rule == "adehabitat" else EPANECHNIKOV)


def _paraboloids(track: Track, grid: Grid, radius_m: float) -> Floats:
    from analytics.kernels.kde import epanechnikov  # compiles at its first call

    values = np.zeros((grid.rows, grid.columns))
    x_m, y_m = track.x_m, track.y_m
    epanechnikov(x_m, y_m, grid.x0_m, grid.y0_m, grid.cell_m, radius_m, values)
    return values


def _exact(track: Track, grid: Grid, bandwidth_m: float, support_h: float) -> Floats:
    """Returns the sum of normal densities, by the cheaper of two ways to the same numbers.

    A normal hill is a narrower one smoothed by another: where it is much wider than the cells,
    fixes are spread to a few nodes each and all nodes smoothed at once. The sum over nodes that
    stands for an integral there is off by 1e-13 of the density (Poisson's summation formula).
    """
    from analytics.kernels.kde import density, smooth, spread_out  # compile at their first call

    h = bandwidth_m / grid.cell_m
    values = np.zeros((grid.rows, grid.columns))
    one_by_one = len(track) * (2 * support_h * h + 1) ** 2  # sums
    at_once = len(track) * (2 * _HILL_REACH) ** 2 + 4 * SUPPORT_H * h * values.size
    if support_h != SUPPORT_H or h < _HILL_LEAST_H or one_by_one < at_once:
        place = (grid.x0_m, grid.y0_m, grid.cell_m)
        density(track.x_m, track.y_m, *place, bandwidth_m, float(support_h), values)
        return values
    hill = math.sqrt(h * h / 2 * (1 - math.sqrt(1 - 4 * _HILL_VARIANCE / (h * h))))
    around, left, bottom = _extended(track, grid, math.ceil(SUPPORT_H * h), _HILL_REACH)
    hills = np.zeros((around.rows, around.columns))
    place = (around.x0_m, around.y0_m, grid.cell_m)
    spread_out(track.x_m, track.y_m, *place, hill, hills)
    hills *= 1 / (len(track) * 2 * math.pi * (hill * grid.cell_m) ** 2)
    rest = math.sqrt(h * h - hill * hill)
    smooth(hills, _taps(rest, SUPPORT_H * h), left, bottom, values)
    return values


def _binned(track: Track, grid: Grid, bandwidth_m: float) -> Floats:
    """Returns the normal densities of fixes shared out to nodes.

    Sharing out to two nodes is, on average over places in the cell, smoothing with a variance of
    cell^2 / 6, which the kernel is made narrower by: without that the error is four times as
    large for one fix, and does not average out for many.
    """
    from analytics.kernels.kde import share_out, smooth  # compile at their first call

    h = bandwidth_m / grid.cell_m
    values = counts = np.zeros((grid.rows, grid.columns))
    left = bottom = 0
    if share_out(track.x_m, track.y_m, grid.x0_m, grid.y0_m, grid.cell_m, counts):
        around, left, bottom = _extended(track, grid, math.ceil(_BINNED_SUPPORT_H * h), 1)
        counts = np.zeros((around.rows, around.columns))
        share_out(track.x_m, track.y_m, around.x0_m, around.y0_m, grid.cell_m, counts)
    # where no node was added they are smoothed in place, which saves the system's making pages
    taps = _taps(math.sqrt(h * h - 1 / 6), _BINNED_SUPPORT_H * h)
    taps /= grid.cell_m * math.sqrt(len(track))  # once for each direction
    smooth(counts, taps, left, bottom, values)
    return values


def _taps(deviation_cells: float, reach_cells: float) -> Floats:
    """Returns a normal density [1/cell] at whole cells."""
    at = np.arange(-math.ceil(reach_cells), math.ceil(reach_cells) + 1.0)
    taps: Floats = np.exp(-0.5 * (at / deviation_cells) ** 2)
    taps /= math.sqrt(2 * math.pi) * deviation_cells
    return taps


def _extended(track: Track, grid: Grid, support: int, reach: int) -> tuple[Grid, int, int]:
    """Returns the grid with room for the fixes around it, and how far it grew left and down.

    Grows by `reach` nodes past the outermost fixes, but no further than a kernel of `support`
    nodes could matter.
    """

    def room(cells: float) -> int:
        return int(min(max(math.ceil(cells) + reach + 1, 0), support + 2 * reach + 1))

    cell_m, x_m, y_m = grid.cell_m, track.x_m, track.y_m
    left = room((grid.x0_m - float(x_m.min())) / cell_m)
    bottom = room((grid.y0_m - float(y_m.min())) / cell_m)
    right = room((float(x_m.max()) - grid.x0_m) / cell_m - (grid.columns - 1))
    top = room((float(y_m.max()) - grid.y0_m) / cell_m - (grid.rows - 1))
    around = Grid(
        grid.x0_m - left * cell_m,
        grid.y0_m - bottom * cell_m,
        cell_m,
        grid.columns + left + right,
        grid.rows + bottom + top,
    )
    return around, left, bottom


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(name, value, "a finite number above 0")
    return float(value)
