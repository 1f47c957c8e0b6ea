"""Where the animal was between its fixes, and how sure that is, by its movement model."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.ctmm.fit import FittedModel
from analytics.ctmm.likelihood import Likelihood, rates, shape_of
from analytics.errors import ParameterError
from analytics.track import Track

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Kriged:
    """Most likely positions and velocities at given times.

    Attributes:
        times_s: (m,) Unix time, as asked for.
        x_m: (m,) expected position.
        y_m: (m,) expected position.
        covariance_m2: (m, 2, 2) of the position, the uncertainty of the model's mean included.
        x_mps: (m,) expected velocity [m/s]; 0 for models without velocity.
        y_mps: (m,) expected velocity.
    """

    times_s: Floats
    x_m: Floats
    y_m: Floats
    covariance_m2: Floats
    x_mps: Floats
    y_mps: Floats


def krige(track: Track, fitted: FittedModel, times_s: ArrayLike) -> Kriged:
    """Returns what a track and its model say about positions at given times.

    Best linear unbiased prediction: at a fix without telemetry error it is the fix, far from all
    fixes the mean of the model. Takes O(n + m) time.

    Args:
        track: the fixes that `fitted` was fitted to.
        fitted: the model, with its telemetry error.
        times_s: (m,) Unix times in any order.

    Raises:
        ParameterError: times that are not finite, or a model of another track.

    Source: Fleming et al. 2016, doi:10.1890/15-1607.1.
    """
    times = np.asarray(times_s, np.float64)
    if times.ndim != 1 or not np.isfinite(times).all():
        raise ParameterError("times_s", times, "one dimension of finite seconds")
    if fitted.estimate.fixes != len(track):
        raise ParameterError("fitted", f"{fitted.estimate.fixes} fixes", f"the {len(track)} given")
    model, shape = fitted.model, shape_of(fitted.model)
    error_m = None if fitted.error_m2 is None else np.sqrt(fitted.error_m2)
    likelihood = Likelihood.of(track, error_m)
    cosine, sine = math.cos(model.angle_rad), math.sin(model.angle_rad)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    points = likelihood.points_m @ turn.T
    noise = np.zeros(len(track)) if fitted.error_m2 is None else fitted.error_m2
    moments = [
        _along(track.times_s, points[:, i], noise / shape[i], times, *rates(shape)) for i in (0, 1)
    ]
    positions = np.column_stack([m[0] for m in moments]) @ turn + likelihood.centre_m
    velocities = np.column_stack([m[1] for m in moments]) @ turn
    variances = np.column_stack([m[2] * shape[i] for i, m in enumerate(moments)])
    covariance = np.einsum("ki,nk,kj->nij", turn, variances, turn)
    x_m, y_m = positions.T
    x_mps, y_mps = velocities.T
    return Kriged(times, x_m, y_m, covariance, x_mps, y_mps)


def _along(
    fixes_s: Floats, column: Floats, noise: Floats, times_s: Floats, a: float, b: float
) -> tuple[Floats, Floats, Floats]:
    """Returns position, velocity and variance of position (unit sigma) at times, of one axis."""
    from analytics.kernels.kalman import filter_forward, smooth_backward, whiten

    every, index = np.unique(np.concatenate((fixes_s, times_s)), return_inverse=True)
    columns, noises = np.zeros((every.size, 2)), np.full(every.size, np.inf)
    columns[index[: fixes_s.size]] = np.column_stack((column, np.ones(column.size)))
    noises[index[: fixes_s.size]] = noise
    state, spread = np.empty((every.size, 2, 2)), np.empty((every.size, 3))
    filter_forward(every, columns, noises, a, b, state, spread)
    smooth_backward(every, a, b, state, spread)
    gram = np.empty((2, 2))
    whiten(fixes_s, np.column_stack((column, np.ones(column.size))), noise, a, b, gram)
    mean = gram[0, 1] / gram[1, 1]
    at = index[fixes_s.size :]
    unexplained = 1 - state[at, 0, 1]  # how far the prediction leans on the mean
    position = state[at, 0, 0] + mean * unexplained
    velocity = state[at, 1, 0] - mean * state[at, 1, 1]
    variance = np.maximum(spread[at, 0], 0.0) + unexplained**2 / gram[1, 1]
    return position, velocity, variance
