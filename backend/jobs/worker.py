"""A process that computes: one analysis after the other, as it is told on its standard input.

Whoever started it reads one line per analysis, when that is over, whatever came of it. When
standard input ends, whoever started it is gone, and so is this. How far an analysis is goes into
its row; when the row says that it is somebody else's, or nobody's, the process ends at once.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from analytics.steps import heard_by
from backend.db.queries import query
from backend.errors import BackendError, CannotCompute, NotFound
from backend.jobs.kinds import KINDS
from backend.jobs.question import Posed, Question, answer

log = logging.getLogger(__name__)

LOCK = 0x4A0B  # first half of the advisory lock of each analysis
TRIES = 3  # of an analysis whose process dies
_TELL_EVERY_S = 0.5


class _Deadly(Exception):
    """The analysis is not begun again."""


class _Lost(Exception):
    """The analysis is not this process's any more."""


def main() -> int:
    """Compute until standard input ends."""
    os.nice(5)  # answers come first
    orders: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in sys.stdin:
            orders.put(line)
        os._exit(0)  # in the midst of whatever is computed

    threading.Thread(target=listen, daemon=True).start()
    while True:
        order = json.loads(orders.get())
        try:
            run(order["dsn"], order["analysis"])
        except (_Lost, psycopg.OperationalError):
            pass  # cancelled, or the database is away: it is looked for again
        print("over", flush=True)


def run(dsn: str, analysis: int) -> None:
    """Compute one analysis, unless another does."""
    with psycopg.connect(dsn, autocommit=True, application_name="capra analysis") as connection:
        place = {"lock": LOCK, "analysis": analysis}
        if connection.execute(query("lock_analysis"), place).fetchone() != (True,):
            return
        row = connection.execute(query("begin_analysis"), place).fetchone()
        if row is None:
            return
        question, attempt = Question.from_json(row[0]), row[1]
        ours = {"analysis": analysis, "attempt": attempt}
        ending = threading.Event()

        def finish(posed: Posed, number: int) -> None:
            ending.set()
            _finish(
                connection, ours, "done",
                result=number, input_hash=posed.input_hash, animals=posed.animals,
            )  # fmt: skip

        try:
            if attempt > TRIES:
                raise _Deadly(f"the process that computed it died {TRIES} times")
            with _told(dsn, ours, ending):
                answer(connection, KINDS[question.kind], question, finish)
        except (_Lost, psycopg.OperationalError):
            raise
        except Exception as error:
            if not isinstance(error, (BackendError, _Deadly)):
                log.exception("analysis %d", analysis)
            _finish(connection, ours, "failed", problem=Jsonb(_problem(error)))


def _finish(
    connection: psycopg.Connection[Any], ours: dict[str, int], state: str, **values: Any
) -> None:
    empty = {"result": None, "problem": None, "input_hash": None, "animals": None}
    every = {**ours, **empty, **values, "state": state}
    written = connection.execute(query("finish_analysis"), every)
    if written.fetchone() is None:
        raise _Lost


def _problem(error: Exception) -> dict[str, str]:
    """What is kept of an error: the name of its kind and a sentence."""
    match error:
        case CannotCompute():
            return {"kind": "cannot-compute", "detail": str(error)}
        case NotFound():
            return {"kind": "not-found", "detail": str(error)}
        case MemoryError():
            detail = "it takes more memory than there is: expected a wider cell or fewer fixes"
            return {"kind": "cannot-compute", "detail": detail}
        case _Deadly():
            return {"kind": "fault", "detail": str(error)}
    return {"kind": "fault", "detail": "a fault in this service; its log says more"}


@contextmanager
def _told(dsn: str, ours: dict[str, int], ending: threading.Event) -> Iterator[None]:
    """Writes how far it is, over a connection of its own; ends the process once it is lost."""
    now = [(0.0, "")]

    def write() -> None:
        if ending.wait(_TELL_EVERY_S):
            return  # most are over by now
        try:
            with psycopg.connect(dsn, autocommit=True) as connection:
                tell(connection)
        except psycopg.OperationalError:
            os._exit(1)  # the lock is gone with the database

    def tell(connection: psycopg.Connection[Any]) -> None:
        while not ending.is_set():
            progress, step = now[0]
            values = {**ours, "progress": min(progress, 1.0), "step": step}
            kept = connection.execute(query("progress_analysis"), values).fetchone()
            if kept is None and not ending.is_set():
                os._exit(1)
            ending.wait(_TELL_EVERY_S)

    def keep(progress: float, step: str) -> None:
        now[0] = (progress, step)

    threading.Thread(target=write, daemon=True).start()
    try:
        with heard_by(keep):
            yield
    finally:
        ending.set()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    sys.exit(main())
