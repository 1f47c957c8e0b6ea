"""Computations that take their time: queued, told of, shared, cancelled, and never lost."""

import time
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb

from backend import analysis_models as models
from backend.db import ingest
from backend.db.queries import query
from backend.jobs import home_range, processes
from backend.jobs.question import pose
from backend.jobs.worker import LOCK
from tests.backend.conftest import Herd
from tests.backend.factories import bearer, key_for, serving, walk

pytestmark = pytest.mark.db
RANGES = "/api/v1/home-ranges"
ANALYSES = "/api/v1/analyses"
AT_ONCE = {"Prefer": "respond-async"}
Connection = psycopg.Connection[Any]


def lengthy(animal: int, replicates: int = 100_000) -> dict[str, Any]:
    """A question whose answer takes many minutes."""
    return {"animal": animal, "options": {"interval": "bootstrap", "replicates": replicates}}


def begin(client: httpx.Client, body: dict[str, Any], **headers: str) -> models.Analysis:
    """A computation that was accepted."""
    response = client.post(RANGES, json=body, headers=AT_ONCE | headers)
    assert response.status_code == 202, response.text
    analysis = models.Analysis.model_validate(response.json())
    assert response.headers["location"].endswith(f"{ANALYSES}/{analysis.analysis}")
    assert int(response.headers["retry-after"]) > 0
    return analysis


def until(client: httpx.Client, analysis: int, *states: str) -> models.Analysis:
    """A computation once it is in one of some states."""
    for _ in range(600):
        answer = client.get(f"{ANALYSES}/{analysis}")
        found = models.Analysis.model_validate(answer.json())
        if found.state in states:
            return found
        time.sleep(0.05)
    raise AssertionError(f"it is {found}")


def computing(connection: Connection) -> int:
    """How many analyses are being computed in this database."""
    row = connection.execute(
        "select count(*) from pg_locks where locktype = 'advisory' and classid = %s"
        " and database = (select oid from pg_database where datname = current_database())",
        (LOCK,),
    ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_long_one_is_accepted_told_of_and_found_where_it_says(
    client: httpx.Client, own_herd: Herd
) -> None:
    begun = begin(client, {"animal": own_herd.flurina})
    assert (begun.kind, begun.animals, begun.mine) == ("home-range", [own_herd.flurina], True)
    done = until(client, begun.analysis, "done")
    assert done.progress == 1
    assert done.result is not None
    assert done.started_at and done.finished_at
    assert begun.asked_at <= done.started_at <= done.finished_at
    found = client.get(done.result.href)
    assert found.json()["features"][0]["properties"]["home_range"] == done.result.number
    again = client.post(RANGES, json={"animal": own_herd.flurina}, headers=AT_ONCE)
    assert again.status_code == 200


def test_progress_rises_and_names_the_step(client: httpx.Client, own_herd: Herd) -> None:
    begun = begin(client, lengthy(own_herd.flurina))
    seen = [0.0]
    for _ in range(600):
        now = until(client, begun.analysis, "queued", "running")
        seen.append(now.progress)
        if now.progress > 0.95 * 0.3 and now.step == "bootstrap of the areas":
            break
        time.sleep(0.05)
    assert seen == sorted(seen)
    assert 0.95 * 0.3 < seen[-1] < 1
    client.delete(f"{ANALYSES}/{begun.analysis}").raise_for_status()


def test_a_cancelled_one_stops_computing(
    client: httpx.Client, own_herd: Herd, connection: Connection
) -> None:
    begun = begin(client, lengthy(own_herd.flurina))
    until(client, begun.analysis, "running")
    cancelled = client.delete(f"{ANALYSES}/{begun.analysis}")
    assert cancelled.json()["state"] == "cancelled"
    for _ in range(100):
        if not computing(connection):
            break
        time.sleep(0.02)
    assert computing(connection) == 0
    assert client.delete(f"{ANALYSES}/{begun.analysis}").status_code == 409
    assert client.get(RANGES).json()["features"] == []


def test_of_two_who_wait_one_may_leave(
    client: httpx.Client, own_herd: Herd, migrated_url: str
) -> None:
    other = bearer(key_for(migrated_url, "ecologist"))
    mine = begin(client, lengthy(own_herd.flurina))
    theirs = begin(client, lengthy(own_herd.flurina), **other)
    assert theirs.analysis == mine.analysis
    place = f"{ANALYSES}/{mine.analysis}"
    left = client.delete(place, headers=other).json()
    assert (left["state"] in ("queued", "running"), left["mine"]) == (True, False)
    assert client.delete(place, headers=other).status_code == 403
    assert client.delete(place).json()["state"] == "cancelled"


def test_the_stream_says_when_one_is_over(client: httpx.Client, own_herd: Herd) -> None:
    with client.stream("GET", "/api/v1/stream") as stream:
        lines = stream.iter_lines()
        begun = begin(client, {"animal": own_herd.flurina, "method": "mcp"})
        said = [next(lines) for _ in range(2)]
        while said[-2] != "event: analysis" and said.count(": here") < 3:
            said.append(next(lines))
    over = models.Analysis.model_validate_json(said[-1].removeprefix("data: "))
    assert (over.analysis, over.state) == (begun.analysis, "done")


def test_one_that_cannot_be_computed_says_why(client: httpx.Client, own_herd: Herd) -> None:
    failed = until(client, begin(client, {"animal": own_herd.unseen}).analysis, "failed")
    assert failed.error is not None
    assert failed.error.type == "urn:capra:problem:cannot-compute"
    assert failed.error.detail == f"animal {own_herd.unseen} has no fixes in this time range"


def test_who_may_not_see_an_animal_sees_nothing_of_its_analysis(
    client: httpx.Client, own_herd: Herd, migrated_url: str, connection: Connection
) -> None:
    begun = begin(client, {"animal": own_herd.flurina})
    until(client, begun.analysis, "done")
    place = f"{ANALYSES}/{begun.analysis}"
    worker = bearer(key_for(migrated_url, "ecologist"))
    assert client.get(place, headers=worker).status_code == 200
    assert client.get(place, headers=bearer(key_for(migrated_url, "guest"))).status_code == 403
    connection.execute("insert into location_policy values (null, 'ecologist', 'high', 100, '0')")
    assert client.get(place, headers=worker).status_code == 404
    assert client.delete(place, headers=worker).status_code == 404
    assert client.post(RANGES, json=lengthy(1), headers=worker).status_code == 403


def test_the_list_holds_ones_own_and_pages(
    client: httpx.Client, own_herd: Herd, migrated_url: str
) -> None:
    for animal in (own_herd.flurina, own_herd.gian, own_herd.unseen):
        until(
            client, begin(client, {"animal": animal, "method": "mcp"}).analysis, "done", "failed"
        )
    first = client.get(ANALYSES, params={"limit": 2}).json()
    assert [one["animals"][0] for one in first["analyses"]] == [own_herd.unseen, own_herd.gian]
    (onward,) = [link["href"] for link in first["links"] if link["rel"] == "next"]
    assert [one["analysis"] for one in client.get(onward).json()["analyses"]] == [1]
    failed = client.get(ANALYSES, params={"state": "failed"}).json()["analyses"]
    assert [one["analysis"] for one in failed] == [3]
    stranger = bearer(key_for(migrated_url, "ecologist"))
    assert client.get(ANALYSES, headers=stranger).json()["analyses"] == []


def test_more_than_may_wait_are_refused_with_a_time(own_herd: Herd, migrated_url: str) -> None:
    with serving(migrated_url, analyses_waiting=2) as client:
        begun = [begin(client, lengthy(1, n)) for n in (90_000, 90_001)]
        refused = client.post(RANGES, json=lengthy(1, 90_002), headers=AT_ONCE)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert "2 computations wait for this caller" in refused.json()["detail"]
        assert client.post(RANGES, json=lengthy(1, 90_001), headers=AT_ONCE).status_code == 202
        for one in begun:
            client.delete(f"{ANALYSES}/{one.analysis}").raise_for_status()


def queue(connection: Connection, animal: int, account: int = 1) -> int:
    """A question as a service leaves it that dies at once."""
    question = home_range.ask(animal, "mcp")
    posed = pose(connection, question)
    row = connection.execute(query("add_analysis"), {
        "kind": "home-range", "question": Jsonb(question.to_json()), "account": account,
        "input_hash": posed.input_hash, "animals": posed.animals,
    }).fetchone()  # fmt: skip
    assert row is not None
    return int(row[0])


def test_what_a_dead_service_left_running_is_computed_by_the_next(
    own_herd: Herd, migrated_url: str, connection: Connection
) -> None:
    left = queue(connection, own_herd.flurina)
    assert connection.execute(query("begin_analysis"), {"analysis": left}).fetchone()
    with serving(migrated_url) as client:
        until(client, left, "done")
    row = connection.execute("select attempt from analysis where analysis = %s", (left,))
    assert row.fetchone() == (2,)


def test_a_service_that_ends_leaves_its_work_to_the_next(
    own_herd: Herd, migrated_url: str, connection: Connection
) -> None:
    with serving(migrated_url) as client:
        begun = begin(client, lengthy(own_herd.flurina))
        until(client, begun.analysis, "running")
    assert computing(connection) == 0
    row = connection.execute("select state, attempt from analysis").fetchone()
    assert row == ("queued", 0)


def test_what_kills_its_process_again_and_again_is_given_up(
    own_herd: Herd, migrated_url: str, connection: Connection
) -> None:
    left = queue(connection, own_herd.flurina)
    connection.execute("update analysis set state = 'running', attempt = 3")
    with serving(migrated_url) as client:
        failed = until(client, left, "failed")
    assert failed.error is not None
    assert failed.error.detail == "the process that computed it died 3 times"


def test_two_services_compute_one_only_once(
    own_herd: Herd, migrated_url: str, connection: Connection
) -> None:
    numbers = [queue(connection, animal) for animal in (own_herd.flurina, own_herd.gian)]
    with serving(migrated_url) as one, serving(migrated_url) as other:
        for client, number in zip((one, other), numbers, strict=True):
            until(client, number, "done")
    rows = connection.execute("select distinct attempt from analysis").fetchall()
    assert rows == [(1,)]


def test_a_process_ends_with_who_started_it(own_herd: Herd) -> None:
    process = processes.Process()
    popen = process._process
    assert popen.stdin is not None
    popen.stdin.close()
    assert popen.wait(30) == 0
    process.end()


def test_data_that_change_while_it_waits_are_those_it_is_made_of(
    own_herd: Herd, migrated_url: str, connection: Connection
) -> None:
    left = queue(connection, own_herd.flurina)
    ingest.load(connection, ingest.Batch(walk(1, 70, seed=1)))
    with serving(migrated_url) as client:
        until(client, left, "done")
        body = {"animal": own_herd.flurina, "method": "mcp"}
        again = client.post(RANGES, json=body)
    assert again.status_code == 200
    assert again.json()["features"][0]["properties"]["fixes"] >= 60


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("wait=10", 10.0), ("respond-async", 0.0), ("respond-async, wait=5", 0.0),
        ('WAIT="7"; x=1', 7.0), ("wait=900", 60.0), ("wait=soon", None), ("", None),
    ],
)  # fmt: skip
def test_a_preference_that_is_understood_counts(prefer: str, seconds: float | None) -> None:
    from backend.routes.computed import preferred_wait_s

    assert preferred_wait_s(prefer) == seconds
