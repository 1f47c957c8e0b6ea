"""Numbers as runs of bits, the most significant first: what DATA payloads are made of.

    u(n)     n bits: 0 .. 2^n - 1
    g(k)     exponential Golomb code of order k of v >= 0: v + 2^k, which has b bits, behind
             b - 1 - k zeros. v < 2^k takes k + 1 bits, and every doubling from there 2 more
    s(k)     g(k) of a signed number: 0, -1, 1, -2, 2 ... become 0, 1, 2, 3, 4 ...

A payload ends with fewer than 8 zero bits that fill its last byte.

Source: Teuhola 1978, Information Processing Letters 7(6), doi:10.1016/0020-0190(78)90024-8.
"""

from ._const import const
from .errors import BadValue, Truncated

_MOST_ZEROS = const(35)  # so that a code is a number below 2^36 + 2^k


def signed(n: int) -> int:
    """Return the natural number that stands for `n`: 0, -1, 1, -2 become 0, 1, 2, 3."""
    return 2 * n if n >= 0 else -2 * n - 1


def golomb_bits(n: int, k: int) -> int:
    """Return how many bits g(k) of `n` takes."""
    n += 1 << k
    b = k + 1
    while n >> b:
        b += 1
    return 2 * b - k - 1


def order_for(values: list[int]) -> int:
    """Return the order, at most 15, with which g() of all `values` takes about the fewest bits.

    Half the values then lie below 2^k: one order more would cost these a bit each, and save the
    others one.
    """
    ordered = sorted(values)
    middle = ordered[len(ordered) // 2]
    k = 0
    while middle >> k:
        k += 1
    if k:
        saved = 0
        for n in ordered:
            u = n >> k - 1
            if u == 1 or u > 2:
                saved += 1
        if 2 * saved <= len(ordered):
            k -= 1
    return min(k, 15)


class Writer:
    """Bits in the making.

    Attributes:
        bits: how many there are.
    """

    def __init__(self) -> None:
        self.bits = 0
        self._data = bytearray()
        self._rest = 0  # the last bits, fewer than 8

    def u(self, value: int, n: int) -> None:
        """Append `value`, which must fit, in `n` bits."""
        pending = (self.bits & 7) + n
        self.bits += n
        rest = self._rest << n | value
        while pending >= 8:
            pending -= 8
            self._data.append(rest >> pending & 0xFF)
        self._rest = rest & (1 << pending) - 1

    def g(self, value: int, k: int) -> None:
        """Append `value`, 0 or more, in exponential Golomb code of order k."""
        value += 1 << k
        b = k + 1
        while value >> b:
            b += 1
        self.u(value, 2 * b - k - 1)

    def s(self, value: int, k: int) -> None:
        """Append `value`, of either sign, in exponential Golomb code of order k."""
        self.g(2 * value if value >= 0 else -2 * value - 1, k)

    def extend(self, other: "Writer") -> None:
        """Append all bits of another."""
        for byte in other._data:
            self.u(byte, 8)
        self.u(other._rest, other.bits & 7)

    def cut(self, bits: int) -> None:
        """Take back all but the first `bits`."""
        self.u(0, -self.bits & 7)
        whole, over = bits >> 3, bits & 7
        self._rest = self._data[whole] >> 8 - over if over else 0
        self._data = self._data[:whole]
        self.bits = bits

    def to_bytes(self) -> bytes:
        """Return the bits, filled up with zeros."""
        over = self.bits & 7
        last = bytes((self._rest << 8 - over,)) if over else b""
        return bytes(self._data) + last


class Reader:
    """Takes numbers off the bits of a payload.

    As text: finding, cutting and converting are then fast on every interpreter.
    """

    def __init__(self, data: bytes) -> None:
        self._text = bin(int.from_bytes(b"\x01" + data, "big"))[3:]
        self._at = 0

    def left(self) -> int:
        """Return how many bits are left."""
        return len(self._text) - self._at

    def u(self, n: int) -> int:
        """Take a number of `n` bits, at least 1.

        Raises:
            Truncated: fewer are left.
        """
        start = self._at
        self._at = end = start + n
        if end > len(self._text):
            raise Truncated("payload length", len(self._text) // 8, "more bytes")
        return int(self._text[start:end], 2)

    def g(self, k: int) -> int:
        """Take a number in exponential Golomb code of order k.

        Raises:
            Truncated: the bits end before.
            BadValue: a number beyond all this format has.
        """
        one = self._text.find("1", self._at)
        if one < 0:
            raise Truncated("payload length", len(self._text) // 8, "more bytes")
        zeros = one - self._at
        if zeros > _MOST_ZEROS:
            raise BadValue("zeros before a number", zeros, "at most %d" % _MOST_ZEROS)
        self._at = one
        return self.u(zeros + 1 + k) - (1 << k)

    def s(self, k: int) -> int:
        """Take a number of either sign; raises as `g` does."""
        n = self.g(k)
        return (n >> 1) ^ -(n & 1)

    def end(self) -> None:
        """Require that nothing but filling is left.

        Raises:
            BadValue: something is.
        """
        rest = self._text[self._at :]
        if len(rest) > 7 or "1" in rest:
            raise BadValue("end of the payload", rest, "fewer than 8 zero bits")
