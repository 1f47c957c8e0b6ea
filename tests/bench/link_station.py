"""The ground station: the loader against a bare COPY, the whole station over a replayed year."""

import random
import statistics
import time
from datetime import UTC, datetime

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from backend.db import copy, embedded
from backend.db.ingest import _TABLES, Batch, FixRow, load
from backend.db.migrate import migrate
from tests.bench.rows import row

BATCH = 10_000
DURABLE = {"fsync": "on", "synchronous_commit": "on"}


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


STATEMENT = sql.SQL("copy fix ({}) from stdin (format binary)").format(_TABLES[0].columns)
TYPES = ("int4", "int4", "int8", "timestamptz", "float8", "float8", "float4", "float4", "int2")


def time_copy(dsn: str, batches: list[list[tuple]]) -> list[float]:
    """Seconds of each batch by the driver's own binary COPY, from rows of Python to the commit."""
    times = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for batch in batches:
            start_s = time.perf_counter()
            with connection.transaction(), connection.cursor().copy(STATEMENT) as out:
                out.set_types(TYPES)
                for one in batch:
                    out.write_row(one)
            times.append(time.perf_counter() - start_s)
    return times


def time_bytes(dsn: str, encoded: list[list[bytes]]) -> list[float]:
    """Seconds of each batch whose bytes were made before: what the server alone takes."""
    times = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for blocks in encoded:
            start_s = time.perf_counter()
            with connection.transaction(), connection.cursor().copy(STATEMENT) as out:
                for block in blocks:
                    out.write(block)
            times.append(time.perf_counter() - start_s)
    return times


def time_load(dsn: str, batches: list[list[FixRow]]) -> list[float]:
    """Seconds of each batch through the loader, from rows of Python to the commit."""
    times = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        for batch in batches:
            start_s = time.perf_counter()
            assert load(connection, Batch(batch)).fixes_new == len(batch)
            times.append(time.perf_counter() - start_s)
    return times


def loader_figures(server: str, batches: int = 20, rounds: int = 3) -> list[dict]:
    rows = walk(batches)
    hours = {one.recorded_at_us for part in rows for one in part}
    utc = {at_us: datetime.fromtimestamp(at_us // 1_000_000, UTC) for at_us in hours}
    tuples = [[(*one[:3], utc[one[3]], *one[4:]) for one in part] for part in rows]
    encoded = [list(copy.blocks(copy.columns(_TABLES[0].kinds, part))) for part in rows]
    copied, bare, loaded = [], [], []
    for turn in range(rounds):  # in turns, so that all see the same machine
        copied += time_copy(empty_database(server, f"copied_{turn}"), tuples)
        loaded += time_load(empty_database(server, f"loaded_{turn}"), rows)
        bare += time_bytes(empty_database(server, f"bare_{turn}"), encoded)
    ratio = statistics.median(copied) / statistics.median(loaded)
    server_ratio = statistics.median(bare) / statistics.median(loaded)
    given = f"median of {rounds} x {batches} batches of {BATCH:,} new rows, 200 collars, fsync on"
    rate = BATCH / statistics.median(loaded)
    return [
        row("loader over psycopg's binary COPY", ratio, "x", ">= 0.8", ratio >= 0.8, given),
        row("loader over COPY of bytes made before", server_ratio, "x", None, True, given),
        row("loader", rate, "rows/s", None, True, given),
    ]


def rows(quick: bool = False) -> list[dict]:
    """All rows; `quick` for a test of the benchmark itself."""
    with embedded.temporary_server() as server:
        with psycopg.connect(server, autocommit=True) as connection:
            for name, value in DURABLE.items():
                connection.execute(
                    sql.SQL("alter system set {} = {}").format(sql.Identifier(name), value)
                )
            connection.execute("alter system set full_page_writes = on")
            connection.execute("select pg_reload_conf()")
        return loader_figures(server, *((2, 1) if quick else (20, 3)))


def figures() -> list[dict]:
    """What `python -m tests.bench link` asks for."""
    return rows(quick=False)
