"""Steps, displacement, passage and daily distance, by hand-made tracks and plain forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.errors import ParameterError, TrackError
from analytics.movement import (
    daily_distance,
    first_passage_time,
    net_squared_displacement,
    residence_time,
    steps,
)
from analytics.track import Track
from tests.analytics import oracles_movement as oracles
from tests.analytics.tracks import track

METRES = st.integers(-1_000_000, 1_000_000).map(lambda mm: mm / 1000) | st.sampled_from([0.0, 1.0])
FIXES = st.lists(st.tuples(METRES, METRES), min_size=2, max_size=50)


def walk(fixes=400, seed=2, step_m=100.0):
    """A random walk with irregular times."""
    rng = np.random.default_rng(seed)
    x_m, y_m = np.cumsum(rng.normal(size=(2, fixes)) * step_m, axis=1)
    return Track(np.cumsum(rng.uniform(600, 4000, fixes)), x_m, y_m)


def straight(fixes=11, speed_mps=1.0, every_s=100.0):
    """East at constant speed."""
    times_s = every_s * np.arange(fixes)
    return Track(times_s, speed_mps * times_s, np.zeros(fixes))


def none_to_nan(values):
    return np.array([np.nan if v is None else v for v in values])


@settings(derandomize=True, deadline=None, max_examples=80)
@given(fixes=FIXES)
def test_steps_agree_with_the_plain_form(fixes):
    x_m, y_m = np.array(fixes).T
    made = track(x_m, y_m)
    found = steps(made)
    plain = list(zip(*oracles.steps(made.times_s, x_m, y_m), strict=True))
    for ours, theirs in zip(
        (found.distance_m, found.duration_s, found.speed_mps, found.absolute_angle_rad),
        plain[:4],
        strict=True,
    ):
        np.testing.assert_allclose(ours, none_to_nan(theirs), rtol=1e-14, atol=1e-15)
    turns = none_to_nan(plain[4])
    assert (np.isnan(found.turning_angle_rad) == np.isnan(turns)).all()
    difference = np.abs(found.turning_angle_rad - turns)  # pi and -pi are one turn
    assert np.nanmax(np.minimum(difference, 2 * np.pi - difference), initial=0) < 1e-14


def test_angles_are_right_all_round_the_circle():
    angle = np.linspace(-np.pi, np.pi, 5001)
    steps_x, steps_y = np.cos(angle), np.sin(angle)
    ways = track(np.cumsum(steps_x) * 2.0**20, np.cumsum(steps_y) * 2.0**20)
    found = steps(ways).absolute_angle_rad
    expected = np.arctan2(np.diff(ways.y_m), np.diff(ways.x_m))
    np.testing.assert_allclose(found, expected, rtol=4e-16, atol=0)


def test_square_turns_left_by_right_angles():
    square = steps(track([0, 1, 1, 0, 0], [0, 0, 1, 1, 0]))
    np.testing.assert_allclose(square.absolute_angle_rad, [0, np.pi / 2, np.pi, -np.pi / 2])
    np.testing.assert_allclose(square.turning_angle_rad[1:], np.pi / 2)
    np.testing.assert_allclose(square.heading_deg, [90, 0, 270, 180])
    assert np.isnan(square.turning_angle_rad[0])


def test_turn_back_is_half_a_turn_with_positive_sign():
    assert steps(track([0, 1, 0], [0, 0, 0])).turning_angle_rad[1] == np.pi


def test_turn_after_standing_still_is_bridged_or_left_out():
    stops = track([0, 1, 1, 1, 1], [0, 0, 0, 0, 1])
    assert steps(stops).turning_angle_rad[3] == pytest.approx(np.pi / 2)
    assert np.isnan(steps(stops, across_stops=False).turning_angle_rad).all()
    assert np.isnan(steps(stops).absolute_angle_rad[1:3]).all()


def test_turning_and_scaling_the_track_leaves_turns_alone():
    here = walk()
    there = Track(here.times_s, 5 - 3 * here.y_m, 7 + 3 * here.x_m)
    np.testing.assert_allclose(steps(there).distance_m, 3 * steps(here).distance_m, rtol=1e-12)
    np.testing.assert_allclose(
        steps(there).turning_angle_rad, steps(here).turning_angle_rad, atol=1e-10
    )


def test_track_backwards_has_turns_reversed():
    here = walk(50)
    back = Track(-here.times_s[::-1], here.x_m[::-1], here.y_m[::-1])
    np.testing.assert_allclose(
        steps(back).turning_angle_rad[1:], -steps(here).turning_angle_rad[:0:-1], atol=1e-12
    )


def test_displacement_starts_at_nothing_and_is_squared():
    assert net_squared_displacement(track([10, 13], [20, 24])).tolist() == [0, 25]


def test_results_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        steps(walk(5)).speed_mps[0] = 1


def test_straight_path_crosses_a_circle_in_its_diameter_over_speed():
    times_s = first_passage_time(straight(speed_mps=2.0), 450.0).times_s[0]
    assert np.isnan(times_s[[0, 1, 2, -1, -2, -3]]).all()
    np.testing.assert_allclose(times_s[3:-3], 2 * 450.0 / 2.0)


@pytest.mark.parametrize("radius_m", [60.0, 300.0, 900.0, 5000.0])
def test_first_passage_agrees_with_the_plain_form(radius_m):
    here = walk()
    args = (here.times_s, here.x_m, here.y_m)
    plain = [oracles.residence_time(*args, k, radius_m, 0.0) for k in range(len(here))]
    found = first_passage_time(here, radius_m).times_s[0]
    np.testing.assert_allclose(found, none_to_nan(plain), rtol=1e-9)


@pytest.mark.parametrize("radius_m", [60.0, 300.0, 900.0])
@pytest.mark.parametrize("away_s", [0.0, 3000.0, 40_000.0, 1e9])
def test_residence_agrees_with_the_plain_form(radius_m, away_s):
    here = walk(300)
    args = (here.times_s, here.x_m, here.y_m)
    plain = [oracles.residence_time(*args, k, radius_m, away_s) for k in range(len(here))]
    found = residence_time(here, radius_m, away_s)
    np.testing.assert_allclose(found, none_to_nan(plain), rtol=1e-9)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(fixes=FIXES, radius_m=st.floats(0.5, 1500), away_s=st.sampled_from([0.0, 1800.0, 20_000.0]))
def test_residence_agrees_on_any_path(fixes, radius_m, away_s):
    x_m, y_m = np.array(fixes).T
    made = track(x_m, y_m)
    plain = [
        oracles.residence_time(made.times_s, x_m, y_m, k, radius_m, away_s)
        for k in range(len(made))
    ]
    found = residence_time(made, radius_m, away_s)
    np.testing.assert_allclose(found, none_to_nan(plain), rtol=1e-6, atol=1e-3)


def test_circle_wider_than_the_track_is_never_crossed():
    passages = first_passage_time(walk(), 1e6)
    assert np.isnan(passages.times_s).all()
    assert np.isnan(passages.log_variance).all()


def test_passage_over_a_long_gap_is_unknown():
    here = straight()
    times_s = here.times_s + 1e6 * (np.arange(11) >= 5)
    gap = Track(times_s, here.x_m, here.y_m)
    assert np.isfinite(first_passage_time(gap, 250.0).times_s[0, 3:-3]).all()
    known = np.isfinite(first_passage_time(gap, 150.0, max_gap_s=200).times_s[0])
    assert known.tolist() == [k in (2, 7, 8) for k in range(11)]
    assert np.isnan(residence_time(gap, 250.0, 0.0, max_gap_s=200)[3:-3]).all()


def test_day_is_cut_at_midnight_of_the_given_clock():
    east = Track([0.0, 2 * 86400.0], [0.0, 2000.0], [0.0, 0.0])
    utc = daily_distance(east)
    assert utc.start_s.tolist() == [0, 86400, 172800]
    np.testing.assert_allclose(utc.distance_m, [1000, 1000, np.nan])
    ahead = daily_distance(east, utc_offset_h=6)
    assert ahead.start_s.tolist() == [-21600, 64800, 151200]
    np.testing.assert_allclose(ahead.distance_m, [750, 1000, 250])
    np.testing.assert_allclose(ahead.covered_s, [64800, 86400, 21600])


def test_long_gap_counts_neither_as_distance_nor_as_covered():
    gap = Track([0.0, 3600.0, 86400.0, 90000.0], [0, 10, 500, 510], [0, 0, 0, 0])
    days = daily_distance(gap, max_gap_s=7200)
    np.testing.assert_allclose(days.distance_m, [10, 10])
    np.testing.assert_allclose(days.covered_s, [3600, 3600])


def test_days_add_up_to_the_whole_path():
    here = walk(2000)
    days = daily_distance(here)
    assert np.nansum(days.distance_m) == pytest.approx(steps(here).distance_m.sum())
    assert days.covered_s.sum() == pytest.approx(here.times_s[-1] - here.times_s[0])


def test_result_tells_how_it_was_made():
    estimate = first_passage_time(walk(10), [10, 20], max_gap_s=3600).estimate
    assert estimate.method == "first-passage time"
    assert estimate.parameters == {"radii_m": [10, 20], "max_gap_s": 3600, "crossing": "path"}
    assert estimate.fixes == 10


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: first_passage_time(t, 0.0), "radii_m is 0.0, expected one or more finite"),
        (lambda t: first_passage_time(t, [10, np.nan]), r"radii_m is \[10, nan\]"),
        (lambda t: first_passage_time(t, []), r"radii_m is \[\]"),
        (lambda t: first_passage_time(t, 10, max_gap_s=0), "max_gap_s is 0"),
        (lambda t: first_passage_time(t, 10, crossing="line"), "crossing is 'line'"),
        (lambda t: residence_time(t, 10, -1), "max_away_s is -1"),
        (lambda t: residence_time(t, -1, 1), "radii_m is -1"),
        (lambda t: daily_distance(t, utc_offset_h=100), "utc_offset_h is 100, expected -24..24"),
        (lambda t: daily_distance(t, max_gap_s=-5), "max_gap_s is -5"),
    ],
)
def test_wrong_argument_is_named(call, message):
    with pytest.raises(ParameterError, match=message):
        call(walk(20))


@pytest.mark.parametrize(
    "call", [steps, daily_distance, lambda t: first_passage_time(t, 1.0)], ids=["1", "2", "3"]
)
def test_single_fix_is_refused(call):
    with pytest.raises(TrackError, match="1 fixes, at least 2 are needed"):
        call(track([0], [0]))


def test_times_in_a_wrong_unit_are_refused():
    with pytest.raises(TrackError, match="times span 115741 days, at most 100000"):
        daily_distance(Track([0.0, 1e10], [0, 1], [0, 1]))
