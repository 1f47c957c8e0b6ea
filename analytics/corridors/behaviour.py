"""Steps that look like passing through: fast, and parallel to the other steps nearby."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics.errors import ParameterError
from analytics.results import Estimate
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CorridorSteps:
    """Which steps of a track are taken in corridors, and why.

    Attributes:
        in_corridor: (n - 1) bool, step i leads from fix i to fix i + 1.
        speed_mps: (n - 1) of each step.
        parallel_variance: (n - 1) circular variance of the directions, opposite ones counted as
            equal, of all steps around; 0 is parallel, 1 is none. NaN with no other step around.
        least_speed_mps: the threshold for fast.
        largest_variance: the threshold for parallel.
        estimate: how it was made.
    """

    in_corridor: NDArray[np.bool_]
    speed_mps: Floats
    parallel_variance: Floats
    least_speed_mps: float
    largest_variance: float
    estimate: Estimate


def corridor_steps(
    track: Track,
    fast_quantile: float = 0.75,
    parallel_quantile: float = 0.25,
    neighbours: int = 2,
    largest_variance: float | None = None,
    convention: Literal["exact", "move"] = "exact",
) -> CorridorSteps:
    """Returns the steps that pass through corridors.

    The steps around a step are those with their middle in the circle over it (its middle, half
    its length). A step is a candidate if its speed is at least the one, and the circular variance
    around it at most the other quantile of the track's. It lies in a corridor if more than half
    of the steps around it are candidates, it is one itself, and there are enough of them.

    Args:
        track: at least 5 fixes, not all on one line.
        fast_quantile: of speeds, 0..1.
        parallel_quantile: of circular variances, 0..1, over steps with others around.
        neighbours: other steps that have to lie around, at least 1.
        largest_variance: threshold to use instead of `parallel_quantile`.
        convention: "move" also takes steps that are no candidates themselves. That package's
            quantile moreover counts lone steps whose variance rounding keeps from 0: give its
            threshold as `largest_variance` to have its steps.

    Raises:
        TrackError: too few fixes, or fixes without spread.
        ParameterError: a value out of its range.

    Source: LaPoint et al. 2013, doi:10.1007/s10980-013-9910-0.
    """
    from analytics.kernels import corridors as kernels  # compiles at its first call

    check_spread(track)
    quantiles = {"fast_quantile": fast_quantile, "parallel_quantile": parallel_quantile}
    for name, value in quantiles.items():
        if not 0 <= value <= 1:
            raise ParameterError(name, value, "0..1")
    if neighbours < 1:
        raise ParameterError("neighbours", neighbours, "at least 1")
    if convention not in ("exact", "move"):
        raise ParameterError("convention", convention, '"exact" or "move"')
    dx_m, dy_m = np.diff(track.x_m), np.diff(track.y_m)
    length_m = np.hypot(dx_m, dy_m)
    speed_mps = length_m / np.diff(track.times_s)
    x_m, y_m = track.x_m[:-1] + dx_m / 2, track.y_m[:-1] + dy_m / 2
    order = np.argsort(x_m, kind="stable")
    circle = (x_m[order], y_m[order], length_m[order] / 2)
    variance = np.empty(length_m.size)
    variance[order] = kernels.parallelism(*circle, np.arctan2(dx_m, dy_m)[order])
    least_speed = float(np.quantile(speed_mps, fast_quantile))
    if largest_variance is None:
        met = np.isfinite(variance)
        largest_variance = (
            float(np.quantile(variance[met], parallel_quantile)) if met.any() else math.nan
        )
    candidate = (speed_mps >= least_speed) & (variance <= largest_variance)
    around, among = (np.empty(length_m.size, np.int64) for _ in range(2))
    around[order], among[order] = kernels.neighbours(*circle, candidate[order])
    in_corridor = (2 * among > around) & (around > neighbours)
    if convention == "exact":
        in_corridor &= candidate
    for array in (in_corridor, speed_mps, variance):
        array.flags.writeable = False
    parameters: dict[str, object] = {
        **quantiles,
        "neighbours": neighbours,
        "convention": convention,
        "largest_variance": largest_variance if math.isfinite(largest_variance) else None,
    }
    estimate = Estimate.of(track, "corridor steps", parameters)
    return CorridorSteps(in_corridor, speed_mps, variance, least_speed, largest_variance, estimate)
