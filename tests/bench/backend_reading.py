"""The API over many fixes: formats against their peers, deep pages, a year, last positions.

`CAPRA_BENCH_FIXES` says how many are stored. 100 million take 20 GB and a quarter of an hour.
"""

import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row

from backend import fix_columns
from backend.db import embedded
from backend.db.migrate import migrate
from tests.backend.factories import bearer, key_for
from tests.bench.bulk import fill
from tests.bench.rows import row

COLLARS = 1000
EACH = int(os.environ.get("CAPRA_BENCH_FIXES", 10_000_000)) // COLLARS
API = "/api/v1"
BOX = {"bbox": "10.2,46.6,10.4,46.8", "from": "2024-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"}

_STRING_AGG = """
select '{"type":"FeatureCollection","features":[' || string_agg(
    '{"type":"Feature","id":"' || collar || '-' || generation || '-' || record
    || '","geometry":{"type":"Point","coordinates":[' || lon || ',' || lat
    || ']},"properties":{"collar":' || collar || ',"generation":' || generation
    || ',"record":' || record || ',"recorded_at":"'
    || to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    || '","animal":' || coalesce(animal::text, 'null')
    || ',"accuracy_m":' || coalesce(accuracy_m::text, 'null')
    || ',"altitude_m":' || coalesce(altitude_m::text, 'null')
    || ',"reason":' || reason || ',"visible":' || visible(outlier) || '}}', ','
) || ']}' from (%s) page
"""
_PAGE = """
select * from seen_fix('[{"role": "admin"}]') s
where s.recorded_at >= '2024-01-01' and s.recorded_at < %(end)s
order by s.recorded_at, s.collar, s.generation, s.record limit 100000
"""


def in_turns(times: int, *works: Callable[[int], object]) -> list[list[float]]:
    """Times [s] of each `work(n)`, one after the other; the first tenth left out."""
    taken: list[list[float]] = [[] for _ in works]
    leave = -(-times // 10)
    for n in range(times + leave):
        for work, times_s in zip(works, taken, strict=True):
            began = time.perf_counter()
            work(n)
            times_s.append(time.perf_counter() - began)
    return [times_s[leave:] for times_s in taken]


def p95_ms(times_s: list[float]) -> float:
    """95th percentile [ms]."""
    return 1000 * statistics.quantiles(times_s, n=20)[-1]


@contextmanager
def database(collars: int, each: int) -> Iterator[str]:
    """A filled database on the embedded server, which syncs as it does in earnest."""
    server, name = embedded.start("postgres"), f"bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        try:
            dsn = make_conninfo(server, dbname=name)
            migrate(dsn)
            if collars:
                fill(dsn, collars, each)
            yield dsn
        finally:
            drop = sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
            connection.execute(drop)


def formats(dsn: str, client: httpx.Client) -> list[dict[str, Any]]:
    """100,000 fixes through the API beside rows through orjson, and string_agg in PostgreSQL."""
    hours = 100_000 // COLLARS
    day, hour = divmod(hours, 24)
    end = f"2024-01-{1 + day:02}T{hour:02}:30:00Z"
    stored = f"100,000 fixes of {COLLARS} collars, {COLLARS * EACH:,} stored"
    wanted = {"from": "2024-01-01T00:00:00Z", "to": end}

    def export(form: str) -> int:
        with client.stream(
            "GET", f"{API}/fixes/export", params=wanted | {"format": form}
        ) as answer:
            return sum(len(part) for part in answer.iter_raw())

    def rows_through_orjson(_: int) -> None:
        with psycopg.connect(dsn, row_factory=dict_row) as connection:
            found = connection.execute(_PAGE, {"end": end}).fetchall()
        features = [
            {
                "type": "Feature",
                "id": f"{one['collar']}-{one['generation']}-{one['record']}",
                "geometry": {"type": "Point", "coordinates": [one.pop("lon"), one.pop("lat")]},
                "properties": one,
            }
            for one in found
        ]
        assert len(features) == 100_000
        orjson.dumps({"type": "FeatureCollection", "features": features})

    def in_postgresql(_: int) -> None:
        with psycopg.connect(dsn) as connection:
            connection.execute(_STRING_AGG % _PAGE, {"end": end}).fetchone()

    def columns(_: int) -> None:
        with psycopg.connect(dsn) as connection:
            fix_columns.read(connection, "fix_page", every | {"limit": 100_000})

    every = dict.fromkeys(("west", "south", "east", "north", "visible")) | fix_columns.after(None)
    every |= {"viewer": '[{"role": "admin"}]', "from_time": wanted["from"], "to_time": end}
    with client.stream("GET", f"{API}/fixes/export", params=wanted) as answer:
        answer.read()
        assert len(json.loads(answer.content)["features"]) == 100_000
    ways = (lambda _: export("geojson"), lambda _: export("arrow"), rows_through_orjson)
    taken = in_turns(9, *ways, in_postgresql, columns)
    geojson, arrow, by_orjson, by_string_agg, read = map(statistics.median, taken)
    figure = "GeoJSON through the API against"
    given = f"{stored}; peers without HTTP; rows: psycopg's dictionaries of the same function"
    waits = f"{stored}; both wait for PostgreSQL, whose columns alone take {1000 * read:.0f} ms "
    waits += f"by one connection; GeoJSON takes {1000 * geojson:.0f} ms, Arrow "
    waits += f"{1000 * arrow:.0f} ms ({1e5 / arrow:,.0f} fixes/s)"
    return [
        row("GeoJSON through the API", 1e5 / geojson, "fixes/s", None, True, stored),
        row(f"{figure} rows through orjson", by_orjson / geojson, "x", ">= 6",
            by_orjson >= 6 * geojson, given),
        row(f"{figure} string_agg in PostgreSQL", by_string_agg / geojson, "x", ">= 1",
            by_string_agg >= geojson, given),
        row("Arrow against GeoJSON, both through the API", geojson / arrow, "x", ">= 2",
            geojson >= 2 * arrow, waits),
    ]  # fmt: skip


def deep_pages(client: httpx.Client) -> list[dict[str, Any]]:
    """Page 1,000 of pages of 1,000, with a box and a time range, beside page 1."""
    first: dict[str, Any] = BOX | {"limit": 1000}
    onward, page = first, 1
    while page < 1000:
        links = client.get(f"{API}/fixes", params=onward).json()["links"]
        after = next((one["href"] for one in links if one["rel"] == "next"), None)
        if after is None:
            break
        page += 1
        onward = first | {"after": httpx.URL(after).params["after"]}
    taken = in_turns(
        40,
        lambda _: client.get(f"{API}/fixes", params=first).content,
        lambda _: client.get(f"{API}/fixes", params=onward).content,
    )
    shallow, deep = map(p95_ms, taken)
    given = f"pages of 1,000 of {COLLARS * EACH:,} fixes, bbox and datetime"
    return [
        row(f"page {page:,}, p95", deep, "ms", "< 300", deep < 300 and page == 1000, given),
        row(f"page {page:,} against page 1, p95", deep / shallow, "x", "<= 1.5",
            deep <= 1.5 * shallow, given),
    ]  # fmt: skip


def animal_year(dsn: str, client: httpx.Client) -> list[dict[str, Any]]:
    """A year of one animal, another each time, beside the same rows by bare SQL.

    Bare SQL asks for other animals: whoever comes second would find the pages of the first.
    """
    year: dict[str, Any] = {"from": "2024-01-01T00:00:00Z", "to": "2024-12-31T00:00:00Z"}
    year |= {"limit": 10_000}
    bare = """
        select collar, generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason,
            outlier
        from fix
        where collar = %s and recorded_at >= '2024-01-01' and recorded_at < '2024-12-31'
        order by recorded_at, generation, record
    """

    def of(animal: int) -> bytes:
        return client.get(f"{API}/fixes", params=year | {"animal": animal}).content

    def collar(n: int) -> int:
        return 1 + n * 7 % COLLARS

    def other(n: int) -> int:
        return 1 + (n * 7 + COLLARS // 2) % COLLARS

    with psycopg.connect(dsn, autocommit=True) as connection:
        taken = in_turns(
            40,
            lambda n: of(collar(n)),
            lambda n: connection.execute(bare, (other(n),)).fetchall(),
        )
    ours, plain = map(p95_ms, taken)
    fixes = min(8759, EACH)  # hourly, as many as there are
    given = f"{fixes:,} fixes of one of {COLLARS} animals, {COLLARS * EACH:,} stored, as GeoJSON; "
    given += "bare: the same columns of fix, rows of Python's psycopg"
    return [
        row("one animal-year, p95", ours, "ms", "< 100", ours < 100, given),
        row("one animal-year against bare SQL, p95", ours / plain, "x", "<= 1.5",
            ours <= 1.5 * plain, given),
    ]  # fmt: skip


def memory(dsn: str) -> list[dict[str, Any]]:
    """The most the API ever held, after a small and after a large export."""
    held = []
    with served(dsn) as (client, process):
        for fixes in (100_000, 100_000, min(2_000_000, COLLARS * EACH)):
            day, hour = divmod(fixes // COLLARS, 24)
            end = datetime(2024, 1, 1, hour, 30, tzinfo=UTC) + timedelta(days=day)
            wanted = {"from": "2024-01-01T00:00:00Z", "to": end.isoformat()}
            with client.stream("GET", f"{API}/fixes/export", params=wanted) as answer:
                assert sum(len(part) for part in answer.iter_raw()) > 250 * fixes
            status = Path(f"/proc/{process.pid}/status").read_text()
            held.append(int(status.partition("VmHWM:")[2].split()[0]) / 1024)
    given = f"GeoJSON of 100,000 fixes: {held[1]:.0f} MB at most; of {fixes:,}: {held[2]:.0f} MB"
    more = held[2] / held[1]
    return [row("memory of the API while streaming", more, "x", "<= 1.1", more <= 1.1, given)]


@contextmanager
def served(dsn: str) -> Iterator[tuple[httpx.Client, "subprocess.Popen[str]"]]:
    """The API as a process of its own, and a client that may everything."""
    command = [sys.executable, "-m", "backend", "serve", "--port", "0", "--database", dsn]
    unlimited = {"CAPRA_KNOWN_PER_MINUTE": "0"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | unlimited
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        try:
            with httpx.Client(
                base_url=url, timeout=120, trust_env=False, headers=bearer(key_for(dsn))
            ) as client:
                yield client, process
        finally:
            process.terminate()
            process.stdout.read()


def last_positions() -> list[dict[str, Any]]:
    """Of 10,000 collars."""
    with database(10_000, 20) as dsn, served(dsn) as (client, _):
        (taken,) = in_turns(40, lambda _: client.get(f"{API}/latest").content)
    p95 = p95_ms(taken)
    given = "10,000 collars, one answer of 10,000 features"
    return [row("last position of 10,000 collars, p95", p95, "ms", "< 50", p95 < 50, given)]


def start_s(dsn: str) -> float:
    """Time from the command to the first answer [s]."""
    began = time.perf_counter()
    with served(dsn) as (client, _):
        client.get("api/v1/health").raise_for_status()
        return time.perf_counter() - began


def figures() -> list[dict[str, Any]]:
    """Every row of reading."""
    found = last_positions()
    with database(0, 0) as dsn:
        empty = start_s(dsn)
    with database(COLLARS, EACH) as dsn:
        full = start_s(dsn)
        with served(dsn) as (client, _):
            found += formats(dsn, client) + deep_pages(client) + animal_year(dsn, client)
        found += memory(dsn)
    found.append(row("start of the API, empty database", empty, "s", "< 3", empty < 3, "migrated"))
    given = f"{COLLARS * EACH:,} fixes"
    found.append(row("start of the API", full, "s", "< 3", full < 3, given))
    return found
