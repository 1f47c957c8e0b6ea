"""The threads that have analyses computed, for as long as the API runs.

Any number of API processes may have one each: a row says what is to do, an advisory lock held by
the process that computes it says that it is being done, and goes with that process.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import psycopg

from backend.db.queries import query
from backend.jobs import processes
from backend.jobs.worker import LOCK
from backend.worker import Worker


class Runner:
    """Has what waits computed, oldest first; one process per processor at most."""

    def __init__(self, dsn: str, most: int | None = None) -> None:
        self._dsn = dsn
        self._most = most or len(os.sched_getaffinity(0))
        self._running: dict[int, processes.Process] = {}
        self._ending = False
        self._worker = Worker(dsn, "analyses", "capra_analysis", self._serve)

    def start(self) -> None:
        """Begin."""
        self._worker.start()

    def close(self) -> None:
        """End; what is computed now is left for the next that runs."""
        self._ending = True
        self._worker.close()
        running = dict(self._running)
        for process in running.values():
            process.stop()
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
        self._worker.wake()

    def stop(self, analysis: int) -> None:
        """Stop computing what was cancelled; of another API process, it finds that out itself."""
        if process := self._running.get(analysis):
            process.stop()

    def _serve(self, connection: psycopg.Connection[Any]) -> bool:
        """Begin as many as there are processors for; also what others left behind."""
        connection.execute(query("forget_analyses"))
        if len(self._running) < self._most:
            values = {"lock": LOCK, "limit": self._most}
            for (analysis,) in connection.execute(query("due_analyses"), values).fetchall():
                if analysis not in self._running and len(self._running) < self._most:
                    self._begin(int(analysis))
        return False

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
        self._worker.wake()
