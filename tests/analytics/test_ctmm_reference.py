"""Movement models against R's ctmm 1.3.0: the same likelihoods, fits and choices.

Likelihoods agree to the last digits. Fits agree as far as the package's optimiser goes: its
parameters move by 1e-6 to 4e-5 between calls.
"""

import numpy as np
import pytest

from analytics.ctmm.fit import fit
from analytics.ctmm.likelihood import log_likelihood
from analytics.ctmm.model import MovementModel
from analytics.ctmm.select import select
from analytics.ctmm.variogram import variogram
from tests.analytics.ctmm_reference import REAL, SIMULATED, model_of, real, simulated


def check_likelihoods(track, figures):
    for stated in figures["loglike_fixed"]:
        taus = stated["tau"] if isinstance(stated["tau"], list) else [stated["tau"]]
        position_s, velocity_s = [*map(float, taus), 0.0, 0.0][:2]
        variance = stated["sigma_iso"]
        model = MovementModel(position_s, velocity_s, variance, variance, isotropic=True)
        value = log_likelihood(track, model, restricted=stated["REML"])
        assert value == pytest.approx(stated["loglike"], rel=1e-11)


def check_fit(fitted, figures):
    expected = model_of(figures)
    for name in ("tau_position_s", "tau_velocity_s", "major_m2", "minor_m2"):
        assert getattr(fitted.model, name) == pytest.approx(getattr(expected, name), rel=1e-4)
    np.testing.assert_allclose(fitted.model.covariance_m2, expected.covariance_m2, rtol=1e-3)
    assert fitted.log_likelihood == pytest.approx(figures["loglike"], abs=1e-4)
    assert fitted.aicc == pytest.approx(figures["AICc"], abs=2e-4)
    assert fitted.bic == pytest.approx(figures["BIC"], abs=2e-4)
    deviations = np.sqrt(np.diag(np.atleast_2d(figures["COV"])))
    np.testing.assert_allclose(np.sqrt(np.diag(fitted.covariance)), deviations, rtol=1e-3)


def check_selection(track, figures):
    selection = select(track)
    by_name = {candidate.model.name: candidate for candidate in selection.candidates}
    for name, expected in figures["select"].items():
        check_fit(by_name[name], expected)
    tried = [name for name in selection.delta_aicc if name in figures["select"]]
    assert tried == figures["select_order"]
    assert selection.best.model.name == figures["best"]["name"]
    summary = figures["best_summary"]
    assert selection.best.area_dof == pytest.approx(summary["DOF"]["area"], rel=1e-4)
    assert selection.best.mean_dof == pytest.approx(summary["DOF"]["mean"], rel=1e-4)
    area, theirs = selection.best.intervals()["gaussian_area_km2"], summary["CI"][0]
    for found, key in ((area.low, "low"), (area.estimate, "est"), (area.high, "high")):
        assert found == pytest.approx(theirs[key] / 1e6, rel=1e-4)


def check_stated_fits(track, figures):
    for stated in figures["fits_fixed"]:
        taus = stated["tau"] if isinstance(stated["tau"], dict) else {}
        fitted = fit(track, stated["name"], True, stated["method"])
        check_fit(fitted, stated | {"tau_raw": list(taus.values())})


@pytest.mark.parametrize("name", SIMULATED)
def test_likelihoods_of_simulated_tracks_are_the_packages(name):
    check_likelihoods(*simulated(name))


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_tracks_get_the_packages_models_in_its_order(name):
    check_selection(*simulated(name))


@pytest.mark.parametrize("name", SIMULATED)
def test_single_fits_of_simulated_tracks_are_the_packages(name):
    check_stated_fits(*simulated(name))


@pytest.mark.parametrize("name", SIMULATED)
def test_variograms_of_regular_times_are_the_packages(name):
    track, figures = simulated(name)
    found, expected = variogram(track), figures["variogram"]
    count = len(expected["lag"])
    np.testing.assert_allclose(found.lag_s[:count], expected["lag"])
    np.testing.assert_allclose(found.semivariance_m2[:count], expected["SVF"], rtol=1e-10)
    np.testing.assert_allclose(found.dof[:count], expected["DOF"])


@pytest.mark.parametrize("name", REAL)
def test_likelihoods_of_real_tracks_are_the_packages(reference_data, name):
    check_likelihoods(*real(reference_data, name))


@pytest.mark.parametrize("name", REAL)
def test_real_tracks_get_the_packages_models_in_its_order(reference_data, name):
    check_selection(*real(reference_data, name))


@pytest.mark.parametrize("name", REAL)
def test_single_fits_of_real_tracks_are_the_packages(reference_data, name):
    check_stated_fits(*real(reference_data, name))


def test_variogram_of_a_jittered_track_is_the_packages_but_for_its_spreading(reference_data):
    """The package spreads each fix over the two times around it, which lowers short lags."""
    track, figures = real(reference_data, "buffalo_Cilla")
    expected = figures["variogram"]
    found = variogram(track, expected["lag"][1])
    at = np.searchsorted(found.lag_s, expected["lag"])
    np.testing.assert_allclose(found.lag_s[at], expected["lag"])
    highest = max(expected["SVF"])
    np.testing.assert_allclose(found.semivariance_m2[at], expected["SVF"], atol=5e-3 * highest)
    np.testing.assert_allclose(found.dof[at][2:], expected["DOF"][2:], rtol=2e-4)
    pairs = np.hypot(np.diff(track.x_m), np.diff(track.y_m)), np.diff(track.times_s)
    near = np.rint(pairs[1] / found.step_s) == 1
    assert found.semivariance_m2[1] == pytest.approx((pairs[0][near] ** 2).mean() / 4, rel=1e-3)
