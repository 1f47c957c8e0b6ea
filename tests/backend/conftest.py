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
from psycopg import sql
from psycopg.conninfo import make_conninfo

from backend.db import embedded, ingest, registry
from backend.db.migrate import migrate
from tests.backend.factories import START, serving, status_row, walk
from tests.backend.furnished import furnish


class Herd(NamedTuple):
    """Two ibex with one collar each, a collar on no animal, and an animal without fixes."""

    database_url: str
    flurina: int
    gian: int
    unseen: int


_TABLES = """
select tablename from pg_tables
where schemaname = 'public' and tablename not in ('migration', 'audit')
"""


def migrated_database(postgres_server: str, name: str) -> str:
    """DSN of a new database with all tables."""
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        create = sql.SQL("create database {} template template0 strategy file_copy")
        connection.execute(create.format(sql.Identifier(name)))
    url = make_conninfo(postgres_server, dbname=name)
    migrate(url)
    return url


@pytest.fixture(scope="session")
def scratch_url(postgres_server: str) -> str:
    """DSN of the database that `migrated_url` empties for each test."""
    return migrated_database(postgres_server, "scratch")


@pytest.fixture
def migrated_url(scratch_url: str) -> str:
    """DSN of a database with all tables and no row."""
    with psycopg.connect(scratch_url) as connection:
        tables = [sql.Identifier(name) for (name,) in connection.execute(_TABLES)]
        empty = sql.SQL("truncate {} restart identity cascade")
        connection.execute(empty.format(sql.SQL(", ").join(tables)))
    return scratch_url


@pytest.fixture
def connection(migrated_url: str) -> Iterator[psycopg.Connection[Any]]:
    """An autocommit connection to a migrated database."""
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def client(migrated_url: str) -> Iterator[Client]:
    """The application over the migrated database."""
    with serving(migrated_url) as client:
        yield client


@pytest.fixture
def own_herd(migrated_url: str) -> Herd:
    """A herd in a database of the test's own, to be changed."""
    return settle(migrated_url)


@pytest.fixture(scope="session")
def herd(postgres_server: str) -> Herd:
    """A herd that all tests share and none may change."""
    url = migrated_database(postgres_server, "herd")
    return settle(url)


@pytest.fixture(scope="session")
def reader(herd: Herd) -> Iterator[Client]:
    """The application over the shared herd: only for reading."""
    with serving(herd.database_url) as client:
        yield client


@pytest.fixture(scope="session")
def furnished(postgres_server: str) -> str:
    """DSN of a herd with ranges, a corridor, stations and a fence: only for reading."""
    url = migrated_database(postgres_server, "furnished")
    herd = settle(url)
    furnish(url, (herd.flurina, herd.gian))
    return url


def settle(database_url: str) -> Herd:
    """Put the herd into an empty database.

    Collar 1: 60 fixes of Flurina; 2: 40 of Gian; 3: 5 of nobody. Fixes are 2 h apart.
    """
    ends = datetime(2027, 1, 1, tzinfo=UTC)
    animals = []
    with psycopg.connect(database_url) as connection:
        for collar, name in ((1, "Flurina"), (2, "Gian")):
            assert registry.add_collar(connection, f"collar {collar}") == collar
            animals.append(registry.add_animal(connection, name, "Capra ibex", "f"))
            registry.deploy(connection, collar, animals[-1], START, ends)
        registry.add_collar(connection, "spare")
        unseen = registry.add_animal(connection, "Unseen")
        fixes = walk(1, 60, seed=1) + walk(2, 40, seed=2, lat_deg=46.70) + walk(3, 5, seed=3)
        ingest.load(connection, ingest.Batch(fixes, [status_row()]))
    return Herd(database_url, *animals, unseen)


@pytest.fixture
def server_folder() -> Iterator[Path]:
    """Folder for a server of the test's own, which it may stop; stopped after."""
    with tempfile.TemporaryDirectory(prefix="capra-", ignore_cleanup_errors=True) as parent:
        os.chmod(parent, 0o711)  # the server's user must pass through
        folder = Path(parent) / "server"
        yield folder
        embedded.stop(folder)
