"""HELLO, CONFIG and COMMAND payloads."""

from firmware.wire import command, config, hello
from firmware.wire.errors import BadValue, WireError

from .raising import raised

HELLO = hello.Hello(257, 2, 1_782_000_000, 7, 9, hello.RESULT_DONE, 100, 8_291, [(4_000, 4_100)])
CONFIG = config.Config(9, 1_782_000_000, [(0, 900), (4, -5)])
COMMAND = command.Command(10, 1_782_000_000, command.SEND_AGAIN, 1, 70_000)


def test_bytes_are_as_documented():
    small = hello.Hello(1, 2, 3, 4, 5, 6, 7, 8, [(8, 8)])
    assert hello.encode(small, 48) == (
        b"\x01\x02\x00\x03\x00\x00\x00\x04\x00\x00\x00\x05\x00\x00\x00\x06\x07\x02\x01\x07\x00"
    )
    assert config.encode(config.Config(9, 5, [(4, -2)])) == (
        b"\x09\x00\x00\x00\x05\x00\x00\x00\x04\x03"
    )
    assert command.encode(command.Command(9, 5, 3, 200, 0)) == (
        b"\x09\x00\x00\x00\x05\x00\x00\x00\x03\xc8\x01"
    )


def test_payloads_come_back():
    empty = hello.Hello(0x7FFFFFFF, 0xFFFF, 0, 0, 0, 0, 1, 0, [])
    for item in (HELLO, empty):
        assert hello.decode(hello.encode(item, 48)) == item
    assert config.decode(config.encode(CONFIG)) == CONFIG
    for item in (COMMAND, command.Command(0xFFFFFFFF, 0xFFFFFFFF, 255, 0xFFFFFFFF, 0)):
        assert command.decode(command.encode(item)) == item


def test_inventory_that_does_not_fit_loses_its_newest_gaps():
    many = hello.Hello(*HELLO[:8], [(n, n) for n in range(100, 300, 2)])
    for limit in (24, 48, 52):
        payload = hello.encode(many, limit)
        assert len(payload) <= limit
        kept = hello.decode(payload).waiting
        assert kept and kept == many.waiting[: len(kept)]


def test_fields_out_of_range_are_refused():
    raised(BadValue, hello.encode, hello.Hello(*HELLO[:6], 0, 8_291, []), 48)
    raised(BadValue, hello.encode, hello.Hello(*HELLO[:6], 100, 98, []), 48)
    raised(BadValue, config.encode, config.Config(0, 0, [(1, 1)]))
    raised(BadValue, config.encode, config.Config(1, 0, [(256, 1)]))
    raised(BadValue, config.encode, config.Config(1, 0, []))
    raised(BadValue, config.encode, config.Config(1, 0, [(1, 1), (1, 2)]))
    raised(BadValue, command.encode, command.Command(1, 0, 0, 0, 0))
    raised(BadValue, command.encode, command.Command(1, 0, 1, 1 << 32, 0))
    raised(BadValue, command.encode, command.Command(1, 0, command.LOCATE, 0, 1))


def test_every_cut_is_refused():
    for module, payload in (
        (hello, hello.encode(HELLO, 48)),
        (command, command.encode(COMMAND)),
        (config, config.encode(config.Config(9, 5, [(4, 900)]))),
    ):
        for n in range(len(payload)):
            raised(WireError, module.decode, payload[:n])
        raised(WireError, module.decode, payload + b"\x00")


def test_setting_twice_is_refused_when_read():
    once = config.encode(config.Config(9, 5, [(4, 1)]))
    raised(BadValue, config.decode, once + once[8:])


def test_sequence_zero_is_refused_when_read():
    raised(BadValue, config.decode, bytes(4) + config.encode(CONFIG)[4:])
    raised(BadValue, command.decode, bytes(4) + command.encode(COMMAND)[4:])
