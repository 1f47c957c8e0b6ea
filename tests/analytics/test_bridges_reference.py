"""Brownian bridges against R: adehabitatHR 0.4.22 (kernelbb, liker), move 4.2.2 (dBBMM).

With a package's convention its figures come out to rounding (kernelbb) or to its own stepping of
time (move). Without, areas differ by what its cells and steps lose: both are a few percent.
"""

import json

import numpy as np
import pytest

from analytics.grid import Grid
from analytics.ranges.biased_bridge import biased_bridge_ud, diffusion_coefficient
from analytics.ranges.bridges import brownian_bridge_ud, motion_variance
from analytics.ranges.dynamic_bridge import dynamic_bridge_ud, dynamic_motion_variance
from analytics.ranges.isopleth import home_range
from tests.analytics.tracks import GOLDEN, stored_track

FILES = {
    "leroy": ("move_leroy.csv", None),
    "Pepper": ("ctmm_buffalo.csv", "Pepper"),
    "Cilla": ("ctmm_buffalo.csv", "Cilla"),
}


def stored(folder, reference, name):
    results = json.loads((folder / "reference" / f"{reference}.json").read_text())["results"]
    figures = next(r for r in results if r["dataset"] == name)
    file, individual = FILES[name]
    return stored_track(folder / "tracks" / file, individual), figures


def nodes(figures):
    grid = figures["grid"]
    return Grid(grid["x0"], grid["y0"], grid["cell"], grid["nx"], grid["ny"])


def areas_km2(ud, levels):
    return [isopleth.area_grid_km2 for isopleth in home_range(ud, levels).isopleths]


@pytest.mark.parametrize("name", ["ouf_1000", "ouf_irregular_600"])
def test_simulated_tracks_have_the_packages_motion_variance(name):
    results = json.loads((GOLDEN / "sim_ouf_ranges.json").read_text())["results"]
    figures = next(r for r in results if r["track"] == name)["liker"]
    found = motion_variance(stored_track(GOLDEN / f"sim_{name}.csv"), figures["sig2"])
    # the package takes the best of values 0.02 apart
    assert found.variance_m2_per_s**0.5 == pytest.approx(figures["sig1"], abs=0.011)


@pytest.mark.parametrize("name", FILES)
def test_real_tracks_have_the_packages_motion_variance(reference_data, name):
    track, figures = stored(reference_data, "kernelbb", name)
    found = motion_variance(track, figures["sig2"]).variance_m2_per_s ** 0.5
    # the package takes the best of values 0.01 apart
    assert found == pytest.approx(figures["sig1"], abs=0.0051)


@pytest.mark.parametrize("name", FILES)
def test_bridges_agree_exactly_in_the_packages_convention(reference_data, name):
    track, figures = stored(reference_data, "kernelbb", name)
    ud = brownian_bridge_ud(
        track,
        figures["sig2"],
        figures["sig1"] ** 2,
        grid=nodes(figures),
        support_sd=9.0,
        convention="adehabitatHR",
    )
    assert ud.density_per_m2.max() == pytest.approx(figures["max_ud"], rel=1e-8)
    if "coarse" in figures:
        coarse = ud.density_per_m2[np.ix_(figures["coarse"]["iy"], figures["coarse"]["ix"])]
        expected = np.array(figures["coarse"]["ud"])
        np.testing.assert_allclose(coarse, expected, rtol=0, atol=1e-8 * figures["max_ud"])
    expected = [figures["areas"]["pixel_m2"][p] / 1e6 for p in ("p50", "p95", "p99")]
    assert areas_km2(ud, (50, 95, 99)) == pytest.approx(expected, rel=1e-9)
    found = home_range(ud).isopleths
    contours = [figures["areas"]["contour_m2"][p] / 1e6 for p in ("p50", "p95")]
    # its contours cut some saddles the other way
    assert [isopleth.area_km2 for isopleth in found] == pytest.approx(contours, rel=4e-3)


def test_exact_integration_has_the_packages_outer_area(reference_data):
    track, figures = stored(reference_data, "kernelbb", "leroy")
    rate = figures["sig1"] ** 2
    ud = brownian_bridge_ud(track, figures["sig2"], rate, grid=nodes(figures))
    expected = [figures["areas"]["pixel_m2"][p] / 1e6 for p in ("p95", "p99")]
    assert areas_km2(ud, (95, 99)) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", FILES)
def test_dynamic_variances_are_the_packages(reference_data, name):
    track, figures = stored(reference_data, "dbbmm", name)
    found = dynamic_motion_variance(track, figures["location_error_m"])
    listed = np.array(figures["motion_variance_m2_per_min"], float)[:-1]
    # minutes; the package's optimiser stops within 1e-3, and at 5.5e-5 where the optimum is 0
    np.testing.assert_allclose(60 * found.variance_m2_per_s, listed, rtol=1e-6, atol=1e-3)
    windows = [0 if w is None else w for w in figures["in_windows"][:-1]]
    np.testing.assert_array_equal(found.windows, windows)
    np.testing.assert_array_equal(found.complete, figures["interest"][:-1])
    np.testing.assert_array_equal(found.breaks[found.breaks >= 0] + 1, figures["breaks"])


@pytest.mark.filterwarnings("ignore::analytics.errors.SparseTrackWarning")
@pytest.mark.parametrize("name", FILES)
def test_dynamic_bridges_agree_in_the_packages_convention(reference_data, name):
    track, figures = stored(reference_data, "dbbmm", name)
    edges = figures["grid"]
    half = edges["cell"] / 2
    grid = Grid(
        edges["xmin"] + half, edges["ymin"] + half, edges["cell"], edges["nx"], edges["ny"]
    )
    ud = dynamic_bridge_ud(track, figures["location_error_m"], grid=grid, convention="move")
    probability = ud.density_per_m2 * grid.cell_area_m2
    # rounding in its sums of time moves steps a little: the peak by less than one of them
    assert probability.max() == pytest.approx(figures["max"], rel=2e-4)
    coarse = probability[np.ix_(figures["coarse"]["iy"], figures["coarse"]["ix"])]
    expected = np.array(figures["coarse"]["p"])
    np.testing.assert_allclose(coarse, expected, rtol=0, atol=5e-4 * figures["max"])
    for level, area_m2 in figures["area_m2"].items():
        cells = round(areas_km2(ud, (int(level[1:]),))[0] * 1e6 / grid.cell_area_m2)
        assert cells + 1 == round(area_m2 / grid.cell_area_m2)  # its last cell reaches the level


def test_biased_bridges_have_the_packages_areas_in_its_convention(reference_data):
    track, figures = stored(reference_data, "brb", "leroy")
    given = figures["params"]
    limits = given["hmin"], given["Tmax"], given["Lmin"]
    ud = biased_bridge_ud(track, *limits, grid=nodes(figures), convention="adehabitatHR")
    cells = [figures["areas"]["pixel_m2"][p] / 1e6 for p in ("p50", "p95", "p99")]
    assert areas_km2(ud, (50, 95, 99)) == pytest.approx(cells, rel=1e-3)
    contours = [figures["areas"]["contour_m2"][p] / 1e6 for p in ("p50", "p95")]
    found = [isopleth.area_km2 for isopleth in home_range(ud).isopleths]
    assert found == pytest.approx(contours, rel=4e-3)  # saddles, as above


def test_diffusion_is_the_packages(reference_data):
    track, figures = stored(reference_data, "brb", "leroy")
    given, theirs = figures["params"], figures["D_BRB.D"][0]
    found = diffusion_coefficient(track, given["Tmax"], given["Lmin"])
    assert found.left_out == theirs["n"]
    assert found.diffusion_m2_per_s == pytest.approx(theirs["D"], rel=1e-9)
