import json

import numpy as np
import pyproj
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, shape

from analytics.errors import GridTooCoarse, GridTooSmall, ParameterError, ProjectionError
from analytics.grid import Grid
from analytics.project import LocalProjection
from analytics.ranges.isopleth import home_range, isopleth, volume_percent
from analytics.ranges.kde import kernel_ud
from analytics.results import UtilizationDistribution
from analytics.track import Track
from tests import oracles
from tests.analytics.tracks import IN_THE_ALPS, cloud, normal_ud, ring, track, two_clusters


@pytest.mark.parametrize("level_percent", [10, 50, 95, 99])
def test_isopleth_of_a_normal_is_a_known_circle(level_percent):
    found = isopleth(normal_ud(sd_m=300.0, cell_m=10.0, half_width_m=2000.0), level_percent)
    true_km2 = -2 * np.pi * 0.3**2 * np.log(1 - level_percent / 100)
    cell_km2 = 1e-4
    assert found.area_km2 == pytest.approx(true_km2, rel=2e-4, abs=2 * cell_km2)
    # a circle of r cells holds pi r^2 + O(r^(2/3)) nodes
    assert found.area_grid_km2 == pytest.approx(true_km2, rel=2e-3, abs=8 * cell_km2)
    assert found.polygon.is_valid


def test_volume_agrees_with_the_plain_count():
    ud = kernel_ud(cloud(fixes=6), bandwidth=400.0, cell_m=250.0)
    plain = oracles.volume_percent(ud.density_per_m2.ravel().tolist(), ud.grid.cell_area_m2)
    np.testing.assert_allclose(volume_percent(ud).ravel(), plain, rtol=1e-12)


def test_equal_densities_share_one_volume():
    density = np.array([[0, 0, 0, 0], [0, 0.25, 0.25, 0], [0, 0.25, 0.25, 0], [0, 0, 0, 0]])
    ud = UtilizationDistribution(Grid(0, 0, 1, 4, 4), density, cloud_estimate())
    # one after the other they would have 25, 50, 75 and 100 %
    assert volume_percent(ud)[1:3, 1:3].tolist() == [[62.5, 62.5], [62.5, 62.5]]
    assert volume_percent(ud)[0].tolist() == [100.0] * 4


def test_ring_of_fixes_has_a_hole():
    found = isopleth(kernel_ud(ring(radius_m=1000.0), bandwidth=100.0), 95)
    (part,) = found.polygon.geoms
    assert found.polygon.is_valid
    assert len(part.interiors) == 1
    assert not found.polygon.contains(Point(0, 0))
    # a ridge with normal flanks holds 95 % within 1.96 bandwidths on either side
    assert found.area_km2 == pytest.approx(2 * np.pi * 1.0 * 2 * 1.96 * 0.1, rel=0.02)
    assert found.area_grid_km2 == pytest.approx(found.area_km2, rel=0.01)


def test_den_inside_the_ring_is_an_island_in_the_hole():
    around, den = ring(radius_m=1000.0), cloud(fixes=60, spread_m=20.0)
    both = track(np.append(around.x_m, den.x_m), np.append(around.y_m, den.y_m))
    found = isopleth(kernel_ud(both, bandwidth=100.0), 90)
    assert sorted(len(part.interiors) for part in found.polygon.geoms) == [0, 1]
    assert found.polygon.contains(Point(0, 0))
    assert found.polygon.is_valid


def test_two_clusters_have_two_equal_parts():
    found = isopleth(kernel_ud(two_clusters(), bandwidth=60.0), 95)
    left, right = found.polygon.geoms
    assert left.distance(right) > 4000
    # their nodes lie differently under the two clouds
    assert left.area == pytest.approx(right.area, rel=2e-3)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.15, 2), st.floats(20, 60), st.floats(65, 98))
def test_higher_levels_contain_lower_ones(seed, width, lower, higher):
    made = cloud(fixes=12, seed=seed)
    ranges = home_range(kernel_ud(made, bandwidth=width * 500), (lower, higher))
    small, large = (found.polygon for found in ranges.isopleths)
    assert isinstance(small, MultiPolygon) and small.is_valid and large.is_valid
    assert large.buffer(1e-6).contains(small)
    assert 0 < small.area < large.area


def test_turned_track_has_the_same_area():
    here = cloud()
    turned = isopleth(kernel_ud(track(-here.y_m, here.x_m)), 95)
    assert turned.area_km2 == pytest.approx(isopleth(kernel_ud(here), 95).area_km2, rel=1e-9)


def test_scaled_track_has_the_scaled_area():
    here = cloud()
    wide = isopleth(kernel_ud(track(8 * here.x_m, 8 * here.y_m)), 95)
    assert wide.area_km2 == pytest.approx(64 * isopleth(kernel_ud(here), 95).area_km2, rel=1e-9)


def test_default_cells_are_fine_enough():
    made = cloud()
    coarse, fine = (isopleth(ud, 95) for ud in (kernel_ud(made), kernel_ud(made, cell_m=15.0)))
    assert coarse.area_km2 == pytest.approx(fine.area_km2, rel=2e-3)


def test_home_range_keeps_the_order_asked_for():
    ranges = home_range(kernel_ud(cloud()), (95, 50))
    assert [found.level_percent for found in ranges.isopleths] == [95, 50]
    assert ranges.estimate.fixes == 40


@pytest.mark.parametrize("level_percent", [0, 100, -5, float("nan")])
def test_level_out_of_range_is_named(level_percent):
    with pytest.raises(ParameterError, match=f"level_percent is {level_percent}"):
        isopleth(kernel_ud(cloud()), level_percent)


def test_home_range_needs_a_level():
    with pytest.raises(ParameterError, match="at least one level"):
        home_range(kernel_ud(cloud()), ())


def test_isopleth_cut_by_the_border_is_refused():
    ud = normal_ud(sd_m=300.0, cell_m=10.0, half_width_m=500.0)
    assert isopleth(ud, 50).area_km2 > 0
    with pytest.raises(GridTooSmall, match=r"the 95 % isopleth .* holds 82\.\d+ % of"):
        isopleth(ud, 95)


def test_level_above_what_the_grid_holds_is_refused():
    density = np.zeros((5, 5))
    density[2, 2] = 0.9
    ud = UtilizationDistribution(Grid(0, 0, 1, 5, 5), density, cloud_estimate())
    with pytest.raises(GridTooSmall, match="holds 90 % of"):
        isopleth(ud, 95)


def test_level_within_one_cell_is_refused():
    with pytest.raises(
        GridTooCoarse, match=r"its densest cell holds [\d.]+ %, more than .* 0\.01 %"
    ):
        isopleth(kernel_ud(cloud()), 0.01)


@pytest.mark.parametrize("made", [ring, two_clusters, cloud])
def test_geographic_polygon_is_valid_and_as_large(made):
    found = isopleth(kernel_ud(made(projection=IN_THE_ALPS), bandwidth=100.0), 95)
    degrees = found.to_geographic()
    assert degrees.is_valid
    assert len(degrees.geoms) == len(found.polygon.geoms)
    area_m2, _ = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(degrees)
    assert area_m2 / 1e6 == pytest.approx(found.area_km2, rel=1e-5)


def test_home_range_across_the_antimeridian_is_cut():
    lat, lon = LocalProjection(52.0, 179.995).inverse(ring().x_m, ring().y_m)
    found = isopleth(kernel_ud(Track.from_geographic(range(200), lat, lon), bandwidth=100.0), 95)
    degrees = found.to_geographic()
    assert found.area_km2 == pytest.approx(2.46, rel=0.02)
    assert degrees.is_valid
    assert degrees.bounds[0] == -180 and degrees.bounds[2] == 180


def test_plane_without_a_place_has_no_geography():
    with pytest.raises(ProjectionError, match="the track has no projection"):
        isopleth(kernel_ud(cloud()), 95).to_geographic()


def test_geojson_survives_being_written_and_read():
    ranges = home_range(kernel_ud(ring(projection=IN_THE_ALPS), bandwidth=100.0))
    read = json.loads(json.dumps(ranges.to_geojson(), allow_nan=False))
    assert read["type"] == "FeatureCollection"
    assert read["estimate"]["from_time"] == "1970-01-01T00:00:00+00:00"
    assert read["estimate"]["projection"] == IN_THE_ALPS.crs
    for feature, found in zip(read["features"], ranges.isopleths, strict=True):
        geometry = shape(feature["geometry"])
        assert geometry.geom_type == "MultiPolygon" and geometry.is_valid
        assert geometry.hausdorff_distance(found.to_geographic()) < 2e-7
        assert feature["properties"]["area_km2"] == found.area_km2


def test_geojson_rings_follow_the_right_hand_rule():
    feature = isopleth(kernel_ud(ring(projection=IN_THE_ALPS), bandwidth=100.0), 95).to_geojson()
    (part,) = shape(feature["geometry"]).geoms
    assert part.exterior.is_ccw
    assert not part.interiors[0].is_ccw


def cloud_estimate():
    return normal_ud(1.0, 1.0, 2.0).estimate
