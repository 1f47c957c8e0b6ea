"""Writes the audit: many requests, one chain, no answer before its entry is durable."""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import Future

from backend.db.audit import Entry, append
from backend.db.pool import Pool

log = logging.getLogger(__name__)

_AT_ONCE = 500
_Waiting = tuple[Entry, Future[None]]


class AuditLog:
    """One thread that stores what waits in one transaction: requests share its fsync."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def write(self, entry: Entry) -> None:
        """Store an entry; returns when it is durable.

        Raises:
            psycopg.Error, psycopg_pool.PoolTimeout: it could not be stored. What was to be
                audited must then not happen.
        """
        self.begin(entry).result()

    def begin(self, entry: Entry) -> Future[None]:
        """The same, to be waited for by the result of what is returned."""
        stored: Future[None] = Future()
        self._queue.put((entry, stored))
        return stored

    def close(self) -> None:
        """Store what waits, and end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            waiting = [self._queue.get()]
            while not self._queue.empty() and len(waiting) < _AT_ONCE:
                waiting.append(self._queue.get())
            batch = [one for one in waiting if one is not None]
            if batch:
                self._store(batch)
            if len(batch) < len(waiting):
                return

    def _store(self, batch: list[_Waiting]) -> None:
        try:
            with self._pool.connection() as connection:
                append(connection, [entry for entry, _ in batch])
        except Exception as error:  # whatever it is, those who wait must hear of it
            for _, stored in batch:
                stored.set_exception(error)
            return
        for _, stored in batch:
            stored.set_result(None)
