"""Bridges that are programs: each datagram is one message of the bridge's protocol, without COBS.

For tests and simulations, of which any number may send to one station; in one process with the
station `hear` and `take_answers` do without a socket. An answer goes back to whoever sent the
frame. Timing is the program's own: ticks are those it tells.
"""

import socket
import threading
from collections import deque
from typing import Any, cast

from firmware.wire import bridge, cobs
from firmware.wire.errors import WireError
from ground_station.errors import PortRefused
from ground_station.receiver import Event, Noise, Receiver, number_of, strange
from ground_station.receivers.table import Table

_MAX_DATAGRAM = 2048
_HELD_LIMIT = 65_536


def pack(message: tuple[object, ...]) -> bytes:
    """Return the datagram of a message."""
    return cobs.decode(bridge.encode(message)[:-1])


def unpack(datagram: bytes) -> tuple[object, ...]:
    """Return the message in a datagram.

    Raises:
        WireError: it is none.
    """
    message: tuple[object, ...] = bridge.decode(cobs.encode(datagram))
    return message


class VirtualReceiver(Receiver):
    """Events put in by `hear`, or by datagrams.

    Args:
        address: where to listen; None: no socket.
        number: of the bridge that it is.
    """

    def __init__(self, address: tuple[str, int] | None = None, number: int | None = None) -> None:
        port = "virtual" if address is None else "udp://{}:{}".format(*address)
        super().__init__(port)
        self._address = address
        self._number = number_of("virtual", port) if number is None else number
        self._socket: socket.socket | None = None
        self._changed = threading.Condition()
        self._events: deque[Event] = deque()
        self._held: dict[int, tuple[bridge.Received, int, Any]] = {}
        self._answers: list[bridge.Transmit] = []
        self._reception = 0

    @classmethod
    def from_table(cls, table: Table) -> "VirtualReceiver":
        """Read listen."""
        return cls(table.address("listen", "127.0.0.1:1701"))

    @property
    def address(self) -> tuple[str, int]:
        """IP address and port it is bound to."""
        assert self._socket is not None
        host, port = self._socket.getsockname()[:2]
        return host, port

    def open(self) -> None:
        """Begin to listen."""
        if self._address is not None:
            self._socket = socket.socket(type=socket.SOCK_DGRAM)
            try:
                self._socket.bind(self._address)
            except OSError as error:
                self.close()
                raise PortRefused(self.port, f"{error.strerror}, expected a free port") from error
        with self._changed:
            self._events.clear()
            self._events.append(bridge.Hello(bridge.PROTOCOL, self._number, 0, 0, 0))
            self._events.extend(received for received, _, _ in self._held.values())

    def close(self) -> None:
        """Stop listening."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def hear(self, received: bridge.Received, sender: Any = None) -> int:
        """Give the station a frame; returns the number it has there."""
        with self._changed:
            self._reception += 1
            numbered = received._replace(reception=self._reception)
            self._held[self._reception] = (numbered, received.reception, sender)
            if len(self._held) > _HELD_LIMIT:
                del self._held[next(iter(self._held))]
                self.counts["dropped"] += 1
            self._events.append(numbered)
            self._changed.notify()
            return self._reception

    def take_answers(self) -> list[bridge.Transmit]:
        """Return what the station had to send since the last call."""
        with self._changed:
            answers, self._answers = self._answers, []
        return answers

    def receive(self, timeout_s: float) -> Event | None:
        """Return the next event."""
        if self._socket is None:
            with self._changed:
                self._changed.wait_for(lambda: self._events, timeout_s)
                return self._events.popleft() if self._events else None
        if not self._events:
            self._socket.settimeout(max(timeout_s, 0.001))
            try:
                datagram, sender = self._socket.recvfrom(_MAX_DATAGRAM)
            except OSError:  # nothing came in time
                return None
            self._take(datagram, sender)
        return self._events.popleft() if self._events else None

    def at_hand(self) -> bool:
        """Return whether an event waits."""
        return bool(self._events)

    def transmit(self, message: bridge.Transmit) -> None:
        """Hand an answer to whoever sent the frame."""
        with self._changed:
            _, number, sender = self._held.pop(message.in_reply_to, (None, 0, None))
            if sender is None:
                self._answers.append(message)
                self._events.append(
                    bridge.Transmitted(message.transmission, bridge.SENT, message.at_ticks_us, 0)
                )
                return
        self._tell(message._replace(in_reply_to=number), sender)

    def release(self, reception: int) -> None:
        """Forget a frame."""
        with self._changed:
            _, number, sender = self._held.pop(reception, (None, 0, None))
        if sender is not None:
            self._tell(bridge.Release(number), sender)

    def _take(self, datagram: bytes, sender: Any) -> None:
        try:
            message = unpack(datagram)
        except WireError as error:
            self.counts["malformed"] += 1
            self._events.append(Noise(str(error)))
            return
        if isinstance(message, bridge.Received):
            fault = strange(message.data)
            if fault is None:
                self.hear(message, sender)
            else:
                self.counts[fault] += 1
        elif isinstance(message, bridge.Transmitted | bridge.Pong):
            self._events.append(cast(Event, message))

    def _tell(self, message: tuple[object, ...], sender: Any) -> None:
        if self._socket is not None:
            try:
                self._socket.sendto(pack(message), sender)
            except OSError:  # it ended
                self.counts["unanswered"] += 1
