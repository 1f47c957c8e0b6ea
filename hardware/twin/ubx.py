"""UBX frames at the receiver's end of the line: cut out of a byte stream, and built.

Independent of the collar's driver on purpose: a shared codec could not find the driver's mistakes.
Source: u-blox M10 SPG 5.10 interface description, UBX-21035062, sections 3.2 (frame), 3.10.26
(CFG-VALSET), 3.13 (MGA), 3.15.13 (NAV-PVT), 3.15.16 (NAV-SAT).
"""

import struct
from datetime import UTC, datetime
from itertools import accumulate

SYNC = b"\xb5\x62"
NAV_PVT = (0x01, 0x07)
ACK_NAK = (0x05, 0x00)
ACK_ACK = (0x05, 0x01)
NAV_ORB = (0x01, 0x34)
NAV_SAT = (0x01, 0x35)
MGA_GPS = (0x13, 0x00)
MGA_INI = (0x13, 0x40)
MGA_ACK = (0x13, 0x60)
MGA_DBD = (0x13, 0x80)
MGA = 0x13
CFG_RST = (0x06, 0x04)
CFG_VALSET = (0x06, 0x8A)
CFG = 0x06
_MAX_PAYLOAD = 1024
_VALUE_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}  # by bits 28..30 of a configuration key


def checksum(body: bytes) -> bytes:
    """The two bytes of the 8-bit Fletcher sum over class, id, length and payload."""
    return bytes((sum(body) & 0xFF, sum(accumulate(body)) & 0xFF))


def frame(kind: tuple[int, int], payload: bytes = b"") -> bytes:
    """One complete UBX frame."""
    body = struct.pack("<BBH", *kind, len(payload)) + payload
    return SYNC + body + checksum(body)


class UbxParser:
    """Cuts valid frames out of whatever arrives; everything else is dropped without a word."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[tuple[tuple[int, int], bytes]]:
        """Return the frames completed by `data` as ((class, id), payload)."""
        buffer = self._buffer + data
        frames = []
        while True:
            start = buffer.find(SYNC)
            if start < 0:
                buffer = buffer[-1:] if buffer.endswith(SYNC[:1]) else b""
                break
            buffer = buffer[start:]
            if len(buffer) < 6:
                break
            length = struct.unpack_from("<H", buffer, 4)[0]
            if length > _MAX_PAYLOAD:
                buffer = buffer[2:]
                continue
            end = 6 + length
            if len(buffer) < end + 2:
                break
            if checksum(buffer[2:end]) == buffer[end : end + 2]:
                frames.append(((buffer[2], buffer[3]), buffer[6:end]))
                buffer = buffer[end + 2 :]
            else:
                buffer = buffer[2:]
        self._buffer = buffer
        return frames


def parse_valset(payload: bytes) -> dict[int, int] | None:
    """Keys and values of a CFG-VALSET, or None when it is malformed."""
    if len(payload) < 4 or payload[0] > 1:
        return None
    values = {}
    position = 4
    while position < len(payload):
        if position + 4 > len(payload):
            return None
        key = struct.unpack_from("<I", payload, position)[0]
        size = _VALUE_SIZE.get(key >> 28 & 7)
        position += 4
        if size is None or position + size > len(payload):
            return None
        values[key] = int.from_bytes(payload[position : position + size], "little")
        position += size
    return values


def nav_sat(itow_ms: int, heard: int, cno: int) -> bytes:
    """A NAV-SAT frame: satellites heard, all at `cno` [dB-Hz] and of good quality."""
    payload = struct.pack("<IBBH", itow_ms, 1, heard, 0)
    for number in range(heard):
        payload += struct.pack("<BBBbhhI", 0, number + 1, cno, 30, 40 * number % 360, 0, 4)
    return frame(NAV_SAT, payload)


def nav_orb(itow_ms: int, holds: dict[int, int]) -> bytes:
    """A NAV-ORB frame: GPS satellites by number, and how many quarters of an hour each holds."""
    payload = struct.pack("<IBBH", itow_ms, 1, len(holds), 0)
    for satellite, quarters in sorted(holds.items()):
        payload += struct.pack("<BBBBBB", 0, satellite, 0x0D, 1 << 5 | min(quarters, 30), 0, 0)
    return frame(NAV_ORB, payload)


def mga_ack(kind: tuple[int, int], accepted: bool, start: bytes) -> bytes:
    """An MGA-ACK-DATA0 frame for a message whose payload begins with `start`."""
    head = struct.pack("<BBBB", 1 if accepted else 0, 0, 0 if accepted else 4, kind[1])
    return frame(MGA_ACK, head + (start + bytes(4))[:4])


def nav_pvt(
    utc_s: int,
    nano: int,
    time_valid: bool,
    fixed: bool,
    satellites: int,
    place: tuple[float, float, float],
    h_acc_mm: int,
    v_acc_mm: int,
    pdop: float,
) -> bytes:
    """A complete NAV-PVT frame (92-byte payload) of the epoch `utc_s`.

    `place` is latitude [deg], longitude [deg], height above mean sea level [m]; zeros without a
    fix.
    """
    when = datetime.fromtimestamp(utc_s, UTC)
    gps_s = utc_s - 315_964_800 + 18  # GPS time runs 18 s ahead of UTC (since 2017)
    undulation_mm = 50_000  # ellipsoid minus geoid in the Alps, about 50 m
    valid = 0x07 if time_valid else 0
    unknown = 0xFFFFFFFF
    height_mm = round(place[2] * 1000) if fixed else 0
    payload = struct.pack(
        "<IHBBBBBBIiBBBBiiiiIIiiiiiIIHHIihH",
        gps_s % 604_800 * 1000,
        when.year,
        when.month,
        when.day,
        when.hour,
        when.minute,
        when.second,
        valid,
        50 if time_valid else unknown,
        nano if time_valid else 0,
        3 if fixed else 0,
        1 if fixed else 0,
        0xE0 if time_valid else 0,  # confirmed date and time
        satellites,
        round(place[1] * 1e7) if fixed else 0,
        round(place[0] * 1e7) if fixed else 0,
        height_mm + undulation_mm if fixed else 0,
        height_mm,
        h_acc_mm if fixed else unknown,
        v_acc_mm if fixed else unknown,
        *(0, 0, 0, 0, 0),  # velocities, ground speed, heading
        300 if fixed else 20_000,
        18_000_000,
        round(pdop * 100) if fixed else 9999,
        0,
        0,
        *(0, 0, 0),
    )
    return frame(NAV_PVT, payload)
