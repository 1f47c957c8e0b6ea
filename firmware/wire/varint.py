"""Variable-length integers: small numbers take one byte.

    unsigned  7 bits a byte, least significant first, bit 7 set on all but the last (LEB128)
    signed    zigzag first: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ...

At most 5 bytes: unsigned 0 .. 2^35 - 1, signed -2^34 .. 2^34 - 1, enough for the second
difference of two 32-bit times. Only the shortest form is accepted, so that a number has one
spelling.

Source: DWARF 5, section 7.6 (LEB128).
"""

from ._const import const
from .errors import BadValue, Truncated, check_range

_LONGEST = const(5)
_MAX_UNSIGNED = (1 << 35) - 1
_MIN_SIGNED = -(1 << 34)
_MAX_SIGNED = (1 << 34) - 1


def append_unsigned(buf: bytearray, n: int) -> None:
    """Append `n`, 0 .. 2^35 - 1, to `buf`.

    Raises:
        BadValue: out of range.
    """
    check_range("varint", n, 0, _MAX_UNSIGNED)
    while n > 0x7F:
        buf.append(n & 0x7F | 0x80)
        n >>= 7
    buf.append(n)


def append_signed(buf: bytearray, n: int) -> None:
    """Append `n`, -2^34 .. 2^34 - 1, to `buf`.

    Raises:
        BadValue: out of range.
    """
    check_range("signed varint", n, _MIN_SIGNED, _MAX_SIGNED)
    append_unsigned(buf, 2 * n if n >= 0 else -2 * n - 1)


def read_unsigned(data: bytes, pos: int) -> tuple[int, int]:
    """Read the number at `pos`; returns it and the position behind it.

    Raises:
        Truncated: the bytes end inside the number.
        BadValue: longer than 5 bytes, or not in its shortest form.
    """
    n = 0
    for i in range(_LONGEST):
        if pos + i >= len(data):
            raise Truncated("varint", len(data), "more bytes")
        byte = data[pos + i]
        n |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            if byte == 0 and i:
                raise BadValue("varint", n, "its shortest form")
            return n, pos + i + 1
    raise BadValue("varint", n, "at most 5 bytes")


def read_signed(data: bytes, pos: int) -> tuple[int, int]:
    """Read the zigzag number at `pos`; returns it and the position behind it.

    Raises:
        Truncated: the bytes end inside the number.
        BadValue: longer than 5 bytes, or not in its shortest form.
    """
    n, pos = read_unsigned(data, pos)
    return (n >> 1) ^ -(n & 1), pos
