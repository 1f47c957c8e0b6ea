"""Steps in corridors: constructed tracks, and R's move 4.2.7 (`corridor`) on a fisher."""

import json
import math

import numpy as np
import pytest

from analytics.corridors.behaviour import corridor_steps
from analytics.errors import ParameterError, TrackError
from analytics.kernels.corridors import neighbours, parallelism
from analytics.track import Track
from tests.analytics.tracks import stored_track
from tests.analytics.walks import walk


def commuter(days=6, seed=1):
    """Forages in two places and runs the same 2 km between them, there and back."""
    rng = np.random.default_rng(seed)
    points = []
    for day in range(days):
        home, far = ((0, 0), (2000, 0)) if day % 2 == 0 else ((2000, 0), (0, 0))
        points += [home + rng.normal(size=2) * 40 for _ in range(15)]
        ahead = np.linspace(home, far, 8)[1:-1]
        points += list(ahead + rng.normal(size=(6, 2)) * 8)
    x_m, y_m = np.array(points).T
    return Track(600.0 * np.arange(len(points)), x_m, y_m)


def test_shared_way_is_found_and_foraging_is_not():
    track = commuter()
    found = corridor_steps(track)
    middle_m = (track.x_m[1:] + track.x_m[:-1]) / 2
    assert found.in_corridor.sum() >= 15
    assert ((middle_m > 150) & (middle_m < 1850))[found.in_corridor].all()


def test_variance_is_that_of_doubled_angles():
    track = commuter()
    found = corridor_steps(track).parallel_variance
    x_m, y_m = ((v[1:] + v[:-1]) / 2 for v in (track.x_m, track.y_m))
    dx_m, dy_m = np.diff(track.x_m), np.diff(track.y_m)
    for i in range(0, len(track) - 1, 7):
        around = np.hypot(x_m - x_m[i], y_m - y_m[i]) <= np.hypot(dx_m[i], dy_m[i]) / 2
        doubled = np.exp(2j * np.arctan2(dx_m[around], dy_m[around]))
        expected = 1 - abs(doubled.mean()) if around.sum() > 1 else np.nan
        assert found[i] == pytest.approx(expected, nan_ok=True)


def test_steps_around_are_counted_as_plain_loops_count_them():
    rng = np.random.default_rng(4)
    x_m, y_m = np.sort(rng.normal(size=90) * 100), rng.normal(size=90) * 100
    x_m[10:14] = x_m[10]
    radius_m, chosen = rng.exponential(60, 90), rng.uniform(size=90) < 0.4
    azimuth_rad = rng.uniform(-np.pi, np.pi, 90)
    around, among = neighbours(x_m, y_m, radius_m, chosen)
    variance = parallelism(x_m, y_m, radius_m, azimuth_rad)
    for i in range(90):
        near = [
            j for j in range(90) if math.hypot(x_m[j] - x_m[i], y_m[j] - y_m[i]) <= radius_m[i]
        ]
        assert (around[i], among[i]) == (len(near), sum(chosen[j] for j in near))
        lone = len(near) == 1
        expected = np.nan if lone else 1 - abs(np.exp(2j * azimuth_rad[near]).mean())
        assert variance[i] == pytest.approx(expected, nan_ok=True)


def test_turning_moving_and_reversing_change_nothing():
    here = commuter()
    there = Track(here.times_s, -here.y_m + 5000, here.x_m - 3000)
    back = Track(-here.times_s[::-1], here.x_m[::-1], here.y_m[::-1])
    expected = corridor_steps(here).in_corridor
    np.testing.assert_array_equal(corridor_steps(there).in_corridor, expected)
    np.testing.assert_array_equal(corridor_steps(back).in_corridor[::-1], expected)


def test_track_without_neighbouring_steps_has_no_corridor():
    lonely = Track(np.arange(6.0), [0, 1, 3, 7, 15, 31], [0, 0.1, 0, 0.1, 0, 0.2])
    found = corridor_steps(lonely)
    assert not found.in_corridor.any()


def test_convention_of_move_takes_steps_among_candidates():
    track = walk(fixes=2000, step_s=60.0)
    exact = corridor_steps(track, 0.5, 0.5).in_corridor
    theirs = corridor_steps(track, 0.5, 0.5, convention="move").in_corridor
    assert not (exact & ~theirs).any()
    assert theirs.sum() > exact.sum() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fast_quantile": 1.5}, "fast_quantile is 1.5, expected 0..1"),
        ({"parallel_quantile": -0.1}, "parallel_quantile is -0.1"),
        ({"neighbours": 0}, "neighbours is 0, expected at least 1"),
        ({"convention": "R"}, "convention is 'R'"),
    ],
)
def test_wrong_argument_is_named(arguments, message):
    with pytest.raises(ParameterError) as caught:
        corridor_steps(commuter(), **arguments)
    assert message in str(caught.value)


def test_few_fixes_are_refused():
    with pytest.raises(TrackError, match="4 fixes, at least 5"):
        corridor_steps(walk(fixes=4))


@pytest.mark.parametrize("number", range(4))
def test_fisher_has_the_packages_steps(reference_data, number):
    stored = json.loads((reference_data / "reference" / "corridor.json").read_text())
    figures = stored["results"][number]
    track = stored_track(reference_data / "tracks" / "move_leroy.csv")
    found = corridor_steps(
        track,
        figures["speedProp"],
        figures["circProp"],
        figures["minNBsegments"],
        figures["quantile_circ"],
        "move",
    )
    assert found.least_speed_mps == pytest.approx(figures["quantile_speed"], rel=1e-6)
    expected = np.zeros(len(track) - 1, bool)
    expected[np.array(figures["corridor_segments_1based"], int) - 1] = True
    # it measures on the ellipsoid: a middle on the very edge of a circle may fall to either side
    assert (found.in_corridor != expected).sum() <= 0.07 * expected.sum()
    if "segments" in figures:
        listed = np.array(figures["segments"]["circVar"][:-1], float)
        both = np.isfinite(found.parallel_variance)
        np.testing.assert_allclose(found.parallel_variance[both], listed[both], atol=0.004)
