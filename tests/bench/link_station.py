"""The ground station: the loader against a bare COPY, the whole station over a replayed year."""

import contextlib
import io
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from backend.db import copy, embedded
from backend.db.ingest import Batch, load
from backend.db.migrate import migrate
from backend.db.rows import RECORDS, FixRow
from firmware.wire import data, fix
from ground_station.receivers import replay
from tests.bench.rows import row
from tests.ground_station.scripted import Collar, make_received, running, write_keys
from tests.ground_station.several import differences

BATCH = 10_000


def walk(batches: int, seed: int = 20261122) -> list[list[FixRow]]:
    """New hourly fixes of 200 collars in the order they come, `BATCH` rows at a time."""
    dice = random.Random(seed)
    start_us = 1_767_225_600_000_000
    rows = [
        FixRow(
            collar, 0, hour + 1, start_us + hour * 3_600_000_000,
            46.6 + dice.randint(0, 9999) / 1e5, 10.1 + dice.randint(0, 9999) / 1e5,
            float(dice.randint(1500, 2900)), 5.0, 0,
        )
        for hour in range(BATCH * batches // 200)
        for collar in range(1, 201)
    ]  # fmt: skip
    return [rows[i : i + BATCH] for i in range(0, len(rows), BATCH)]


def empty_database(server: str, name: str) -> str:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    dsn = make_conninfo(server, dbname=name)
    migrate(dsn)
    return dsn


STATEMENT = f"copy fix ({RECORDS[0].columns}) from stdin (format binary)".encode()
TYPES = ("int4", "int4", "int8", "timestamptz", "float8", "float8", "float4", "float4", "int2")


def copy_rows(connection: psycopg.Connection, rows: list[tuple]) -> None:
    """The driver's own binary COPY, from rows of Python to the commit."""
    with connection.transaction(), connection.cursor().copy(STATEMENT) as out:
        out.set_types(TYPES)
        for one in rows:
            out.write_row(one)


def copy_blocks(connection: psycopg.Connection, blocks: list[bytes]) -> None:
    """A COPY whose bytes were made before: what the server alone takes."""
    with connection.transaction(), connection.cursor().copy(STATEMENT) as out:
        for block in blocks:
            out.write(block)


def load_rows(connection: psycopg.Connection, rows: list[FixRow]) -> None:
    """The loader, from rows of Python to the commit."""
    assert load(connection, Batch(rows)).fixes_new == len(rows)


def processor_s(connection: psycopg.Connection) -> float:
    """Processor time of this process and of the connection's server process."""
    server = Path(f"/proc/{connection.info.backend_pid}/schedstat").read_text()
    return time.process_time() + int(server.split()[0]) / 1e9


def loader_figures(server: str, batches: int = 20, rounds: int = 3) -> list[dict]:
    rows = walk(batches)
    hours = {one.recorded_at_us for part in rows for one in part}
    utc = {at_us: datetime.fromtimestamp(at_us // 1_000_000, UTC) for at_us in hours}
    columns = [copy.columns(RECORDS[0].kinds, part) for part in rows]
    ways = {
        "copied": (copy_rows, [[(*r[:3], utc[r[3]], *r[4:]) for r in part] for part in rows]),
        "bare": (copy_blocks, [list(copy.blocks(part, np.arange(BATCH))) for part in columns]),
        "loaded": (load_rows, rows),
    }
    wall_s: dict[str, list[float]] = {name: [] for name in ways}
    work_s: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        with contextlib.ExitStack() as stack:
            databases = {
                name: stack.enter_context(
                    psycopg.connect(empty_database(server, f"{name}_{turn}"), autocommit=True)
                )
                for name in ways
            }
            for number in range(batches):  # batch by batch in turns: all see the same machine
                for name, (write, inputs) in ways.items():
                    connection = databases[name]
                    work, start_s = processor_s(connection), time.perf_counter()
                    write(connection, inputs[number])
                    wall_s[name].append(time.perf_counter() - start_s)
                    work_s[name].append(processor_s(connection) - work)
    wall, work = ({k: statistics.median(v) for k, v in of.items()} for of in (wall_s, work_s))
    given = f"median of {rounds} x {batches} batches of {BATCH:,} new rows, 200 collars, fsync on"
    ratio = wall["copied"] / wall["loaded"]
    return [
        row("loader over psycopg's binary COPY", ratio, "x", ">= 0.8", ratio >= 0.8, given),
        row(
            "the same in processor time, both ends",
            work["copied"] / work["loaded"], "x", None, True, given,
        ),
        row(
            "loader over COPY of bytes made before",
            wall["bare"] / wall["loaded"], "x", None, True, given,
        ),
        row("loader", BATCH / wall["loaded"], "rows/s", None, True, given),
    ]  # fmt: skip


def write_frames(path: Path, collars: list[Collar], hours: int) -> int:
    """Write what one gateway hears of collars that send a new fix every hour; returns frames."""
    dice, number = random.Random(1), 0
    place = {one.collar: [4_666_000, 1_020_000] for one in collars}
    with path.open("w") as out:
        for hour in range(hours):
            for one in collars:
                number += 1
                here, at_s = place[one.collar], 1_767_225_600 + 3600 * hour
                here[0] += dice.randint(-60, 60)
                here[1] += dice.randint(-60, 60)
                payload, _ = data.encode(0, [fix.Fix(hour + 1, at_s, *here, 2400, 3, 0)], 100)
                heard = make_received(one.seal(payload), number, ticks_us=at_s * 1_000_000)
                line = replay.write_line(heard, "00000000000000aa", (at_s + 20) * 1_000_000)
                out.write(line + "\n")
    return number


def replay_figures(server: str, folder: Path, days: int) -> list[dict]:
    """The whole station, a process on one core, from recorded frames to the database."""
    collars = [Collar(n, bytes([n, 255 - n]) * 8) for n in range(1, 201)]
    frames = write_frames(folder / "frames.jsonl", collars, 24 * days)
    write_keys(folder / "keys.json", *collars)
    dsn = empty_database(server, "replayed")
    command = [
        sys.executable, "-m", "ground_station", "replay", str(folder / "frames.jsonl"),
        "--keys", str(folder / "keys.json"), "--spool", str(folder / "spool"), "--station", "hut",
    ]  # fmt: skip
    start_s = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, "CAPRA_DATABASE_URL": dsn},
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    seconds = time.perf_counter() - start_s
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "select (select count(*) from fix), (select count(*) from reception)"
        ).fetchone()
    assert status == 0 and found == (frames, frames), (status, found)
    given = f"200 collars x 24 frames a day x {days} days, start and drain included"
    cpu_s = usage.ru_utime + usage.ru_stime
    rate = frames / seconds
    return [
        row("whole station, replayed", rate, "frames/s", ">= 2000", rate >= 2000, given),
        row("its processor time alone", frames / cpu_s, "frames/s", None, True, given),
        row("its memory", usage.ru_maxrss / 1024, "MB", "< 150", usage.ru_maxrss < 153_600, given),
    ]


def latency_figures(folder: Path, frames: int) -> list[dict]:
    """From a frame on the bridge's line to its acknowledgement there, on this machine's disk."""
    collar, delays_ms = Collar(1), []
    write_keys(folder / "keys.json", collar)
    with running(folder, "--no-load") as (bridge, _):
        for record in range(1, frames + 1):
            start_s = time.perf_counter()
            bridge.hear(collar.send(record, record))
            bridge.wait_answered()
            delays_ms.append(1000 * (time.perf_counter() - start_s))
    given = f"{frames} frames one by one through a pseudo-terminal, each synced to the disk"
    worst = max(delays_ms)
    middle = statistics.median(delays_ms)
    return [
        row("frame in to acknowledgement out, median", middle, "ms", None, True, given),
        row("the same, worst", worst, "ms", "< 500", worst < 500, given),
    ]


def several_figure(server: str, folder: Path, collars: int, hours: int) -> dict:
    """Three stations that load all at once what they heard in days without network."""
    (folder / "several").mkdir()
    dsn = empty_database(server, "several")
    with contextlib.redirect_stderr(io.StringIO()):
        wrong = differences(folder / "several", dsn, collars, hours)
    given = f"{collars} collars, {hours // 24} days, clocks 0, +2 and -2 days off" + str(
        wrong or ""
    )
    return row("3 stations: differences from the truth", len(wrong), "", "0", not wrong, given)


def rows(quick: bool = False) -> list[dict]:
    """All rows; `quick` for a test of the benchmark itself, and no year of 365 days."""
    days = 1 if quick else int(os.environ.get("CAPRA_BENCH_DAYS", "365"))
    with embedded.temporary_server() as server, tempfile.TemporaryDirectory() as folder:
        with psycopg.connect(server, autocommit=True) as connection:
            for name in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(
                    sql.SQL("alter system set {} = on").format(sql.Identifier(name))
                )
            connection.execute("select pg_reload_conf()")
        found = loader_figures(server, *((2, 1) if quick else (20, 3)))
        found += latency_figures(Path(folder), 20 if quick else 500)
        found.append(several_figure(server, Path(folder), *((5, 30) if quick else (50, 168))))
        return found + replay_figures(server, Path(folder), days)


def figures(quick: bool = False) -> list[dict]:
    """What `python -m tests.bench link` asks for."""
    return rows(quick)
