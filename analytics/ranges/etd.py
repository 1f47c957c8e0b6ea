"""Elliptical time density: where an animal was between its fixes, from the speeds it can reach.

Between two fixes it cannot have left the ellipse that its highest speed allows; how its time is
shared out within follows from how often it moves at which speed. Needs no kernel and no model of
the path, but fixes dense enough for a step to tell of its speed.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.errors import ParameterError, SparseTrackWarning, TrackError
from analytics.grid import Grid
from analytics.results import Estimate, UtilizationDistribution
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]

HIGHEST_PERCENT = 99.99
"""Default highest speed: this quantile of the speeds' distribution."""

_FAST_PERCENT = 90.0  # a tenth of the time an animal is faster
_DOUBTFUL_PART = 0.05  # of the time in wide steps: the land around a 95 % range is theirs

_OVER_FASTEST = 1.05  # and at least so many times the fastest step: its ellipse needs a width
_CELLS_PER_REACH = 24  # of the default grid, along the longest ellipse of a median step
_DEFAULT_NODES = 4_000_000  # up to which the default grid follows the longest step
_STRAIGHT, _FURTHER = 64, 256  # size of the table of densities: within 1 % at two cells, see tests
_SHAPES = (0.05, 100.0)


@dataclass(frozen=True)
class SpeedDistribution:
    """Weibull's distribution of speeds.

    Attributes:
        shape: above 0; 1 is exponential, 2 that of a walk whose parts are normal.
        scale_mps: above 0 [m/s]; 63 % of speeds are below it.

    Raises:
        ParameterError: a value that is not finite and above 0.
    """

    shape: float
    scale_mps: float

    def __post_init__(self) -> None:
        for name in ("shape", "scale_mps"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ParameterError(name, value, "a finite number above 0")

    def quantile_mps(self, percent: float) -> float:
        """Returns the speed that this part of speeds is below [m/s].

        Raises:
            ParameterError: a percentage not between 0 and 100.
        """
        if not 0 < percent < 100:
            raise ParameterError("percent", percent, "more than 0 and less than 100")
        return float(self.scale_mps * (-math.log1p(-percent / 100)) ** (1 / self.shape))


def fit_speeds(track: Track) -> SpeedDistribution:
    """Returns the distribution most likely to give the speeds of a track's steps.

    Steps without any displacement are left out: no Weibull variable is 0.

    Raises:
        TrackError: fewer than 3 steps with a displacement.

    Source: Cohen 1965, doi:10.1080/00401706.1965.10490300.
    """
    steps_m = np.hypot(np.diff(track.x_m), np.diff(track.y_m))
    speeds = steps_m / np.diff(track.times_s)
    speeds = speeds[speeds > 0]
    if speeds.size < 3:
        raise TrackError([f"{speeds.size} steps with a displacement, at least 3 are needed"])
    logs = np.log(speeds)
    mean_log = float(logs.mean())
    logs -= mean_log

    def slope(shape: float) -> float:
        """Derivative of the likelihood by the shape, per step; falls with the shape."""
        powers = np.exp(shape * (logs - logs.max()))
        return 1 / shape - float((powers * logs).sum() / powers.sum())

    low, high = _SHAPES
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) > 0 else (low, middle)
        if high / low < 1 + 1e-12:
            break
    shape = math.sqrt(low * high)
    largest = float(logs.max())
    mean_power = float(np.exp(shape * (logs - largest)).mean())
    scale = math.exp(mean_log + largest + math.log(mean_power) / shape)
    return SpeedDistribution(shape, scale)


def elliptical_ud(
    track: Track,
    speeds: SpeedDistribution | None = None,
    highest_mps: float | None = None,
    cell_m: float | None = None,
    grid: Grid | None = None,
    margin_m: float | None = None,
    max_gap_s: float | None = None,
) -> UtilizationDistribution:
    """Returns the elliptical time density of a track.

    Time grows with the steps times the nodes in their ellipses. Memory is one grid.

    Args:
        track: at least 5 fixes, not all on one line.
        speeds: distribution of speeds; by default `fit_speeds` of the track.
        highest_mps: no place is reached faster [m/s]; by default the 99.99 % quantile of the
            speeds, and at least 1.05 times the fastest step.
        cell_m: width of the cells; by default a 24th of what the highest speed covers in a median
            step.
        grid: the nodes to use, instead of `cell_m` and `margin_m`.
        margin_m: how far the grid reaches past the fixes; by default half of what the highest
            speed covers in the longest step, or, where that takes more than 4 million nodes, in
            one that takes longer than 95 % of them. Time spent off the grid is lost.
        max_gap_s: steps that take longer are left out; by default none. A long gap spreads
            its whole time over a wide area.

    Raises:
        TrackError: too few fixes, fixes without spread, or no step within `max_gap_s`.
        ParameterError: a value out of its range, a highest speed below the fastest step, or
            `grid` together with `cell_m` or `margin_m`.
        GridTooLarge: more nodes than `analytics.grid.MAX_NODES`.

    Warns:
        SparseTrackWarning: more than 5 % of the time lies in steps so long that the animal may
            have been further off them than its fixes spread.

    Source: Wall et al. 2014, doi:10.1111/2041-210X.12218. Each step counts by its duration, and
    the density within a step follows from its own ellipse, not from one through the place.
    """
    from analytics.kernels.etd import speed_table, time_density  # compile at their first call

    check_spread(track)
    longest_s = math.inf if max_gap_s is None else _positive("max_gap_s", max_gap_s)
    durations_s = np.diff(track.times_s)
    used = durations_s <= longest_s
    if not used.any():
        raise TrackError([f"all steps take longer than {longest_s:g} s"])
    speeds = fit_speeds(track) if speeds is None else speeds
    _warn_of_gaps(track, speeds, used)
    fastest_mps = float(
        (np.hypot(np.diff(track.x_m), np.diff(track.y_m)) / durations_s)[used].max()
    )
    highest = _highest(speeds, highest_mps, fastest_mps)
    if grid is None:
        grid = _default_grid(track, highest * durations_s[used], cell_m, margin_m)
    elif cell_m is not None or margin_m is not None:
        raise ParameterError("grid", grid, "no grid where cell_m or margin_m is given")

    table = np.empty((_STRAIGHT, _FURTHER))
    speed_table(speeds.shape, speeds.scale_mps, highest, table)
    values = np.zeros((grid.rows, grid.columns))
    seconds = time_density(
        (track.x_m - grid.x0_m) / grid.cell_m,
        (track.y_m - grid.y0_m) / grid.cell_m,
        track.times_s,
        grid.cell_m,
        speeds.shape,
        speeds.scale_mps,
        highest,
        longest_s,
        table,
        values,
    )
    values /= seconds * grid.cell_area_m2
    values.flags.writeable = False
    parameters: dict[str, object] = {
        "shape": speeds.shape,
        "scale_mps": speeds.scale_mps,
        "highest_mps": highest,
        "max_gap_s": max_gap_s,
        "seconds": seconds,
        "time_used_percent": float(100 * durations_s[used].sum() / durations_s.sum()),
        "cell_m": grid.cell_m,
        "x0_m": grid.x0_m,
        "y0_m": grid.y0_m,
        "columns": grid.columns,
        "rows": grid.rows,
    }
    estimate = Estimate.of(track, "elliptical time density", parameters)
    return UtilizationDistribution(grid, values, estimate)


def _warn_of_gaps(track: Track, speeds: SpeedDistribution, used: NDArray[np.bool_]) -> None:
    """Warns where long steps, not fixes, make the range."""
    duration_s = np.diff(track.times_s)[used]
    length_m = np.hypot(np.diff(track.x_m), np.diff(track.y_m))[used]
    reach_m = speeds.quantile_mps(_FAST_PERCENT) * duration_s
    aside_m = np.sqrt(np.maximum(reach_m**2 - length_m**2, 0)) / 2
    spread_m = math.sqrt((np.var(track.x_m) + np.var(track.y_m)) / 2)
    wide = aside_m > spread_m
    part = duration_s[wide].sum() / duration_s.sum()
    if part > _DOUBTFUL_PART:
        shortest_s = duration_s[wide].min()
        remedy = f"leave them out with max_gap_s below {shortest_s:.6g}"
        if 2 * wide.sum() > wide.size:
            remedy = "use a method for independent fixes, such as kernel density"
        message = (
            f"{int(wide.sum())} of {wide.size} steps, of {shortest_s:.6g} s or more, "
            f"{100 * part:.3g} % of the time, are so long that the animal may have been further "
            f"off than its fixes spread ({spread_m:.4g} m): much of the range is theirs; {remedy}"
        )
        warnings.warn(SparseTrackWarning(message), stacklevel=3)


def _default_grid(
    track: Track, reach_m: Floats, cell_m: float | None, margin_m: float | None
) -> Grid:
    """Returns a grid for steps in which the highest speed covers `reach_m`."""
    cell_m = float(np.median(reach_m)) / _CELLS_PER_REACH if cell_m is None else cell_m
    if margin_m is None:
        margin_m = float(reach_m.max()) / 2
        sides_m = (float(np.ptp(v)) + 2 * margin_m for v in (track.x_m, track.y_m))
        if math.prod(sides_m) > _DEFAULT_NODES * cell_m**2:
            margin_m = float(np.quantile(reach_m, 0.95)) / 2
    return Grid.around(track.x_m, track.y_m, cell_m, margin_m)


def _highest(speeds: SpeedDistribution, highest_mps: float | None, fastest_mps: float) -> float:
    """Returns the highest speed, which must leave the fastest step's ellipse a width."""
    if highest_mps is None:
        return max(speeds.quantile_mps(HIGHEST_PERCENT), _OVER_FASTEST * fastest_mps)
    if not _positive("highest_mps", highest_mps) > fastest_mps:
        expected = f"more than the fastest step's {fastest_mps:.6g} m/s"
        raise ParameterError("highest_mps", highest_mps, expected)
    return float(highest_mps)


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(name, value, "a finite number above 0")
    return float(value)
