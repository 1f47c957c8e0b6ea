"""Autocorrelated kernel density: a home range from fixes that are not independent.

Kernels are as wide as the track's movement model calls for, areas are corrected for what kernels
add to them, and every area comes with an interval that rests on the effective sample size: how
often the animal crossed its range, not how often it was located.

Sources: Fleming et al. 2015, doi:10.1890/14-2010.1; Fleming & Calabrese 2017,
doi:10.1111/2041-210X.12673; Fleming et al. 2018, doi:10.1111/1365-2656.12863.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from analytics.ctmm.fit import FittedModel
from analytics.ctmm.intervals import Interval, calibrated_interval, chi_square_interval
from analytics.ctmm.krige import krige
from analytics.ctmm.select import select
from analytics.errors import GridTooCoarse, ParameterError, SmallSampleWarning
from analytics.grid import Grid
from analytics.ranges.isopleth import home_range
from analytics.results import Estimate, HomeRange, UtilizationDistribution, software_version
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]
Weights = Literal["uniform", "optimal"]
AreaInterval = Literal["calibrated", "chi-square"]

CELLS_PER_BANDWIDTH = 10
"""Default resolution: cells of the kernel's narrowest standard deviation over this."""

MARGIN_H = 5.0
"""Standard deviations of the kernel by which the default grid reaches past the fixes."""

_FEW = 5.0  # effective sample size below which an area is hardly known


@dataclass(frozen=True, eq=False)
class AutocorrelatedRange:
    """A home range with its uncertainty.

    Attributes:
        ud: the area-corrected distribution; its isopleths are those of the kernel density, holding
            more.
        fitted: the movement model it rests on.
        bandwidth_m2: (2, 2) covariance of the kernels [m2].
        weights: (n,) of the fixes, sum 1.
        weighting: how they were chosen.
        inflation: expected area of the kernel density over the true one; divided out.
        area_dof: effective sample size: an area's variance is its square over this.
        bandwidth_dof: number of independent fixes that would call for the same bandwidth.
    """

    ud: UtilizationDistribution
    fitted: FittedModel
    bandwidth_m2: Floats
    weights: Floats
    weighting: Weights
    inflation: float
    area_dof: float
    bandwidth_dof: float

    def home_range(self, levels_percent: Sequence[float] = (50.0, 95.0)) -> HomeRange:
        """Returns isopleths, as `analytics.ranges.isopleth.home_range`."""
        return home_range(self.ud, levels_percent)

    def area_km2(
        self,
        level_percent: float = 95.0,
        confidence_percent: float = 95.0,
        interval: AreaInterval = "calibrated",
    ) -> Interval:
        """Returns the area of an isopleth with its interval [km2].

        Args:
            level_percent: of the isopleth.
            confidence_percent: of the interval.
            interval: "calibrated" holds the truth in 90 to 98 of 100 simulated tracks, however
                short (`analytics.ctmm.intervals.calibrated_interval`); "chi-square" has ctmm's
                numbers and holds it in 59 to 92. `analytics.ranges.akde_bootstrap` has a third.

        Raises:
            ParameterError: a level or a confidence not between 0 and 100, an unknown interval.
            GridError: as `analytics.ranges.isopleth.isopleth`.
        """
        area = home_range(self.ud, (level_percent,)).isopleths[0].area_km2
        return area_interval(area, self.area_dof, confidence_percent, interval)


def area_interval(
    area_km2: float, area_dof: float, confidence_percent: float, interval: AreaInterval
) -> Interval:
    """Returns the interval of an area known from an effective sample size.

    Raises:
        ParameterError: a confidence not between 0 and 100, an unknown interval.
    """
    if interval not in get_args(AreaInterval):
        raise ParameterError("interval", interval, '"calibrated" or "chi-square"')
    if interval == "chi-square":
        return chi_square_interval(area_km2, 2 * area_dof, confidence_percent)
    return calibrated_interval(area_km2, area_dof, confidence_percent)


def autocorrelated_ud(
    track: Track,
    fitted: FittedModel | None = None,
    weights: Weights = "uniform",
    cell_m: float | None = None,
    grid: Grid | None = None,
    margin_m: float | None = None,
) -> AutocorrelatedRange:
    """Returns the autocorrelated kernel density of a track, with the numbers of R's ctmm.

    Takes O(n) time for the bandwidth and the density, a few hundred times as much per fix with
    optimal weights. Where the model was fitted with telemetry error, the density is that of the
    positions it makes of the fixes.

    Args:
        track: at least 5 fixes, not all on one line.
        fitted: the movement model fitted to this track; by default the best of
            `analytics.ctmm.select.select`.
        weights: "uniform", or "optimal" for sampling that is denser at some times than at others.
        cell_m: width of the cells; by default a tenth of the narrowest bandwidth.
        grid: the nodes to use, instead of `cell_m` and `margin_m`.
        margin_m: how far the grid reaches past the fixes; by default 5 of the widest bandwidth.

    Raises:
        TrackError: too few fixes, or fixes without spread.
        FitError: no model could be fitted, or weights not found.
        ParameterError: a value out of its range, a model of another track, or `grid` together with
            `cell_m` or `margin_m`.
        GridTooCoarse: cells wider than the narrowest bandwidth.
        GridTooLarge: more nodes than `analytics.grid.MAX_NODES`.

    Warns:
        SmallSampleWarning: an effective sample size below 5.
    """
    check_spread(track)
    if weights not in get_args(Weights):
        raise ParameterError("weights", weights, '"uniform" or "optimal"')
    fitted = select(track).best if fitted is None else fitted
    if fitted.estimate.fixes != len(track):
        raise ParameterError("fitted", f"{fitted.estimate.fixes} fixes", f"the {len(track)} given")
    if fitted.area_dof < _FEW:
        warnings.warn(SmallSampleWarning(fitted.area_dof), stacklevel=2)
    return range_of(track, fitted, weights, CELLS_PER_BANDWIDTH, cell_m, grid, margin_m)


def range_of(
    track: Track,
    fitted: FittedModel,
    weights: Weights,
    cells_per_bandwidth: float,
    cell_m: float | None = None,
    grid: Grid | None = None,
    margin_m: float | None = None,
) -> AutocorrelatedRange:
    """Returns `autocorrelated_ud` for a fitted model; by default with cells as fine as asked."""
    from analytics.ctmm import bandwidth

    model = fitted.model
    choose = bandwidth.uniform if weights == "uniform" else bandwidth.optimal
    chosen = choose(track.times_s, model)
    kernel_m2 = chosen.h2 * model.covariance_m2
    x_m, y_m = _positions(track, fitted)
    grid = _grid(x_m, y_m, kernel_m2, cells_per_bandwidth, cell_m, grid, margin_m)
    density = _density(x_m, y_m, chosen.weights, kernel_m2, grid)
    density = _corrected(density, chosen.inflation)
    density.flags.writeable = False
    estimate = _estimate(track, fitted, weights, kernel_m2, chosen.inflation, grid)
    return AutocorrelatedRange(
        ud=UtilizationDistribution(grid, density, estimate),
        fitted=fitted,
        bandwidth_m2=kernel_m2,
        weights=chosen.weights,
        weighting=weights,
        inflation=chosen.inflation,
        area_dof=fitted.area_dof,
        bandwidth_dof=chosen.dof,
    )


def _positions(track: Track, fitted: FittedModel) -> tuple[Floats, Floats]:
    if fitted.error_m2 is None:
        return track.x_m, track.y_m
    known = krige(track, fitted, track.times_s)
    return known.x_m, known.y_m


def _grid(
    x_m: Floats,
    y_m: Floats,
    kernel_m2: Floats,
    cells_per_bandwidth: float,
    cell_m: float | None,
    grid: Grid | None,
    margin_m: float | None,
) -> Grid:
    narrow, wide = np.sqrt(np.linalg.eigvalsh(kernel_m2))
    if grid is None:
        cell_m = float(narrow) / cells_per_bandwidth if cell_m is None else cell_m
        margin_m = float(wide) * MARGIN_H if margin_m is None else margin_m
        grid = Grid.around(x_m, y_m, cell_m, margin_m)
    elif cell_m is not None or margin_m is not None:
        raise ParameterError("grid", grid, "no grid where cell_m or margin_m is given")
    if grid.cell_m > narrow:
        raise GridTooCoarse(grid.cell_m, f"at most the narrowest bandwidth, {narrow:g} m")
    return grid


def _density(x_m: Floats, y_m: Floats, weights: Floats, kernel_m2: Floats, grid: Grid) -> Floats:
    """Returns the sum of weighted normal kernels at the nodes [1/m2].

    Fixes are shared out to nodes and smoothed in the frequency domain, by kernels narrower by the
    variance which the sharing adds: within 3e-4 of the peak at the default resolution. The grid is
    padded so that nothing comes round from the other side.
    """
    from scipy import fft

    from analytics.kernels.akde import bin_linear  # compiles at its first call

    pad = 7 * np.sqrt(np.diag(kernel_m2)) / grid.cell_m
    columns, rows = (
        fft.next_fast_len(int(size + p) + 2, real=True)
        for size, p in zip((grid.columns, grid.rows), pad, strict=True)
    )
    cells = np.zeros((rows, columns))
    inside = cells[: grid.rows, : grid.columns]
    bin_linear(x_m, y_m, weights, grid.x0_m, grid.y0_m, grid.cell_m, inside)
    added = np.eye(2) * grid.cell_area_m2 / 6
    narrowed = kernel_m2 - added
    u = 2 * np.pi * fft.rfftfreq(columns, grid.cell_m)
    v = 2 * np.pi * fft.fftfreq(rows, grid.cell_m)[:, None]
    power = narrowed[0, 0] * u * u + 2 * narrowed[0, 1] * u * v + narrowed[1, 1] * v * v
    smooth = fft.irfft2(fft.rfft2(cells) * np.exp(-power / 2), s=(rows, columns))
    density = smooth[: grid.rows, : grid.columns] / grid.cell_area_m2
    return np.asarray(np.maximum(density, 0.0))


def _corrected(density: Floats, inflation: float) -> Floats:
    """Returns the density whose every level holds what the given one holds in a larger area.

    Level sets keep their shape; that of area A holds what that of area A times `inflation` held.

    Source: Fleming & Calabrese 2017, doi:10.1111/2041-210X.12673.
    """
    order = np.argsort(density, axis=None)[::-1]
    ranked = density.ravel()[order]
    held = np.concatenate(([0.0], np.cumsum(ranked)))
    ranks = np.arange(held.size, dtype=np.float64)
    corrected = np.empty(density.size)
    corrected[order] = np.diff(np.interp(ranks * inflation, ranks, held))
    return corrected.reshape(density.shape)


def _estimate(
    track: Track,
    fitted: FittedModel,
    weights: Weights,
    kernel_m2: Floats,
    inflation: float,
    grid: Grid,
) -> Estimate:
    model = fitted.model
    return Estimate(
        method="autocorrelated kernel density",
        parameters={
            "model": model.name,
            "fit": fitted.estimate.parameters["fit"],
            "tau_position_s": model.tau_position_s,
            "tau_velocity_s": model.tau_velocity_s,
            "covariance_m2": model.covariance_m2.tolist(),
            "weights": weights,
            "bandwidth_m2": kernel_m2.tolist(),
            "inflation": inflation,
            "area_dof": fitted.area_dof,
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
