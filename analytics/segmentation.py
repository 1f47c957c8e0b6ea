"""Behaviour behind the steps: a hidden Markov model of step lengths and turning angles.

The animal is in one of two to four unseen states and changes between them at every step with fixed
probabilities; each state has its own gamma distribution of step lengths and von Mises distribution
of turning angles. States have no names: what "short steps, many turns" means, the ecologist says.

The model knows steps of one duration only. Sampling must be regular within the given tolerance;
other steps are treated as unknown.

Sources: Morales et al. 2004, doi:10.1890/03-0269; Langrock et al. 2012, doi:10.1890/11-2241.1.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.errors import ParameterError, TrackError
from analytics.hidden_markov import Begins, Behaviour, Fit, fit, starting_values
from analytics.movement import describe, read_only, steps
from analytics.results import Estimate
from analytics.track import Track

Floats = NDArray[np.float64]

MAX_STATES = 4
MAX_MISSING = 10
"""Missing steps in a row through which the chain runs on; after more it begins anew."""

_PILOT_CHUNKS, _PILOT_STEPS = 20, 1000  # what the starting values are tried on
_PILOT_ITERATIONS = 25


@dataclass(frozen=True)
class Bout:
    """Successive steps in one state."""

    state: int
    from_time_s: float
    to_time_s: float
    steps: int


@dataclass(frozen=True, eq=False)
class Segmentation:
    """States of the steps of a track, and the model they come from.

    Attributes:
        behaviours: one per state, by ascending mean step length; index = number of the state.
        transition: (k, k) float64, probability of a state (column) after another (row) one
            interval later.
        initial: (k,) float64, probability of the states where a sequence begins.
        states: (n - 1,) int8, of the likeliest sequence (Viterbi), per step of the track.
        probabilities: (n - 1, k) float64, of each state given the whole track.
        times_s: (n,) float64 [s], times of the fixes.
        interval_s: duration of a step [s].
        log_likelihood: of lengths in metres and angles in radians.
        free_parameters: how many the model has.
        observed: steps whose length was used.
        converged: whether the fit came to its tolerance.
        estimate: how it was made.
    """

    behaviours: tuple[Behaviour, ...]
    transition: Floats
    initial: Floats
    states: NDArray[np.int8]
    probabilities: Floats
    times_s: Floats
    interval_s: float
    log_likelihood: float
    free_parameters: int
    observed: int
    converged: bool
    estimate: Estimate

    @property
    def aic(self) -> float:
        """Akaike's criterion; it tends to prefer more states than can be told apart in life."""
        return 2 * self.free_parameters - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion, over the observed steps."""
        return self.free_parameters * math.log(self.observed) - 2 * self.log_likelihood

    @property
    def share(self) -> Floats:
        """(k,) part of the steps expected in each state."""
        return np.asarray(self.probabilities.mean(axis=0))

    def bouts(self) -> tuple[Bout, ...]:
        """Returns the runs of equal states, oldest first."""
        edges = np.flatnonzero(np.diff(self.states)) + 1
        starts = np.concatenate(([0], edges))
        stops = np.concatenate((edges, [self.states.size]))
        return tuple(
            Bout(int(self.states[a]), float(self.times_s[a]), float(self.times_s[b]), int(b - a))
            for a, b in zip(starts, stops, strict=True)
        )


def segment(
    track: Track,
    states: int = 2,
    interval_s: float | None = None,
    tolerance: float = 0.25,
    starts: int = 8,
    seed: int = 0,
    max_iterations: int = 2000,
    relative_tolerance: float = 1e-10,
) -> Segmentation:
    """Returns the hidden Markov model of a track, fitted by expectation-maximisation.

    The fit begins from several sets of values drawn around quantiles of the step lengths, tried on
    at most 20,000 steps; the best is taken to its maximum on all. Time grows with n k^2 per
    iteration. Steps over up to `MAX_MISSING` missing fixes leave the chain running, unobserved;
    after more it begins anew.

    Args:
        track: at least 10 observed steps per state.
        states: number of states, 2 to 4.
        interval_s: duration of a step [s]; by default that which most of the track's steps last.
        tolerance: part of the interval by which a step may last longer or shorter, 0 to 0.5.
        starts: number of sets of starting values.
        seed: of the starting values.
        max_iterations: of the final fit.
        relative_tolerance: change of the log-likelihood, over its value, at which the fit ends.

    Raises:
        TrackError: too few steps, or fewer than half of them last the interval.
        ParameterError: a value out of its range.
    """
    _check(track, states, interval_s, tolerance, starts)
    interval = _usual(track, tolerance) if interval_s is None else float(interval_s)
    statistics, begins, slots = _statistics(track, interval, tolerance, states)
    rng = np.random.default_rng(seed)
    pilot, pilot_begins = _pilot(statistics, begins)
    tries = [
        fit(starting_values(statistics, states, rng), pilot, pilot_begins, _PILOT_ITERATIONS, 0.0)
        for _ in range(starts)
    ]
    best = max(tries, key=lambda tried: tried.log_likelihood)
    found = fit(best.model, statistics, begins, max_iterations, relative_tolerance)
    return _result(track, found, statistics, begins, slots, interval, tolerance, seed)


def simulate(
    behaviours: tuple[Behaviour, ...],
    transition: Floats,
    count: int,
    interval_s: float = 3600.0,
    seed: int = 0,
) -> tuple[Track, NDArray[np.int8]]:
    """Returns a track of `count` steps from known behaviours, and the state of each step.

    Raises:
        ParameterError: `transition` is not a square of probabilities that add up to 1 by row.
    """
    chain = np.array(transition, np.float64)
    k = len(behaviours)
    if chain.shape != (k, k) or (chain < 0).any() or not np.allclose(chain.sum(axis=1), 1):
        raise ParameterError("transition", transition, f"{k} rows of {k} probabilities, sums 1")
    rng = np.random.default_rng(seed)
    states = np.empty(count, np.int8)
    state = 0
    for i, u in enumerate(rng.random(count)):
        state = min(int(np.searchsorted(chain[state].cumsum(), u)), k - 1)
        states[i] = state
    length_m, turn_rad = np.empty(count, np.float64), np.empty(count, np.float64)
    for j, b in enumerate(behaviours):
        here = states == j
        moving = rng.random(here.sum()) >= b.standing
        length_m[here] = rng.gamma(b.shape, 1 / b.rate_per_m, here.sum()) * moving
        turn_rad[here] = rng.vonmises(b.turn_mean_rad, b.turn_concentration, here.sum())
    angle = np.cumsum(turn_rad)
    x_m = np.concatenate(([0.0], np.cumsum(length_m * np.cos(angle))))
    y_m = np.concatenate(([0.0], np.cumsum(length_m * np.sin(angle))))
    return Track(interval_s * np.arange(count + 1.0), x_m, y_m), states


def _check(
    track: Track, states: int, interval_s: float | None, tolerance: float, starts: int
) -> None:
    if not 2 <= states <= MAX_STATES or states != int(states):
        raise ParameterError("states", states, f"2 to {MAX_STATES}")
    if interval_s is not None and not (math.isfinite(interval_s) and interval_s > 0):
        raise ParameterError("interval_s", interval_s, "a finite number above 0, or None")
    if not 0 <= tolerance <= 0.5:
        raise ParameterError("tolerance", tolerance, "0 to 0.5")
    if starts < 1:
        raise ParameterError("starts", starts, "1 or more")
    if len(track) < 2:
        raise TrackError([f"{len(track)} fixes, at least 2 are needed"])


def _usual(track: Track, tolerance: float) -> float:
    """Returns the median of the most durations that lie within the tolerance of one of them."""
    ordered = np.sort(np.diff(track.times_s))
    first = np.searchsorted(ordered, ordered * (1 - tolerance), "left")
    last = np.searchsorted(ordered, ordered * (1 + tolerance), "right")
    most = int(np.argmax(last - first))
    return float(np.median(ordered[first[most] : last[most]]))


def _statistics(
    track: Track, interval_s: float, tolerance: float, states: int
) -> tuple[Floats, Begins, NDArray[np.int64]]:
    """Returns what the densities are linear in, per interval of the chain.

    (m, 7): has a length above 0, its logarithm, itself; has an angle, its cosine, its sine; has
    length 0. Then (m,) where sequences begin, and (n - 1,) the interval of each of the steps. A
    step over several intervals is unobserved and takes as many rows.
    """
    from analytics.kernels.hmm import step_statistics  # compiles at its first call

    made = steps(track, across_stops=False)
    duration_s = made.duration_s
    usual = np.abs(duration_s - interval_s) <= tolerance * interval_s
    if usual.sum() < 10 * states or 2 * usual.sum() < usual.size:
        raise TrackError(
            [
                f"{usual.sum()} of {usual.size} steps last {interval_s:g} s within {tolerance:.0%}"
                f", at least half of them and {10 * states} are needed: sample regularly, or thin "
                "to a common interval"
            ]
        )
    missing = np.where(usual, 0.0, np.maximum(np.rint(duration_s / interval_s) - 1, 0.0))
    begins = np.concatenate(([True], missing[:-1] > MAX_MISSING))
    rows = 1 + np.where(missing > MAX_MISSING, 0, missing).astype(np.int64)
    slots = np.cumsum(rows) - rows
    statistics = np.zeros((rows.sum(), 7))
    starts = np.zeros(len(statistics), bool)
    starts[slots[begins]] = True

    step_statistics(made.distance_m, made.turning_angle_rad, usual, slots, statistics)
    moved = int(statistics[:, 0].sum())
    if moved < 10 * states:
        raise TrackError([f"{moved} steps have a length, at least {10 * states} are needed"])
    return statistics, starts, slots


def _pilot(statistics: Floats, begins: Begins) -> tuple[Floats, Begins]:
    """Returns all rows, or evenly spaced runs of them where there are many."""
    if len(statistics) <= _PILOT_CHUNKS * _PILOT_STEPS:
        return statistics, begins
    starts = np.linspace(0, len(statistics) - _PILOT_STEPS, _PILOT_CHUNKS).astype(np.int64)
    rows = (starts[:, None] + np.arange(_PILOT_STEPS)).ravel()
    cut = begins[rows]
    cut[::_PILOT_STEPS] = True
    return statistics[rows], cut


def _result(
    track: Track,
    found: Fit,
    statistics: Floats,
    begins: Begins,
    slots: NDArray[np.int64],
    interval_s: float,
    tolerance: float,
    seed: int,
) -> Segmentation:
    from analytics.kernels.hmm import viterbi  # compiles at its first call

    model, k = found.model, len(found.model.behaviours)
    order = np.argsort([b.step_mean_m for b in model.behaviours])
    path = viterbi(
        model.log_density(statistics), begins, np.log(model.initial), np.log(model.transition)
    )
    rank = np.argsort(order).astype(np.int8)
    observed = int(statistics[:, 0].sum() + statistics[:, 6].sum())
    parameters: dict[str, object] = {
        "states": k,
        "interval_s": interval_s,
        "tolerance": tolerance,
        "seed": seed,
        "iterations": found.iterations,
    }
    states, probabilities = rank[path][slots], found.probabilities[slots][:, order]
    states.flags.writeable = False
    return Segmentation(
        behaviours=tuple(model.behaviours[j] for j in order),
        transition=read_only(model.transition[np.ix_(order, order)]),
        initial=read_only(model.initial[order]),
        states=states,
        probabilities=read_only(probabilities),
        times_s=track.times_s,
        interval_s=interval_s,
        log_likelihood=found.log_likelihood,
        free_parameters=k * (4 + model.standing) + k * k - 1,
        observed=observed,
        converged=found.converged,
        estimate=describe(track, "hidden Markov model", parameters),
    )
