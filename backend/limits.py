"""How often one caller may ask: token buckets, one per key or per address, in this process."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from backend.errors import TooMany

_MOST = 100_000  # callers remembered; the rest of a flood shares none of its memory with us


class Limits:
    """Buckets that hold a minute's requests and fill evenly."""

    def __init__(
        self,
        known_per_minute: int,
        public_per_minute: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """0 per minute is no limit; `clock` is in seconds."""
        self._rates = {True: known_per_minute, False: public_per_minute}
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, caller: str, known: bool) -> None:
        """Count one request.

        Raises:
            TooMany: the bucket is empty; the error says when to come again.
        """
        per_minute = self._rates[known]
        if not per_minute:
            return
        with self._lock:
            now = self._clock()
            if len(self._buckets) > _MOST:
                self._buckets.clear()
            left, then = self._buckets.get(caller, (float(per_minute), now))
            left = min(per_minute, left + (now - then) * per_minute / 60)
            if left < 1:
                raise TooMany(per_minute, math.ceil((1 - left) * 60 / per_minute))
            self._buckets[caller] = (left - 1, now)
