import contextlib

import numpy as np
import pytest

from analytics.ctmm.fit import fit
from analytics.ctmm.likelihood import log_likelihood
from analytics.ctmm.model import MovementModel
from analytics.ctmm.select import select
from analytics.ctmm.simulate import simulate
from analytics.errors import FitError, NoRangeError, ParameterError, TrackError
from analytics.track import Track
from tests.analytics.tracks import track as hourly

HOUR_S, DAY_S = 3600.0, 86400.0
TRUTH = MovementModel(DAY_S, 2 * HOUR_S, 4e6, 1e6, 0.5, mean_x_m=1e3, mean_y_m=-2e3)


def drawn(days=200, seed=1, model=TRUTH, error_m=None, step_s=2 * HOUR_S):
    return simulate(model, np.arange(0, days * DAY_S, step_s), seed, error_m)


def test_long_track_gives_its_model_back():
    found = fit(drawn(days=800)).model
    assert found.tau_position_s == pytest.approx(TRUTH.tau_position_s, rel=0.15)
    assert found.tau_velocity_s == pytest.approx(TRUTH.tau_velocity_s, rel=0.1)
    np.testing.assert_allclose(found.covariance_m2, TRUTH.covariance_m2, atol=4e5)
    assert found.mean_x_m == pytest.approx(TRUTH.mean_x_m, abs=300)


@pytest.mark.parametrize("isotropic", [True, False])
@pytest.mark.parametrize("process", ["IID", "OU", "OUf", "OUF"])
def test_no_neighbouring_parameters_are_likelier(process, isotropic):
    track = drawn(days=60)
    fitted = fit(track, process, isotropic, "ML")
    best, model = fitted.log_likelihood, fitted.model
    for factor in (0.97, 1.03):
        both = {
            name: factor * getattr(model, name)
            for name in ("tau_position_s", "tau_velocity_s", "major_m2", "minor_m2")
        }
        moved = [
            {"major_m2": both["major_m2"], "minor_m2": both["minor_m2"]},
            {"tau_position_s": both["tau_position_s"], "tau_velocity_s": both["tau_velocity_s"]},
        ]
        for change in moved:
            values = {
                "tau_position_s": model.tau_position_s,
                "tau_velocity_s": model.tau_velocity_s,
                "major_m2": model.major_m2,
                "minor_m2": model.minor_m2,
                "angle_rad": model.angle_rad,
                "isotropic": isotropic,
            }
            assert log_likelihood(track, MovementModel(**(values | change))) <= best + 1e-9


def test_restricted_fit_has_the_larger_restricted_likelihood():
    track = drawn(days=20)
    by_method = {m: fit(track, "OUF", True, m).model for m in ("ML", "pHREML", "REML")}
    restricted = {m: log_likelihood(track, f, restricted=True) for m, f in by_method.items()}
    assert restricted["REML"] >= restricted["pHREML"] > restricted["ML"]
    assert by_method["REML"].major_m2 > by_method["ML"].major_m2


def test_telemetry_error_is_not_taken_for_movement():
    track = drawn(days=100, error_m=300.0)
    found = fit(track, error_m=300.0).model
    assert found.tau_velocity_s == pytest.approx(TRUTH.tau_velocity_s, rel=0.25)
    with pytest.raises(FitError, match="tau_velocity_s runs to 0"):
        fit(track)


def test_error_of_next_to_nothing_changes_nothing():
    track = drawn(days=60)
    exact, nearly = fit(track, "OUF"), fit(track, "OUF", error_m=1e-3)
    assert nearly.model.tau_position_s == pytest.approx(exact.model.tau_position_s, rel=1e-4)
    assert nearly.area_dof == pytest.approx(exact.area_dof, rel=1e-3)
    assert nearly.aicc == pytest.approx(exact.aicc, abs=1e-2)


@pytest.mark.parametrize("error_m", [None, 50.0])
def test_fit_follows_a_turned_and_scaled_track(error_m):
    track, scale = drawn(days=60, error_m=error_m), 3.0
    turned = Track(track.times_s - 1e8, 2e5 - scale * track.y_m, scale * track.x_m)
    before = fit(track, "OUF", error_m=error_m)
    after = fit(turned, "OUF", error_m=None if error_m is None else scale * error_m)
    assert after.model.tau_velocity_s == pytest.approx(before.model.tau_velocity_s, rel=1e-4)
    assert after.model.major_m2 == pytest.approx(9 * before.model.major_m2, rel=1e-4)
    turn = (after.model.angle_rad - before.model.angle_rad - np.pi / 2) % np.pi
    assert min(turn, np.pi - turn) < 1e-3
    assert after.area_dof == pytest.approx(before.area_dof, rel=1e-3)


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        (TRUTH, "OUF anisotropic"),
        (MovementModel(DAY_S, 0.0, 4e6, 4e6, isotropic=True), "OU"),
        (MovementModel(0.0, 0.0, 4e6, 1e6), "IID anisotropic"),
        (MovementModel(6 * HOUR_S, 6 * HOUR_S, 4e6, 1e6), "OUf anisotropic"),
    ],
)
def test_selection_finds_the_process(truth, expected):
    selection = select(drawn(days=150, model=truth))
    assert selection.best.model.name == expected
    assert selection.delta_aicc[expected] == 0
    assert min(selection.delta_aicc.values()) == 0


def test_process_that_left_no_sign_is_refused_by_name():
    scattered = drawn(model=MovementModel(0.0, 0.0, 4e6, 4e6, isotropic=True))
    refused = select(scattered).refused
    assert "OUf" in refused
    assert "holds no sign of it" in refused["OUf"]
    with pytest.raises(FitError, match="OUf cannot be fitted"):
        fit(scattered, "OUf", isotropic=True)


def test_animal_on_the_way_has_no_range():
    steady = hourly(1000.0 * np.arange(200.0), np.random.default_rng(1).normal(0, 5, 200))
    with pytest.raises(NoRangeError, match="no range to see"):
        fit(steady, "OU", isotropic=True)
    with pytest.raises(NoRangeError, match="no range to see"):
        select(steady)


@pytest.mark.parametrize("fixes", [5, 6, 8, 12])
def test_few_fixes_give_a_model_or_a_reason(fixes):
    track = drawn(days=200)
    few = Track(track.times_s[:fixes], track.x_m[:fixes], track.y_m[:fixes])
    with contextlib.suppress(FitError):
        assert select(few).best.area_dof > 0


def test_ten_years_with_gaps_are_fitted():
    times_s = np.concatenate((np.arange(0, 3000), np.arange(40_000, 43_000))) * 2 * HOUR_S
    found = fit(simulate(TRUTH, times_s, seed=3), "OUF")
    assert found.model.tau_velocity_s == pytest.approx(TRUTH.tau_velocity_s, rel=0.1)
    assert found.area_dof > 100


def test_intervals_hold_their_estimates():
    for name, interval in fit(drawn(days=60)).intervals(90).items():
        assert 0 < interval.low < interval.estimate < interval.high, name
        assert interval.confidence_percent == 90


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (([1.0] * 4, [2.0] * 4), "at least 5"),
        (([1.0] * 9, [2.0] * 9), "equal"),
        ((list(range(9)), list(range(9))), "one line"),
    ],
)
def test_fixes_without_spread_are_refused(points, reason):
    with pytest.raises(TrackError, match=reason):
        select(hourly(*points))


@pytest.mark.parametrize(
    "argument",
    [{"process": "BM"}, {"method": "OLS"}, {"error_m": -1.0}],
    ids=lambda a: next(iter(a)),
)
def test_unknown_argument_is_named(argument):
    with pytest.raises(ParameterError) as caught:
        fit(drawn(days=5), **argument)
    assert caught.value.name in argument


def test_result_says_how_it_was_made():
    estimate = fit(drawn(days=20), "OU", isotropic=True, method="ML").estimate
    assert estimate.parameters == {"model": "OU", "fit": "ML", "telemetry_error": False}
    assert estimate.fixes == 240


def test_round_range_has_an_anisotropic_fit():
    ring = 1000 * np.exp(2j * np.pi * np.arange(40) * 7 / 40)
    fitted = fit(hourly(ring.real, ring.imag), "IID", isotropic=False)
    assert fitted.model.minor_m2 == pytest.approx(fitted.model.major_m2, rel=1e-6)
    assert fitted.area_dof == pytest.approx(39, rel=0.01)


def test_scatter_within_telemetry_error_is_refused():
    still = hourly(*np.random.default_rng(1).normal(size=(2, 50)))
    with pytest.raises(FitError, match="telemetry error explains it all"):
        select(still, error_m=100.0)
