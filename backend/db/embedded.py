"""A PostgreSQL server that starts by itself, so that Capra needs no database administrator.

Starting survives what a field station meets: two starters at once, a killed server, a power cut
that leaves lock files whose process number now belongs to somebody else. As root the server runs
as an unprivileged user. TimescaleDB is loaded where it was built, by options of the start and not
by the cluster's configuration: so a plain cluster gains it later, and one that had it still starts
without.

A server's folder holds ``data`` (the cluster), ``socket`` (mode 0700), ``log`` and ``timescaledb``
(the version last loaded). Its lock lies beside the folder, out of reach of the server's user.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg
from platformdirs import user_data_path
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from backend.db import binaries
from backend.db.address import check
from backend.db.binaries import EmbeddedError, cache_dir, folder_for
from backend.db.errors import describe
from backend.db.server_folder import account_of, make_directory, socket_directory
from backend.db.server_process import START_S, launch, living, run

__all__ = [
    "EmbeddedError",
    "cache_dir",
    "data_dir",
    "find_database",
    "resolve",
    "start",
    "stop",
    "temporary_server",
]


def data_dir() -> Path:
    """Return the folder of what cannot be made again: databases, spools, keys.

    ``CAPRA_DATA``, else ``/var/lib/capra`` for root, else the user's data folder.
    """
    return folder_for("CAPRA_DATA", Path("/var/lib/capra"), user_data_path("capra"))


def resolve(url: str | None, database: str = "capra") -> str:
    """Return `url` where one is given, else the DSN of the embedded server, started if need be.

    Raises:
        BadAddress: the URL can never work.
        EmbeddedError: the embedded server cannot run here.
    """
    return check(url) if url else start(database)


def find_database(name: str) -> str:
    """Start the embedded server if need be and return the DSN of a database that it holds.

    Raises:
        EmbeddedError: it holds none of that name (`capra` is made), or cannot run here.
    """
    if name == "capra":
        return start()
    dsn = start("postgres")
    query = "select datname from pg_database where datname not like 'template_' order by 1"
    with _translated(_server_directory(None)), psycopg.connect(dsn) as connection:
        names = [str(row[0]) for row in connection.execute(query)]
    if name not in names:
        raise EmbeddedError(
            f"no database {name!r} on the embedded server, which holds {', '.join(names)}"
        )
    return make_conninfo(dsn, dbname=name)


def start(
    database: str = "capra",
    directory: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> str:
    """Start the embedded server or find it running, create `database` if missing, return its DSN.

    The server outlives this process; `stop` ends it.

    Args:
        database: name of the database to connect to.
        directory: the server's folder; by default ``data_dir() / "postgresql"``.
        settings: further PostgreSQL settings; a server that runs already keeps its own.

    Raises:
        EmbeddedError: the server cannot run here; the message holds the remedy.
    """
    directory = _server_directory(directory)
    with _translated(directory):
        return _start(database, directory, settings or {})


def _start(database: str, directory: Path, settings: Mapping[str, str]) -> str:
    account = account_of(directory)
    make_directory(directory, account)
    with _locked(directory):
        socket = socket_directory(directory, account)
        dsn = make_conninfo("", host=str(socket), port=5432, user="capra", dbname="postgres")
        if not _await_answer(dsn):
            launch(directory, socket, account, settings)
        _make_database(dsn, database)
    return make_conninfo(dsn, dbname=database)


def stop(directory: Path | None = None) -> bool:
    """Stop the embedded server, ending its sessions; False if none was running.

    Raises:
        EmbeddedError: it could not be stopped.
    """
    directory = _server_directory(directory)
    with _translated(directory):
        return _stop(directory)


def _stop(directory: Path) -> bool:
    data = directory / "data"
    if not (data / "PG_VERSION").exists():
        return False
    account = account_of(directory)
    with _locked(directory):
        if not living(data):
            return False
        programs = binaries.find((data / "PG_VERSION").read_text().strip())
        run(programs, account, "pg_ctl", "-D", data, "-m", "fast", "-w", "-t", "120", "stop")
        socket = socket_directory(directory, account)
        if directory not in socket.parents:
            shutil.rmtree(socket, ignore_errors=True)
    return True


@contextmanager
def temporary_server(directory: Path | None = None) -> Iterator[str]:
    """Run a throwaway server (no fsync) and yield the DSN of its database ``postgres``.

    Args:
        directory: an absent folder, in a place that the server's user can reach; by default one
            in the system's temporary folder. It is removed at the end.
    """
    if directory is not None and directory.exists():
        raise EmbeddedError(f"{directory} exists; a throwaway server wants a folder of its own")
    with tempfile.TemporaryDirectory(prefix="capra-", ignore_cleanup_errors=True) as parent:
        if directory is None:
            os.chmod(parent, 0o711)  # the server's user must pass through
            directory = Path(parent) / "postgresql"
        unsafe = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        try:
            yield start("postgres", directory, unsafe)
        finally:
            stop(directory)
            shutil.rmtree(directory, ignore_errors=True)
            _lock_path(directory).unlink(missing_ok=True)


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    """Turn into our own error what the system refuses (a full disk), and a server that ends."""
    try:
        yield
    except psycopg.Error as error:
        raise EmbeddedError(f"the embedded server in {directory}: {describe(error)}") from error
    except OSError as error:
        raise EmbeddedError(f"the embedded server in {directory}: {error}") from error


def _server_directory(directory: Path | None) -> Path:
    return (directory or data_dir() / "postgresql").absolute()


def _lock_path(directory: Path) -> Path:
    return directory.with_name(directory.name + ".lock")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    handle = os.open(_lock_path(directory), os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _await_answer(dsn: str) -> bool:
    """Tell whether a server answers; one that is starting, recovering or stopping is awaited."""
    end = time.monotonic() + START_S
    while True:
        answer = pq.PGconn.ping(f"{dsn} connect_timeout=5".encode())
        if answer == pq.Ping.OK:
            return True
        if answer != pq.Ping.REJECT:
            return False
        if time.monotonic() > end:
            raise EmbeddedError(f"the server at {dsn!r} has refused everyone for {START_S} s")
        time.sleep(0.1)


def _make_database(dsn: str, database: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        known = "select from pg_database where datname = %s"
        if not connection.execute(known, (database,)).rowcount:
            # template0, because TimescaleDB's launcher may sit in template1
            create = sql.SQL("create database {} template template0")
            connection.execute(create.format(sql.Identifier(database)))
