"""The thread that keeps alerts up with the data and tells of them, for as long as the API runs."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime

import psycopg

from backend.alerts.deliver import Mail, deliver_next
from backend.alerts.evaluate import evaluate

log = logging.getLogger(__name__)

_IDLE_S = 5.0  # how long to wait for word of something new
_OF_TIME_S = 300.0  # how often to look at what time brings about
_RETRY_S = 10.0


class Watch:
    """Evaluates on arrival and delivers; any number of API processes may have one each."""

    def __init__(self, dsn: str, mail: Mail | None) -> None:
        self._dsn = dsn
        self._mail = mail
        self._ending = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(work,), name=name, daemon=True)
            for name, work in (("alerts", self._evaluate), ("deliveries", self._deliver))
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End; what is under way is undone or finished first."""
        self._ending.set()
        for thread in self._threads:
            thread.join(timeout=2 * _IDLE_S)

    def _run(self, work: object) -> None:
        """Work until the end, over lost connections and faults."""
        assert callable(work)
        while not self._ending.is_set():
            try:
                with psycopg.connect(self._dsn, autocommit=True) as connection:
                    work(connection)
            except psycopg.OperationalError:
                pass  # away: the API itself says so to whoever asks
            except Exception:
                log.exception("alerts stopped; trying again")
            self._ending.wait(_RETRY_S)

    def _evaluate(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        connection.execute("listen capra_arrival")
        looked = -_OF_TIME_S
        while not self._ending.is_set():
            of_time = time.monotonic() - looked >= _OF_TIME_S
            if evaluate(connection, datetime.now(UTC), of_time) is not None and of_time:
                looked = time.monotonic()
            self._wait(connection)

    def _deliver(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        connection.execute("listen capra_alert")
        while not self._ending.is_set():
            if not deliver_next(connection, self._mail, datetime.now(UTC)):
                self._wait(connection)

    def _wait(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        """Until word comes, or the end, or a while has passed."""
        until = time.monotonic() + _IDLE_S
        while not self._ending.is_set() and time.monotonic() < until:
            for _ in connection.notifies(timeout=0.5, stop_after=1):
                return
