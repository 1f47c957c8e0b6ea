from firmware.wire import bridge
from firmware.wire.cobs import encode as stuff
from firmware.wire.crc import crc16
from firmware.wire.errors import BadCrc, BadValue, Truncated, WireError

from .raising import raised

U32, U64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
MESSAGES = (
    bridge.Hello(1, U64, 0x0102, 5_000_000, 0),
    bridge.Received(
        7, 123_456_789, 1_782_000_000_000_000, 868_100_000, 7, 125_000, -121, -30, b""
    ),
    bridge.Received(U32, U64, -1, U32, 12, U32, -32768, -128, bytes(range(255))),
    bridge.Transmitted(9, bridge.TOO_LATE, 1, 61_696),
    bridge.Pong(1, 2, 3, 4, 5),
    bridge.Configure(1, 0),
    bridge.Listen(868_100_000, 7, 125_000, -150),
    bridge.Transmit(9, 7, 124_456_789, 869_525_000, 7, 125_000, 27, b"\x00\xe0\x00"),
    bridge.Release(7),
    bridge.Ping(U32),
)


def chunk(message):
    return bridge.encode(message)[:-1]


def with_crc(body):
    crc = crc16(body)
    return stuff(body + bytes((crc & 0xFF, crc >> 8)))


def test_message_bytes_are_as_documented():
    body = b"\x13\x07\x00\x00\x00"
    assert bridge.encode(bridge.Release(7)) == with_crc(body) + b"\x00"
    assert bridge.encode(bridge.Configure(1, 0)) == with_crc(b"\x11\x01\x00") + b"\x00"


def test_every_message_comes_back():
    for message in MESSAGES:
        got = bridge.decode(chunk(message))
        assert got == message
        assert type(got) is type(message)


def test_delimiter_is_only_at_the_end():
    for message in MESSAGES:
        line = bridge.encode(message)
        assert line[-1] == 0
        assert 0 not in line[:-1]


def test_every_single_bit_flip_is_refused():
    for message in (MESSAGES[1], MESSAGES[6], MESSAGES[7]):
        line = bytearray(chunk(message))
        for bit in range(8 * len(line)):
            line[bit >> 3] ^= 1 << (bit & 7)
            raised(WireError, bridge.decode, bytes(line))
            line[bit >> 3] ^= 1 << (bit & 7)


def test_damaged_crc_is_named():
    error = raised(BadCrc, bridge.decode, stuff(b"\x13\x07\x00\x00\x00\x34\x12"))
    assert error.value == 0x1234


def test_unknown_type_is_refused():
    error = raised(BadValue, bridge.decode, with_crc(b"\x7e\x00"))
    assert error.value == 0x7E


def test_wrong_length_is_refused():
    raised(Truncated, bridge.decode, with_crc(b"\x13\x07\x00\x00"))
    raised(BadValue, bridge.decode, with_crc(b"\x13\x07\x00\x00\x00\x00"))
    raised(BadValue, bridge.decode, with_crc(b"\x02" + b"\x00" * (32 + 256)))
    raised(Truncated, bridge.decode, stuff(b"ab"))


def test_text_is_refused():
    raised(WireError, bridge.decode, b"MicroPython v1.25.0; type help() for more information")
    raised(WireError, bridge.decode, b"")


def test_fields_out_of_range_are_refused():
    for bad in (
        bridge.Ping(-1),
        bridge.Ping(1 << 32),
        bridge.Ping(None),
        bridge.Hello(1, 1 << 64, 0, 0, 0),
        bridge.Transmit(1, 1, 1, 1, 7, 1, 128, b""),
        bridge.Transmit(1, 1, 1, 1, 7, 1, 14, b"\x00" * 256),
        (1,),
    ):
        raised(BadValue, bridge.encode, bad)
