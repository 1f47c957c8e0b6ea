"""Home ranges: computed from an animal's fixes, stored once per question and data."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from shapely.geometry import Point, shape

from analytics.methods import METHODS
from backend.db import ingest
from backend.errors import CannotCompute, NotFound
from backend.jobs import home_range
from backend.jobs.fixes import selection
from backend.jobs.question import Stored
from tests.backend.conftest import Herd
from tests.backend.factories import START, walk

pytestmark = pytest.mark.db
Connection = psycopg.Connection[Any]
URL = "/api/v1/home-ranges"


def test_the_isopleths_lie_round_the_home(client: httpx.Client, own_herd: Herd) -> None:
    features = client.post(URL, json={"animal": own_herd.flurina}).json()["features"]
    outer, inner = (shape(feature["geometry"]) for feature in features)
    assert [one["properties"]["level_percent"] for one in features] == [95, 50]
    assert outer.is_valid
    assert outer.covers(inner)
    assert outer.contains(Point(10.20, 46.66))
    assert 1 < features[0]["properties"]["area_km2"] < 40


def test_what_was_used_is_stored_with_the_result(client: httpx.Client, own_herd: Herd) -> None:
    body = {"animal": own_herd.gian, "from": "2026-06-02T00:00:00Z", "to": "2026-06-04T00:00:00Z"}
    body["method"] = "kde"
    properties = client.post(URL, json=body).json()["features"][0]["properties"]
    assert properties["fixes"] == 24
    assert properties["from_time"] == "2026-06-02T00:00:00Z"
    assert properties["to_time"] == "2026-06-03T22:00:00Z"
    assert properties["parameters"]["bandwidth"] == "reference"
    assert properties["parameters"]["bandwidth_m"] > 0
    assert properties["software_version"].startswith("capra ")


def test_the_same_question_is_answered_by_the_stored_result(
    client: httpx.Client, own_herd: Herd
) -> None:
    first = client.post(URL, json={"animal": own_herd.flurina})
    again = client.post(URL, json={"animal": own_herd.flurina, "levels_percent": [95, 50]})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["features"] == again.json()["features"]
    assert client.get(again.headers["location"]).json()["features"] == again.json()["features"]


def test_new_fixes_or_parameters_make_a_new_row(connection: Connection, own_herd: Herd) -> None:
    first = home_range.compute(connection, own_herd.flurina, "kde")
    wider = home_range.compute(connection, own_herd.flurina, "kde", options={"bandwidth_m": 900.0})
    ingest.load(connection, ingest.Batch(walk(1, 70, seed=1)))
    later = home_range.compute(connection, own_herd.flurina, "kde")
    assert len({first.number, wider.number, later.number}) == 3
    assert later.created


def test_the_list_shows_the_newest_unless_asked_for_history(
    client: httpx.Client, own_herd: Herd
) -> None:
    for bandwidth_m in (300, 400):
        body = {"animal": own_herd.flurina, "method": "kde", "bandwidth_m": bandwidth_m}
        client.post(URL, json=body)
    client.post(URL, json={"animal": own_herd.gian})
    newest = client.get(URL).json()["features"]
    assert [one["id"] for one in newest] == ["2-95", "2-50", "3-95", "3-50"]
    everything = client.get(URL, params={"animal": own_herd.flurina, "history": True}).json()
    assert everything["numberReturned"] == 4


def test_two_who_ask_at_once_get_one_row(migrated_url: str, own_herd: Herd) -> None:
    def compute(_: int) -> Stored:
        with psycopg.connect(migrated_url, autocommit=True) as connection:
            return home_range.compute(connection, own_herd.flurina)

    with ThreadPoolExecutor(3) as threads:
        stored = list(threads.map(compute, range(3)))
    assert {one.number for one in stored} == {stored[0].number}
    assert sum(one.created for one in stored) == 1


def test_two_collars_at_one_time_count_as_one_fix(connection: Connection, own_herd: Herd) -> None:
    connection.execute("update deployment set animal = %s", (own_herd.flurina,))
    stored = home_range.compute(connection, own_herd.flurina)
    query = "select fixes from home_range where home_range = %s"
    assert connection.execute(query, (stored.number,)).fetchone() == (60,)


def test_too_few_fixes_are_refused_with_the_reason(connection: Connection, own_herd: Herd) -> None:
    with pytest.raises(CannotCompute, match=r"animal 1, 2 fixes: .*fixes"):
        home_range.compute(connection, own_herd.flurina, to_utc=START + timedelta(hours=4))


def test_an_unknown_animal_is_refused(connection: Connection) -> None:
    with pytest.raises(NotFound, match="no animal 99"):
        home_range.compute(connection, 99)


def test_every_method_is_offered_and_stored(client: httpx.Client, own_herd: Herd) -> None:
    told = {
        "bridge": {"error_m": 10},
        "dynamic-bridge": {"error_m": 10, "window": 15, "margin": 5},
        "biased-bridge": {"relocation_sd_m": 50, "max_gap_s": 20_000},
    }
    for name in METHODS:
        body = {"animal": own_herd.flurina, "method": name, "options": told.get(name, {})}
        response = client.post(URL, json=body)
        assert response.status_code == 201, (name, response.text)
        outer, inner = response.json()["features"]
        assert outer["properties"]["method"] == name
        assert outer["properties"]["about"] == METHODS[name].help
        assert outer["properties"]["area_km2"] > inner["properties"]["area_km2"] > 0


def test_akde_brings_its_intervals_and_its_effective_size(
    client: httpx.Client, own_herd: Herd
) -> None:
    body = {"animal": own_herd.flurina, "method": "akde"}
    properties = client.post(URL, json=body).json()["features"][0]["properties"]
    low, high = properties["parameters"]["area_intervals_km2"]["95"]
    assert low < properties["area_km2"] < high
    assert 1 < properties["parameters"]["effective_size"] <= properties["fixes"]


def test_accuracies_of_the_fixes_are_their_errors(client: httpx.Client, own_herd: Herd) -> None:
    body = {"animal": own_herd.flurina, "method": "bridge"}
    stated = client.post(URL, json=body).json()["features"][0]["properties"]["parameters"]
    assert stated["error_m"] != 200
    body["options"] = {"error_m": 200}
    given = client.post(URL, json=body).json()["features"][0]["properties"]["parameters"]
    assert given["error_m"] == 200


def test_fixes_without_accuracy_need_an_error(connection: Connection, own_herd: Herd) -> None:
    connection.execute("update fix set accuracy_m = null where record = 3")
    with pytest.raises(CannotCompute, match=r"1 of 60 fixes have no accuracy: give options"):
        home_range.compute(connection, own_herd.flurina, "bridge")


def test_movement_triggered_fixes_are_told_and_can_be_left_out(
    client: httpx.Client, own_herd: Herd
) -> None:
    body = {"animal": own_herd.flurina, "method": "kde"}
    all_of_them = client.post(URL, json=body).json()["features"][0]["properties"]
    (warning,) = all_of_them["parameters"]["warnings"]
    assert warning.startswith("movement-triggered sample: 20 of 60 fixes")
    alone = client.post(URL, json=body | {"backbone_only": True}).json()["features"][0]
    assert alone["properties"]["fixes"] == 20
    assert alone["properties"]["parameters"]["backbone_only"] is True
    assert alone["properties"]["parameters"]["warnings"] == []


def test_a_spike_is_flagged_and_counted(connection: Connection, own_herd: Herd) -> None:
    connection.execute("update fix set lat = lat + 1 where collar = 1 and record = 30")
    asked = selection(max_speed_mps=3.0)
    stored = home_range.compute(connection, own_herd.flurina, "mcp", wanted=asked)
    sql = "select fixes, parameters->'flagged' from home_range where home_range = %s"
    row = connection.execute(sql, (stored.number,)).fetchone()
    assert row == (59, {"speed": 1})


def test_the_hull_of_all_fixes_has_its_level(client: httpx.Client, own_herd: Herd) -> None:
    body = {"animal": own_herd.gian, "method": "mcp", "levels_percent": [100]}
    (feature,) = client.post(URL, json=body).json()["features"]
    assert feature["properties"]["level_percent"] == 100
    refused = client.post(URL, json=body | {"method": "kde"})
    assert refused.status_code == 409
    assert "level_percent is 100.0" in refused.json()["detail"]


def test_an_empty_area_is_given_coarsely_as_an_empty_area(connection: Connection) -> None:
    for cells in (1, 1000):
        row = connection.execute(
            'select given_shape(\'{"type": "MultiPolygon", "coordinates": []}\', %s)', (cells,)
        ).fetchone()
        assert row == ({"type": "Polygon", "coordinates": []},)


def test_a_range_too_narrow_for_its_coordinates_is_refused_with_the_reason(
    client: httpx.Client, own_herd: Herd, connection: Connection
) -> None:
    connection.execute(
        "update fix set lat = 46 + record * 0.001, lon = 10.2 + record % 7 * 1e-9 where collar = 1"
    )
    answer = client.post(URL, json={"animal": own_herd.flurina, "method": "mcp"})
    assert answer.status_code == 409
    assert "narrower than 1e-7 degrees (1 cm)" in answer.json()["detail"]
    assert connection.execute("select count(*) from home_range").fetchone() == (0,)
