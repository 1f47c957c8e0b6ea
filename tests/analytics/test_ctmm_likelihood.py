"""The filter against the density of a normal vector with the whole covariance matrix."""

import math

import numpy as np
import pytest

from analytics.ctmm.likelihood import log_likelihood
from analytics.ctmm.model import MovementModel
from analytics.ctmm.simulate import simulate
from analytics.errors import ParameterError
from analytics.kernels.kalman import position_noise, transition
from analytics.track import Track
from tests.analytics import oracles_ctmm as oracles
from tests.analytics.test_ctmm_model import KINDS, model

ERRORS = {"none": None, "equal": 40.0, "own": "own"}


def irregular(fixes=120, seed=3):
    """Fixes seconds to days apart."""
    gaps_s = np.random.default_rng(seed).lognormal(8, 1.5, fixes)
    return simulate(model(), np.cumsum(gaps_s), seed)


def errors_of(kind, track):
    if kind == "own":
        return np.random.default_rng(4).uniform(0, 300, len(track))
    return ERRORS[kind]


@pytest.mark.parametrize("restricted", [False, True])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", KINDS)
def test_filter_is_the_dense_normal_density(kind, error, restricted):
    track = irregular()
    errors = errors_of(error, track)
    found = log_likelihood(track, model(kind), errors, restricted)
    dense = oracles.log_likelihood(
        track, model(kind), errors or 0 if error != "own" else errors, restricted
    )
    assert found == pytest.approx(dense, rel=1e-9)


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", KINDS)
def test_turning_track_and_model_together_changes_nothing(kind, error):
    track, turn = irregular(), 1.1
    errors = errors_of(error, track)
    cosine, sine = math.cos(turn), math.sin(turn)
    turned = Track(
        track.times_s + 1e6,
        cosine * track.x_m - sine * track.y_m + 5e5,
        sine * track.x_m + cosine * track.y_m - 3e6,
    )
    before = log_likelihood(track, model(kind), errors)
    after = log_likelihood(turned, model(kind, angle_rad=0.7 + turn), errors)
    assert after == pytest.approx(before, rel=1e-8)


def test_scaling_moves_the_likelihood_by_its_jacobian():
    track = irregular()
    wide = Track(track.times_s, 3 * track.x_m, 3 * track.y_m)
    scaled = model(major_m2=9 * 4e6, minor_m2=9 * 1e6)
    moved = log_likelihood(wide, scaled) - log_likelihood(track, model())
    assert moved == pytest.approx(-2 * len(track) * math.log(3), rel=1e-9)


def test_track_reversed_in_time_is_as_likely():
    track = irregular()
    back = Track(-track.times_s[::-1], track.x_m[::-1], track.y_m[::-1])
    assert log_likelihood(back, model()) == pytest.approx(log_likelihood(track, model()), rel=1e-9)


@pytest.mark.parametrize("errors", [-1.0, math.nan, [1.0, 2.0], [[1.0]]])
def test_unusable_errors_are_named(errors):
    with pytest.raises(ParameterError, match="error_m"):
        log_likelihood(irregular(), model(), errors)


@pytest.mark.parametrize("t", [1e-6, 1e-2, 0.3, 0.49, 0.51, 1.0, 3.0, 30.0])
@pytest.mark.parametrize("a", [1e-7, 1e-3, 0.2, 0.9, 1.0])
def test_noise_of_a_step_is_its_integral(a, t):
    b = 1.0
    nodes, weights = np.polynomial.legendre.leggauss(200)
    s = t * (nodes + 1) / 2
    along = s * np.exp(-s) if a == b else (np.exp(-a * s) - np.exp(-b * s)) / (b - a)
    integral = 2 * a * b * (a + b) * t / 2 * float(weights @ along**2)
    assert position_noise(a, b, t) == pytest.approx(integral, rel=2e-9)


def test_two_steps_are_one():
    a, b = 1 / 90.0, 1 / 7.0
    f11, f12, f21, f22, *_ = transition(a, b, 2.5)
    step = np.array([[f11, f12], [f21, f22]])
    g11, g12, g21, g22, *_ = transition(a, b, 5.0)
    np.testing.assert_allclose(step @ step, [[g11, g12], [g21, g22]], rtol=1e-12)


def test_slow_and_fast_model_shares_no_time_scale_with_rounding():
    """Steps of a ten-thousandth of a time scale, where variances are of third order."""
    slow = MovementModel(1e6, 1e6, 1e6, 1e6, isotropic=True)
    track = simulate(slow, 100.0 * np.arange(60), seed=2)
    dense = oracles.log_likelihood(track, slow)
    assert log_likelihood(track, slow) == pytest.approx(dense, rel=1e-3)
