import numpy as np
import pytest

from analytics.errors import ParameterError, TrackError, TrackTooSparse
from analytics.grid import Grid
from analytics.ranges.biased_bridge import biased_bridge_ud, diffusion_coefficient
from analytics.ranges.bridge_density import smooth_rule
from analytics.track import Track
from tests.analytics import oracles_bridges as oracles
from tests.analytics.walks import independent, there_and_back, uneven_walk, walk


def resting_half(fixes=200):
    """A walk that stands still at every second quarter of its time."""
    moving = walk(fixes=fixes, error_m=0.0)
    still = (np.arange(fixes) // (fixes // 4)) % 2 == 1
    steps = [np.where(still, 0.5, np.diff(v, prepend=0.0)) for v in (moving.x_m, moving.y_m)]
    return Track(moving.times_s, np.cumsum(steps[0]), np.cumsum(steps[1]))


def test_diffusion_of_a_walk_is_half_its_motion_variance():
    track = walk(fixes=20000, rate_m2_per_s=3.0, error_m=0.0)
    found = diffusion_coefficient(track, 3600.0)
    assert found.diffusion_m2_per_s == pytest.approx(1.5, rel=0.03)
    # the share of equally distributed pairs of steps whose lengths differ by less than twice
    assert found.left_out == pytest.approx(0.6 * 19998, rel=0.03)


def test_straight_steps_have_no_diffusion():
    along = np.cumsum(np.tile([10.0, 20.0, 15.0], 10))
    track = Track(np.cumsum(np.tile([10.0, 20.0, 15.0], 10)), along, 0.5 * along + (along > 300))
    assert diffusion_coefficient(track, 60.0).diffusion_m2_per_s < 0.01


def test_resting_steps_do_not_lower_the_diffusion():
    found = diffusion_coefficient(resting_half(), 3600.0, shortest_step_m=1.0)
    assert found.diffusion_m2_per_s == pytest.approx(1.0, rel=0.3)
    assert diffusion_coefficient(resting_half(), 3600.0).diffusion_m2_per_s < 0.7


def test_diffusion_agrees_with_plain_loops_and_moves_turns_and_scales_with_the_track():
    here = uneven_walk(fixes=200)
    limits = 2.5 * float(np.diff(here.times_s).mean()), 1.0
    total, count = oracles.diffusion(here, *limits)
    found = diffusion_coefficient(here, *limits)
    assert found.left_out == count > 20
    assert found.diffusion_m2_per_s == pytest.approx(total / count, rel=1e-12)
    there = Track(here.times_s + 1e6, 4000 - 2 * here.y_m, 2 * here.x_m - 9000)
    scaled = diffusion_coefficient(there, limits[0], 2 * limits[1])
    assert scaled.diffusion_m2_per_s == pytest.approx(4 * total / count, rel=1e-9)


def test_density_follows_its_formula_at_a_point():
    track = there_and_back(fixes=6)
    found = biased_bridge_ud(track, 40.0, 3600.0, 0.0, 0.4, cell_m=10.0)
    parts, shares = smooth_rule(200)
    x_m, y_m = found.grid.x_m[60], found.grid.y_m[25]
    expected = 0.0
    for i in range(len(track) - 1):
        for a, share in zip(parts, shares, strict=True):
            variance = 40.0**2 + 2 * 0.4 * 600 * a * (1 - a)
            dx = x_m - track.x_m[i] - a * (track.x_m[i + 1] - track.x_m[i])
            dy = y_m - track.y_m[i] - a * (track.y_m[i + 1] - track.y_m[i])
            hill = np.exp(-(dx**2 + dy**2) / (2 * variance)) / (2 * np.pi * variance)
            expected += share * hill / (len(track) - 1)
    assert found.density_per_m2[25, 60] == pytest.approx(expected, rel=1e-3)


def test_rest_is_left_out():
    found = biased_bridge_ud(resting_half(), 20.0, 3600.0, shortest_step_m=1.0)
    assert found.estimate.parameters["bridges"] == 99
    assert found.estimate.parameters["diffusion"] == "estimated"


def test_long_steps_are_left_out():
    here = walk()
    times_s = here.times_s + np.where(np.arange(200) < 100, 0.0, 9000.0)
    found = biased_bridge_ud(Track(times_s, here.x_m, here.y_m), 20.0, 3600.0)
    assert found.estimate.parameters["bridges"] == 198


def test_convention_of_adehabitat_is_a_sum_of_hills_at_its_points():
    """A rest of three fixes, a step, one left out, a step: 1 + 10 + 1 + 20 points."""
    times_s = np.array([0, 60, 120, 180, 900, 1020.0])
    x_m, y_m = np.array([0, 6, 3, 300, 600, 600.0]), np.array([0, 0, 6, 0, 0, 300.0])
    grid = Grid(-150.0, -150.0, 10.0, 91, 61)
    given = 20.0, 300.0, 10.0, 2.0
    found = biased_bridge_ud(
        Track(times_s, x_m, y_m), *given, grid=grid, convention="adehabitatHR", support_sd=9.0
    )
    points = [(3.0, 2.0, 0.0)]
    for (x0, y0), (x1, y1), duration_s, count in (
        ((3, 2), (300, 0), 60, 10),
        ((300, 0), (600, 0), 0, 1),
        ((600, 0), (600, 300), 120, 20),
    ):
        for a in np.arange(1, count + 1) / count:
            spread = 2 * 2.0 * duration_s * a * (1 - a)
            points.append((x0 + a * (x1 - x0), y0 + a * (y1 - y0), spread))
    assert len(points) == 32
    expected = np.zeros((61, 91))
    for x, y, spread in points:
        variance = 20.0**2 + spread
        squared = (grid.x_m[None] - x) ** 2 + (grid.y_m[:, None] - y) ** 2
        expected += np.exp(-squared / (2 * variance)) / variance
    expected /= expected.sum() * grid.cell_area_m2
    np.testing.assert_allclose(found.density_per_m2, expected, rtol=0, atol=1e-8 * expected.max())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"relocation_sd_m": 0.0}, "relocation_sd_m is 0.0"),
        ({"max_gap_s": 0.0}, "max_gap_s is 0.0"),
        ({"shortest_step_m": -1.0}, "shortest_step_m is -1.0"),
        ({"diffusion_m2_per_s": -1.0}, "diffusion_m2_per_s is -1.0"),
        ({"diffusion_m2_per_s": "plug-in"}, "diffusion_m2_per_s is 'plug-in'"),
        ({"convention": "move"}, "convention is 'move'"),
    ],
)
def test_wrong_argument_is_named(arguments, message):
    with pytest.raises(ParameterError) as caught:
        biased_bridge_ud(walk(), **{"relocation_sd_m": 20.0, "max_gap_s": 3600.0} | arguments)
    assert message in str(caught.value)


def test_track_without_active_steps_is_refused():
    with pytest.raises(TrackError, match="no step of at most 60 s and at least 0 m"):
        biased_bridge_ud(walk(), 20.0, 60.0)
    with pytest.raises(TrackError, match="no step of at most 3600 s and at least 1e\\+06 m"):
        biased_bridge_ud(walk(), 20.0, 3600.0, 1e6)


def test_active_steps_never_in_a_row_are_refused():
    here = walk(fixes=40)
    alternate = Track(np.cumsum(np.tile([60.0, 9000.0], 20)), here.x_m, here.y_m)
    with pytest.raises(TrackError, match="no two steps in a row that last less than 3600 s"):
        diffusion_coefficient(alternate, 3600.0)


def test_independent_fixes_are_refused():
    with pytest.raises(TrackTooSparse, match="too sparse for bridges"):
        biased_bridge_ud(independent(), 20.0, 1e6, 0.0, 1e-3)
