"""Hidden Markov model: kernels against every path, fits against known states and parameters."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import gamma, vonmises

from analytics.errors import ParameterError, TrackError
from analytics.hidden_markov import Model, _concentration, _gamma_shape
from analytics.kernels.hmm import forward_backward, viterbi
from analytics.segmentation import Behaviour, _statistics, segment, simulate
from analytics.track import Track
from tests.analytics import oracles_movement as oracles
from tests.analytics.tracks import stored_track

RESTING = Behaviour(20.0, 15.0, math.pi, 0.6)
FORAGING = Behaviour(150.0, 100.0, 0.0, 0.3)
TRAVELLING = Behaviour(700.0, 300.0, 0.0, 2.5)
TWO = (RESTING, TRAVELLING)
STAY = np.array([[0.9, 0.1], [0.2, 0.8]])
THREE = (RESTING, FORAGING, TRAVELLING)
STAY_THREE = np.array([[0.9, 0.08, 0.02], [0.1, 0.8, 0.1], [0.05, 0.15, 0.8]])
PART = st.floats(0.01, 1)


def run(density, begins, initial, transition):
    """What forward-backward and Viterbi find for plain densities."""
    n, k = density.shape
    share, moves, first = np.empty((n, k)), np.empty((k, k)), np.empty(k)
    log_density = np.log(density)
    path = viterbi(log_density, begins, np.log(initial), np.log(transition))
    found = forward_backward(log_density, begins, initial, transition, share, moves, first)
    return found, share, moves, first, path


@st.composite
def chains(draw):
    k = draw(st.integers(2, 4))
    n = draw(st.integers(1, 5))
    rows = st.lists(PART, min_size=k, max_size=k).map(np.array)
    density = np.array([draw(rows) for _ in range(n)])
    begins = np.array([True, *(draw(st.booleans()) for _ in range(n - 1))])
    chain = np.array([draw(rows) for _ in range(k)])
    initial = draw(rows)
    return density, begins, initial / initial.sum(), chain / chain.sum(axis=1, keepdims=True)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(chain=chains())
def test_kernels_agree_with_the_sum_over_all_paths(chain):
    found, share, moves, first, path = run(*chain)
    total, plain_share, likeliest = oracles.hidden_markov(*(part.tolist() for part in chain))
    assert found == pytest.approx(math.log(total), rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(share, plain_share, rtol=1e-10)
    assert moves.sum() + first.sum() == pytest.approx(len(share))
    chance = {p: _chance(p, *chain) for p in (tuple(path), likeliest)}
    assert chance[tuple(path)] == pytest.approx(chance[likeliest], rel=1e-12)


def _chance(path, density, begins, initial, transition):
    chance = 1.0
    for t, state in enumerate(path):
        chance *= initial[state] if begins[t] else transition[path[t - 1], state]
        chance *= density[t, state]
    return chance


def test_expected_moves_are_those_of_pairs_of_states():
    density = np.random.default_rng(1).uniform(0.1, 1, (4, 2))
    begins = np.array([True, False, False, False])
    initial = np.array([0.3, 0.7])
    _, _, moves, _, _ = run(density, begins, initial, STAY)
    plain, total = np.zeros((2, 2)), 0.0
    for path in np.ndindex(2, 2, 2, 2):
        chance = _chance(path, density, begins, initial, STAY)
        total += chance
        for a, b in pairwise(path):
            plain[a, b] += chance
    np.testing.assert_allclose(moves, plain / total, rtol=1e-12)


def test_long_sequence_does_not_underflow():
    density = np.full((100_000, 2), 1e-200)
    begins = np.zeros(100_000, bool)
    begins[0] = True
    found, *_ = run(density, begins, np.array([0.5, 0.5]), STAY)
    assert found == pytest.approx(100_000 * math.log(1e-200), rel=1e-12)


def test_density_of_a_step_agrees_with_the_plain_form():
    slow = Behaviour(20.0, 15.0, math.pi, 0.6, standing=0.2)
    model = Model((slow, TRAVELLING), np.array([0.5, 0.5]), STAY, standing=True)
    cases = [(35.0, 1.0), (0.0, None), (800.0, -2.5), (12.0, None), (None, None)]
    rows = [
        [
            float(bool(length)),
            math.log(length) if length else 0.0,
            length or 0.0,
            float(turn is not None),
            0.0 if turn is None else math.cos(turn),
            0.0 if turn is None else math.sin(turn),
            float(length == 0),
        ]
        for length, turn in cases
    ]
    found = model.log_density(np.array(rows))[:, 0]
    plain = [math.log(oracles.step_density(*case, slow)) for case in cases]
    assert found == pytest.approx(plain, rel=1e-12)


def test_likeliest_gamma_and_von_mises_are_scipys():
    rng = np.random.default_rng(2)
    for shape in (0.3, 1.0, 7.0, 400.0):
        values = rng.gamma(shape, 3.0, 500)
        expected = gamma.fit(values, floc=0)[0]
        excess = math.log(values.mean()) - np.log(values).mean()
        assert _gamma_shape(excess) == pytest.approx(expected, rel=1e-6)
    for kappa in (0.05, 0.9, 6.0, 300.0):
        values = rng.vonmises(0.4, kappa, 500)
        resultant = math.hypot(np.cos(values).mean(), np.sin(values).mean())
        expected = vonmises.fit(values, fscale=1)[0]
        assert _concentration(resultant) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("value", [0.0, 1e-12, 1e-5, 0.999999, 1.0])
def test_extreme_statistics_stay_finite(value):
    assert 0 < _gamma_shape(value) <= 1e4
    assert 0 <= _concentration(value) <= 1e3


@pytest.mark.parametrize(("behaviours", "stay"), [(TWO, STAY), (THREE, STAY_THREE)])
def test_known_states_and_parameters_are_recovered(behaviours, stay):
    track, truth = simulate(behaviours, stay, 20_000, seed=5)
    found = segment(track, len(behaviours))
    assert found.converged
    for ours, known in zip(found.behaviours, behaviours, strict=True):
        assert ours.step_mean_m == pytest.approx(known.step_mean_m, rel=0.06)
        assert ours.step_sd_m == pytest.approx(known.step_sd_m, rel=0.08)
        assert ours.turn_concentration == pytest.approx(known.turn_concentration, abs=0.12)
        assert abs(math.remainder(ours.turn_mean_rad - known.turn_mean_rad, math.tau)) < 0.25
    np.testing.assert_allclose(found.transition, stay, atol=0.03)
    assert np.mean(found.states == truth) > 0.93


def test_probabilities_say_how_often_they_are_right():
    track, truth = simulate(THREE, STAY_THREE, 20_000, seed=13)
    found = segment(track, 3)
    right = found.probabilities.argmax(axis=1) == truth
    top = found.probabilities.max(axis=1)
    for low, high in ((0.4, 0.7), (0.7, 0.9), (0.9, 1.1)):
        some = (top >= low) & (top < high)
        assert right[some].mean() == pytest.approx(top[some].mean(), abs=0.04)


def test_fit_is_a_maximum_of_the_likelihood():
    track, _ = simulate(TWO, STAY, 400, seed=6)
    found = segment(track, 2, relative_tolerance=1e-14)
    statistics, begins, _ = _statistics(track, 3600.0, 0.25, 2)
    scratch = np.empty((len(statistics), 2)), np.empty((2, 2)), np.empty(2)

    def cost(values):
        size = np.exp(values[:6])
        turn = values[6:8]
        behaviours = tuple(
            Behaviour(*size[2 * k : 2 * k + 2], turn[k], size[4 + k]) for k in range(2)
        )
        leave = 1 / (1 + np.exp(-values[8:10]))
        chain = np.array([[1 - leave[0], leave[0]], [leave[1], 1 - leave[1]]])
        model = Model(behaviours, found.initial, chain, standing=False)
        log_density = model.log_density(statistics)
        return -forward_backward(log_density, begins, found.initial, chain, *scratch)

    b = found.behaviours
    sizes = [v for one in b for v in (one.step_mean_m, one.step_sd_m)]
    sizes += [one.turn_concentration for one in b]
    leave = np.array([found.transition[0, 1], found.transition[1, 0]])
    start = [*np.log(sizes), b[0].turn_mean_rad, b[1].turn_mean_rad, *np.log(leave / (1 - leave))]
    assert -cost(np.array(start)) == pytest.approx(found.log_likelihood, rel=1e-10)
    better = minimize(cost, start, method="BFGS")
    assert -better.fun == pytest.approx(found.log_likelihood, abs=1e-5)


def test_right_number_of_states_is_chosen():
    track, _ = simulate(THREE, STAY_THREE, 5000, seed=7)
    bic = [segment(track, states).bic for states in (2, 3, 4)]
    assert np.argmin(bic) == 1


def test_standing_still_is_part_of_a_state():
    still = Behaviour(20.0, 15.0, 0.0, 0.0, standing=0.4)
    track, truth = simulate((still, TRAVELLING), STAY, 5000, seed=8)
    found = segment(track, 2)
    assert found.behaviours[0].standing == pytest.approx(0.4, abs=0.03)
    assert found.behaviours[1].standing < 0.01
    assert np.mean(found.states == truth) > 0.97


def test_missing_fixes_leave_the_states_of_the_rest():
    track, truth = simulate(TWO, STAY, 5000, seed=9)
    keep = np.random.default_rng(1).random(len(track)) > 0.15
    keep[2000:2100] = False  # longer than the chain runs on unobserved
    thinned = Track(track.times_s[keep], track.x_m[keep], track.y_m[keep])
    found = segment(thinned, 2)
    single = np.diff(thinned.times_s) == 3600.0
    assert found.observed == single.sum()
    steps_kept = np.flatnonzero(keep)[:-1]
    assert np.mean(found.states[single] == truth[steps_kept][single]) > 0.95
    np.testing.assert_allclose(found.transition, STAY, atol=0.03)


def test_turning_moving_and_scaling_the_track_changes_no_state():
    track, _ = simulate(TWO, STAY, 1000, seed=10)
    there = Track(track.times_s + 1e9, 5e5 - 10 * track.y_m, 10 * track.x_m)
    here, moved = segment(track, 2), segment(there, 2)
    assert (here.states == moved.states).all()
    assert moved.behaviours[1].step_mean_m == pytest.approx(
        10 * here.behaviours[1].step_mean_m, rel=1e-3
    )


def test_bouts_cover_the_track_without_gap():
    track, _ = simulate(TWO, STAY, 500, seed=11)
    bouts = segment(track, 2).bouts()
    assert (bouts[0].from_time_s, bouts[-1].to_time_s) == (0.0, track.times_s[-1])
    assert sum(bout.steps for bout in bouts) == 500
    assert all(a.to_time_s == b.from_time_s for a, b in pairwise(bouts))
    assert all(a.state != b.state for a, b in pairwise(bouts))


def test_real_buffalo_rests_and_travels(reference_data):
    track = stored_track(reference_data / "tracks" / "ctmm_buffalo.csv", "Cilla")
    found = segment(track, 2)
    assert found.converged
    assert found.behaviours[0].step_mean_m < 100 < 300 < found.behaviours[1].step_mean_m
    assert (np.diag(found.transition) > 0.5).all()


def test_result_tells_how_it_was_made():
    track, _ = simulate(TWO, STAY, 300, seed=12)
    found = segment(track, 2)
    assert found.estimate.method == "hidden Markov model"
    assert found.estimate.parameters["interval_s"] == 3600.0
    assert found.free_parameters == 11
    assert found.aic == pytest.approx(22 - 2 * found.log_likelihood)
    assert found.share.sum() == pytest.approx(1)
    with pytest.raises(ValueError, match="read-only"):
        found.states[0] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"states": 1}, "states is 1, expected 2 to 4"),
        ({"states": 5}, "states is 5"),
        ({"interval_s": 0}, "interval_s is 0"),
        ({"tolerance": 0.9}, "tolerance is 0.9, expected 0 to 0.5"),
        ({"starts": 0}, "starts is 0"),
    ],
)
def test_wrong_argument_is_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        segment(simulate(TWO, STAY, 50)[0], **arguments)


def test_irregular_sampling_is_refused():
    rng = np.random.default_rng(3)
    walk = np.cumsum(rng.normal(size=(2, 500)), axis=1)
    irregular = Track(np.cumsum(rng.exponential(3600, 500)), *walk)
    with pytest.raises(TrackError, match=r"of 499 steps last .* sample regularly"):
        segment(irregular)


def test_animal_that_never_moves_is_refused():
    still = Track(3600.0 * np.arange(100), np.zeros(100), np.zeros(100))
    with pytest.raises(TrackError, match="0 steps have a length, at least 20"):
        segment(still)


def test_impossible_chain_is_refused():
    with pytest.raises(ParameterError, match="transition is"):
        simulate(TWO, [[0.5, 0.6], [0.5, 0.5]], 10)
