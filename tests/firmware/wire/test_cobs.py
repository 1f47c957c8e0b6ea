from firmware.wire import cobs
from firmware.wire.errors import BadValue, Truncated

from .raising import raised

# Figure 3 of Cheshire and Baker 1999 and the usual small cases: plain, encoded.
VECTORS = (
    (b"", b"\x01"),
    (b"\x00", b"\x01\x01"),
    (b"\x00\x00", b"\x01\x01\x01"),
    (b"\x11\x22\x00\x33", b"\x03\x11\x22\x02\x33"),
    (b"\x11\x22\x33\x44", b"\x05\x11\x22\x33\x44"),
    (b"\x11\x00\x00\x00", b"\x02\x11\x01\x01\x01"),
    (b"\x45\x00\x00\x2c\x4c\x79", b"\x02\x45\x01\x04\x2c\x4c\x79"),
)


def test_published_vectors():
    for plain, encoded in VECTORS:
        assert cobs.encode(plain) == encoded
        assert cobs.decode(encoded) == plain


def test_blocks_around_254_bytes():
    a, b, c = b"x" * 253, b"x" * 254, b"x" * 255
    assert cobs.encode(a) == b"\xfe" + a
    assert cobs.encode(b) == b"\xff" + b
    assert cobs.encode(c) == b"\xff" + b + b"\x02x"
    assert cobs.encode(b + b"\x00") == b"\xff" + b + b"\x01\x01"
    assert cobs.encode(b"\x00" + b) == b"\x01\xff" + b


def test_every_length_comes_back_without_a_zero_inside():
    for n in range(0, 800, 7):
        for every in (1, 5, 300):
            data = bytes([0 if i % every == 0 else i % 255 + 1 for i in range(n)])
            encoded = cobs.encode(data)
            assert 0 not in encoded
            assert len(encoded) <= n + 1 + n // 254
            assert cobs.decode(encoded) == data


def test_zero_inside_is_refused():
    raised(BadValue, cobs.decode, b"\x03\x11\x00")
    raised(BadValue, cobs.decode, b"\x00")
    raised(BadValue, cobs.decode, b"\x02\x11\x00")


def test_group_cut_short_is_refused():
    raised(Truncated, cobs.decode, b"")
    raised(Truncated, cobs.decode, b"\x05\x11\x22")
    error = raised(Truncated, cobs.decode, b"\x02\x11\xff\x01")
    assert str(error) == "COBS block length is 4, expected at least 257"
