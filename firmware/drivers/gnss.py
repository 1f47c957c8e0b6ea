"""u-blox receiver by the UBX protocol: polls the navigation solution until it is good enough.

UBX frame: 0xB5 0x62 | class | id | length u16 | payload | checksum (8-bit Fletcher, 2 bytes).
Source: u-blox M10 interface description (UBX-21035062), sections "UBX frame structure" and
UBX-NAV-PVT (0x01 0x07), UBX-CFG-VALSET (0x06 0x8A), UBX-ACK-ACK (0x05 0x01), CFG-UART1OUTPROT.

A receiver comes up with NMEA sentences on, which fill a line of 9600 baud and the buffer behind
it; they are switched off first, in RAM, which it forgets with its supply.
"""

import struct
from collections import namedtuple

from .._typing import TYPE_CHECKING
from ..civil import unix_from_civil

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..board import Clock, GnssPort

_SYNC = b"\xb5\x62"
_NAV = 0x01
_PVT = 0x07
_PVT_BYTES = 92
_ACK = (0x05, 0x01)
_VALSET = (0x06, 0x8A)
_RAM = 1
_NMEA_OUT = 0x10740002  # CFG-UART1OUTPROT-NMEA, one byte
_LONGEST = 512  # of a payload: anything beyond is noise
_POLL_MS = 1000
_FIX_3D = 3
_YEAR_MOST = 2099

#: lat_e7, lon_e7 [1e-7 degrees], altitude_mm above mean sea level, accuracy_mm (68 %), pdop_e2.
Solution = namedtuple(
    "Solution",
    ("unix_s", "lat_e7", "lon_e7", "altitude_mm", "accuracy_mm", "pdop_e2", "satellites"),
)

#: What a search gave. solution: None when no epoch was good enough. unix_s: UTC at ticks_ms, None
#: when the receiver never knew it. duration_ms: receiver on.
Outcome = namedtuple("Outcome", ("solution", "unix_s", "ticks_ms", "duration_ms"))


def checksum(data: bytes) -> bytes:
    """Return the two checksum bytes over class, id, length and payload."""
    a = b = 0
    for byte in data:
        a = a + byte & 0xFF
        b = b + a & 0xFF
    return bytes((a, b))


def pack(kind: int, number: int, payload: bytes = b"") -> bytes:
    """Return the UBX frame of class `kind` and id `number`."""
    body = struct.pack("<BBH", kind, number, len(payload)) + payload
    return _SYNC + body + checksum(body)


class Reader:
    """Finds UBX frames in a byte stream that may hold anything else as well."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> "list[tuple[int, int, bytes]]":
        """Add bytes; return the (class, id, payload) of every frame they complete."""
        buffer = self._buffer + data
        frames = []
        while True:
            start = buffer.find(_SYNC)
            if start < 0:
                buffer = buffer[-1:] if buffer[-1:] == _SYNC[:1] else b""
                break
            buffer = buffer[start:]
            if len(buffer) < 6:
                break
            kind, number, length = struct.unpack_from("<BBH", buffer, 2)
            if length > _LONGEST:
                buffer = buffer[2:]
                continue
            if len(buffer) < length + 8:
                break
            if checksum(buffer[2 : length + 6]) == buffer[length + 6 : length + 8]:
                frames.append((kind, number, buffer[6 : length + 6]))
                buffer = buffer[length + 8 :]
            else:
                buffer = buffer[2:]
        self._buffer = buffer
        return frames


def decode_pvt(payload: bytes, year_least: int) -> "tuple[int | None, Solution | None]":
    """Return UTC [Unix s] and the solution of a NAV-PVT payload; None for what is not valid.

    A date before `year_least` is a receiver that has the week wrong. The solution is 3D,
    flagged good by the receiver and complete with its time; how accurate it
    is, is for the caller to judge.
    """
    year, month, day, hour, minute, second, valid = struct.unpack_from("<HBBBBBB", payload, 4)
    fix_type, flags = payload[20], payload[21]
    satellites = payload[23]
    lon_e7, lat_e7, _, altitude_mm, accuracy_mm = struct.unpack_from("<iiiiI", payload, 24)
    pdop_e2, flags3 = struct.unpack_from("<HB", payload, 76)
    in_range = year_least <= year <= _YEAR_MOST and 1 <= month <= 12 and 1 <= day <= 31
    if valid & 0x07 != 0x07 or not in_range:  # date, time, fully resolved
        return None, None
    unix_s = unix_from_civil(year, month, day, hour, minute, second)
    if fix_type != _FIX_3D or not flags & 1 or flags3 & 1:
        return unix_s, None
    if abs(lat_e7) > 900000000 or abs(lon_e7) > 1800000000:
        return unix_s, None
    solution = Solution(unix_s, lat_e7, lon_e7, altitude_mm, accuracy_mm, pdop_e2, satellites)
    return unix_s, solution


def search(
    port: "GnssPort",
    clock: "Clock",
    timeout_ms: int,
    accuracy_limit_mm: int,
    pdop_limit_e2: int,
    year_least: int,
    feed: "Callable[[], None]",
) -> Outcome:
    """Switch the receiver on until a solution passes the limits or the time is over, then off.

    Args:
        port: the receiver's rail and serial line.
        clock: the processor sleeps by it between polls.
        timeout_ms: longest search.
        accuracy_limit_mm: largest horizontal accuracy (68 %) accepted.
        pdop_limit_e2: largest position dilution of precision accepted, in hundredths.
        year_least: earliest year believed.
        feed: called once a second, for the watchdog.

    Returns:
        The first solution good enough; its time is also the outcome's time.
    """
    reader = Reader()
    poll = pack(_NAV, _PVT)
    request = pack(*_VALSET, struct.pack("<BBHIB", 0, _RAM, 0, _NMEA_OUT, 0)) + poll
    start_ms = clock.ticks_ms()
    time_s = None
    time_ms = 0
    solution = None
    port.power(True)
    try:
        while solution is None and clock.ticks_ms() - start_ms < timeout_ms:
            port.write(request)
            clock.sleep_ms(_POLL_MS)
            feed()
            for kind, number, payload in reader.feed(port.read()):
                if (kind, number) == _ACK and payload == bytes(_VALSET):
                    request = poll
                if (kind, number) != (_NAV, _PVT) or len(payload) != _PVT_BYTES:
                    continue
                unix_s, candidate = decode_pvt(payload, year_least)
                if unix_s is not None:
                    time_s, time_ms = unix_s, clock.ticks_ms()
                if (
                    candidate is not None
                    and candidate.accuracy_mm <= accuracy_limit_mm
                    and candidate.pdop_e2 <= pdop_limit_e2
                ):
                    solution = candidate
    finally:
        port.power(False)
    return Outcome(solution, time_s, time_ms, clock.ticks_ms() - start_ms)
