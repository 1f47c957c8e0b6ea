"""The threads that have analyses computed, for as long as the API runs.

Any number of API processes may have one each: a row says what is to do, an advisory lock held by
the process that computes it says that it is being done, and goes with that process.
"""

from __future__ import annotations

import logging
import os
import threading
import time

import psycopg

from backend.db.queries import query
from backend.jobs import processes
from backend.jobs.worker import LOCK

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 5.0  # for what others left behind
_RETRY_S = 5.0


class Runner:
    """Has what waits computed, oldest first; one process per processor at most."""

    def __init__(self, dsn: str, most: int | None = None) -> None:
        self._dsn = dsn
        self._most = most or len(os.sched_getaffinity(0))
        self._running: dict[int, processes.Process] = {}
        self._word = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="analyses", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; what is computed now is left for the next that runs."""
        self._ending = True
        self._word.set()
        running = dict(self._running)
        for process in running.values():
            process.stop()
        self._thread.join()
        while self._running:  # as long as it takes to die
            time.sleep(0.01)
        if running:
            try:
                with psycopg.connect(self._dsn, autocommit=True) as connection:
                    for analysis in running:
                        connection.execute(query("requeue_analysis"), {"analysis": analysis})
            except psycopg.OperationalError:
                pass  # found by its missing lock, then

    def wake(self) -> None:
        """Look for what is to do."""
        self._word.set()

    def stop(self, analysis: int) -> None:
        """Stop computing what was cancelled; of another API process, it finds that out itself."""
        if process := self._running.get(analysis):
            process.stop()

    def _run(self) -> None:
        while not self._ending:
            try:
                with psycopg.connect(self._dsn, autocommit=True) as connection:
                    connection.execute(query("forget_analyses"))
                    self._serve(connection)
            except psycopg.OperationalError:
                pass  # away: requests say so
            except psycopg.errors.UndefinedTable:
                pass  # not migrated yet: the same
            except Exception:
                log.exception("analyses stopped; trying again")
            if not self._ending:
                self._word.wait(_RETRY_S)
                self._word.clear()

    def _serve(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        while not self._ending:
            free = self._most - len(self._running)
            if free > 0:
                values = {"lock": LOCK, "limit": free + len(self._running)}
                for (analysis,) in connection.execute(query("due_analyses"), values).fetchall():
                    if analysis not in self._running and len(self._running) < self._most:
                        self._begin(int(str(analysis)))
            self._word.wait(_LOOK_EVERY_S)
            self._word.clear()

    def _begin(self, analysis: int) -> None:
        process = processes.take()
        self._running[analysis] = process
        threading.Thread(target=self._see_through, args=(analysis, process), daemon=True).start()

    def _see_through(self, analysis: int, process: processes.Process) -> None:
        whole = process.run(self._dsn, analysis)
        del self._running[analysis]
        if whole and not self._ending:
            processes.give_back(process)
        else:
            process.end()
        self._word.set()
