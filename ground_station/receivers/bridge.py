"""A radio bridge on a serial line, named as `serial_line` says, or by its own number.

Opening configures it; a bridge that stays silent is an error, and so is another bridge than the
one expected. Where a name fits several ports, the first with the bridge wanted is taken. The
bridge times what it transmits by its own clock, within a millisecond: it holds any window.
"""

import math
import time
from collections import deque
from typing import cast

from firmware.wire import bridge, region
from firmware.wire.errors import WireError
from ground_station.errors import BridgeSilent, PortLost, ReceiverError
from ground_station.receiver import Event, Noise, Receiver
from ground_station.receivers.serial_line import SerialLine, candidates, read_port
from ground_station.receivers.table import Table

BAUD = 115_200
_HELLO_TRIES = 3
_HELLO_WAIT_S = 1.0
_PING_S = 15.0
_SILENT_S = 40.0
_PROMPT = b">>>"


class BridgeReceiver(Receiver):
    """The serial line to one bridge, locked for this process.

    Args:
        port: one of the names that `serial_line` knows.
        bridge: number of the bridge wanted; None: whichever answers.
        listen: what a radio that hears one channel at a time is to hear; None leaves it as it is.
        baud: of the line; a bridge on USB takes any.
    """

    def __init__(
        self,
        port: str,
        bridge: int | None = None,
        listen: bridge.Listen | None = None,
        baud: int = BAUD,
    ) -> None:
        super().__init__(port)
        self._wanted = bridge
        self._listen = listen
        self._baud = baud
        self._line: SerialLine | None = None
        self._reset()

    @classmethod
    def from_table(cls, table: Table) -> "BridgeReceiver":
        """Read port, bridge, baud, and of a radio with one channel: freq_hz, sf, bw_hz, gain."""
        port = read_port(table)
        number = table.hexadecimal("bridge")
        baud = table.integer("baud", 9600, 4_000_000, BAUD)
        first = region.UPLINK_CHANNELS[0]
        listen = bridge.Listen(
            table.integer("freq_hz", 137_000_000, 1_020_000_000, first.freq_hz),
            table.integer("sf", region.SF_MIN, region.SF_MAX, region.SF_MIN),
            table.integer("bw_hz", 7_800, 500_000, first.bw_hz),
            math.ceil(round(100 * table.number("antenna_gain_dbi", -20, 30, 2.0), 6)),
        )
        return cls(port, None if number is None else int(number, 16), listen, baud)

    def open(self) -> None:
        """Open the port and configure the bridge; it then sends again what was not answered."""
        found = candidates(self.port)
        for i, port in enumerate(found):
            self._reset()
            try:
                self._line = SerialLine(port, self._baud)
                hello = self._greet()
                break
            except ReceiverError:
                self.close()
                if i == len(found) - 1:
                    raise
            except BaseException:
                self.close()
                raise
        self._events.appendleft(hello)
        self._pinged_at_s = self._heard_at_s = time.monotonic()

    def close(self) -> None:
        """Close the port."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def receive(self, timeout_s: float) -> Event | None:
        """Return the next event; asks the bridge now and then whether it lives."""
        end_s = time.monotonic() + timeout_s
        while not self._events:
            self._read()
            now_s = time.monotonic()
            if not self._events:
                self._keep_alive(now_s)
                if now_s >= end_s:
                    return None
        event = self._events.popleft()
        if isinstance(event, bridge.Received):
            self._idle = False
        elif isinstance(event, bridge.Pong):
            self._check_pong(event)
        return event

    def at_hand(self) -> bool:
        """Return whether an event waits."""
        return bool(self._events)

    def transmit(self, message: bridge.Transmit) -> None:
        """Hand a frame to the bridge."""
        self._write(message)

    def release(self, reception: int) -> None:
        """Tell the bridge that a reception needs no answer."""
        self._write(bridge.Release(reception))

    def _reset(self) -> None:
        self._splitter = bridge.Splitter()
        self._events: deque[Event] = deque()
        self._pinged_at_s = self._heard_at_s = 0.0
        self._token = 0
        self._ticks_us = 0
        self._idle = False  # no frame came since the last Pong
        self._noise_bytes = 0
        self._prompt = False

    def _greet(self) -> bridge.Hello:
        for _ in range(_HELLO_TRIES):
            self._configure()
            end_s = time.monotonic() + _HELLO_WAIT_S
            while time.monotonic() < end_s:
                self._read()
                for event in self._events:
                    if isinstance(event, bridge.Hello):
                        self._events.remove(event)
                        return self._check(event)
        raise BridgeSilent(self.port, self._silence())

    def _silence(self) -> str:
        """Return what an operator needs to know of a port where nothing says Hello."""
        if self._prompt:
            return (
                "a MicroPython prompt answers, expected the bridge's firmware: "
                "its main.py is missing or was stopped"
            )
        if self._noise_bytes:
            return (
                f"{self._noise_bytes} bytes came and none was a message: another device, or "
                f"another baud rate than {self._baud}"
            )
        return "nothing there answers as a bridge does"

    def _check(self, hello: bridge.Hello) -> bridge.Hello:
        if hello.protocol != bridge.PROTOCOL:
            raise BridgeSilent(
                self.port,
                f"the bridge speaks protocol {hello.protocol}, expected {bridge.PROTOCOL}",
            )
        if self._wanted not in (None, hello.bridge):
            raise BridgeSilent(
                self.port, f"bridge {hello.bridge:016x} answers, expected {self._wanted:016x}"
            )
        self._ticks_us = hello.ticks_us
        return hello

    def _check_pong(self, pong: bridge.Pong) -> None:
        if pong.ticks_us < self._ticks_us:
            raise PortLost(self.port, "the bridge started anew")
        self._ticks_us = pong.ticks_us
        if pong.held and self._idle:  # a frame or its answer was damaged on the line
            self._configure()
        self._idle = True

    def _configure(self) -> None:
        """Ask for Hello and all unanswered frames; the delimiter ends whatever was on the line."""
        prefix = bridge.DELIMITER
        if self._listen is not None:
            prefix += bridge.encode(self._listen)
        self._write(bridge.Configure(region.NUMBERS[region.NAME], 0), prefix)

    def _keep_alive(self, now_s: float) -> None:
        if now_s - self._heard_at_s > _SILENT_S:
            raise BridgeSilent(self.port, f"no answer for {_SILENT_S:.0f} s")
        if now_s - self._pinged_at_s > _PING_S:
            self._pinged_at_s = now_s
            self._token = (self._token + 1) & 0xFFFFFFFF
            self._write(bridge.Ping(self._token))

    def _read(self) -> None:
        """Take what the line holds; returns at the first byte, or after a moment without one."""
        assert self._line is not None
        chunk = self._line.read()
        self._prompt |= _PROMPT in chunk
        self._noise_bytes += len(chunk)
        dropped = self._splitter.dropped_bytes
        for part in self._splitter.feed(chunk):
            try:
                self._events.append(cast(Event, bridge.decode(part)))
                self._heard_at_s = time.monotonic()
            except WireError as error:
                self.counts["noise"] += 1
                self._events.append(Noise(str(error)))
        if dropped == 0 < self._splitter.dropped_bytes:
            self.counts["noise"] += 1
            self._events.append(Noise("no message in 2048 bytes, expected a delimiter"))

    def _write(self, message: tuple[object, ...], prefix: bytes = b"") -> None:
        assert self._line is not None
        self._line.write(prefix + bridge.encode(message))
