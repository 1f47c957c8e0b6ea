"""Fixes sent on to EarthRanger and Gundi: each once, by the location policy, whatever happens."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from backend.alerts.evaluate import evaluate
from backend.db import audit, flags, ingest, registry
from backend.forward import step
from tests.backend.factories import HOUR_US, fix_row
from tests.backend.remote import Body, Remote, remote

pytestmark = pytest.mark.db
Connection = psycopg.Connection[Any]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def there() -> Iterator[Remote]:
    with remote() as it:
        yield it


@pytest.fixture
def alva(connection: Connection) -> int:
    """An animal of study 1 with collar 1."""
    connection.execute("insert into study (name, sensitivity) values ('Herd', 'high')")
    registry.add_collar(connection, "one")
    animal = registry.add_animal(connection, "Alva", "Capra ibex", "f", 1)
    registry.deploy(connection, 1, animal, BEGIN)
    return animal


def forward(connection: Connection) -> bool:
    """One step of each that is due; returns whether any would go on at once."""
    went_on = [step.step(connection, number) for number in step.due(connection)]
    return any(went_on)


def add(connection: Connection, there: Remote, kind: str = "earthranger", **more: Any) -> int:
    values = {
        "study": 1, "name": "park", "kind": kind, "address": there.url, "token": "secret-of-it",
        "provider": "herd" if kind == "earthranger" else None, "role": "ecologist", "batch": 4,
        "every_s": 0, **more,
    }  # fmt: skip
    names = ", ".join(values)
    places = ", ".join(f"%({name})s" for name in values)
    row = connection.execute(
        f"insert into forwarder ({names}) values ({places}) returning forwarder".encode(), values
    ).fetchone()
    assert row is not None
    return int(row[0])


def load(connection: Connection, *records: int, **changes: Any) -> None:
    ingest.load(connection, ingest.Batch([fix_row(n, **changes) for n in records]))
    evaluate(connection, datetime.now(UTC), of_time=False)


def run(connection: Connection) -> None:
    """Go on until there is nothing to do, waiting for nothing."""
    connection.execute("update forwarder set planned_at = 'epoch'")
    for _ in range(200):
        connection.execute("update forwarder set next_try_at = now()")
        if not forward(connection) and state(connection)[2] == 0:
            return
    raise AssertionError("it goes on for ever")


def state(connection: Connection) -> Any:
    return connection.execute(
        "select sent, last_error, attempts, next_try_at - now() from forwarder"
    ).fetchone()


def records(there: Remote) -> list[int]:
    return sorted(
        int(one["additional"]["record"].rpartition("-")[2]) for one in there.stored.values()
    )


@pytest.mark.parametrize("kind", ["earthranger", "gundi"])
def test_fixes_go_in_batches_and_once(
    connection: Connection, alva: int, there: Remote, kind: str
) -> None:
    add(connection, there, kind)
    load(connection, *range(1, 11))
    run(connection)
    load(connection, *range(5, 15))
    run(connection)
    assert records(there) == list(range(1, 15))
    assert [len(body) for body in there.requests] == [4, 4, 2, 4]
    assert there.repeats == 0
    assert state(connection)[0] == 14


def test_what_comes_late_and_out_of_order_is_sent(
    connection: Connection, alva: int, there: Remote
) -> None:
    add(connection, there)
    for record in (9, 3, 7, 1):
        load(connection, record)
        run(connection)
    assert records(there) == [1, 3, 7, 9]


def test_an_observation_says_who_when_and_where(
    connection: Connection, alva: int, there: Remote
) -> None:
    add(connection, there, subject_type="ibex")
    load(connection, 1)
    run(connection)
    assert there.requests == [[{
        "manufacturer_id": f"capra-1-{alva}", "source_type": "tracking-device",
        "subject_name": "Alva", "subject_subtype": "ibex",
        "recorded_at": "2026-06-01T01:00:00+00:00", "location": {"lat": 46.66, "lon": 10.2},
        "additional": {"record": "1-0-1", "altitude_m": 2400.0, "accuracy_m": 5.0},
    }]]  # fmt: skip
    assert there.headers[0]["Authorization"] == "Bearer secret-of-it"


def test_a_guest_sends_cells_and_nothing_of_today(
    connection: Connection, alva: int, there: Remote
) -> None:
    add(connection, there, role="guest")
    load(connection, 1)
    now_us = int(time.time()) * 1_000_000
    load(connection, 2, recorded_at_us=now_us - HOUR_US)
    run(connection)
    (((observation,),)) = there.requests
    assert observation["location"] == {"lat": 46.65, "lon": 10.25}
    assert observation["additional"] == {"record": "1-0-1", "precision_deg": 0.1}
    connection.execute(
        "insert into location_policy values (null, 'guest', 'high', 10, '1 minute')"
    )
    run(connection)
    assert records(there) == [1, 2]


def test_what_is_withheld_stays_and_goes_when_it_may(
    connection: Connection, alva: int, there: Remote
) -> None:
    add(connection, there, role="public")
    connection.execute("update animal set sensitivity = 'extreme'")
    load(connection, 1)
    run(connection)
    assert there.requests == []
    connection.execute("update animal set sensitivity = 'open'")
    run(connection)
    assert records(there) == [1]


def test_a_deployment_told_afterwards_sends_what_came_before(
    connection: Connection, alva: int, there: Remote
) -> None:
    add(connection, there)
    registry.add_collar(connection, "two")
    load(connection, 1, 2, collar=2)
    run(connection)
    assert there.requests == []
    other = registry.add_animal(connection, "Bruna", "Capra ibex", "f", 1)
    registry.deploy(connection, 2, other, BEGIN)
    run(connection)
    assert records(there) == [1, 2]


def test_outliers_stay_here_until_they_are_marked_valid(
    connection: Connection, alva: int, there: Remote
) -> None:
    add(connection, there)
    ingest.load(connection, ingest.Batch([fix_row(1), fix_row(2)]))
    flags.set_flags(connection, [(1, 0, 1)], on=4, off=0, studies=None)
    evaluate(connection, datetime.now(UTC), of_time=False)
    run(connection)
    assert records(there) == [2]
    flags.set_flags(connection, [(1, 0, 1)], on=8, off=0, studies=None)
    evaluate(connection, datetime.now(UTC), of_time=False)
    run(connection)
    assert records(there) == [1, 2]


def test_an_answer_that_was_lost_adds_nothing(
    connection: Connection, alva: int, there: Remote
) -> None:
    there.moods = [lambda _: "cut", lambda _: None]
    add(connection, there)
    load(connection, *range(1, 7))
    run(connection)
    assert records(there) == list(range(1, 7))
    assert there.repeats == 4  # the first batch was sent again, and known
    assert there.requests[0] == there.requests[1]


def test_trouble_there_waits_longer_each_time(
    connection: Connection, alva: int, there: Remote
) -> None:
    there.moods = [lambda _: (500, {})]
    add(connection, there)
    load(connection, 1)
    waits = []
    for _ in range(4):
        connection.execute("update forwarder set next_try_at = now()")
        while forward(connection):
            pass
        waits.append(state(connection)[3])
    assert all(two > 1.5 * one for one, two in itertools.pairwise(waits))
    assert state(connection)[1].endswith("answered 500")
    there.moods = []
    run(connection)
    assert records(there) == [1]
    assert state(connection)[2] == 0


def test_too_many_requests_are_paused_as_long_as_asked(
    connection: Connection, alva: int, there: Remote
) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=2)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    add(connection, there)
    load(connection, 1)
    for text in ("7200", soon):
        there.moods = [lambda _, text=text: (429, {"Retry-After": text})]  # type: ignore[misc]
        connection.execute("update forwarder set next_try_at = now()")
        while forward(connection):
            pass
        assert timedelta(hours=1.9) < state(connection)[3] < timedelta(hours=2.1)


def refuses(*bad: int, status: int = 400) -> Any:
    names = {f"1-0-{record}" for record in bad}

    def mood(body: Body) -> Any:
        at_fault = names & {one["additional"]["record"] for one in body}
        return (status, {}) if at_fault else None

    return mood


@pytest.mark.parametrize("bad", [(3,), (1,), (20,), (3, 4), (2, 3, 4, 5, 6), (9, 12, 15)])
def test_a_fix_that_is_refused_is_found_and_the_others_go_on(
    connection: Connection, alva: int, there: Remote, bad: tuple[int, ...]
) -> None:
    there.moods = [refuses(*bad)]
    add(connection, there, batch=8)
    load(connection, *range(1, 21))
    run(connection)
    assert records(there) == [n for n in range(1, 21) if n not in bad]
    refused = connection.execute("select record from forwarded where error is not null").fetchall()
    assert sorted(record for (record,) in refused) == list(bad)


def test_where_everything_is_refused_it_is_not_the_fixes(
    connection: Connection, alva: int, there: Remote
) -> None:
    there.moods = [lambda _: (400, {})]
    add(connection, there)
    load(connection, *range(1, 21))
    for _ in range(20):
        connection.execute("update forwarder set next_try_at = now()")
        forward(connection)
    marked = connection.execute("select count(*) from forwarded").fetchone()
    assert marked == (3,)
    there.moods = []
    connection.execute("update forwarder set token = 'a better one'")  # tries again what was
    run(connection)
    assert records(there) == list(range(1, 21))


def test_a_token_that_is_not_good_refuses_no_fix(
    connection: Connection, alva: int, there: Remote
) -> None:
    there.moods = [lambda _: (401, {})]
    add(connection, there)
    load(connection, *range(1, 6))
    while forward(connection):
        pass
    assert connection.execute("select count(*) from forwarded").fetchone() == (0,)
    assert state(connection)[1].endswith("answered 401")


def test_a_page_of_something_in_between_is_no_receipt(
    connection: Connection, alva: int, there: Remote
) -> None:
    add(connection, there, kind="gundi", provider=None)
    load(connection, 1)
    there.moods = [lambda _: (200, {})]  # {} is no list of what was taken
    while forward(connection):
        pass
    assert connection.execute("select count(*) from forwarded").fetchone() == (0,)
    assert "not as gundi does" in state(connection)[1]


def test_a_server_that_is_slow_holds_up_no_other(
    connection: Connection, migrated_url: str, alva: int, there: Remote
) -> None:
    answer_it = threading.Event()
    with remote() as slow:
        slow.moods = [lambda _: None if answer_it.wait(30) else (500, {})]
        add(connection, slow, name="slow")
        add(connection, there)
        load(connection, *range(1, 11))
        crew = step.worker(migrated_url)
        crew.start()
        try:
            while len(there.stored) < 10 or not slow.requests:
                time.sleep(0.01)
            assert not slow.stored
        finally:
            answer_it.set()
            crew.close()
    assert len(slow.requests) == 1 and slow.repeats == 0


def test_every_batch_is_in_the_audit_before_it_is_sent(
    connection: Connection, alva: int, there: Remote
) -> None:
    add(connection, there)
    load(connection, *range(1, 6))
    run(connection)
    rows = connection.execute(
        "select actor, action, what from audit where actor = 'forwarder 1'"
        " order by audit desc limit 2"
    ).fetchall()
    assert [row[2]["fixes"] for row in rows] == [1, 4]
    assert {row[2]["exact"] for row in rows} == {1, 4}
    assert rows[0][:2] == ("forwarder 1", "read")
    assert audit.verify(connection).broken_at is None
