"""Kernel density and isopleths against the R package adehabitatHR 0.4.22.

`kernelUD(p, h='href', grid=200, extent=1)`, `kernel.area` (cells), `getverticeshr` (contours).
With its cut at four bandwidths its figures come out exactly, without it within what the cut
leaves out.
"""

import csv
import json

import numpy as np
import pytest

from analytics.errors import GridTooCoarse
from analytics.grid import Grid
from analytics.ranges.bandwidth import reference_bandwidth
from analytics.ranges.isopleth import home_range
from analytics.ranges.kde import kernel_ud
from analytics.track import Track
from tests.analytics.tracks import GOLDEN, stored_track

SIMULATED = ["ouf_1000", "ouf_irregular_600"]
REAL = [
    ("adehabitatMA_puechabonsp.csv", "Brock", "href"),
    ("adehabitatMA_puechabonsp.csv", "Brock", "LSCV"),
    ("adehabitatMA_puechabonsp.csv", "Calou", "href"),
    ("adehabitatMA_puechabonsp.csv", "Calou", "LSCV"),
    ("ctmm_buffalo.csv", "Cilla", "href"),
    ("ctmm_buffalo.csv", "Pepper", "href"),
    ("move_leroy.csv", "Leroy", "href"),
]


def simulated(name, method):
    """A simulated track, and the package's figures in the same form as those of the real ones."""
    results = json.loads((GOLDEN / "sim_ouf_ranges.json").read_text())["results"]
    figures = next(r for r in results if r["track"] == name)["kde_" + method]
    contours = {f"p{a['percent']}": a["area_m2"] for a in figures["area_contour_m2"]}
    cells = {f"p{level}": area for level, area in figures["area_cells_m2"].items()}
    figures["grid"] = {key: figures[key] for key in ("x0", "y0", "cell", "nx", "ny")}
    figures["areas"] = {"pixel_m2": cells, "contour_m2": contours}
    return stored_track(GOLDEN / f"sim_{name}.csv"), figures


def real(folder, file, individual, method):
    results = json.loads((folder / "reference" / "kde.json").read_text())["results"]
    figures = next(r for r in results if r["id"] == individual and r["method"] == method)
    return stored_track(folder / "tracks" / file, individual), figures


def ud_on_the_same_grid(track, figures, **arguments):
    grid = figures["grid"]
    nodes = Grid(grid["x0"], grid["y0"], grid["cell"], grid["nx"], grid["ny"])
    return kernel_ud(track, bandwidth=figures["h"], grid=nodes, **arguments)


def check_areas(ud, figures, relative):
    for kind, name in (("pixel_m2", "area_grid_km2"), ("contour_m2", "area_km2")):
        areas = figures["areas"][kind]
        found = home_range(ud, [float(level[1:]) for level in areas]).isopleths
        ours = [getattr(isopleth, name) for isopleth in found]
        assert ours == pytest.approx([area / 1e6 for area in areas.values()], rel=relative)


def check_exactly(track, figures, relative=1e-6):
    ud = ud_on_the_same_grid(track, figures, support_h=4.0)
    # the figures are stored with 15 digits of coordinates near 1e6 m
    assert ud.density_per_m2.max() == pytest.approx(figures["max_ud"], rel=1e-9)
    if "coarse" in figures:
        coarse = ud.density_per_m2[np.ix_(figures["coarse"]["iy"], figures["coarse"]["ix"])]
        expected = np.array(figures["coarse"]["ud"])
        np.testing.assert_allclose(coarse, expected, rtol=0, atol=1e-9 * figures["max_ud"])
    check_areas(ud, figures, relative)


@pytest.mark.parametrize("name", SIMULATED)
def test_reference_bandwidth_of_simulated_tracks_is_the_packages(name):
    track, figures = simulated(name, "href")
    assert reference_bandwidth(track.x_m, track.y_m) == pytest.approx(figures["h"], rel=1e-9)


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_tracks_agree_exactly_with_the_same_cut(name):
    check_exactly(*simulated(name, "href"))


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_tracks_agree_without_the_cut(name):
    track, figures = simulated(name, "href")
    ud = ud_on_the_same_grid(track, figures)
    # the cut takes up to 1.4e-4 of the peak and 1.3e-4 of the volume, which moves a 95 % area
    # by about 4e-4 and a 99 % area by up to 2e-3
    assert ud.density_per_m2.max() == pytest.approx(figures["max_ud"], rel=1.4e-4)
    del figures["areas"]["pixel_m2"]["p99"]
    check_areas(ud, figures, relative=1e-3)


@pytest.mark.parametrize("name", SIMULATED)
def test_own_grid_gives_the_packages_areas_within_its_resolution(name):
    track, figures = simulated(name, "href")
    figures["areas"] = {
        kind: {level: areas[level] for level in ("p50", "p95")}
        for kind, areas in figures["areas"].items()
    }
    # the package's cells are a fifth of the bandwidth: its areas themselves are that far off
    check_areas(kernel_ud(track), figures, relative=2e-3)


@pytest.mark.parametrize(("file", "individual", "method"), REAL)
def test_real_tracks_agree_exactly_with_the_same_cut(reference_data, file, individual, method):
    check_exactly(*real(reference_data, file, individual, method))


@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_tracks_agree_at_the_cross_validated_bandwidth(name):
    track, figures = simulated(name, "LSCV")
    # cells wider than the bandwidth: where the contour passes a saddle is a matter of taste
    check_exactly(track, figures, relative=2e-3)


@pytest.mark.parametrize(("file", "individual"), [r[:2] for r in REAL if r[2] == "href"])
def test_epanechnikov_densities_are_the_packages(reference_data, file, individual):
    track, figures = real(reference_data, file, individual, "epa")
    own = kernel_ud(track, bandwidth="adehabitat", kernel="epanechnikov").estimate.parameters
    assert own["bandwidth_m"] == pytest.approx(figures["h"], rel=1e-9)
    ud = ud_on_the_same_grid(track, figures, kernel="epanechnikov")
    assert ud.density_per_m2.max() == pytest.approx(figures["max_ud"], rel=1e-9)
    if "coarse" in figures:
        coarse = ud.density_per_m2[np.ix_(figures["coarse"]["iy"], figures["coarse"]["ix"])]
        expected = np.array(figures["coarse"]["ud"])
        np.testing.assert_allclose(coarse, expected, rtol=0, atol=1e-9 * figures["max_ud"])
    check_areas(ud, figures, relative=1e-6)


@pytest.mark.parametrize(("file", "individual"), [r[:2] for r in REAL if r[2] == "href"])
def test_reference_bandwidth_of_real_tracks_is_the_packages(reference_data, file, individual):
    track, figures = real(reference_data, file, individual, "href")
    assert reference_bandwidth(track.x_m, track.y_m) == pytest.approx(figures["h"], rel=1e-9)


@pytest.mark.parametrize("file", ["ctmm_buffalo.csv", "move_leroy.csv"])
def test_grid_that_misses_the_hills_is_refused(reference_data, file):
    """Least-squares cross-validation fell to its lower limit here: cells of 2 and 4 bandwidths."""
    individual = {"ctmm_buffalo.csv": "Pepper", "move_leroy.csv": "Leroy"}[file]
    track, figures = real(reference_data, file, individual, "LSCV")
    with pytest.raises(GridTooCoarse):
        ud_on_the_same_grid(track, figures)


def test_fisher_in_degrees_has_the_packages_area(reference_data):
    """The package worked in an equidistant plane with nearly our centre, on cells of h / 4.8."""
    with (reference_data / "tracks" / "move_leroy.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    times, lat, lon = ([float(row[name]) for row in rows] for name in ("t_s", "lat", "lon"))
    found = home_range(kernel_ud(Track.from_geographic(times, lat, lon))).isopleths
    _, figures = real(reference_data, "move_leroy.csv", "Leroy", "href")
    expected = [figures["areas"]["contour_m2"][level] / 1e6 for level in ("p50", "p95")]
    assert [isopleth.area_km2 for isopleth in found] == pytest.approx(expected, rel=2e-3)
