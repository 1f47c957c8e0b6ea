"""Exact likelihood of a movement model in O(n), the mean profiled out."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.ctmm.model import MovementModel
from analytics.errors import ParameterError
from analytics.track import Track

Floats = NDArray[np.float64]

_LOG_2PI = math.log(2 * math.pi)
_NO_NOISE = np.zeros(1)


class Axis(NamedTuple):
    """What one pass of the filter leaves of columns x (and y) under a unit variance.

    Attributes:
        log_determinant: of the correlation matrix.
        scatter: residuals' C^-1 residuals around the generalised mean.
        weight: ones' C^-1 ones: the number of independent fixes the mean rests on.
        mean_m: generalised least squares mean of the columns.
    """

    log_determinant: float
    scatter: Floats
    weight: float
    mean_m: Floats


class Shape(NamedTuple):
    """Parameters without the mean."""

    major_m2: float
    minor_m2: float
    angle_rad: float
    tau_position_s: float
    tau_velocity_s: float


@dataclass(eq=False)
class Likelihood:
    """Likelihoods of one track; passes of the filter are kept, since searches repeat them.

    Attributes:
        times_s: (n,) [s].
        points_m: (n, 2), from `centre_m`.
        centre_m: (2,) subtracted, so that squares keep their digits.
        error_m2: (n,) variance of telemetry error per coordinate [m2]; None for none.
    """

    times_s: Floats
    points_m: Floats
    centre_m: Floats
    error_m2: Floats | None

    def __post_init__(self) -> None:
        self._axes: dict[tuple[float, ...], Axis] = {}

    @classmethod
    def of(cls, track: Track, error_m: ArrayLike | None = None) -> "Likelihood":
        """Returns the likelihood of a track.

        Args:
            track: the fixes.
            error_m: standard deviation of telemetry error along each coordinate [m]: one number,
                or one per fix; None for none.

        Raises:
            ParameterError: errors that are not finite, negative, or not one per fix.
        """
        points = np.column_stack((track.x_m, track.y_m))
        centre = points.mean(axis=0)
        return cls(track.times_s, points - centre, centre, variances(error_m, len(track)))

    def axis(self, a: float, b: float) -> Axis:
        """Returns both coordinates' pass for rates a <= b [1/s], for tracks without error."""
        key = (a, b)
        if key not in self._axes:
            self._axes[key] = self._pass(self.points_m, _NO_NOISE, a, b)
        return self._axes[key]

    def axes(self, shape: Shape) -> tuple[Axis, Axis]:
        """Returns the passes along and across the widest direction, telemetry error included."""
        a, b = rates(shape)
        if self.error_m2 is None:
            both = self.axis(a, b)
            turn = _turn(shape.angle_rad)
            scatter, mean = turn @ both.scatter @ turn.T, turn @ both.mean_m
            return tuple(  # type: ignore[return-value]
                Axis(both.log_determinant, scatter[i : i + 1, i : i + 1], both.weight, mean[i:])
                for i in (0, 1)
            )
        found = []
        for direction, variance in zip(_turn(shape.angle_rad), shape[:2], strict=True):
            key = (a, b, variance, *direction)
            if key not in self._axes:
                column = (self.points_m @ direction)[:, None]
                self._axes[key] = self._pass(column, self.error_m2 / variance, a, b)
            found.append(self._axes[key])
        return found[0], found[1]

    def value(self, shape: Shape, restricted: bool = False) -> float:
        """Returns the log-likelihood at the best mean.

        Args:
            shape: all other parameters.
            restricted: with the term -1/2 log det(X' V^-1 X) of residual (restricted) likelihood,
                X the columns of the mean; without its constant log(2 pi).

        Source: Patterson & Thompson 1971, doi:10.1093/biomet/58.3.545.
        """
        total = 0.0
        for axis, variance in zip(self.axes(shape), shape[:2], strict=True):
            total -= axis.log_determinant + self.times_s.size * (math.log(variance) + _LOG_2PI)
            total -= float(axis.scatter[0, 0]) / variance
            if restricted:
                total -= math.log(axis.weight / variance)
        return total / 2

    def mean_m(self, shape: Shape) -> Floats:
        """Returns the best mean (2,) in the track's own coordinates."""
        along, across = self.axes(shape)
        means = np.array([along.mean_m[0], across.mean_m[0]])
        return np.asarray(self.centre_m + _turn(shape.angle_rad).T @ means)

    def mean_weight(self, shape: Shape) -> float:
        """Returns on how many independent fixes the mean rests, the mean of both directions."""
        along, across = self.axes(shape)
        return (along.weight + across.weight) / 2

    def _pass(self, columns: Floats, noise: Floats, a: float, b: float) -> Axis:
        from analytics.kernels.kalman import whiten  # compiles at its first call

        augmented = np.column_stack((columns, np.ones(self.times_s.size)))
        gram = np.empty((augmented.shape[1],) * 2)
        log_determinant = whiten(self.times_s, augmented, noise, a, b, gram)
        weight = float(gram[-1, -1])
        mean = gram[:-1, -1] / weight
        scatter = gram[:-1, :-1] - weight * np.outer(mean, mean)
        return Axis(log_determinant, scatter, weight, mean)


def log_likelihood(
    track: Track,
    model: MovementModel,
    error_m: ArrayLike | None = None,
    restricted: bool = False,
) -> float:
    """Returns the exact log-likelihood of a track under a model, at the mean that fits it best.

    Args:
        track: the fixes.
        model: the model; its own mean is not used.
        error_m: standard deviation of telemetry error along each coordinate [m]: one number, or
            one per fix; None for none.
        restricted: as in `Likelihood.value`.

    Raises:
        ParameterError: unusable errors.

    Source: Fleming et al. 2017, doi:10.1016/j.ecoinf.2017.04.008 (the filter); agrees with
    ctmm 1.3.0's `ctmm.loglike` to 1e-13.
    """
    return Likelihood.of(track, error_m).value(shape_of(model), restricted)


def shape_of(model: MovementModel) -> Shape:
    """Returns the parameters of a model without its mean."""
    taus = model.tau_position_s, model.tau_velocity_s
    return Shape(model.major_m2, model.minor_m2, model.angle_rad, *taus)


def rates(shape: Shape) -> tuple[float, float]:
    """Returns 1 / time scales [1/s], the slower first, infinite for none."""
    taus = shape.tau_position_s, shape.tau_velocity_s
    a, b = (1 / tau if tau > 0 else math.inf for tau in taus)
    return min(a, b), max(a, b)


def _turn(angle_rad: float) -> Floats:
    """Returns (2, 2): rows are the directions along and across."""
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[cosine, sine], [-sine, cosine]])


def variances(error_m: ArrayLike | None, fixes: int) -> Floats | None:
    """Returns (n,) squared telemetry errors of one number or one per fix; None for none.

    Raises:
        ParameterError: as `Likelihood.of`.
    """
    if error_m is None:
        return None
    errors = np.asarray(error_m, np.float64)
    if errors.ndim > 1 or (errors.ndim == 1 and errors.size != fixes):
        raise ParameterError("error_m", errors.shape, f"one number, or one per fix ({fixes})")
    wrong = ~(np.isfinite(errors) & (errors >= 0))
    if wrong.any():
        first = float(errors[wrong][0]) if errors.ndim else float(errors)
        raise ParameterError("error_m", first, "finite metres, at least 0")
    return np.array(np.broadcast_to(errors**2, (fixes,)))
