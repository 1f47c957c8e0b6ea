"""Messages between a bridge (radio on a serial line) and the ground station.

    on the line   COBS(type u8 | body | crc16 u16) | 0x00        crc over type and body

    type  from     message      body, little-endian
    0x01  bridge   Hello        protocol u8 | bridge u64 | firmware u16 | ticks_us u64 | utc_us i64
    0x02  bridge   Received     reception u32 | ticks_us u64 | utc_us i64 | freq_hz u32 | sf u8 |
                                bw_hz u32 | rssi_dbm i16 | snr_qdb i8 | data, 0..255 bytes
    0x03  bridge   Transmitted  transmission u32 | status u8 | ticks_us u64 | airtime_us u32
    0x04  bridge   Pong         token u32 | ticks_us u64 | utc_us i64 | held u16 | dropped u32
    0x11  station  Configure    region u8 | flags u8
    0x12  station  Transmit     transmission u32 | in_reply_to u32 | at_ticks_us u64 |
                                freq_hz u32 | sf u8 | bw_hz u32 | power_dbm i8 |
                                data, 0..255 bytes
    0x13  station  Release      reception u32
    0x14  station  Ping         token u32
    0x15  station  Listen       freq_hz u32 | sf u8 | bw_hz u32 | antenna_gain_cdbi i16

ticks_us: the bridge's own clock, since its start; of Received: the end of the frame. utc_us:
Unix time, 0 where the bridge knows none. snr_qdb: dB * 4. held: frames not yet released.

Configure is answered by Hello, then by every Received that was not answered yet. A Received is
answered by Transmit with `in_reply_to`, or by Release: stored or not wanted, nothing to send; the
first answer counts, a second one is refused as too late. `in_reply_to` 0 answers nothing.
Listen, before Configure, tells a bridge whose radio hears one channel at a time which one, and
what antenna it has (over the isotropic radiator, in 0.01 dB); others pass it over.
Text between delimiters is noise; a sender that may have written some sends one delimiter first.
"""

import struct
from collections import namedtuple

from . import cobs
from .crc import crc16
from .errors import BadCrc, BadValue, Truncated

PROTOCOL = 1
DELIMITER = b"\x00"
MAX_DATA_BYTES = 255

SENT = 0
TOO_LATE = 1
DUTY_CYCLE_REFUSED = 2
RADIO_ERROR = 3
NOT_SENT = 4  # refused for another reason than time or duty cycle; nothing is on the air

Hello = namedtuple("Hello", ("protocol", "bridge", "firmware", "ticks_us", "utc_us"))
Received = namedtuple(
    "Received",
    (
        "reception",
        "ticks_us",
        "utc_us",
        "freq_hz",
        "sf",
        "bw_hz",
        "rssi_dbm",
        "snr_qdb",
        "data",
    ),
)
Transmitted = namedtuple("Transmitted", ("transmission", "status", "ticks_us", "airtime_us"))
Pong = namedtuple("Pong", ("token", "ticks_us", "utc_us", "held", "dropped"))
Configure = namedtuple("Configure", ("region", "flags"))
Transmit = namedtuple(
    "Transmit",
    (
        "transmission",
        "in_reply_to",
        "at_ticks_us",
        "freq_hz",
        "sf",
        "bw_hz",
        "power_dbm",
        "data",
    ),
)
Release = namedtuple("Release", ("reception",))
Ping = namedtuple("Ping", ("token",))
Listen = namedtuple("Listen", ("freq_hz", "sf", "bw_hz", "antenna_gain_cdbi"))

# type: class, layout of the fields, whether data follows
_MESSAGES = {
    0x01: (Hello, "<BQHQq", False),
    0x02: (Received, "<IQqIBIhb", True),
    0x03: (Transmitted, "<IBQI", False),
    0x04: (Pong, "<IQqHI", False),
    0x11: (Configure, "<BB", False),
    0x12: (Transmit, "<IIQIBIb", True),
    0x13: (Release, "<I", False),
    0x14: (Ping, "<I", False),
    0x15: (Listen, "<IBIh", False),
}
# Limits by letter of the layout: struct does not check them on MicroPython.
_LIMITS = {
    "B": (0, 0xFF),
    "H": (0, 0xFFFF),
    "I": (0, 0xFFFFFFFF),
    "Q": (0, 0xFFFFFFFFFFFFFFFF),
    "b": (-0x80, 0x7F),
    "h": (-0x8000, 0x7FFF),
    "q": (-0x8000000000000000, 0x7FFFFFFFFFFFFFFF),
}


def _number(message: tuple) -> int:  # type: ignore[type-arg]
    for number in _MESSAGES:
        if isinstance(message, _MESSAGES[number][0]):
            return number
    raise BadValue("message", message, "a message of this protocol")


def encode(message: tuple) -> bytes:  # type: ignore[type-arg]
    """Return the bytes of one of the messages above for the line, delimiter included.

    Raises:
        BadValue: not a message of this protocol, or a field out of range.
    """
    number = _number(message)
    _, layout, with_data = _MESSAGES[number]
    fields = tuple(message)
    data = b""
    if with_data:
        data = fields[-1]
        fields = fields[:-1]
        if len(data) > MAX_DATA_BYTES:
            raise BadValue("data length", len(data), f"at most {MAX_DATA_BYTES}")
    for i, value in enumerate(fields):
        low, high = _LIMITS[layout[i + 1]]
        if not isinstance(value, int) or not low <= value <= high:
            raise BadValue("field", value, f"an integer from {low} to {high}")
    body = bytes((number,)) + struct.pack(layout, *fields) + bytes(data)
    return cobs.encode(body + struct.pack("<H", crc16(body))) + DELIMITER


def decode(chunk_without_delimiter: bytes) -> tuple:  # type: ignore[type-arg]
    """Return the message in what stood between two delimiters.

    Raises:
        BadCrc: damaged on the line.
        WireError: noise, or not a message of this protocol.
    """
    raw = cobs.decode(chunk_without_delimiter)
    if len(raw) < 3:
        raise Truncated("message length", len(raw), "at least 3")
    body = raw[:-2]
    (received,) = struct.unpack("<H", raw[-2:])
    expected = crc16(body)
    if received != expected:
        raise BadCrc("CRC", received, expected)
    if body[0] not in _MESSAGES:
        raise BadValue("message type", body[0], "a type of this protocol")
    cls, layout, with_data = _MESSAGES[body[0]]
    end = 1 + struct.calcsize(layout)
    if len(body) < end:
        raise Truncated("message length", len(body), f"at least {end}")
    if len(body) > end + (MAX_DATA_BYTES if with_data else 0):
        raise BadValue("message length", len(body), f"less, for type {body[0]}")
    fields = struct.unpack(layout, body[1:end])
    if with_data:
        fields = fields + (body[end:],)
    message: tuple = cls(*fields)  # type: ignore[type-arg]
    return message


class Splitter:
    """Cuts a serial stream at its delimiters; holds at most MAX_CHUNK_BYTES.

    Attributes:
        dropped_bytes: bytes of over-long noise that were thrown away.
    """

    MAX_CHUNK_BYTES = 2048

    def __init__(self) -> None:
        self.dropped_bytes = 0
        self._pending = bytearray()
        self._dropping = False

    def feed(self, data: bytes) -> list[bytes]:
        """Take what was read from the line; return the chunks it completed, none empty."""
        chunks = []
        parts = bytes(data).split(DELIMITER)
        for i, part in enumerate(parts):
            if self._dropping:
                self.dropped_bytes += len(part)
            elif len(self._pending) + len(part) > self.MAX_CHUNK_BYTES:
                self.dropped_bytes += len(self._pending) + len(part)
                self._pending = bytearray()
                self._dropping = True
            else:
                self._pending.extend(part)
            if i < len(parts) - 1:
                if self._pending:
                    chunks.append(bytes(self._pending))
                    self._pending = bytearray()
                self._dropping = False
        return chunks
