"""The way from a track to the parameters of largest likelihood."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.ctmm.likelihood import Likelihood, Shape
from analytics.ctmm.minimise import minimise
from analytics.ctmm.model import Process

Floats = NDArray[np.float64]

TAUS = {"IID": 0, "OU": 1, "OUf": 1, "OUF": 2}
"""Time scales of each process that are parameters."""

_SMALLEST = 1e-6  # of the variance of telemetry error
_SHORTEST = 1 / 50  # of the shortest interval between fixes: e^-50 of a velocity survives it
_LONGEST = 30  # times the duration: no sign of an end to the range


@dataclass(frozen=True)
class Form:
    """Which parameters a model has, and the way between them and a vector."""

    process: Process
    isotropic: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, those of the scatter first."""
        scatter = ("major_m2",) if self.isotropic else ("major_m2", "minor_m2", "angle_rad")
        taus = {"IID": (), "OU": ("tau_position_s",), "OUf": ("tau_s",)}
        return scatter + taus.get(self.process, ("tau_position_s", "tau_velocity_s"))

    @property
    def scatter_size(self) -> int:
        """How many parameters describe the scatter."""
        return 1 if self.isotropic else 3

    def taus(self, logs: Floats) -> tuple[float, float]:
        """Returns the time scales of position and velocity [s], of logarithms in any order."""
        values = [math.exp(v) for v in logs]
        if self.process == "OUf":
            return values[0], values[0]
        first, second = [*values, 0.0, 0.0][:2]
        return max(first, second), min(first, second)

    def shape(self, values: Floats) -> Shape:
        """Returns the shape of natural values, ordered as `names`."""
        scatter = [values[0], values[0], 0.0] if self.isotropic else values[:3]
        major, minor, angle = (float(v) for v in scatter)
        return Shape(major, minor, angle, *self.taus(np.log(values[self.scatter_size :])))

    def values(self, shape: Shape) -> Floats:
        """Returns natural values, ordered as `names`."""
        scatter = shape[:1] if self.isotropic else shape[:3]
        return np.array([*scatter, *shape[3:][: TAUS[self.process]]])

    def from_logs(self, logs: Floats) -> Shape:
        """Returns the shape of logarithms (the angle as it is), ordered as `names`."""
        natural = np.exp(logs)
        if not self.isotropic:
            natural[2] = logs[2]
        return self.shape(natural)

    def logs(self, shape: Shape) -> Floats:
        """Returns what `from_logs` takes."""
        values = self.values(shape)
        logs: Floats = np.log(np.abs(values) + (values == 0))
        if not self.isotropic:
            logs[2] = values[2]
        return logs

    def moved(self, values: Floats, relative: Floats) -> Shape:
        """Returns the shape at values times (1 + relative); the angle plus its own."""
        new = values * (1 + relative)
        if not self.isotropic:
            new[2] = values[2] + relative[2]
        return self.shape(new)

    def scales(self, values: Floats) -> Floats:
        """Returns what one unit of `moved` is in natural units."""
        scales = values.copy()
        if not self.isotropic:
            scales[2] = 1.0
        return scales


def search(likelihood: Likelihood, form: Form, restricted: bool, start: Shape | None) -> Shape:
    """Returns the shape of largest likelihood."""
    if likelihood.error_m2 is None:
        logs = None if start is None else np.log(form.values(start)[form.scatter_size :])
        taus = search_taus(likelihood, form, restricted, logs)
        return best_scatter(likelihood, form, taus, restricted)
    start = _rough(likelihood, form) if start is None else start
    return search_all(likelihood, form, start, restricted)


def _rough(likelihood: Likelihood, form: Form) -> Shape:
    """Returns a shape to begin from where there is telemetry error.

    The most likely on a coarse grid, its variances those of the fixes less that of the error.
    """
    assert likelihood.error_m2 is not None
    seen = np.cov(likelihood.points_m.T)
    (minor, major), vectors = np.linalg.eigh(seen)
    error = float(likelihood.error_m2.mean())
    major, minor = (max(float(v) - error, 0.1 * float(v)) for v in (major, minor))
    if form.isotropic:
        major = minor = (major + minor) / 2
    angle = 0.0 if form.isotropic else math.atan2(vectors[1, 1], vectors[0, 1])
    grid = [Shape(major, minor, angle, *form.taus(logs)) for logs in _grid(likelihood, form)]
    return max(grid, key=likelihood.value)


def search_taus(
    likelihood: Likelihood, form: Form, restricted: bool, start: Floats | None
) -> Floats:
    """Returns the logarithms of the best time scales, the variances best for each."""

    def cost(logs: Floats) -> float:
        return -likelihood.value(best_scatter(likelihood, form, logs, restricted), restricted)

    if TAUS[form.process] == 0:
        return np.empty(0)
    low, high = bounds(likelihood)
    start = min(_grid(likelihood, form), key=cost) if start is None else start
    lower, upper = np.full(start.size, low), np.full(start.size, high)
    return minimise(cost, start, lower, upper)


def _grid(likelihood: Likelihood, form: Form) -> Floats:
    """Returns logarithms of time scales to begin from, one combination a row."""
    steps = np.diff(likelihood.times_s)
    duration, step = float(np.sum(steps)), float(np.median(steps))
    slow = np.log(np.geomspace(step, 3 * duration, 8))
    if TAUS[form.process] == 0:
        return np.empty((1, 0))
    if TAUS[form.process] == 1:
        return slow[:, None]
    fast = np.log(np.geomspace(step / 4, duration / 3, 7))
    return np.array([(s, f) for s in slow for f in fast if f < s])


def search_all(
    likelihood: Likelihood, form: Form, start: Shape, restricted: bool, taus: bool = True
) -> Shape:
    """Returns the best shape where variances, too, have to be searched for.

    The time scales of `start` are kept where `taus` is false.
    """
    logs = form.logs(start)
    size = logs.size if taus else form.scatter_size
    kept = logs[size:]

    def cost(vector: Floats) -> float:
        return -likelihood.value(form.from_logs(np.concatenate((vector, kept))), restricted)

    low, high = bounds(likelihood)
    lower, upper = np.full(logs.size, low), np.full(logs.size, high)
    lower[: form.scatter_size], upper[: form.scatter_size] = -np.inf, np.inf
    lower[: 1 if form.isotropic else 2] = math.log(least_variance(likelihood))
    best = minimise(cost, logs[:size], lower[:size], upper[:size])
    return form.from_logs(np.concatenate((best, kept)))


def best_scatter(likelihood: Likelihood, form: Form, logs: Floats, restricted: bool) -> Shape:
    """Returns the shape with the best variances for given time scales, without telemetry error."""
    taus = form.taus(logs)
    a, b = (1 / tau if tau > 0 else math.inf for tau in taus)
    scatter = likelihood.axis(a, b).scatter / (likelihood.times_s.size - restricted)
    if form.isotropic:
        variance = float(np.trace(scatter)) / 2
        return Shape(variance, variance, 0.0, *taus)
    (minor, major), vectors = np.linalg.eigh(scatter)
    angle = math.atan2(vectors[1, 1], vectors[0, 1])
    return Shape(float(major), float(minor), angle, *taus)


def bounds(likelihood: Likelihood) -> tuple[float, float]:
    """Returns logarithms of the shortest and the longest time scale searched."""
    steps = np.diff(likelihood.times_s)
    return math.log(steps.min() * _SHORTEST), math.log(steps.sum() * _LONGEST)


def least_variance(likelihood: Likelihood) -> float:
    """Returns the smallest variance searched [m2]: far below that of telemetry error, or 0."""
    if likelihood.error_m2 is None:
        return 0.0
    return float(likelihood.error_m2.mean()) * _SMALLEST + np.finfo(np.float64).tiny


def ordered(shape: Shape, isotropic: bool) -> Shape:
    """Returns the same shape with the wider direction first, its angle in -pi/2..pi/2."""
    if isotropic:
        return shape
    major, minor, angle = shape[:3]
    if major < minor:
        major, minor, angle = minor, major, angle + math.pi / 2
    angle -= math.pi * round(angle / math.pi)
    return Shape(major, minor, angle, *shape[3:])
