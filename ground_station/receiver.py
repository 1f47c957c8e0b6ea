"""What every receiver can do: hear frames, answer them, say what it is.

The vocabulary is that of the bridge (`firmware.wire.bridge`): its `Received` carries all that
any receiver knows of a frame. A receiver keeps a frame until it is answered, by `transmit` or
`release`, and gives it again after it was opened anew: what the station did not get to the
disk before it died is not lost.
"""

from abc import ABC, abstractmethod
from typing import NamedTuple, Self

from firmware.wire.bridge import Hello, Pong, Received, Transmit, Transmitted


class Noise(NamedTuple):
    """Bytes that are no message: damaged on the line, or another program's text."""

    fault: str


Event = Hello | Received | Transmitted | Pong | Noise


class Receiver(ABC):
    """One way to hear collars; a context manager that is open inside."""

    def __init__(self, port: str) -> None:
        self.port = port

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
