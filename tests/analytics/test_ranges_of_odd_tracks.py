"""Odd tracks whose answer is known; that every method answers them: see test_bad_input."""

import numpy as np
import pyproj
import pytest

from analytics.project import LocalProjection
from analytics.ranges.etd import elliptical_ud
from analytics.ranges.isopleth import home_range
from analytics.ranges.kde import kernel_ud
from analytics.ranges.locoh import local_convex_hull
from analytics.ranges.mcp import minimum_convex_polygon
from analytics.track import Track
from tests.analytics.tracks import cloud

DAY_S = 86_400.0
ESTIMATORS = {
    "MCP": minimum_convex_polygon,
    "kernel density": lambda made: home_range(kernel_ud(made)),
    "binned kernel density": lambda made: home_range(kernel_ud(made, mode="binned")),
    "Epanechnikov": lambda made: home_range(kernel_ud(made, kernel="epanechnikov")),
    "plug-in": lambda made: home_range(kernel_ud(made, bandwidth="plug-in")),
    "LSCV": lambda made: home_range(kernel_ud(made, bandwidth="lscv")),
    "k-LoCoH": lambda made: local_convex_hull(made, k=5),
    "r-LoCoH": lambda made: local_convex_hull(made, r_m=2000.0),
    "a-LoCoH": lambda made: local_convex_hull(made, a_m=9000.0),
    "elliptical": lambda made: home_range(elliptical_ud(made)),
}
every = pytest.mark.parametrize("name", ESTIMATORS)
pytestmark = pytest.mark.filterwarnings("ignore:.*further off than its fixes spread")


@every
def test_range_across_the_antimeridian_is_cut_and_as_large(name):
    here = cloud(fixes=60)
    lat, lon = LocalProjection(-17.0, 179.999).inverse(here.x_m, here.y_m)
    found = ESTIMATORS[name](Track.from_geographic(here.times_s, lat, lon)).isopleths[-1]
    degrees = found.to_geographic()
    west, _, east, _ = degrees.bounds
    assert degrees.is_valid and (west, east) == (-180, 180)
    area_m2, _ = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(degrees)
    assert area_m2 / 1e6 == pytest.approx(found.area_km2, rel=1e-4)


@every
def test_gap_of_a_day_is_answered(name):
    here = cloud(fixes=60)
    times_s = here.times_s + np.where(np.arange(60) < 30, 0, DAY_S)
    found = ESTIMATORS[name](Track(times_s, here.x_m, here.y_m)).isopleths
    expected = ESTIMATORS[name](here).isopleths
    if name == "elliptical":  # the day may have been spent anywhere within reach
        assert found[-1].area_km2 > 2 * expected[-1].area_km2
    else:  # takes no notice of time
        assert [i.area_km2 for i in found] == [i.area_km2 for i in expected]


@pytest.mark.parametrize("name", ["MCP", "binned kernel density", "plug-in"])
def test_ten_years_of_fixes_are_answered(name):
    made = cloud(fixes=3653 * 4)
    found = ESTIMATORS[name](Track(made.times_s * 6, made.x_m, made.y_m))
    true_km2 = 2 * np.pi * 0.75 * 0.5 * np.log(20)  # of the 95 % ellipse
    level = {i.level_percent: i for i in found.isopleths}[95.0]
    assert level.area_km2 == pytest.approx(true_km2, rel=0.15)
    assert found.estimate.to_json()["to_time"].startswith("1980-01-01T18")
