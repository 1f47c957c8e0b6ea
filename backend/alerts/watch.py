"""The threads that keep alerts up with the data and tell of them, for as long as the API runs."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import psycopg

from backend.alerts.deliver import Mail, deliver_next, receivers_due
from backend.alerts.evaluate import evaluate
from backend.worker import Crew, Worker

_LOCK = 0x74656C6C  # first half of the advisory locks of receivers
_OF_TIME_S = 300.0  # how often to look at what time brings about


def workers(dsn: str, mail: Mail | None) -> list[Worker]:
    """One that evaluates on arrival, and those that deliver: a thread for each receiver."""
    looked = -_OF_TIME_S

    def look(connection: psycopg.Connection[Any]) -> bool:
        nonlocal looked
        of_time = time.monotonic() - looked >= _OF_TIME_S
        if evaluate(connection, datetime.now(UTC), of_time) is not None and of_time:
            looked = time.monotonic()
        return False

    def deliver(connection: psycopg.Connection[Any], receiver: int) -> bool:
        return deliver_next(connection, receiver, mail, datetime.now(UTC))

    return [
        Worker(dsn, "alerts", "capra_arrival", look),
        Crew(dsn, "deliveries", "capra_alert", _LOCK, receivers_due, deliver),
    ]
