"""The API over a real socket and a real database."""

from itertools import pairwise
from typing import Any

import httpx
import psycopg
import pytest

from backend import registry_models, schemas
from backend.db import ingest, migrate, registry
from tests.backend.conftest import Herd
from tests.backend.factories import HOUR_US, START_US, fix_row, serving

pytestmark = pytest.mark.db
API = "/api/v1"


def get(client: httpx.Client, path: str, **params: Any) -> dict[str, Any]:
    response = client.get(API + path, params=params)
    assert response.status_code == 200, response.text
    return dict(response.json())


def pages(client: httpx.Client, **params: Any) -> list[list[dict[str, Any]]]:
    """All pages of fixes, by following next links."""
    found = []
    answer = get(client, "/fixes", **params)
    while True:
        found.append(answer["features"])
        onward = [link["href"] for link in answer["links"] if link["rel"] == "next"]
        if not onward:
            return found
        answer = client.get(onward[0]).json()


def test_answers_are_what_their_models_say(client: httpx.Client, own_herd: Herd) -> None:
    client.post(API + "/home-ranges", json={"animal": own_herd.flurina}).raise_for_status()
    for path, model in {
        "/animals": registry_models.Animals,
        f"/animals/{own_herd.gian}": registry_models.Animal,
        "/collars": registry_models.Collars,
        "/collars/1": registry_models.Collar,
        "/fixes": schemas.Fixes,
        "/latest": schemas.Latest,
        "/tracks": schemas.Tracks,
        "/home-ranges": schemas.HomeRanges,
        "/home-ranges/1": schemas.HomeRanges,
        "/health": schemas.ServiceHealth,
    }.items():
        model.model_validate(get(client, path))


def test_a_fix_has_all_it_is_known_by(reader: httpx.Client, herd: Herd) -> None:
    (feature,) = get(reader, "/fixes", animal=herd.flurina, limit=1)["features"]
    lon, lat = feature["geometry"]["coordinates"]
    assert (10 < lon < 11, 46 < lat < 47) == (True, True)
    assert feature["id"] == "1-0-1"
    assert feature["properties"] == {
        "collar": 1,
        "generation": 0,
        "record": 1,
        "recorded_at": "2026-06-01T00:00:00Z",
        "animal": herd.flurina,
        "accuracy_m": 1.6,
        "altitude_m": 2400.5,
        "visible": True,
        "precision_deg": 0.00001,
        "reason": "backbone",
    }


def test_fixes_have_their_own_media_type_and_exact_decimals(
    reader: httpx.Client, herd: Herd
) -> None:
    response = reader.get(API + "/fixes", params={"limit": 1})
    assert response.headers["content-type"] == "application/geo+json"
    assert '"accuracy_m":1.6,' in response.text


def test_following_next_links_reads_every_fix_once(reader: httpx.Client, herd: Herd) -> None:
    found = pages(reader, limit=7)
    assert [len(page) for page in found] == [7] * 15
    ids = [feature["id"] for page in found for feature in page]
    assert len(set(ids)) == len(ids) == 105


def test_pages_are_in_order_of_time(reader: httpx.Client, herd: Herd) -> None:
    times = [one["properties"]["recorded_at"] for page in pages(reader, limit=9) for one in page]
    assert all(a <= b for a, b in pairwise(times))


def test_a_full_last_page_has_no_next_link(reader: httpx.Client, herd: Herd) -> None:
    assert [len(page) for page in pages(reader, collar=2, limit=20)] == [20, 20]


def test_fixes_of_one_time_are_not_lost_between_pages(
    client: httpx.Client, connection: psycopg.Connection[Any]
) -> None:
    same = [fix_row(n, collar=c, recorded_at_us=START_US) for c in (1, 2) for n in range(1, 6)]
    ingest.load(connection, ingest.Batch(same))
    ids = [feature["id"] for page in pages(client, limit=3) for feature in page]
    assert ids == [f"{c}-0-{n}" for c in (1, 2) for n in range(1, 6)]


def test_a_range_takes_its_beginning_and_leaves_its_end(reader: httpx.Client, herd: Herd) -> None:
    bounds = {"from": "2026-06-01T02:00:00Z", "to": "2026-06-01T06:00:00+00:00"}
    found = get(reader, "/fixes", collar=1, **bounds)["features"]
    assert [one["properties"]["record"] for one in found] == [2, 3]


def test_an_animal_has_the_fixes_of_all_its_collars(
    client: httpx.Client, connection: psycopg.Connection[Any]
) -> None:
    animal = registry.add_animal(connection, "Uorsin")
    middle = ingest_hours(connection, {1: range(10), 2: range(10)})
    registry.deploy(connection, 1, animal, middle(0), middle(4))
    registry.deploy(connection, 2, animal, middle(6))
    found = [one for page in pages(client, animal=animal, limit=3) for one in page]
    assert [one["id"] for one in found] == [f"1-0-{n}" for n in range(1, 5)] + [
        f"2-0-{n}" for n in range(7, 11)
    ]
    (track,) = get(client, "/tracks", animal=animal)["features"]
    assert track["properties"]["fixes"] == 8


def ingest_hours(connection: psycopg.Connection[Any], collars: dict[int, range]) -> Any:
    """Fixes of collars at whole hours, record = hour + 1; returns hour -> datetime."""
    from datetime import timedelta

    from tests.backend.factories import START

    rows = [
        fix_row(hour + 1, collar=collar, recorded_at_us=START_US + hour * HOUR_US)
        for collar, hours in collars.items()
        for hour in hours
    ]
    ingest.load(connection, ingest.Batch(rows))
    return lambda hour: START + timedelta(hours=hour)


def test_a_fix_outside_every_deployment_has_no_animal(reader: httpx.Client, herd: Herd) -> None:
    features = get(reader, "/fixes", collar=3)["features"]
    assert {one["properties"]["animal"] for one in features} == {None}


def test_the_latest_position_of_each_collar_is_one_feature(
    reader: httpx.Client, herd: Herd
) -> None:
    features = get(reader, "/latest")["features"]
    assert [one["id"] for one in features] == ["1-0-60", "2-0-40", "3-0-5"]
    assert [one["properties"]["name"] for one in features] == ["Flurina", "Gian", None]


def test_a_track_is_a_line_with_a_time_per_position(reader: httpx.Client, herd: Herd) -> None:
    flurina, gian, unseen = get(reader, "/tracks")["features"]
    assert flurina["geometry"]["type"] == "LineString"
    assert len(flurina["geometry"]["coordinates"]) == 60
    assert flurina["properties"]["recorded_at_s"][:2] == [1780272000, 1780279200]
    assert (gian["properties"]["fixes"], gian["properties"]["complete"]) == (40, True)
    assert (unseen["geometry"], unseen["properties"]["fixes"]) == (None, 0)


def test_a_shortened_track_keeps_the_newest_and_says_so(reader: httpx.Client, herd: Herd) -> None:
    (track,) = get(reader, "/tracks", animal=herd.gian, fixes=10)["features"]
    assert (track["properties"]["fixes"], track["properties"]["complete"]) == (10, False)
    assert track["properties"]["to_time"] == "2026-06-04T06:00:00Z"


def test_a_collar_tells_how_it_is(reader: httpx.Client, herd: Herd) -> None:
    collar = get(reader, "/collars/1")
    assert (collar["animal"], collar["records"]) == (herd.flurina, 61)
    assert collar["last_status"]["temperature_c"] == -7


def test_health_names_the_server_and_the_schema(reader: httpx.Client) -> None:
    health = get(reader, "/health")
    assert health["status"] == "ok"
    assert health["migration"] == migrate.migrations()[-1].name


def test_every_answer_keeps_the_page_on_this_machine(reader: httpx.Client) -> None:
    for path in ("/", "/api/v1/health", "/nosuch"):
        headers = reader.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
    assert reader.get("/api/v1/latest").headers["cache-control"] == "no-store"


def test_another_host_name_is_refused(reader: httpx.Client) -> None:
    refused = reader.get(API + "/latest", headers={"Host": "evil.example"})
    assert refused.status_code == 400
    assert "Host = 'evil.example': expected one of 127.0.0.1" in refused.json()["detail"]


def test_a_service_for_all_hosts_answers_any_name(migrated_url: str) -> None:
    with serving(migrated_url, allowed_hosts=("*",)) as client:
        answer = client.get(API + "/latest", headers={"Host": "capra.example"})
        assert answer.status_code == 200
