import json

import numpy as np
import pyarrow.parquet
import pytest
import shapely
from shapely.geometry import LineString, MultiPolygon, Point, Polygon

from analytics.corridors.observed import observed_corridors
from analytics.corridors.widths import measure_widths
from analytics.errors import (
    GridTooCoarse,
    GridTooSmall,
    ParameterError,
    TrackError,
    TrackTooSparse,
)
from analytics.grid import Grid
from analytics.ranges.bridges import brownian_bridge_ud
from analytics.ranges.isopleth import volume_percent
from analytics.track import Track
from tests.analytics.tracks import IN_THE_ALPS
from tests.analytics.walks import independent

ERROR_M = 20.0


def way(offset_m=0.0, seed=1, fixes=80, apart_from_m=8000.0, projection=None):
    """A migration of 16 km along x; past `apart_from_m` it turns off to one side."""
    rng = np.random.default_rng(seed)
    x_m = np.linspace(0, 16000, fixes) + rng.normal(size=fixes) * 30
    y_m = rng.normal(size=fixes) * 30 + offset_m * (np.maximum(0, x_m - apart_from_m) / 8000)
    return Track(3600.0 * np.arange(fixes), x_m, y_m, projection)


def herd(projection=None):
    """Three animals share the first 8 km; then two go up and one down."""
    offsets = {"a": 4000.0, "b": 4000.0, "c": -4000.0}
    return {
        name: way(offset, seed=k, projection=projection)
        for k, (name, offset) in enumerate(offsets.items())
    }


def corridors(animals=None, **arguments):
    given = {"motion_variance_m2_per_s": 2.0, "cell_m": 25.0} | arguments
    return observed_corridors(animals or herd(), ERROR_M, **given)


def test_levels_count_the_animals_that_pass():
    found = corridors(shares_percent=(0, 50, 100))
    assert [level.animals for level in found.levels] == [1, 2, 3]
    shared, upper, lower = Point(4000, 0), Point(15000, 3500), Point(15000, -3500)
    holds = [[level.polygon.contains(p) for p in (shared, upper, lower)] for level in found.levels]
    assert holds == [[True, True, True], [True, True, False], [True, False, False]]


def test_higher_levels_lie_in_lower_ones():
    one, two, three = corridors(shares_percent=(0, 50, 100)).levels
    assert one.polygon.contains(two.polygon.buffer(-0.1))
    assert two.polygon.contains(three.polygon.buffer(-0.1))
    assert one.area_km2 > two.area_km2 > three.area_km2 > 0
    assert all(level.polygon.is_valid for level in (one, two, three))


def test_area_of_the_polygon_is_that_of_the_cells():
    for level in corridors().levels:
        assert level.area_km2 == pytest.approx(level.area_grid_km2, rel=0.04)


def test_population_is_the_mean_of_the_animals():
    found = corridors()
    single = [
        brownian_bridge_ud(track, ERROR_M, 2.0, grid=found.grid).density_per_m2
        for track in herd().values()
    ]
    np.testing.assert_allclose(
        found.population.density_per_m2, np.mean(single, axis=0), rtol=1e-9, atol=1e-18
    )
    assert found.population.density_per_m2.sum() * 625 == pytest.approx(1, abs=1e-5)


def test_land_of_one_animal_is_its_isopleth():
    found = corridors()
    ud = brownian_bridge_ud(herd()["c"], ERROR_M, 2.0, grid=found.grid)
    below = found.grid.y_m < -1500
    np.testing.assert_array_equal(found.animals_using[below] > 0, volume_percent(ud)[below] <= 99)


def test_second_migration_of_an_animal_counts_the_animal_once():
    once = corridors()
    twice = corridors(herd() | {"a": [herd()["a"], herd()["a"]]})
    np.testing.assert_array_equal(twice.animals_using, once.animals_using)
    assert twice.estimate.parameters["tracks"] == 4


def test_order_of_animals_does_not_matter():
    once, turned = corridors(), corridors(dict(reversed(herd().items())))
    np.testing.assert_array_equal(turned.animals_using, once.animals_using)


def test_moving_the_herd_moves_the_land():
    moved = {
        name: Track(track.times_s, track.x_m + 5e5, track.y_m - 2e5)
        for name, track in herd().items()
    }
    here, there = corridors().levels[0], corridors(moved).levels[0]
    assert there.area_km2 == pytest.approx(here.area_km2, rel=1e-3)
    assert there.widths.narrowest_m == pytest.approx(here.widths.narrowest_m, abs=30)


@pytest.mark.parametrize("rate", ["likelihood", "dynamic"])
def test_motion_variance_may_be_each_tracks_or_each_steps_own(rate):
    found = corridors(motion_variance_m2_per_s=rate)
    assert found.estimate.parameters["motion_variance_m2_per_s"] == rate
    assert found.levels[0].polygon.contains(Point(8000, 0))


def test_width_of_a_strip_is_measured_square_to_the_way():
    slanted = Polygon([(0, 0), (1000, 1000), (1000, 1400), (0, 400)])  # 400 / sqrt(2) across
    track = Track(np.arange(6.0), np.linspace(300, 700, 6), np.linspace(500, 900, 6))
    widths = measure_widths(MultiPolygon([slanted]), [track], shortest_step_m=10.0)
    assert widths.narrowest_m == pytest.approx(400 / np.sqrt(2))
    assert widths.widest_m == pytest.approx(400 / np.sqrt(2))
    assert widths.sections == 5


def test_bottleneck_is_found_where_it_is():
    waist = Polygon([(0, -300), (500, -50), (1000, -300), (1000, 300), (500, 50), (0, 300)])
    track = Track(np.arange(100.0), np.linspace(1, 999, 100), np.zeros(100))
    widths = measure_widths(MultiPolygon([waist]), [track], shortest_step_m=1.0)
    assert widths.narrowest_m == pytest.approx(100, abs=1)
    assert widths.bottleneck_x_m == pytest.approx(500, abs=6)
    assert widths.median_m == pytest.approx(350, abs=10)


def test_hole_ends_a_section():
    ring = Point(0, 0).buffer(1000).difference(Point(0, 0).buffer(500))
    track = Track([0.0, 1.0], [-100.0, 100.0], [750.0, 750.0])
    widths = measure_widths(MultiPolygon([ring]), [track], shortest_step_m=1.0)
    assert widths.widest_m == pytest.approx(500, rel=0.01)


def test_a_small_hole_does_not_make_a_narrow_place():
    corridor = shapely.box(0, -250, 10_000, 250).difference(Point(5000, 40).buffer(30))
    x_m = np.linspace(100, 9900, 50)
    track = Track(np.arange(50.0), x_m, np.where(np.abs(x_m - 5000) < 200, 5.0, 0.0))
    widths = measure_widths(MultiPolygon([corridor]), [track], shortest_step_m=1.0)
    assert widths.narrowest_m == pytest.approx(500, rel=0.01)


def test_step_outside_or_too_short_gives_no_width():
    area = MultiPolygon([shapely.box(0, 0, 100, 100)])
    outside = Track([0.0, 1.0], [500.0, 600.0], [50.0, 50.0])
    inside = Track([0.0, 1.0], [50.0, 55.0], [50.0, 50.0])
    assert measure_widths(area, [outside], 1.0) is None
    assert measure_widths(area, [inside], 10.0) is None


def test_sections_are_limited():
    area = MultiPolygon([LineString([(0, 0), (1000, 0)]).buffer(50)])
    track = Track(np.arange(1001.0), np.arange(1001.0), np.zeros(1001))
    assert measure_widths(area, [track], 0.5, sections=100).sections == 100


def test_corridor_of_a_straight_way_is_as_wide_as_its_bridges():
    animals = {name: way(seed=k) for k, name in enumerate("abc")}
    widths = corridors(animals, shares_percent=(0,)).levels[0].widths
    # halfway a bridge has sqrt(3600 * 2 / 4 + 400 / 2) = 45 m, and 99 % lie within about 2.5 of it
    # on both sides, beside the 30 m of the ways themselves
    assert 200 < widths.median_m < 400
    assert widths.narrowest_m <= widths.median_m <= widths.widest_m


def test_geojson_is_rfc_7946():
    written = json.loads(json.dumps(corridors(herd(IN_THE_ALPS)).to_geojson()))
    assert written["type"] == "FeatureCollection"
    feature = written["features"][0]
    assert feature["properties"]["animals"] == 1
    lon, lat = feature["properties"]["width_bottleneck_lon_lat"]
    assert (lon, lat) == pytest.approx((10.3, 46.66), abs=0.2)
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert written["estimate"]["parameters"]["animals"] == 3


def test_result_cannot_be_written():
    found = corridors()
    with pytest.raises(ValueError, match="read-only"):
        found.animals_using[0, 0] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shares_percent": ()}, "expected at least one share"),
        ({"shares_percent": (120,)}, "shares_percent is 120, expected 0..100"),
        ({"footprint_percent": 100}, "footprint_percent is 100"),
        ({"motion_variance_m2_per_s": "best"}, "motion_variance_m2_per_s is 'best'"),
        ({"motion_variance_m2_per_s": -1.0}, "motion_variance_m2_per_s is -1.0"),
        ({"max_gap_s": -1.0}, "max_gap_s is -1.0"),
        ({"grid": Grid(0, 0, 10, 5, 5)}, "expected no grid where cell_m is given"),
        ({"animals": {"a": way()}}, "herd is ['a'], expected at least 2 animals"),
        ({"animals": {"a": way(), "b": []}}, "herd is ['b'], expected at least one track"),
        ({"animals": {"a": way(), "b": way(projection=IN_THE_ALPS)}}, "herd is 'on 2 planes'"),
    ],
)
def test_wrong_argument_is_named(arguments, message):
    with pytest.raises(ParameterError) as caught:
        corridors(**arguments)
    assert message in str(caught.value)


def test_unusable_track_is_named_with_its_animal():
    with pytest.raises(TrackError, match="b: 4 fixes, at least 5 are needed"):
        corridors({"a": way(), "b": way(fixes=4)})
    with pytest.raises(TrackTooSparse, match="b: too sparse for bridges"):
        corridors({"a": way(), "b": independent()})
    with pytest.raises(TrackError, match="b: no bridge of at most 10 s"):
        corridors({"b": way(), "c": way()}, max_gap_s=10.0)


def test_a_herd_goes_on_without_tracks_that_cannot_be_used():
    sound = {"a": way(), "c": way(seed=3)}
    found = corridors(sound | {"b": independent()}, skip_unusable=True)
    assert list(found.left_out) == ["b"]
    assert found.left_out["b"].startswith("too sparse for bridges")
    assert found.estimate.parameters["animals"] == 2
    alone = corridors(sound)
    assert np.array_equal(found.animals_using.sum(), alone.animals_using.sum())
    with pytest.raises(TrackError, match=r"1 of at least 2 animals .* b: too sparse"):
        corridors({"a": way(), "b": independent()}, skip_unusable=True)


def test_corridors_become_a_table_and_a_picture(tmp_path):
    animals = herd(projection=IN_THE_ALPS)
    found = corridors(animals)
    found.to_geoparquet(tmp_path / "out.parquet")
    table = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert table["animals"].to_pylist() == [1, 2, 3]
    assert json.loads(table["width_bottleneck_lon_lat"][0].as_py())[1] == pytest.approx(
        46.66, abs=0.1
    )
    found.plot(list(animals.values())).savefig(tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_size > 10_000


def test_land_off_the_grid_is_refused():
    with pytest.raises(GridTooSmall, match="99 % isopleth"):
        corridors(cell_m=None, grid=Grid(0, -500, 25.0, 200, 40))


def test_coarse_cells_are_refused():
    with pytest.raises(GridTooCoarse):
        corridors(cell_m=200.0)
