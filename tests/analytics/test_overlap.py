"""Overlap of ranges against plain sums, known normals and the R package adehabitatHR 0.4.22."""

import json
import math
from typing import get_args

import numpy as np
import pytest

from analytics.errors import GridTooSmall, ParameterError
from analytics.grid import Grid
from analytics.kernels.kde import density
from analytics.project import LocalProjection
from analytics.ranges.kde import kernel_ud
from analytics.ranges.overlap import (
    NormalRange,
    OverlapIndex,
    bhattacharyya_interval,
    overlap,
)
from analytics.results import UtilizationDistribution
from tests.analytics import oracles_ranges as oracles
from tests.analytics.tracks import IN_THE_ALPS, cloud, normal_ud, stored_track, track

INDICES = get_args(OverlapIndex)
FILES = {"puechabon": "adehabitatMA_puechabonsp.csv", "buffalo": "ctmm_buffalo.csv"}


def neighbours(apart_m=600.0, cell_m=50.0, projection=None):
    """Two animals whose ranges overlap, on one grid."""
    one, other = cloud(fixes=30, seed=1), cloud(fixes=20, seed=2)
    tracks = [
        track(one.x_m, one.y_m, projection),
        track(other.x_m + apart_m, other.y_m, projection),
    ]
    grid = Grid.around(*(np.concatenate(v) for v in axes(tracks)), cell_m, 1500.0)
    return [kernel_ud(made, bandwidth=250.0, grid=grid) for made in tracks]


def axes(tracks):
    return [made.x_m for made in tracks], [made.y_m for made in tracks]


def shifted_normals(apart_m, sd_m=300.0, cell_m=20.0):
    ud = normal_ud(sd_m, cell_m, 2000.0 + apart_m)
    other = np.roll(ud.density_per_m2, round(apart_m / cell_m), axis=1)
    return [ud, UtilizationDistribution(ud.grid, other, ud.estimate)]


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("index", INDICES)
def test_index_agrees_with_plain_sums(index, conditional):
    uds = neighbours(cell_m=250.0)
    f, g = (ud.density_per_m2.ravel().tolist() for ud in uds)
    cell_m2 = uds[0].grid.cell_area_m2
    plain = [
        [oracles.overlap_index(index, a, b, cell_m2, 90, conditional) for b in (f, g)]
        for a in (f, g)
    ]
    found = overlap(uds, index, level_percent=90, conditional=conditional)
    np.testing.assert_allclose(found.values, plain, rtol=1e-9, atol=1e-12)


def test_affinity_of_shifted_normals_is_known():
    found = overlap(shifted_normals(apart_m=400.0), "BA")
    assert found.values[0, 1] == pytest.approx(math.exp(-((400 / 300) ** 2) / 8), rel=1e-6)


def test_hellinger_distance_follows_from_the_affinity():
    uds = neighbours()
    ba, hd = (overlap(uds, index).values[0, 1] for index in ("BA", "HD"))
    assert hd == pytest.approx(math.sqrt(2 - 2 * ba), rel=1e-4)


def test_animal_with_itself_overlaps_wholly():
    ud = neighbours()[0]
    expected = {"HR": 1, "PHR": 0.95, "VI": 1, "BA": 1, "HD": 0}
    for index, value in expected.items():
        assert overlap([ud, ud], index).values[0, 1] == pytest.approx(value, abs=2e-3)


def test_udoi_of_even_use_is_one():
    even = np.zeros((9, 9))
    even[2:7, 2:7] = 1 / 25
    ud = UtilizationDistribution(Grid(0, 0, 1, 9, 9), even, normal_ud(1, 1, 4).estimate)
    assert overlap([ud, ud], "UDOI").values[0, 1] == pytest.approx(1)


@pytest.mark.parametrize("index", INDICES)
def test_indices_do_not_depend_on_the_place_or_the_unit(index):
    here = neighbours()
    wide = [
        UtilizationDistribution(
            Grid(8 * g.x0_m + 7e5, 8 * g.y0_m, 8 * g.cell_m, g.columns, g.rows),
            ud.density_per_m2 / 64,
            ud.estimate,
        )
        for ud in here
        for g in [ud.grid]
    ]
    np.testing.assert_allclose(
        overlap(wide, index).values, overlap(here, index).values, rtol=1e-9, atol=1e-7
    )


@pytest.mark.parametrize("index", ["VI", "BA", "UDOI", "HD"])
def test_symmetric_indices_are_symmetric(index):
    values = overlap(neighbours(), index).values
    np.testing.assert_allclose(values, values.T, rtol=1e-12)


def test_wrong_arguments_are_named():
    uds = neighbours()
    with pytest.raises(ParameterError, match="index is 'IOU', expected one of HR, PHR"):
        overlap(uds, "IOU")
    with pytest.raises(ParameterError, match="level_percent is 100"):
        overlap(uds, "HR", level_percent=100)
    with pytest.raises(ParameterError, match="uds is '1 distributions', expected at least two"):
        overlap(uds[:1], "HR")


def test_different_grids_and_planes_are_refused():
    here, finer = neighbours(), neighbours(cell_m=40.0)
    with pytest.raises(ParameterError, match=r"uds\[1\].grid is Grid"):
        overlap([here[0], finer[1]], "VI")
    alps, andes = (neighbours(projection=p) for p in (IN_THE_ALPS, LocalProjection(-10, -70)))
    with pytest.raises(ParameterError, match=r"uds\[1\].estimate.projection is"):
        overlap([alps[0], andes[1]], "VI")


def test_grid_that_cuts_the_isopleth_is_refused():
    cut = normal_ud(sd_m=300.0, cell_m=10.0, half_width_m=500.0)
    with pytest.raises(GridTooSmall):
        overlap([cut, cut], "HR")


def test_normal_ranges_have_the_affinity_of_their_densities():
    spread = 300.0**2 * np.eye(2)
    one, other = (NormalRange([x, 0.0], spread, 1e6, 1e6) for x in (0.0, 400.0))
    found = bhattacharyya_interval(one, other)
    assert found.estimate == pytest.approx(math.exp(-((400 / 300) ** 2) / 8), rel=1e-3)
    assert found.low < found.estimate < found.high <= found.low * 1.01


def test_equal_ranges_may_overlap_wholly():
    made = NormalRange.of_independent(cloud(fixes=30))
    found = bhattacharyya_interval(made, made)
    assert found.high == 1 and found.estimate > 0.97 and found.low < 0.98


def test_interval_holds_the_truth_as_often_as_it_says():
    random, held = np.random.default_rng(5), 0
    truth = math.exp(-(0.8**2) / 8)
    for _ in range(200):
        x, y = random.normal(size=(2, 2, 30))
        one = NormalRange.of_independent(track(x[0], y[0]))
        other = NormalRange.of_independent(track(x[1] + 0.8, y[1]))
        found = bhattacharyya_interval(one, other)
        held += found.low <= truth <= found.high
    assert 180 <= held <= 198


def test_wrong_normal_ranges_are_named():
    good = NormalRange([0, 0], np.eye(2), 10, 10)
    with pytest.raises(ParameterError, match=r"covariance_m2 is array.*\n.*, expected symmetric"):
        NormalRange([0, 0], -np.eye(2), 10, 10)
    with pytest.raises(ParameterError, match=r"is \(10, 2\), expected above 0, above 2"):
        NormalRange([0, 0], np.eye(2), 10, 2)
    with pytest.raises(ParameterError, match="confidence_percent is 100"):
        bhattacharyya_interval(good, good, confidence_percent=100)


def packages_uds(folder, figures, name):
    """The package's distributions; densities are laid on its grid of buffalo, coarse as it is.

    Only of the individuals whose tracks are stored.
    """
    grid = figures["grid"]
    nodes = Grid(grid["x0"], grid["y0"], grid["cell"], grid["nx"], grid["ny"])
    uds = []
    for individual, h in zip(figures["ids"], figures["h"], strict=True):
        made = stored_track(folder / "tracks" / FILES[name], individual)
        if not len(made):
            continue
        values = np.zeros((nodes.rows, nodes.columns))
        place = (nodes.x0_m, nodes.y0_m, nodes.cell_m)
        density(made.x_m, made.y_m, *place, h, 4.0, values)
        uds.append(UtilizationDistribution(nodes, values, kernel_ud(made).estimate))
    return uds


@pytest.mark.parametrize("name", FILES)
def test_real_ranges_have_the_packages_indices(reference_data, name):
    figures = json.loads((reference_data / "reference" / "overlap_kde.json").read_text())
    figures = figures["buffalo"] if name == "buffalo" else figures
    uds = packages_uds(reference_data, figures, name)
    assert len(uds) == 4
    compared = 0
    for index in INDICES:
        for conditional in (False, True):
            expected = figures.get(index + "_conditional" * conditional)
            if expected is not None:
                found = overlap(uds, index, conditional=conditional).values
                expected = np.array(expected)[: len(uds), : len(uds)]
                np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
                compared += 1
    assert compared >= 6
