"""Word of new data, from the database to everybody who listens in this process."""

from __future__ import annotations

import asyncio
import contextlib

import psycopg

_RETRY_S = 5.0


class Bulletin:
    """One connection that listens; any number of tasks that wait for it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.number = 0
        self.ended = False
        self._word = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, in the running loop."""
        self._task = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def wait(self, seen: int, timeout_s: float) -> int:
        """Wait for word after word number `seen`; returns the number of the last that came."""
        if self.number == seen:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._word.wait(), timeout_s)
        return self.number

    def end(self) -> None:
        """Let go of everybody who waits: the service ends."""
        self.ended = True
        self._tell()

    def _tell(self) -> None:
        """Wake all who wait; who comes later compares numbers, so that no word is missed."""
        self.number += 1
        self._word.set()
        self._word = asyncio.Event()

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._dsn, autocommit=True
                ) as connection:
                    await connection.execute("listen capra_arrival")
                    await connection.execute("listen capra_alert")
                    await connection.execute("listen capra_analysis")
                    self._tell()  # something may have come while nobody listened
                    async for _ in connection.notifies():
                        self._tell()
            except psycopg.OperationalError:
                pass  # away: requests answer so
            await asyncio.sleep(_RETRY_S)
