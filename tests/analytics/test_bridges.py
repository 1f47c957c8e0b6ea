import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.errors import (
    GridTooCoarse,
    GridTooLarge,
    ParameterError,
    SparseTrackWarning,
    TrackError,
    TrackTooSparse,
)
from analytics.grid import Grid
from analytics.kernels import bridges as kernels
from analytics.ranges.bridge_density import (
    Bridges,
    adaptive_rules,
    density,
    even_rule,
    smooth_rule,
)
from analytics.ranges.bridges import brownian_bridge_ud, motion_variance, sampling_ratio
from analytics.ranges.isopleth import home_range
from analytics.track import Track
from tests.analytics import oracles_bridges as oracles
from tests.analytics.walks import independent, there_and_back, uneven_walk, walk

RATE = 2.0


def ud(track, **arguments):
    return brownian_bridge_ud(track, 20.0, **{"motion_variance_m2_per_s": RATE} | arguments)


def peak_error(found, expected):
    return np.abs(found - expected).max() / expected.max()


def plain(track, grid, parts, shares, rate=RATE, error_m=20.0):
    first = range(len(track) - 1)
    variances = np.full(len(track), error_m**2)
    return oracles.bridge_density(
        track, variances, [rate] * len(first), first, parts, shares, grid.x_m, grid.y_m
    )


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 1000),
    rate=st.floats(0, 50),
    error_m=st.floats(3, 60),
    cell_m=st.floats(3, 40),
    corner_m=st.tuples(st.floats(-400, 200), st.floats(-400, 200)),
)
def test_kernel_agrees_with_the_plain_sum(seed, rate, error_m, cell_m, corner_m):
    track = walk(fixes=6, step_s=60.0, seed=seed)
    grid = Grid(*corner_m, cell_m, columns=21, rows=14)
    bridges = Bridges(track, np.full(6, error_m**2), np.arange(5), rate * np.diff(track.times_s))
    parts, shares = even_rule(7)
    found = density(bridges, grid, [(parts, shares)], np.zeros(5, int), np.full(5, 0.2), 9.0)
    expected = plain(track, grid, parts, shares, rate, error_m)
    one_hill = 1 / (2 * np.pi * (error_m**2 / 2))  # no hill is higher
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-17 * one_hill)


def test_default_cut_stays_below_a_millionth_of_the_peak():
    track = walk(fixes=80)
    found = ud(track, cell_m=20.0, steps=10)
    expected = plain(track, found.grid, *even_rule(10))
    assert peak_error(found.density_per_m2, expected) < 1e-6


def test_hill_far_off_the_grid_adds_nothing():
    far = Track([0.0, 60.0, 120.0], [1e17, -1e17, 1e12], [1e12, 5.0, -1e17])
    bridges = Bridges(far, np.full(3, 1.0), np.arange(2), np.zeros(2))
    grid = Grid(0, 0, 1.0, 9, 9)
    assert not density(bridges, grid, [smooth_rule(8)], np.zeros(2, int), np.ones(2), 9.0).any()


@pytest.mark.parametrize("nodes", [6, 16, 97])
def test_smooth_rule_integrates_polynomials_exactly(nodes):
    part, share = smooth_rule(nodes)
    for power in range(nodes):
        assert (share * part**power).sum() == pytest.approx(1 / (power + 1), rel=1e-12)


@pytest.mark.parametrize("error_m", [2.0, 20.0, 200.0])
@pytest.mark.parametrize("rate", [0.001, 1.0, 100.0])
def test_adaptive_integration_agrees_with_a_very_fine_one(error_m, rate):
    track = walk(fixes=12, rate_m2_per_s=2.0, seed=5)
    bridges = Bridges(track, np.full(12, error_m**2), np.arange(11), np.full(11, rate * 600))
    grid = Grid.around(track.x_m, track.y_m, error_m / 2, 100.0)
    weight = np.full(11, 1 / 11)
    found = density(bridges, grid, *adaptive_rules(bridges), weight, 9.0)
    fine = density(bridges, grid, [smooth_rule(2000)], np.zeros(11, int), weight, 9.0)
    assert peak_error(found, fine) < 1e-3


def test_moving_the_track_moves_the_density():
    here, there = walk(), walk(origin_m=(7e5, 3.1e6))
    a, b = ud(here), ud(there)
    assert b.grid.x0_m - a.grid.x0_m == pytest.approx(7e5, abs=1e-6)
    assert peak_error(b.density_per_m2, a.density_per_m2) < 1e-7


def test_turning_the_track_turns_the_density():
    here = walk()
    turned = ud(Track(here.times_s, -here.y_m, here.x_m)).density_per_m2
    assert peak_error(turned, np.rot90(ud(here).density_per_m2, -1)) < 1e-7


def test_reversing_time_changes_nothing():
    here = walk()
    back = Track(-here.times_s[::-1], here.x_m[::-1], here.y_m[::-1])
    assert peak_error(ud(back).density_per_m2, ud(here).density_per_m2) < 1e-9


def test_scaling_the_track_scales_the_density():
    here = walk()
    wide = Track(here.times_s, 8 * here.x_m, 8 * here.y_m)
    found = brownian_bridge_ud(wide, 160.0, 64 * RATE).density_per_m2
    assert peak_error(64 * found, ud(here).density_per_m2) < 1e-9


def test_default_grid_holds_the_whole_volume():
    found = ud(walk())
    volume = found.density_per_m2.sum() * found.grid.cell_area_m2
    assert volume == pytest.approx(1, abs=1e-5)


def test_straight_way_has_the_density_of_a_moving_hill():
    """At equal speed along x, without diffusion or ends: 1/length along, normal across."""
    found = brownian_bridge_ud(there_and_back(), 30.0, 0.0, cell_m=5.0)
    middle = found.grid.columns // 2  # far from both ends
    inner = found.density_per_m2[:, middle - 40 : middle + 40]  # two steps of 200 m
    across = inner.sum(axis=1)
    variance_m2 = (found.grid.y_m**2 * across).sum() / across.sum()
    # without diffusion the variance runs from e^2 at a fix to e^2 / 2 halfway: mean 2/3 e^2
    assert variance_m2 == pytest.approx(900 * 2 / 3, rel=0.01)
    assert inner.sum() * 25.0 == pytest.approx(400 / 8000, rel=0.01)


def test_gap_too_long_is_left_out_with_its_time():
    here = walk()
    times_s = here.times_s + np.where(np.arange(200) < 100, 0.0, 5e5)
    gap = Track(times_s, here.x_m, here.y_m)
    found = ud(gap, max_gap_s=3600.0)
    assert found.estimate.parameters["bridges"] == 198
    volume = found.density_per_m2.sum() * found.grid.cell_area_m2
    assert volume == pytest.approx(1, abs=1e-5)


def test_motion_variance_of_a_simulated_walk_is_found():
    track = walk(fixes=4000, rate_m2_per_s=3.0, error_m=15.0)
    # 3998 fixes left out in turn; the middle fix's own error is not part of the published form
    inflated = 3.0 + 15.0**2 / 300
    found = motion_variance(track, 15.0).variance_m2_per_s
    assert found == pytest.approx(inflated, rel=0.06)


@pytest.mark.parametrize("fixes", ["all", "alternate"])
def test_motion_variance_agrees_with_a_plain_search(fixes):
    track, error_m = uneven_walk(), np.linspace(5, 25, 60)
    found = motion_variance(track, error_m, fixes)
    left_out = range(1, 59, 1 if fixes == "all" else 2)
    rate, deviance = oracles.likeliest_rate(track, error_m, left_out)
    assert found.left_out == len(left_out)
    assert found.variance_m2_per_s == pytest.approx(rate, rel=1e-6)
    assert found.log_likelihood == pytest.approx(-deviance / 2, rel=1e-12)


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0, 1e4])
def test_motion_variance_has_no_bounds(scale):
    """A hundred times slower in metres is ten thousand times less variance, for snails too."""
    track = walk(error_m=0.5)
    small = Track(track.times_s, scale * track.x_m, scale * track.y_m)
    once = motion_variance(track, 1.0).variance_m2_per_s
    assert motion_variance(small, scale).variance_m2_per_s == pytest.approx(scale**2 * once)


def test_motion_variance_depends_on_the_error():
    track = walk(error_m=20.0, rate_m2_per_s=0.5)
    found = [motion_variance(track, e).variance_m2_per_s for e in (1.0, 10.0, 20.0)]
    assert found[0] > 1.01 * found[1] > 1.01**2 * found[2]


def test_animal_at_rest_has_no_motion_variance():
    track = walk(rate_m2_per_s=1e-9, error_m=5.0)
    assert motion_variance(track, 10.0).variance_m2_per_s == 0.0


def test_global_optimum_is_found_among_several():
    """Two kinds of fixes whose own optima lie a factor of a million apart."""
    time_factor = np.array([1.0] * 6 + [1e5] * 5)
    error = np.array([1e-6] * 6 + [1e4] * 5)
    squared = np.array([2e-2] * 6 + [2e9] * 5)
    logs = np.linspace(-20, 15, 20001)
    plain_best = min(
        kernels.deviance(time_factor, error, squared, 0, 11, 1, np.exp(q)) for q in logs
    )
    assert kernels.likeliest_rate(time_factor, error, squared, 0, 11, 1)[1] <= plain_best + 1e-9


def test_independent_fixes_are_refused():
    with pytest.raises(TrackTooSparse, match=r"too sparse for bridges: fixes lie 1\.3 times"):
        brownian_bridge_ud(independent(), 20.0)
    assert sampling_ratio(independent(fixes=20000)) == pytest.approx(1.5, rel=0.03)


def test_fixes_half_an_autocorrelation_time_apart_are_warned_about():
    rng, x = np.random.default_rng(8), np.zeros((2, 400))
    for i in range(1, 400):
        x[:, i] = 0.5 * x[:, i - 1] + rng.normal(size=2) * 800
    track = Track(3600.0 * np.arange(400), *x)
    with pytest.warns(SparseTrackWarning, match="sparse for bridges: fixes lie"):
        brownian_bridge_ud(track, 20.0)


def test_gap_wider_than_the_range_is_warned_about():
    here = walk(seed=3)
    times_s = here.times_s + np.where(np.arange(200) < 195, 0.0, 4e4)
    gap = Track(times_s, here.x_m * 0.2, here.y_m * 0.2)
    with pytest.warns(SparseTrackWarning, match="1 gaps of 40600 s or more.* max_gap_s below"):
        ud(gap)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ud(gap, max_gap_s=3600.0)


def test_track_of_gaps_is_refused():
    with pytest.raises(TrackTooSparse, match="% of the time, have bridges wider than the whole"):
        brownian_bridge_ud(walk(), 20.0, 1e5)


def test_result_tells_how_it_was_made():
    estimate = brownian_bridge_ud(walk(), np.linspace(10, 20, 200)).estimate
    assert estimate.method == "Brownian bridge"
    assert estimate.parameters["motion_variance"] == "likelihood"
    assert estimate.parameters["motion_variance_m2_per_s"] == pytest.approx(2, rel=0.2)
    assert estimate.parameters["error_m"] == {"smallest": 10.0, "largest": 20.0}
    assert (estimate.fixes, estimate.from_time_s, estimate.to_time_s) == (200, 0.0, 199 * 600.0)


def test_density_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        ud(walk()).density_per_m2[0, 0] = 1


def test_isopleths_hold_the_fixes_of_a_narrow_way():
    areas = home_range(ud(walk())).isopleths
    assert 0 < areas[0].area_km2 < areas[1].area_km2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"motion_variance_m2_per_s": "best"}, 'expected a variance per second or "likelihood"'),
        ({"motion_variance_m2_per_s": -1.0}, "motion_variance_m2_per_s is -1.0"),
        ({"motion_variance_m2_per_s": float("nan")}, "motion_variance_m2_per_s is nan"),
        ({"steps": 0}, 'steps is 0, expected a number above 0 or "adaptive"'),
        ({"steps": "many"}, "steps is 'many'"),
        ({"support_sd": 0.0}, "support_sd is 0.0"),
        ({"max_gap_s": 0.0}, "max_gap_s is 0.0, expected more than 0"),
        ({"convention": "move"}, "convention is 'move'"),
        ({"cell_m": -1.0}, "cell_m is -1.0"),
        ({"grid": Grid(0, 0, 10, 5, 5), "margin_m": 5.0}, "expected no grid where cell_m"),
    ],
)
def test_wrong_argument_is_named(arguments, message):
    with pytest.raises(ParameterError) as caught:
        ud(walk(), **arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("error_m", [0.0, -1.0, float("nan"), [1.0, 2.0], [[5.0]]])
def test_wrong_error_is_named(error_m):
    with pytest.raises(ParameterError, match="error_m is"):
        brownian_bridge_ud(walk(), error_m)


def test_unknown_choice_of_fixes_is_named():
    with pytest.raises(ParameterError, match="fixes is 'odd', expected"):
        motion_variance(walk(), 20.0, "odd")


def test_gap_limit_below_every_bridge_is_refused():
    with pytest.raises(TrackError, match="no bridge of at most 10 s: fixes lie 600 s or more"):
        ud(walk(), max_gap_s=10.0)


@pytest.mark.parametrize("track", [walk(fixes=4), Track(np.arange(9.0), [3.0] * 9, [4.0] * 9)])
def test_track_without_spread_is_refused(track):
    with pytest.raises(TrackError):
        brownian_bridge_ud(track, 20.0)


def test_cells_wider_than_bridges_are_refused():
    with pytest.raises(GridTooCoarse, match="at most 2 standard deviations"):
        ud(walk(), cell_m=100.0)


def test_grid_beyond_memory_is_refused_before_it_is_made():
    with pytest.raises(GridTooLarge):
        ud(walk(), cell_m=0.01)


def test_ten_years_of_hourly_fixes_work():
    years = walk(fixes=87_600, step_s=3600.0, rate_m2_per_s=0.01)
    found = brownian_bridge_ud(years, 20.0)
    volume = found.density_per_m2.sum() * found.grid.cell_area_m2
    assert volume == pytest.approx(1, abs=1e-5)


def test_importing_bridges_and_corridors_compiles_nothing():
    code = (
        "import sys, analytics.ranges.bridges, analytics.ranges.dynamic_bridge, "
        "analytics.ranges.biased_bridge, analytics.corridors.observed, "
        "analytics.corridors.behaviour; sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_spike_is_named_and_not_taken_for_sparse_sampling():
    good = walk(fixes=200)
    x_m = good.x_m.copy()
    x_m[57] += 50_000
    with pytest.raises(
        TrackError, match="look like errors: the worst, at 1970-01-01 09:30:00"
    ) as e:
        brownian_bridge_ud(Track(good.times_s, x_m, good.y_m), 5.0)
    assert not isinstance(e.value, TrackTooSparse)


def test_an_error_larger_than_the_range_is_said():
    small = walk(fixes=60, rate_m2_per_s=1e-6)
    with pytest.raises(TrackError, match=r"error of 500 m is larger than .* both in metres\?"):
        brownian_bridge_ud(small, 500.0)
