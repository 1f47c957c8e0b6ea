"""When a frame was heard, in UTC: by this machine's clock, or by the clock of the bridge.

The bridge counts microseconds (ticks) and stamps every frame with them. This machine learns
how the ticks lie to its own clock from the messages the bridge sends at once (Hello, Pong): a
serial line only ever delays, so the smallest difference seen lately is the best. Frames that
waited in the bridge for an hour then still get their own time.
"""

import ctypes
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping

from ground_station.memory import Stretch

SETTLED_UTC_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z: a machine whose clock is before this has not been told the time yet."""

_OFFSETS = 16
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronized
_STEP_US = 1_000_000  # more, against the time that never jumps: the clock was set
_AHEAD_US = 3_600_000_000
_AHEAD_FRAMES = 20


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


def is_synchronized() -> bool:
    """Return whether the kernel says that somebody (NTP, GPS, PTP) keeps this machine's clock."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state = libc.adjtimex(ctypes.create_string_buffer(512))  # struct timex, modes 0: only read
    except (OSError, AttributeError):
        return False
    return bool(0 <= state != _TIME_ERROR)


class Vouching:
    """Numbers the stretches of a clock that nobody vouches for.

    Within a stretch the clock is wrong by one amount, and collars tell which: a record has its
    time from GNSS, and cannot be heard before it was taken.

    Args:
        known: stretches of the past.
        vouched: whether somebody keeps the clock.
        utc_us: the clock.
        monotonic_us: a time that never jumps.
    """

    def __init__(
        self,
        known: Mapping[int, Stretch],
        vouched: Callable[[], bool] = is_synchronized,
        utc_us: Callable[[], int] = system_utc_us,
        monotonic_us: Callable[[], int] = system_monotonic_us,
    ) -> None:
        self._last = max(known, default=0)
        self._vouched = vouched
        self._utc_us = utc_us
        self._monotonic_us = monotonic_us
        self._offset_us: int | None = None

    def stretch(self) -> int:
        """Return the number of the present stretch, 0 while somebody vouches for the clock."""
        if self._vouched():
            self._offset_us = None
            return 0
        offset_us = self._utc_us() - self._monotonic_us()
        if self._offset_us is None or abs(offset_us - self._offset_us) > _STEP_US:
            self._last += 1
        self._offset_us = offset_us
        return self._last


def observe(known: Stretch | None, number: int, delay_us: int) -> Stretch:
    """Return a stretch with one more frame, whose newest record came that late [us]."""
    if known is None:
        return Stretch(number, delay_us, 1)
    return Stretch(number, min(known.least_delay_us, delay_us), known.frames + 1)


def error_us(stretch: Stretch) -> int:
    """Return how far ahead of the truth a clock seems to be [us]; 0 where nothing contradicts it.

    A clock that is late is found by one frame, to within the least time from a record to its
    frame. One that is ahead looks like records that waited; it is believed to be ahead where not
    one of twenty frames had a record younger than an hour.
    """
    ahead = stretch.least_delay_us > _AHEAD_US and stretch.frames >= _AHEAD_FRAMES
    return stretch.least_delay_us if stretch.least_delay_us < 0 or ahead else 0
