"""Threads that work off what waits in the database, woken by its notifications."""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, LiteralString

import psycopg

log = logging.getLogger(__name__)

_IDLE_S = 5.0  # how long to wait for word of something new
_RETRY_S = 5.0
_CLOSE_S = 10.0

Connection = psycopg.Connection[Any]


class Worker:
    """One thread with a connection of its own; any number of processes may have one each."""

    def __init__(
        self, dsn: str, name: str, channel: LiteralString, work: Callable[[Connection], bool]
    ) -> None:
        """Name it and say what it does.

        Args:
            dsn: where the database is.
            name: of the thread, and in the log.
            channel: of the notifications that wake it.
            work: what to do with an idle connection, autocommit; returns whether to go on at once.
        """
        self._dsn, self._channel, self._work = dsn, channel, work
        self._ending = threading.Event()
        self._bell, self._hand = socket.socketpair()
        self._bell.setblocking(False)
        self._hand.setblocking(False)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Let it look at once, whatever it waits for."""
        with contextlib.suppress(OSError):  # rung already and not heard yet, or closed
            self._hand.send(b"!")

    def end(self) -> None:
        """Ask it to end; `close` waits for that."""
        self._ending.set()
        self.wake()

    def close(self) -> None:
        """End; what is under way is undone or finished first."""
        self.end()
        self._thread.join(timeout=_CLOSE_S)
        self._bell.close()
        self._hand.close()

    def _run(self) -> None:
        """Work until the end, over lost connections and faults."""
        while not self._ending.is_set():
            try:
                with connect(self._dsn) as connection:
                    connection.execute(f"listen {self._channel}")
                    while not self._ending.is_set():
                        if not self._work(connection):
                            self._wait(connection)
            except (psycopg.OperationalError, psycopg.errors.UndefinedTable):
                pass  # away, or not migrated yet: the API itself says so to whoever asks
            except Exception:
                log.exception("%s stopped; trying again", self._thread.name)
            self._ending.wait(_RETRY_S)

    def _wait(self, connection: Connection) -> None:
        """Until word comes from the database or a wake, or a while has passed."""
        if not list(connection.notifies(timeout=0)) and not connection.closed:
            select.select([connection.fileno(), self._bell.fileno()], [], [], _IDLE_S)
        list(connection.notifies(timeout=0))  # one look is enough for all of them
        with contextlib.suppress(OSError):
            self._bell.recv(4096)


class Crew(Worker):
    """A thread for each of several that wait for something slow: none holds up the others.

    Each has a connection of its own, and an advisory lock by which no other process is at the
    same; both go with whoever dies. No transaction is open but those of the work itself.
    """

    def __init__(
        self,
        dsn: str,
        name: str,
        channel: LiteralString,
        lock: int,
        due: Callable[[Connection], Iterable[int]],
        step: Callable[[Connection, int], bool],
        most: int = 8,
    ) -> None:
        """Name it and say what it does.

        Args:
            dsn: where the database is.
            name: of the threads, and in the log.
            channel: of the notifications that wake it.
            lock: first half of the advisory locks.
            due: the numbers of those that may have something to do.
            step: one step of one of them; returns whether to go on at once.
            most: threads at a time.
        """
        super().__init__(dsn, name, channel, self._assign)
        self._name, self._lock, self._most = name, lock, most
        self._due, self._step = due, step
        self._busy: dict[int, threading.Thread] = {}

    def close(self) -> None:
        """End; who waits for another side longer than a while is left alone with that."""
        super().close()
        until = time.monotonic() + _CLOSE_S
        for thread in list(self._busy.values()):
            thread.join(max(0.0, until - time.monotonic()))

    def _assign(self, connection: Connection) -> bool:
        for number in self._due(connection):
            if len(self._busy) >= self._most or self._ending.is_set():
                break
            if number not in self._busy:
                name = f"{self._name} {number}"
                thread = threading.Thread(
                    target=self._see_through, args=(number,), name=name, daemon=True
                )
                self._busy[number] = thread
                thread.start()
        return False

    def _see_through(self, number: int) -> None:
        done = False
        try:
            with connect(self._dsn) as connection:
                values = (self._lock, number)
                taken = connection.execute("select pg_try_advisory_lock(%s, %s)", values)
                if taken.fetchone() == (True,):
                    while not self._ending.is_set() and self._step(connection, number):
                        pass
                    done = True
        except psycopg.OperationalError:
            pass  # away: it is due again when that is back
        except Exception:
            log.exception("%s %d stopped; trying again", self._name, number)
        finally:
            del self._busy[number]
            if done:  # others may wait for its place, or word came just now
                self.wake()


def connect(dsn: str) -> Connection:
    """A connection that plans for the values at hand, as those of the pool."""
    return psycopg.connect(dsn, autocommit=True, prepare_threshold=None)
