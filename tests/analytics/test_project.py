import csv

import numpy as np
import pyproj
import pytest
from shapely.geometry import MultiPolygon, Point, Polygon, box

from analytics.errors import ParameterError, ProjectionError
from analytics.project import LocalProjection, UtmProjection

PLANE = LocalProjection(46.66, 10.2)


def test_forward_gives_geodesic_distance_and_bearing():
    x_m, y_m = PLANE.forward(47.9, 11.7)
    azimuth_deg, _, distance_m = pyproj.Geod(ellps="WGS84").inv(10.2, 46.66, 11.7, 47.9)
    assert np.hypot(x_m, y_m) == pytest.approx(distance_m, rel=1e-10)
    assert np.degrees(np.arctan2(x_m, y_m)) == pytest.approx(azimuth_deg, rel=1e-9)


def test_inverse_undoes_forward():
    lat, lon = np.random.default_rng(2).uniform((-89, -180), (89, 180), (100, 2)).T
    back = PLANE.inverse(*PLANE.forward(lat, lon))
    np.testing.assert_allclose(back[0], lat, rtol=0, atol=1e-9)
    np.testing.assert_allclose(back[1], lon, rtol=0, atol=1e-9)


def test_area_is_too_large_by_the_stated_part():
    far = box(1_499_000, -500, 1_500_000, 500)
    lon, lat = far.exterior.coords.xy
    lat, lon = PLANE.inverse(lon, lat)
    true_m2, _ = pyproj.Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)
    assert far.area / true_m2 - 1 == pytest.approx((1.5e6 / 6.371e6) ** 2 / 6, rel=0.05)


def test_centre_lies_between_both_sides_of_the_antimeridian():
    assert LocalProjection.around([10, 10], [179, -179]).lon0_deg == pytest.approx(180)


def test_circle_comes_back_at_its_place():
    circle = MultiPolygon([Point(2000, -3000).buffer(500)])
    degrees = PLANE.to_geographic(circle)
    lat, lon = PLANE.inverse(2000, -3000)
    assert degrees.is_valid
    assert degrees.centroid.distance(Point(float(lon), float(lat))) < 1e-7


def test_area_across_the_antimeridian_is_cut_there():
    plane = LocalProjection(-17.0, 179.99)
    degrees = plane.to_geographic(MultiPolygon([Point(0, 0).buffer(5000, quad_segs=64)]))
    west, east = sorted(degrees.geoms, key=lambda part: part.bounds[0])
    assert degrees.is_valid
    assert west.bounds[0] == -180 and east.bounds[2] == 180
    lat = east.bounds[1]
    area_m2 = sum(
        abs(pyproj.Geod(ellps="WGS84").geometry_area_perimeter(part)[0]) for part in (west, east)
    )
    assert -17.05 < lat < -17
    assert area_m2 == pytest.approx(np.pi * 5000**2, rel=1e-3)


def test_hole_across_the_antimeridian_survives_the_cut():
    ring = Point(0, 0).buffer(5000).difference(Point(0, 0).buffer(3000))
    degrees = LocalProjection(60.0, -180.0).to_geographic(MultiPolygon([ring]))
    assert degrees.is_valid
    assert not degrees.intersects(Point(180, 60)) and not degrees.intersects(Point(-180, 60))


@pytest.mark.parametrize("pole_deg", [90, -90])
def test_area_around_or_behind_a_pole_is_refused(pole_deg):
    plane = LocalProjection(pole_deg - np.sign(pole_deg) * 0.05, 20.0)
    pole_m = float(plane.forward(pole_deg, 0)[1])
    around = Point(0, pole_m).buffer(1000)
    surrounding = around.difference(Point(0, pole_m).buffer(500))
    behind = Point(0, 2 * pole_m).buffer(1000)
    for area in (around, surrounding, behind):
        with pytest.raises(ProjectionError, match=f"at or behind the pole {pole_deg}"):
            plane.to_geographic(MultiPolygon([area]))
    assert plane.to_geographic(MultiPolygon([Point(0, 0).buffer(1000)])).is_valid


def test_centre_off_the_globe_is_named():
    with pytest.raises(ParameterError, match=r"lat0_deg is 91, expected -90\.\.90 degrees"):
        LocalProjection(91, 0)


def test_nothing_stays_nothing():
    assert PLANE.to_geographic(MultiPolygon()).is_empty


def test_touching_rings_come_out_valid():
    bow_tie = Polygon([(0, 0), (100, 100), (100, 0), (0, 100)])
    degrees = PLANE.to_geographic(MultiPolygon([bow_tie]))
    assert degrees.is_valid
    assert len(degrees.geoms) == 2


def test_metres_of_another_package_are_reproduced(reference_data):
    """The fisher Leroy in R package move 4.2.7, which uses the same projection."""
    with (reference_data / "tracks" / "move_leroy.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    lat, lon, x_m, y_m = (
        np.array([float(row[name]) for row in rows]) for name in ("lat", "lon", "x_m", "y_m")
    )
    ours = LocalProjection(42.73884025, -73.8871629).forward(lat, lon)
    np.testing.assert_allclose(ours, (x_m, y_m), rtol=0, atol=1e-3)


def test_utm_is_the_registered_grid_of_its_zone_and_comes_back():
    plane = UtmProjection.around([46.66], [10.2])
    assert plane == UtmProjection(32, south=False)
    x_m, y_m = plane.forward(46.66, 10.2)
    registered = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32632").transform(46.66, 10.2)
    assert (float(x_m), float(y_m)) == pytest.approx(registered, abs=1e-6)
    lat, lon = plane.inverse(x_m, y_m)
    assert (float(lat), float(lon)) == pytest.approx((46.66, 10.2), abs=1e-9)
    assert UtmProjection.around([-33.0], [151.0]) == UtmProjection(56, south=True)


def test_areas_in_utm_are_true_within_its_limits():
    local, utm = LocalProjection(46.66, 10.2), UtmProjection(32)
    square = Polygon([(0, 0), (1e4, 0), (1e4, 1e4), (0, 1e4)])
    lat, lon = local.inverse(*np.array(square.exterior.coords).T)
    there = Polygon(np.column_stack(utm.forward(lat, lon)))
    assert there.area == pytest.approx(square.area, rel=8e-4)
    back = utm.to_geographic(there)
    assert back.is_valid and back.centroid.y == pytest.approx(46.70, abs=0.01)


@pytest.mark.parametrize(("lat", "message"), [(85.0, "UTM goes from -80 to 84"), (-81.0, "UTM")])
def test_there_is_no_utm_near_the_poles(lat, message):
    with pytest.raises(ProjectionError, match=message):
        UtmProjection.around([lat], [10.0])
