"""A turned, scaled and moved track has the same answers, turned, scaled and moved."""

import numpy as np
import pytest

from analytics.clean import Rules, flag_fixes
from analytics.contacts import find_contacts
from analytics.grid import Grid
from analytics.kernels.akde import bin_linear, lag_moments, lag_product, lag_solve
from analytics.kernels.bandwidth import squared_deviations
from analytics.kernels.kde import share_out
from analytics.movement import (
    daily_distance,
    first_passage_time,
    net_squared_displacement,
    residence_time,
)
from analytics.ranges.bandwidth import cross_validate, plug_in_bandwidth
from analytics.ranges.kde import kernel_ud
from analytics.track import Track
from tests.analytics.oracles_ranges import shared_out
from tests.analytics.walks import walk

SCALE = 4.0  # a power of two: nothing is rounded


def turned(track):
    """A quarter turn, four times the size, elsewhere."""
    return Track(track.times_s, 7e5 - SCALE * track.y_m, SCALE * track.x_m - 3e5)


LENGTHS = {
    "daily distance": lambda t, s: daily_distance(t).distance_m / s,
    "net squared displacement": lambda t, s: net_squared_displacement(t) / s**2,
    "first passage": lambda t, s: first_passage_time(t, s * np.array([60.0, 200.0])).times_s,
    "residence": lambda t, s: residence_time(t, s * 150.0, 3600.0),
    "plug-in": lambda t, s: plug_in_bandwidth(t.x_m, t.y_m) / s,
    "cross-validation": lambda t, s: cross_validate(t.x_m, t.y_m).scores_per_m2 * s**2,
    "flags": lambda t, s: flag_fixes(
        t.times_s,
        t.x_m,
        t.y_m,
        None,
        Rules(
            far_median_m=s * 120.0,
            far_mean_m=s * 90.0,
            spike_speed_mps=s * 0.08,
            spike_cosine=-0.5,
            max_speed_mps=s * 0.13,
        ),
    ).values.astype(float),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_answers_follow_a_turned_scaled_and_moved_track(name):
    here = walk(fixes=300)
    before, after = LENGTHS[name](here, 1.0), LENGTHS[name](turned(here), SCALE)
    np.testing.assert_allclose(after, before, rtol=1e-6, atol=1e-6)
    assert np.nanstd(before) > 0 or np.size(before) == 1


def test_paraboloids_follow_a_turned_scaled_and_moved_track():
    here, far = walk(fixes=300), turned(walk(fixes=300))
    grid = Grid(-2000.0, -1500.0, 25.0, 160, 120)
    other = Grid(
        7e5 - SCALE * grid.y_m[-1], SCALE * grid.x0_m - 3e5, SCALE * 25.0, grid.rows, grid.columns
    )
    before = kernel_ud(here, 200.0, grid=grid, kernel="epanechnikov").density_per_m2
    after = kernel_ud(far, SCALE * 200.0, grid=other, kernel="epanechnikov").density_per_m2
    assert before.max() > 0
    np.testing.assert_allclose(SCALE**2 * after, before.T[:, ::-1], rtol=1e-6, atol=1e-15)


def test_contacts_follow_two_turned_scaled_and_moved_tracks():
    one, other = walk(fixes=300, seed=1), walk(fixes=300, seed=2)
    before = find_contacts(one, other, 300.0, 60.0)
    after = find_contacts(turned(one), turned(other), SCALE * 300.0, 60.0)
    assert after.contact.tolist() == before.contact.tolist()
    assert 0 < before.contact.sum() < 300
    np.testing.assert_allclose(after.distance_m, SCALE * before.distance_m, rtol=1e-6)


def test_sums_over_lags_are_those_of_any_clock():
    times_s = np.cumsum(np.random.default_rng(1).lognormal(0, 1.5, 60))
    rates, amounts, vector = np.array([0.01, 2.0]), np.array([0.5, 0.5]), np.sin(times_s)
    found = []
    for unit, start in ((1.0, 0.0), (64.0, 1e5)):
        moments, product, solution = np.empty(2), np.empty(60), np.empty(60)
        clock = unit * times_s + start
        lag_moments(clock, vector, rates / unit, moments)
        lag_product(clock, vector, rates / unit, amounts, 1.5, product)
        lag_solve(clock, rates / unit, amounts, 1.5, 1e-12, 16, solution)
        found.append(np.concatenate((moments, product, solution)))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6, atol=1e-9)


def test_fixes_are_shared_out_as_by_hand_with_weights_and_without():
    generator = np.random.default_rng(4)
    x_m, y_m = generator.uniform(-20, 160, size=(2, 80))
    whole, weighted = np.zeros((9, 12)), np.zeros((9, 12))
    outside = share_out(x_m, y_m, 0.0, 0.0, 12.5, whole)
    bin_linear(x_m, y_m, np.full(80, 0.25), 0.0, 0.0, 12.5, weighted)
    expected, left_out = shared_out(x_m, y_m, 12.5, 9, 12)
    assert outside == left_out > 0
    np.testing.assert_allclose(whole, expected, atol=1e-12)
    np.testing.assert_allclose(4 * weighted, expected, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000, 1001])
def test_squared_deviations_are_numpys_far_from_zero_and_near(size):
    values = np.random.default_rng(size).normal(size=size)
    for origin in (0.0, 5e6):
        expected = size * np.var(values + origin)
        assert squared_deviations(values + origin) == pytest.approx(expected, rel=1e-7, abs=1e-9)
