"""Forwarders by the API: who may, what is told of them, and the whole way to another service."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from backend.db import ingest, registry
from backend.db.examine import examine
from tests.backend.conftest import migrated_database
from tests.backend.factories import START, bearer, fix_row, key_for, serving
from tests.backend.remote import remote
from tests.backend.test_forward import add, run, state

pytestmark = pytest.mark.db
PATH = "/api/v1/forwarders"
NEW: dict[str, Any] = {
    "study": 1, "name": "park", "kind": "earthranger", "address": "https://earthranger.invalid",
    "token": "nobody-may-read-this", "provider": "herd", "active": False,
}  # fmt: skip
FORWARD = """
import sys, time
from backend.forward import step
step.worker(sys.argv[1]).start()
time.sleep(600)
"""


@pytest.fixture
def herd_url(migrated_url: str) -> str:
    """A study with an animal on collar 1."""
    with psycopg.connect(migrated_url) as connection:
        connection.execute("insert into study (name) values ('Herd'), ('Others')")
        registry.add_collar(connection, "one")
        animal = registry.add_animal(connection, "Alva", "Capra ibex", "f", 1)
        registry.deploy(connection, 1, animal, START)
    return migrated_url


@pytest.fixture
def here(herd_url: str) -> Iterator[httpx.Client]:
    with serving(herd_url) as client:
        yield client


@pytest.fixture(scope="module")
def receiver(postgres_server: str) -> str:
    """Another service's database."""
    url = migrated_database(postgres_server, "receiver")
    with psycopg.connect(url) as connection:
        connection.execute("insert into study (name) values ('earthranger'), ('gundi')")
    return url


def load(url: str, *records: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        ingest.load(connection, ingest.Batch([fix_row(n) for n in records]))


def wait_for(client: httpx.Client, **wanted: Any) -> dict[str, Any]:
    """The first forwarder once it is so."""
    until = time.monotonic() + 30
    while True:
        told: dict[str, Any] = client.get(f"{PATH}/1").json()
        if wanted.items() <= told.items():
            return told
        assert time.monotonic() < until, told
        time.sleep(0.05)


@pytest.mark.parametrize(("kind", "study"), [("earthranger", 1), ("gundi", 2)])
def test_fixes_arrive_at_another_capra_as_it_speaks_earthranger_and_gundi(
    herd_url: str, here: httpx.Client, receiver: str, kind: str, study: int
) -> None:
    key = key_for(receiver, "ecologist", study)
    load(herd_url, *range(1, 6))
    with serving(receiver, key=key) as there:
        new = NEW | {
            "kind": kind, "address": str(there.base_url), "token": key, "every_s": 0, "batch": 2,
            "provider": kind if kind == "earthranger" else None, "role": "operator",
            "active": True,
        }  # fmt: skip
        here.post(PATH, json=new).raise_for_status()
        wait_for(here, sent=5, waiting=0)
        load(herd_url, 6)
        told = wait_for(here, sent=6, waiting=0)
        fixes = there.get("/api/v1/fixes").json()["features"]
    assert (told["refused"], told["last_error"]) == (0, None)
    assert [one["properties"]["recorded_at"] for one in fixes] == [
        f"2026-06-01T0{hour}:00:00Z" for hour in range(1, 7)
    ]
    assert {tuple(one["geometry"]["coordinates"]) for one in fixes} == {(10.2, 46.66)}


def test_whatever_is_killed_every_fix_arrives_once(herd_url: str) -> None:
    dice = random.Random(5)
    with remote() as there, psycopg.connect(herd_url, autocommit=True) as connection:
        there.moods = [lambda _: time.sleep(0.02)]
        add(connection, there, batch=3)
        load(herd_url, *range(1, 121))
        for _ in range(3):
            came = len(there.requests)
            process = subprocess.Popen([sys.executable, "-c", FORWARD, herd_url])
            while len(there.requests) < came + 2:
                time.sleep(0.005)
            time.sleep(0.05 * dice.random())
            process.kill()
            process.wait()
        there.moods = []
        run(connection)
        assert len(there.stored) == 120
        assert there.repeats <= 3 * 3  # no more than what was under way at each kill
        assert state(connection)[0] == 120


def test_a_token_is_never_answered(here: httpx.Client) -> None:
    answers = [here.post(PATH, json=NEW), here.get(PATH), here.get(f"{PATH}/1")]
    answers.append(here.patch(f"{PATH}/1", json={"token": "nobody-may-read-this-too"}))
    assert [answer.status_code for answer in answers] == [201, 200, 200, 200]
    assert not any("nobody-may" in answer.text for answer in answers)
    assert here.get("/api/v1/audit").text.count("nobody-may") == 0


def test_only_who_administers_the_study_sees_its_forwarders(
    herd_url: str, here: httpx.Client
) -> None:
    here.post(PATH, json=NEW).raise_for_status()
    for role, study in (("ecologist", 1), ("admin", 2)):
        headers = bearer(key_for(herd_url, role, study))
        assert here.get(PATH, headers=headers).json()["forwarders"] == []
        assert here.get(f"{PATH}/1", headers=headers).status_code == 404
        assert here.post(PATH, json=NEW, headers=headers).status_code == 403
    own = bearer(key_for(herd_url, "admin", 1))
    assert here.get(f"{PATH}/1", headers=own).json()["role"] == "guest"
    assert here.delete(f"{PATH}/1", headers=own).status_code == 204


def test_what_cannot_be_meant_is_refused(here: httpx.Client) -> None:
    faults: dict[str, dict[str, Any]] = {
        "address": {"address": "http://earthranger.invalid"},
        "provider": {"provider": None},
        "token": {"token": "two words"},
        "role": {"role": "owner"},
        "batch": {"batch": 1001},
    }
    for parameter, wrong in faults.items():
        answer = here.post(PATH, json=NEW | wrong)
        assert answer.status_code == 400
        assert answer.json()["parameter"] == parameter


def test_a_token_goes_to_no_other_address(here: httpx.Client) -> None:
    here.post(PATH, json=NEW).raise_for_status()
    moved = {"address": "https://elsewhere.invalid"}
    refused = here.patch(f"{PATH}/1", json=moved)
    assert (refused.status_code, refused.json()["parameter"]) == (400, "token")
    good = here.patch(f"{PATH}/1", json=moved | {"token": "another-one"})
    assert good.json()["address"] == "https://elsewhere.invalid"


def test_one_that_is_paused_sends_nothing_and_says_what_waits(
    herd_url: str, here: httpx.Client
) -> None:
    load(herd_url, *range(1, 6))
    here.post(PATH, json=NEW | {"role": "ecologist"}).raise_for_status()
    assert wait_for(here, waiting=5)["sent"] == 0


def test_the_doctor_tells_of_one_in_trouble(herd_url: str, here: httpx.Client) -> None:
    load(herd_url, 1)
    here.post(PATH, json=NEW | {"role": "ecologist", "active": True}).raise_for_status()
    until = time.monotonic() + 30
    while not here.get(f"{PATH}/1").json()["last_error"]:
        assert time.monotonic() < until
        time.sleep(0.05)
    with psycopg.connect(herd_url) as connection:
        (found,) = [one for one in examine(connection) if "forwarder" in one.what]
    assert not found.good
    assert "earthranger.invalid: ConnectError" in found.what
