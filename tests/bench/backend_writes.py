"""What comes into the backend, and how fast: files, one fix; and a file out again."""

import gzip
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from backend.db import embedded, ingest
from tests.backend.factories import bearer, key_for
from tests.backend.killing import Api
from tests.bench.backend_reading import API, database, in_turns, p95_ms
from tests.bench.rows import row

TAGS = 50
_BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
_STEP = timedelta(minutes=30)
_PLAIN = "timestamp,location-long,location-lat,tag-local-identifier,individual-local-identifier"
_WIDE = (
    "event-id,visible,timestamp,location-long,location-lat,bar:barometric-pressure,"
    "external-temperature,gps:dop,gps:satellite-count,gps-time-to-fix,ground-speed,heading,"
    "height-above-msl,import-marked-outlier,location-error-numerical,manually-marked-outlier,"
    "vertical-error-numerical,sensor-type,individual-taxon-canonical-name,tag-local-identifier,"
    "individual-local-identifier,study-name"
)
_CSV = {"Content-Type": "text/csv"}
_NDJSON = {"Content-Type": "application/x-ndjson"}


def _walks(rows: int) -> Iterator[tuple[int, int, datetime, float, float]]:
    """Number, tag, time and place of fixes, animal after animal as files have them."""
    each = rows // TAGS
    for tag in range(TAGS):
        dice = random.Random(tag)
        lat, lon = 46.66 + tag / 100, 10.2 + tag / 100
        for n in range(each):
            lat, lon = lat + dice.gauss(0, 0.001), lon + dice.gauss(0, 0.001)
            yield tag * each + n, tag, _BEGIN + n * _STEP, lat, lon


def plain_file(rows: int) -> bytes:
    """Time, place, tag and animal."""
    lines = (
        f"{at:%Y-%m-%d %H:%M:%S}.000,{lon:.5f},{lat:.5f},T{tag},Ibex {tag}\n"
        for _, tag, at, lat, lon in _walks(rows)
    )
    return f"{_PLAIN}\n{''.join(lines)}".encode()


def wide_file(rows: int) -> bytes:
    """The 22 columns of a published study."""
    lines = (
        f"{n},true,{at:%Y-%m-%d %H:%M:%S}.000,{lon:.5f},{lat:.5f},{900 + n % 90},2{n % 10}.5,"
        f"1.{n % 7},{5 + n % 8},3{n % 10}.2,0.{n % 9},{n % 360},{1800 + n % 700},false,"
        f"{3 + n % 20}.{n % 10},,4.5,gps,Capra ibex,T{tag},Ibex {tag},Ibex of the park\n"
        for n, tag, at, lat, lon in _walks(rows)
    )
    return f"{_WIDE}\n{''.join(lines)}".encode()


def json_file(rows: int) -> bytes:
    """The same as `plain_file`, a line of JSON each."""
    lines = (
        f'{{"timestamp": "{at:%Y-%m-%d %H:%M:%S}", "location_long": {lon:.5f}, '
        f'"location_lat": {lat:.5f}, "tag_local_identifier": "T{tag}", '
        f'"individual_local_identifier": "Ibex {tag}"}}\n'
        for _, tag, at, lat, lon in _walks(rows)
    )
    return "".join(lines).encode()


def _loader_rate(rows: int) -> float:
    """Fixes a second of the loader that stations use, alone, the same fixes."""
    fixes = [
        ingest.FixRow(1 + tag, 0, 1 + n, int(at.timestamp()) * 1_000_000, lat, lon, 2000.0, 5.0, 0)
        for n, tag, at, lat, lon in _walks(rows)
    ]
    with database(0, 0) as dsn, psycopg.connect(dsn, autocommit=True) as connection:
        began = time.perf_counter()
        report = ingest.load(connection, ingest.Batch(fixes))
        taken = time.perf_counter() - began
    assert report.fixes_new == len(fixes)
    return len(fixes) / taken


def _study(client: httpx.Client) -> str:
    made = client.post(f"{API}/studies", json={"name": f"study {time.monotonic_ns()}"})
    return f"{API}/studies/{made.raise_for_status().json()['study']}"


def _import_rate(content: bytes, rows: int, packed: bool) -> tuple[float, float]:
    """Fixes a second over HTTP into an empty database, and of the same file once more."""
    headers, rates = dict(_NDJSON if content.startswith(b"{") else _CSV), []
    if packed:
        content, headers["Content-Encoding"] = gzip.compress(content, 6), "gzip"
    with database(0, 0) as dsn, _serving(dsn) as (client, _):
        path = f"{_study(client)}/events"
        for accepted in (rows, 0):
            began = time.perf_counter()
            answer = client.post(path, content=content, headers=headers)
            rates.append(rows / (time.perf_counter() - began))
            report = answer.raise_for_status().json()
            assert (report["accepted"], report["duplicate"]) == (accepted, rows - accepted)
    return rates[0], rates[1]


def imports(rows: int, times: int) -> list[dict[str, Any]]:
    """Files over HTTP beside the loader alone; medians of runs that take turns."""
    files = {
        "5 columns": plain_file(rows),
        "22 columns": wide_file(rows),
        "lines of JSON": json_file(rows),
    }
    kinds = [(name, packed) for name in files for packed in (False, True)]
    loader: list[float] = []
    first: dict[tuple[str, bool], list[float]] = {kind: [] for kind in kinds}
    again: dict[tuple[str, bool], list[float]] = {kind: [] for kind in kinds}
    for _ in range(times):
        loader.append(_loader_rate(rows))
        for kind in kinds:
            rates = _import_rate(files[kind[0]], rows, kind[1])
            first[kind].append(rates[0])
            again[kind].append(rates[1])
    alone = statistics.median(loader)
    found = [row("the loader alone", alone, "fixes/s", None, True, f"{rows:,} fixes, one batch")]
    for name, packed in kinds:
        rate = statistics.median(first[name, packed])
        given = f"{rows:,} fixes of {TAGS} animals, {name}{', gzip' if packed else ''}"
        found += [
            row("import over HTTP", rate, "fixes/s", ">= 30,000", rate >= 30_000, given),
            row("import over HTTP against the loader", rate / alone, "x", ">= 0.3",
                rate >= 0.3 * alone, given),
            row("the same file again, all known", statistics.median(again[name, packed]),
                "fixes/s", None, True, given),
        ]  # fmt: skip
    return found


def one_fix(times: int) -> list[dict[str, Any]]:
    """One durable fix after the other, a line of JSON each."""

    def post(n: int) -> None:
        at = _BEGIN + n * _STEP
        line = (
            f'{{"timestamp": "{at.isoformat()}", "location_lat": 46.6, "location_long": 10.2, '
            '"tag_local_identifier": "T1", "individual_local_identifier": "Ibex 1"}'
        )
        answer = client.post(path, content=line, headers=_NDJSON)
        assert answer.json()["accepted"] == 1, answer.text

    with database(0, 0) as dsn, _serving(dsn) as (client, pid):
        path = f"{_study(client)}/events"
        disk = _sync_p95_ms(times)
        post(-1)  # what is loaded at the first
        before_ms = _processor_ms(pid)
        taken = in_turns(times, post)[0]
        each_ms = (_processor_ms(pid) - before_ms) / (times * 1.1)
        p95 = p95_ms(taken)
    given = f"{times} requests of one line, each answered once it is on the disk"
    return [
        row("one durable fix over HTTP, p95", p95, "ms", "< 25", p95 < 25, given),
        row("beside it: the median", 1000 * statistics.median(taken), "ms", None, True, given),
        row("beside it: processor time of the API, each", each_ms, "ms", None, True, given),
        row("beside it: a page written and synced, p95", disk, "ms", None, True, f"{times} times"),
    ]


def _sync_p95_ms(times: int) -> float:
    """What the disk of the database takes for the same, by itself."""
    with tempfile.TemporaryFile(dir=embedded.data_dir(), buffering=0) as file:

        def sync(_: int) -> None:
            file.write(bytes(8192))
            os.fdatasync(file.fileno())

        return p95_ms(in_turns(times, sync)[0])


def _processor_ms(pid: int) -> float:
    """What a process took of the processors so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _serving(dsn: str) -> Iterator[tuple[httpx.Client, int]]:
    """A client of the API, which is a process of its own, and its number."""
    api = Api(dsn)
    try:
        with httpx.Client(
            base_url=api.url, headers=bearer(key_for(dsn)), timeout=600, trust_env=False
        ) as client:
            yield client, api.process.pid
    finally:
        api.kill()


def _most_mb(pid: int) -> float:
    """The most memory that a process ever held [MB]."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def export(rows: int) -> list[dict[str, Any]]:
    """A Movebank file out: its speed, and what a file four times as long adds to memory."""
    whole = rows // TAGS * _STEP

    def pull(until: datetime) -> tuple[int, float]:
        began, lines = time.perf_counter(), 0
        with client.stream(
            "GET", f"{study}/events.csv", params={"to": until.isoformat()}
        ) as answer:
            for part in answer.iter_raw():
                lines += part.count(b"\n")
        return lines - 1, time.perf_counter() - began

    with database(0, 0) as dsn:
        with _serving(dsn) as (client, _):
            study = _study(client)
            client.post(f"{study}/events", content=wide_file(rows), headers=_CSV)
        with _serving(dsn) as (client, pid):  # another process: it knows nothing of the import
            pull(_BEGIN + whole / 4)
            before_mb = _most_mb(pid)
            exported, taken = pull(_BEGIN + whole)
            grown_mb = _most_mb(pid) - before_mb
    assert exported == rows
    given = f"{rows:,} fixes, 22 columns"
    return [
        row("Movebank export", exported / taken, "fixes/s", None, True, given),
        row("memory that the whole adds to its first quarter", grown_mb, "MB", "< 20",
            grown_mb < 20, given),
    ]  # fmt: skip


def figures(quick: bool = False) -> list[dict[str, Any]]:
    """Every row of writing."""
    return [
        *imports(20_000 if quick else 200_000, 1 if quick else 3),
        *one_fix(20 if quick else 200),
        *export(20_000 if quick else 200_000),
    ]
