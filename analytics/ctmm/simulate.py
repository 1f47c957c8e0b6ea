"""Tracks that a movement model could have made."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.ctmm.likelihood import rates, shape_of, variances
from analytics.ctmm.model import MovementModel
from analytics.project import Plane
from analytics.track import Track

Floats = NDArray[np.float64]


def simulate(
    model: MovementModel,
    times_s: ArrayLike,
    seed: int,
    error_m: ArrayLike | None = None,
    projection: Plane | None = None,
) -> Track:
    """Returns a track drawn from a movement model, exact for any spacing of times.

    Starts in the stationary distribution. The same seed gives the same track.

    Args:
        model: what to draw from.
        times_s: (n,) Unix times, strictly ascending.
        seed: of the random numbers.
        error_m: standard deviation of telemetry error added to each coordinate [m]: one number,
            or one per fix; None for none.
        projection: the plane of the metres.

    Raises:
        TrackError: unusable times.
        ParameterError: errors that are not finite, negative, or not one per fix.
    """
    from analytics.kernels.kalman import draw  # compiles at its first call

    times = np.asarray(times_s, np.float64)
    places = np.zeros(times.shape)
    times = Track(times, places, places).times_s  # refuses what no track has
    generator, shape = np.random.default_rng(seed), shape_of(model)
    axes = []
    for variance in shape[:2]:
        path = np.empty(times.size)
        draw(times, *rates(shape), generator.standard_normal((times.size, 2)), path)
        axes.append(math.sqrt(variance) * path)
    cosine, sine = math.cos(model.angle_rad), math.sin(model.angle_rad)
    x_m = model.mean_x_m + cosine * axes[0] - sine * axes[1]
    y_m = model.mean_y_m + sine * axes[0] + cosine * axes[1]
    error_m2 = variances(error_m, times.size)
    if error_m2 is not None:
        noise = np.sqrt(error_m2) * generator.standard_normal((2, times.size))
        x_m, y_m = x_m + noise[0], y_m + noise[1]
    return Track(times, x_m, y_m, projection)
