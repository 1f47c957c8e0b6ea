"""A home range's area and interval, calibrated on tracks that its own model makes.

The usual interval of an autocorrelated kernel density takes the area's error as chi square with
the effective sample size as estimated. A track that by chance wandered little looks both small and
well sampled, and level sets of few crossings are too small, so such intervals miss more often than
they say. Here tracks are drawn from the model at the same times, go through the same estimator,
and how far its areas are off, in units of their own standard errors, sets the interval.
"""

import math
from dataclasses import dataclass

import numpy as np

from analytics.ctmm.fit import fit_to
from analytics.ctmm.intervals import Interval
from analytics.ctmm.likelihood import Likelihood, shape_of
from analytics.ctmm.simulate import simulate
from analytics.errors import FitError, ParameterError
from analytics.ranges.akde import AutocorrelatedRange, autocorrelated_ud
from analytics.ranges.isopleth import home_range
from analytics.track import Track

_COARSER = 2.0  # cells of a replicate over those of the range
_REFUSED = 0.2  # part of the replicates that may have no fit


@dataclass(frozen=True)
class BootstrapArea:
    """A calibrated area.

    Attributes:
        area_km2: the area with the estimator's median error taken out, and its interval.
        ratio: median of estimated over true area among the replicates.
        replicates: how many counted.
        refused: how many could not be fitted.
    """

    area_km2: Interval
    ratio: float
    replicates: int
    refused: int


def bootstrap_area(
    track: Track,
    found: AutocorrelatedRange,
    level_percent: float = 95.0,
    confidence_percent: float = 95.0,
    replicates: int = 200,
    seed: int = 0,
) -> BootstrapArea:
    """Returns the area of an isopleth with an interval that holds what it says.

    Studentized parametric bootstrap of the whole estimator: fit, bandwidth, correction, isopleth.
    Takes `replicates` times the time of a fit and a density.

    Args:
        track: the fixes of `found`.
        found: the range to calibrate.
        level_percent: of the isopleth.
        confidence_percent: of the interval.
        replicates: tracks drawn, at least 20.
        seed: of the random numbers.

    Raises:
        ParameterError: a value out of its range.
        FitError: more than a fifth of the drawn tracks have no fit.
        GridError: as `analytics.ranges.isopleth.isopleth`.

    Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, section 12.5; Fleming et al.
    2019, doi:10.1111/2041-210X.13270 (bootstrap of movement models).
    """
    if replicates < 20:
        raise ParameterError("replicates", replicates, "at least 20")
    if not 0 < confidence_percent < 100:
        raise ParameterError("confidence_percent", confidence_percent, "between 0 and 100")
    truth = math.log(found.fitted.model.gaussian_area_km2(level_percent))
    errors, scaled, refused = [], [], 0
    for number in range(replicates):
        try:
            area, dof = _replicate(track, found, level_percent, seed + number)
        except FitError:
            refused += 1
            continue
        errors.append(math.log(area) - truth)
        scaled.append(errors[-1] * math.sqrt(dof))
    if refused > _REFUSED * replicates:
        reason = f"{refused} of {replicates} tracks drawn from it have no fit"
        raise FitError(found.fitted.model.name, reason)
    area = home_range(found.ud, (level_percent,)).isopleths[0].area_km2
    tail = (1 - confidence_percent / 100) / 2
    # a large error above means a small area below: quantiles change sides
    shifts = np.quantile(scaled, (1 - tail, 0.5, tail), method="weibull")
    shifts /= math.sqrt(found.area_dof)
    low, middle, high = (area * math.exp(-shift) for shift in shifts)
    interval = Interval(low, middle, high, confidence_percent)
    return BootstrapArea(interval, math.exp(float(np.median(errors))), len(errors), refused)


def _replicate(
    track: Track, found: AutocorrelatedRange, level_percent: float, seed: int
) -> tuple[float, float]:
    """Returns the estimated area [km2] and its effective sample size, of one drawn track."""
    fitted, model = found.fitted, found.fitted.model
    error_m = None if fitted.error_m2 is None else np.sqrt(fitted.error_m2)
    drawn = simulate(model, track.times_s, seed, error_m)
    likelihood = Likelihood.of(drawn, error_m)
    again = fit_to(
        likelihood, drawn, model.process, model.isotropic, fitted.method, shape_of(model)
    )
    cell_m = _COARSER * found.ud.grid.cell_m
    drawn_range = autocorrelated_ud(drawn, again, found.weighting, cell_m=cell_m)
    return home_range(drawn_range.ud, (level_percent,)).isopleths[0].area_km2, again.area_dof
