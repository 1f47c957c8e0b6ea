"""What receivers share whose radio is a modem on a serial line that knows no time: AT modems.

Such a modem hears one channel and one spreading factor at a time, and sends when it is told to.
So the station's machine does the timing: a frame ended when its first byte came over the line, and
an answer is begun so long before its time as the line needs for it, `advance_us` more. The modem
is taken out of reception `lead_us` before, and is deaf until it has sent. How exact this is
depends on the modem's firmware and on USB (milliseconds, not measured here): the collar's window
of 50 ms leaves room for it, and an answer that would be later than `_SLACK_US` is not sent.

Lines are ASCII; replies and events come mixed, so all lines go through one place.
"""

import re
import time
from abc import abstractmethod
from collections import deque
from typing import NamedTuple

from firmware.wire import region
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
from ground_station.errors import BridgeSilent
from ground_station.receiver import Event, Noise, Receiver, number_of, strange, ticks_us
from ground_station.receivers.serial_line import SerialLine, candidates
from ground_station.receivers.table import Table

_SLACK_US = 30_000
_MAX_LINE = 1200
_PROBE_S = 60.0
_REPLY_S = 2.0
_TRIES = 3
_BITS_PER_BYTE = 10


class Channel(NamedTuple):
    """What the modem listens to."""

    freq_hz: int
    sf: int
    bw_hz: int


class Line(NamedTuple):
    """One line from the modem."""

    text: str
    at_us: int
    """Ticks when its first byte came"""


class LineSplitter:
    """Cuts a byte stream into lines of at most `_MAX_LINE` bytes.

    Attributes:
        dropped: lines that were longer, and thrown away.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._pending = bytearray()
        self._began_us = 0
        self._dropping = False

    def feed(self, data: bytes, now_us: int, byte_us: int = 0) -> list[Line]:
        """Take what was read just now; return the lines it completed, none empty.

        Args:
            data: bytes of the line.
            now_us: when the last of them was read.
            byte_us: how long the line takes for one byte; the earlier ones are older by that.
        """
        lines = []
        for i, byte in enumerate(data):
            if byte in b"\r\n":
                if self._pending:
                    text = self._pending.decode("ascii", "replace").strip()
                    if text:
                        lines.append(Line(text, self._began_us))
                self._pending.clear()
                self._dropping = False
            elif not self._dropping:
                if not self._pending:
                    self._began_us = now_us - (len(data) - 1 - i) * byte_us
                self._pending.append(byte)
                if len(self._pending) > _MAX_LINE:
                    self._pending.clear()
                    self._dropping = True
                    self.dropped += 1
        return lines


class ModemReceiver(Receiver):
    """A serial line of text to a modem; a subclass knows its words.

    Args:
        kind: name of its kind.
        port: one of the names that `serial_line` knows.
        baud: of its line.
        channel: what it is to listen to.
    """

    lead_us = 300_000
    advance_us = 5_000

    def __init__(self, kind: str, port: str, baud: int, channel: Channel) -> None:
        super().__init__(port)
        self.channel = channel
        self._number = number_of(kind, port)
        self._baud = baud
        self._line: SerialLine | None = None
        self._splitter = LineSplitter()
        self._lines: deque[Line] = deque()
        self._events: deque[Event] = deque()
        self._held: dict[int, Received] = {}
        self._reception = 0
        self._due: list[Transmit] = []
        self._heard_at_s = 0.0

    def open(self) -> None:
        """Open the port and set the modem up."""
        port = candidates(self.port)[0]
        self._splitter = LineSplitter()
        self._lines.clear()
        self._events.clear()
        self._due.clear()
        self._line = SerialLine(port, self._baud)
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise
        self._heard_at_s = time.monotonic()
        hello = Hello(PROTOCOL, self._number, 0, ticks_us(), 0)
        self._events.extendleft([*reversed(self._held.values()), hello])

    def close(self) -> None:
        """Close the port; the modem goes on as it is."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def receive(self, timeout_s: float) -> Event | None:
        """Return the next event; sends what is due, and asks now and then whether it lives."""
        end_s = time.monotonic() + timeout_s
        while not self._events:
            self._work()
            if self._events:
                break
            now_s = time.monotonic()
            if now_s - self._heard_at_s > _PROBE_S:
                self._probe()
            if now_s >= end_s:
                return None
            self._take_lines(max(min(end_s - now_s, 0.1, self._wait_s()), 0.001))
        return self._events.popleft()

    def at_hand(self) -> bool:
        """Return whether an event waits."""
        return bool(self._events)

    def transmit(self, message: Transmit) -> None:
        """Send a frame at its time, in the thread that calls `receive`."""
        known = self._held.pop(message.in_reply_to, None)
        if message.in_reply_to and known is None:
            return self._report(message, TOO_LATE)
        if not self.sends:
            return self._report(message, NOT_SENT)
        self._due.append(message)
        return None

    def release(self, reception: int) -> None:
        """Forget a frame."""
        self._held.pop(reception, None)

    @abstractmethod
    def _set_up(self) -> None:
        """Bring the modem into reception of its channel, whatever it did before."""

    @abstractmethod
    def _probe(self) -> None:
        """Ask for a sign of life."""

    @abstractmethod
    def _take_line(self, line: Line) -> None:
        """Read a line that is no reply to a command."""

    @abstractmethod
    def _prepare(self, message: Transmit) -> bool:
        """Take the modem out of reception and set it up to send; False if it cannot be."""

    @abstractmethod
    def _command_for(self, data: bytes) -> str:
        """Return the line that makes it send."""

    @abstractmethod
    def _await_sent(self, timeout_s: float) -> bool:
        """Wait until it has sent; False if it did not."""

    @abstractmethod
    def _resume(self) -> None:
        """Bring the modem back into reception after sending."""

    def _hear(self, data: bytes, at_us: int, rssi_dbm: int, snr_qdb: int) -> None:
        """Queue a frame."""
        fault = strange(data)
        if fault is not None:
            self.counts[fault] += 1
            return
        self._reception += 1
        received = Received(
            self._reception,
            at_us,
            0,
            self.channel.freq_hz,
            self.channel.sf,
            self.channel.bw_hz,
            max(-32768, min(32767, rssi_dbm)),
            max(-128, min(127, snr_qdb)),
            data,
        )
        self._held[self._reception] = received
        self._events.append(received)

    def _noise(self, fault: str) -> None:
        self.counts["noise"] += 1
        self._events.append(Noise(fault))

    def _ask(
        self, command: str, reply: str, refusal: str = r"AT_\w+", timeout_s: float = _REPLY_S
    ) -> str | None:
        """Give a command; return the line that is its reply, None if it is refused or silent.

        Args:
            command: the line.
            reply: pattern of a line that says yes.
            refusal: pattern of a line that says no.
            timeout_s: how long to wait.
        """
        self._write(command)
        return self._await(reply, timeout_s, refusal)

    def _await(self, reply: str, timeout_s: float, refusal: str = r"AT_\w+") -> str | None:
        """Wait for a reply and take the other lines; None if it is a refusal or none comes."""
        yes, no = re.compile(reply), re.compile(refusal)
        end_s = time.monotonic() + timeout_s
        while (left_s := end_s - time.monotonic()) > 0:
            self._read(min(left_s, 0.1))
            while self._lines:
                line = self._lines.popleft()
                if yes.fullmatch(line.text):
                    return line.text
                if no.fullmatch(line.text):
                    return None
                self._take_line(line)
        return None

    def _insist(self, command: str, reply: str, what: str) -> str:
        """Give a command that must succeed.

        Raises:
            BridgeSilent: it did not.
        """
        for _ in range(_TRIES):
            said = self._ask(command, reply)
            if said is not None:
                return said
        raise BridgeSilent(
            self.port, f"no {what} answers {command} at {self._baud} baud, expected {reply}"
        )

    def _write(self, command: str) -> None:
        assert self._line is not None
        self._line.write(command.encode() + b"\r\n")

    def _read(self, timeout_s: float) -> None:
        assert self._line is not None
        chunk = self._line.read(timeout_s)
        dropped = self._splitter.dropped
        self._lines.extend(self._splitter.feed(chunk, ticks_us(), self._byte_us()))
        if self._splitter.dropped > dropped:
            self._noise(f"no line in {_MAX_LINE} bytes, expected its end")

    def _take_lines(self, timeout_s: float) -> None:
        self._read(timeout_s)
        while self._lines:
            self._heard_at_s = time.monotonic()
            self._take_line(self._lines.popleft())

    def _byte_us(self) -> int:
        return 1_000_000 * _BITS_PER_BYTE // self._baud

    def _begin_us(self, message: Transmit) -> int:
        """Return when the command that sends has to begin."""
        written = len(self._command_for(message.data)) + 2
        return int(message.at_ticks_us) - written * self._byte_us() - self.advance_us

    def _wait_s(self) -> float:
        """Return how long nothing is due."""
        if not self._due:
            return 1.0
        begin_us = min(self._begin_us(message) for message in self._due)
        return (begin_us - self.lead_us - ticks_us()) / 1e6

    def _work(self) -> None:
        """Send what is due, if it still can be in time."""
        while self._due and self._wait_s() <= 0:
            self._due.sort(key=lambda message: message.at_ticks_us)
            message = self._due.pop(0)
            if ticks_us() > self._begin_us(message) + _SLACK_US:
                self._report(message, TOO_LATE)
            else:
                self._report(message, self._send(message))

    def _send(self, message: Transmit) -> int:
        try:
            if not self._prepare(message):
                return NOT_SENT
            begin_us = self._begin_us(message)
            wait_us = begin_us - ticks_us()
            if wait_us < -_SLACK_US:
                return TOO_LATE
            time.sleep(max(wait_us, 0) / 1e6)
            self._write(self._command_for(message.data))
            length_us = airtime_us(message.sf, message.bw_hz, len(message.data))
            return SENT if self._await_sent(length_us / 1e6 + _REPLY_S) else NOT_SENT
        finally:
            self._resume()

    def _report(self, message: Transmit, status: int) -> None:
        length_us = 0
        if status == SENT:
            length_us = airtime_us(message.sf, message.bw_hz, len(message.data))
        end_us = message.at_ticks_us + length_us
        self._events.append(Transmitted(message.transmission, status, end_us, length_us))


def read_channel(table: Table) -> Channel:
    """Read freq_hz, sf and bw_hz; the first channel of the region where they are missing."""
    first = region.UPLINK_CHANNELS[0]
    freq_hz = table.integer("freq_hz", 137_000_000, 1_020_000_000, first.freq_hz)
    sf = table.integer("sf", region.SF_MIN, region.SF_MAX, region.SF_MIN)
    return Channel(freq_hz, sf, table.integer("bw_hz", 7_800, 500_000, first.bw_hz))
