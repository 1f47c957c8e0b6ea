"""Alerts when the policy changes, or covers them for a while: nothing too early, nothing lost."""

# ruff: noqa: F811 - fixtures of another file

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

import psycopg
import pytest
from httpx import Client, Timeout

from tests.backend.factories import bearer, key_for
from tests.backend.test_alert_routes import (  # noqa: F401
    SECRET,
    _rule,
    alva,
    deliver_all,
    hook,
    leave,
    make_due,
    own_study,
    study,
    watch,
)

pytestmark = pytest.mark.db
TOLD = "select pg_notify('capra_alert', '')"


def policy(connection: psycopg.Connection[Any], study: int, role: str, delay: str) -> None:
    connection.execute(
        "insert into location_policy values (%s, %s, 'medium', 0, %s)"
        " on conflict on constraint location_policy_once do update set delay = excluded.delay",
        (study, role, delay),
    )


def alert(connection: psycopg.Connection[Any], study: int, **of: Any) -> None:
    connection.execute(
        "insert into alert (kind, study, animal, station, began_at, ended_at, identity)"
        " values ('immobility', %s, %s, %s, now(), now(), clock_timestamp()::text)",
        (study, of.get("animal"), of.get("station")),
    )


def told(lines: Iterator[str]) -> Iterator[tuple[str, int]]:
    """Id of the event and number of the alert, of each alert that comes."""
    identity, kind = "", ""
    for line in lines:
        name, _, text = line.partition(": ")
        if name == "event":
            kind = text
        elif name == "id":
            identity = text
        elif name == "data" and kind == "alert":
            yield identity, json.loads(text)["alert"]


def test_an_alert_that_a_delay_covers_is_told_when_it_is_over(
    client: Client, study: int, alva: int, migrated_url: str
) -> None:
    key = bearer(key_for(migrated_url, "operator", study))
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        policy(connection, study, "operator", "1 hour")
        alert(connection, study, animal=alva)
        with client.stream("GET", "/api/v1/stream", headers=key, timeout=Timeout(30)) as answer:
            events = told(answer.iter_lines())
            alert(connection, study, animal=alva)
            alert(connection, study, station="hut")
            connection.execute(TOLD)
            assert next(events) == ("3+1+2", 3)
            policy(connection, study, "operator", "0")
            connection.execute(TOLD)
            assert list(islice(events, 2)) == [("3+2", 1), ("3", 2)]


def test_who_was_cut_off_is_told_what_was_covered_then(
    client: Client, study: int, alva: int, migrated_url: str
) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        for _ in range(4):
            alert(connection, study, animal=alva)
    headers = {"Last-Event-ID": "3+1"}
    with client.stream("GET", "/api/v1/stream", headers=headers, timeout=Timeout(30)) as answer:
        assert list(islice(told(answer.iter_lines()), 2)) == [("3", 1), ("4", 4)]
    wrong = client.get("/api/v1/stream", headers={"Last-Event-ID": "3+"})
    assert wrong.status_code == 400


def test_a_stricter_policy_stops_what_a_rule_tells_of_places(
    own_study: tuple[int, int], migrated_url: str
) -> None:
    with hook(204) as (url, kept), psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("update study set sensitivity = 'medium'")
        _rule(migrated_url, own_study, {"kind": "webhook", "url": url, "secret": SECRET})
        leave(migrated_url)
        policy(connection, own_study[0], "ecologist", "1 hour")
        deliver_all(migrated_url)
        (error,) = connection.execute("select error from alert_delivery").fetchone() or ()
        assert (kept.taken, error) == (
            [], "who set the rule may not see its animals exactly any more",
        )  # fmt: skip
        policy(connection, own_study[0], "ecologist", "0")
        make_due(migrated_url)
        deliver_all(migrated_url)
    assert len(kept.taken) == 1


def test_a_rule_stands_on_the_rights_of_who_set_it(
    client: Client, study: int, alva: int, migrated_url: str
) -> None:
    rules = "/api/v1/alert-rules"
    rule = {"kind": "proximity", "name": "meet", "study": study}
    operator = bearer(key_for(migrated_url, "operator", study))
    made = client.post(rules, json=rule, headers=operator).raise_for_status().json()
    theirs, by_admin = f"{rules}/{made['alert_rule']}", f"{rules}/{watch(client, study)}"
    assert made["halted"] is False
    with psycopg.connect(migrated_url) as connection:
        policy(connection, study, "operator", "1 hour")
    halted = [client.get(one).json()["halted"] for one in (theirs, by_admin)]
    assert halted == [True, False]
    assert (
        client.patch(theirs, json={"name": "meets"}).json()["halted"] is False
    )  # now the admin's
