"""Dynamic Brownian bridges: animals that rest, forage and travel are not equally diffusive.

The motion variance is estimated in a sliding window, which breaks in two where that explains its
fixes better; bridges then are as wide as the animal was erratic at the time.
"""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.errors import ParameterError, SparseTrackWarning, TrackError
from analytics.grid import Grid
from analytics.ranges.bridge_density import (
    SUPPORT_SD,
    Bridges,
    checked_error,
    density,
    distribution,
)
from analytics.ranges.bridges import (
    bridge_sum,
    bridges_within,
    check_sampling,
    choose_grid,
    error_summary,
)
from analytics.results import UtilizationDistribution
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

WINDOW = 31
"""Fixes per window, of the paper's examples."""

MARGIN = 11
"""Fixes at least on either side of a break, of the paper's examples."""

_DOUBTFUL_PART = 0.1  # of the time left out at the ends

_MOVE_SD = 4.1  # the package move cuts its hills at 4, rounded up to whole cells
_MOVE_STEPS = 15.0  # its time step is the shortest bridge over this


@dataclass(frozen=True, eq=False)
class DynamicVariance:
    """How diffusive a track is, bridge by bridge.

    Attributes:
        variance_m2_per_s: (n - 1) mean over windows; NaN where no window counts (the first and
            last `margin - 1` bridges).
        windows: (n - 1) number of windows that count for a bridge.
        breaks: (n - window + 1) index of the first fix after the break of each window, -1 where
            one variance explains all of the window.
        window: fixes per window.
        margin: fixes at least on either side of a break.
    """

    variance_m2_per_s: Floats
    windows: Integers
    breaks: Integers
    window: int
    margin: int

    @property
    def complete(self) -> NDArray[np.bool_]:
        """(n - 1) whether a bridge has all the windows that one can have."""
        return np.asarray(self.windows == self.window - 2 * self.margin + 1)


def dynamic_motion_variance(
    track: Track, error_m: ArrayLike, window: int = WINDOW, margin: int = MARGIN
) -> DynamicVariance:
    """Returns the motion variance of each bridge, averaged over the windows around it.

    In each window every second fix is left out and its likelihood under the bridge between its
    neighbours taken. One variance for the window, or one before and one after a break at any
    odd place: the lower BIC decides. Each is searched on the logarithm without bounds.

    Args:
        track: at least `window` fixes, not all on one line.
        error_m: standard deviation of a fix in each direction [m], one value or one per fix.
        window: odd number of fixes; longer is steadier, shorter sees shorter changes.
        margin: odd number of fixes, at least 3, at most (window - 1) / 2.

    Raises:
        TrackError: fewer fixes than one window, or fixes without spread.
        ParameterError: an even window or margin, or a margin out of its range.

    Source: Kranstauber et al. 2012, doi:10.1111/j.1365-2656.2012.01955.x.
    """
    from analytics.kernels.bridges import left_out, window_rates  # compile at their first call

    check_spread(track)
    if window % 2 == 0 or window < 7:
        raise ParameterError("window", window, "an odd number of fixes, at least 7")
    if margin % 2 == 0 or not 3 <= margin <= (window - 1) // 2:
        expected = f"an odd number of fixes, 3..{(window - 1) // 2}"
        raise ParameterError("margin", margin, expected)
    if len(track) < window:
        raise TrackError([f"{len(track)} fixes, at least {window} are needed for one window"])
    variance_m2 = checked_error(track, error_m) ** 2
    rates, windows, breaks = window_rates(
        *left_out(track.times_s, track.x_m, track.y_m, variance_m2), window, margin
    )
    for array in (rates, windows, breaks):
        array.flags.writeable = False
    return DynamicVariance(rates, windows, breaks, window, margin)


def dynamic_bridge_ud(
    track: Track,
    error_m: ArrayLike,
    window: int = WINDOW,
    margin: int = MARGIN,
    cell_m: float | None = None,
    grid: Grid | None = None,
    margin_m: float | None = None,
    max_gap_s: float | None = None,
    steps: int | Literal["adaptive"] = "adaptive",
    support_sd: float = SUPPORT_SD,
    convention: Literal["exact", "move"] = "exact",
) -> UtilizationDistribution:
    """Returns the density of bridges that are as wide as the animal was erratic at the time.

    The first and last window - margin - 1 bridges, which not all windows reach, are left out,
    their time not counted.

    Args:
        track: at least 2 (window - margin) fixes, not all on one line.
        error_m: standard deviation of a fix in each direction [m], one value or one per fix.
        window: see `dynamic_motion_variance`.
        margin: see `dynamic_motion_variance`.
        cell_m: see `brownian_bridge_ud`.
        grid: see `brownian_bridge_ud`.
        margin_m: see `brownian_bridge_ud`.
        max_gap_s: see `brownian_bridge_ud`.
        steps: see `brownian_bridge_ud`.
        support_sd: see `brownian_bridge_ud`.
        convention: "move" cuts time, bridge after bridge, into steps of a fifteenth of the
            shortest one and hills at 4 standard deviations, takes any cells and scales the grid's
            volume to 1, as the package of this name does. Its areas are one cell larger: they
            take in the cell with which a level is reached.

    Raises:
        TrackError: as `dynamic_motion_variance`, or no bridge that all windows reach;
            TrackTooSparse: see `analytics.ranges.bridges.check_sampling`.
        ParameterError: a value out of its range, or `grid` together with `cell_m` or `margin_m`.
        GridTooCoarse: cells wider than two standard deviations: nodes would miss hills.
        GridTooLarge: more nodes than `analytics.grid.MAX_NODES`.

    Warns:
        SparseTrackWarning: see `analytics.ranges.bridges.check_sampling`; or bridges that not all
            windows reach are more than 10 % of the time.

    Source: Kranstauber et al. 2012, doi:10.1111/j.1365-2656.2012.01955.x.
    """
    if convention not in ("exact", "move"):
        raise ParameterError("convention", convention, '"exact" or "move"')
    variance = dynamic_motion_variance(track, error_m, window, margin)
    within = bridges_within(track, max_gap_s)
    first = within[variance.complete[within]]
    if not first.size:
        least = 2 * (window - margin)
        raise TrackError([f"no bridge is reached by all windows: {least} fixes would be enough"])
    duration_s = np.diff(track.times_s)[first]
    spread_m2 = variance.variance_m2_per_s[first] * duration_s
    del variance  # 24 bytes per fix
    bridges = Bridges(track, checked_error(track, error_m) ** 2, first, spread_m2)
    check_sampling(bridges)
    _warn_of_ends(track, within, first)
    grid = choose_grid(bridges, cell_m, grid, margin_m)
    if convention == "move":
        steps, support_sd = "adaptive", _MOVE_SD
        values = _stepped_density(bridges, grid)
    else:
        values = bridge_sum(bridges, grid, steps, support_sd)
    parameters: dict[str, object] = {
        "error_m": error_summary(error_m),
        "window": window,
        "margin": margin,
        "mean_motion_variance_m2_per_s": float(spread_m2.sum() / duration_s.sum()),
        "max_gap_s": max_gap_s,
        "steps": steps,
        "support_sd": support_sd,
        "convention": convention,
    }
    return distribution(bridges, grid, values, "dynamic Brownian bridge", parameters)


def _warn_of_ends(track: Track, within: Integers, first: Integers) -> None:
    """Warns where the ends that not all windows reach are much of the track."""
    duration_s = np.diff(track.times_s)
    part = 1 - duration_s[first].sum() / duration_s[within].sum()
    if part > _DOUBTFUL_PART:
        message = (
            f"{within.size - first.size} of {within.size} bridges, {100 * part:.3g} % of the "
            "time, are left out at the ends, which not all windows reach: the range is that of "
            "the middle; use a shorter window, or the method bridge"
        )
        warnings.warn(SparseTrackWarning(message), stacklevel=3)


def _stepped_density(bridges: Bridges, grid: Grid) -> Floats:
    """Returns the density at the middles of equal steps of time, scaled to 1.

    The steps run on from bridge to bridge: in each they begin where those before have ended.
    """
    step_s = float(np.diff(bridges.track.times_s).min()) / _MOVE_STEPS
    duration_s = bridges.duration_s
    begin = (np.cumsum(duration_s) - duration_s) / step_s
    ahead = np.round((0.5 - begin) % 1.0, 9) % 1.0  # steps from the bridge's begin to a middle
    used, rule = np.unique(np.column_stack((ahead, duration_s)), axis=0, return_inverse=True)
    parts = [np.arange(a, end / step_s, 1.0) * step_s / end for a, end in used]
    counts = np.array([part.size for part in parts])
    weight = counts[rule] / counts[rule].sum()
    rules = [(part, np.full(part.size, 1 / part.size)) for part in parts]
    values = density(bridges, grid, rules, rule, weight, _MOVE_SD)
    return np.asarray(values / (values.sum() * grid.cell_area_m2))
