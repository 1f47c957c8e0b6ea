import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.errors import GridTooCoarse, GridTooLarge, ParameterError, TrackError
from analytics.grid import MAX_NODES, Grid
from analytics.kernels.kde import density
from analytics.ranges.kde import kernel_ud, reference_bandwidth
from tests import oracles
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
        ({"bandwidth": "LSCV"}, "bandwidth is 'LSCV', expected metres or \"reference\""),
        ({"bandwidth": 0.0}, "bandwidth is 0.0, expected a finite number above 0"),
        ({"bandwidth": float("nan")}, "bandwidth is nan"),
        ({"cell_m": -1.0}, "cell_m is -1.0"),
        ({"margin_m": -1.0}, "margin_m is -1.0"),
        ({"support_h": 0}, "support_h is 0"),
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
    code = (
        "import sys, analytics.ranges.kde, analytics.ranges.isopleth, analytics.results; "
        "sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
