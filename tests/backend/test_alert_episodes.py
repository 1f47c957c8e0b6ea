"""Episodes: what holds for a while in a track, or in readings."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.alerts import episodes
from backend.alerts.episodes import Track

HOUR = 3600.0
LAT_M = 1 / 111_195  # degrees of latitude per metre


def track(hours: list[float], north_m: list[float], east_deg: float = 10.0) -> Track:
    return Track(
        np.array(hours) * HOUR, 46.0 + np.array(north_m) * LAT_M, np.full(len(hours), east_deg)
    )


def test_an_animal_at_a_place_for_five_hours_is_immobile_since_it_came_there() -> None:
    path = track(list(range(12)), [0, 500, 900, 901, 902, 900, 903, 901, 902, 900, 2000, 4000])
    (found,) = episodes.immobility(path, 13, 5, 0.8)
    assert (found.began_s, found.ended_s) == (2 * HOUR, 10 * HOUR)


def test_one_fix_astray_does_not_end_a_rest() -> None:
    path = track(list(range(14)), [0] * 7 + [300] + [0] * 6)
    (found,) = episodes.immobility(path, 13, 5, 0.8)
    assert (found.began_s, found.ended_s) == (0, None)


def test_too_few_hours_of_fixes_tell_no_rest() -> None:
    assert episodes.immobility(track([0, 1, 2, 3, 4], [0] * 5), 13, 5, 0.8) == []


def test_the_way_between_fixes_tells_the_speed() -> None:
    path = track(list(range(0, 60, 2)), [*np.arange(0, 15) * 400.0, *[5600.0] * 15])
    (found,) = episodes.slow(path, 0.05, 24)
    # from 24 h to 48 h it went 800 m: 0.033 km/h
    assert (found.began_s, found.ended_s) == (24 * HOUR, None)


SQUARE = shapely.box(9.9, 46.0 + 1000 * LAT_M, 10.1, 46.0 + 3000 * LAT_M)


def test_a_fence_is_entered_and_left_where_the_way_crosses_it() -> None:
    (stay,) = episodes.inside(track([0, 1, 2, 3], [0, 2000, 2500, 3500]), SQUARE)
    assert stay.began_s == 0.5 * HOUR
    assert stay.ended_s == 2.5 * HOUR
    assert (stay.first, stay.last) == (0, 3)


def test_a_stay_from_the_first_fix_was_not_entered() -> None:
    (stay,) = episodes.inside(track([0, 1], [2000, 2000]), SQUARE)
    assert (stay.details["entered"], stay.ended_s) == (0.0, None)


def test_a_fence_that_lies_between_two_fixes_is_crossed() -> None:
    line = shapely.LineString([(9.9, 46.0 + 50 * LAT_M), (10.1, 46.0 + 50 * LAT_M)])
    (found,) = episodes.crossings(track([0, 1], [0, 200]), line)
    assert found.began_s == 0.25 * HOUR


def test_animals_meet_when_fixes_close_in_time_are_close_in_space() -> None:
    a = track([0, 1, 2, 3, 4], [0, 100, 200, 300, 400])
    b = track([0.1, 1.1, 2.1, 3.1], [900, 450, 230, 290])
    ((found, partner),) = episodes.proximity(a, b, 50, 900)
    assert (found.began_s, found.ended_s, partner) == (2 * HOUR, None, 2)
    assert found.details["distance_m"] == 10.0


def test_a_reading_is_low_until_it_has_recovered() -> None:
    found = episodes.below(np.arange(6.0), np.array([9, 4, 6, 3, 8, 9.0]), 5, 7)
    assert [(e.began_s, e.ended_s, e.details["least"]) for e in found] == [(1.0, 4.0, 3.0)]


def test_an_alarm_lasts_until_it_is_called_off() -> None:
    found = episodes.between(np.arange(5.0), [3, 1, 1, 2, 1], 1, 2)
    assert [(e.began_s, e.ended_s) for e in found] == [(1.0, 3.0), (4.0, None)]


def test_silence_begins_when_the_time_is_up_and_ends_when_it_is_heard() -> None:
    heard = np.array([0.0, 1.0, 60.0]) * HOUR
    found = episodes.silences(heard, 48, 120 * HOUR)
    assert [(e.began_s, e.ended_s) for e in found] == [
        (49 * HOUR, 60 * HOUR),
        (108 * HOUR, None),
    ]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=2, max_size=60), st.integers(1, 59))
def test_more_of_a_track_changes_no_rest_that_ended_before(places: list[int], cut: int) -> None:
    path = track(list(range(len(places))), [place * 500.0 for place in places])
    head = Track(*(column[:cut] for column in path))
    whole = episodes.immobility(path, 13, 5, 0.8)
    closed = [e for e in episodes.immobility(head, 13, 5, 0.8) if e.ended_s is not None]
    for one in closed:
        assert any(other.first <= one.first and one.last <= other.last for other in whole)
