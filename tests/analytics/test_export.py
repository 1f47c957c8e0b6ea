"""What other programs read: GeoJSON, GeoParquet, GeoTIFF."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio
import shapely
from shapely.geometry import shape

from analytics.errors import AnalyticsError
from analytics.export import (
    ExportError,
    check_target,
    home_range_features,
    to_geojson,
    whole,
    write_features,
    write_raster,
)
from analytics.ranges.kde import kernel_ud
from analytics.study import Done, Job, compute
from tests.analytics.tracks import IN_THE_ALPS, cloud, ring


def done(method="kde", animal="Alva", projection=IN_THE_ALPS, **options):
    fixes = cloud(fixes=120, projection=projection)
    asked = Job(animal, fixes, method, (50.0, 95.0), options, keep_ud=True)
    return Done(asked, compute(asked))


@pytest.fixture(scope="module")
def two():
    return [done(), done("akde", "Bruna")]


def test_every_feature_says_whose_it_is_and_how_it_was_made(two):
    features = to_geojson(home_range_features(two))["features"]
    said = [(f["properties"]["animal"], f["properties"]["level_percent"]) for f in features]
    assert said == [("Alva", 95), ("Alva", 50), ("Bruna", 95), ("Bruna", 50)]
    first = features[0]["properties"]
    assert first["software_version"].startswith("capra ")
    assert first["parameters"]["bandwidth_m"] > 0
    assert first["from_time"] == "1970-01-01T00:00:00+00:00"
    assert first["projection"] == IN_THE_ALPS.crs


def test_geojson_keeps_intervals_where_there_are_any(two):
    plain, modelled = (
        f["properties"] for f in to_geojson(home_range_features(two))["features"][::2]
    )
    assert plain["area_low_km2"] is plain["effective_size"] is None
    assert modelled["area_low_km2"] < modelled["area_km2"] < modelled["area_high_km2"]
    assert modelled["confidence_percent"] == 95
    assert modelled["effective_size"] > 10


def test_a_geojson_file_holds_valid_areas_around_the_animal(two, tmp_path):
    path = tmp_path / "out.geojson"
    write_features(path, home_range_features(two))
    document = json.loads(path.read_text())
    areas = [shape(feature["geometry"]) for feature in document["features"]]
    assert all(area.is_valid for area in areas)
    assert all(area.contains(shapely.Point(10.2, 46.66)) for area in areas)
    assert [one.name for one in tmp_path.iterdir()] == ["out.geojson"]


def geo(path):
    table = pq.read_table(path)
    return table, json.loads(table.schema.metadata[b"geo"])


def test_geoparquet_holds_the_same_as_geojson(two, tmp_path):
    path = tmp_path / "out.parquet"
    write_features(path, home_range_features(two))
    table, _ = geo(path)
    features = to_geojson(home_range_features(two))["features"]
    for row, feature in zip(table.to_pylist(), features, strict=True):
        area = shapely.from_wkb(row["geometry"])
        assert area.geom_type == "MultiPolygon"
        assert area.symmetric_difference(shape(feature["geometry"])).area < 1e-8  # rounded to 1 cm
        assert row["area_km2"] == feature["properties"]["area_km2"]
        assert json.loads(row["parameters"]) == feature["properties"]["parameters"]
        assert row["from_time"].isoformat() == feature["properties"]["from_time"]


def test_geoparquet_says_what_its_specification_asks(two, tmp_path):
    path = tmp_path / "out.parquet"
    write_features(path, home_range_features(two))
    _, members = geo(path)
    column = members["columns"][members["primary_column"]]
    assert (members["version"], column["encoding"]) == ("1.1.0", "WKB")
    assert column["geometry_types"] == ["MultiPolygon"]
    assert "crs" not in column  # longitude and latitude
    west, south, east, north = column["bbox"]
    assert west < 10.2 < east
    assert south < 46.66 < north


def test_metres_that_lie_nowhere_stay_metres_in_geoparquet(tmp_path):
    path, here = tmp_path / "out.parquet", done("mcp", projection=None)
    write_features(path, home_range_features([here]))
    table, members = geo(path)
    assert members["columns"]["geometry"]["crs"] is None
    area = shapely.from_wkb(table["geometry"][0].as_py())
    assert area.area / 1e6 == pytest.approx(table["area_km2"][0].as_py())


@pytest.mark.parametrize(
    ("name", "geographic", "message"),
    [
        ("out.shp", True, r"out\.shp: expected a name ending in \.geojson or \.parquet"),
        ("none/out.geojson", True, "there is no folder .*none"),
        ("out.geojson", False, "say where with --origin LAT,LON, or write .parquet"),
    ],
)
def test_what_cannot_be_written_is_said_before(tmp_path, name, geographic, message):
    with pytest.raises(ExportError, match=message):
        check_target(tmp_path / name, geographic)


def test_a_raster_lies_where_its_density_does(tmp_path):
    path = tmp_path / "ud.tif"
    ud = kernel_ud(ring(projection=IN_THE_ALPS), cell_m=50.0)
    write_raster(path, ud)
    with rasterio.open(path) as file:
        values = file.read(1)
        crs, tags = file.crs, file.tags()
        bounds, cell_m = file.bounds, file.transform.a
    assert cell_m == -file.transform.e == 50.0
    assert bounds.left == pytest.approx(ud.grid.x_m[0] - 25)
    assert bounds.right == pytest.approx(ud.grid.x_m[-1] + 25)
    assert bounds.bottom == pytest.approx(ud.grid.y_m[0] - 25)
    assert bounds.top == pytest.approx(ud.grid.y_m[-1] + 25)
    assert np.array_equal(values[::-1], ud.density_per_m2.astype(np.float32))
    assert crs.to_dict()["proj"] == "aeqd"
    assert (crs.to_dict()["lat_0"], crs.to_dict()["lon_0"]) == (46.66, 10.2)
    assert json.loads(tags["parameters"]) == ud.estimate.parameters
    assert (tags["units"], tags["fixes"]) == ("1/m2", "200")


def test_a_raster_in_metres_has_no_reference_system(tmp_path):
    write_raster(tmp_path / "ud.tif", kernel_ud(cloud(), cell_m=100.0))
    with rasterio.open(tmp_path / "ud.tif") as file:
        assert file.crs is None
        assert file.transform.a == 100.0


def test_a_file_that_fails_leaves_nothing_and_keeps_the_old(tmp_path):
    path = tmp_path / "out.geojson"
    path.write_text("old")

    def fail():
        with whole(path) as part:
            part.write_text("new, but only ha")
            raise OSError("no space left")

    with pytest.raises(ExportError, match=r"out\.geojson: cannot be written: no space left"):
        fail()
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_errors_of_files_are_errors_of_analytics():
    assert issubclass(ExportError, AnalyticsError)
