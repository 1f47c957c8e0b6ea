"""Clients of EarthRanger, Gundi and Movebank, unmodified, over a real socket."""

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.backend.factories import bearer, key_for, serving

pytestmark = pytest.mark.db

HERE = Path(__file__).parent
SETUP = HERE.parents[1] / ".ci" / "setup" / "clients.sh"
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def address(migrated_url: str) -> Iterator[str]:
    """A service with one study, "Herd"."""
    with psycopg.connect(migrated_url) as connection:
        connection.execute("insert into study (name) values ('Herd')")
    with serving(migrated_url, key=None) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def key(migrated_url: str, address: str) -> str:
    return key_for(migrated_url, "ecologist", 1)


def speak(who: str, address: str, key: str, given: Any) -> Any:
    """What an unmodified client got."""
    home = subprocess.run([SETUP, "--path"], check=True, capture_output=True, text=True)
    python = Path(home.stdout.strip()) / "bin" / "python"
    run = subprocess.run(
        [python, HERE / "clients" / "speak.py", who, address, key],
        input=json.dumps(given, default=str), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def observation(hour: int, **more: Any) -> dict[str, Any]:
    """As EarthRanger's clients post it."""
    return {
        "manufacturer_id": "ST-42",
        "subject_name": "Flurina",
        "subject_subtype": "ibex",
        "recorded_at": (BEGIN + timedelta(hours=hour)).isoformat(),
        "location": {"lat": 46.66 + hour / 1000, "lon": 10.2},
        "additional": {"voltage": 3.3, "nested": {"left": "aside"}},
        **more,
    }


def fixes(address: str, key: str) -> list[dict[str, Any]]:
    answer = httpx.get(f"{address}/api/v1/fixes", headers=bearer(key), trust_env=False)
    return list(answer.json()["features"])


def test_earthrangers_client_posts_observations(address: str, key: str) -> None:
    given = {"provider": "Herd", "posts": [observation(0), [observation(1), observation(2)]]}
    one, two = speak("earthranger", address, key, given)
    assert one["manufacturer_id"] == "ST-42"
    assert [entry["recorded_at"] for entry in two] == [
        "2026-06-01T01:00:00+00:00", "2026-06-01T02:00:00+00:00",
    ]  # fmt: skip
    stored = fixes(address, key)
    assert [one["geometry"]["coordinates"] for one in stored] == [
        [10.2, 46.66], [10.2, 46.661], [10.2, 46.662],
    ]  # fmt: skip
    assert {one["properties"]["animal"] for one in stored} == {1}


def test_what_earthrangers_client_posts_again_is_a_conflict(address: str, key: str) -> None:
    posts = [observation(0), observation(0), [observation(0), observation(1)]]
    first, again, partly = speak("earthranger", address, key, {"provider": "1", "posts": posts})
    assert first["manufacturer_id"] == "ST-42"
    assert again.startswith("ERClientException") and "409 from ER" in again
    assert "known already" in again
    assert len(partly) == 2
    assert len(fixes(address, key)) == 2


def test_earthrangers_client_signs_in_by_password(address: str, key: str) -> None:
    given = {"provider": "Herd", "posts": [observation(0)]}
    speak("earthranger-password", address, key, given)
    assert len(fixes(address, key)) == 1


def test_gundis_client_posts_observations(address: str, key: str) -> None:
    seen = {
        "source": "ST-42",
        "source_name": "Flurina",
        "recorded_at": "2026-06-01T06:00:00+02:00",
        "location": {"lat": 46.66, "lon": 10.2},
    }
    first, again = speak("gundi", address, key, {"posts": [[seen], [seen]]})
    assert first[0]["object_id"] == again[0]["object_id"]
    (stored,) = fixes(address, key)
    assert stored["properties"]["recorded_at"] == "2026-06-01T04:00:00Z"


def post(address: str, key: str | None, path: str, body: Any) -> httpx.Response:
    headers = {"apikey": key} if key else {}
    return httpx.post(address + path, json=body, headers=headers, trust_env=False)


def test_one_bad_observation_keeps_all_out(address: str, key: str) -> None:
    bad = observation(1, recorded_at="2099-01-01T00:00:00+00:00")
    answer = post(address, key, "/v2/observations/", [observation(0), bad])
    assert answer.status_code == 400 and "future" in answer.text
    for spoiled in ({"recorded_at": "2026-06-01"}, {"location": {"lat": 99, "lon": 0}}):
        answer = post(address, key, "/v2/observations/", [observation(1, **spoiled)])
        assert answer.status_code == 400
    assert fixes(address, key) == []


def test_who_may_not_import_may_not_post(address: str, migrated_url: str) -> None:
    path = "/api/v1.0/sensors/generic/1/status"
    assert post(address, None, path, observation(0)).status_code == 401
    for key in (
        key_for(migrated_url, "guest", 1),
        key_for(migrated_url, "ecologist", 1, ["read"]),
    ):
        assert post(address, key, path, observation(0)).status_code == 403


def test_a_key_of_no_study_is_told_so(address: str, migrated_url: str) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute("insert into study (name) values ('Second')")
    key = key_for(migrated_url, "admin")
    answer = post(address, key, "/v2/observations/", [observation(0)])
    assert "expected a key of one study" in answer.json()["detail"]


def test_a_password_that_is_no_key_gets_no_token(address: str) -> None:
    form = {"grant_type": "password", "username": "x", "password": "capra_no"}
    answer = httpx.post(f"{address}/oauth2/token", data=form, trust_env=False)
    assert answer.status_code == 401


def test_a_name_and_a_password_that_cannot_be_read_are_refused(address: str) -> None:
    for text in ("Basic", "Basic ###", "Basic bm9uZQ==", "Basic /w==", "Digest x"):
        answer = httpx.get(f"{address}/ogc", headers={"Authorization": text}, trust_env=False)
        assert answer.status_code == 401


def test_movebanks_client_reads_studies_individuals_and_events(address: str, key: str) -> None:
    posts = [observation(hour) for hour in range(5)]
    post(address, key, "/v2/observations/", posts).raise_for_status()
    times = {
        "timestamp_start": BEGIN + timedelta(hours=1),
        "timestamp_end": BEGIN + timedelta(hours=3),
    }
    got = speak("movebank", address, key, times)
    assert got["study"] == got["studies"][0]
    assert (got["study"]["name"], got["study"]["number_of_individuals"]) == ("Herd", "1")
    assert [one["local_identifier"] for one in got["individuals"]] == ["Flurina"]
    assert [one["timestamp"] for one in got["events"]] == [
        f"2026-06-01 0{hour}:00:00.000" for hour in (1, 2, 3)
    ]
    event = got["events"][0]
    assert (event["location_lat"], event["location_long"]) == ("46.661", "10.2")
    assert (event["tag_local_identifier"], event["sensor_type_id"]) == ("ST-42", "653")


def test_a_guest_reads_no_exact_place_by_direct_read(
    address: str, key: str, migrated_url: str
) -> None:
    post(address, key, "/v2/observations/", [observation(0)]).raise_for_status()
    guest = ("anybody", key_for(migrated_url, "guest", 1))
    path = f"{address}/movebank/service/direct-read"
    asked = {"entity_type": "event", "study_id": "1", "attributes": "all"}
    answer = httpx.get(path, params=asked, auth=guest, trust_env=False)
    assert "46.65,10.25" in answer.text and "46.66" not in answer.text
    study = httpx.get(path, params={"entity_type": "study"}, auth=guest, trust_env=False).text
    assert ",true,true,1" in study  # there are data which a guest cannot see


def test_direct_read_says_what_it_cannot_read(address: str, key: str) -> None:
    path, me = f"{address}/movebank/service/direct-read", ("anybody", key)
    for name, asked in {
        "entity_type": {"entity_type": "herd"},
        "study_id": {"entity_type": "individual", "study_id": "x"},
        "timestamp_start": {"entity_type": "event", "study_id": 1, "timestamp_start": "2026"},
    }.items():
        problem = httpx.get(path, params=asked, auth=me, trust_env=False)
        assert (problem.status_code, problem.json()["parameter"]) == (400, name)
