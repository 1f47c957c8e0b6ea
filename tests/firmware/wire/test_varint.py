from firmware.wire import varint
from firmware.wire.errors import BadValue, Truncated

from .raising import raised


def unsigned(n):
    buf = bytearray()
    varint.append_unsigned(buf, n)
    return bytes(buf)


def signed(n):
    buf = bytearray()
    varint.append_signed(buf, n)
    return bytes(buf)


def test_example_of_the_dwarf_standard():
    # DWARF 5, table 7.7.
    assert unsigned(2) == b"\x02"
    assert unsigned(127) == b"\x7f"
    assert unsigned(128) == b"\x80\x01"
    assert unsigned(12857) == b"\xb9\x64"


def test_small_signed_numbers_take_one_byte():
    assert [signed(n) for n in (0, -1, 1, -64, 63)] == [b"\0", b"\1", b"\2", b"\x7f", b"\x7e"]
    assert len(signed(64)) == len(signed(-65)) == 2


def test_unsigned_numbers_come_back():
    for shift in range(36):
        for n in ((1 << shift) - 1, 1 << shift >> 1):
            data = unsigned(n)
            assert varint.read_unsigned(b"\xff" + data, 1) == (n, 1 + len(data))


def test_signed_numbers_come_back():
    for shift in range(35):
        for n in ((1 << shift) - 1, -(1 << shift)):
            data = signed(n)
            assert varint.read_signed(data, 0) == (n, len(data))


def test_limits_are_35_bits():
    assert len(unsigned((1 << 35) - 1)) == 5
    raised(BadValue, unsigned, 1 << 35)
    raised(BadValue, unsigned, -1)
    raised(BadValue, signed, 1 << 34)
    raised(BadValue, signed, -(1 << 34) - 1)


def test_number_cut_short_is_truncated():
    raised(Truncated, varint.read_unsigned, b"", 0)
    raised(Truncated, varint.read_unsigned, b"\x80\x80", 0)
    raised(Truncated, varint.read_signed, b"\x01", 1)


def test_longer_spelling_is_refused():
    raised(BadValue, varint.read_unsigned, b"\x80\x00", 0)
    raised(BadValue, varint.read_signed, b"\x81\x80\x00", 0)


def test_endless_number_is_refused_after_5_bytes():
    error = raised(BadValue, varint.read_unsigned, b"\xff" * 1000, 0)
    assert "at most 5 bytes" in str(error)
