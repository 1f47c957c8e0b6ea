import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.ranges.isopleth import isopleth
from analytics.ranges.kde import kernel_ud
from analytics.track import Track as AnalyticsTrack
from hardware.twin import Ibex, ScenarioError, Track
from hardware.twin.landscape import distance_m, elevation_m, metres_per_degree
from hardware.twin.scenario import START_UTC_S, ibexes

DAY_S = 86_400


def in_metres(animal, times_s):
    per_lat_m, per_lon_m = metres_per_degree(animal.home[0])
    places = np.array([animal.position(t)[:2] for t in times_s])
    return (places[:, 1] - animal.home[1]) * per_lon_m, (places[:, 0] - animal.home[0]) * per_lat_m


def test_position_does_not_depend_on_the_order_of_questions():
    one, other = Ibex(seed=4), Ibex(seed=4)
    times_s = [5 * DAY_S + 17.0, 3.0, 40 * DAY_S, 5 * DAY_S]
    forwards = [(*one.position(t), one.activity(t)) for t in times_s]
    backwards = [(*other.position(t), other.activity(t)) for t in reversed(times_s)]
    assert forwards == backwards[::-1]


def test_another_seed_is_another_animal():
    assert Ibex(seed=1).position(DAY_S) != Ibex(seed=2).position(DAY_S)


def test_spread_of_a_long_track_is_the_stationary_distribution():
    animal = Ibex(seed=8, axis_deg=0.0)
    x_m, y_m = in_metres(animal, np.arange(0, 2000 * DAY_S, 7200.0))
    assert x_m.std() == pytest.approx(animal.sigma_m[0], rel=0.1)
    assert y_m.std() == pytest.approx(animal.sigma_m[1], rel=0.1)
    assert abs(x_m.mean()) < 60 and abs(y_m.mean()) < 60


def test_autocorrelation_of_position_falls_over_a_day():
    animal = Ibex(seed=3, axis_deg=0.0)
    x_m, _ = in_metres(animal, np.arange(0, 1000 * DAY_S, DAY_S / 4))
    same = np.corrcoef(x_m[:-4], x_m[4:])[0, 1]
    assert same == pytest.approx(math.exp(-1.0), abs=0.1)  # tau_position_s is one day


@pytest.mark.parametrize("seed", range(4))
def test_home_range_of_a_month_is_that_of_an_ibex(seed):
    animal = ibexes(seed, 3)[seed % 3]
    times_s = np.arange(0, 30 * DAY_S, 7200.0)
    places = np.array([animal.position(t)[:2] for t in times_s])
    track = AnalyticsTrack.from_geographic(times_s + START_UTC_S, places[:, 0], places[:, 1])
    assert 3.0 < isopleth(kernel_ud(track), 95).area_km2 < 12.0
    assert 3.0 < animal.area95_km2 < 10.0


def test_activity_peaks_at_dawn_and_dusk():
    animal = Ibex(seed=1)
    shift_h = animal.home[1] / 15.0
    hours = [
        np.mean([animal.activity(d * DAY_S + ((h - shift_h) % 24) * 3600) for d in range(120)])
        for h in range(24)
    ]
    assert min(hours[6], hours[7], hours[18]) > 1.5 * max(hours[0], hours[12])


def test_mean_activity_is_the_mean_of_activity():
    animal = Ibex(seed=6)
    mean = np.mean([animal.activity(t) for t in range(0, 200 * DAY_S, 1800)])
    assert mean == pytest.approx(animal.mean_activity, rel=0.03)


def test_animal_moves_more_while_active():
    animal = Ibex(seed=2)
    times_s = np.arange(0, 60 * DAY_S, 600.0)
    places = [animal.position(t) for t in times_s]
    steps = np.array([distance_m(a, b) for a, b in pairwise(places)])
    active = np.array([animal.activity(t + 300) for t in times_s[:-1]])
    assert steps[active > 0.5].mean() > 3 * steps[active < 0.1].mean()


def test_a_walk_has_a_goats_speed():
    animal = Ibex(seed=2)
    places = [animal.position(t) for t in np.arange(0, 30 * DAY_S, 600.0)]
    steps = [distance_m(a, b) for a, b in pairwise(places)]
    assert 1500 < sum(steps) / 30 < 8000
    assert max(steps) / 600 < 2.0


@given(st.floats(45.0, 48.0), st.floats(8.0, 12.0))
@settings(derandomize=True, max_examples=50)
def test_landscape_stays_alpine(lat_deg, lon_deg):
    assert 1500 <= elevation_m(lat_deg, lon_deg) <= 3100


def test_metres_per_degree_match_the_ellipsoid():
    per_lat_m, per_lon_m = metres_per_degree(45.0)  # standard values of WGS 84
    assert per_lat_m == pytest.approx(111_131.7, abs=1)
    assert per_lon_m == pytest.approx(78_846.8, abs=1)


def test_track_is_exact_at_its_points_and_linear_between():
    track = Track([0, 100, 300], [46.0, 46.1, 46.1], [10.0, 10.0, 10.2], [2000, 2100, 2300])
    assert track.position(100) == (46.1, 10.0, 2100)
    assert track.position(200) == pytest.approx((46.1, 10.1, 2200))
    assert track.position(-5) == (46.0, 10.0, 2000)
    assert track.position(900) == pytest.approx((46.1, 10.2, 2300))


def test_track_takes_the_short_way_over_the_date_line():
    track = Track([0, 100], [0.0, 0.0], [179.9, -179.9], [0, 0])
    assert abs(track.position(50)[1]) == pytest.approx(180.0)
    assert track.position(75)[1] == pytest.approx(-179.95)


def test_a_resting_track_is_inactive():
    track = Track([0, 1000, 2000], [46.0, 46.01, 46.01], [10.0, 10.0, 10.0])
    assert track.activity(500) > 0.5
    assert track.activity(1500) == 0.0
    assert track.activity(5000) == 0.0


@pytest.mark.parametrize(
    ("times_s", "lat_deg", "named"),
    [([0, 0], [46, 46], "ascending"), ([0, 1], [46, 91], "91"), ([0], [46], "2 points")],
)
def test_track_refuses_what_cannot_be(times_s, lat_deg, named):
    with pytest.raises(ScenarioError, match=named):
        Track(times_s, lat_deg, [10.0] * len(times_s))


def test_a_place_before_the_start_is_refused():
    with pytest.raises(ScenarioError, match="-1"):
        Ibex(seed=1).position(-1)
