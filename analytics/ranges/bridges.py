"""Brownian bridges: where an animal was between its fixes, if it wandered from one to the next.

Needs fixes dense enough for the next to depend on the last. Where they are not, a bridge is as
wide as the range and says nothing of paths: such tracks are refused or warned about
(`check_sampling`).
"""

import math
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.errors import ParameterError, SparseTrackWarning, TrackError, TrackTooSparse
from analytics.grid import Grid
from analytics.ranges.bridge_density import (
    SUPPORT_SD,
    Bridges,
    Rule,
    adaptive_rules,
    checked_error,
    default_grid,
    density,
    distribution,
    even_rule,
    refuse_coarse,
)
from analytics.results import UtilizationDistribution
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]

REFUSED_RATIO = 1.0
"""`sampling_ratio` from which the middle of the range predicts a fix better than its neighbours
do. Independent fixes have 1.5; fixes of a range-resident animal reach 1 when they lie 1.3 times
the position's autocorrelation time apart."""

DOUBTFUL_RATIO = 0.5
"""`sampling_ratio` to warn from: fixes half the position's autocorrelation time apart."""


@dataclass(frozen=True)
class MotionVariance:
    """How diffusive a track is.

    Attributes:
        variance_m2_per_s: growth of the variance in each direction with time.
        log_likelihood: of the fixes left out, at this value.
        left_out: number of these fixes.
        fixes: which were left out, "all" or "alternate".
    """

    variance_m2_per_s: float
    log_likelihood: float
    left_out: int
    fixes: Literal["all", "alternate"]


def sampling_ratio(track: Track) -> float:
    """Returns how well neighbours predict a fix, as mean squares: below 1 better than the middle.

    The squared distance of each inner fix from the straight line between its neighbours at its
    time, over that from the mean of the track.
    """
    from analytics.kernels.bridges import mean_square_left_out  # compiles at its first call

    return mean_square_left_out(track.times_s, track.x_m, track.y_m) / _variance_m2(track)


def check_sampling(bridges: Bridges, name: str = "") -> None:
    """Proves that bridges mean something: fixes depend on their neighbours, gaps are short.

    A gap is too long where the bridge's standard deviation halfway exceeds that of the fixes.

    Args:
        bridges: those of one track.
        name: put before messages, for one track of several.

    Raises:
        TrackError: a few fixes lie so far off that they must be errors, or the location error is
            larger than the spread of the fixes.
        TrackTooSparse: neighbours predict a fix no better than the middle of the track does, or
            more than half of the time lies in gaps too long.

    Warns:
        SparseTrackWarning: neighbours predict only twice as well, or some gaps are too long.
    """
    track, prefix = bridges.track, f"{name}: " if name else ""
    ratio, spread_m = sampling_ratio(track), math.sqrt(_variance_m2(track) / 2)
    error_m = math.sqrt(float(np.median(bridges.variance_m2)))
    if error_m > spread_m:
        fault = (
            f"the location error of {error_m:.4g} m is larger than the spread of the fixes, "
            f"{spread_m:.4g} m in each direction: are both in metres?"
        )
        raise TrackError([prefix + fault])
    told = (
        f"fixes lie {math.sqrt(ratio):.2g} times as far from the line between their neighbours as "
        "from the middle of the track"
    )
    if ratio >= REFUSED_RATIO:
        if spikes := _spikes(track):
            raise TrackError([prefix + spikes])
        raise TrackTooSparse(
            f"{prefix}too sparse for bridges: {told}; use a method for independent fixes, such as "
            "kernel density"
        )
    if ratio >= DOUBTFUL_RATIO:
        warning = SparseTrackWarning(f"{prefix}sparse for bridges: {told}")
        warnings.warn(warning, stacklevel=3)
    wide = bridges.middle_sd_m > spread_m
    if not wide.any():
        return
    part = bridges.duration_s[wide].sum() / bridges.duration_s.sum()
    shortest_s = bridges.duration_s[wide].min()
    what = (
        f"{int(wide.sum())} gaps of {shortest_s:.6g} s or more, {100 * part:.3g} % of the time, "
        f"have bridges wider than the whole track ({spread_m:.4g} m)"
    )
    if part > 0.5:
        raise TrackTooSparse(f"{prefix}too sparse for bridges: {what}")
    advice = f"leave them out with max_gap_s below {shortest_s:.6g}"
    warnings.warn(SparseTrackWarning(f"{prefix}{what}: {advice}"), stacklevel=3)


def _spikes(track: Track) -> str | None:
    """Says which fixes make a track look sparse, if but a fiftieth of them do."""
    from analytics.kernels.bridges import left_out  # compiles at its first call

    _, _, squared = left_out(track.times_s, track.x_m, track.y_m, np.zeros(len(track)))
    count = 1 + len(track) // 50
    worst = 1 + np.argsort(squared)[-count:]
    keep = np.ones(len(track), bool)
    keep[worst] = False
    if keep.sum() < 5 or sampling_ratio(track.select(keep)) >= DOUBTFUL_RATIO:
        return None
    at = datetime.fromtimestamp(float(track.times_s[worst[-1]]), UTC)
    return (
        f"a few fixes look like errors: the worst, at {at:%Y-%m-%d %H:%M:%S}, "
        f"lies {math.sqrt(squared[worst[-1] - 1]):.4g} m off the line between its neighbours; "
        "leave out what is too fast (--max-speed, --spike-speed, or analytics.clean)"
    )


def motion_variance(
    track: Track, error_m: ArrayLike, fixes: Literal["all", "alternate"] = "all"
) -> MotionVariance:
    """Returns the motion variance under which fixes left out are likeliest.

    Each fix left out is compared with the bridge between its neighbours. Searched on the logarithm
    without bounds; 0 where location error alone explains everything.

    Args:
        track: at least 5 fixes, not all on one line.
        error_m: standard deviation of a fix in each direction [m], one value or one per fix.
        fixes: "alternate" leaves out every second fix, as the paper does: what is left out is then
            independent. "all" leaves out each inner fix in turn, as adehabitatHR does: not a
            likelihood in the strict sense, but its estimate varies less (variance 3/4).

    Raises:
        TrackError: too few fixes, or fixes without spread.
        ParameterError: an error that is not finite and above 0, or an unknown choice of fixes.

    Source: Horne et al. 2007, doi:10.1890/06-0957.1, equations 5 to 7.
    """
    from analytics.kernels.bridges import left_out, likeliest_rate  # compile at their first call

    check_spread(track)
    if fixes not in ("all", "alternate"):
        raise ParameterError("fixes", fixes, '"all" or "alternate"')
    variance_m2 = checked_error(track, error_m) ** 2
    step = 1 if fixes == "all" else 2
    terms = left_out(track.times_s, track.x_m, track.y_m, variance_m2)
    rate, deviance = likeliest_rate(*terms, 0, len(track) - 2, step)
    return MotionVariance(rate, -deviance / 2, len(range(0, len(track) - 2, step)), fixes)


def brownian_bridge_ud(
    track: Track,
    error_m: ArrayLike,
    motion_variance_m2_per_s: float | Literal["likelihood"] = "likelihood",
    cell_m: float | None = None,
    grid: Grid | None = None,
    margin_m: float | None = None,
    max_gap_s: float | None = None,
    steps: int | Literal["adaptive"] = "adaptive",
    support_sd: float = SUPPORT_SD,
    convention: Literal["exact", "adehabitatHR"] = "exact",
) -> UtilizationDistribution:
    """Returns where an animal was, fixes and the time between them, as one density.

    Args:
        track: at least 5 fixes, not all on one line.
        error_m: standard deviation of a fix in each direction [m], one value or one per fix.
        motion_variance_m2_per_s: growth of the variance in each direction (the square of
            adehabitatHR's `sig1`), or "likelihood" (`motion_variance`).
        cell_m: width of the cells; by default a quarter of the standard deviation that bridges
            have halfway (the narrowest tenth of the time), wider where that makes more than
            2,000,000 nodes.
        grid: the nodes to use, instead of `cell_m` and `margin_m`.
        margin_m: how far the grid reaches past the fixes; by default 5 standard deviations of
            each bridge.
        max_gap_s: bridges that last longer are left out, their time not counted.
        steps: equal steps of time per bridge, or "adaptive": as many as each bridge needs, placed
            to be right to 1e-3 of its own highest point.
        support_sd: half width, in standard deviations, of the square in which a hill counts.
        convention: "adehabitatHR" integrates as its `kernelbb` with 25 steps does (trapezoids at
            0, 2/25, 3/25 ... 1 of each bridge), takes any cells and scales the grid's volume to 1.
            Its density is up to several percent of the peak off.

    Raises:
        TrackError: too few fixes, or fixes without spread; TrackTooSparse: see `check_sampling`.
        ParameterError: a value out of its range, or `grid` together with `cell_m` or `margin_m`.
        GridTooCoarse: cells wider than two standard deviations: nodes would miss hills.
        GridTooLarge: more nodes than `analytics.grid.MAX_NODES`.

    Warns:
        SparseTrackWarning: see `check_sampling`.

    Source: Horne et al. 2007, doi:10.1890/06-0957.1, equations 2 to 4.
    """
    check_spread(track)
    if convention not in ("exact", "adehabitatHR"):
        raise ParameterError("convention", convention, '"exact" or "adehabitatHR"')
    variance_m2 = checked_error(track, error_m) ** 2
    parameters: dict[str, object] = {"motion_variance": "given"}
    if isinstance(motion_variance_m2_per_s, str):
        if motion_variance_m2_per_s != "likelihood":
            expected = 'a variance per second or "likelihood"'
            raise ParameterError("motion_variance_m2_per_s", motion_variance_m2_per_s, expected)
        parameters["motion_variance"] = "likelihood"
        motion_variance_m2_per_s = motion_variance(track, error_m).variance_m2_per_s
    elif not (math.isfinite(motion_variance_m2_per_s) and motion_variance_m2_per_s >= 0):
        expected = "a finite variance per second, at least 0"
        raise ParameterError("motion_variance_m2_per_s", motion_variance_m2_per_s, expected)
    first = bridges_within(track, max_gap_s)
    spread_m2 = motion_variance_m2_per_s * np.diff(track.times_s)[first]
    parameters["motion_variance_m2_per_s"] = float(motion_variance_m2_per_s)
    parameters |= {"error_m": error_summary(error_m), "max_gap_s": max_gap_s}
    parameters |= {"steps": steps, "support_sd": support_sd, "convention": convention}
    bridges = Bridges(track, variance_m2, first, spread_m2)
    check_sampling(bridges)
    grid = choose_grid(bridges, cell_m, grid, margin_m)
    if convention == "adehabitatHR":
        values = coarse_density(bridges, grid, _adehabitat_rule(), support_sd)
    else:
        values = bridge_sum(bridges, grid, steps, support_sd)
    return distribution(bridges, grid, values, "Brownian bridge", parameters)


def bridges_within(track: Track, max_gap_s: float | None) -> NDArray[np.int64]:
    """Returns the fixes at which bridges of at most `max_gap_s` start.

    Raises:
        ParameterError: a gap that is not above 0.
        TrackError: no bridge is left.
    """
    duration_s = np.diff(track.times_s)
    if max_gap_s is None:
        return np.arange(duration_s.size)
    if not max_gap_s > 0:
        raise ParameterError("max_gap_s", max_gap_s, "more than 0")
    first = np.flatnonzero(duration_s <= max_gap_s)
    if not first.size:
        shortest = f"fixes lie {duration_s.min():.6g} s or more apart"
        raise TrackError([f"no bridge of at most {max_gap_s:g} s: {shortest}"])
    return first


def choose_grid(
    bridges: Bridges, cell_m: float | None, grid: Grid | None, margin_m: float | None
) -> Grid:
    """Returns the grid given, or the default one.

    Raises:
        ParameterError: `grid` together with `cell_m` or `margin_m`.
    """
    if grid is None:
        return default_grid((bridges,), cell_m, margin_m)
    if cell_m is not None or margin_m is not None:
        raise ParameterError("grid", grid, "no grid where cell_m or margin_m is given")
    return grid


def bridge_sum(
    bridges: Bridges, grid: Grid, steps: int | Literal["adaptive"], support_sd: float
) -> Floats:
    """Returns the density of bridges, each weighted by its duration.

    Raises:
        ParameterError: no steps, or a support that is not above 0.
        GridTooCoarse: see `brownian_bridge_ud`.
    """
    _check_support(support_sd)
    refuse_coarse(bridges, grid)
    if steps == "adaptive":
        rules, rule = adaptive_rules(bridges)
    elif isinstance(steps, int) and steps > 0:
        rules, rule = [even_rule(steps)], np.zeros(bridges.first.size, np.int64)
    else:
        raise ParameterError("steps", steps, 'a number above 0 or "adaptive"')
    weight = bridges.duration_s / bridges.duration_s.sum()
    return density(bridges, grid, rules, rule, weight, support_sd)


def coarse_density(bridges: Bridges, grid: Grid, rule: Rule, support_sd: float) -> Floats:
    """Returns the density with one rule for all bridges, volume on the grid scaled to 1."""
    _check_support(support_sd)
    weight = bridges.duration_s / bridges.duration_s.sum()
    every = np.zeros(bridges.first.size, np.int64)
    values = density(bridges, grid, [rule], every, weight, support_sd)
    return np.asarray(values / (values.sum() * grid.cell_area_m2))


def error_summary(error_m: ArrayLike) -> object:
    """Returns the error as stored with a result: the value, or the range of values."""
    error = np.asarray(error_m, np.float64)
    if error.ndim == 0:
        return float(error)
    return {"smallest": float(error.min()), "largest": float(error.max())}


def _variance_m2(track: Track) -> float:
    """Returns the mean squared distance of the fixes from their mean."""
    return float(np.var(track.x_m) + np.var(track.y_m))


def _check_support(support_sd: float) -> None:
    if not (math.isfinite(support_sd) and support_sd > 0):
        raise ParameterError("support_sd", support_sd, "a finite number above 0")


def _adehabitat_rule() -> Rule:
    part = np.concatenate(([0.0], np.arange(2, 26) / 25))
    share = np.zeros(part.size)
    share[:-1] += np.diff(part) / 2
    share[1:] += np.diff(part) / 2
    return part, share
