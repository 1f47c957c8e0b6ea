from datetime import UTC, datetime

import numpy as np
import pytest

from analytics.errors import TrackError
from analytics.project import LocalProjection
from analytics.track import Track, check_spread
from tests.analytics.tracks import cloud, track


def faults_of(*args, **kwargs):
    with pytest.raises(TrackError) as caught:
        Track(*args, **kwargs)
    return caught.value.faults


def spread_faults_of(x_m, y_m):
    with pytest.raises(TrackError) as caught:
        check_spread(track(x_m, y_m))
    return caught.value.faults


def test_track_keeps_read_only_copies():
    x_m = np.array([0.0, 1.0])
    made = Track([0, 60], x_m, [0, 0])
    x_m[0] = 9
    assert made.x_m[0] == 0
    assert len(made) == 2
    with pytest.raises(ValueError, match="read-only"):
        made.x_m[0] = 1


def test_all_faults_are_listed_at_once():
    nan = float("nan")
    faults = faults_of([0, 60, 60, 30], [1, nan, 3, 4], [1, 2, float("inf")])
    assert faults == (
        "x_m: 1 not finite: [1] nan",
        "y_m: 1 not finite: [2] inf",
        "lengths differ: times_s 4, x_m 4, y_m 3",
        "times_s: 1 equal to the fix before: [2] 60",
        "times_s: 1 before the fix before: [3] 30",
    )


def test_message_holds_every_fault():
    with pytest.raises(TrackError, match=r"unusable track: x_m: 1 not finite.*equal to the fix"):
        Track([5, 5], [float("nan"), 0], [0, 0])


def test_many_faults_of_one_kind_are_counted():
    assert faults_of([0] * 6, range(6), range(6)) == (
        "times_s: 5 equal to the fix before: [1] 0, [2] 0, [3] 0, ...",
    )


def test_missing_time_is_one_fault():
    assert faults_of([0, float("nan"), 2], [0, 1, 2], [0, 1, 2]) == (
        "times_s: 1 not finite: [1] nan",
    )


def test_infinite_times_are_faults():
    inf = float("inf")
    assert faults_of([-inf, 0, inf, inf], range(4), range(4)) == (
        "times_s: 3 not finite: [0] -inf, [2] inf, [3] inf",
        "times_s: 1 equal to the fix before: [3] inf",
    )


def test_wrong_shapes_and_types_are_faults():
    faults = faults_of([[0, 1]], ["far", "near"], [0, 1])
    assert faults[0] == "times_s: shape (1, 2), expected one dimension"
    assert faults[1].startswith("x_m: not numbers (could not convert string to float: ")


def test_geographic_track_is_centred_on_itself():
    made = Track.from_geographic([0, 60, 120], [46.6, 46.7, 46.8], [10.1, 10.2, 10.3])
    assert made.projection == LocalProjection(46.700029, 10.199877)
    lat, lon = made.projection.inverse(made.x_m, made.y_m)
    np.testing.assert_allclose(lat, [46.6, 46.7, 46.8], rtol=0, atol=1e-11)
    np.testing.assert_allclose(lon, [10.1, 10.2, 10.3], rtol=0, atol=1e-11)


def test_two_tracks_share_a_given_plane():
    plane = LocalProjection(46.66, 10.2)
    made = Track.from_geographic([0], [46.66], [10.2], projection=plane)
    assert (made.x_m[0], made.y_m[0], made.projection) == (0, 0, plane)


def test_degrees_out_of_range_are_listed_with_times():
    with pytest.raises(TrackError) as caught:
        Track.from_geographic([0, 0], [46.6, 146.6], [190.1, 10.2])
    assert caught.value.faults == (
        "lat_deg: 1 outside -90..90: [1] 146.6",
        "lon_deg: 1 outside -180..180: [0] 190.1",
        "times: 1 equal to the fix before: [1] 0",
    )


def test_fix_on_another_continent_is_named():
    with pytest.raises(TrackError, match=r"1 more than 1500 km .*: \[2\] \(0, -60\)"):
        Track.from_geographic(range(9), [46.6] * 2 + [0] + [46.6] * 6, [10] * 2 + [-60] + [10] * 6)


def test_positions_without_a_middle_are_refused():
    with pytest.raises(TrackError, match="2 positions have no middle on the globe"):
        Track.from_geographic([0, 1], [0, 0], [0, 180])


def test_datetimes_become_unix_seconds():
    aware = [datetime(2026, 5, 1, hour, tzinfo=UTC) for hour in (0, 1)]
    stamps = np.array(["2026-05-01T00:00:00.000", "2026-05-01T01:00:00.000"], "datetime64[ms]")
    for times in (aware, stamps):
        made = Track.from_geographic(times, [46, 46], [10, 10.1])
        assert made.times_s.tolist() == [1777593600.0, 1777597200.0]


def test_datetimes_without_zone_are_refused():
    with pytest.raises(TrackError, match="times: 1 without time zone: 2026-05-01 00:00:00"):
        Track.from_geographic([datetime(2026, 5, 1)], [46], [10])


def test_missing_datetime_is_a_fault():
    with pytest.raises(TrackError, match=r"times: 1 not finite: \[1\] nan"):
        Track.from_geographic(np.array([0, "NaT"], "datetime64[s]"), [46, 46], [10, 10.1])


def test_no_fixes_are_refused_by_name():
    with pytest.raises(TrackError, match="0 positions"):
        Track.from_geographic([], [], [])


def test_four_equal_fixes_have_two_faults():
    assert spread_faults_of([7.5] * 4, [1e6] * 4) == (
        "4 fixes, at least 5 are needed",
        "all 4 fixes are equal: (7.5, 1000000) [m]",
    )


def test_fixes_on_a_slanted_line_are_refused():
    line_m = np.array([0.0, 1, 2, 3, 4.5])
    (fault,) = spread_faults_of(3e5 + 100 * line_m, 5e6 + 300 * line_m)
    assert fault == (
        "all 5 fixes lie on one line, from (300000, 5000000) to (300450, 5001350) [m]: "
        "they cover no area"
    )


def test_a_step_off_the_line_is_enough():
    check_spread(track([0, 1000, 2000, 3000, 4000], [0, 0, 1, 0, 0]))
    check_spread(cloud(fixes=5))
