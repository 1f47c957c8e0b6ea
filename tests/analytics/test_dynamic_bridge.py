import numpy as np
import pytest

from analytics.errors import (
    GridTooCoarse,
    ParameterError,
    SparseTrackWarning,
    TrackError,
    TrackTooSparse,
)
from analytics.ranges.bridges import brownian_bridge_ud, motion_variance
from analytics.ranges.dynamic_bridge import dynamic_bridge_ud, dynamic_motion_variance
from analytics.track import Track
from tests.analytics import oracles_bridges as oracles
from tests.analytics.walks import independent, uneven_walk, walk

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*are left out at the ends"
)  # most tracks here are short


def test_variances_agree_with_a_plain_search_in_every_window():
    track, error_m = uneven_walk(fixes=40), np.linspace(3, 9, 40)
    found = dynamic_motion_variance(track, error_m, window=13, margin=5)
    expected = oracles.window_rates(track, error_m, window=13, margin=5)
    np.testing.assert_allclose(found.variance_m2_per_s, expected, rtol=1e-5)


def test_windows_are_counted_from_both_ends():
    windows = dynamic_motion_variance(walk(fixes=60), 5.0).windows
    assert windows[:20].tolist() == [0] * 10 + list(range(1, 11))
    assert windows[::-1].tolist() == windows.tolist()


def test_change_of_behaviour_is_found_where_it_is():
    found = dynamic_motion_variance(uneven_walk(fixes=120), 0.5)
    breaks = found.breaks[found.breaks >= 0]
    assert np.median(breaks) == pytest.approx(60, abs=2)
    before, after = found.variance_m2_per_s[20:50], found.variance_m2_per_s[70:100]
    assert before.max() < 1.0 < 5.0 < after.min()


def test_even_walk_has_one_variance_everywhere():
    track = walk(fixes=2000, rate_m2_per_s=2.0, error_m=0.1)
    found = dynamic_motion_variance(track, 0.1, window=201, margin=11)
    rates = found.variance_m2_per_s[found.complete]
    assert rates.mean() == pytest.approx(motion_variance(track, 0.1).variance_m2_per_s, rel=0.05)


def test_slow_animals_are_not_bounded():
    track = uneven_walk(fixes=80)
    small = Track(track.times_s, track.x_m / 1000, track.y_m / 1000)
    found = dynamic_motion_variance(small, 0.002).variance_m2_per_s
    once = dynamic_motion_variance(track, 2.0).variance_m2_per_s
    np.testing.assert_allclose(1e6 * found, once, rtol=1e-6)


def test_turning_and_moving_changes_no_variance():
    here = uneven_walk()
    there = Track(here.times_s + 1e6, -here.y_m + 4000, here.x_m - 9000)
    np.testing.assert_allclose(
        dynamic_motion_variance(there, 5.0).variance_m2_per_s,
        dynamic_motion_variance(here, 5.0).variance_m2_per_s,
        rtol=1e-6,
    )


def test_density_of_an_even_walk_is_that_of_plain_bridges():
    track = walk(fixes=400, error_m=1.0)
    dynamic = dynamic_bridge_ud(track, 5.0, window=301, margin=151 - 4, cell_m=10.0)
    first = int(dynamic_motion_variance(track, 5.0, 301, 147).complete.argmax())
    inner = slice(first, 400 - first)
    part = Track(track.times_s[inner], track.x_m[inner], track.y_m[inner])
    plain = brownian_bridge_ud(part, 5.0, grid=dynamic.grid)
    shared = np.minimum(dynamic.density_per_m2, plain.density_per_m2).sum() * 100
    assert shared > 0.95


def test_grid_holds_the_whole_volume():
    found = dynamic_bridge_ud(uneven_walk(fixes=100), 5.0)
    assert found.density_per_m2.sum() * found.grid.cell_area_m2 == pytest.approx(1, abs=1e-5)


def test_convention_of_move_has_volume_one_and_another_step():
    track = uneven_walk(fixes=100)
    exact = dynamic_bridge_ud(track, 5.0)
    theirs = dynamic_bridge_ud(track, 5.0, grid=exact.grid, convention="move")
    assert theirs.density_per_m2.sum() * exact.grid.cell_area_m2 == pytest.approx(1)
    difference = np.abs(theirs.density_per_m2 - exact.density_per_m2).max()
    assert difference < 0.05 * exact.density_per_m2.max()
    assert theirs.estimate.parameters["support_sd"] == 4.1


def test_result_tells_how_it_was_made():
    estimate = dynamic_bridge_ud(uneven_walk(fixes=100), 5.0).estimate
    assert estimate.method == "dynamic Brownian bridge"
    assert (estimate.parameters["window"], estimate.parameters["margin"]) == (31, 11)
    assert estimate.parameters["bridges"] == 99 - 2 * 19


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"window": 30}, "window is 30, expected an odd number of fixes, at least 7"),
        ({"margin": 10}, "margin is 10, expected an odd number of fixes, 3..15"),
        ({"margin": 17}, "margin is 17"),
        ({"margin": 1}, "margin is 1"),
        ({"convention": "moves"}, "convention is 'moves'"),
        ({"error_m": 0.0}, "error_m is 0.0"),
    ],
)
def test_wrong_argument_is_named(arguments, message):
    with pytest.raises(ParameterError) as caught:
        dynamic_bridge_ud(uneven_walk(), **{"error_m": 5.0} | arguments)
    assert message in str(caught.value)


def test_track_shorter_than_a_window_is_refused():
    with pytest.raises(TrackError, match="30 fixes, at least 31 are needed for one window"):
        dynamic_motion_variance(walk(fixes=30), 5.0)


def test_track_without_complete_windows_is_refused():
    with pytest.raises(TrackError, match="no bridge is reached by all windows: 40 fixes"):
        dynamic_bridge_ud(walk(fixes=39), 5.0)


def test_forty_fixes_are_enough():
    assert dynamic_bridge_ud(walk(fixes=40), 5.0).estimate.parameters["bridges"] == 1


def test_independent_fixes_are_refused():
    with pytest.raises(TrackTooSparse, match="too sparse for bridges"):
        dynamic_bridge_ud(independent(), 20.0)


def test_coarse_cells_are_refused():
    with pytest.raises(GridTooCoarse, match="a tenth of the time lies in narrower bridges"):
        dynamic_bridge_ud(walk(), 5.0, cell_m=500.0)


def test_what_is_left_out_at_the_ends_is_told_and_dated():
    short = walk(fixes=100)
    with pytest.warns(SparseTrackWarning, match="38 of 99 bridges, 38.4 % of the time, are left"):
        made = dynamic_bridge_ud(short, 5.0).estimate
    assert (made.fixes, made.from_time_s, made.to_time_s) == (62, 19 * 600.0, 80 * 600.0)
    assert made.parameters["time_used_percent"] == pytest.approx(100 * 61 / 99)
