from firmware.wire import data
from firmware.wire.errors import BadValue, Truncated, WireError

from .raising import raised
from .records import fix, status


def decode_or_refuse(payload):
    """Return how many records there were, or None where they were refused."""
    try:
        generation, records, _ = data.decode(payload)
    except WireError:
        return None
    assert generation >= 0
    return len(records)


def test_every_cut_is_refused():
    payload, used = data.encode(3, [fix(1), status(2), fix(4)], 210)
    assert decode_or_refuse(payload) == used == 3
    for n in range(len(payload)):
        # Between two sections a cut leaves a shorter payload that is complete.
        assert decode_or_refuse(payload[:n]) in (None, 1, 2)
    raised(Truncated, data.decode, b"")
    raised(Truncated, data.decode, b"\x03\x01")


def test_every_damaged_byte_decodes_or_is_refused():
    payload = bytearray(data.encode(3, [fix(1), status(2), fix(4)], 210)[0])
    for i in range(len(payload)):
        for value in (0x00, 0x7F, 0x80, 0xFF, payload[i] ^ 0x10):
            kept, payload[i] = payload[i], value
            decode_or_refuse(bytes(payload))
            payload[i] = kept


def test_pseudo_random_bytes_decode_or_are_refused():
    state = 1
    for n in range(400):
        noise = bytearray(b"\x00\x01\x31"[: n % 4])
        for _ in range(n % 60):
            state = (state * 16_807) % 0x7FFFFFFF
            noise.append(state & 0xFF)
        decode_or_refuse(bytes(noise))


def test_false_count_costs_no_memory():
    # A count of 2^35 - 1 records in 12 bytes.
    error = raised(BadValue, data.decode, b"\x00\x01\x01" + b"\xff\xff\xff\xff\x7f" + b"\x00" * 4)
    assert error.what == "count"


def test_count_beyond_the_bytes_is_refused():
    raised(BadValue, data.decode, b"\x00\x01\x01\x02" + b"\x00" * 5)
    raised(Truncated, data.decode, b"\x00\x01\x31\x01" + b"\x00" * 4)


def test_empty_section_is_refused():
    raised(BadValue, data.decode, b"\x00\x01\x01\x00")
    raised(Truncated, data.decode, b"\x00\x01\x01")


def test_gap_of_nothing_is_refused():
    raised(BadValue, data.decode, b"\x00\x01\x81\x00\x01\x00\x00\x00")


def test_unknown_kind_or_flag_is_refused():
    for head in (0x00, 0x03, 0x0F, 0x41, 0x12, 0x22, 0x42):
        error = raised(BadValue, data.decode, bytes((0, 1, head, 1)) + b"\x00" * 20)
        assert (error.what, error.value) == ("section head", head)


def test_record_numbers_beyond_32_bits_are_refused():
    raised(BadValue, data.decode, b"\x00\x00\x01\x01\x00\x00\x00")
    top = b"\xff\xff\xff\xff\x0f"
    assert decode_or_refuse(b"\x00" + top + b"\x01\x01\x00\x00\x00") == 1
    raised(BadValue, data.decode, b"\x00" + top + b"\x01\x02" + b"\x00" * 6)
    raised(BadValue, data.decode, b"\x00" + top + b"\x81\x01\x01\x00\x00\x00")


def test_generation_beyond_31_bits_is_refused():
    raised(BadValue, data.decode, b"\x80\x80\x80\x80\x08\x01\x01\x01\x00\x00\x00")
