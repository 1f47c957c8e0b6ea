from firmware.wire import ack
from firmware.wire.errors import BadValue, Truncated, WireError

from .raising import raised

ACK = ack.Ack(3, 1_782_000_000, -7, [(1, 36), (40, 40), (1_000, 70_000)])


def test_payload_bytes_are_as_documented():
    small = ack.Ack(3, 0x01020304, -1, [(1, 2), (4, 4)])
    assert ack.encode(small, 48) == b"\x03\x04\x03\x02\x01\xff\x02\x00\x01\x01\x00"


def test_acknowledgement_comes_back():
    assert ack.decode(ack.encode(ACK, 48)) == ACK


def test_limits_of_every_field_come_back():
    for item in (
        ack.Ack(0, 0, -128, []),
        ack.Ack(0x7FFFFFFF, 0xFFFFFFFF, 127, [(1, 0xFFFFFFFF)]),
        ack.Ack(1, 1, 0, [(0xFFFFFFFF, 0xFFFFFFFF)]),
        ack.Ack(1, 1, 0, [(1, 1), (2, 2)]),
    ):
        assert ack.decode(ack.encode(item, 48)) == item


def test_ranges_beyond_the_limit_are_left_off_the_end():
    many = ack.Ack(3, 5, 0, [(3 * n + 1, 3 * n + 2) for n in range(300)])
    for limit in range(7, 240):
        payload = ack.encode(many, limit)
        assert limit - 2 <= len(payload) <= limit
        held = ack.decode(payload).ranges
        assert held == many.ranges[: len(held)]


def test_limit_without_room_is_refused():
    error = raised(BadValue, ack.encode, ACK, 6)
    assert str(error) == "room for ranges is 0, expected at least 1"


def test_fields_out_of_range_are_refused():
    raised(BadValue, ack.encode, ack.Ack(-1, 0, 0, []), 48)
    raised(BadValue, ack.encode, ack.Ack(0, 1 << 32, 0, []), 48)
    raised(BadValue, ack.encode, ack.Ack(0, 0, 128, []), 48)


def test_ranges_must_ascend_and_be_disjoint():
    for bad in ([(0, 1)], [(2, 1)], [(1, 3), (3, 4)], [(5, 6), (1, 2)], [(1, 1 << 32)]):
        raised(BadValue, ack.encode, ack.Ack(0, 0, 0, bad), 48)


def test_every_cut_is_refused():
    payload = ack.encode(ACK, 48)
    for n in range(len(payload)):
        raised(WireError, ack.decode, payload[:n])
    raised(BadValue, ack.decode, payload + b"\x00")
    raised(Truncated, ack.decode, b"")


def test_false_count_costs_no_memory():
    error = raised(BadValue, ack.decode, b"\x00" * 6 + b"\xff\xff\xff\xff\x7f" + b"\x00" * 4)
    assert error.what == "count"


def test_range_beyond_32_bits_is_refused():
    head = b"\x00" * 6
    raised(BadValue, ack.decode, head + b"\x01" + b"\xff\xff\xff\xff\x0f" + b"\x00")
    raised(BadValue, ack.decode, head + b"\x01" + b"\x00" + b"\xff\xff\xff\xff\x0f")
