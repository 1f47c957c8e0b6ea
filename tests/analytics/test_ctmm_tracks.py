"""Simulation, kriging and the variogram: what models say about tracks."""

import math

import numpy as np
import pytest

from analytics.ctmm.fit import fit
from analytics.ctmm.krige import krige
from analytics.ctmm.model import MovementModel
from analytics.ctmm.simulate import simulate
from analytics.ctmm.variogram import variogram
from analytics.errors import ParameterError, TrackError
from tests.analytics import oracles_ctmm as oracles
from tests.analytics.test_ctmm_fit import DAY_S, HOUR_S, TRUTH, drawn
from tests.analytics.test_ctmm_model import KINDS, model


def test_same_seed_gives_the_same_track():
    np.testing.assert_array_equal(drawn(seed=7).x_m, drawn(seed=7).x_m)
    assert not np.array_equal(drawn(seed=7).x_m, drawn(seed=8).x_m)


@pytest.mark.parametrize("kind", KINDS)
def test_simulated_positions_have_the_models_covariance(kind):
    times_s = np.array([0.0, HOUR_S, 1.5 * HOUR_S, 9 * HOUR_S])
    tracks = [simulate(model(kind), times_s, seed) for seed in range(4000)]
    values = np.array([np.concatenate((t.x_m, t.y_m)) for t in tracks])
    expected = oracles.covariance(model(kind), times_s, times_s)
    np.testing.assert_allclose(values.T @ values / 4000, expected, atol=0.07 * expected.max())


def test_simulation_adds_error_and_mean():
    times_s = HOUR_S * np.arange(4000)
    still = MovementModel(0.0, 0.0, 1e-6, 1e-6, mean_x_m=7.0, mean_y_m=-3.0)
    track = simulate(still, times_s, 1, error_m=20.0)
    assert np.std(track.x_m) == pytest.approx(20, rel=0.05)
    assert np.mean(track.y_m) == pytest.approx(-3, abs=1.5)


def test_simulation_at_unsorted_times_is_refused():
    with pytest.raises(TrackError, match="before the fix before"):
        simulate(TRUTH, [0.0, 2.0, 1.0], 1)


@pytest.mark.parametrize("error_m", [None, 150.0])
@pytest.mark.parametrize("kind", KINDS)
def test_kriging_is_universal_kriging(kind, error_m):
    gaps_s = np.random.default_rng(2).lognormal(8, 1, 60)
    track = simulate(model(kind), np.cumsum(gaps_s), 3, error_m)
    fitted = fit(track, "OU", error_m=error_m)
    stated = type(fitted)(**(vars(fitted) | {"model": model(kind)}))
    times_s = np.concatenate((track.times_s[::9] + 1.0, [track.times_s[-1] + 1e6, -1e5]))
    found = krige(track, stated, times_s)
    x_m, y_m, variance_m2 = oracles.krige(track, model(kind), error_m or 0.0, times_s)
    np.testing.assert_allclose(found.x_m, x_m, atol=1e-3)
    np.testing.assert_allclose(found.y_m, y_m, atol=1e-3)
    np.testing.assert_allclose(found.covariance_m2[:, 0, 0], variance_m2, rtol=1e-5, atol=1e-2)


def test_kriging_passes_through_exact_fixes():
    track = drawn(days=30)
    found = krige(track, fit(track), track.times_s[::-1])
    np.testing.assert_allclose(found.x_m, track.x_m[::-1], atol=1e-6)
    assert found.covariance_m2.max() < 1e-3


def test_kriged_velocity_is_the_slope_of_positions():
    track = drawn(days=30)
    fitted, times_s = fit(track), DAY_S * np.arange(1, 29) + 100.0
    before, after = (krige(track, fitted, times_s + d) for d in (-1.0, 1.0))
    found = krige(track, fitted, times_s)
    np.testing.assert_allclose(found.x_mps, (after.x_m - before.x_m) / 2, atol=1e-6)
    np.testing.assert_allclose(found.y_mps, (after.y_m - before.y_m) / 2, atol=1e-6)


def test_kriging_brings_noisy_fixes_closer_to_the_truth():
    times_s = np.arange(0, 60 * DAY_S, HOUR_S)
    truth, noisy = simulate(TRUTH, times_s, 5), simulate(TRUTH, times_s, 5, error_m=300.0)
    found = krige(noisy, fit(noisy, error_m=300.0), times_s)
    assert np.std(found.x_m - truth.x_m) < 0.8 * np.std(noisy.x_m - truth.x_m)


def test_kriging_with_another_tracks_model_is_refused():
    track = drawn(days=30)
    with pytest.raises(ParameterError, match="fitted"):
        krige(drawn(days=20), fit(track), [0.0])
    with pytest.raises(ParameterError, match="times_s"):
        krige(track, fit(track), [math.nan])


def test_variogram_is_the_mean_over_all_pairs():
    times_s = HOUR_S * np.flatnonzero(np.random.default_rng(1).uniform(size=150) < 0.6)
    track = simulate(TRUTH, times_s, 2)
    found, expected = variogram(track, HOUR_S), oracles.variogram(track, HOUR_S)
    for lag_s, value, pairs in zip(
        found.lag_s[1:], found.semivariance_m2[1:], found.pairs[1:], strict=True
    ):
        mean, count = expected[round(lag_s / HOUR_S)]
        assert (value, pairs) == (pytest.approx(mean, rel=1e-9), count)
    assert len(expected) == found.lag_s.size - 1


def test_variogram_scatters_around_its_model():
    found = variogram(drawn(days=800))
    low, high = found.interval_m2(95)
    truth = TRUTH.semivariance_m2(found.lag_s)
    near = (found.lag_s > 0) & (found.lag_s < 10 * DAY_S)
    inside = (low <= truth) & (truth <= high)
    assert inside[near].mean() > 0.8


@pytest.mark.parametrize("step_s", [0.0, -1.0, math.nan, 1e-3])
def test_unusable_lag_is_named(step_s):
    with pytest.raises(ParameterError, match="step_s"):
        variogram(drawn(days=30), step_s)
