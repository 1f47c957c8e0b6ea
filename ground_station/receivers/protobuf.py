"""The little of Protocol Buffers that gateways' messages need: fields in, fields out, no schema.

    message   field *        field   key varint (number << 3 | wire type), then by wire type:
    0 varint   1 eight bytes   2 length varint, so many bytes   5 four bytes

Source: protobuf.dev, Encoding.
"""

import struct
from typing import NamedTuple

from ground_station.errors import Malformed

VARINT = 0
FIXED64 = 1
BYTES = 2
FIXED32 = 5
_MAX_NUMBER = (1 << 29) - 1

Fields = dict[int, list[int | bytes]]


class Key(NamedTuple):
    """What stands before a field."""

    number: int
    wire_type: int


def decode(data: bytes) -> Fields:
    """Return the values of a message by field number: integers, and bytes of any length.

    Raises:
        Malformed: it is no message.
    """
    fields: Fields = {}
    pos = 0
    while pos < len(data):
        tag, pos = _read_varint(data, pos)
        key = Key(tag >> 3, tag & 7)
        if not 1 <= key.number <= _MAX_NUMBER:
            raise Malformed("protobuf field number", key.number, f"1 to {_MAX_NUMBER}")
        value: int | bytes
        if key.wire_type == VARINT:
            value, pos = _read_varint(data, pos)
        elif key.wire_type == BYTES:
            length, pos = _read_varint(data, pos)
            value, pos = _read_bytes(data, pos, length)
        elif key.wire_type in (FIXED32, FIXED64):
            value, pos = _read_bytes(data, pos, 4 if key.wire_type == FIXED32 else 8)
        else:
            raise Malformed("protobuf wire type", key.wire_type, "0, 1, 2 or 5")
        fields.setdefault(key.number, []).append(value)
    return fields


def message(fields: Fields, number: int) -> Fields:
    """Return a message within a message, empty where it is missing.

    Raises:
        Malformed: it is none.
    """
    return decode(octets(fields, number))


def octets(fields: Fields, number: int) -> bytes:
    """Return bytes of a message, empty where they are missing.

    Raises:
        Malformed: it is a number.
    """
    value = fields.get(number, [b""])[-1]
    if not isinstance(value, bytes):
        raise Malformed(f"protobuf field {number}", value, "bytes")
    return value


def unsigned(fields: Fields, number: int) -> int:
    """Return an unsigned integer of a message, 0 where it is missing.

    Raises:
        Malformed: it is something else.
    """
    value = fields.get(number, [0])[-1]
    if not isinstance(value, int):
        raise Malformed(f"protobuf field {number}", value, "an integer")
    return value


def signed(fields: Fields, number: int) -> int:
    """Return an int32 or int64 of a message, 0 where it is missing."""
    value = unsigned(fields, number)
    return value - (1 << 64) if value >> 63 else value


def single(fields: Fields, number: int) -> float:
    """Return a float of a message, 0 where it is missing.

    Raises:
        Malformed: it has not four bytes.
    """
    value = octets(fields, number)
    if len(value) not in (0, 4):
        raise Malformed(f"protobuf field {number}", value, "four bytes")
    return float(struct.unpack("<f", value)[0]) if value else 0.0


def encode(number: int, value: int | bytes | str) -> bytes:
    """Return one field; nothing for 0, as is the rule."""
    if isinstance(value, int):
        return _varint(number << 3 | VARINT) + _varint(value) if value else b""
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | BYTES) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative ones take ten bytes
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, pos: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if pos >= len(data):
            raise Malformed("protobuf length", len(data), f"more than {pos}")
        byte = data[pos]
        pos += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, pos
    raise Malformed("protobuf varint", "over ten bytes", "at most ten")


def _read_bytes(data: bytes, pos: int, length: int) -> tuple[bytes, int]:
    if length > len(data) - pos:
        raise Malformed("protobuf length", len(data), f"at least {pos + length}")
    return data[pos : pos + length], pos + length
