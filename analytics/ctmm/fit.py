"""Fitting one movement model to one track, with its uncertainty."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.ctmm.intervals import Interval, chi_square_interval, lognormal_interval
from analytics.ctmm.likelihood import Likelihood, Shape
from analytics.ctmm.minimise import gradient, hessian
from analytics.ctmm.model import MovementModel, Process
from analytics.ctmm.search import (
    TAUS,
    Form,
    best_scatter,
    bounds,
    least_variance,
    ordered,
    search,
    search_all,
)
from analytics.errors import FitError, NoRangeError, ParameterError
from analytics.results import Estimate, software_version
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]
Method = Literal["pHREML", "REML", "ML"]

_ANGLE = 1e-6  # information on the angle that even a round range is given
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
        method: how it was fitted.
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
    method: Method
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
        FitError: a time scale runs to zero, or leaves the likelihood flat: the track holds no
            sign of it.
        NoRangeError: a time scale runs to 30 times the track's duration: the animal did not stay.

    Source: Fleming et al. 2019, doi:10.1111/2041-210X.13270 (pHREML).
    """
    check_spread(track)
    return fit_to(Likelihood.of(track, error_m), track, process, isotropic, method)


def fit_to(
    likelihood: Likelihood,
    track: Track,
    process: Process,
    isotropic: bool,
    method: Method,
    start: Shape | None = None,
) -> FittedModel:
    """Returns `fit` with a likelihood that may be shared between models of one track.

    The search begins at `start`, where it is given, instead of on a grid of time scales.
    """
    if process not in get_args(Process):
        raise ParameterError("process", process, "one of " + ", ".join(get_args(Process)))
    if method not in get_args(Method):
        raise ParameterError("method", method, "one of " + ", ".join(get_args(Method)))
    form = Form(process, isotropic)
    found = search(likelihood, form, method == "REML", start)
    shape = ordered(found, isotropic)
    _refuse_vanishing(likelihood, form, shape)
    fisher = -_curvature(likelihood, form, form.values(shape), False)
    _refuse_flat(fisher, form)
    if method == "pHREML":
        shape = ordered(_corrected(likelihood, form, shape, fisher), isotropic)
        _refuse_vanishing(likelihood, form, shape)
    return _result(likelihood, track, form, shape, method)


def _corrected(likelihood: Likelihood, form: Form, shape: Shape, fisher: Floats) -> Shape:
    """Returns the pHREML estimate from the ML estimate and the information there."""
    values = form.values(shape)

    def residual(relative: Floats) -> float:
        moved = form.moved(values, relative)
        return likelihood.value(moved, True) - likelihood.value(moved)

    bias = gradient(residual, np.zeros(values.size))
    step = np.linalg.solve(fisher, bias)[form.scatter_size :]
    values[form.scatter_size :] *= np.clip(1 + step, 0.2, 5.0)
    logs = np.log(values[form.scatter_size :])
    if likelihood.error_m2 is None:
        return best_scatter(likelihood, form, logs, restricted=True)
    return search_all(likelihood, form, form.shape(values), restricted=True, taus=False)


def _curvature(likelihood: Likelihood, form: Form, values: Floats, restricted: bool) -> Floats:
    """Returns second derivatives of the log-likelihood in units of `Form.moved`."""

    def value(relative: Floats) -> float:
        return likelihood.value(form.moved(values, relative), restricted)

    second = hessian(value, np.zeros(values.size))
    if not form.isotropic:
        second[2, 2] -= _ANGLE
    return second


def _result(
    likelihood: Likelihood, track: Track, form: Form, shape: Shape, method: Method
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
        method=method,
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


def _refuse_vanishing(likelihood: Likelihood, form: Form, shape: Shape) -> None:
    """Raises where a parameter has run to a bound."""
    if min(shape.major_m2, shape.minor_m2) < 2 * least_variance(likelihood):
        raise FitError(_named(form), "its variance runs to 0: telemetry error explains it all")
    low, high = bounds(likelihood)
    taus = shape[3:][: TAUS[form.process]]
    for name, tau in zip(form.names[form.scatter_size :], taus, strict=True):
        if math.log(tau) < low + 0.1:
            raise FitError(_named(form), f"its {name} runs to 0: the track holds no sign of it")
        if math.log(tau) > high - 0.1:
            fixes, value = likelihood.times_s.size, likelihood.value(shape)
            duration_s = float(likelihood.times_s[-1] - likelihood.times_s[0])
            aicc = _aicc(value, len(form.names), fixes, fixes)
            raise NoRangeError(_named(form), tau, duration_s, aicc)


def _refuse_flat(information: Floats, form: Form) -> None:
    """Raises where the most likely shape is hardly more likely than others."""
    if not form.isotropic:  # a round range has no angle, and is none the worse for it
        information = np.delete(np.delete(information, 2, axis=0), 2, axis=1)
    if not np.linalg.eigvalsh(information)[0] > _FLAT**-2:
        raise FitError(_named(form), "its likelihood is flat: the track holds no sign of it")


def _named(form: Form) -> str:
    return form.process if form.isotropic else f"{form.process} anisotropic"


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
