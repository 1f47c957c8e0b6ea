"""Minimum convex polygons against plain geometry and the R package adehabitatHR 0.4.22."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

from analytics.errors import ParameterError, TrackError
from analytics.kernels.hull import hull
from analytics.ranges.mcp import minimum_convex_polygon
from tests.analytics import oracles_ranges as oracles
from tests.analytics.tracks import GOLDEN, IN_THE_ALPS, cloud, ring, stored_track, track

FEW = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=1, max_size=60)
MANY = st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=60)
FILES = {
    "puechabonsp": "adehabitatMA_puechabonsp.csv",
    "ctmm_buffalo": "ctmm_buffalo.csv",
    "leroy": "move_leroy.csv",
}


def areas_km2(made, levels):
    return [found.area_km2 for found in minimum_convex_polygon(made, levels).isopleths]


@settings(derandomize=True, deadline=None, max_examples=300)
@given(FEW)
def test_hull_is_that_of_a_walk_around_the_points(points):
    x, y = np.array(points, float).T.copy()
    assert [points[i] for i in hull(x, y)] == oracles.convex_hull(points)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(MANY)
def test_hull_of_any_numbers_has_the_same_area(points):
    x, y = np.array(points, float).T.copy()
    plain = oracles.polygon_area(oracles.convex_hull(points))
    # thin hulls lose digits in the crossed products of their oracle
    assert oracles.polygon_area([points[i] for i in hull(x, y)]) == pytest.approx(plain, abs=1e-2)


def test_many_equal_columns_are_sorted_by_both():
    x, y = np.meshgrid(np.arange(50.0), np.arange(50.0))
    mixed = np.random.default_rng(1).permutation(2500)
    corners = hull(x.ravel()[mixed], y.ravel()[mixed])
    found = [(float(x.ravel()[mixed][i]), float(y.ravel()[mixed][i])) for i in corners]
    assert found == [(0, 0), (49, 0), (49, 49), (0, 49)]


def test_level_keeps_the_fixes_within_the_quantile():
    made = cloud(fixes=37)
    middle = (made.x_m.mean(), made.y_m.mean())
    distances = [math.dist(middle, p) for p in zip(made.x_m, made.y_m, strict=True)]
    for level in (50, 80, 95):
        limit = oracles.quantile_of_type_7(distances, level)
        near = np.array(distances) <= limit * (1 + 1e-12)
        corners = oracles.convex_hull(list(zip(made.x_m[near], made.y_m[near], strict=True)))
        expected = oracles.polygon_area(corners) / 1e6
        assert areas_km2(made, [level]) == pytest.approx([expected], rel=1e-12)


def test_quantile_that_is_a_fix_keeps_it():
    # 21 fixes: the 95 % quantile is the 20th distance, whatever 20 * 0.95 is in binary
    far = np.append(np.arange(1.0, 21), 1000)
    made = track(far * np.cos(far), far * np.sin(far))
    (found,) = minimum_convex_polygon(made, [95]).isopleths
    on_the_edge = sum(
        found.polygon.buffer(1e-9).covers(Point(x, y))
        for x, y in zip(made.x_m, made.y_m, strict=True)
    )
    assert on_the_edge == 20


def test_all_fixes_lie_within_the_whole_polygon():
    made = cloud()
    (found,) = minimum_convex_polygon(made, [100]).isopleths
    grown = found.polygon.buffer(1e-6)
    assert all(grown.covers(Point(x, y)) for x, y in zip(made.x_m, made.y_m, strict=True))
    assert found.area_grid_km2 is None and found.polygon.is_valid


def test_higher_levels_contain_lower_ones():
    small, large, whole = (i.polygon for i in minimum_convex_polygon(cloud()).isopleths)
    assert large.buffer(1e-6).contains(small) and whole.buffer(1e-6).contains(large)


def test_area_moves_turns_mixes_and_scales_with_the_track():
    here, levels = cloud(), (50, 95, 100)
    order = np.random.default_rng(3).permutation(len(here))
    expected = areas_km2(here, levels)
    assert areas_km2(track(here.x_m + 7e5, here.y_m + 3e6), levels) == pytest.approx(expected)
    assert areas_km2(track(-here.y_m, here.x_m), levels) == pytest.approx(expected)
    assert areas_km2(track(here.x_m[order], here.y_m[order]), levels) == pytest.approx(expected)
    scaled = areas_km2(track(8 * here.x_m, 8 * here.y_m), levels)
    assert scaled == pytest.approx([64 * area for area in expected])


def test_polygon_of_a_ring_has_its_area():
    (found,) = minimum_convex_polygon(ring(projection=IN_THE_ALPS), [100]).isopleths
    assert found.area_km2 == pytest.approx(math.pi, rel=1e-3)
    properties = found.to_geojson()["properties"]
    assert properties["area_grid_km2"] is None and properties["level_percent"] == 100


@pytest.mark.parametrize("level", [0, 100.1, -5, float("nan")])
def test_level_out_of_range_is_named(level):
    with pytest.raises(ParameterError, match=f"level_percent is {level}, expected more than 0"):
        minimum_convex_polygon(cloud(), [level])


def test_no_level_is_refused():
    with pytest.raises(ParameterError, match="at least one level"):
        minimum_convex_polygon(cloud(), [])


def test_den_that_holds_half_the_fixes_has_no_half_polygon():
    made = track([0] * 30 + [100, -100, 0, 0], [0] * 30 + [0, 0, 100, -100])
    assert areas_km2(made, [100]) == [0.02]
    with pytest.raises(TrackError, match="30 fixes of the 50 % polygon lie on one line: no area"):
        minimum_convex_polygon(made, [50])


def test_too_few_fixes_are_refused():
    with pytest.raises(TrackError, match="4 fixes, at least 5 are needed"):
        minimum_convex_polygon(cloud(fixes=4))


@pytest.mark.parametrize("name", ["ouf_1000", "ouf_irregular_600"])
def test_simulated_tracks_have_the_packages_areas(name):
    results = json.loads((GOLDEN / "sim_ouf_ranges.json").read_text())["results"]
    rows = next(r for r in results if r["track"] == name)["mcp"]
    found = areas_km2(stored_track(GOLDEN / f"sim_{name}.csv"), [r["percent"] for r in rows])
    assert found == pytest.approx([r["area_m2"] / 1e6 for r in rows], rel=1e-12)


def test_real_tracks_have_the_packages_areas_and_corners(reference_data):
    rows = json.loads((reference_data / "reference" / "mcp.json").read_text())["area_m2"]
    assert len(rows) == 35
    for row in rows:
        made = stored_track(reference_data / "tracks" / FILES[row["dataset"]], row["id"])
        (found,) = minimum_convex_polygon(made, [row["percent"]]).isopleths
        assert found.area_km2 == pytest.approx(row["area_m2"] / 1e6, rel=1e-12)
        assert len(found.polygon.geoms[0].exterior.coords) - 1 == row["n_vertices"]


def test_real_polygons_have_the_packages_corners(reference_data):
    stored = json.loads((reference_data / "reference" / "mcp.json").read_text())
    for animal in stored["vertices_puechabon_95"]:
        made = stored_track(reference_data / "tracks" / FILES["puechabonsp"], animal["id"])
        (found,) = minimum_convex_polygon(made, [95]).isopleths
        corners = set(found.polygon.geoms[0].exterior.coords)
        assert corners == {tuple(map(float, corner)) for corner in animal["xy"]}
