"""Writers post files to a real API over a real server, and both are killed at random moments."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import psycopg

from backend.db import embedded
from backend.db.migrate import migrate
from tests.backend.factories import bearer, key_for

WRITERS, STUDIES = 16, 4
_BATCH, _STEP = 20, timedelta(days=10)  # a batch goes over several chunks
_BEGIN = datetime(2010, 1, 1, tzinfo=UTC)
_PATIENCE_S = 60
_STORED = """
select c.study, c.name, f.recorded_at from fix f join collar c using (collar)
union all
select c.study, c.name, e.recorded_at from imported_event e join collar c using (collar)
"""
Name = tuple[int, str, datetime]


class Outcome(NamedTuple):
    """What the writers were told, and what lies in the database after the last recovery."""

    acknowledged: set[Name]
    stored: Counter[Name]
    odd: list[str]
    """Answers other than 200 and 503, and none within a minute, as of a lock nobody resolves"""
    deadlocks: int
    """That the server found and resolved; the writers were not to notice"""

    def fault(self) -> str | None:
        """What is wrong with it, if anything is."""
        lost = self.acknowledged - self.stored.keys()
        wrong = [name for name, times in self.stored.items() if times != 2]  # fix and its words
        if lost or wrong or self.odd:
            return f"{len(lost)} acknowledged lost, {len(wrong)} not once, odd: {self.odd[:3]}"
        return None if self.acknowledged else "nothing was acknowledged"


class Api:
    """The API as a process of its own, on another port at each start."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "backend", "serve", "--port", "0", "--database"]
        self.process = subprocess.Popen(
            [*command, self._dsn], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=os.environ | {"CAPRA_KNOWN_PER_MINUTE": "0", "CAPRA_POOL_SIZE": "20"},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[1]

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


class _Writer(threading.Thread):
    """Posts batch after batch, each until it is acknowledged; half of its rows are others' too."""

    def __init__(
        self, number: int, study: int, api: Api, key: str, seed: int, stop: threading.Event
    ) -> None:
        super().__init__(name=f"writer {number}")
        self.acknowledged: set[Name] = set()
        self.odd: list[str] = []
        self._number, self._study, self._api, self._key = number, study, api, key
        self._dice = random.Random(f"{seed} {number}")
        self._stop_asked = stop

    def run(self) -> None:
        """Write until told to stop."""
        with httpx.Client(
            headers=bearer(self._key), timeout=_PATIENCE_S, trust_env=False
        ) as client:
            batch = 0
            while not self._stop_asked.is_set() and not self.odd:
                rows = [*self._rows(f"own {self._number}", batch), *self._rows("shared", batch)]
                self._dice.shuffle(rows)
                self._post(client, rows)
                batch += 1

    def _rows(self, tag: str, batch: int) -> list[tuple[str, datetime]]:
        offset = timedelta(minutes=batch)
        return [(tag, _BEGIN + offset + n * _STEP) for n in range(_BATCH // 2)]

    def _post(self, client: httpx.Client, rows: list[tuple[str, datetime]]) -> None:
        lines = [
            {"timestamp": at.isoformat(), "location_lat": 46.6, "location_long": 10.2,
             "tag_local_identifier": tag, "individual_local_identifier": f"animal of {tag}",
             "comments": "as it was"}
            for tag, at in rows
        ]  # fmt: skip
        content = "\n".join(map(json.dumps, lines))
        headers = {"Content-Type": "application/x-ndjson"}
        path = f"api/v1/studies/{self._study}/events"
        while True:
            try:
                answer = client.post(self._api.url + path, content=content, headers=headers)
            except httpx.TimeoutException:
                self.odd.append(f"no answer within {_PATIENCE_S} s")
                return
            except httpx.TransportError:
                time.sleep(0.05)
                continue
            if answer.status_code == 200:
                break
            if answer.status_code != 503:
                self.odd.append(f"{answer.status_code} {answer.text[:200]}")
                return
            time.sleep(0.05)
        report = answer.json()
        if report["accepted"] + report["duplicate"] != len(rows):
            self.odd.append(answer.text)
        self.acknowledged |= {(self._study, tag, at) for tag, at in rows}


def kill(folder: Path, kills: int, seed: int) -> Outcome:
    """Let 16 writers write, and kill the API, the server or one of its processes that often.

    Args:
        folder: of the server, which is stopped at the end.
        kills: how many; each comes once something was acknowledged after the one before.
        seed: of what is killed, when, and of the writers.
    """
    dice, stop = random.Random(seed), threading.Event()
    dsn = embedded.start("capra", folder)
    try:
        migrate(dsn)
        with psycopg.connect(dsn) as connection:
            add = "insert into study (name) select 'study ' || n from generate_series(1, %s) n"
            connection.execute(f"{add} returning study".encode(), (STUDIES,))
        api, key = Api(dsn), key_for(dsn)
        writers = [
            _Writer(n, 1 + n % STUDIES, api, key, seed, stop) for n in range(1, WRITERS + 1)
        ]
        for writer in writers:
            writer.start()
        try:
            for _ in range(kills):
                _await_progress(writers)
                time.sleep(dice.random() * dice.choice((0.01, 0.1, 0.5)))
                _kill_one(dice, folder, dsn, api)
        finally:
            stop.set()
            for writer in writers:
                writer.join()
            api.kill()
        with psycopg.connect(embedded.start("capra", folder)) as connection:
            stored = Counter(connection.execute(_STORED).fetchall())
    finally:
        embedded.stop(folder)
    acknowledged = set().union(*(writer.acknowledged for writer in writers))
    odd = [odd for writer in writers for odd in writer.odd]
    said = "".join(file.read_text(errors="replace") for file in folder.glob("log*"))
    return Outcome(acknowledged, stored, odd, said.count("deadlock detected"))


def _await_progress(writers: list[_Writer]) -> None:
    before = sum(len(writer.acknowledged) for writer in writers)
    while sum(len(writer.acknowledged) for writer in writers) == before:
        if any(writer.odd for writer in writers):
            return
        time.sleep(0.01)


def _kill_one(dice: random.Random, folder: Path, dsn: str, api: Api) -> None:
    victim = dice.choice(("api", "server", "session"))
    if victim == "api":
        api.kill()
        api.start()
        return
    if victim == "session":
        _kill_session(dice, dsn)
        return
    os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    embedded.start("capra", folder)


def _kill_session(dice: random.Random, dsn: str) -> None:
    """Kill one process of the server, which then ends all others and recovers by itself."""
    try:
        with psycopg.connect(dsn) as connection:
            found = connection.execute(
                "select pid from pg_stat_activity where application_name = 'capra' order by pid"
            ).fetchall()
    except psycopg.OperationalError:
        return  # it still recovers from the kill before
    if found:
        os.kill(dice.choice(found)[0], signal.SIGKILL)
