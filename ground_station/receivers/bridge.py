"""A radio bridge on a serial line, found by a path or a pyserial URL.

/dev/serial/by-id/... names the bridge itself, wherever it is plugged in; socket://host:port
reaches one behind a network. Opening configures it; a bridge that stays silent is an error.
"""

import contextlib
import errno
import os
import stat
import time
from collections import deque
from typing import Any, cast
from urllib.parse import urlsplit

import serial

from firmware.wire import bridge, region
from firmware.wire.errors import WireError
from ground_station.errors import (
    BridgeSilent,
    PortBusy,
    PortImpossible,
    PortLost,
    PortMissing,
    PortRefused,
    ReceiverError,
)
from ground_station.receiver import Event, Noise, Receiver

_BAUD = 115_200
_POLL_S = 0.1
_WRITE_TIMEOUT_S = 5.0
_HELLO_TRIES = 3
_HELLO_WAIT_S = 1.0
_PING_S = 15.0
_SILENT_S = 40.0

_MISSING = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO)
_BUSY = (errno.EBUSY, errno.EAGAIN)


class BridgeReceiver(Receiver):
    """The serial line to one bridge, locked for this process."""

    def __init__(self, port: str) -> None:
        super().__init__(port)
        self._serial: Any = None
        self._splitter = bridge.Splitter()
        self._events: deque[Event] = deque()
        self._pinged_at_s = 0.0
        self._heard_at_s = 0.0
        self._token = 0
        self._ticks_us = 0
        self._idle = False  # no frame came since the last Pong

    def open(self) -> None:
        """Open the port and configure the bridge; it then sends again what was not answered."""
        self._serial = _open_port(self.port)
        self._splitter = bridge.Splitter()
        self._events.clear()
        self._ticks_us = 0
        self._idle = False
        try:
            hello = self._greet()
        except BaseException:
            self.close()
            raise
        self._events.appendleft(hello)
        self._pinged_at_s = self._heard_at_s = time.monotonic()

    def close(self) -> None:
        """Close the port."""
        if self._serial is not None:
            try:
                self._serial.close()
            except OSError:  # it is gone already
                pass
            self._serial = None

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

    def transmit(self, message: bridge.Transmit) -> None:
        """Hand a frame to the bridge."""
        self._write(message)

    def release(self, reception: int) -> None:
        """Tell the bridge that a reception needs no answer."""
        self._write(bridge.Release(reception))

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
        raise BridgeSilent(self.port, "nothing there answers as a bridge does")

    def _check(self, hello: bridge.Hello) -> bridge.Hello:
        if hello.protocol != bridge.PROTOCOL:
            raise BridgeSilent(
                self.port,
                f"the bridge speaks protocol {hello.protocol}, expected {bridge.PROTOCOL}",
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
        self._write(bridge.Configure(region.EU868, 0), prefix=bridge.DELIMITER)

    def _keep_alive(self, now_s: float) -> None:
        if now_s - self._heard_at_s > _SILENT_S:
            raise BridgeSilent(self.port, f"no answer for {_SILENT_S:.0f} s")
        if now_s - self._pinged_at_s > _PING_S:
            self._pinged_at_s = now_s
            self._token = (self._token + 1) & 0xFFFFFFFF
            self._write(bridge.Ping(self._token))

    def _read(self) -> None:
        """Take what the line holds; returns at the first byte, without one after _POLL_S."""
        assert self._serial is not None
        try:
            chunk = self._serial.read(1)
            if chunk and (more := self._serial.in_waiting):
                chunk += self._serial.read(more)
        except (OSError, TypeError) as error:  # TypeError: pyserial reads a port that was closed
            raise PortLost(self.port, _reason(error)) from error
        dropped = self._splitter.dropped_bytes
        for part in self._splitter.feed(chunk):
            self._heard_at_s = time.monotonic()
            try:
                self._events.append(cast(Event, bridge.decode(part)))
            except WireError as error:
                self._events.append(Noise(str(error)))
        if dropped == 0 < self._splitter.dropped_bytes:
            self._events.append(Noise("no message in 2048 bytes, expected a delimiter"))

    def _write(self, message: tuple[object, ...], prefix: bytes = b"") -> None:
        assert self._serial is not None
        try:
            self._serial.write(prefix + bridge.encode(message))
        except OSError as error:
            raise PortLost(self.port, _reason(error)) from error


def refuse_impossible(port: str) -> None:
    """Refuse what can never be a port; one that is missing or busy may yet come.

    Raises:
        PortImpossible: a URL that pyserial cannot read, or a file that is no serial device.
    """
    if "://" in port:
        return _refuse_impossible_url(port)
    try:
        found = os.stat(port)
        if stat.S_ISCHR(found.st_mode):
            device = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
            kind = os.path.basename(os.readlink(f"/sys/dev/char/{device}/subsystem"))
            if kind != "tty":
                raise PortImpossible(port, f"a device of the kind {kind!r}")
            return
    except OSError:  # not there yet, or a pseudo-terminal, which the system does not list
        return
    kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a file that is no device"
    raise PortImpossible(port, kind)


def _refuse_impossible_url(port: str) -> None:
    try:
        parts = urlsplit(port)
        if parts.scheme in ("socket", "rfc2217") and not (parts.hostname and parts.port):
            raise PortImpossible(port, "a URL without a host and a port number")
        with contextlib.suppress(OSError):  # no such device is plugged in, for now
            serial.serial_for_url(port, do_not_open=True)
    except ValueError as error:
        raise PortImpossible(port, str(error)) from error


def _open_port(port: str) -> Any:  # pyserial's handlers share no typed base
    try:
        handle = serial.serial_for_url(
            port,
            _BAUD,
            timeout=_POLL_S,
            write_timeout=_WRITE_TIMEOUT_S,
            exclusive=True,
            do_not_open=True,
        )
        handle.dtr = handle.rts = False  # boards that take these lines for a reset button
        handle.open()
    except ValueError as error:
        raise PortRefused(port, f"{error}, expected a device path or a pyserial URL") from error
    except OSError as error:
        raise _translate(port, error) from error
    return handle


def _translate(port: str, error: OSError) -> ReceiverError:
    reason = _reason(error)
    if error.errno in _BUSY:
        return PortBusy(port, "is used by another program, expected it to be free")
    if error.errno in _MISSING or "://" in port:
        return PortMissing(port, reason)
    if error.errno in (errno.EACCES, errno.EPERM):
        return PortRefused(port, f"{reason}; this user may not open it (group dialout?)")
    return PortRefused(port, f"{reason}; expected a serial port")


def _reason(error: BaseException) -> str:
    """Return what the operating system said, without pyserial's wrapping."""
    cause = error.__context__ if isinstance(error.__context__, OSError) else error
    return (cause.strerror if isinstance(cause, OSError) else None) or str(error)
