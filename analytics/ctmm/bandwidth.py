"""The bandwidth, and the weights of fixes, that a movement model calls for.

A kernel density of normal kernels with covariance h^2 sigma, sigma the model's covariance, of
normal fixes with that covariance and an autocorrelation c has the mean integrated squared error

    sum over i, j of w_i w_j / (2 (h^2 + 1 - c_ij)) - 2 / (2 + h^2) + 1 / 2

in units of 1 / (2 pi sqrt(det sigma)). Its smallest value over h is the bandwidth of
autocorrelated kernel density; over non-negative weights of sum 1, too, that with optimal weights.

Sums over all pairs cost O(n): functions of the lag are written as sums of exponentials, to about
1e-10. Sources: Fleming et al. 2015, doi:10.1890/14-2010.1 (bandwidth), Fleming et al. 2018,
doi:10.1111/1365-2656.12863 (weights).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.ctmm.model import MovementModel
from analytics.errors import FitError

Floats = NDArray[np.float64]

_NODES = 600  # lags at which functions are fitted
_RATIO = 1.3  # between neighbouring fast rates
_ROUNDS = 200  # of exchanges between fixes with and without weight
_BLOCK = 16_384  # fixes whose factors are held at a time: 6 MB
_NUGGET = 1e-8  # relative, on the diagonal: makes weights of fixes seconds apart definite


@dataclass(frozen=True, eq=False)
class Bandwidth:
    """Width of kernels and weight of fixes.

    Attributes:
        h2: covariance of the kernels over that of the model.
        weights: (n,) of the fixes, sum 1.
        mean_correlation: sum over all pairs of w_i w_j c_ij.
        error: mean integrated squared error in units of 1 / (2 pi sqrt(det sigma)).
    """

    h2: float
    weights: Floats
    mean_correlation: float
    error: float

    @property
    def inflation(self) -> float:
        """Expected covariance of the kernel density over that of the model.

        What areas are divided by. Source: Fleming & Calabrese 2017, doi:10.1111/2041-210X.12673.
        """
        return 1 + self.h2 - self.mean_correlation

    @property
    def dof(self) -> float:
        """Number of independent fixes that would call for the same bandwidth."""
        return _independent_fixes(self.h2)


class Lags:
    """Functions of the lags of one track under one model, as sums of exponentials."""

    def __init__(self, times_s: Floats, model: MovementModel) -> None:
        self.times_s = times_s
        steps = np.diff(times_s)
        slow = model.tau_position_s
        h2 = 0.9 * times_s.size ** (-1 / 3)  # not below that of independent fixes
        fast = h2 * slow
        if model.tau_velocity_s > 0:
            bend = math.sqrt(2 * h2 * slow * model.tau_velocity_s)
            fast = min(model.tau_velocity_s, max(fast, bend))
        shortest, longest = float(steps.min()), float(steps.sum())
        top = max(16 / slow, min(60 / fast, 40 / shortest))
        count = max(2, math.ceil(math.log(top * slow / 8) / math.log(_RATIO)) + 1)
        # slow rates are those of powers of exp(-t / slow), each nearly or exactly present
        few = np.array([0.0, 0.7, 0.85, 1.0, 1.15, 1.3, 2, 3, 4, 5, 6, 7])
        self.rates = np.concatenate((few, np.geomspace(8, top * slow, count))) / slow
        high = min(longest, 45 * slow)
        self.lags_s = np.geomspace(min(shortest, high), high, _NODES)
        basis = np.exp(-self.lags_s[:, None] * self.rates)
        left, values, right = np.linalg.svd(basis, full_matrices=False)
        kept = values > 1e-15 * values[0]
        self._solver = (right[kept].T / values[kept]) @ left[:, kept].T
        self._basis = basis
        self.correlation = model.autocorrelation(self.lags_s)

    def amounts(self, function: Floats) -> Floats:
        """Returns how much of each exponential is in a function given at `lags_s`."""
        first = self._solver @ function
        return np.asarray(first + self._solver @ (function - self._basis @ first))

    def pair_weights(self, weights: Floats) -> Floats:
        """Returns q with sum(q * f(lags_s)) = sum over pairs i != j of w_i w_j f(lag_ij)."""
        from analytics.kernels.akde import lag_moments  # compiles at its first call

        moments = np.empty(self.rates.size)
        lag_moments(self.times_s, weights, self.rates, moments)
        first = self._solver.T @ moments  # refined once, as `amounts` is
        return np.asarray(first + self._solver.T @ (moments - self._basis.T @ first))


def uniform(times_s: Floats, model: MovementModel) -> Bandwidth:
    """Returns the best bandwidth for fixes of equal weight."""
    weights = np.full(times_s.size, 1 / times_s.size)
    if model.tau_position_s == 0:
        return _bandwidth(weights, np.ones(1) * (1 - 1 / times_s.size), np.zeros(1))
    lags = Lags(times_s, model)
    return _bandwidth(weights, lags.pair_weights(weights), lags.correlation)


def optimal(times_s: Floats, model: MovementModel) -> Bandwidth:
    """Returns the best bandwidth with the best weights: fixes in company of others count less.

    Raises:
        FitError: the search does not end, as of fixes far closer than the model can tell apart.
    """
    found = uniform(times_s, model)
    if model.tau_position_s == 0:
        return found
    lags = Lags(times_s, model)
    active = np.ones(times_s.size, bool)
    at: list[float] = []
    gaps: list[float] = []
    h2 = found.h2
    for _ in range(20):
        weights, active = _best_weights(lags, h2, active)
        found = _bandwidth(weights, lags.pair_weights(weights), lags.correlation)
        at.append(h2)
        gaps.append(found.h2 - h2)
        if abs(gaps[-1]) < 1e-6 * h2:
            return found
        h2 = found.h2
        if len(at) > 1 and gaps[-1] != gaps[-2]:  # secant to where h asks for its own weights
            secant = at[-1] - gaps[-1] * (at[-1] - at[-2]) / (gaps[-1] - gaps[-2])
            h2 = min(max(secant, at[-1] / 2), at[-1] * 2)
    raise FitError("optimal weights", f"the bandwidth does not settle near h^2 = {h2:.6g}")


def _best_weights(
    lags: Lags, h2: float, active: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_]]:
    """Returns the weights of smallest error for a bandwidth, and which of them are not 0.

    Of matrix G, y solves G y = 1 where y > 0 and G y >= 1 elsewhere; weights are y over its sum.
    All fixes that break this change sides at once; where that has not helped three times, only
    the last of them does, until it helps.

    Source: Júdice & Pires 1994, doi:10.1016/0305-0548(94)90106-6 (block pivoting).
    """
    amounts = lags.amounts(0.5 / (h2 + 1 - lags.correlation))
    diagonal = 0.5 / h2 * (1 + _NUGGET)
    active, fewest, tries = active.copy(), active.size + 1, 3
    for _ in range(_ROUNDS):
        solution, product = _solved(lags, amounts, diagonal, active)
        wrong = active & (solution < -1e-9 * solution.max())
        wrong |= ~active & (product < 1 - 1e-7)
        count = int(wrong.sum())
        if count == 0:
            break
        if count < fewest:
            fewest, tries = count, 3
        elif tries > 0:
            tries -= 1
        else:
            wrong[: np.flatnonzero(wrong)[-1]] = False
        active ^= wrong
    weights = np.maximum(solution, 0.0)
    return weights / weights.sum(), active


def _solved(
    lags: Lags, amounts: Floats, diagonal: float, active: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Returns y, 0 outside `active`, with G y = 1 inside, and G y."""
    from analytics.kernels.akde import lag_product, lag_solve  # compile at their first call

    inside = np.flatnonzero(active)
    part = np.empty(inside.size)
    floor = _NUGGET / 10 * diagonal
    lag_solve(lags.times_s[inside], lags.rates, amounts, diagonal, floor, _BLOCK, part)
    solution, product = np.zeros(active.size), np.empty(active.size)
    solution[inside] = part
    lag_product(lags.times_s, solution, lags.rates, amounts, diagonal, product)
    return solution, product


def _bandwidth(weights: Floats, pairs: Floats, correlation: Floats) -> Bandwidth:
    """Returns the best bandwidth for given weights, by bisection of the error's slope in h2."""
    own = float(weights @ weights)

    def slope(h2: float) -> float:
        rise = 2 / (2 + h2) ** 2 - 0.5 * own / h2**2
        return float(rise - 0.5 * np.sum(pairs / (h2 + 1 - correlation) ** 2))

    low, high = 1e-9, 16.0
    for _ in range(60):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    h2 = math.sqrt(low * high)
    error = 0.5 * own / h2 + 0.5 * float(np.sum(pairs / (h2 + 1 - correlation)))
    mean = own + float(pairs @ correlation)
    return Bandwidth(h2, weights, mean, error - 2 / (2 + h2) + 0.5)


def _independent_fixes(h2: float) -> float:
    """Returns n whose independent fixes call for h2; infinite for 0.

    The slope of the error of n independent fixes is 0: linear in 1 / n.
    """
    inside, outside = 1 / h2**2, 1 / (h2 + 1) ** 2
    share = (4 / (2 + h2) ** 2 - outside) / (inside - outside)
    return math.inf if share <= 0 else 1 / share
