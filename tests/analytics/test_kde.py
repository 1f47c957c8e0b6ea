import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.errors import GridTooCoarse, GridTooLarge, ParameterError, TrackError
from analytics.grid import MAX_NODES, Grid
from analytics.kernels import kde as kernels
from analytics.kernels.kde import density
from analytics.ranges.bandwidth import EPANECHNIKOV, reference_bandwidth
from analytics.ranges.kde import kernel_ud
from tests import oracles
from tests.analytics import oracles_ranges
from tests.analytics.tracks import cloud, track, two_clusters

METRES = st.floats(-1000, 1000)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    fixes=st.lists(st.tuples(METRES, METRES), min_size=1, max_size=12),
    bandwidth_m=st.floats(20, 2000),
    cell_m=st.floats(20, 500),
    corner_m=st.tuples(METRES, METRES),
)
def test_kernel_agrees_with_the_plain_sum(fixes, bandwidth_m, cell_m, corner_m):
    x_m, y_m = np.array(fixes).T.copy()
    grid = Grid(*corner_m, cell_m, columns=9, rows=6)
    out = np.zeros((6, 9))
    density(x_m, y_m, grid.x0_m, grid.y0_m, cell_m, bandwidth_m, 9.0, out)
    plain = oracles.kernel_density(x_m, y_m, grid.x_m, grid.y_m, bandwidth_m)
    one_hill = 1 / (2 * np.pi * bandwidth_m**2)  # its height; left out: exp(-9^2 / 2) of it
    np.testing.assert_allclose(out, plain, rtol=1e-12, atol=1e-17 * one_hill)


def test_fix_far_off_the_grid_adds_nothing():
    out = np.zeros((4, 4))
    far = np.array([1e9, -1e9, 1e17, 0.0])
    density(far, far[::-1].copy(), 0.0, 0.0, 1.0, 1.0, 9.0, out)
    assert not out.any()


def test_moving_the_track_moves_the_density():
    here = cloud()
    there = track(here.x_m + 7e5, here.y_m + 3.1e6)
    a, b = kernel_ud(here), kernel_ud(there)
    assert b.grid.x0_m - a.grid.x0_m == pytest.approx(7e5, abs=1e-6)
    assert b.grid.y0_m - a.grid.y0_m == pytest.approx(3.1e6, abs=1e-6)
    # coordinates of 3e6 m carry 5e-10 m of rounding, 1e-12 of the bandwidth
    peak = a.density_per_m2.max()
    np.testing.assert_allclose(b.density_per_m2, a.density_per_m2, rtol=0, atol=1e-10 * peak)


def test_turning_the_track_turns_the_density():
    here = cloud()
    turned = kernel_ud(track(-here.y_m, here.x_m))
    before = kernel_ud(here).density_per_m2
    np.testing.assert_allclose(
        turned.density_per_m2, np.rot90(before, -1), rtol=0, atol=1e-12 * before.max()
    )


def test_order_of_fixes_does_not_matter():
    here = cloud()
    order = np.random.default_rng(3).permutation(len(here))
    mixed = kernel_ud(track(here.x_m[order], here.y_m[order]))
    before = kernel_ud(here).density_per_m2
    np.testing.assert_allclose(mixed.density_per_m2, before, rtol=0, atol=1e-13 * before.max())


def test_scaling_the_track_scales_the_density():
    here = cloud()
    wide = kernel_ud(track(8 * here.x_m, 8 * here.y_m))
    before = kernel_ud(here).density_per_m2
    np.testing.assert_allclose(64 * wide.density_per_m2, before, rtol=1e-12)


@pytest.mark.parametrize("cell_m", [20.0, 70.0, 110.0])
def test_many_fixes_at_once_agree_with_the_plain_sum(cell_m):
    """Three bandwidths' worth of cells and more take the other way to the same numbers."""
    made = cloud(fixes=4000)
    grid = Grid(-1200.0, -500.0, cell_m, columns=25, rows=18)  # inside the cloud
    ud = kernel_ud(made, bandwidth=340.0, grid=grid)
    plain = np.zeros((18, 25))
    density(made.x_m, made.y_m, grid.x0_m, grid.y0_m, cell_m, 340.0, 9.0, plain)
    np.testing.assert_allclose(ud.density_per_m2, plain, rtol=1e-12)


def test_spread_fixes_are_normal_hills():
    x_m, y_m = np.random.default_rng(5).uniform(13, 17, size=(2, 7))
    out = np.zeros((30, 30))
    kernels.spread_out(x_m, y_m, 0.0, 0.0, 1.0, 1.3, out)
    nodes = np.arange(30.0)
    scale = 2 * np.pi * 1.3**2 * 7
    plain = scale * np.array(oracles.kernel_density(x_m, y_m, nodes, nodes, 1.3))
    np.testing.assert_allclose(out, plain, rtol=0, atol=2e-15)


def test_fixes_are_shared_out_to_the_four_nodes_around_them():
    random = np.random.default_rng(5)
    x_m, y_m = random.uniform(-30, 130, size=300), random.uniform(-30, 90, size=300)
    x_m[:2], y_m[:2] = (1e18, -5.0), (7.0, -1e18)
    out = np.zeros((7, 11))
    left_out = kernels.share_out(x_m, y_m, 0.0, 0.0, 10.0, out)
    plain, outside = oracles_ranges.shared_out(x_m, y_m, 10.0, *out.shape)
    assert left_out == outside
    np.testing.assert_allclose(out, plain, rtol=0, atol=1e-12)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    window=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    half=st.integers(0, 25),
    at=st.tuples(st.integers(-30, 30), st.integers(-30, 30)),
)
def test_smoothing_is_a_sum_over_neighbours(size, window, half, at):
    random = np.random.default_rng(1)
    gathered, taps = random.uniform(size=size), random.uniform(size=2 * half + 1)
    gathered[random.uniform(size=size) < 0.5] = 0
    out = np.full((window[0] + 1, window[1] + 1), np.nan)
    kernels.smooth(gathered, taps, at[1], at[0], out)
    plain = oracles_ranges.smoothed(gathered, taps, at[1], at[0], *out.shape)
    np.testing.assert_allclose(out, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("fixes", [5, 40, 4000])
@pytest.mark.parametrize("cell_m", [30.0, 60.0, 120.0])
def test_binned_density_keeps_its_promise(fixes, cell_m):
    made, h_m = cloud(fixes=fixes), 120.0
    exact = kernel_ud(made, bandwidth=h_m, cell_m=cell_m)
    binned = kernel_ud(made, bandwidth=h_m, grid=exact.grid, mode="binned")
    error = np.abs(binned.density_per_m2 - exact.density_per_m2).max()
    assert error <= (cell_m / h_m) ** 2 / 6 * exact.density_per_m2.max()


def test_binned_density_of_many_fixes_is_nearly_exact():
    made = cloud(fixes=20_000)
    exact = kernel_ud(made)
    binned = kernel_ud(made, mode="binned")
    error = np.abs(binned.density_per_m2 - exact.density_per_m2).max()
    assert error <= 1e-4 * exact.density_per_m2.max()


@pytest.mark.parametrize("mode", ["exact", "binned"])
def test_fixes_off_the_grid_count_on_it(mode):
    made = cloud(fixes=1000)
    whole = kernel_ud(made, bandwidth=200.0, cell_m=25.0, mode=mode)
    part = Grid(whole.grid.x_m[60], whole.grid.y_m[80], 25.0, columns=40, rows=30)
    cut = kernel_ud(made, bandwidth=200.0, grid=part, mode=mode)
    expected = whole.density_per_m2[80:110, 60:100]
    np.testing.assert_allclose(cut.density_per_m2, expected, rtol=1e-10)


def test_binned_volume_is_one():
    ud = kernel_ud(cloud(), mode="binned")
    assert ud.density_per_m2.sum() * ud.grid.cell_area_m2 == pytest.approx(1, abs=1e-6)
    assert ud.estimate.parameters["mode"] == "binned"


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    fixes=st.lists(st.tuples(METRES, METRES), min_size=1, max_size=12),
    radius_m=st.floats(20, 2000),
    cell_m=st.floats(20, 500),
    corner_m=st.tuples(METRES, METRES),
)
def test_paraboloids_agree_with_the_plain_sum(fixes, radius_m, cell_m, corner_m):
    x_m, y_m = np.array(fixes).T.copy()
    grid = Grid(*corner_m, cell_m, columns=9, rows=6)
    out = np.zeros((6, 9))
    kernels.epanechnikov(x_m, y_m, grid.x0_m, grid.y0_m, cell_m, radius_m, out)
    plain = oracles_ranges.epanechnikov_density(x_m, y_m, grid.x_m, grid.y_m, radius_m)
    np.testing.assert_allclose(out, plain, rtol=1e-9, atol=1e-12 / radius_m**2)


def test_epanechnikov_ud_has_its_own_radius_and_volume():
    made = cloud()
    ud = kernel_ud(made, kernel="epanechnikov")
    radius_m = ud.estimate.parameters["bandwidth_m"]
    normal_m = reference_bandwidth(made.x_m, made.y_m)
    assert radius_m == pytest.approx(EPANECHNIKOV * normal_m)
    assert ud.density_per_m2.sum() * ud.grid.cell_area_m2 == pytest.approx(1, abs=1e-4)
    assert ud.grid.cell_m == pytest.approx(normal_m / 8)


def test_binned_cells_wider_than_a_bandwidth_are_refused():
    with pytest.raises(GridTooCoarse, match="at most 1 bandwidths"):
        kernel_ud(cloud(), bandwidth=200.0, cell_m=210.0, mode="binned")


def test_default_grid_holds_the_whole_volume():
    ud = kernel_ud(cloud())
    assert ud.density_per_m2.sum() * ud.grid.cell_area_m2 == pytest.approx(1, abs=1e-6)
    assert ud.grid.cell_m == pytest.approx(ud.estimate.parameters["bandwidth_m"] / 8)


def test_four_bandwidths_hold_the_stated_volume():
    ud = kernel_ud(cloud(), support_h=4.0)
    assert ud.density_per_m2.sum() * ud.grid.cell_area_m2 == pytest.approx(0.99987, abs=1e-5)


def test_reference_bandwidth_follows_its_formula():
    # variances with n - 1: 2.5 and 10; n = 5
    x_m, y_m = np.array([0.0, 1, 2, 3, 4]), np.array([0.0, 2, 4, 6, 8])
    assert reference_bandwidth(x_m, y_m) == pytest.approx(np.sqrt(6.25) * 5 ** (-1 / 6))


def test_result_tells_how_it_was_made():
    made = cloud()
    estimate = kernel_ud(made, bandwidth=120.0, cell_m=40.0, margin_m=600.0).estimate
    assert estimate.method == "kernel density"
    assert estimate.parameters["bandwidth_m"] == 120.0
    assert estimate.parameters["bandwidth"] == "given"
    assert estimate.parameters["cell_m"] == 40.0
    assert (estimate.fixes, estimate.from_time_s, estimate.to_time_s) == (40, 0.0, 39 * 3600.0)
    assert estimate.software_version.startswith("capra 0.")


def test_density_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        kernel_ud(cloud()).density_per_m2[0, 0] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bandwidth": "LSCV"}, 'expected metres or one of "reference", "lscv", "plug-in"'),
        ({"bandwidth": 0.0}, "bandwidth is 0.0, expected a finite number above 0"),
        ({"bandwidth": float("nan")}, "bandwidth is nan"),
        ({"cell_m": -1.0}, "cell_m is -1.0"),
        ({"margin_m": -1.0}, "margin_m is -1.0"),
        ({"support_h": 0}, "support_h is 0"),
        ({"kernel": "quartic"}, 'kernel is \'quartic\', expected "normal" or "epanechnikov"'),
        ({"mode": "fast"}, 'mode is \'fast\', expected "exact" or "binned"'),
        ({"mode": "binned", "kernel": "epanechnikov"}, "mode is 'binned', expected \"exact\""),
        ({"mode": "binned", "support_h": 4.0}, "support_h is 4.0, expected the default"),
        ({"grid": Grid(0, 0, 10, 5, 5), "cell_m": 5}, "expected no grid where cell_m"),
    ],
)
def test_wrong_argument_is_named(arguments, message):
    with pytest.raises(ParameterError) as caught:
        kernel_ud(cloud(), **arguments)
    assert message in str(caught.value)


def test_wrong_grid_is_named():
    with pytest.raises(ParameterError, match="x0_m is nan"):
        Grid(float("nan"), 0, 10, 5, 5)
    with pytest.raises(ParameterError, match="rows is 0"):
        Grid(0, 0, 10, 5, 0)


def test_track_without_spread_is_refused():
    with pytest.raises(TrackError, match="4 fixes, at least 5 are needed"):
        kernel_ud(cloud(fixes=4))


def test_cells_wider_than_two_bandwidths_are_refused():
    with pytest.raises(GridTooCoarse, match="cell_m is 500, too coarse: at most 2 bandwidths"):
        kernel_ud(cloud(), bandwidth=200.0, cell_m=500.0)


def test_grid_beyond_memory_is_refused_before_it_is_made():
    with pytest.raises(GridTooLarge, match=f"at most {MAX_NODES} nodes"):
        kernel_ud(two_clusters(distance_m=1e9), bandwidth=10.0)


def test_importing_analytics_compiles_nothing():
    names = ("bandwidth", "etd", "isopleth", "kde", "locoh", "mcp", "overlap")
    modules = ", ".join(f"analytics.ranges.{name}" for name in names)
    code = (
        f"import sys, {modules}, analytics.results; "
        "sys.exit('numba' in sys.modules or 'scipy.spatial' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
