"""The commands `serve` and `migrate` as programs of their own."""

import functools
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from backend.db import embedded
from backend.db.migrate import migrations

pytestmark = pytest.mark.db
ENVIRONMENT = {**os.environ, "PYTHONWARNINGS": "error", "CAPRA_DATABASE_URL": ""}
AWAY = "host=127.0.0.1 port=9 dbname=capra connect_timeout=1"


@pytest.fixture
def data_folder() -> Iterator[str]:
    """A CAPRA_DATA of the test's own, where PostgreSQL's user can reach it."""
    with tempfile.TemporaryDirectory(prefix="capra-", ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o711)
        yield folder
        embedded.stop(Path(folder) / "postgresql")


def backend(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "backend", *arguments]
    environment = {**ENVIRONMENT, **variables}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, check=False
    )


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one line with which a command refuses its arguments."""
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done
    assert done.stderr.startswith("capra: ")
    return done.stderr


def test_migrate_says_what_it_did(database_url: str) -> None:
    first = backend("migrate", "--database", database_url)
    applied = ", ".join(one.name for one in migrations())
    assert (first.returncode, first.stdout) == (0, f"applied {applied}\n")
    again = backend("migrate", "--database", database_url)
    assert again.stdout == "nothing to do: the schema is up to date\n"


def test_migrate_without_a_server_is_one_clear_line() -> None:
    done = backend("migrate", "--database", AWAY)
    assert done.returncode == 1
    assert done.stderr.startswith("capra: the database does not answer: connection to server at ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_malformed_url_ends_a_command_and_its_password_is_not_shown(command: str) -> None:
    url = "postgresql://capra:s3cretpw@[bad/x"
    for done in (backend(command, CAPRA_DATABASE_URL=url), backend(command, "--database", url)):
        line = refusal(done)
        assert "the database URL cannot be used: an address in [ ]" in line and "cret" not in line


def test_serve_goes_on_without_a_database_and_says_why_in_one_line() -> None:
    command = [sys.executable, "-m", "backend", "serve", "--port", "0", "--database", AWAY]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=ENVIRONMENT, **pipes) as process:  # type: ignore[call-overload]
        url = process.stdout.readline()
        line = process.stderr.readline()
        port = re.findall(r":(\d+)/", url)[0]
        httpx.get(f"http://127.0.0.1:{port}/api/v1/health", trust_env=False, timeout=30)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert line.startswith("schema not updated, serving all the same: connection to server at ")
    assert process.returncode == 0 and "Is the server running" not in rest
    assert "error connecting in 'capra': connection to server at " in rest


@pytest.mark.parametrize("source", ["--database", "CAPRA_DATABASE_URL"])
def test_name_of_an_embedded_database_and_another_server_are_refused(source: str) -> None:
    if source == "--database":
        line = refusal(backend("serve", "--name", "herd", "--database", AWAY))
    else:
        line = refusal(backend("serve", "--name", "herd", CAPRA_DATABASE_URL=AWAY))
    assert f"{source} names another" in line


def test_embedded_server_is_found_by_name_and_stopped_by_commands(data_folder: str) -> None:
    with_data = functools.partial(backend, CAPRA_DATA=data_folder)
    assert with_data("database", "stop").stdout.startswith("no server was running: ")
    url = with_data("database", "url").stdout.strip()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create database herd_demo")
    assert (
        with_data("database", "url", "herd_demo").stdout
        == url.replace("dbname=capra", "dbname=herd_demo") + "\n"
    )
    absent = with_data("serve", "--name", "nonsense")
    assert absent.returncode == 1
    assert "no database 'nonsense' on the embedded server, which holds capra, herd_demo" in (
        absent.stderr
    )
    stopped = with_data("database", "stop")
    assert (stopped.returncode, stopped.stdout.split(":")[0]) == (0, "stopped")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_serve_shows_the_database_that_is_named(data_folder: str) -> None:
    url = backend("database", "url", CAPRA_DATA=data_folder).stdout.strip()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create database herd_demo")
    command = [sys.executable, "-m", "backend", "serve", "--port", "0", "--name", "herd_demo"]
    environment = {**ENVIRONMENT, "CAPRA_DATA": data_folder}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("serving ")
        process.send_signal(signal.SIGINT)
    with psycopg.connect(url.replace("dbname=capra", "dbname=herd_demo")) as connection:
        assert connection.execute("select count(*) from fix").fetchone() == (0,)


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


@pytest.mark.parametrize("command", ["serve", "migrate", "database", "database stop"])
def test_help_shows_an_example(command: str) -> None:
    done = backend(*command.split(), "--help")
    assert done.returncode == 0
    assert f"example: capra {command}" in done.stdout


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_help_says_that_the_list_of_processes_shows_a_password(command: str) -> None:
    text = " ".join(backend(command, "--help").stdout.split())
    assert "in the list of processes: give a password by CAPRA_DATABASE_URL" in text
    assert "PGPASSFILE" in text
