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
import hashlib
import logging
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
from platformdirs import user_data_path
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

from backend.db import binaries
from backend.db.address import check
from backend.db.binaries import Binaries, EmbeddedError, cache_dir, folder_for
from backend.db.errors import describe

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

_log = logging.getLogger(__name__)

_SOCKET_PATH_BYTES = 88  # sun_path holds 107, of which "/.s.PGSQL.5432.lock" takes 19
_START_S = 600  # recovery from a large write-ahead log takes minutes
_LOG_BYTES = 4 << 20  # a log longer than this is set aside, at a start, as log.old
_ORPHANS_S = 30  # how long the children of a killed server may take to notice


class _Account(NamedTuple):
    """Whom the server runs as; `demote` when we are root, which PostgreSQL refuses to be."""

    name: str
    uid: int
    gid: int
    demote: bool


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
    account = _account(directory)
    _make_directory(directory, account)
    with _locked(directory):
        socket = _socket_directory(directory, account)
        dsn = make_conninfo("", host=str(socket), port=5432, user="capra", dbname="postgres")
        if not _await_answer(dsn):
            _launch(directory, socket, account, settings)
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
    account = _account(directory)
    with _locked(directory):
        if not _living(data):
            return False
        programs = binaries.find((data / "PG_VERSION").read_text().strip())
        _run(programs, account, "pg_ctl", "-D", data, "-m", "fast", "-w", "-t", "120", "stop")
        socket = _socket_directory(directory, account)
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


def _account(directory: Path) -> _Account:
    """Choose the server's user: we; for root the cluster's owner, ``postgres`` or ``nobody``."""
    me = os.geteuid()
    if me != 0:
        owner = directory.stat().st_uid if directory.exists() else me
        if owner != me:
            raise EmbeddedError(
                f"{directory} belongs to user {owner}, this process runs as user {me}: run it as "
                "the owner or as root, or set CAPRA_DATA to a folder of your own"
            )
        return _Account(f"{me}", me, os.getegid(), demote=False)
    data = directory / "data"
    if data.exists():
        status = data.stat()
        return _Account(f"{status.st_uid}", status.st_uid, status.st_gid, demote=True)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(name, entry.pw_uid, entry.pw_gid, demote=True)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and this machine has no user postgres or nobody: "
        "run this as an ordinary user, or set CAPRA_DATABASE_URL"
    )


def _make_directory(directory: Path, account: _Account) -> None:
    """Make the server's folder, owned by its user, who must be able to come to it."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"cannot make {directory} ({error.strerror}): set CAPRA_DATA to a folder of your own"
        ) from error
    if account.demote:
        os.chown(directory, account.uid, account.gid, follow_symlinks=False)
    _check_reachable(directory, account, "CAPRA_DATA")


def _check_reachable(path: Path, account: _Account, variable: str) -> None:
    if not account.demote:
        return
    for folder in path.resolve().parents:
        status = folder.stat()
        if status.st_uid == account.uid:
            enter = 0o100
        elif status.st_gid == account.gid:
            enter = 0o010
        else:
            enter = 0o001
        if not status.st_mode & enter:
            raise EmbeddedError(
                f"user {account.name}, whom PostgreSQL is to run as, may not enter {folder}: "
                f"set {variable} to a folder outside of it"
            )


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


def _socket_directory(directory: Path, account: _Account) -> Path:
    """Return the socket's folder: inside the server's, or in /tmp where that path is too long."""
    socket = directory / "socket"
    if len(os.fsencode(socket)) > _SOCKET_PATH_BYTES or "," in str(socket):
        name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
        socket = Path("/tmp") / f"capra-{name}"  # not TMPDIR: every starter must find the same one
    try:
        socket.mkdir(mode=0o700)
        if account.demote:
            os.chown(socket, account.uid, account.gid, follow_symlinks=False)
    except FileExistsError:
        status = socket.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (account.uid, 0):
            raise EmbeddedError(
                f"{socket} is not a folder of user {account.name}: remove it"
            ) from None
        if account.demote:
            os.chown(socket, account.uid, account.gid, follow_symlinks=False)
    return socket


def _await_answer(dsn: str) -> bool:
    """Tell whether a server answers; one that is starting, recovering or stopping is awaited."""
    end = time.monotonic() + _START_S
    while True:
        answer = pq.PGconn.ping(f"{dsn} connect_timeout=5".encode())
        if answer == pq.Ping.OK:
            return True
        if answer != pq.Ping.REJECT:
            return False
        if time.monotonic() > end:
            raise EmbeddedError(f"the server at {dsn!r} has refused everyone for {_START_S} s")
        time.sleep(0.1)


def _make_database(dsn: str, database: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        known = "select from pg_database where datname = %s"
        if not connection.execute(known, (database,)).rowcount:
            # template0, because TimescaleDB's launcher may sit in template1
            create = sql.SQL("create database {} template template0")
            connection.execute(create.format(sql.Identifier(database)))


def _launch(directory: Path, socket: Path, account: _Account, settings: Mapping[str, str]) -> None:
    data, log = directory / "data", directory / "log"
    fresh = not (data / "PG_VERSION").exists()
    before = _read(directory / "timescaledb")
    programs = binaries.find(
        binaries.MAJOR if fresh else (data / "PG_VERSION").read_text().strip(), before
    )
    _check_reachable(programs.programs, account, "CAPRA_CACHE")
    _report_timescaledb(directory, programs, before)
    if fresh:
        _initialise(programs, data, account)
    _clear_stale(data, socket)
    chosen = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket),
        "unix_socket_permissions": "0700",
        "port": "5432",
        "log_checkpoints": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "shared_preload_libraries": "timescaledb" if programs.timescaledb else "",
        **settings,
    }
    if log.exists() and log.lstat().st_size > _LOG_BYTES:
        log.replace(directory / "log.old")
    options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in chosen.items())
    began = time.monotonic()
    # Relative paths: pg_ctl passes them to a shell, in which any path could mean something else.
    command = ("pg_ctl", "-D", "data", "-w", "-t", _START_S, "-l", "log", "-o", options, "start")
    try:
        _run(programs, account, *command, working_directory=directory)
    except EmbeddedError as error:
        raise EmbeddedError(f"{error}\nthe end of {log}:\n{_read(log)}") from error
    if programs.timescaledb and programs.timescaledb != before:
        _write(directory / "timescaledb", programs.timescaledb)
    _log.info("embedded PostgreSQL started in %.1f s: %s", time.monotonic() - began, directory)


def _report_timescaledb(directory: Path, programs: Binaries, before: str) -> None:
    """Say in one line whether TimescaleDB is there, and what follows if it is not."""
    here, remedy = programs.timescaledb, "to build it run .ci/setup/timescaledb.sh"
    if before and before != here:
        _log.error(
            "the databases in %s were used with TimescaleDB %s, but %s: their hypertables can be "
            "read but not written; %s, or set CAPRA_CACHE to the folder that holds it",
            directory,
            before,
            f"only {here} is built here" if here else "it is not built here",
            remedy,
        )
    elif here:
        _log.info("embedded PostgreSQL %s with TimescaleDB %s", programs.major, here)
    else:
        _log.warning(
            "embedded PostgreSQL %s without TimescaleDB (none in %s; %s)",
            programs.major,
            cache_dir(),
            remedy,
        )


def _initialise(programs: Binaries, data: Path, account: _Account) -> None:
    """Make an empty cluster; a half-made one of an earlier try is thrown away."""
    new = data.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    options = ("-A", "trust", "-E", "UTF8", "--locale=C", "-U", "capra")
    _run(programs, account, "initdb", *options, "-D", new)
    new.rename(data)


def _clear_stale(data: Path, socket: Path) -> None:
    """Remove the lock files of a server that is gone, which would keep the next from starting.

    PostgreSQL's own check asks whether the process number in the file is alive; after a power cut
    it may be anybody's. A server works in its data directory; a reused number or a zombie does
    not.
    """
    end = time.monotonic() + _ORPHANS_S
    while living := _living(data):
        if time.monotonic() > end:
            raise EmbeddedError(
                f"process {living[0]} still works in {data} but PostgreSQL does not answer: "
                f"see {data.parent / 'log'}; to end it: kill -INT {living[0]}"
            )
        time.sleep(0.1)
    locks = (socket / ".s.PGSQL.5432", socket / ".s.PGSQL.5432.lock", data / "postmaster.pid")
    for leftover in locks:
        leftover.unlink(missing_ok=True)


def _living(data: Path) -> list[int]:
    """Return the numbers of the PostgreSQL processes whose working directory is `data`."""
    home, found = str(data.resolve()), []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                here = os.readlink(process / "cwd") == home
                if here and (process / "comm").read_text().startswith("postgres"):
                    found.append(int(process.name))
            except OSError:
                continue  # gone meanwhile, a zombie, or another user's
    return found


def _run(
    programs: Binaries,
    account: _Account,
    program: str,
    *arguments: object,
    working_directory: Path = Path("/"),
) -> None:
    """Run a program of PostgreSQL as the server's user, free of the caller's PG* variables."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    done = subprocess.run(
        [str(programs.programs / program), *map(str, arguments)],
        cwd=working_directory,
        env={**environment, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        user=account.uid if account.demote else None,
        group=account.gid if account.demote else None,
        extra_groups=[] if account.demote else None,
        check=False,
    )
    if done.returncode:
        raise EmbeddedError(f"{program} failed ({done.returncode}): {done.stderr.strip()}")


# The server's user owns the folder, so root follows no link in it.


def _read(path: Path) -> str:
    """Return the last 1000 bytes of a file; nothing if there is no such file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return ""
    with open(handle, "rb") as file:
        file.seek(max(0, os.fstat(handle).st_size - 1000))
        return file.read().decode(errors="replace").strip()


def _write(path: Path, text: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
    with open(handle, "w") as file:
        file.write(text + "\n")
