"""The demo as its user runs it: the command, its table, its exit code, its map."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

pytestmark = [pytest.mark.system, pytest.mark.db]


@pytest.fixture
def variables(tmp_path: Path, database_url: str) -> dict[str, str]:
    return os.environ | {"CAPRA_DATABASE_URL": database_url, "CAPRA_DATA": str(tmp_path)}


def _demo(variables: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "capra", "demo", "--no-serve", *words]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)


def test_thirty_days_of_three_ibex_end_with_every_record_stored_once(
    variables: dict[str, str], tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    done = _demo(variables, "--report", str(report))
    outcomes = json.loads(report.read_text())

    assert done.returncode == 0, done.stdout + done.stderr
    assert [outcome["animal"] for outcome in outcomes] == ["Alva", "Bruna", "Corsin"]
    for outcome in outcomes:
        assert outcome["fixes_taken"] >= 30
        assert outcome["fixes_loaded"] >= outcome["fixes_taken"] - 8  # some wait for company
        assert outcome["brown_outs"] == 0
        assert outcome["joules_in"] > 0
        assert 1 < outcome["area_km2"] < 30


def test_a_record_missing_from_the_database_fails_the_run(
    variables: dict[str, str], database_url: str
) -> None:
    assert _demo(variables, "--days", "1").returncode == 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        # from now on the database loses some records of each collar without a word
        connection.execute(
            "create function lose() returns trigger language plpgsql as "
            "$$ begin if new.record < 5 then return null; end if; return new; end $$"
        )
        connection.execute(
            "create trigger lose before insert on fix for each row execute function lose()"
        )
    done = _demo(variables, "--days", "3")
    assert done.returncode == 1
    assert "missing: record" in done.stdout


def test_a_station_that_dies_ends_the_run_with_a_clear_line(variables: dict[str, str]) -> None:
    with _running(variables) as process:
        station = _child(process.pid)
        os.kill(station, signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "the station ended with code -9" in errors


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_station_outlives_its_run(variables: dict[str, str], how: signal.Signals) -> None:
    with _running(variables) as process:
        station = _child(process.pid)
        process.send_signal(how)
        process.communicate(timeout=60)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{station}").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not Path(f"/proc/{station}").exists()


@contextmanager
def _running(variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A long demo that has begun to live."""
    command = [sys.executable, "-u", "-m", "capra", "demo", "--days", "600", "--no-serve"]
    with subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            next(line for line in process.stdout if "starting the ground station" in line)
            while not _child(process.pid):
                time.sleep(0.05)
            time.sleep(2)
            yield process
        finally:
            process.kill()


def _child(parent: int) -> int:
    """The station's process number; 0 while there is none."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if int(words[1]) == parent and b"ground_station\0run" in command:
            return int(entry.name)
    return 0


def test_the_demo_serves_its_map_until_interrupted(variables: dict[str, str]) -> None:
    command = [sys.executable, "-u", "-m", "capra", "demo", "--days", "1", "--serve"]
    with subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            urls = (re.findall(r"http\S+", line) for line in process.stdout)
            page, _, ticket = next(found[0] for found in urls if found).partition("#")
            with httpx.Client(base_url=page, timeout=10, trust_env=False) as client:
                assert client.get("api/v1/animals").json()["animals"] == []  # nobody known asks
                signed_in = client.post("api/v1/session", json={"key": ticket.partition("=")[2]})
                assert signed_in.status_code == 201, signed_in.text
                assert len(client.get("api/v1/animals").json()["animals"]) == 3
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 0
        finally:
            process.kill()
