"""Rows with defaults, animals that walk, and the application served for real."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import psycopg

from backend.db import accounts, ingest, registry
from backend.db.ingest import FixRow, ReceptionRow, StatusRow
from backend.serve import Server, listen, url_of
from backend.settings import Settings

START = datetime(2026, 6, 1, tzinfo=UTC)
START_US = int(START.timestamp()) * 1_000_000
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


def fix_row(record: int = 1, **changes: Any) -> FixRow:
    """A fix of collar 1, `record` hours after the start."""
    row = FixRow(1, 0, record, START_US + record * HOUR_US, 46.66, 10.2, 2400.0, 5.0, 0)
    return row._replace(**changes)


def status_row(record: int = 10_000, **changes: Any) -> StatusRow:
    """A status of collar 1, `record` minutes after the start."""
    at_us = START_US + record * 60_000_000
    row = StatusRow(1, 0, record, at_us, 3300, 90_000, 4_000, 60, 2, 12, 0, temperature_c=-7)
    return row._replace(**changes)


def reception_row(counter: int = 1, **changes: Any) -> ReceptionRow:
    """Frame `counter` of collar 1 as the hut heard it, `counter` hours after the start."""
    at_us = START_US + counter * HOUR_US
    row = ReceptionRow("hut", 1, at_us, 0, counter, 868_100_000, 9, -118.0, -7.5, 47)
    return row._replace(**changes)


def walk(
    collar: int, fixes: int, seed: int, lat_deg: float = 46.66, lon_deg: float = 10.20
) -> list[FixRow]:
    """Fixes 2 h apart that wander about a home with 800 m standard deviation (AR(1), 0.8)."""
    rng = np.random.default_rng(seed)
    offset_m = np.zeros(2)
    rows = []
    for i in range(fixes):
        offset_m = 0.8 * offset_m + rng.normal(0, 480, 2)
        lat = lat_deg + offset_m[1] / 111_200
        lon = lon_deg + offset_m[0] / (111_200 * np.cos(np.radians(lat_deg)))
        at_us = START_US + 2 * i * HOUR_US
        position = (round(float(lat), 5), round(float(lon), 5))
        rows.append(FixRow(collar, 0, i + 1, at_us, *position, 2400.5, 1.6, i % 3))
    return rows


def march(collar: int, lat_deg: float = 46.66) -> list[FixRow]:
    """96 hourly fixes on the way east, from a range of its own over a pass at 10.26 E."""
    rng = np.random.default_rng(collar)
    aside_m = np.zeros(2)
    rows = []
    for i, way in enumerate(np.linspace(-1, 1, 96)):
        aside_m = 0.6 * aside_m + rng.normal(0, 60, 2)
        lat = lat_deg + 0.006 * (collar - 2) * way**2 + aside_m[1] / 111_200
        lon = 10.26 + 0.06 * way + aside_m[0] / (111_200 * np.cos(np.radians(lat_deg)))
        at_us = START_US + i * HOUR_US
        position = (round(float(lat), 5), round(float(lon), 5))
        rows.append(FixRow(collar, 0, i + 1, at_us, *position, 2400.5, 8.0, 0))
    return rows


def settle_marchers(database_url: str, animals: int = 3, apart_deg: float = 0.0) -> None:
    """Put ibex that `march` into an empty database, and one more that has two fixes."""
    with psycopg.connect(database_url) as connection:
        fixes = []
        for number in range(1, animals + 2):
            collar = registry.add_collar(connection, f"collar {number}")
            animal = registry.add_animal(connection, f"Ibex {number}", "Capra ibex")
            registry.deploy(connection, collar, animal, START, START.replace(year=2027))
            way = march(collar, 46.66 + apart_deg * number)
            fixes += way if number <= animals else way[:2]
        ingest.load(connection, ingest.Batch(fixes))


def key_for(
    database_url: str,
    role: str | None = "admin",
    study: int | None = None,
    scopes: Sequence[str] = accounts.SCOPES,
) -> str:
    """A key of a new account that has a role in a study, or in all; None: no role at all."""
    with psycopg.connect(database_url) as connection:
        account = accounts.add_account(connection, f"{role} of {study or 'all studies'}")
        if role:
            accounts.set_role(connection, account, role, study)
        return accounts.add_key(connection, account, "test", scopes).text


def bearer(key: str) -> dict[str, str]:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {key}"}


@contextmanager
def serving(
    database_url: str, key: str | None = "admin", **settings: Any
) -> Iterator[httpx.Client]:
    """The application on a port of its own, and a client that talks to it.

    The client shows `key`: "admin" is a new one that may everything, where there is a database;
    None shows nothing.
    """
    ready = threading.Event()
    unlimited = {"known_per_minute": 0, "public_per_minute": 0}
    server = Server(Settings(database_url=database_url, **(unlimited | settings)), ready.set)
    if key == "admin":
        try:
            key = key_for(database_url)
        except psycopg.Error:
            key = None  # no database, or no tables: the test is about that
    headers = {"Prefer": "wait=25"}  # as long as kernels take to compile
    headers |= bearer(key) if key else {}
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            assert ready.wait(30), "the server did not start"
            with httpx.Client(
                base_url=url_of(listener), timeout=30, trust_env=False, headers=headers
            ) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join()
