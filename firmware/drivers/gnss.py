"""Messages of u-blox receivers: the UBX frame, and what the collar says and hears.

UBX frame: 0xB5 0x62 | class | id | length u16 | payload | checksum (8-bit Fletcher, 2 bytes).
Source: u-blox M10 interface description (UBX-21035062), sections "UBX frame structure" and
UBX-NAV-PVT, UBX-NAV-SAT, UBX-NAV-ORB, UBX-CFG-VALSET, UBX-ACK-ACK, CFG-UART1OUTPROT, CFG-UART1,
UBX-MGA-INI-TIME_UTC, UBX-MGA-INI-POS_LLH, UBX-MGA-DBD, UBX-MGA-ACK.

A receiver comes up with NMEA sentences on, which fill a line of 9600 baud and the buffer behind
it; they are switched off first, in RAM, which it forgets with its supply.
"""

import struct
from collections import namedtuple

from ..civil import civil_from_unix, unix_from_civil

PVT = (0x01, 0x07)
ORB = (0x01, 0x34)
SAT = (0x01, 0x35)
ACK = (0x05, 0x01)
VALSET = (0x06, 0x8A)
MGA_INI = (0x13, 0x40)
MGA_ACK = (0x13, 0x60)
DBD = (0x13, 0x80)
PVT_BYTES = 92
FIX_3D = 3

_SYNC = b"\xb5\x62"
_RAM = 1
_NMEA_OUT = 0x10740002  # CFG-UART1OUTPROT-NMEA, one byte
_BAUDRATE = 0x40520001  # CFG-UART1-BAUDRATE, four
_LONGEST = 1024  # of a payload, 84 satellites: anything beyond is noise
_YEAR_MOST = 2099
_TIME_UTC, _POS_LLH = 0x10, 0x01
_HEARD, _QUARTER_MIN = 1, 15  # an orbit's source; the unit in which it holds
_PLACE_ACCURACY_CM = 3000000  # the animal has gone since

#: lat_e7, lon_e7 [1e-7 degrees], altitude_mm above mean sea level, accuracy_mm (68 %), pdop_e2.
Solution = namedtuple(
    "Solution",
    ("unix_s", "lat_e7", "lon_e7", "altitude_mm", "accuracy_mm", "pdop_e2", "satellites"),
)


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

    def drop(self) -> None:
        """Forget a frame that has begun: bytes of it were lost."""
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
    if fix_type != FIX_3D or not flags & 1 or flags3 & 1:
        return unix_s, None
    if abs(lat_e7) > 900000000 or abs(lon_e7) > 1800000000:
        return unix_s, None
    solution = Solution(unix_s, lat_e7, lon_e7, altitude_mm, accuracy_mm, pdop_e2, satellites)
    return unix_s, solution


#: Switches the sentences off.
QUIET = pack(*VALSET, struct.pack("<BBHIB", 0, _RAM, 0, _NMEA_OUT, 0))


def pack_baud(baud: int) -> bytes:
    """Return the message that sets the rate of the receiver's line, in RAM."""
    return pack(*VALSET, struct.pack("<BBHII", 0, _RAM, 0, _BAUDRATE, baud))


def pack_time(unix_s: int, accuracy_s: int) -> bytes:
    """Return UBX-MGA-INI-TIME_UTC: the time on arrival, and how far it may be off."""
    year, month, day, _, hour, minute, second = civil_from_unix(unix_s)
    body = struct.pack(
        "<BBBbHBBBBBB", _TIME_UTC, 0, 0, -128, year, month, day, hour, minute, second, 0
    )
    return pack(*MGA_INI, body + struct.pack("<IHHI", 0, min(accuracy_s, 0xFFFF), 0, 0))


def pack_position(lat_e5: int, lon_e5: int) -> bytes:
    """Return UBX-MGA-INI-POS_LLH: where the receiver was; 30 km accurate, height unknown."""
    body = struct.pack("<BBH", _POS_LLH, 0, 0)
    body += struct.pack("<iiiI", lat_e5 * 100, lon_e5 * 100, 0, _PLACE_ACCURACY_CM)
    return pack(*MGA_INI, body)


def signals(payload: bytes) -> "list[int]":
    """Return the signal of every satellite of a NAV-SAT payload [dB-Hz]."""
    return [payload[at + 2] for at in range(8, len(payload) - 11, 12)]


def count_fresh(payload: bytes, minutes: int) -> int:
    """Return how many orbits of a NAV-ORB payload the receiver has heard and can use so long."""
    count = 0
    for at in range(8, len(payload) - 5, 6):
        source, holds = payload[at + 3] >> 5, payload[at + 3] & 31
        count += source == _HEARD and minutes // _QUARTER_MIN < holds < 31  # 31: unknown
    return count
