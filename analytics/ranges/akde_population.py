"""The mean home range of a population, from animals whose ranges are known unequally well."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.ctmm.intervals import Interval, chi_square_interval
from analytics.ctmm.minimise import hessian, minimise
from analytics.errors import ParameterError
from analytics.ranges.akde import AutocorrelatedRange

Floats = NDArray[np.float64]

_NODES = 3000  # of logarithms of areas: 0.003 apart where animals differ a hundredfold
_LEAST, _MOST = 1e-4, 100.0  # squared coefficient of variation searched


@dataclass(frozen=True)
class PopulationRange:
    """Mean area of the ranges of a population.

    Attributes:
        area_km2: the mean with its interval.
        variation: coefficient of variation between animals; 0 where their areas differ no more
            than their uncertainties explain.
        animals: how many it rests on.
    """

    area_km2: Interval
    variation: float
    animals: int


def population_range(
    ranges: Sequence[AutocorrelatedRange],
    level_percent: float = 95.0,
    confidence_percent: float = 95.0,
) -> PopulationRange:
    """Returns the mean area of isopleths over the animals of a population.

    Raises:
        ParameterError: no ranges, or as `mean_area`.
        GridError: as `analytics.ranges.isopleth.isopleth`.
    """
    areas = [found.area_km2(level_percent).estimate for found in ranges]
    return mean_area(areas, [found.area_dof for found in ranges], confidence_percent)


def mean_area(
    areas_km2: ArrayLike, dofs: ArrayLike, confidence_percent: float = 95.0
) -> PopulationRange:
    """Returns the mean of areas that are each known with their own effective sample size.

    Two explanations compete by AICc: all animals have one area; or areas are inverse Gaussian
    over the population. An estimate of area A scatters as A chi^2 / (2 dof) with 2 dof degrees of
    freedom. A plain mean would let the worst known animals, whose estimates scatter most, count
    as much as the best.

    Args:
        areas_km2: (m,) estimates.
        dofs: (m,) effective sample size of each (`AutocorrelatedRange.area_dof`).
        confidence_percent: of the interval.

    Raises:
        ParameterError: no areas, areas or sample sizes that are not finite and positive, or not
            as many of one as of the other.

    Source: Fleming et al. 2022, doi:10.1111/2041-210X.13815; by maximum likelihood, with an
    interval by Student's t.
    """
    areas, dofs = _checked("areas_km2", areas_km2), _checked("dofs", dofs)
    if areas.size != dofs.size:
        raise ParameterError("dofs", f"{dofs.size} values", f"one per area ({areas.size})")
    total = float(dofs.sum())
    same = float(areas @ dofs) / total
    alike = PopulationRange(
        chi_square_interval(same, 2 * total, confidence_percent), 0.0, areas.size
    )
    if areas.size < 3:  # a spread over fewer is no estimate
        return alike
    cost = _Cost(areas, dofs)
    start = np.log([float(areas.mean()), 0.1])
    low, high = np.log([float(areas.min()) / 10, _LEAST]), np.log([float(areas.max()) * 10, _MOST])
    best = minimise(cost, start, low, high)
    one = 2 * cost.of_one_area(same) + _aicc(1, areas.size)
    if one <= 2 * cost(best) + _aicc(2, areas.size):
        return alike
    return PopulationRange(
        _mean_interval(cost, best, confidence_percent), math.exp(best[1] / 2), areas.size
    )


class _Cost:
    """Negative log-likelihood of the logarithms of mean and squared variation."""

    def __init__(self, areas: Floats, dofs: Floats) -> None:
        self.areas, self.dofs = areas, np.minimum(dofs, 1e4)  # narrower than the nodes
        reach = 6 / np.sqrt(np.minimum(self.dofs, 9.0))
        low = float(np.min(np.log(areas) - reach))
        high = float(np.max(np.log(areas) + reach))
        self.logs = np.linspace(low, high, _NODES)
        self.width = float(self.logs[1] - self.logs[0])
        self.given = np.exp(self._of_estimates(self.logs[:, None]))  # (nodes, animals)

    def _of_estimates(self, logs: Floats) -> Floats:
        """Returns log densities of the estimates for true areas, without their constants."""
        ratio = np.log(self.areas) - logs
        return np.asarray(self.dofs * (ratio - np.exp(ratio) + 1))

    def of_one_area(self, area: float) -> float:
        return -float(self._of_estimates(np.full(1, math.log(area))).sum())

    def __call__(self, parameters: Floats) -> float:
        mean, squared = math.exp(parameters[0]), math.exp(parameters[1])
        shape, areas = mean / squared, np.exp(self.logs)
        spread = -shape * (areas - mean) ** 2 / (2 * mean**2 * areas)
        density = np.sqrt(shape / (2 * np.pi * areas)) * np.exp(spread)  # over logarithms
        held = self.width * (density @ self.given)
        return -float(np.log(np.maximum(held, 1e-300)).sum())


def _mean_interval(cost: _Cost, best: Floats, confidence_percent: float) -> Interval:
    from scipy.special import stdtrit  # not needed to import analytics

    information = hessian(cost, best, step=0.02)
    free = cost.areas.size - 1
    error = math.sqrt(max(0.0, float(np.linalg.pinv(information)[0, 0])))
    reach = math.exp(float(stdtrit(free, 0.5 + confidence_percent / 200)) * error)
    mean = math.exp(best[0])
    return Interval(mean / reach, mean, mean * reach, confidence_percent)


def _aicc(free: int, animals: int) -> float:
    left = animals - free - 1
    return 2 * free * animals / left if left > 0 else math.inf


def _checked(name: str, values: ArrayLike) -> Floats:
    array = np.asarray(values, np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ParameterError(name, array.shape, "one dimension, at least one animal")
    wrong = ~(np.isfinite(array) & (array > 0))
    if wrong.any():
        raise ParameterError(name, float(array[wrong][0]), "finite values above 0")
    return array
