"""Elliptical time density against integrals over speeds, and what its definition demands."""

import math

import numpy as np
import pytest
from scipy.stats import weibull_min

from analytics.errors import GridTooLarge, ParameterError, SparseTrackWarning, TrackError
from analytics.grid import Grid
from analytics.kernels.etd import speed_table, time_density
from analytics.ranges.etd import SpeedDistribution, elliptical_ud, fit_speeds
from analytics.ranges.isopleth import home_range
from analytics.track import Track
from tests.analytics import oracles_ranges as oracles
from tests.analytics.tracks import cloud, ring, track
from tests.analytics.walks import walk

WIDE = pytest.mark.filterwarnings("ignore:.*further off than its fixes spread")


def wander(fixes=60, seed=1, step_m=100.0):
    """A walk of independent steps, an hour each."""
    steps = np.random.default_rng(seed).normal(size=(2, fixes)) * step_m
    return track(*np.cumsum(steps, axis=1))


def one_step(one, other, shape, highest=10.0, size=(31, 33), scale=3.0):
    """Time density of one step of unit duration, in cells, on a grid."""
    table, out = np.empty((64, 256)), np.zeros(size)
    speed_table(shape, scale, highest, table)
    x, y = (np.array([a, b], float) for a, b in zip(one, other, strict=True))
    seconds = time_density(
        x, y, np.array([0.0, 1.0]), 1.0, shape, scale, highest, math.inf, table, out
    )
    assert seconds == 1
    return out


@pytest.mark.parametrize("shape", [0.8, 1.0, 2.0, 3.5])
@pytest.mark.parametrize(
    ("one", "other"),
    [((15.2, 14.9), (15.2, 14.9)), ((13.1, 14.3), (18.4, 16.2)), ((16, 10), (16, 16.5))],
)
def test_one_step_agrees_with_the_integral_over_speeds(shape, one, other):
    found = one_step(one, other, shape)
    rows, columns = found.shape
    nodes = [(i, j) for j in range(rows) for i in range(columns)]
    plain = oracles.elliptical_density(one, other, 1.0, shape, 3.0, 10.0, nodes)
    plain = np.reshape(plain, found.shape) / np.sum(plain)
    np.testing.assert_allclose(found, plain, rtol=0, atol=5e-3 * plain.max())


def test_sum_over_nodes_is_the_part_of_speeds():
    one, other = (14.0, 15.0), (17.3, 15.4)
    nodes = [(i / 4 + 0.1, j / 4 + 0.05) for j in range(130) for i in range(130)]
    plain = oracles.elliptical_density(one, other, 1.0, 2.0, 3.0, 10.0, nodes, soft=0.02)
    slower = math.exp(-((math.dist(one, other) / 3) ** 2))
    assert sum(plain) / 16 == pytest.approx(slower - math.exp(-((10 / 3) ** 2)), rel=0.01)


def test_step_across_the_border_keeps_its_density_inside():
    inside = one_step((20, 20), (24, 22), 2.0, highest=16.0, size=(60, 60), scale=6.0)
    cut = one_step((5, 3), (9, 5), 2.0, highest=16.0, size=(60, 60), scale=6.0)
    kept = inside[17:, 15:]
    np.testing.assert_allclose(cut[: kept.shape[0], : kept.shape[1]], kept, rtol=1e-9)
    assert inside.sum() == pytest.approx(1) and cut.sum() < 0.999


def test_ellipse_wider_than_the_grid_keeps_its_density_inside():
    # the integral over the plane stands for the sum over nodes that are never visited
    inside = one_step((200, 200), (203, 201), 1.2, highest=199.0, size=(400, 400), scale=60.0)
    cut = one_step((50, 50), (53, 51), 1.2, highest=199.0, size=(100, 100), scale=60.0)
    np.testing.assert_allclose(cut, inside[150:250, 150:250], rtol=5e-3)
    assert cut.sum() < 0.97


def test_step_between_nodes_is_shared_out_to_four():
    found = one_step((3.25, 4.5), (3.25, 4.5), 2.0, highest=0.1)
    assert found[4:6, 3:5].tolist() == [[0.375, 0.125], [0.375, 0.125]]
    assert found.sum() == 1


def test_step_outside_the_grid_adds_nothing():
    assert not one_step((-300, -300), (-304, -300), 2.0).any()
    assert not one_step((-300, -300), (-300, -300), 2.0, highest=0.1).any()


@WIDE
def test_every_step_counts_by_its_duration():
    made = Track([0, 1e3, 1.1e4, 1.2e4, 1.3e4], [0, 1e3, 1e3, 9e3, 9e3], [0, 0, 5, 0, 9])
    ud = elliptical_ud(made, highest_mps=9.0, cell_m=100.0, margin_m=50_000.0)
    assert ud.density_per_m2.sum() * ud.grid.cell_area_m2 == pytest.approx(1, abs=1e-3)
    assert ud.estimate.parameters["seconds"] == 1.3e4


def test_long_gaps_are_left_out_on_request():
    here = wander()
    later = Track(
        np.append(here.times_s, here.times_s[-1] + 30 * 86_400),
        np.append(here.x_m, 50_000.0),
        np.append(here.y_m, 0.0),
    )
    speeds = fit_speeds(here)
    grid = Grid.around(here.x_m, here.y_m, 50.0, 1000.0)
    without = elliptical_ud(later, speeds, highest_mps=0.2, grid=grid, max_gap_s=86_400)
    expected = elliptical_ud(here, speeds, highest_mps=0.2, grid=grid)
    np.testing.assert_allclose(without.density_per_m2, expected.density_per_m2, rtol=1e-12)


def test_default_grid_holds_the_time_and_the_range():
    made = wander(fixes=300)
    ud = elliptical_ud(made)
    assert ud.density_per_m2.sum() * ud.grid.cell_area_m2 == pytest.approx(1, abs=1e-4)
    half, most = home_range(ud, (50, 95)).isopleths
    assert 0 < half.area_grid_km2 < most.area_grid_km2
    assert most.area_km2 == pytest.approx(most.area_grid_km2, rel=0.03)


def test_density_moves_turns_and_scales_with_the_track():
    here = wander()
    before = elliptical_ud(here).density_per_m2
    peak = before.max()
    moved = elliptical_ud(track(here.x_m + 7e5, here.y_m + 3e6)).density_per_m2
    turned = elliptical_ud(track(-here.y_m, here.x_m)).density_per_m2
    scaled = elliptical_ud(track(8 * here.x_m, 8 * here.y_m)).density_per_m2
    np.testing.assert_allclose(moved, before, rtol=0, atol=1e-6 * peak)
    np.testing.assert_allclose(turned, np.rot90(before, -1), rtol=0, atol=1e-6 * peak)
    np.testing.assert_allclose(64 * scaled, before, rtol=0, atol=1e-6 * peak)


def test_time_run_backwards_gives_the_same_density():
    here = wander()
    back = elliptical_ud(track(here.x_m[::-1].copy(), here.y_m[::-1].copy())).density_per_m2
    expected = elliptical_ud(here).density_per_m2
    np.testing.assert_allclose(back, expected, rtol=0, atol=1e-9 * expected.max())


@pytest.mark.parametrize("fixes", [40, 3000])
def test_fitted_speeds_are_the_most_likely_ones(fixes):
    made = wander(fixes=fixes)
    speeds = np.hypot(np.diff(made.x_m), np.diff(made.y_m)) / 3600
    shape, _, scale = weibull_min.fit(speeds, floc=0)
    found = fit_speeds(made)
    assert (found.shape, found.scale_mps) == pytest.approx((shape, scale), rel=1e-3)
    likelihoods = [
        weibull_min.logpdf(speeds, a * found.shape, scale=b * found.scale_mps).sum()
        for a, b in ((1, 1), (1.001, 1), (0.999, 1), (1, 1.001), (1, 0.999))
    ]
    assert np.argmax(likelihoods) == 0


def test_quantile_of_speeds_is_weibulls():
    speeds = SpeedDistribution(1.7, 0.4)
    assert speeds.quantile_mps(90) == pytest.approx(weibull_min.ppf(0.9, 1.7, scale=0.4))


def test_steady_speed_is_answered():
    # no spread of speeds: the steepest distribution, and a range around the way
    ud = elliptical_ud(ring())
    assert ud.density_per_m2.sum() * ud.grid.cell_area_m2 == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"highest_mps": 0.01}, "highest_mps is 0.01, expected more than the fastest step's 0.0"),
        ({"highest_mps": float("nan")}, "highest_mps is nan, expected a finite number above 0"),
        ({"max_gap_s": 0.0}, "max_gap_s is 0.0"),
        ({"cell_m": -5.0}, "cell_m is -5.0"),
        ({"grid": Grid(0, 0, 10, 5, 5), "margin_m": 5}, "expected no grid where cell_m"),
    ],
)
def test_wrong_argument_is_named(arguments, message):
    with pytest.raises(ParameterError) as caught:
        elliptical_ud(wander(), **arguments)
    assert message in str(caught.value)


def test_wrong_speeds_are_named():
    with pytest.raises(ParameterError, match="shape is 0, expected a finite number above 0"):
        SpeedDistribution(0, 1)
    with pytest.raises(ParameterError, match="percent is 100"):
        SpeedDistribution(1, 1).quantile_mps(100)


def test_unusable_tracks_are_refused():
    with pytest.raises(TrackError, match="4 fixes, at least 5 are needed"):
        elliptical_ud(cloud(fixes=4))
    with pytest.raises(TrackError, match="all steps take longer than 60 s"):
        elliptical_ud(wander(), max_gap_s=60.0)
    with pytest.raises(TrackError, match="2 steps with a displacement, at least 3"):
        fit_speeds(track([0, 0, 5, 5, 9], [0, 0, 0, 0, 0]))
    with pytest.raises(GridTooLarge):
        elliptical_ud(wander(), cell_m=0.001)


def test_range_made_of_one_long_gap_is_told_with_its_remedy():
    here = walk(fixes=60)
    times_s = here.times_s + np.where(np.arange(60) < 30, 0.0, 86_400.0)
    gappy = Track(times_s, here.x_m, here.y_m)
    with pytest.warns(SparseTrackWarning, match=r"leave them out with max_gap_s below 87000"):
        wide = home_range(elliptical_ud(gappy, cell_m=20.0), (90,)).isopleths[0]
    narrow = home_range(elliptical_ud(gappy, cell_m=20.0, max_gap_s=3600.0), (90,)).isopleths[0]
    assert wide.area_km2 > 5 * narrow.area_km2
