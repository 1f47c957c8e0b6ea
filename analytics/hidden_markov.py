"""The hidden Markov model of steps: densities, starting values, expectation-maximisation.

Observations are rows of seven statistics in which every log density is linear: has a length
above 0, its logarithm, itself; has a turning angle, its cosine, its sine; has length 0. A row of
zeros is an observation that is missing. So densities are one product of matrices and their
weighted sums, from which the likeliest values follow, another.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Begins = NDArray[np.bool_]

_FLOOR = (
    1e-12  # least probability: keeps logarithms finite, far below what n < 1e9 can tell from 0
)
_MAX_SHAPE, _MAX_CONCENTRATION = 1e4, 1e3  # where a state clings to single values


@dataclass(frozen=True)
class Behaviour:
    """How the animal moves in one state.

    Attributes:
        step_mean_m: mean of the step lengths above 0 [m].
        step_sd_m: their standard deviation [m].
        turn_mean_rad: mean direction of the turning angles [rad].
        turn_concentration: of the turning angles, 0 (any) upwards (around the mean).
        standing: probability of a step of length 0.
    """

    step_mean_m: float
    step_sd_m: float
    turn_mean_rad: float = 0.0
    turn_concentration: float = 0.0
    standing: float = 0.0

    @property
    def shape(self) -> float:
        """Shape of the gamma distribution of step lengths."""
        return (self.step_mean_m / self.step_sd_m) ** 2

    @property
    def rate_per_m(self) -> float:
        """Rate of the gamma distribution of step lengths [1/m]."""
        return self.step_mean_m / self.step_sd_m**2


@dataclass(frozen=True)
class Model:
    """Behaviours, chain, and whether steps of length 0 are part of it."""

    behaviours: tuple[Behaviour, ...]
    initial: Floats
    transition: Floats
    standing: bool

    def log_density(self, statistics: Floats, out: Floats | None = None) -> Floats:
        """(m, k) log densities of observations: linear in the statistics."""
        from scipy.special import gammaln, i0e

        rows = []
        for b in self.behaviours:
            kappa, mean = b.turn_concentration, b.turn_mean_rad
            moving = math.log1p(-b.standing) if self.standing else 0.0
            rows.append(
                (
                    moving + b.shape * math.log(b.rate_per_m) - gammaln(b.shape),
                    b.shape - 1,
                    -b.rate_per_m,
                    -math.log(2 * math.pi * i0e(kappa)) - kappa,
                    kappa * math.cos(mean),
                    kappa * math.sin(mean),
                    math.log(max(b.standing, _FLOOR)) if self.standing else 0.0,
                )
            )
        return np.matmul(statistics, np.array(rows).T, out=out)


@dataclass(frozen=True)
class Fit:
    """A model at the end of a fit, and what the last pass over the observations found."""

    model: Model
    log_likelihood: float
    probabilities: Floats
    iterations: int
    converged: bool


def starting_values(statistics: Floats, states: int, rng: np.random.Generator) -> Model:
    """Returns values to begin from: step lengths around random quantiles, short to long."""
    lengths = statistics[statistics[:, 0] > 0, 2]
    standing = bool(statistics[:, 6].any())
    parts = np.sort(rng.uniform(size=states) * 0.3 + (np.arange(states) + 0.35) * 0.7 / states)
    behaviours = tuple(
        Behaviour(mean, mean * rng.uniform(0.4, 1.2), 0.0, rng.uniform(0.05, 2.0), 0.05)
        for mean in np.quantile(lengths, parts)
    )
    stay = rng.uniform(0.6, 0.95)
    chain = np.full((states, states), (1 - stay) / (states - 1))
    np.fill_diagonal(chain, stay)
    return Model(behaviours, np.full(states, 1 / states), chain, standing)


def fit(
    model: Model,
    statistics: Floats,
    begins: Begins,
    max_iterations: int,
    tolerance: float,
) -> Fit:
    """Returns the model after expectation-maximisation; its likelihood never falls."""
    from analytics.kernels.hmm import forward_backward  # compiles at its first call

    k = len(model.behaviours)
    probabilities, density = np.empty((2, len(statistics), k))
    moves, first = np.empty((k, k)), np.empty(k)
    before = -math.inf
    for iteration in range(max_iterations + 1):
        found = forward_backward(
            model.log_density(statistics, out=density),
            begins,
            model.initial,
            model.transition,
            probabilities,
            moves,
            first,
        )
        converged = found - before <= tolerance * abs(found)
        if converged or iteration == max_iterations:
            break
        before = found
        sums = probabilities.T @ statistics
        model = Model(
            tuple(_behaviour(row, model.standing) for row in sums),
            _probabilities(first),
            _probabilities(moves),
            model.standing,
        )
    return Fit(model, found, probabilities, iteration, converged)


def _probabilities(counts: Floats) -> Floats:
    floored = counts / counts.sum(axis=-1, keepdims=True)
    floored = np.maximum(np.nan_to_num(floored), _FLOOR)
    return np.asarray(floored / floored.sum(axis=-1, keepdims=True))


def _behaviour(sums: Floats, standing: bool) -> Behaviour:
    """Returns the likeliest behaviour of a state, given the weighted sums of its statistics."""
    moved, log_sum, length_sum, turned, cosine, sine, stood = (float(v) for v in sums)
    moved = max(moved, _FLOOR)
    mean_m = max(length_sum / moved, 1e-300)
    shape = _gamma_shape(math.log(mean_m) - log_sum / moved)
    resultant = math.hypot(cosine, sine) / turned if turned > _FLOOR else 0.0
    return Behaviour(
        step_mean_m=mean_m,
        step_sd_m=mean_m / math.sqrt(shape),
        turn_mean_rad=math.atan2(sine, cosine),
        turn_concentration=_concentration(resultant),
        standing=min(stood / (stood + moved), 1 - _FLOOR) if standing else 0.0,
    )


def _gamma_shape(excess: float) -> float:
    """Returns the shape of likeliest gamma distribution, log mean minus mean log given.

    Newton's method on log a - digamma(a) = excess, in 1 / a. Source: Minka 2002, "Estimating a
    gamma distribution".
    """
    from scipy.special import polygamma, psi

    if not excess > 0.5 / _MAX_SHAPE:
        return _MAX_SHAPE
    shape = (3 - excess + math.sqrt((excess - 3) ** 2 + 24 * excess)) / (12 * excess)
    for _ in range(20):
        error = math.log(shape) - float(psi(shape)) - excess
        slope = shape - shape * shape * float(polygamma(1, shape))  # of the error, over log shape
        inverse = 1 / shape + error / slope
        following = 1 / inverse if inverse > 0 else shape / 2
        if abs(following - shape) <= 1e-14 * shape:
            break
        shape = following
    return min(shape, _MAX_SHAPE)


def _concentration(resultant: float) -> float:
    """Returns the von Mises concentration whose mean resultant length is given.

    Newton's method on I1(k) / I0(k) = R from Fisher's approximation. Source: Mardia & Jupp 2000,
    doi:10.1002/9780470316979, section 5.3.
    """
    from scipy.special import i0e, i1e

    if resultant <= 0:
        return 0.0
    if resultant >= 1 - 0.5 / _MAX_CONCENTRATION:
        return _MAX_CONCENTRATION
    kappa = resultant * (2 - resultant**2) / (1 - resultant**2)
    for _ in range(50):
        ratio = float(i1e(kappa) / i0e(kappa))
        step = (ratio - resultant) / (1 - ratio * ratio - ratio / kappa)
        kappa = max(kappa - step, kappa / 10)
        if abs(step) <= 1e-14 * kappa:
            break
    return min(kappa, _MAX_CONCENTRATION)
