"""Clients of EarthRanger, Gundi and Movebank, unmodified, over a real socket."""

import csv
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


def test_pages_of_imported_fixes_lead_on_and_they_can_be_flagged(address: str, key: str) -> None:
    post(address, key, "/v2/observations/", [observation(hour) for hour in range(3)])
    with httpx.Client(headers=bearer(key), trust_env=False, timeout=60) as client:
        page = client.get(f"{address}/api/v1/fixes?limit=2").json()
        (onward,) = [link["href"] for link in page["links"] if link["rel"] == "next"]
        (last,) = client.get(onward).json()["features"]
        flags = {"fixes": [last["id"]], "manually_marked_outlier": True}
        told = client.patch(f"{address}/api/v1/fixes", json=flags).json()
    assert last["properties"]["recorded_at"] == "2026-06-01T02:00:00Z"
    assert told == {"changed": 1}


def fixes(address: str, key: str) -> list[dict[str, Any]]:
    path = f"{address}/api/v1/fixes"
    answer = httpx.get(path, headers=bearer(key), trust_env=False, timeout=60)
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


def test_earthrangers_client_reads_what_it_posted(address: str, key: str) -> None:
    post(address, key, "/v2/observations/", [observation(hour) for hour in range(5)])
    other = observation(9, manufacturer_id="ST-7", subject_name="Gian")
    post(address, key, "/v2/observations/", [other])
    times = {"start": BEGIN + timedelta(hours=1), "end": BEGIN + timedelta(hours=3)}
    got = speak("earthranger-reads", address, key, times)
    assert [one["name"] for one in got["subjects"]] == ["Flurina", "Gian"]
    assert got["subject"] == got["subjects"][0]
    assert got["subject"]["last_position"]["geometry"]["coordinates"] == [10.2, 46.664]
    assert got["missing"] == "not found"
    assert [one["manufacturer_id"] for one in got["sources"]] == ["ST-42", "ST-7"]
    assert [got["source"]] == got["subject_sources"] == got["sources"][:1]
    assert (got["groups"][0]["name"], len(got["groups"][0]["subjects"])) == ("Herd", 2)
    assert got["provider"]["display_name"] == "Herd"
    (worn,) = got["assignments"]
    assert (worn["subject"], worn["source"]) == (got["subject"]["id"], got["source"]["id"])
    assert [one["recorded_at"][11:13] for one in got["observations"]] == [
        "00", "01", "02", "03", "04",
    ]  # fmt: skip
    assert got["of_time"] == got["observations"][1:4]
    assert got["of_source"] == got["observations"]
    assert got["observations"][1]["location"] == {"longitude": 10.2, "latitude": 46.661}
    assert len({one["id"] for one in got["all"]}) == 6
    (track,) = got["tracks"]["features"]
    assert track["geometry"]["coordinates"] == [[10.2, 46.663], [10.2, 46.662], [10.2, 46.661]]
    assert track["properties"]["coordinateProperties"]["times"][0] == "2026-06-01T03:00:00Z"
    (track,) = got["source_tracks"]["features"]
    assert len(track["geometry"]["coordinates"]) == 5


def test_earthrangers_async_client_reads_the_same(address: str, key: str) -> None:
    post(address, key, "/v2/observations/", [observation(hour) for hour in range(5)])
    given = {"manufacturer_id": "ST-42"}
    got = speak("earthranger-reads-async", address, key, given)
    assert [one["name"] for one in got["subjects"]] == ["Flurina"]
    assert got["subjects"] == got["groups"][0]["subjects"]
    assert [one["source"] for one in got["assignments"]] == [got["source"]["id"]]
    assert [one["recorded_at"][11:13] for one in got["observations"]] == [
        "00", "01", "02", "03", "04",
    ]  # fmt: skip


def test_earthrangers_client_exports_and_asks_for_pages_by_number(
    address: str, key: str, tmp_path: Path
) -> None:
    posts = [observation(hour) for hour in range(5)]
    post(address, key, "/v2/observations/", posts).raise_for_status()
    times = {"start": BEGIN + timedelta(hours=1), "end": BEGIN + timedelta(hours=4)}
    file = tmp_path / "observations.csv"
    got = speak("earthranger-export", address, key, {**times, "file": str(file)})
    assert [one["recordserial"] for one in got["tracking"]] == [0, 1, 2]
    first = got["tracking"][0]
    assert (first["lat"], first["lon"], first["fixtime"]) == (
        46.661, 10.2, "2026-06-01T01:00:00+00:00",
    )  # fmt: skip
    assert (first["collar_id"], first["subject_name"]) == ("ST-42", "Flurina")
    assert [one["fixtime"][11:13] for one in got["last"]] == ["04"]
    assert [one["recorded_at"][11:13] for one in got["numbered"]] == ["00", "01", "02", "03", "04"]
    assert len(file.read_text().splitlines()) == 1 + 4


def test_tracking_data_come_as_csv_too_and_coarsely_to_a_guest(
    address: str, key: str, migrated_url: str
) -> None:
    post(address, key, "/v2/observations/", [observation(0)]).raise_for_status()
    path = f"{address}/api/v1.0/trackingdata/export/"
    guest = bearer(key_for(migrated_url, "guest", 1))
    exact, coarse = (
        list(csv.DictReader(httpx.get(path, headers=who, trust_env=False).text.splitlines()))
        for who in (bearer(key), guest)
    )
    assert exact[0]["fixtime (UTC)"] == "06/01/2026 00:00:00"
    assert [(row[0]["lat"], row[0]["lon"]) for row in (exact, coarse)] == [
        ("46.66", "10.2"), ("46.65", "10.25"),
    ]  # fmt: skip
    assert [row[0]["precision_deg"] for row in (exact, coarse)] == ["", "0.1"]


def test_earthrangers_forms_say_how_coarsely_a_place_is_given(
    address: str, key: str, migrated_url: str
) -> None:
    post(address, key, "/v2/observations/", [observation(0)]).raise_for_status()
    root, guest = f"{address}/api/v1.0", bearer(key_for(migrated_url, "guest", 1))

    def said(path: str, who: dict[str, str]) -> Any:
        return httpx.get(f"{root}/{path}", headers=who, trust_env=False).json()["data"]

    for who, given in ((bearer(key), None), (guest, 0.1)):
        (subject,) = said("subjects", who)
        (track,) = said(f"subject/{subject['id']}/tracks", who)["features"]
        for feature in (subject["last_position"], track):
            assert feature["properties"].get("precision_deg") == given


def test_a_guest_reads_no_exact_place_as_earthranger_gives_it(
    address: str, key: str, migrated_url: str
) -> None:
    post(address, key, "/v2/observations/", [observation(hour) for hour in range(3)])
    guest = bearer(key_for(migrated_url, "guest", 1))
    root = f"{address}/api/v1.0"
    subject = httpx.get(f"{root}/subjects", headers=guest, trust_env=False).json()["data"][0]
    paths = ("subjects", "observations?include_details=true", f"subject/{subject['id']}/tracks")
    for path in paths:
        text = httpx.get(f"{root}/{path}", headers=guest, trust_env=False).text
        assert "46.65" in text and "46.66" not in text
    assert httpx.get(f"{root}/observations", trust_env=False).json()["data"]["results"] == []


def test_what_earthranger_would_not_find_is_not_found(address: str, key: str) -> None:
    headers, root = bearer(key), f"{address}/api/v1.0"
    strange = "63617072-6100-8002-bfff-ffffffffffff"  # a collar of no such number
    for path in ("subject/x", f"subject/{strange}", f"source/{strange}", "source/%00",
                 f"observations?source_id={strange}"):  # fmt: skip
        assert httpx.get(f"{root}/{path}", headers=headers, trust_env=False).status_code == 404
    for path in ("observations?page=0", "subjects?page=9999999", "observations?since=2026",
                 "sources?page=x", "observations?page_size=0"):  # fmt: skip
        assert httpx.get(f"{root}/{path}", headers=headers, trust_env=False).status_code == 400
    late = "observations?until=9999-12-31T23:59:59.999999Z"
    assert httpx.get(f"{root}/{late}", headers=headers, trust_env=False).status_code == 200


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


def test_events_have_numbers_of_their_own_that_grow_with_time(
    address: str, key: str, migrated_url: str
) -> None:
    times = ["00:00:00.000+00:00", "00:00:00.001+00:00", "01:00:00+00:00"]
    for tag, animal in (("ST-42", "Flurina"), ("ST-7", "Flurina")):
        posts = [
            observation(
                0, manufacturer_id=tag, subject_name=animal, recorded_at=f"2026-06-01T{at}"
            )
            for at in times
        ]
        post(address, key, "/v2/observations/", posts).raise_for_status()
    with psycopg.connect(migrated_url) as connection:  # a radio collar, begun anew in that second
        connection.execute("insert into collar (collar, name, study) values (1, 'one', 1)")
        connection.execute(
            "insert into deployment (collar, animal, during) values (1, 1, '[2026-01-01,)')"
        )
        connection.execute(
            "insert into fix (collar, generation, record, recorded_at, lat, lon, reason)"
            " select 1, n % 2, n, '2026-06-01 01:00+0', 46, 10, 0 from generate_series(1, 4) n"
        )
    asked: dict[str, str] = {
        "entity_type": "event", "study_id": "1", "attributes": "event_id,timestamp",
    }  # fmt: skip
    path = f"{address}/movebank/service/direct-read"
    text = httpx.get(path, params=asked, auth=("x", key), trust_env=False).text
    rows = sorted((int(number), at) for number, at in csv.reader(text.splitlines()[1:]))
    assert len({number for number, _ in rows}) == 10
    assert [at for _, at in rows] == sorted(at for _, at in rows)
    assert rows[-1][0] < 1 << 63
    worn = httpx.get(
        path, params={"entity_type": "deployment", "study_id": 1}, auth=("x", key), trust_env=False
    )
    assert worn.text.rstrip().endswith("2026-01-01 00:00:00.000,")  # it is still on


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
        "timestamp_start": {"entity_type": "event", "study_id": "1", "timestamp_start": "2026"},
    }.items():
        problem = httpx.get(path, params=asked, auth=me, trust_env=False)
        assert (problem.status_code, problem.json()["parameter"]) == (400, name)
