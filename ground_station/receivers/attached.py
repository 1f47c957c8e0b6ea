"""What receivers share that are a radio without a clock on a serial line of this machine.

Such a radio hears one channel and one spreading factor at a time, and keeps nothing: a frame ended
when its first byte came over the line, by this machine's ticks.
"""

import time
from abc import abstractmethod
from collections import deque
from typing import NamedTuple

from firmware.wire import region
from firmware.wire.airtime import airtime_us
from firmware.wire.bridge import NOT_SENT, PROTOCOL, SENT, Hello, Received, Transmit, Transmitted
from ground_station.events import Throttle
from ground_station.receiver import Event, Noise, Receiver, number_of, strange, ticks_us
from ground_station.receivers.serial_line import SerialLine, candidates
from ground_station.receivers.table import Table

_WAIT_S = 0.1


class Channel(NamedTuple):
    """What the radio listens to."""

    freq_hz: int
    sf: int
    bw_hz: int


class AttachedReceiver(Receiver):
    """A serial line, the frames of which nobody has disposed, and events; a subclass speaks.

    Args:
        kind: name of its kind.
        port: one of the names that `serial_line` knows.
        baud: of its line.
        channel: what it is to listen to.
    """

    def __init__(self, kind: str, port: str, baud: int, channel: Channel) -> None:
        super().__init__(port)
        self.channel = channel
        self._number = number_of(kind, port)
        self._baud = baud
        self._throttle = Throttle()
        self._line: SerialLine | None = None
        self._events: deque[Event] = deque()
        self._held: dict[int, Received] = {}
        self._reception = 0
        self._heard_at_s = 0.0

    def open(self) -> None:
        """Open the port and set the radio up; it goes by what it was set to before."""
        self._events.clear()
        self._line = SerialLine(candidates(self.port)[0], self._baud)
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise
        self._heard_at_s = time.monotonic()
        hello = Hello(PROTOCOL, self._number, 0, ticks_us(), 0)
        known = [one for one in self._events if isinstance(one, Received)]
        kept = [one for one in self._held.values() if one not in known]
        self._events.extendleft([*reversed(kept), hello])

    def close(self) -> None:
        """Close the port; the radio goes on as it is."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def receive(self, timeout_s: float) -> Event | None:
        """Return the next event."""
        end_s = time.monotonic() + timeout_s
        while not self._events:
            wait_s = self._work()
            if self._events:
                break
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return None
            self._take_input(max(min(left_s, _WAIT_S, wait_s), 0.001))
        return self._events.popleft()

    def at_hand(self) -> bool:
        """Return whether an event waits."""
        return bool(self._events)

    def transmit(self, message: Transmit) -> None:
        """Send nothing, and say so; a subclass may do better."""
        self.release(message.in_reply_to)
        self._report(message, NOT_SENT)

    def release(self, reception: int) -> None:
        """Forget a frame."""
        self._held.pop(reception, None)

    @abstractmethod
    def _set_up(self) -> None:
        """Bring the radio into reception of its channel, whatever it did before."""

    @abstractmethod
    def _work(self) -> float:
        """Do what is due, such as to ask for a sign of life; returns how long nothing is [s]."""

    @abstractmethod
    def _take_input(self, timeout_s: float) -> None:
        """Read what comes in this time, and queue the events in it."""

    def _hear(self, data: bytes, at_us: int, rssi_dbm: int, snr_qdb: int) -> None:
        """Queue a frame, or count what is none of ours."""
        fault = strange(data)
        if fault is not None:
            self.counts[fault] += 1
            return
        self._reception += 1
        received = Received(
            self._reception,
            at_us,
            0,
            *self.channel,
            max(-32768, min(32767, rssi_dbm)),
            max(-128, min(127, snr_qdb)),
            data,
        )
        self._held[self._reception] = received
        self._events.append(received)

    def _noise(self, fault: str) -> None:
        self.counts["noise"] += 1
        self._events.append(Noise(fault))

    def _report(self, message: Transmit, status: int) -> None:
        length_us = 0
        if status == SENT:
            length_us = airtime_us(message.sf, message.bw_hz, len(message.data))
        end_us = max(message.at_ticks_us + length_us, 0)
        self._events.append(Transmitted(message.transmission, status, end_us, length_us))

    def _read_bytes(self, timeout_s: float) -> bytes:
        assert self._line is not None
        return self._line.read(timeout_s)

    def _write_bytes(self, data: bytes) -> None:
        assert self._line is not None
        self._line.write(data)


def read_channel(table: Table) -> Channel:
    """Read freq_hz, sf and bw_hz; the first channel of the region where they are missing."""
    first = region.UPLINK_CHANNELS[0]
    freq_hz = table.integer("freq_hz", 137_000_000, 1_020_000_000, first.freq_hz)
    sf = table.integer("sf", region.SF_MIN, region.SF_MAX, region.SF_MIN)
    return Channel(freq_hz, sf, table.integer("bw_hz", 7_800, 500_000, first.bw_hz))
