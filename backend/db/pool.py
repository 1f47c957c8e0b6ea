"""The connection pool of the backend: recovers by itself when the database was away."""

from __future__ import annotations

import logging
from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool

from backend.db.errors import describe

Pool = ConnectionPool[Connection[Any]]


def open_pool(dsn: str, size: int = 8, wait_s: float = 3.0) -> Pool:
    """Open a pool that does not wait for the database to be there.

    A connection is tried before it is handed out and replaced if it died. An attempt to reconnect
    is given up soon and begun anew at the next request: the pool's own backoff would grow to
    minutes.

    Args:
        dsn: a libpq URL or keyword string.
        size: connections at most.
        wait_s: how long a caller waits for one before `psycopg_pool.PoolTimeout` [s].
    """
    pool = ConnectionPool(
        dsn,
        min_size=0,
        max_size=size,
        timeout=wait_s,
        reconnect_timeout=1.0,
        check=ConnectionPool.check_connection,
        kwargs={
            "autocommit": True,
            "connect_timeout": 3,
            "application_name": "capra",
            "prepare_threshold": None,  # plan each query for its own values: filters are optional
        },
        open=False,
        name="capra",
    )
    pool.open(wait=False)
    return pool


def _describe_arguments(record: logging.LogRecord) -> bool:
    """Let the driver's pool say in one line why it cannot connect."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            describe(value) if isinstance(value, Exception) else value for value in record.args
        )
    return True


logging.getLogger("psycopg.pool").addFilter(_describe_arguments)
