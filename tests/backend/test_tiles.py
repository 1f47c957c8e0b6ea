"""Vector tiles: what GDAL reads out of them is what the API gives otherwise."""

from __future__ import annotations

import math
from typing import Any

import httpx
import numpy as np
import psycopg
import pytest
import shapely

from backend import tiles
from backend.fix_columns import FixColumns
from tests.backend.conftest import Herd
from tests.backend.factories import bearer, key_for
from tests.backend.tile_reader import address_of, read_tile

pytestmark = pytest.mark.db
API = "/api/v1"


def tile_at(client: httpx.Client, zoom: int, lon: float, lat: float, **more: Any) -> Any:
    zoom, column, row = address_of(zoom, lon, lat)
    answer = client.get(f"{API}/tiles/{zoom}/{column}/{row}.mvt", **more).raise_for_status()
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    return read_tile(answer.content, zoom, column, row)


def test_a_tile_has_the_fixes_of_its_place(reader: httpx.Client, herd: Herd) -> None:
    asked = {"animal": herd.gian}
    given = reader.get(f"{API}/fixes", params=asked).json()["features"]
    by_id = {one["id"]: one for one in given}
    one = given[20]
    read = tile_at(reader, 22, *one["geometry"]["coordinates"], params=asked)
    (fix,) = (said for said in read["fixes"] if said.properties["fix"] == one["id"])
    assert fix.positions == [pytest.approx(one["geometry"]["coordinates"], abs=1e-7)]
    assert fix.properties["animal"] == herd.gian
    assert {said.properties["fix"] for said in read["fixes"]} <= set(by_id)


def test_a_track_on_the_tile_of_the_world_is_one_line(reader: httpx.Client, herd: Herd) -> None:
    assert [one.positions for one in tile_at(reader, 0, 0, 0)["tracks"]] == []  # under a pixel
    near = tile_at(reader, 11, 10.2, 46.66)["tracks"]
    assert [one.properties["animal"] for one in near] == [herd.flurina]
    track = reader.get(f"{API}/tracks", params={"animal": herd.flurina}).json()["features"][0]
    line = np.array(track["geometry"]["coordinates"])
    drawn = np.array(near[0].positions)
    pixel_deg = 360 / 2**11 / 512
    assert len(drawn) > 20
    assert np.abs(drawn[0] - line[0]).max() < pixel_deg
    way = shapely.LineString(line)
    assert shapely.distance(way, shapely.points(drawn)).max() < pixel_deg


def test_a_guest_sees_points_of_cells_and_no_line(own_herd: Herd, client: httpx.Client) -> None:
    with psycopg.connect(own_herd.database_url) as connection:
        connection.execute("update animal set sensitivity = 'high'")
    guest = {"headers": bearer(key_for(own_herd.database_url, "guest"))}
    read = tile_at(client, 8, 10.25, 46.65, **guest)
    assert read["tracks"] == []
    places = {tuple(round(v, 2) for v in one.positions[0]) for one in read["fixes"]}
    assert places and all(round(v * 20) % 2 for place in places for v in place)  # centres
    assert {one.properties["precision_deg"] for one in read["fixes"]} == {0.1}
    nobody = {"headers": bearer(key_for(own_herd.database_url, None))}
    assert tile_at(client, 8, 10.25, 46.65, **nobody) == {"fixes": [], "tracks": []}


def test_a_tile_that_the_asker_has_is_not_sent_again(reader: httpx.Client, herd: Herd) -> None:
    path = f"{API}/tiles/0/0/0.mvt"
    etag = reader.get(path).headers["etag"]
    assert reader.get(path, headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize(
    ("tile", "status"), [("0/1/0", 404), ("2/0/4", 404), ("23/0/0", 400), ("1/-1/0", 400)]
)
def test_a_tile_that_is_none_is_refused(reader: httpx.Client, tile: str, status: int) -> None:
    assert reader.get(f"{API}/tiles/{tile}.mvt").status_code == status


def herd_of(animals: int, fixes: int) -> FixColumns:
    """Fixes of animals that go to and fro all over the Alps."""
    rng = np.random.default_rng(1)
    n = animals * fixes
    numbers = np.arange(n)
    lat, lon = rng.uniform(44, 48, n), rng.uniform(6, 14, n)
    nothing = np.zeros(n)
    return FixColumns(
        numbers, numbers, numbers, numbers, lat, lon, nothing, nothing,  # type: ignore[arg-type]
        nothing, nothing, np.repeat(np.arange(animals), fixes), nothing,  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_tile_is_no_larger_however_many_fixes_there_are() -> None:
    written = tiles.tile(herd_of(100, 1000), 3, 4, 2)
    read = read_tile(written, 3, 4, 2)
    assert 100 <= len(read["fixes"]) <= tiles.POINTS_MAX
    assert sum(len(one.positions) for one in read["tracks"]) <= tiles.VERTICES_MAX
    assert len(written) < 400_000


def test_a_line_is_cut_where_its_tile_ends() -> None:
    written = tiles.tile(herd_of(3, 50), 7, 68, 45)
    west, south, east, north = 11.25, 45.1, 14.1, 47.0
    for one in read_tile(written, 7, 68, 45)["tracks"]:
        for lon, lat in one.positions:
            assert west - 0.05 <= lon <= east + 0.05 and south - 0.1 <= lat <= north + 0.1


def test_a_line_over_the_antimeridian_goes_the_short_way() -> None:
    there = herd_of(1, 2)._replace(lat=np.array([10.0, 11.0]), lon=np.array([179.0, -179.0]))
    for column, edge in ((7, 180), (0, -180)):
        (line,) = read_tile(tiles.tile(there, 3, column, 3), 3, column, 3)["tracks"]
        assert all(math.isclose(lon, edge, abs_tol=1.01) for lon, _ in line.positions)
