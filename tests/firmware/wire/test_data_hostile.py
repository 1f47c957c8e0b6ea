from firmware.wire import data
from firmware.wire.bits import Writer
from firmware.wire.errors import BadValue, Truncated, WireError

from .raising import raised
from .records import fix, status


def decode_or_refuse(payload):
    """Return how many records there were, or None where they were refused."""
    try:
        generation, records, undated = data.decode(payload)
    except WireError:
        return None
    assert generation >= 0
    return len(records) + len(undated)


def opening(record=1, low=0):
    """Return the bits of a payload up to its first section: generation 1 + low, dated."""
    out = Writer()
    out.g(0, 1)
    out.g(low, 0)
    out.g(record - 1, 10)
    out.u(0, 1)
    return out


def alarms(out, count):
    """Append a section of alarms, all of them nothing but zeros."""
    out.g(data.KIND_ALARM - 1, 0)
    out.g(count - 1, 0)
    return out


def test_every_cut_is_refused_or_shorter():
    payload, used = data.encode(3, [fix(1), status(2), fix(4)], 210)
    assert decode_or_refuse(payload) == used == 3
    for n in range(len(payload)):
        # Between two sections a cut leaves a shorter payload that is complete.
        assert decode_or_refuse(payload[:n]) in (None, 1, 2)
    raised(Truncated, data.decode, b"")
    raised(Truncated, data.decode, opening().to_bytes())


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
        noise = bytearray(opening().to_bytes()[: n % 4])
        for _ in range(n % 60):
            state = (state * 16_807) % 0x7FFFFFFF
            noise.append(state & 0xFF)
        decode_or_refuse(bytes(noise))


def test_false_count_ends_with_the_bytes():
    raised(Truncated, data.decode, alarms(opening(), 1 << 31).to_bytes() + b"\xff" * 20)


def test_unknown_kind_is_refused():
    out = opening()
    out.g(5, 0)
    error = raised(BadValue, data.decode, out.to_bytes() + b"\xff" * 9)
    assert (error.what, error.value) == ("kind", 5)


def test_record_numbers_beyond_32_bits_are_refused():
    raised(BadValue, data.decode, alarms(opening(1 << 32), 1).to_bytes() + b"\xff" * 9)
    raised(BadValue, data.decode, alarms(opening(0xFFFFFFFF), 2).to_bytes() + b"\xff" * 9)


def test_generation_with_a_log_beyond_its_epoch_is_refused():
    raised(BadValue, data.decode, opening(low=256).to_bytes() + b"\xff" * 20)


def test_anything_but_filling_at_the_end_is_refused():
    payload = data.encode(3, [status(1)], 210)[0]
    raised(WireError, data.decode, payload + b"\x00")
    for bit in range(8):
        if decode_or_refuse(payload[:-1] + bytes((payload[-1] | 1 << bit,))) is None:
            return
    raise AssertionError("no filling was checked")
