"""What AT modems share: lines of text both ways, and answers timed by this machine.

Such a modem sends when it is told to. So an answer is begun so long before its time as the line
needs for the command, and `advance_us` more. The modem is taken out of reception `lead_us` before,
and is deaf until it has sent. How exact this is depends on the modem's firmware and on USB
(milliseconds, not measured here): the collar's window of 50 ms leaves room for it, and an answer
that would be later than `_SLACK_US` is not sent.

Lines are ASCII; replies and events come mixed, so all lines go through one place.
"""

import re
import time
from abc import abstractmethod
from collections import deque
from typing import NamedTuple

from firmware.wire.airtime import airtime_us
from firmware.wire.bridge import NOT_SENT, SENT, TOO_LATE, Transmit
from ground_station.errors import BridgeSilent
from ground_station.receiver import ticks_us
from ground_station.receivers.attached import AttachedReceiver, Channel

_SLACK_US = 30_000
_MAX_LINE = 1200
_PROBE_S = 60.0
_REPLY_S = 2.0
_TRIES = 3
_BITS_PER_BYTE = 10


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


class ModemReceiver(AttachedReceiver):
    """A modem that is told by lines of text; a subclass knows its words."""

    lead_us = 300_000
    advance_us = 5_000

    def __init__(self, kind: str, port: str, baud: int, channel: Channel) -> None:
        super().__init__(kind, port, baud, channel)
        self._splitter = LineSplitter()
        self._lines: deque[Line] = deque()
        self._due: list[Transmit] = []

    def open(self) -> None:
        """Open the port and set the modem up."""
        self._splitter = LineSplitter()
        self._lines.clear()
        self._due.clear()
        super().open()

    def transmit(self, message: Transmit) -> None:
        """Send a frame at its time, in the thread that calls `receive`."""
        known = self._held.pop(message.in_reply_to, None)
        if message.in_reply_to and known is None:
            return self._report(message, TOO_LATE)
        if not self.sends:
            return self._report(message, NOT_SENT)
        self._due.append(message)
        return None

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
        self._write_bytes(command.encode() + b"\r\n")

    def _read(self, timeout_s: float) -> None:
        chunk = self._read_bytes(timeout_s)
        dropped = self._splitter.dropped
        self._lines.extend(self._splitter.feed(chunk, ticks_us(), self._byte_us()))
        if self._splitter.dropped > dropped:
            self._noise(f"no line in {_MAX_LINE} bytes, expected its end")

    def _take_input(self, timeout_s: float) -> None:
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
        """Return how long nothing is to be sent."""
        if not self._due:
            return _PROBE_S
        begin_us = min(self._begin_us(message) for message in self._due)
        return (begin_us - self.lead_us - ticks_us()) / 1e6

    def _work(self) -> float:
        """Send what is due, if it still can be in time; ask now and then whether it lives."""
        while self._due and self._wait_s() <= 0:
            self._due.sort(key=lambda message: message.at_ticks_us)
            message = self._due.pop(0)
            if ticks_us() > self._begin_us(message) + _SLACK_US:
                self._report(message, TOO_LATE)
            else:
                self._report(message, self._send(message))
        if time.monotonic() - self._heard_at_s > _PROBE_S:
            self._probe()
            self._heard_at_s = time.monotonic()
        return self._wait_s()

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
