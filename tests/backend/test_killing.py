"""What was acknowledged is there once, and what was begun is finished once, whatever is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from backend.db import embedded
from backend.db.migrate import migrate
from tests.backend.conftest import Herd, settle
from tests.backend.factories import START, bearer, key_for
from tests.backend.killing import Api, kill

LENGTHY = {"animal": 1, "options": {"interval": "bootstrap", "replicates": 60}}
UNDER_WAY = "select from analysis where state = 'running'"
IMPORTING = "select from pg_stat_activity where query like 'copy fix %' and state = 'active'"
FILE = "timestamp,location-long,location-lat,tag-local-identifier,individual-local-identifier\n"


def test_no_acknowledged_row_is_lost_or_doubled_by_kills_of_api_and_database(
    server_folder: Path,
) -> None:
    assert kill(server_folder, kills=3, seed=20261122).fault() is None


def test_a_computation_whose_api_is_killed_is_finished_once_by_the_next(own_herd: Herd) -> None:
    with served(own_herd.database_url) as (api, client):
        ask(client)
        wait_for(own_herd.database_url, UNDER_WAY)
        computing = children(api.process.pid)
        api.kill()
        assert computing
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in computing))
        api.start()
        assert done(own_herd.database_url) == (2, 1)


def test_a_computation_outlives_a_restart_of_the_database(server_folder: Path) -> None:
    dsn = embedded.start("capra", server_folder)
    migrate(dsn)
    settle(dsn)
    with served(dsn) as (_, client):
        ask(client)
        wait_for(dsn, UNDER_WAY)
        restart(server_folder)
        assert done(dsn) == (2, 1)


def test_an_import_in_which_the_database_restarts_is_whole_or_not_at_all(
    server_folder: Path,
) -> None:
    dsn, rows = embedded.start("capra", server_folder), 40_000
    migrate(dsn)
    times = (START + n * timedelta(seconds=1) for n in range(rows))
    text = FILE + "".join(f"{at:%Y-%m-%d %H:%M:%S},10.2,46.6,T1,A\n" for at in times)
    with served(dsn) as (_, client), psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("insert into study (name) values ('Herd')")
        answers: list[httpx.Response] = []
        posting = threading.Thread(target=lambda: answers.append(post(client, text)))
        posting.start()
        wait_for(dsn, IMPORTING)
        restart(server_folder)
        posting.join()
        assert (answers[0].status_code, count(dsn, "fix")) == (503, 0)
        report = post(client, text).json()
        assert (report["accepted"], report["duplicate"], count(dsn, "fix")) == (rows, 0, rows)


@contextmanager
def served(dsn: str) -> Iterator[tuple[Api, httpx.Client]]:
    """The API as a process, and a client of it as it was started first."""
    api = Api(dsn)
    headers = bearer(key_for(dsn))
    try:
        with httpx.Client(
            base_url=api.url, headers=headers, timeout=60, trust_env=False
        ) as client:
            yield api, client
    finally:
        api.kill()


def ask(client: httpx.Client) -> None:
    answer = client.post("/api/v1/home-ranges", json=LENGTHY, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text


def post(client: httpx.Client, text: str) -> httpx.Response:
    return client.post(
        "/api/v1/studies/1/events", content=text, headers={"Content-Type": "text/csv"}
    )


def restart(folder: Path) -> None:
    """Kill the server and start it again."""
    os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    embedded.start("capra", folder)


def children(pid: int) -> list[int]:
    """Processes that any thread of a process began."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(number) for file in files for number in file.read_text().split()]


def done(dsn: str) -> tuple[Any, ...]:
    """How often the analysis was begun once it is done, and how many results there are."""
    wait_for(dsn, "select from analysis where state not in ('queued', 'running')")
    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            "select attempt, (select count(*) from home_range) from analysis where state = 'done'"
        ).fetchone()
    assert row is not None
    return row


def count(dsn: str, table: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(f"select count(*) from {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def wait_for(dsn: str, query: str) -> None:
    """Until a query has a row."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        wait_until(lambda: connection.execute(query.encode()).rowcount > 0)


def wait_until(holds: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if holds():
            return
        time.sleep(0.01)
    pytest.fail("not within two minutes")
