"""A migrated database, a small herd in it, and the application over it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from httpx import Client

from backend.db import embedded, ingest, registry
from backend.db.migrate import migrate
from tests.backend.factories import START, serving, status_row, walk


class Herd(NamedTuple):
    """Two ibex with one collar each, a collar on no animal, and an animal without fixes."""

    database_url: str
    flurina: int
    gian: int
    unseen: int


@pytest.fixture
def migrated_url(database_url: str) -> str:
    """DSN of a database with all tables and no row."""
    migrate(database_url)
    return database_url


@pytest.fixture
def connection(migrated_url: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection to a migrated database."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def herd(migrated_url: str, connection: psycopg.Connection[Any]) -> Herd:
    """Collar 1: 60 fixes of Flurina; 2: 40 of Gian; 3: 5 of nobody. Fixes are 2 h apart."""
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    animals = []
    for collar, name in ((1, "Flurina"), (2, "Gian")):
        assert registry.add_collar(connection, f"collar {collar}") == collar
        animals.append(registry.add_animal(connection, name, "Capra ibex", "f"))
        registry.deploy(connection, collar, animals[-1], START, ends)
    registry.add_collar(connection, "spare")
    unseen = registry.add_animal(connection, "Unseen")
    fixes = walk(1, 60, seed=1) + walk(2, 40, seed=2, lat_deg=46.70) + walk(3, 5, seed=3)
    ingest.load(connection, ingest.Batch(fixes, [status_row()]))
    return Herd(migrated_url, *animals, unseen)


@pytest.fixture
def client(migrated_url: str) -> Iterator[Client]:
    """The application over the migrated database."""
    with serving(migrated_url) as client:
        yield client


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """Folder for a server of the test's own, which it may stop; stopped after."""
    with tempfile.TemporaryDirectory(prefix="capra-", ignore_cleanup_errors=True) as parent:
        os.chmod(parent, 0o711)  # the server's user must pass through
        folder = Path(parent) / "server"
        yield folder
        embedded.stop(folder)
