"""Contacts: two animals with known meetings, and pairs of fixes by the plain form."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.contacts import contact_network, find_contacts
from analytics.errors import ParameterError, ProjectionError, TrackError
from analytics.kernels.contacts import simultaneous
from analytics.track import Track
from tests.analytics import oracles_movement as oracles
from tests.analytics.tracks import IN_THE_ALPS, stored_track

HOUR = 3600.0
TIMES = st.lists(st.integers(0, 60), min_size=1, max_size=20, unique=True).map(sorted)


def passing(every_s=HOUR, late_s=0.0, projection=None):
    """One animal stands at the origin; the other passes it at fixes 4 to 6 and again at 20."""
    times_s = every_s * np.arange(30)
    away = np.full(30, 5000.0)
    away[4:7] = [80.0, -30.0, 60.0]
    away[20] = 99.0
    stands = Track(times_s, np.zeros(30), np.zeros(30), projection)
    return stands, Track(times_s + late_s, away, np.zeros(30), projection)


def close(a, b, **arguments):
    return find_contacts(a, b, **({"distance_m": 100.0, "tolerance_s": 600.0} | arguments))


def test_both_meetings_are_found():
    found = close(*passing(late_s=300.0))
    assert np.flatnonzero(found.contact).tolist() == [4, 5, 6, 20]
    first, second = found.encounters
    assert (first.from_time_s, first.to_time_s) == (4 * HOUR + 150, 6 * HOUR + 150)
    assert (first.contacts, first.least_distance_m) == (3, 30.0)
    assert first.x_m == pytest.approx((80 - 30 + 60) / 6)
    assert (second.contacts, second.from_time_s) == (1, second.to_time_s)


def test_rates_are_over_the_time_both_were_observed():
    found = close(*passing())
    assert found.shared_s == 29 * HOUR
    assert found.encounters_per_day == pytest.approx(2 * 24 / 29)
    assert found.share == pytest.approx(4 / 30)


def test_expected_share_is_that_of_all_distances():
    rng = np.random.default_rng(3)
    a, b = (Track(HOUR * np.arange(80), *rng.normal(size=(2, 80)) * 200) for _ in range(2))
    apart = np.hypot(np.subtract.outer(a.x_m, b.x_m), np.subtract.outer(a.y_m, b.y_m))
    found = close(a, b)
    assert found.expected_share == pytest.approx((apart <= 100).mean())
    # independent animals meet as often as that
    assert found.share == pytest.approx(found.expected_share, abs=0.1)


def test_animals_that_move_together_meet_more_than_expected():
    rng = np.random.default_rng(4)
    x_m, y_m = np.cumsum(rng.normal(size=(2, 500)) * 100, axis=1)
    a, b = (Track(HOUR * np.arange(500), x_m + 10 * k, y_m) for k in range(2))
    found = close(a, b)
    assert found.share == 1
    assert found.expected_share < 0.2
    assert len(found.encounters) == 1


def test_fixes_too_far_apart_in_time_are_no_pair():
    found = close(*passing(late_s=601.0))
    assert found.times_s.size == 0
    assert found.encounters == ()
    assert math.isnan(found.share)
    assert math.isnan(found.expected_share)
    assert math.isnan(found.encounters_per_day)


def test_long_gap_ends_an_encounter():
    stands, passes = passing()
    later = stands.times_s + 10 * HOUR * (np.arange(30) >= 6)
    gap = [Track(later, t.x_m, t.y_m) for t in (stands, passes)]
    found = close(*gap)
    assert [met.contacts for met in found.encounters] == [2, 1, 1]
    assert found.shared_s == 28 * HOUR
    assert [met.contacts for met in close(*gap, max_gap_s=1e6).encounters] == [3, 1]


def test_swapping_the_animals_changes_nothing():
    a, b = passing(late_s=200.0)
    one, other = close(a, b), close(b, a)
    assert one.encounters == other.encounters
    assert one.expected_share == other.expected_share
    assert one.estimate == other.estimate


def test_moving_both_animals_changes_nothing():
    a, b = passing()
    there = [Track(t.times_s, 5e5 - t.y_m, 1e6 + t.x_m) for t in (a, b)]
    assert close(*there).contact.tolist() == close(a, b).contact.tolist()


@settings(derandomize=True, deadline=None, max_examples=150)
@given(a_s=TIMES, b_s=TIMES, tolerance_s=st.integers(0, 10))
def test_pairs_agree_with_the_plain_form(a_s, b_s, tolerance_s):
    a, b = np.array(a_s, float), np.array(b_s, float)
    plain = oracles.simultaneous(a_s, b_s, tolerance_s)
    assert simultaneous(a, b, float(tolerance_s)).tolist() == [list(pair) for pair in plain]


def test_network_holds_every_two_animals():
    a, b = passing()
    found = contact_network({"Ada": a, "Bo": b, "Cy": b}, 100.0, 600.0)
    assert list(found) == [("Ada", "Bo"), ("Ada", "Cy"), ("Bo", "Cy")]
    assert found["Bo", "Cy"].share == 1
    assert found["Ada", "Bo"].encounters == found["Ada", "Cy"].encounters


def test_boars_of_one_wood_meet_more_than_by_chance(reference_data):
    file = reference_data / "tracks" / "adehabitatLT_puechcirc.csv"
    one, other = (stored_track(file, name) for name in ("CH93", "JE93"))
    found = find_contacts(one, other, distance_m=500.0, tolerance_s=900.0)
    assert found.times_s.size == len(oracles.simultaneous(one.times_s, other.times_s, 900.0))
    assert found.share > 1.5 * found.expected_share


def test_encounters_become_points_on_the_globe():
    collection = close(*passing(projection=IN_THE_ALPS)).to_geojson()
    first = collection["features"][0]
    assert first["geometry"]["coordinates"] == pytest.approx([10.2, 46.66], abs=1e-3)
    assert first["properties"]["contacts"] == 3
    assert collection["estimate"]["parameters"]["distance_m"] == 100.0
    with pytest.raises(ProjectionError, match="no projection"):
        close(*passing()).to_geojson()


def test_result_tells_how_it_was_made():
    estimate = close(*passing(late_s=60.0)).estimate
    assert (estimate.method, estimate.fixes) == ("contacts", 60)
    assert (estimate.from_time_s, estimate.to_time_s) == (0, 29 * HOUR + 60)
    assert estimate.parameters["max_gap_s"] == 3 * HOUR


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"distance_m": 0}, "distance_m is 0, expected a number above 0"),
        ({"tolerance_s": -1}, "tolerance_s is -1, expected a finite number, 0 or more"),
        ({"tolerance_s": float("nan")}, "tolerance_s is nan"),
        ({"max_gap_s": 0}, "max_gap_s is 0"),
    ],
)
def test_wrong_argument_is_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        close(*passing(), **arguments)


def test_tracks_on_different_planes_are_refused():
    a, b = passing()
    with pytest.raises(ProjectionError, match="tracks on different planes"):
        close(a, Track(b.times_s, b.x_m, b.y_m, IN_THE_ALPS))


def test_animal_without_fixes_is_refused():
    a, _ = passing()
    with pytest.raises(TrackError, match="30 and 0 fixes, at least 1 of each"):
        close(a, Track([], [], []))


def test_single_animal_has_no_network():
    with pytest.raises(ParameterError, match=r"tracks is \['Ada'\], expected two animals or more"):
        contact_network({"Ada": passing()[0]}, 100.0, 600.0)
