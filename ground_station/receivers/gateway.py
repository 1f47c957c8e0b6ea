"""What receivers share that hear through other people's gateways: Semtech's forwarder, ChirpStack.

One such receiver serves any number of gateways. A thread of its own listens and answers the
protocol; what was heard waits in a queue for the station. A frame that several gateways heard is
given once, its copies as `Copy`; the answer goes out through the gateway that heard it best so
far. Ticks are this machine's; the gateway itself times the answer, from its own time stamp of the
frame, so that the collar's window is met to the microsecond if the request gets there in time.
"""

import threading
from abc import abstractmethod
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from firmware.wire.airtime import airtime_us
from firmware.wire.bridge import (
    NOT_SENT,
    PROTOCOL,
    SENT,
    TOO_LATE,
    Hello,
    Received,
    Transmit,
    Transmitted,
)
from ground_station.errors import ReceiverError
from ground_station.events import Throttle
from ground_station.receiver import Copy, Event, Noise, Receiver, number_of, strange, ticks_us

_COPY_US = 3_000_000  # copies of a frame come together, but for a slow network
_HELD_LIMIT = 4096
_QUEUE_LIMIT = 8192
_PENDING_LIMIT = 256


class Uplink(NamedTuple):
    """What one gateway says of one frame."""

    gateway: str
    data: bytes
    freq_hz: int
    sf: int
    bw_hz: int
    rssi_dbm: int
    snr_qdb: int
    utc_us: int = 0
    """0: the gateway does not know"""
    context: Any = None
    """What the gateway wants back with an answer"""


@dataclass
class Held:
    """A frame of which the station has not disposed, or a copy of which may still come."""

    received: Received
    ways: list[Uplink] = field(default_factory=list)
    answered: bool = False
    receipt: Any = None
    """What the protocol needs to be told of it"""


class GatewayReceiver(Receiver):
    """Queue, copies and answers; a subclass speaks the protocol.

    Args:
        port: where it listens.
        kind: name of its kind.
        gateways: the only ones listened to; empty: all.
    """

    def __init__(self, port: str, kind: str, gateways: frozenset[str] = frozenset()) -> None:
        super().__init__(port)
        self._number = number_of(kind, port)
        self._gateways = gateways
        self._throttle = Throttle()
        self._changed = threading.Condition()
        self._events: deque[Event | ReceiverError] = deque()
        self._held: OrderedDict[int, Held] = OrderedDict()
        self._reception = 0
        self._pending: OrderedDict[int, Transmit] = OrderedDict()

    def receive(self, timeout_s: float) -> Event | None:
        """Return the next event."""
        with self._changed:
            self._changed.wait_for(lambda: self._events, timeout_s)
            if not self._events:
                return None
            event = self._events.popleft()
        if isinstance(event, ReceiverError):
            raise event
        return event

    def at_hand(self) -> bool:
        """Return whether an event waits."""
        return bool(self._events)

    def transmit(self, message: Transmit) -> None:
        """Ask the gateway that heard the frame best to answer it."""
        with self._changed:
            held = self._held.get(message.in_reply_to)
            first = held is not None and not held.answered
            if held is not None:
                held.answered = True
        if held is None or not first or ticks_us() >= message.at_ticks_us:
            return self._report(message, TOO_LATE)
        best = max(held.ways, key=lambda way: way.snr_qdb)
        self._pending[message.transmission] = message
        while len(self._pending) > _PENDING_LIMIT:
            self._pending.popitem(last=False)
        status = self._send(best, message.at_ticks_us - held.received.ticks_us, message)
        if status is not None:
            self._note_sent(message.transmission, status)
        return self._dispose(held)

    def release(self, reception: int) -> None:
        """Forget a frame."""
        with self._changed:
            held = self._held.get(reception)
            if held is None or held.answered:
                return
            held.answered = True
        self._dispose(held)

    def heard_by(self, reception: int) -> str:
        """Return the gateway that first heard a frame."""
        with self._changed:
            held = self._held.get(reception)
        return held.ways[0].gateway if held else ""

    @abstractmethod
    def _send(self, way: Uplink, delay_us: int, message: Transmit) -> int | None:
        """Ask a gateway to transmit so long after the end of the frame it heard.

        Returns:
            A status if it is known at once, None if the gateway will tell.
        """

    def _dispose(self, held: Held) -> None:
        """Take note that the station is done with a frame; for a protocol that wants to know."""

    def _greet(self) -> None:
        """Say Hello, and give again what waits for an answer."""
        now_us = ticks_us()
        with self._changed:
            self._events.clear()
            self._events.append(Hello(PROTOCOL, self._number, 0, now_us, 0))
            self._events.extend(one.received for one in self._held.values() if not one.answered)

    def _admits(self, gateway: str) -> bool:
        """Return whether a gateway is listened to; counts it if not."""
        if not self._gateways or gateway in self._gateways:
            return True
        self._count("unknown_gateway")
        return False

    def _hear(self, uplink: Uplink, receipt: Any = None) -> bool:
        """Queue a frame that a gateway heard.

        Returns:
            Whether the station will dispose of it: False for a copy, and what is none of ours.
        """
        fault = strange(uplink.data)
        if fault is not None:
            self._count(fault)
            return False
        now_us = ticks_us()
        with self._changed:
            self._forget(now_us)
            held = self._find(uplink.data, now_us)
            known = held is not None
            if held is None:
                self._reception += 1
                held = Held(_received(self._reception, now_us, uplink), receipt=receipt)
                self._held[self._reception] = held
                self._put(held.received)
            else:
                received = _received(held.received.reception, now_us, uplink)
                self._put(Copy(received, uplink.gateway))
            held.ways.append(uplink)
        if known:
            self._count("copies")
        return not known

    def _note_fault(self, fault: object) -> None:
        """Count and tell what a gateway said that cannot be read."""
        self._count("malformed")
        with self._changed:
            self._put(Noise(str(fault)))

    def _note_lost(self, error: ReceiverError) -> None:
        with self._changed:
            self._put(error)

    def _note_sent(self, transmission: int, status: int) -> None:
        """Pass on what became of a transmission; one that nobody asked for is passed over."""
        message = self._pending.pop(transmission, None)
        if message is not None:
            self._report(message, status)

    def _report(self, message: Transmit, status: int) -> None:
        try:
            length_us = airtime_us(message.sf, message.bw_hz, len(message.data))
        except ValueError:
            length_us, status = 0, NOT_SENT
        if status != SENT:
            length_us = 0
        end_us = max(message.at_ticks_us + length_us, 0)
        with self._changed:
            self._put(Transmitted(message.transmission, status, end_us, length_us))

    def _count(self, kind: str) -> None:
        with self._changed:
            self.counts[kind] += 1

    def _put(self, event: Event | ReceiverError) -> None:
        """Queue an event; the lock is held. A flood loses noise and copies, never a frame."""
        if len(self._events) >= _QUEUE_LIMIT and isinstance(event, Noise | Copy):
            self.counts["dropped"] += 1
            return
        self._events.append(event)
        self._changed.notify()

    def _find(self, data: bytes, now_us: int) -> Held | None:
        for held in reversed(self._held.values()):
            if held.received.ticks_us < now_us - _COPY_US:
                return None
            if held.received.data == data:
                return held
        return None

    def _forget(self, now_us: int) -> None:
        """Forget what is answered and can have no more copies, and the oldest of too many."""
        while self._held:
            reception, held = next(iter(self._held.items()))
            over = len(self._held) >= _HELD_LIMIT
            if not over and not (held.answered and held.received.ticks_us < now_us - _COPY_US):
                return
            if not held.answered:
                self.counts["dropped"] += 1
            del self._held[reception]


def _received(reception: int, now_us: int, uplink: Uplink) -> Received:
    return Received(
        reception,
        now_us,
        uplink.utc_us,
        uplink.freq_hz,
        uplink.sf,
        uplink.bw_hz,
        uplink.rssi_dbm,
        uplink.snr_qdb,
        uplink.data,
    )
