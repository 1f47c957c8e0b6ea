"""HELLO payload: what a collar has in its log, which settings it runs on, what became of an order.

    generation        unsigned varint, 0 .. 2^31 - 1: of the log
    firmware          u16: version of the program
    time_s            u32, Unix time, UTC; 0: the collar does not know it
    settings          u32: sequence of the configuration in force, 0 none
    order             u32: sequence of the last order taken, 0 none
    order_result      u8: what became of it, RESULT_* below
    oldest            unsigned varint: oldest record in the ring, from 1
    count             unsigned varint: records in the ring from there on, 0 none
    gaps              unsigned varint: how many ranges follow
    ranges            records no station has acknowledged, coded as in an acknowledgement (ack.py);
                      the oldest first; what has no room is left off the end

A station sees here what it has missed, also before it came, and may ask for it (command.py).
"""

import struct
from collections import namedtuple

from . import ack, varint
from .errors import Truncated, check_range
from .identity import MAX_RECORD, check_generation, check_record

Hello = namedtuple(
    "Hello",
    (
        "generation",
        "firmware",
        "time_s",
        "settings",
        "order",
        "order_result",
        "oldest",
        "newest",
        "waiting",
    ),
)

RESULT_NONE = 0  # no order was ever taken
RESULT_DONE = 1
RESULT_CUT = 2  # the power failed while it was carried out
RESULT_EXPIRED = 3
RESULT_UNKNOWN = 4  # this firmware has no such command or setting
RESULT_BAD_VALUE = 5  # outside the limits of the setting or command; nothing was changed
RESULT_NOT_ARMED = 6  # drop-off: not armed, armed too long ago or with another argument
RESULT_NO_PART = 7  # the collar has nothing that could do it
RESULT_UNDONE = 8  # settings: wakes broke or no station answered under them; those before are back

_FIXED = "<HIIIB"
_FIXED_BYTES = 15


def encode(hello: Hello, limit: int) -> bytes:
    """Pack `hello` into at most `limit` bytes; ranges that do not fit are left off the end.

    Raises:
        BadValue: a field out of range, or a limit without room for the other fields.
    """
    check_generation(hello.generation)
    check_range("firmware", hello.firmware, 0, 0xFFFF)
    check_range("time_s", hello.time_s, 0, 0xFFFFFFFF)
    check_range("settings", hello.settings, 0, 0xFFFFFFFF)
    check_range("order", hello.order, 0, 0xFFFFFFFF)
    check_range("order_result", hello.order_result, 0, 0xFF)
    check_record(hello.oldest)
    check_range("newest", hello.newest, hello.oldest - 1, MAX_RECORD)
    out = bytearray()
    varint.append_unsigned(out, hello.generation)
    out.extend(struct.pack(_FIXED, *hello[1:6]))
    varint.append_unsigned(out, hello.oldest)
    varint.append_unsigned(out, hello.newest - hello.oldest + 1)
    return bytes(out) + ack.encode_ranges(hello.waiting, limit - len(out))


def decode(payload: bytes) -> Hello:
    """Return the inventory in a HELLO payload.

    Raises:
        WireError: the bytes are no such payload, whole or in part.
    """
    generation, pos = varint.read_unsigned(payload, 0)
    check_generation(generation)
    if len(payload) < pos + _FIXED_BYTES:
        raise Truncated("HELLO payload", len(payload), f"at least {pos + _FIXED_BYTES} bytes")
    fixed = struct.unpack(_FIXED, payload[pos : pos + _FIXED_BYTES])
    oldest, pos = varint.read_unsigned(payload, pos + _FIXED_BYTES)
    check_record(oldest)
    count, pos = varint.read_unsigned(payload, pos)
    check_range("newest", oldest + count - 1, oldest - 1, MAX_RECORD)
    waiting = ack.decode_ranges(payload, pos)
    firmware, time_s, settings, order, result = fixed
    newest = oldest + count - 1
    return Hello(generation, firmware, time_s, settings, order, result, oldest, newest, waiting)
