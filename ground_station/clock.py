"""When a frame was heard, in UTC: by this machine's clock, or by the clock of the bridge.

The bridge counts microseconds (ticks) and stamps every frame with them. This machine learns
how the ticks lie to its own clock from the messages the bridge sends at once (Hello, Pong): a
serial line only ever delays, so the smallest difference seen lately is the best. Frames that
waited in the bridge for an hour then still get their own time.
"""

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable

SETTLED_UTC_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z: a machine whose clock is before this has not been told the time yet."""

_OFFSETS = 16


def system_utc_us() -> int:
    """Return Unix time of this machine [us]."""
    return time.time_ns() // 1000


def system_monotonic_us() -> int:
    """Return a time that never jumps, of this machine [us]."""
    return time.monotonic_ns() // 1000


class Clock(ABC):
    """Turns the bridge's ticks into UTC."""

    @abstractmethod
    def restart(self) -> None:
        """Forget the ticks: the bridge may have started anew."""

    @abstractmethod
    def observe(self, ticks_us: int, utc_us: int) -> None:
        """Learn from a message that the bridge sent this moment.

        Args:
            ticks_us: the bridge's counter [us].
            utc_us: Unix time as the bridge knows it [us]; 0: it does not.
        """

    @abstractmethod
    def is_known(self) -> bool:
        """Return whether the time is fit to be told to a collar."""

    @abstractmethod
    def heard_at_us(self, ticks_us: int, utc_us: int) -> int:
        """Return the Unix time [us] of a frame that ended at these ticks."""


class SystemClock(Clock):
    """This machine's clock, which may be stepped at any time without harm to what is learned."""

    def __init__(
        self,
        utc_us: Callable[[], int] = system_utc_us,
        monotonic_us: Callable[[], int] = system_monotonic_us,
    ) -> None:
        self._utc_us = utc_us
        self._monotonic_us = monotonic_us
        self._offsets: deque[int] = deque(maxlen=_OFFSETS)

    def restart(self) -> None:
        """Forget the ticks."""
        self._offsets.clear()

    def observe(self, ticks_us: int, utc_us: int) -> None:
        """Learn how the ticks lie to this machine's monotonic time."""
        self._offsets.append(self._monotonic_us() - ticks_us)

    def is_known(self) -> bool:
        """Return whether this machine was told the time."""
        return self._utc_us() >= SETTLED_UTC_US

    def heard_at_us(self, ticks_us: int, utc_us: int) -> int:
        """Return the Unix time [us] of these ticks; this moment while nothing is known of them."""
        if not self._offsets:
            return self._utc_us()
        age_us = self._monotonic_us() - (ticks_us + min(self._offsets))
        return self._utc_us() - max(age_us, 0)


class BridgeClock(Clock):
    """The bridge's clock: one with its own GNSS receiver, or a twin that lives in virtual time.

    Until the bridge tells UTC for the first time the fallback answers.
    """

    def __init__(self, fallback: Clock) -> None:
        self._fallback = fallback
        self._offset_us: int | None = None

    def restart(self) -> None:
        """Forget the ticks."""
        self._offset_us = None
        self._fallback.restart()

    def observe(self, ticks_us: int, utc_us: int) -> None:
        """Learn how the ticks lie to the bridge's UTC."""
        self._fallback.observe(ticks_us, utc_us)
        if utc_us:
            self._offset_us = utc_us - ticks_us

    def is_known(self) -> bool:
        """Return whether the bridge has told UTC since it was opened, or the fallback knows."""
        return self._offset_us is not None or self._fallback.is_known()

    def heard_at_us(self, ticks_us: int, utc_us: int) -> int:
        """Return the bridge's own time of the frame [us], else what its ticks say."""
        if utc_us:
            self._offset_us = utc_us - ticks_us
            return utc_us
        if self._offset_us is not None:
            return ticks_us + self._offset_us
        return self._fallback.heard_at_us(ticks_us, utc_us)
