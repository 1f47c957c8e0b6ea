"""A frame: what one LoRa packet carries, in either direction.

    offset  size  field
    0       1     0xE0: "proprietary" in LoRaWAN, so that stock gateways pass it on
    1       1     version (high nibble, 2) | kind (low nibble)
    2       2     collar, 1..65535
    4       4     counter: never repeats within one collar, direction and epoch
    8       n     payload, encrypted
    8 + n   t     tag: 4 bytes on the uplink, 8 on the downlink

    kind    uplink: 1 DATA (data.py), 2 HELLO (hello.py); downlink: 3 ACK (ack.py),
            4 CONFIG (config.py), 5 COMMAND (command.py); 6 AID: kept for GNSS aiding, both ways

Little-endian. Sealed by AES-CCM (seal.py): the 8 header bytes are the additional data, the
nonce is collar u32 | direction u8 | epoch u32 | counter u32. The epoch is the number of the
key: a new key starts a new epoch.
"""

import struct
from collections import namedtuple

from . import seal
from .errors import BadValue, BadVersion, Truncated, check_range
from .identity import check_collar

try:
    from collections.abc import Callable
except ImportError:  # MicroPython, which ignores annotations
    pass

VERSION = 2
FIRST_BYTE = 0xE0
UPLINK = 0
DOWNLINK = 1
DATA = 1
HELLO = 2
ACK = 3
CONFIG = 4
COMMAND = 5
AID = 6
HEADER_BYTES = 8
TAG_BYTES = (4, 8)  # by direction
OVERHEAD_UPLINK = 12
OVERHEAD_DOWNLINK = 16
MAX_BYTES = 255  # of the modem's packet

_HEADER = "<BBHI"

# version, kind, collar 1..65535, counter u32
Header = namedtuple("Header", ("version", "kind", "collar", "counter"))


def pack_header(header: Header) -> bytes:
    """Return the 8 bytes of `header`.

    Raises:
        BadVersion: not VERSION.
        BadValue: a field out of range.
    """
    if header.version != VERSION:
        raise BadVersion("version", header.version, VERSION)
    check_range("kind", header.kind, DATA, AID)
    check_collar(header.collar)
    check_range("counter", header.counter, 0, 0xFFFFFFFF)
    return struct.pack(
        _HEADER, FIRST_BYTE, VERSION << 4 | header.kind, header.collar, header.counter
    )


def parse_header(data: bytes) -> Header:
    """Read the header in clear at the start of a frame; nothing is authentic yet.

    Raises:
        WireError: fewer than 8 bytes, or not a frame of this format and version.
    """
    if len(data) < HEADER_BYTES:
        raise Truncated("frame length", len(data), f"at least {HEADER_BYTES}")
    first, second, collar, counter = struct.unpack(_HEADER, data[:HEADER_BYTES])
    if first != FIRST_BYTE:
        raise BadValue("first byte", first, FIRST_BYTE)
    if second >> 4 != VERSION:
        raise BadVersion("version", second >> 4, VERSION)
    check_range("kind", second & 0x0F, DATA, AID)
    check_collar(collar)
    return Header(VERSION, second & 0x0F, collar, counter)


def nonce(direction: int, epoch: int, header: Header) -> bytes:
    """Return the 13-byte nonce of a frame.

    Raises:
        BadValue: direction or epoch out of range.
    """
    check_range("direction", direction, UPLINK, DOWNLINK)
    check_range("epoch", epoch, 0, 0xFFFFFFFF)
    return struct.pack("<IBII", header.collar, direction, epoch, header.counter)


def seal_frame(
    encrypt: "Callable[[bytes], bytes]",
    direction: int,
    epoch: int,
    header: Header,
    payload: bytes,
) -> bytes:
    """Return the frame: header, encrypted payload, tag.

    Args:
        encrypt: block encryption under the collar's key (aes.block_cipher).
        direction: UPLINK or DOWNLINK.
        epoch: number of the key, u32.
        header: its counter must never have been used in this direction and epoch.
        payload: at most 243 bytes on the uplink, 239 on the downlink.

    Raises:
        WireError: a field out of range, or the frame longer than a packet.
    """
    head = pack_header(header)
    nonce13 = nonce(direction, epoch, header)
    tag_len = TAG_BYTES[direction]
    room = MAX_BYTES - HEADER_BYTES - tag_len
    if len(payload) > room:
        raise BadValue("payload length", len(payload), f"at most {room}")
    return head + seal.seal(encrypt, nonce13, head, payload, tag_len)


def open_frame(
    encrypt: "Callable[[bytes], bytes]", direction: int, epoch: int, data: bytes
) -> tuple[Header, bytes]:
    """Authenticate and decrypt a frame; returns its header and payload.

    Args:
        encrypt: block encryption under the key of the collar that `parse_header` names.
        direction: the one expected, UPLINK or DOWNLINK.
        epoch: number of that key, u32.
        data: the whole frame.

    Raises:
        BadTag: another key, epoch or direction, or changed on the way.
        WireError: not a frame of this format.
    """
    header = parse_header(data)
    nonce13 = nonce(direction, epoch, header)
    if len(data) > MAX_BYTES:
        raise BadValue("frame length", len(data), f"at most {MAX_BYTES}")
    tag_len = TAG_BYTES[direction]
    if len(data) < HEADER_BYTES + tag_len:
        raise Truncated("frame length", len(data), f"at least {HEADER_BYTES + tag_len}")
    head = bytes(data[:HEADER_BYTES])
    return header, seal.open(encrypt, nonce13, head, bytes(data[HEADER_BYTES:]), tag_len)
