"""Local convex hulls against plain sets and unions, and the R package adehabitatHR 0.4.22."""

import json

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point

from analytics.errors import ParameterError, TrackError
from analytics.ranges import locoh
from analytics.ranges.locoh import local_convex_hull, local_hulls
from tests.analytics import oracles_ranges as oracles
from tests.analytics.tracks import GOLDEN, cloud, ring, stored_track, track, two_clusters

RULES = st.one_of(
    st.fixed_dictionaries({"k": st.integers(3, 9)}),
    st.fixed_dictionaries({"r_m": st.floats(200, 1500)}),
    st.fixed_dictionaries({"a_m": st.floats(500, 9000)}),
)
FILES = {"puechabonsp": "adehabitatMA_puechabonsp.csv", "leroy": "move_leroy.csv"}
PARAMETER = {"k": "k", "r": "r_m", "a": "a_m"}


def areas_km2(made, **arguments):
    return [found.area_km2 for found in local_convex_hull(made, **arguments).isopleths]


def reference_rows(folder):
    return json.loads((folder / "reference" / "locoh.json").read_text())["results"]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 1000), st.integers(9, 30), RULES)
def test_rows_agree_with_plain_sets_and_unions(seed, fixes, rule):
    made = cloud(fixes=fixes, seed=seed)
    points = list(zip(made.x_m.tolist(), made.y_m.tolist(), strict=True))
    plain = oracles.local_hull_rows(points, **rule)
    if not plain:
        with pytest.raises(TrackError, match="no neighbourhood with"):
            local_hulls(made, **rule)
        return
    found = local_hulls(made, **rule)
    assert found.percent == pytest.approx([percent for percent, _ in plain])
    assert found.union_areas_m2() == pytest.approx([area for _, area in plain])


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(3, 20))
def test_equally_far_neighbours_are_taken_in_order(seed, k):
    places = np.random.default_rng(seed).permutation(25)[: k + 4]
    x_m, y_m = (places % 5) * 10.0, (places // 5) * 10.0
    points = list(zip(x_m.tolist(), y_m.tolist(), strict=True))
    near, _ = locoh._Neighbours(x_m, y_m, "k", k)._nearest(0, len(points), len(points))
    expected = oracles.neighbourhoods(points, k=k)
    assert near[:, :k].tolist() == expected


def test_blocks_do_not_change_the_result(monkeypatch):
    made = cloud(fixes=150)
    whole = [local_hulls(made, **rule) for rule in ({"k": 7}, {"r_m": 700.0}, {"a_m": 4e4})]
    monkeypatch.setattr(locoh, "_BLOCK", 500)
    parts = [local_hulls(made, **rule) for rule in ({"k": 7}, {"r_m": 700.0}, {"a_m": 4e4})]
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(one.percent, other.percent)
        np.testing.assert_array_equal(one.corners_m, other.corners_m)


def test_isopleth_is_the_first_union_that_holds_the_level():
    made = cloud(fixes=50)
    found = local_hulls(made, k=8)
    unions = found.union_areas_m2() / 1e6
    expected = [unions[np.argmax(found.percent >= level)] for level in (50, 80)] + [unions[-1]]
    assert areas_km2(made, k=8, levels_percent=(50, 80, 100)) == pytest.approx(expected)


def test_isopleth_holds_its_part_of_the_fixes():
    made = cloud(fixes=200)
    for isopleth in local_convex_hull(made, k=12).isopleths:
        grown = isopleth.polygon.buffer(1e-6)
        inside = sum(grown.covers(Point(p)) for p in zip(made.x_m, made.y_m, strict=True))
        assert inside >= isopleth.level_percent / 100 * 200
        assert isopleth.polygon.is_valid and isopleth.area_grid_km2 is None


def test_ring_of_fixes_has_a_hole():
    (found,) = local_convex_hull(ring(), k=5, levels_percent=[100]).isopleths
    (part,) = found.polygon.geoms
    assert len(part.interiors) == 1 and not found.polygon.contains(Point(0, 0))


def test_two_clusters_have_two_parts():
    (found,) = local_convex_hull(two_clusters(), k=10, levels_percent=[95]).isopleths
    left, right = found.polygon.geoms
    assert left.distance(right) > 4000


@pytest.mark.parametrize("rule", [{"k": 8}, {"r_m": 600.0}, {"a_m": 5000.0}])
def test_area_moves_turns_and_mixes_with_the_track(rule):
    here = cloud(fixes=60)
    expected = areas_km2(here, **rule)
    order = np.random.default_rng(3).permutation(60)
    assert areas_km2(track(here.x_m + 7e5, here.y_m + 3e6), **rule) == pytest.approx(expected)
    assert areas_km2(track(-here.y_m, here.x_m), **rule) == pytest.approx(expected)
    assert areas_km2(track(here.x_m[order], here.y_m[order]), **rule) == pytest.approx(expected)


@pytest.mark.parametrize("rule", [{"k": 8}, {"r_m": 600.0}, {"a_m": 5000.0}])
def test_area_scales_with_the_track(rule):
    here = cloud(fixes=60)
    wide = {name: value if name == "k" else 8 * value for name, value in rule.items()}
    expected = [64 * area for area in areas_km2(here, **rule)]
    assert areas_km2(track(8 * here.x_m, 8 * here.y_m), **wide) == pytest.approx(expected)


def test_fixes_at_one_place_count_once():
    here = cloud(fixes=30)
    twice = track(np.repeat(here.x_m, 2), np.repeat(here.y_m, 2))
    assert areas_km2(twice, k=8) == areas_km2(here, k=8)
    assert local_convex_hull(twice, k=8).estimate.parameters == {"k": 8, "places": 30}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, r"k, r_m, a_m is \(None, None, None\), expected exactly one"),
        ({"k": 5, "r_m": 100.0}, r"k, r_m, a_m is \(5, 100.0, None\), expected exactly one"),
        ({"k": 2}, "k is 2, expected a whole number of at least 3"),
        ({"k": 4.5}, "k is 4.5, expected a whole number"),
        ({"k": 41}, "k is 41, expected at most the 40 different places"),
        ({"r_m": -1.0}, "r_m is -1.0, expected a finite number of metres"),
        ({"a_m": float("nan")}, "a_m is nan"),
        ({"k": 5, "levels_percent": [101]}, "level_percent is 101"),
    ],
)
def test_wrong_argument_is_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        local_convex_hull(cloud(), **arguments)


def test_neighbourhoods_too_small_for_any_hull_are_refused():
    with pytest.raises(TrackError, match=r"no neighbourhood with r_m = 0\.001 covers an area"):
        local_convex_hull(cloud(), r_m=0.001)


def test_level_that_isolated_fixes_keep_out_of_reach_is_refused():
    here = cloud(fixes=30)
    made = track(np.append(here.x_m, [1e5, 2e5]), np.append(here.y_m, [1e5, 0]))
    with pytest.raises(ParameterError, match=r"at most 93\.75: 2 of 32 places have no hull"):
        local_convex_hull(made, r_m=2000.0, levels_percent=[95])


def test_too_few_fixes_are_refused():
    with pytest.raises(TrackError, match="4 fixes, at least 5 are needed"):
        local_convex_hull(cloud(fixes=4), k=3)


def test_hulls_are_valid_polygons():
    polygons = local_hulls(cloud(fixes=300), k=9).polygons()
    assert len(polygons) == 300
    assert (
        shapely.is_valid(polygons).all()
        and shapely.is_ccw(shapely.get_exterior_ring(polygons)).all()
    )


@pytest.mark.parametrize("name", ["ouf_1000", "ouf_irregular_600"])
@pytest.mark.parametrize("k", [10, 20])
def test_simulated_tracks_have_the_packages_areas(name, k):
    results = json.loads((GOLDEN / "sim_ouf_ranges.json").read_text())["results"]
    figures = next(r for r in results if r["track"] == name)[f"locoh_k{k}"]
    made = stored_track(GOLDEN / f"sim_{name}.csv")
    expected = [figures[name] / 1e6 for name in ("area50_m2", "area95_m2", "area_max_m2")]
    assert areas_km2(made, k=k, levels_percent=(50, 95, 100)) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("number", range(11))
def test_real_tracks_have_the_packages_rows(reference_data, number):
    row = reference_rows(reference_data)[number]
    made = stored_track(reference_data / "tracks" / FILES[row["dataset"]], row["id"])
    found = local_hulls(made, **{PARAMETER[row["type"]]: row["par"]})
    assert found.places == row["n_unique"]
    unions = found.union_areas_m2()
    count = min(len(row["rows_head"]["area"]), len(unions))  # it repeats the last row for no hull
    # the package's polygons are stored in single precision
    assert unions[:count] == pytest.approx(row["rows_head"]["area"][:count], rel=1e-6)
    assert unions[-1] == pytest.approx(row["area100_m2"], rel=1e-6)
    # in its rows of r a place that has no hull is never held, though it may lie in another's
    percent, expected = found.percent[:count], np.array(row["rows_head"]["percent"][:count])
    if row["type"] == "r":
        assert row["max_percent"] == pytest.approx(100 * len(unions) / found.places)
        percent = np.minimum(percent, row["max_percent"])
    assert percent == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("number", range(11))
def test_real_tracks_have_the_packages_areas(reference_data, number):
    row = reference_rows(reference_data)[number]
    made = stored_track(reference_data / "tracks" / FILES[row["dataset"]], row["id"])
    rule = {PARAMETER[row["type"]]: row["par"]}
    expected = [row["area50_m2"] / 1e6, row["area95_m2"] / 1e6]
    assert areas_km2(made, **rule) == pytest.approx(expected, rel=1e-6)
