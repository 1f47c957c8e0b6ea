"""The embedded server with real servers: started twice, killed, cut off, moved."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from backend.db import binaries, embedded, server_process
from backend.db.errors import BadAddress

pytestmark = pytest.mark.db


@pytest.fixture
def directory() -> Iterator[Path]:
    """A server's folder where PostgreSQL's user can reach it; the server is stopped after."""
    with tempfile.TemporaryDirectory(prefix="capra-", ignore_cleanup_errors=True) as parent:
        os.chmod(parent, 0o711)
        yield Path(parent) / "server"
        embedded.stop(Path(parent) / "server")


@pytest.fixture
def plain_cache(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work with a cache in which no TimescaleDB was built; the usual cache is yielded."""
    usual = embedded.cache_dir()
    with tempfile.TemporaryDirectory(prefix="capra-cache-") as cache:
        os.chmod(cache, 0o755)
        monkeypatch.setenv("CAPRA_CACHE", cache)
        yield usual


def ask(dsn: str, query: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return str(row[0])


def postmaster(directory: Path) -> int:
    return int((directory / "data" / "postmaster.pid").read_text().split()[0])


def write_pid_file(directory: Path, text: str) -> None:
    (directory / "data" / "postmaster.pid").write_text(text)


def cut_power(directory: Path) -> None:
    """End every process of the server at once and leave its lock files as they are."""
    number = postmaster(directory)
    os.kill(number, signal.SIGKILL)
    while server_process.living(directory / "data"):
        time.sleep(0.02)


def test_server_keeps_data_over_restart(directory: Path) -> None:
    dsn = embedded.start("herd", directory)
    with psycopg.connect(dsn) as connection:
        connection.execute("create table ibex as select 7 as horns")
    assert embedded.stop(directory)
    assert ask(embedded.start("herd", directory), "select horns from ibex") == "7"


def test_second_start_finds_running_server(directory: Path) -> None:
    embedded.start("capra", directory)
    before = postmaster(directory)
    embedded.start("capra", directory)
    assert postmaster(directory) == before


def test_stop_without_server_says_so(directory: Path) -> None:
    assert embedded.stop(directory) is False


def test_two_processes_starting_at_once_share_one_server(directory: Path) -> None:
    code = "import sys, pathlib; from backend.db import embedded\n"
    code += "print(embedded.start('capra', pathlib.Path(sys.argv[1])))"

    def starter() -> str:
        command = [sys.executable, "-c", code, str(directory)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    with ThreadPoolExecutor(3) as pool:
        answers = {future.result() for future in [pool.submit(starter) for _ in range(3)]}
    assert len(answers) == 1
    assert ask(answers.pop(), "select count(*) from pg_database where datname='capra'") == "1"


def test_committed_rows_survive_kill_9_of_the_postmaster(directory: Path) -> None:
    dsn = embedded.start("capra", directory)
    with psycopg.connect(dsn) as connection:
        connection.execute("create table fix as select generate_series(1, 1000)")
    os.kill(postmaster(directory), signal.SIGKILL)  # its children and its lock files still there
    assert ask(embedded.start("capra", directory), "select count(*) from fix") == "1000"


def test_pid_reused_by_another_process_does_not_stop_the_start(directory: Path) -> None:
    embedded.start("capra", directory)
    pid_file = (directory / "data" / "postmaster.pid").read_text().splitlines()
    cut_power(directory)
    owner = (directory / "data").stat().st_uid
    with subprocess.Popen(["sleep", "600"], user=owner if os.geteuid() == 0 else None) as other:
        write_pid_file(directory, "\n".join([str(other.pid), *pid_file[1:], ""]))
        assert ask(embedded.start("capra", directory), "select 1") == "1"
        assert other.poll() is None
        other.kill()


def test_empty_pid_file_does_not_stop_the_start(directory: Path) -> None:
    embedded.start("capra", directory)
    cut_power(directory)
    write_pid_file(directory, "")
    assert ask(embedded.start("capra", directory), "select 1") == "1"


def test_half_made_cluster_is_made_anew(directory: Path) -> None:
    half = directory / "data.new" / "base"
    half.mkdir(parents=True)
    (half / "1").write_text("cut off")
    assert ask(embedded.start("capra", directory), "select 1") == "1"


def test_environment_of_the_caller_does_not_lead_astray(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"PGPORT": "6666", "PGHOST": "nowhere", "PGDATA": "/nonexistent"}.items():
        monkeypatch.setenv(name, value)
    assert ask(embedded.start("capra", directory), "show port") == "5432"


def test_path_with_blanks_quotes_and_commas_works(directory: Path) -> None:
    odd = directory / 'the herd\'s "own", 100 % of it'
    directory.mkdir(mode=0o711)
    dsn = embedded.start("capra", odd)
    assert ask(dsn, "show data_directory") == str(odd / "data")
    embedded.stop(odd)


def test_path_too_long_for_a_socket_works(directory: Path) -> None:
    long = directory / ("deep" * 30)
    directory.mkdir(mode=0o711)
    first, second = embedded.start("capra", long), embedded.start("capra", long)
    assert first == second
    assert ask(first, "select 1") == "1"
    embedded.stop(long)


def test_server_listens_on_no_network(postgres_server: str) -> None:
    assert ask(postgres_server, "show listen_addresses") == ""


def test_server_never_runs_as_root(directory: Path) -> None:
    embedded.start("capra", directory)
    assert os.stat(f"/proc/{postmaster(directory)}").st_uid != 0


def test_folder_that_is_closed_to_the_server_is_named(directory: Path) -> None:
    directory.mkdir(mode=0o700 if os.geteuid() == 0 else 0o500)
    with pytest.raises(embedded.EmbeddedError, match=str(directory)):
        embedded.start("capra", directory / "inner")


def test_disk_that_refuses_is_told_as_an_error_of_the_server(directory: Path) -> None:
    directory.with_name("server.lock").mkdir()  # where the lock file belongs
    with pytest.raises(embedded.EmbeddedError, match=r"Is a directory: .*server\.lock"):
        embedded.start(directory=directory)
    directory.with_name("server.lock").rmdir()


def test_server_that_ends_during_the_start_is_told_in_one_line(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded.start("capra", directory)
    make_database = embedded._make_database

    def stop_first(dsn: str, database: str) -> None:
        cut_power(directory)
        make_database(dsn, database)

    monkeypatch.setattr(embedded, "_make_database", stop_first)
    with pytest.raises(embedded.EmbeddedError, match="connection to server on socket") as caught:
        embedded.start("capra", directory)
    assert "\n" not in str(caught.value)


def test_wheel_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_WHEEL", "no-such-wheel")
    with pytest.raises(embedded.EmbeddedError, match="is not installed here"):
        binaries.find()


def test_timescaledb_is_loaded_where_it_was_built(postgres_server: str) -> None:
    loaded = ask(postgres_server, "show shared_preload_libraries")
    assert loaded == ("timescaledb" if binaries.find().timescaledb else "")


def test_plain_cluster_gains_timescaledb_later(
    directory: Path, plain_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = embedded.start("capra", directory)
    assert ask(dsn, "show shared_preload_libraries") == ""
    embedded.stop(directory)
    monkeypatch.setenv("CAPRA_CACHE", str(plain_cache))
    dsn = embedded.start("capra", directory)
    with psycopg.connect(dsn) as connection:
        connection.execute("create extension timescaledb")


def test_cluster_without_its_timescaledb_can_be_read_and_says_why_not_written(
    directory: Path, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    dsn = embedded.start("capra", directory)
    with psycopg.connect(dsn) as connection:
        connection.execute("create extension timescaledb")
        connection.execute("create table fix (recorded_at timestamptz not null)")
        connection.execute("select create_hypertable('fix', by_range('recorded_at'))")
        connection.execute("insert into fix values ('2026-01-01')")
    embedded.stop(directory)
    request.getfixturevalue("plain_cache")
    dsn = embedded.start("capra", directory)
    assert "can be read but not written" in caplog.text
    assert ask(dsn, "select count(*) from fix") == "1"
    with psycopg.connect(dsn) as connection, pytest.raises(psycopg.Error, match="timescaledb"):
        connection.execute("insert into fix values ('2026-01-02')")


@pytest.mark.usefixtures("plain_cache")
def test_two_first_uses_of_a_cache_share_one_copy() -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = (f.result() for f in [pool.submit(binaries.find) for _ in range(2)])
    assert first == second
    assert [path.name for path in embedded.cache_dir().iterdir()] == [first.programs.parts[-4]]


def test_release_that_the_wheel_lacks_is_named() -> None:
    with pytest.raises(embedded.EmbeddedError, match=r"of PostgreSQL 12, which"):
        binaries.find("12")


def test_given_url_is_used_as_it_is() -> None:
    assert embedded.resolve("postgresql://example/herd") == "postgresql://example/herd"


def test_given_url_that_can_never_work_is_refused() -> None:
    with pytest.raises(BadAddress, match="its port is not a number"):
        embedded.resolve("postgresql://example:port/herd")


def test_temporary_server_leaves_nothing_behind() -> None:
    with embedded.temporary_server() as dsn:
        folder = Path(ask(dsn, "show data_directory")).parent
        assert folder.exists()
    assert not folder.parent.exists()


def test_each_test_gets_an_empty_database(database_url: str) -> None:
    assert ask(database_url, "select count(*) from pg_tables where schemaname='public'") == "0"


def test_folders_are_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPRA_CACHE", "/one")
    monkeypatch.setenv("CAPRA_DATA", "/two")
    assert embedded.cache_dir() == Path("/one")
    assert embedded.data_dir() == Path("/two")
