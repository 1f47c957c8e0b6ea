"""Consistent overhead byte stuffing: no zero byte inside, so that zero can end a message.

    encoded   groups of: code u8 (1..255) | code - 1 bytes, none zero
    meaning   the bytes of the group, then one zero unless code is 255 or the group is the last

Costs one byte in 254 and one more. The delimiter is not part of it.

Source: Cheshire and Baker, IEEE/ACM Transactions on Networking 7(2), 1999,
doi:10.1109/90.769765.
"""

from .errors import BadValue, Truncated


def encode(data: bytes) -> bytes:
    """Return `data` without zero bytes, `len(data) + 1 + len(data) // 254` bytes at most."""
    out = bytearray(1)
    code_at = 0
    for byte in data:
        if len(out) - code_at == 0xFF:
            out[code_at] = 0xFF
            code_at = len(out)
            out.append(0)
        if byte:
            out.append(byte)
        else:
            out[code_at] = len(out) - code_at
            code_at = len(out)
            out.append(0)
    out[code_at] = len(out) - code_at
    return bytes(out)


def decode(data: bytes) -> bytes:
    """Return the bytes that `encode` was given.

    Raises:
        Truncated: nothing there, or the last group is not complete.
        BadValue: a zero byte inside.
    """
    if not data:
        raise Truncated("COBS block length", 0, "at least 1")
    out = bytearray()
    pos = 0
    while True:
        code = data[pos]
        end = pos + code
        if end > len(data):
            raise Truncated("COBS block length", len(data), f"at least {end}")
        group = data[pos + 1 : end]
        if code == 0 or 0 in group:
            raise BadValue("byte inside a COBS block", 0, "no zero")
        out.extend(group)
        if end == len(data):
            return bytes(out)
        if code != 0xFF:
            out.append(0)
        pos = end
