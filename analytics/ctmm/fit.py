"""Fitting one movement model to one track, with its uncertainty."""

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.ctmm.intervals import Interval, chi_square_interval, lognormal_interval
from analytics.ctmm.likelihood import Likelihood, Shape
from analytics.ctmm.minimise import gradient, hessian, minimise
from analytics.ctmm.model import MovementModel
from analytics.errors import FitError, ParameterError
from analytics.results import Estimate, software_version
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]
Process = Literal["IID", "OU", "OUf", "OUF"]
Method = Literal["pHREML", "REML", "ML"]

_TAUS = {"IID": 0, "OU": 1, "OUf": 1, "OUF": 2}
_SHORTEST = 1 / 50  # of the shortest interval between fixes: e^-50 of a velocity survives it
_LONGEST = 1000  # times the duration: no sign of an end to the range
_FLAT = 10.0  # standard error of a logarithm at which a time scale says nothing


@dataclass(frozen=True, eq=False)
class FittedModel:
    """A movement model with the uncertainty of its parameters.

    Attributes:
        model: the model.
        names: its parameters without the mean, as in `covariance`: major_m2, minor_m2, angle_rad,
            tau_position_s, tau_velocity_s; tau_s where both are one.
        covariance: (p, p) of the errors of those parameters, in their units.
        log_likelihood: at these parameters, not restricted.
        aicc: the criterion of `select`, smaller is better.
        bic: Bayesian information criterion.
        area_dof: effective sample size of the range's area; an area's variance is its square over
            this. Far below the number of fixes where they are correlated.
        mean_dof: effective sample size of the range's middle.
        error_m2: (n,) variance of telemetry error per coordinate as given [m2]; None for none.
        estimate: how it was made.
    """

    model: MovementModel
    names: tuple[str, ...]
    covariance: Floats
    log_likelihood: float
    aicc: float
    bic: float
    area_dof: float
    mean_dof: float
    error_m2: Floats | None
    estimate: Estimate

    def intervals(self, confidence_percent: float = 95.0) -> dict[str, Interval]:
        """Returns an interval for each parameter but the angle, and the area of the 95 % ellipse.

        Time scales are taken as lognormal, variances and the area ("gaussian_area_km2") as chi
        square with twice their own effective sample size.
        """
        found = {}
        for name, variance in zip(self.names, np.diag(self.covariance), strict=True):
            if name.startswith("tau"):
                value = self._value(name)
                error = math.sqrt(variance) / value
                found[name] = lognormal_interval(value, error, confidence_percent)
            elif name != "angle_rad":
                value = self._value(name)
                dof = value**2 / variance
                found[name] = chi_square_interval(value, 2 * dof, confidence_percent)
        area = self.model.gaussian_area_km2()
        found["gaussian_area_km2"] = chi_square_interval(
            area, 2 * self.area_dof, confidence_percent
        )
        return found

    def _value(self, name: str) -> float:
        return float(getattr(self.model, "tau_position_s" if name == "tau_s" else name))


@dataclass(frozen=True)
class _Form:
    """Which parameters a model has, and the way between them and a vector."""

    process: Process
    isotropic: bool

    @property
    def names(self) -> tuple[str, ...]:
        scatter = ("major_m2",) if self.isotropic else ("major_m2", "minor_m2", "angle_rad")
        taus = {"IID": (), "OU": ("tau_position_s",), "OUf": ("tau_s",)}
        return scatter + taus.get(self.process, ("tau_position_s", "tau_velocity_s"))

    @property
    def scatter_size(self) -> int:
        return 1 if self.isotropic else 3

    def taus(self, logs: Floats) -> tuple[float, float]:
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
        scatter = shape[:1] if self.isotropic else shape[:3]
        return np.array([*scatter, *shape[3:][: _TAUS[self.process]]])

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


def fit(
    track: Track,
    process: Process = "OUF",
    isotropic: bool = False,
    method: Method = "pHREML",
    error_m: ArrayLike | None = None,
) -> FittedModel:
    """Returns the model of one kind that fits a track best.

    Time grows linearly with fixes: without telemetry error, variances and mean have closed forms
    and only time scales are searched for.

    Args:
        track: at least 5 fixes, not all on one line.
        process: IID, OU, OUf or OUF (`analytics.ctmm`).
        isotropic: one variance for all directions.
        method: "ML" maximises the likelihood: for few effective fixes its ranges are too small.
            "REML" maximises the restricted likelihood. "pHREML" moves time scales from ML one
            Newton step towards REML and takes the variances from REML there: as unbiased, with
            less scatter.
        error_m: standard deviation of telemetry error along each coordinate [m]: one number, or
            one per fix; None for none.

    Raises:
        TrackError: too few fixes, or fixes without spread.
        ParameterError: an unknown process or method, or unusable errors.
        FitError: a time scale runs to zero or to far beyond the track's duration: the track holds
            no sign of it.

    Source: Fleming et al. 2019, doi:10.1111/2041-210X.13270 (pHREML).
    """
    check_spread(track)
    return fit_to(Likelihood.of(track, error_m), track, process, isotropic, method)


def fit_to(
    likelihood: Likelihood, track: Track, process: Process, isotropic: bool, method: Method
) -> FittedModel:
    """Returns `fit` with a likelihood that may be shared between models of one track."""
    if process not in get_args(Process):
        raise ParameterError("process", process, "one of " + ", ".join(get_args(Process)))
    if method not in get_args(Method):
        raise ParameterError("method", method, "one of " + ", ".join(get_args(Method)))
    form = _Form(process, isotropic)
    shape = _ordered(_search(likelihood, form, restricted=method == "REML"), isotropic)
    _refuse_vanishing(likelihood, form, shape)
    if method == "pHREML":
        shape = _ordered(_corrected(likelihood, form, shape), isotropic)
    return _result(likelihood, track, form, shape, method)


def _search(likelihood: Likelihood, form: _Form, restricted: bool) -> Shape:
    """Returns the shape of largest likelihood."""
    if likelihood.error_m2 is None:
        taus = _search_taus(likelihood, form, restricted)
        return _best_scatter(likelihood, form, taus, restricted)
    exact = replace(likelihood, error_m2=None)
    start = _best_scatter(exact, form, _start(exact, form), restricted)
    return _search_all(likelihood, form, form.values(start), restricted)


def _search_taus(likelihood: Likelihood, form: _Form, restricted: bool) -> Floats:
    def cost(logs: Floats) -> float:
        return -likelihood.value(_best_scatter(likelihood, form, logs, restricted), restricted)

    if _TAUS[form.process] == 0:
        return np.empty(0)
    low, high = _bounds(likelihood)
    start = _start(likelihood, form)
    lower, upper = np.full(start.size, low), np.full(start.size, high)
    return minimise(cost, start, lower, upper)


def _start(likelihood: Likelihood, form: _Form) -> Floats:
    """Returns the logarithms of the most likely time scales on a coarse grid."""
    steps = np.diff(likelihood.times_s)
    duration, step = float(np.sum(steps)), float(np.median(steps))
    slow = np.log(np.geomspace(step, 3 * duration, 8))
    if _TAUS[form.process] == 0:
        return np.empty(0)
    if _TAUS[form.process] == 1:
        grid = slow[:, None]
    else:
        fast = np.log(np.geomspace(step / 4, duration / 3, 7))
        grid = np.array([(s, f) for s in slow for f in fast if f < s])

    def cost(logs: Floats) -> float:
        return -likelihood.value(_best_scatter(likelihood, form, logs, False))

    return np.asarray(min(grid, key=cost))


def _search_all(
    likelihood: Likelihood, form: _Form, start: Floats, restricted: bool, taus: bool = True
) -> Shape:
    """Returns the best shape where variances, too, have to be searched for.

    The time scales of `start` are kept where `taus` is false.
    """
    fixed = np.log(start[form.scatter_size :])

    def shape(vector: Floats) -> Shape:
        logs = np.concatenate((vector[: form.scatter_size], vector[form.scatter_size :]))
        if not taus:
            logs = np.concatenate((vector, fixed))
        natural = np.exp(logs)
        if not form.isotropic:
            natural[2] = logs[2]
        return form.shape(natural)

    vector = np.log(np.where(form.scales(start) == start, start, 1.0))
    if not form.isotropic:
        vector[2] = start[2]
    low, high = _bounds(likelihood)
    lower = np.concatenate((np.full(form.scatter_size, -np.inf), np.full(fixed.size, low)))
    upper = np.concatenate((np.full(form.scatter_size, np.inf), np.full(fixed.size, high)))
    size = vector.size if taus else form.scatter_size
    best = minimise(
        lambda v: -likelihood.value(shape(v), restricted),
        vector[:size],
        lower[:size],
        upper[:size],
    )
    return shape(best)


def _best_scatter(likelihood: Likelihood, form: _Form, logs: Floats, restricted: bool) -> Shape:
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


def _corrected(likelihood: Likelihood, form: _Form, shape: Shape) -> Shape:
    """Returns the pHREML estimate from the ML estimate."""
    values = form.values(shape)
    fisher, bias = -_curvature(likelihood, form, values, False), np.zeros(values.size)

    def residual(relative: Floats) -> float:
        moved = form.moved(values, relative)
        return likelihood.value(moved, True) - likelihood.value(moved)

    bias = gradient(residual, np.zeros(values.size))
    step = np.linalg.solve(fisher, bias)[form.scatter_size :]
    values[form.scatter_size :] *= np.clip(1 + step, 0.2, 5.0)
    logs = np.log(values[form.scatter_size :])
    if likelihood.error_m2 is None:
        return _best_scatter(likelihood, form, logs, restricted=True)
    return _search_all(likelihood, form, values, restricted=True, taus=False)


def _curvature(likelihood: Likelihood, form: _Form, values: Floats, restricted: bool) -> Floats:
    """Returns second derivatives of the log-likelihood in units of `_Form.moved`."""

    def value(relative: Floats) -> float:
        return likelihood.value(form.moved(values, relative), restricted)

    return hessian(value, np.zeros(values.size))


def _result(
    likelihood: Likelihood, track: Track, form: _Form, shape: Shape, method: Method
) -> FittedModel:
    values, fixes = form.values(shape), len(track)
    information = -_curvature(likelihood, form, values, method != "ML")
    if not np.linalg.eigvalsh(information)[0] > 0:
        raise FitError(_named(form), "its likelihood has no peak: the track is too short for it")
    relative = np.linalg.inv(information)
    share = np.zeros(values.size)
    share[: 1 if form.isotropic else 2] = 1.0 if form.isotropic else 0.5
    value, free = likelihood.value(shape), values.size + 2
    mean = likelihood.mean_m(shape)
    model = MovementModel(
        tau_position_s=shape.tau_position_s,
        tau_velocity_s=shape.tau_velocity_s,
        major_m2=shape.major_m2,
        minor_m2=shape.minor_m2,
        angle_rad=shape.angle_rad,
        isotropic=form.isotropic,
        mean_x_m=float(mean[0]),
        mean_y_m=float(mean[1]),
    )
    return FittedModel(
        model=model,
        names=form.names,
        covariance=relative * np.outer(form.scales(values), form.scales(values)),
        log_likelihood=value,
        aicc=_aicc(value, values.size, fixes - (method != "ML"), fixes),
        bic=free * math.log(fixes) - 2 * value,
        area_dof=1 / float(share @ relative @ share),
        mean_dof=likelihood.mean_weight(shape),
        error_m2=likelihood.error_m2,
        estimate=_estimate(track, model, method, likelihood.error_m2 is not None),
    )


def _aicc(value: float, free: int, independent: int, fixes: int) -> float:
    """Returns -2 log L + 2 k n' / (n - p - 1): p free parameters, k of them with the mean.

    n' is n for ML and n - 1 for restricted likelihoods. It is the small-sample criterion for two
    coordinates that share their p parameters; agrees with ctmm 1.3.0's to 1e-12.

    Source: Burnham & Anderson 2002, Model Selection and Multimodel Inference, section 7.7.
    """
    left = fixes - free - 1
    return -2 * value + (2 * (free + 2) * independent / left if left > 0 else math.inf)


def _bounds(likelihood: Likelihood) -> tuple[float, float]:
    """Returns logarithms of the shortest and the longest time scale searched."""
    steps = np.diff(likelihood.times_s)
    return math.log(steps.min() * _SHORTEST), math.log(steps.sum() * _LONGEST)


def _refuse_vanishing(likelihood: Likelihood, form: _Form, shape: Shape) -> None:
    """Raises where a time scale has run to a bound or leaves the likelihood flat."""
    low, high = _bounds(likelihood)
    taus = shape[3:][: _TAUS[form.process]]
    for name, tau in zip(form.names[form.scatter_size :], taus, strict=True):
        if math.log(tau) < low + 0.1:
            raise FitError(_named(form), f"its {name} runs to 0: the track holds no sign of it")
        if math.log(tau) > high - 0.1:
            days = tau / 86400
            reason = f"its {name} runs to {days:.3g} days, far beyond the track: no range to see"
            raise FitError(_named(form), reason)
    information = -_curvature(likelihood, form, form.values(shape), False)
    if taus and not np.linalg.eigvalsh(information)[0] > _FLAT**-2:
        raise FitError(_named(form), "its likelihood is flat: the track holds no sign of it")


def _named(form: _Form) -> str:
    return form.process if form.isotropic else f"{form.process} anisotropic"


def _ordered(shape: Shape, isotropic: bool) -> Shape:
    """Returns the same shape with the wider direction first, its angle in -pi/2..pi/2."""
    if isotropic:
        return shape
    major, minor, angle = shape[:3]
    if major < minor:
        major, minor, angle = minor, major, angle + math.pi / 2
    angle -= math.pi * round(angle / math.pi)
    return Shape(major, minor, angle, *shape[3:])


def _estimate(track: Track, model: MovementModel, method: Method, error: bool) -> Estimate:
    return Estimate(
        method="continuous-time movement model",
        parameters={"model": model.name, "fit": method, "telemetry_error": error},
        fixes=len(track),
        from_time_s=float(track.times_s[0]),
        to_time_s=float(track.times_s[-1]),
        projection=track.projection,
        software_version=software_version(),
    )
