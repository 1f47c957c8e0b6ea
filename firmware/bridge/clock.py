"""A clock that never wraps, from MicroPython's that does."""


class Clock:
    """Microseconds since it was made; to be read at least every few minutes.

    Args:
        ticks_us: `time.ticks_us`.
        ticks_ms: `time.ticks_ms`, in which the modem stamps what it received.
        ticks_diff: `time.ticks_diff`.
    """

    def __init__(self, ticks_us, ticks_ms, ticks_diff) -> None:  # type: ignore[no-untyped-def]
        self._ticks_us = ticks_us
        self._ticks_ms = ticks_ms
        self._diff = ticks_diff
        self._last = ticks_us()
        self._now_us = 0

    def now_us(self) -> int:
        """Return the time."""
        ticks = self._ticks_us()
        self._now_us += int(self._diff(ticks, self._last))
        self._last = ticks
        return self._now_us

    def at_us(self, ticks_ms: int) -> int:
        """Return the time of a recent `time.ticks_ms()`."""
        age_ms = int(self._diff(self._ticks_ms(), ticks_ms))
        return max(self.now_us() - 1000 * age_ms, 0)
