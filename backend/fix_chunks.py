"""All fixes of a selection, part by part, as of one moment: memory stays flat.

A part is the fixes of a stretch of time, as long as lets it hold about `CHUNK` of them. While
parts are used those to come are read, by two connections at once where the pool has one to spare:
both see the snapshot that the first of them took.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from queue import SimpleQueue
from typing import Any, NamedTuple

from psycopg import Connection, IsolationLevel, sql
from psycopg_pool import PoolTimeout

from backend.db.pool import Pool
from backend.db.queries import query
from backend.fix_columns import EPOCH, POSTGRES_EPOCH_US, FixColumns, after, read

CHUNK = 25_000
_SPARE_S = 0.2  # how long a second connection is waited for
_INSTANT = timedelta(microseconds=1)
_WIDEST = timedelta(days=3650)


class _Stretch(NamedTuple):
    """A part asked for: the values of its query, and how long a time it covers."""

    values: dict[str, Any]
    width: timedelta | None
    """None: it goes on where more was found than asked for"""
    found: Future[FixColumns]


def chunks(
    connection: Connection[Any], name: str, values: dict[str, Any], pool: Pool | None = None
) -> Generator[FixColumns]:
    """The whole answer of a paged query; of a `pool` a second connection is taken if it can be."""
    first = max(1, CHUNK // 4)  # soon there, and it says how dense fixes are
    with ExitStack() as stack:
        stack.enter_context(_snapshot(connection))
        part = read(connection, name, values | {"limit": first})
        if part.rows == first:
            readers = [connection, *stack.enter_context(_second(connection, pool))]
            yield from stack.enter_context(_Rest(name, values, part, readers))
        elif part.rows:
            yield part


class _Rest:
    """The parts from the first on: stretches of time one behind the other, read ahead."""

    def __init__(
        self,
        name: str,
        values: dict[str, Any],
        first: FixColumns,
        readers: list[Connection[Any]],
    ) -> None:
        row = readers[0].execute(query("newest_fix")).fetchone()
        assert row is not None  # there is the first part
        self._name, self._values, self._first = name, values, first
        self._end = min(row[0] + _INSTANT, values["to_time"] or row[0] + _INSTANT)
        self._begin = _time(first, -1)
        span = self._begin - _time(first, 0)
        self._width = max(span * (CHUNK / first.rows), _INSTANT)
        self._ahead = len(readers) + 1
        self._coming: deque[_Stretch] = deque()
        self._idle: SimpleQueue[Connection[Any]] = SimpleQueue()
        for reader in readers:
            self._idle.put(reader)
        self._threads = ThreadPoolExecutor(len(readers), "fixes")

    def __enter__(self) -> Iterator[FixColumns]:
        return self._parts()

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def _parts(self) -> Iterator[FixColumns]:
        # what else is of the very time of the first part's last fix
        self._ask(after(self._first.cursor()))
        self._ask_ahead()
        yield self._first
        while self._coming:
            stretch = self._coming.popleft()
            part = stretch.found.result()
            if part.rows == stretch.values["limit"]:  # denser than it was: there is more of it
                values = stretch.values | after(part.cursor())
                self._coming.appendleft(self._begun(values, None))
            if stretch.width is not None:
                self._learn(part.rows, stretch.width)
            self._ask_ahead()
            if part.rows:
                yield part

    def _learn(self, rows: int, width: timedelta) -> None:
        """As wide as would have held `CHUNK` fixes, but never far from what it was."""
        factor = min(max(CHUNK / max(rows, 1), 1 / 8), 8)
        self._width = min(max(width * factor, _INSTANT), _WIDEST)

    def _ask_ahead(self) -> None:
        while len(self._coming) < self._ahead and self._begin < self._end:
            self._ask(after(None))

    def _ask(self, behind: dict[str, Any]) -> None:
        """Begin to read the next stretch, from where the last one ends."""
        end = min(self._begin + min(self._width, self._end - self._begin), self._end)
        bounds = {"from_time": self._begin, "to_time": end, "limit": 2 * CHUNK}
        self._coming.append(self._begun(self._values | bounds | behind, self._width))
        self._begin = end

    def _begun(self, values: dict[str, Any], width: timedelta | None) -> _Stretch:
        return _Stretch(values, width, self._threads.submit(self._read, values))

    def _read(self, values: dict[str, Any]) -> FixColumns:
        connection = self._idle.get()
        try:
            return read(connection, self._name, values)
        finally:
            self._idle.put(connection)


@contextmanager
def _snapshot(connection: Connection[Any], of: str | None = None) -> Iterator[None]:
    """A transaction that sees one moment: now, or that of another's snapshot."""
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            if of is not None:
                connection.execute(sql.SQL("set transaction snapshot {}").format(of))
            yield
    finally:
        connection.isolation_level = None


@contextmanager
def _second(connection: Connection[Any], pool: Pool | None) -> Iterator[list[Connection[Any]]]:
    """Another connection that sees what this one does; none where the pool has none to spare."""
    with ExitStack() as stack:
        other: list[Connection[Any]] = []
        if pool is not None:
            try:
                other = [stack.enter_context(pool.connection(timeout=_SPARE_S))]
            except PoolTimeout:
                pass  # one reads it all, then
        for one in other:
            row = connection.execute("select pg_export_snapshot()").fetchone()
            assert row is not None  # a function answers
            stack.enter_context(_snapshot(one, row[0]))
        yield other


def _time(part: FixColumns, row: int) -> datetime:
    return EPOCH + timedelta(microseconds=int(part.time_us[row]) + POSTGRES_EPOCH_US)
