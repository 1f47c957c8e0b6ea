"""The commands `serve` and `migrate` as programs of their own."""

import os
import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

pytestmark = pytest.mark.db
ENVIRONMENT = {**os.environ, "PYTHONWARNINGS": "error", "CAPRA_DATABASE_URL": ""}
AWAY = "host=127.0.0.1 port=9 dbname=capra connect_timeout=1"


def backend(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False
    )


def test_migrate_says_what_it_did(database_url: str) -> None:
    first = backend("migrate", "--database", database_url)
    assert (first.returncode, first.stdout) == (0, "applied 0001_tables, 0002_hypertables\n")
    again = backend("migrate", "--database", database_url)
    assert again.stdout == "nothing to do: the schema is up to date\n"


def test_migrate_without_a_server_is_one_clear_line() -> None:
    done = backend("migrate", "--database", AWAY)
    assert done.returncode == 1
    assert done.stderr.startswith("capra: the database does not answer: ")
    assert "Traceback" not in done.stderr


def test_serve_answers_until_it_is_told_to_stop(database_url: str) -> None:
    command = [sys.executable, "-m", "backend", "serve", "--port", "0", "--database", database_url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            url = re.fullmatch(r"serving (http://127\.0\.0\.1:\d+/) \(Ctrl-C ends\)\n", line)
            assert url is not None, line
            health = httpx.get(url[1] + "api/v1/health", trust_env=False, timeout=30)
            assert health.json()["status"] == "ok"
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_a_busy_port_is_one_clear_line(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = backend("serve", "--port", port, "--database", database_url)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1 port {port}: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_help_shows_an_example(command: str) -> None:
    done = backend(command, "--help")
    assert done.returncode == 0
    assert f"example: capra {command}" in done.stdout
