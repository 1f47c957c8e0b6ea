"""Confidence intervals of positive quantities."""

import math
from dataclasses import dataclass

from analytics.errors import ParameterError


@dataclass(frozen=True)
class Interval:
    """An estimate between two limits.

    Attributes:
        low: lower limit.
        estimate: the estimate itself.
        high: upper limit.
        confidence_percent: how often such limits hold the truth.
    """

    low: float
    estimate: float
    high: float
    confidence_percent: float


def chi_square_interval(estimate: float, dof: float, confidence_percent: float) -> Interval:
    """Returns the interval of a variance-like estimate, by quantiles of chi square over dof.

    Areas of home ranges are such: their relative variance is 2 / dof.

    Source: Fleming & Calabrese 2017, doi:10.1111/2041-210X.12673.
    """
    from scipy.special import gammaincinv  # not needed to import analytics

    tail = _tail(confidence_percent)
    low, high = (float(gammaincinv(dof / 2, p)) * 2 / dof for p in (tail, 1 - tail))
    return Interval(estimate * low, estimate, estimate * high, confidence_percent)


def lognormal_interval(estimate: float, error: float, confidence_percent: float) -> Interval:
    """Returns the interval of an estimate whose logarithm has a standard error."""
    from scipy.special import ndtri

    reach = math.exp(-float(ndtri(_tail(confidence_percent))) * error)
    return Interval(estimate / reach, estimate, estimate * reach, confidence_percent)


def _tail(confidence_percent: float) -> float:
    if not 0 < confidence_percent < 100:
        expected = "more than 0 and less than 100"
        raise ParameterError("confidence_percent", confidence_percent, expected)
    return (1 - confidence_percent / 100) / 2
