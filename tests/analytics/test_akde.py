import math

import numpy as np
import pytest

from analytics.ctmm import bandwidth
from analytics.ctmm.fit import fit
from analytics.ctmm.intervals import calibrated_interval
from analytics.ctmm.model import MovementModel
from analytics.ctmm.simulate import simulate
from analytics.errors import GridTooCoarse, ParameterError, SmallSampleWarning, TrackError
from analytics.grid import Grid
from analytics.ranges import akde_bootstrap
from analytics.ranges.akde import _density, autocorrelated_ud
from analytics.ranges.akde_bootstrap import bootstrap_areas
from analytics.track import Track
from tests.analytics import oracles_ctmm as oracles
from tests.analytics.test_ctmm_fit import DAY_S, HOUR_S, TRUTH, drawn
from tests.analytics.test_ctmm_model import KINDS, model
from tests.analytics.tracks import IN_THE_ALPS

TIMES = {
    "regular": HOUR_S * np.arange(150.0),
    "bursts": np.sort(np.random.default_rng(1).lognormal(12, 1.5, 150)),
    "seconds": np.cumsum(np.tile([5.0, 7200.0, 60.0], 50)),
    "gap": np.concatenate((HOUR_S * np.arange(75.0), 1e8 + HOUR_S * np.arange(75.0))),
}


def lowest(function, low, high):
    """Where a function of one number is lowest, by golden section."""
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(80):
        a, b = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, b) if function(a) < function(b) else (a, high)
    return (low + high) / 2


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("kind", KINDS)
def test_bandwidth_has_the_least_error_over_all_pairs(kind, times):
    times_s = TIMES[times]
    found = bandwidth.uniform(times_s, model(kind))

    def error(h2):
        return oracles.error_of_density(model(kind), times_s, found.weights, h2)

    assert found.error == pytest.approx(error(found.h2), rel=1e-6)
    assert found.h2 == pytest.approx(lowest(error, 1e-3, 8.0), rel=1e-4)


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("kind", KINDS)
def test_optimal_weights_meet_the_conditions_of_a_minimum(kind, times):
    times_s = TIMES[times]
    found = bandwidth.optimal(times_s, model(kind))
    lags = np.abs(np.subtract.outer(times_s, times_s))
    slope = found.weights @ (1 / (2 * (found.h2 + 1 - model(kind).autocorrelation(lags))))
    level = float(found.weights @ slope)
    assert found.weights.min() >= 0
    assert found.weights.sum() == pytest.approx(1)
    assert slope.min() > level * (1 - 1e-4)
    np.testing.assert_allclose(slope[found.weights > 1e-6], level, rtol=1e-4)


def test_optimal_weights_lower_the_error():
    times_s = TIMES["bursts"]
    better, plain = (f(times_s, model("OUF")) for f in (bandwidth.optimal, bandwidth.uniform))
    assert better.error < plain.error
    assert better.h2 < plain.h2


def test_independent_fixes_are_their_own_effective_number():
    found = bandwidth.uniform(TIMES["regular"], model("IID"))
    assert found.dof == pytest.approx(150, rel=1e-6)
    assert found.mean_correlation == pytest.approx(1 / 150)


def test_time_scale_and_unit_of_time_are_one():
    wide = MovementModel(60 * 90 * HOUR_S, 60 * HOUR_S, 4e6, 1e6)
    times_s = TIMES["bursts"]
    found = bandwidth.uniform(60 * times_s, wide).h2
    assert found == pytest.approx(bandwidth.uniform(times_s, model()).h2, rel=1e-6)


def test_density_is_the_sum_of_kernels():
    generator = np.random.default_rng(3)
    x_m, y_m = generator.normal(size=(2, 300)) * 900
    weights = generator.uniform(size=300)
    weights /= weights.sum()
    kernel_m2 = np.array([[90_000.0, 40_000.0], [40_000.0, 60_000.0]])
    grid = Grid.around(x_m, y_m, 18.0, 1500.0)
    found = _density(x_m, y_m, weights, kernel_m2, grid)
    exact = oracles.kernel_density(x_m, y_m, weights, kernel_m2, grid.x_m, grid.y_m)
    assert np.abs(found - exact).max() < 3e-4 * exact.max()


def test_density_does_not_come_round_the_grid():
    grid = Grid(0.0, 0.0, 10.0, 60, 50)
    found = _density(np.array([5.0]), np.array([5.0]), np.ones(1), 2500.0 * np.eye(2), grid)
    assert found[-1, -1] < 1e-12 * found.max()


def test_range_is_a_distribution_with_smaller_areas():
    found = autocorrelated_ud(drawn(days=60))
    assert found.inflation > 1.05
    held = found.ud.density_per_m2.sum() * found.ud.grid.cell_area_m2
    assert held == pytest.approx(1, abs=1e-5)
    assert not found.ud.density_per_m2.flags.writeable


@pytest.mark.parametrize("weights", ["uniform", "optimal"])
def test_area_follows_a_moved_turned_and_scaled_track(weights):
    track = drawn(days=40)
    turned = Track(track.times_s + 1e9, 7e5 - 2 * track.y_m, 2 * track.x_m - 3e5)
    before = autocorrelated_ud(track, fit(track), weights).area_km2()
    after = autocorrelated_ud(turned, fit(turned), weights).area_km2()
    assert after.estimate == pytest.approx(4 * before.estimate, rel=1e-3)
    assert after.low == pytest.approx(4 * before.low, rel=1e-3)


def test_sampling_twice_as_often_does_not_narrow_the_range():
    times_s = np.arange(0, 60 * DAY_S, HOUR_S)
    often = simulate(TRUTH, times_s, 5)
    seldom = Track(often.times_s[::4], often.x_m[::4], often.y_m[::4])
    areas = [autocorrelated_ud(t, fit(t)).area_km2() for t in (often, seldom)]
    assert areas[0].estimate == pytest.approx(areas[1].estimate, rel=0.03)
    widths = [area.high / area.low for area in areas]
    assert widths[0] == pytest.approx(widths[1], rel=0.1)


def test_optimal_weights_undo_a_burst_in_one_corner():
    """A hundredfold of fixes within one day must not draw the range there."""
    times_s = np.concatenate((np.arange(0, 40), 40 + np.arange(300) / 300, np.arange(42, 80)))
    track = simulate(TRUTH, times_s * DAY_S / 2, seed=6)
    plain, fair = (autocorrelated_ud(track, fit(track), w) for w in ("uniform", "optimal"))
    burst = slice(40, 340)
    assert plain.weights[burst].sum() > 0.7
    assert fair.weights[burst].sum() < 0.1


def test_telemetry_error_is_taken_out_of_the_range():
    noisy = drawn(days=60, error_m=500.0)
    aware = autocorrelated_ud(noisy, fit(noisy, error_m=500.0)).area_km2().estimate
    blind = autocorrelated_ud(noisy, fit(noisy, "OU")).area_km2().estimate
    truth = autocorrelated_ud(drawn(days=60)).area_km2().estimate
    assert abs(aware - truth) < 0.5 * abs(blind - truth)


def test_areas_lie_on_the_globe():
    track = simulate(TRUTH, np.arange(0, 20 * DAY_S, HOUR_S), 1, projection=IN_THE_ALPS)
    collection = autocorrelated_ud(track).home_range((50, 95)).to_geojson()
    assert [f["properties"]["level_percent"] for f in collection["features"]] == [50, 95]
    assert collection["estimate"]["method"] == "autocorrelated kernel density"
    assert collection["estimate"]["parameters"]["weights"] == "uniform"


def held(model, times_s, interval, tracks=200):
    """Percent of simulated tracks whose interval holds the truth, the model selected for each."""
    hits, truth = 0, model.gaussian_area_km2()
    for seed in range(tracks):
        track = simulate(model, times_s, seed=100_000 * (seed + 1))
        area = autocorrelated_ud(track).area_km2(interval=interval)
        hits += area.low <= truth <= area.high
    return 100 * hits / tracks


@pytest.mark.filterwarnings("ignore::analytics.errors.SmallSampleWarning")
def test_interval_holds_the_truth_as_often_as_it_says():
    """A month of a range crossed in 3 days: hardest of the lengths in the benchmark's study."""
    month = MovementModel(3 * DAY_S, 2 * HOUR_S, 2e6, 2e6, isotropic=True)
    assert 90 <= held(month, np.arange(0, 30 * DAY_S, 2 * HOUR_S), "calibrated") <= 98


def test_intervals_draw_in_on_the_area_with_the_sample_and_the_confidence():
    for dof, confidence in ((1e6, 95), (10, 1e-6)):
        found = calibrated_interval(20.0, dof, confidence)
        assert (found.low, found.high) == pytest.approx((20, 20), rel=0.01)
    wide, narrow = calibrated_interval(20.0, 10, 95), calibrated_interval(20.0, 10, 80)
    assert wide.low < narrow.low < 20 < narrow.high < wide.high


def test_bootstrap_keeps_the_area_as_drawn_with_its_interval_around_it():
    track = drawn(days=15)
    found = autocorrelated_ud(track, fit(track, "OUF", isotropic=True))
    both = bootstrap_areas(track, found, (50, 95), replicates=20, seed=1)
    for isopleth in found.home_range((50, 95)).isopleths:
        one = both[isopleth.level_percent]
        assert one.area_km2.low < one.area_km2.estimate < one.unbiased_km2 < one.area_km2.high
        assert one.area_km2.estimate == isopleth.area_km2
        assert one.ratio < 1
    assert bootstrap_areas(track, found, (95,), replicates=20, seed=1)[95] == both[95]


def test_coarser_cells_of_drawn_tracks_change_their_areas_by_less_than_a_hundredth():
    track = drawn(days=15)
    found = autocorrelated_ud(track, fit(track, "OUF", isotropic=True))
    again = akde_bootstrap._replicate(track, found, seed=3)
    fine = autocorrelated_ud(
        simulate(found.fitted.model, track.times_s, 3), again.fitted
    ).area_km2()
    assert again.area_km2().estimate == pytest.approx(fine.estimate, rel=0.01)


def test_few_crossings_of_a_range_are_told():
    track = simulate(TRUTH, drawn(days=15).times_s[:90], 2)
    with pytest.warns(SmallSampleWarning, match="worth 3.1 independent ranges, fewer than 5"):
        autocorrelated_ud(track, fit(track, "OU", isotropic=True))


@pytest.mark.parametrize("argument", [{"replicates": 3}, {"confidence_percent": 100}])
def test_unusable_calibration_is_named(argument):
    track = drawn(days=15)
    with pytest.raises(ParameterError, match=next(iter(argument))):
        bootstrap_areas(track, autocorrelated_ud(track), **argument)


def test_unknown_interval_is_named():
    found = autocorrelated_ud(drawn(days=60))
    with pytest.raises(ParameterError, match="interval is 'profile'"):
        found.area_km2(interval="profile")


@pytest.mark.parametrize("argument", ["weights", "grid", "fitted"])
def test_unusable_argument_is_named(argument):
    track = drawn(days=15)
    given = {
        "weights": {"weights": "best"},
        "grid": {"grid": Grid(0.0, 0.0, 10.0, 5, 5), "cell_m": 10.0},
        "fitted": {"fitted": fit(drawn(days=16))},
    }
    with pytest.raises(ParameterError) as caught:
        autocorrelated_ud(track, **given[argument])
    assert caught.value.name == argument


def test_cells_wider_than_the_kernel_are_refused():
    with pytest.raises(GridTooCoarse):
        autocorrelated_ud(drawn(days=15), cell_m=50_000.0)


def test_four_fixes_are_refused():
    with pytest.raises(TrackError, match="at least 5"):
        autocorrelated_ud(Track([0, 1, 2, 3], [0, 1, 0, 1], [0, 0, 1, 1]))
