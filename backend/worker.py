"""Threads that work off what waits in the database, woken by its notifications."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg

log = logging.getLogger(__name__)

_IDLE_S = 5.0  # how long to wait for word of something new
_RETRY_S = 10.0

Work = Callable[[psycopg.Connection[Any]], bool]


class Worker:
    """One thread with a connection of its own; any number of processes may have one each."""

    def __init__(self, dsn: str, name: str, channel: LiteralString, work: Work) -> None:
        """Name it and say what it does.

        Args:
            dsn: where the database is.
            name: of the thread, and in the log.
            channel: of the notifications that wake it.
            work: what to do with an idle connection, autocommit; returns whether to go on at once.
        """
        self._dsn, self._channel, self._work = dsn, channel, work
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Ask it to end; `close` waits for that."""
        self._ending.set()

    def close(self) -> None:
        """End; what is under way is undone or finished first."""
        self.end()
        self._thread.join(timeout=2 * _IDLE_S)

    def _run(self) -> None:
        """Work until the end, over lost connections and faults."""
        while not self._ending.is_set():
            try:
                # plans for the values at hand, as in the pool
                with psycopg.connect(
                    self._dsn, autocommit=True, prepare_threshold=None
                ) as connection:
                    connection.execute(f"listen {self._channel}")
                    while not self._ending.is_set():
                        if not self._work(connection):
                            self._wait(connection)
            except psycopg.OperationalError:
                pass  # away: the API itself says so to whoever asks
            except Exception:
                log.exception("%s stopped; trying again", self._thread.name)
            self._ending.wait(_RETRY_S)

    def _wait(self, connection: psycopg.Connection[Any]) -> None:
        """Until word comes, or the end, or a while has passed."""
        until = time.monotonic() + _IDLE_S
        while not self._ending.is_set() and time.monotonic() < until:
            for _ in connection.notifies(timeout=0.5, stop_after=1):
                return
