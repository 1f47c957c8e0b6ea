"""The processes of an embedded server: started, initialised and found again after a crash."""

import logging
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from backend.db import binaries
from backend.db.binaries import Binaries, EmbeddedError, cache_dir
from backend.db.server_folder import Account, check_reachable, read_end, write_text

START_S = 600  # recovery from a large write-ahead log takes minutes
_LOG_BYTES = 4 << 20  # a log longer than this is set aside, at a start, as log.old
_ORPHANS_S = 30  # how long the children of a killed server may take to notice

_log = logging.getLogger(__name__)


def launch(directory: Path, socket: Path, account: Account, settings: Mapping[str, str]) -> None:
    """Start a server in its folder, which is made a cluster if it is none yet.

    Raises:
        EmbeddedError: it does not start; the message holds the end of its log.
    """
    data, log = directory / "data", directory / "log"
    fresh = not (data / "PG_VERSION").exists()
    before = read_end(directory / "timescaledb")
    programs = binaries.find(
        binaries.MAJOR if fresh else (data / "PG_VERSION").read_text().strip(), before
    )
    check_reachable(programs.programs, account, "CAPRA_CACHE")
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
    command = ("pg_ctl", "-D", "data", "-w", "-t", START_S, "-l", "log", "-o", options, "start")
    try:
        run(programs, account, *command, working_directory=directory)
    except EmbeddedError as error:
        raise EmbeddedError(f"{error}\nthe end of {log}:\n{read_end(log)}") from error
    if programs.timescaledb and programs.timescaledb != before:
        write_text(directory / "timescaledb", programs.timescaledb)
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


def _initialise(programs: Binaries, data: Path, account: Account) -> None:
    """Make an empty cluster; a half-made one of an earlier try is thrown away."""
    new = data.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    options = ("-A", "trust", "-E", "UTF8", "--locale=C", "-U", "capra")
    run(programs, account, "initdb", *options, "-D", new)
    new.rename(data)


def _clear_stale(data: Path, socket: Path) -> None:
    """Remove the lock files of a server that is gone, which would keep the next from starting.

    PostgreSQL's own check asks whether the process number in the file is alive; after a power cut
    it may be anybody's. A server works in its data directory; a reused number or a zombie does
    not.
    """
    end = time.monotonic() + _ORPHANS_S
    while working := living(data):
        if time.monotonic() > end:
            raise EmbeddedError(
                f"process {working[0]} still works in {data} but PostgreSQL does not answer: "
                f"see {data.parent / 'log'}; to end it: kill -INT {working[0]}"
            )
        time.sleep(0.1)
    locks = (socket / ".s.PGSQL.5432", socket / ".s.PGSQL.5432.lock", data / "postmaster.pid")
    for leftover in locks:
        leftover.unlink(missing_ok=True)


def living(data: Path) -> list[int]:
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


def run(
    programs: Binaries,
    account: Account,
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
