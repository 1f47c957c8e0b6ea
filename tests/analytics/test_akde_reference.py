"""Autocorrelated kernel density against R's ctmm 1.3.0.

The package's cells are a tenth of a bandwidth and its areas are interpolated between them; it
counts lags of irregular tracks on a coarse grid of times, which moves h^2 by up to 1.4 %.
"""

import numpy as np
import pytest

from analytics.ctmm.fit import fit
from analytics.ctmm.select import select
from analytics.grid import Grid
from analytics.ranges.akde import autocorrelated_ud
from tests.analytics.ctmm_reference import REAL, SIMULATED, real, simulated


def check_range(track, fitted, figures, bandwidth):
    weights = "optimal" if "weights" in figures["label"] else "uniform"
    found = autocorrelated_ud(track, fitted, weights)
    np.testing.assert_allclose(found.bandwidth_m2, figures["H"], rtol=bandwidth)
    assert found.inflation == pytest.approx(figures["bias"][0], rel=bandwidth)
    assert found.bandwidth_dof == pytest.approx(figures["DOF_H"], rel=3 * bandwidth)
    assert found.area_dof == pytest.approx(figures["DOF_area"]["area"], rel=1e-4)
    for level, relative in ((50, 5e-3), (95, 4e-3), (99, 7e-3)):
        area = found.area_km2(level, interval="chi-square")
        theirs = figures[f"area{level}_m2"]
        for value, key in ((area.low, "low"), (area.estimate, "est"), (area.high, "high")):
            assert value == pytest.approx(theirs[key] / 1e6, rel=relative)
    return found


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_tracks_have_the_packages_ranges(name):
    track, figures = simulated(name)
    fitted = select(track).best
    for density in figures["akde"]:
        check_range(track, fitted, density, bandwidth=1e-4)


@pytest.mark.parametrize("name", REAL)
def test_real_tracks_have_the_packages_ranges(reference_data, name):
    track, figures = real(reference_data, name)
    fitted = select(track).best
    for density in figures["akde"]:
        check_range(track, fitted, density, bandwidth=1.4e-2)


def test_optimal_weights_are_the_packages():
    track, figures = simulated("ouf_irregular_600")
    expected = next(a for a in figures["akde"] if "weights" in a["label"])
    found = autocorrelated_ud(track, select(track).best, "optimal").weights
    np.testing.assert_allclose(found[:20], expected["weights_head"], atol=2e-6)
    assert 1 / (found @ found) == pytest.approx(expected["ess_w"], rel=1e-4)


@pytest.mark.parametrize("name", SIMULATED)
def test_corrected_density_is_the_packages_within_its_cells(name):
    track, figures = simulated(name)
    coarse = figures["akde"][0]["coarse"]
    x, y = np.array(coarse["x"]), np.array(coarse["y"])
    expected = np.array(coarse["PDF_per_m2"]).T
    own = autocorrelated_ud(track, select(track).best)
    columns = np.rint((x - own.ud.grid.x0_m) / own.ud.grid.cell_m).astype(int)
    rows = np.rint((y - own.ud.grid.y0_m) / own.ud.grid.cell_m).astype(int)
    inside_x, inside_y = (columns >= 0) & (columns < own.ud.grid.columns), (rows >= 0)
    inside_y &= rows < own.ud.grid.rows
    found = own.ud.density_per_m2[np.ix_(rows[inside_y], columns[inside_x])]
    difference = np.abs(found - expected[np.ix_(inside_y, inside_x)]).max()
    assert difference < 0.1 * expected.max()  # up to half a cell, a twentieth of a bandwidth, away


@pytest.mark.parametrize("name", SIMULATED)
def test_independent_fixes_have_the_packages_kernel_density(name):
    track, figures = simulated(name)
    expected = figures["kde_iid"]
    fitted = fit(track, "IID")
    found = autocorrelated_ud(track, fitted)
    np.testing.assert_allclose(found.bandwidth_m2, expected["H"], rtol=1e-5)
    area, theirs = found.area_km2(interval="chi-square"), expected["area95_m2"]
    for value, key in ((area.low, "low"), (area.estimate, "est"), (area.high, "high")):
        assert value == pytest.approx(theirs[key] / 1e6, rel=5e-3)


def test_given_grid_is_used():
    track, _ = simulated("ouf_irregular_600")
    grid = Grid(-30_000.0, -30_000.0, 500.0, 121, 121)
    assert autocorrelated_ud(track, select(track).best, grid=grid).ud.grid == grid
