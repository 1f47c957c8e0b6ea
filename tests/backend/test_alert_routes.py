"""Alerts through the API: rules, who sees what, the stream, webhooks and e-mail."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import psycopg
import pytest
from httpx import Client, Timeout

from backend.alerts import watch as watching
from backend.alerts.deliver import Mail, deliver_next, receivers_due, signature
from backend.alerts.evaluate import evaluate
from backend.db import ingest
from tests.backend.factories import bearer, fix_row, key_for
from tests.backend.smtp import smtp_server

SQUARE = [[[10.1, 46.5], [10.3, 46.5], [10.3, 46.8], [10.1, 46.8], [10.1, 46.5]]]
SECRET = "a secret of a test, not of a park"


@pytest.fixture
def study(client: Client) -> int:
    answer = client.post("/api/v1/studies", json={"name": "Ibex", "sensitivity": "medium"})
    return int(answer.json()["study"])


@pytest.fixture
def alva(client: Client, study: int) -> int:
    """An animal of the study with collar 1 since yesterday."""
    api = "/api/v1"
    animal = client.post(f"{api}/animals", json={"name": "Alva", "study": study}).json()["animal"]
    client.post(f"{api}/collars", json={"collar": 1, "name": "one", "study": study})
    since = (now() - timedelta(days=1)).isoformat()
    answer = client.post(
        f"{api}/deployments", json={"collar": 1, "animal": animal, "from_time": since}
    )
    assert answer.status_code == 201, answer.text
    return int(animal)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def watch(client: Client, study: int, **more: Any) -> int:
    fence = client.post(
        "/api/v1/fences",
        json={
            "name": "park", "study": study,
            "geometry": {"type": "Polygon", "coordinates": SQUARE},
        },
    ).json()["fence"]  # fmt: skip
    answer = client.post(
        "/api/v1/alert-rules",
        json={"kind": "fence", "name": "leaves", "study": study, "fence": fence, **more},
    )
    assert answer.status_code == 201, answer.text
    return int(answer.json()["alert_rule"])


def leave(database_url: str) -> None:
    """Collar 1 is inside the fence, then outside."""
    at = [round((now() - timedelta(minutes=m)).timestamp() * 1e6) for m in (60, 30)]
    rows = [
        fix_row(1, recorded_at_us=at[0], lat_deg=46.66, lon_deg=10.204),
        fix_row(2, recorded_at_us=at[1], lat_deg=46.953, lon_deg=10.204),
    ]
    with psycopg.connect(database_url, autocommit=True) as connection:
        ingest.load(connection, ingest.Batch(rows))
        evaluate(connection, now())


def raised(client: Client) -> dict[str, Any]:
    """The one alert, as soon as it is there: the service may be evaluating it itself."""
    until = time.monotonic() + 30
    while not (found := client.get("/api/v1/alerts").json()["alerts"]):
        assert time.monotonic() < until, "no alert came"
        time.sleep(0.1)
    (alert,) = found
    return dict(alert)


def test_an_alert_is_seen_by_who_sees_the_animal_exactly(
    client: Client, study: int, alva: int, migrated_url: str
) -> None:
    watch(client, study)
    leave(migrated_url)
    alert = raised(client)
    assert (alert["kind"], alert["animal"], alert["fixes"]) == ("fence", alva, ["1-0-1", "1-0-2"])
    guest = bearer(key_for(migrated_url, "guest", study))
    assert client.get("/api/v1/alerts", headers=guest).json()["alerts"] == []
    assert client.get(f"/api/v1/alerts/{alert['alert']}", headers=guest).status_code == 404


def test_the_delay_holds_for_an_alert_of_a_collar_on_no_animal(
    client: Client, study: int, migrated_url: str
) -> None:
    client.post("/api/v1/collars", json={"collar": 1, "name": "one", "study": study})
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute(
            "insert into location_policy values (%s, 'ecologist', 'extreme', 0, '4 days')", [study]
        )
        connection.execute(
            "insert into alert (kind, study, collar, began_at, raised_at, identity)"
            " values ('silence', %(s)s, 1, now() - interval '9 d', now() - interval '9 d', 'a'),"
            " ('silence', %(s)s, 1, now() - interval '9 d', now() - interval '2 d', 'b')",
            {"s": study},
        )
        connection.execute("update alert set ended_at = began_at + interval '1 d'")
    key = bearer(key_for(migrated_url, "ecologist", study))
    assert len(client.get("/api/v1/alerts").json()["alerts"]) == 2
    assert len(client.get("/api/v1/alerts", headers=key).json()["alerts"]) == 1


def test_a_new_rule_looks_at_the_last_month(
    client: Client, study: int, alva: int, migrated_url: str
) -> None:
    leave(migrated_url)
    watch(client, study)
    assert raised(client)["fixes"] == ["1-0-1", "1-0-2"]


def test_settings_of_another_kind_are_refused_by_name(client: Client, study: int) -> None:
    answer = client.post(
        "/api/v1/alert-rules",
        json={"kind": "silence", "name": "s", "study": study, "settings": {"radius_m": 5}},
    )
    assert answer.status_code == 400
    assert answer.json()["detail"] == (
        "settings.radius_m = 5: expected of kind 'silence' only: hours"
    )


def test_secrets_of_channels_are_never_answered(client: Client, study: int) -> None:
    channel = {"kind": "webhook", "url": "https://example.org/hook", "secret": SECRET}
    rule = watch(client, study, deliver=[channel])
    text = client.get(f"/api/v1/alert-rules/{rule}").text
    assert "example.org" in text
    assert SECRET not in text


@pytest.mark.parametrize("url", ["http://example.org/x", "ftp://example.org", "https://a:b@c.org"])
def test_webhooks_go_by_https_only(client: Client, study: int, url: str) -> None:
    channel = {"kind": "webhook", "url": url, "secret": SECRET}
    answer = client.post(
        "/api/v1/alert-rules",
        json={"kind": "silence", "name": "s", "study": study, "deliver": [channel]},
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "https://localhost", "https://10.0.0.1"])
def test_only_who_runs_it_all_lets_the_service_speak_to_its_own_network(
    client: Client, study: int, migrated_url: str, host: str
) -> None:
    channel = {"kind": "webhook", "url": host, "secret": SECRET}
    rule = {"kind": "silence", "name": "s", "study": study, "deliver": [channel]}
    of_study = bearer(key_for(migrated_url, "admin", study))
    answer = client.post("/api/v1/alert-rules", json=rule, headers=of_study)
    assert answer.status_code == 403
    assert "own machine or network" in answer.json()["detail"]
    assert client.post("/api/v1/alert-rules", json=rule).status_code == 201


class Hook:
    """A receiver of webhooks that answers with the next of its statuses."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.taken: list[tuple[dict[str, str], bytes]] = []


@contextmanager
def hook(*statuses: int) -> Iterator[tuple[str, Hook]]:
    kept = Hook(*statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.taken.append((dict(self.headers), body))
            self.send_response(kept.statuses.pop(0))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def deliver_all(database_url: str, mail: Mail | None = None) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        for receiver in receivers_due(connection):
            while deliver_next(connection, receiver, mail, now()):
                pass


def make_due(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update alert_delivery set next_try_at = now() - interval '1 s'")


def test_a_webhook_is_signed_tried_again_and_told_once(
    own_study: tuple[int, int], migrated_url: str
) -> None:
    with hook(500, 204) as (url, kept):
        _rule(migrated_url, own_study, {"kind": "webhook", "url": url, "secret": SECRET})
        leave(migrated_url)
        for _ in range(3):
            deliver_all(migrated_url)
            make_due(migrated_url)
    assert len(kept.taken) == 2
    headers, body = kept.taken[-1]
    at_s = int(headers["Capra-Signature"].partition(",")[0].removeprefix("t="))
    assert headers["Capra-Signature"] == signature(SECRET, at_s, body)
    told = json.loads(body)
    assert (told["kind"], told["animal"], told["fixes"]) == ("fence", "Alva", ["1-0-1", "1-0-2"])


def test_a_receiver_that_is_slow_holds_up_no_other(
    own_study: tuple[int, int], migrated_url: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, hook(204) as (url, kept):
        silent = f"http://127.0.0.1:{mute.getsockname()[1]}"
        channels = [{"kind": "webhook", "url": one, "secret": SECRET} for one in (silent, url)]
        _rule(migrated_url, own_study, *channels)
        leave(migrated_url)
        workers = watching.workers(migrated_url, None)
        for worker in workers:
            worker.start()
        try:
            while not kept.taken:
                time.sleep(0.01)
        finally:
            mute.accept()[0].close()
            for worker in workers:
                worker.close()
    assert told_of(migrated_url) == [(0, True), (1, False)]


def test_a_delivery_keeps_its_channel_when_the_list_changes(
    own_study: tuple[int, int], migrated_url: str
) -> None:
    with hook(204) as (url, kept):
        gone = {"kind": "email", "to": "warden@example.org"}
        here = {"kind": "webhook", "url": url, "secret": SECRET}
        _rule(migrated_url, own_study, gone, here)
        leave(migrated_url)
        with psycopg.connect(migrated_url, autocommit=True) as connection:
            connection.execute("update alert_rule set deliver = deliver - 0")
        deliver_all(migrated_url)
    assert len(kept.taken) == 1
    assert told_of(migrated_url) == [(0, True), (1, False)]


def told_of(database_url: str) -> list[tuple[int, bool]]:
    """Of each delivery whether an error is noted, and whether it arrived."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "select (error is not null)::integer, delivered_at is not null from alert_delivery"
        ).fetchall()
    return sorted(found)


def test_what_is_told_names_no_place(own_study: tuple[int, int], migrated_url: str) -> None:
    with hook(200) as (url, kept):
        _rule(migrated_url, own_study, {"kind": "webhook", "url": url, "secret": SECRET})
        leave(migrated_url)
        deliver_all(migrated_url)
    text = kept.taken[0][1].decode()
    assert "46." not in text
    assert "10.2" not in text


def test_an_alert_goes_out_as_an_e_mail(own_study: tuple[int, int], migrated_url: str) -> None:
    with smtp_server() as (port, letters):
        _rule(migrated_url, own_study, {"kind": "email", "to": "warden@example.org"})
        leave(migrated_url)
        deliver_all(migrated_url, Mail("127.0.0.1", port, "capra@example.org", tls=False))
    (letter,) = letters
    assert letter["To"] == "warden@example.org"
    assert letter["Subject"] == "Capra: leaves: Alva"


@pytest.fixture
def own_study(migrated_url: str) -> tuple[int, int]:
    """A study and its animal with collar 1, with no service that would deliver on its own."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        row = connection.execute(
            """with s as (insert into study (name) values ('Ibex') returning study),
                a as (insert into animal (name, study) select 'Alva', study from s
                      returning animal, study),
                c as (insert into collar (collar, name, study) select 1, 'one', study from s)
            select study, animal from a"""
        ).fetchone()
        assert row is not None
        connection.execute(
            "insert into deployment (collar, animal, during) values (1, %s, '[2020-01-01,)')",
            (row[1],),
        )
    return row


def _rule(database_url: str, own_study: tuple[int, int], *channels: dict[str, str]) -> None:
    geometry = json.dumps({"type": "Polygon", "coordinates": SQUARE})
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """with f as (insert into fence (name, study, geometry)
                          values ('park', %(study)s, %(geometry)s) returning fence)
            insert into alert_rule (kind, name, study, fence, deliver)
            select 'fence', 'leaves', %(study)s, fence, %(deliver)s from f""",
            {"study": own_study[0], "geometry": geometry, "deliver": json.dumps(channels)},
        )


def test_the_stream_tells_of_fixes_and_alerts_as_they_come(
    client: Client, study: int, alva: int, migrated_url: str
) -> None:
    watch(client, study)
    with client.stream("GET", "/api/v1/stream", timeout=Timeout(30)) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        leave(migrated_url)
        told = _events(answer.iter_lines(), {"fix", "alert"})
    assert told["fix"]["properties"]["record"] == 2
    assert told["alert"]["animal"] == alva


def test_a_guests_stream_tells_no_exact_place(
    client: Client, study: int, alva: int, migrated_url: str
) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute(
            "insert into location_policy values (%s, 'guest', 'medium', 100, '0')", (study,)
        )
    guest = bearer(key_for(migrated_url, "guest", study))
    with client.stream("GET", "/api/v1/stream", headers=guest, timeout=Timeout(30)) as answer:
        leave(migrated_url)
        told = _events(answer.iter_lines(), {"fix"})
    assert told["fix"]["properties"]["precision_deg"] == 0.01
    assert told["fix"]["geometry"]["coordinates"] == [10.205, 46.955]


def _events(lines: Iterator[str], wanted: set[str]) -> dict[str, Any]:
    """The first event of each kind wanted."""
    told: dict[str, Any] = {}
    kind, heartbeats = "", 0
    for line in lines:
        heartbeats += line == ": here"
        assert heartbeats < 3, f"only {sorted(told)} came"
        name, _, text = line.partition(": ")
        if name == "event":
            kind = text
        elif name == "data":
            told.setdefault(kind, json.loads(text))
        if wanted <= told.keys():
            return told
    raise AssertionError(f"the stream ended after {sorted(told)}")


def test_who_sees_animals_coarsely_cannot_have_their_places_told(
    client: Client, study: int, alva: int, migrated_url: str
) -> None:
    api, rule = "/api/v1", watch(client, study)
    coarse = {"study": study, "role": "operator", "sensitivity": "medium", "cell_deg": 0.1}
    client.put(f"{api}/policy", json=coarse).raise_for_status()
    key = bearer(key_for(migrated_url, "operator", study))
    for kind, status in (("proximity", 403), ("immobility", 403), ("silence", 201)):
        body = {"kind": kind, "name": kind, "study": study}
        assert client.post(f"{api}/alert-rules", json=body, headers=key).status_code == status
    here = {"deliver": [{"kind": "email", "to": "operator@park.invalid"}]}
    changed = client.patch(f"{api}/alert-rules/{rule}", json=here, headers=key)
    assert changed.status_code == 403
    assert client.delete(f"{api}/alert-rules/{rule}", headers=key).status_code == 204
