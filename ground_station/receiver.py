"""What every receiver can do: hear frames, answer them, say what it is.

The vocabulary is that of the bridge (`firmware.wire.bridge`): its `Received` carries all that
any receiver knows of a frame. A receiver keeps a frame until it is answered, by `transmit` or
`release`, and gives it again after it was opened anew: what the station did not get to the
disk before it died is not lost by a receiver that lives on its own (our bridge); the others keep
frames as long as the station's process lives, and the collar sends again what nobody acknowledged.
"""

import hashlib
import time
from abc import ABC, abstractmethod
from collections import Counter
from typing import NamedTuple, Self

from firmware.wire import frame
from firmware.wire.bridge import Hello, Pong, Received, Transmit, Transmitted


class Noise(NamedTuple):
    """Bytes that are no message: damaged on the line, or another program's text."""

    fault: str


class Copy(NamedTuple):
    """A frame that was given before, as another gateway of the same receiver heard it."""

    received: Received
    """Its `reception` is that of the frame given before"""
    heard_by: str


Event = Hello | Received | Transmitted | Pong | Noise | Copy


class Receiver(ABC):
    """One way to hear collars; a context manager that is open inside.

    Attributes:
        port: where it is, in the words of whoever set it up.
        sends: whether a collar can hear what it transmits.
        ended: whether nothing will come any more, as at the end of a file.
        counts: what came and was no frame of ours, by its kind; and what else is worth counting.
    """

    sends: bool = True
    ended: bool = False

    def __init__(self, port: str) -> None:
        self.port = port
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def open(self) -> None:
        """Open and configure the receiver; the first event is then its Hello.

        Raises:
            ReceiverError: it is missing, busy, or does not answer.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the receiver, open or not."""

    @abstractmethod
    def receive(self, timeout_s: float) -> Event | None:
        """Return what happened next, None if nothing did in time.

        Raises:
            ReceiverError: the receiver went away or fell silent.
        """

    def at_hand(self) -> bool:
        """Return whether `receive` would return an event at once."""
        return False

    @abstractmethod
    def transmit(self, message: Transmit) -> None:
        """Send a frame, in answer to a reception.

        Raises:
            ReceiverError: the receiver went away.
        """

    @abstractmethod
    def release(self, reception: int) -> None:
        """Let the receiver forget a reception without an answer on the air.

        Raises:
            ReceiverError: the receiver went away.
        """

    def heard_by(self, reception: int) -> str:
        """Return which of several gateways heard a frame; empty where there is only the one."""
        return ""


def strange(data: bytes) -> str | None:
    """Return why a frame cannot be a collar's, None if it may be: `short`, `long` or `foreign`."""
    if len(data) < frame.OVERHEAD_UPLINK:
        return "short"
    if len(data) > frame.MAX_BYTES:
        return "long"
    return None if data[0] == frame.FIRST_BYTE else "foreign"


def number_of(kind: str, port: str) -> int:
    """Return a 64-bit number for a receiver that has none of its own: the same at every start."""
    return int.from_bytes(hashlib.sha256(f"{kind} {port}".encode()).digest()[:8])


def ticks_us() -> int:
    """Return the ticks of a receiver without a clock of its own: this machine's, without jumps."""
    return time.monotonic_ns() // 1000
