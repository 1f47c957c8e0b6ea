"""A serial port as receivers use it: found, locked for this process, and its faults translated.

A port is named by a device path, a pyserial URL (socket://HOST:PORT), a pattern of paths
(/dev/ttyACM*), or `usb:SERIAL`, the serial number that a USB device tells. The latter two, and
/dev/serial/by-id/..., name a device wherever it is plugged in.
"""

import contextlib
import errno
import glob
import os
import stat
from typing import Any
from urllib.parse import urlsplit

import serial
from serial.tools import list_ports

from ground_station.errors import (
    PortBusy,
    PortImpossible,
    PortLost,
    PortMissing,
    PortRefused,
    ReceiverError,
)
from ground_station.receivers.table import Table

USB = "usb:"
_POLL_S = 0.1
_WRITE_TIMEOUT_S = 5.0
_MISSING = (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO)
_BUSY = (errno.EBUSY, errno.EAGAIN)


class SerialLine:
    """An open port; closed by `close`, which may be called twice.

    Args:
        port: one of those that `candidates` returns.
        baud: of a real UART; USB devices mostly take any.

    Raises:
        ReceiverError: it is missing, busy, or no serial port.
    """

    def __init__(self, port: str, baud: int) -> None:
        self.port = port
        self.baud = baud
        self._serial: Any = _open(port, baud)

    def close(self) -> None:
        """Close the port."""
        if self._serial is not None:
            with contextlib.suppress(OSError):  # it is gone already
                self._serial.close()
            self._serial = None

    def read(self, timeout_s: float = _POLL_S) -> bytes:
        """Return what the line holds: at the first byte, without one after `timeout_s`.

        Raises:
            PortLost: it went away.
        """
        handle = self._handle()
        try:
            if handle.timeout != timeout_s:
                handle.timeout = timeout_s
            chunk: bytes = handle.read(1)
            if chunk and (more := handle.in_waiting):
                chunk += handle.read(more)
        except (OSError, TypeError) as error:  # TypeError: pyserial reads a port that was closed
            raise PortLost(self.port, _reason(error)) from error
        return chunk

    def write(self, data: bytes) -> None:
        """Send bytes.

        Raises:
            PortLost: it went away, or takes nothing any more.
        """
        try:
            self._handle().write(data)
        except OSError as error:
            raise PortLost(self.port, _reason(error)) from error

    def _handle(self) -> Any:
        if self._serial is None:
            raise PortLost(self.port, "is not open")
        return self._serial


def read_port(table: Table) -> str:
    """Return the port that a table names.

    Raises:
        PortImpossible: there never will be one of that name.
    """
    port = table.text("port", expected="a serial port")
    if port:
        refuse_impossible(port)
    return port


def candidates(port: str) -> list[str]:
    """Return the paths or URLs that a port's name may mean now, at least one.

    Raises:
        PortMissing: nothing there fits.
    """
    if "://" in port:
        return [port]
    if port.startswith(USB):
        wanted = port.removeprefix(USB).lower()
        known = [one for one in list_ports.comports() if one.serial_number]
        found = [one.device for one in known if str(one.serial_number).lower() == wanted]
        there = ", ".join(sorted(f"{USB}{one.serial_number}" for one in known)) or "none"
        missing = f"no USB serial device of this number; there are: {there}"
    elif glob.has_magic(port):
        found = sorted(glob.glob(port))
        missing = "no port fits this pattern"
    else:
        return [port]
    if not found:
        raise PortMissing(port, missing)
    return found


def refuse_impossible(port: str) -> None:
    """Refuse what can never be a port; one that is missing or busy may yet come.

    Raises:
        PortImpossible: a URL that pyserial cannot read, or a file that is no serial device.
    """
    if "://" in port:
        return _refuse_impossible_url(port)
    if port == USB:
        raise PortImpossible(port, "no serial number behind it")
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


def _open(port: str, baud: int) -> Any:  # pyserial's handlers share no typed base
    try:
        handle = serial.serial_for_url(
            port,
            baud,
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
