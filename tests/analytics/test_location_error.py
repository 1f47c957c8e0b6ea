"""What sources say of a fix's error, in each direction: each kind by its definition."""

import numpy as np
import pytest

from analytics.errors import TrackError
from analytics.location_error import LocationError
from analytics.track import Track
from tests.analytics.tracks import cloud


def test_a_radius_is_the_root_mean_square_distance_of_simulated_errors():
    east, north = np.random.default_rng(1).normal(size=(2, 200_000)) * 7.0
    radius_m = np.sqrt((east**2 + north**2).mean())
    assert LocationError.of_radius([radius_m]).axis_m == pytest.approx([7.0], rel=5e-3)


def test_hdop_times_the_range_error_is_a_radius():
    error = LocationError.of_hdop([1.0, 2.0], uere_m=10.0)
    assert error.axis_m == pytest.approx([10 / np.sqrt(2), 20 / np.sqrt(2)])


def test_argos_classes_are_radii_and_the_poor_ones_are_unknown():
    axis_m = LocationError.of_argos_class(["3", "1", "B"]).axis_m
    assert np.allclose(axis_m, [250 / np.sqrt(2), 1500 / np.sqrt(2), np.nan], equal_nan=True)


def test_a_circle_has_the_mean_square_of_the_ellipse_whatever_its_direction():
    turned = [LocationError(np.array([4.0]), np.array([3.0]), np.array([a])) for a in (0.0, 77.0)]
    assert [one.axis_m[0] for one in turned] == pytest.approx([np.sqrt(12.5)] * 2)


def test_every_fault_is_listed():
    with pytest.raises(TrackError) as caught:
        LocationError(np.array([0.0, 1.0]), np.array([-1.0]), np.zeros(2))
    assert len(caught.value.faults) == 3


def test_errors_follow_their_fixes():
    fixes = cloud(fixes=6)
    track = Track(
        fixes.times_s, fixes.x_m, fixes.y_m, error=LocationError.of_axis(np.arange(1, 7))
    )
    part = track.select(np.arange(6) % 2 == 0)
    assert part.error.axis_m.tolist() == [1, 3, 5]
    with pytest.raises(TrackError, match="lengths differ: times_s 6, x_m 6, y_m 6, error 2"):
        Track(fixes.times_s, fixes.x_m, fixes.y_m, error=LocationError.of_axis([1.0, 2.0]))
