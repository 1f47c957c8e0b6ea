"""decode after encode is the identity, and any bytes decode or raise WireError."""

import tracemalloc

from hypothesis import example, given
from hypothesis import strategies as st

from firmware.wire import ack, bridge, cobs, data, frame, varint
from firmware.wire.errors import WireError

from . import strategies as wire
from .strategies import repeatable


@repeatable
@given(st.integers(0, (1 << 35) - 1), st.integers(-(1 << 34), (1 << 34) - 1), st.binary())
def test_varints_come_back(unsigned, signed, prefix):
    buf = bytearray(prefix)
    varint.append_unsigned(buf, unsigned)
    middle = len(buf)
    varint.append_signed(buf, signed)
    assert varint.read_unsigned(buf, len(prefix)) == (unsigned, middle)
    assert varint.read_signed(buf, middle) == (signed, len(buf))


@repeatable
@given(wire.GENERATION, wire.records(), st.integers(0, 243), st.none() | wire.U32)
def test_data_payloads_come_back(generation, records, limit, era):
    payload, used = data.encode(generation, records, limit, era)
    assert len(payload) <= limit
    if used:
        dated = records[:used] if era is None else []
        undated = [] if era is None else [(era, record) for record in records[:used]]
        assert data.decode(payload) == (generation, dated, undated)
    else:
        assert payload == b""


@repeatable
@given(wire.GENERATION, wire.records())
def test_data_payload_without_a_limit_holds_everything(generation, records):
    payload, used = data.encode(generation, records, 1 << 20)
    assert used == len(records)
    assert not used or data.decode(payload) == (generation, records, [])


@repeatable
@given(wire.ACK)
def test_acknowledgements_come_back(item):
    assert ack.decode(ack.encode(item, 1 << 20)) == item


@repeatable
@given(wire.ACK, st.integers(11, 239))
def test_acknowledgements_keep_their_limit(item, limit):
    payload = ack.encode(item, limit)
    assert len(payload) <= limit
    held = ack.decode(payload)
    assert held.ranges == item.ranges[: len(held.ranges)]


@repeatable
@given(wire.HEADER)
def test_headers_come_back(header):
    assert frame.parse_header(frame.pack_header(header)) == header


@repeatable
@given(st.binary(max_size=1200))
def test_stuffed_bytes_come_back_without_a_zero(plain):
    encoded = cobs.encode(plain)
    assert 0 not in encoded
    assert len(encoded) <= len(plain) + 1 + len(plain) // 254
    assert cobs.decode(encoded) == plain


@repeatable
@given(wire.MESSAGE)
def test_bridge_messages_come_back(message):
    line = bridge.encode(message)
    assert bridge.decode(line[:-1]) == message


@repeatable
@given(
    st.lists(wire.MESSAGE, min_size=1, max_size=5),
    st.lists(st.binary(max_size=40), min_size=5, max_size=5),
    st.integers(1, 50),
)
def test_splitter_finds_every_message_between_noise(sent, noise, step):
    stream = b"".join(
        crackle + b"\x00" + bridge.encode(message)
        for crackle, message in zip(noise, sent, strict=False)
    )
    splitter = bridge.Splitter()
    found = []
    for start in range(0, len(stream), step):
        for chunk in splitter.feed(stream[start : start + step]):
            try:
                found.append(bridge.decode(chunk))
            except WireError:
                continue
    assert found == sent


@repeatable
@given(st.binary(max_size=300))
def test_any_bytes_decode_as_data_or_are_refused(noise):
    try:
        generation, records, undated = data.decode(noise)
    except WireError:
        return
    if undated:
        return
    payload, used = data.encode(generation, records, 1 << 20)
    assert used == len(records)
    assert data.decode(payload) == (generation, records, [])


@repeatable
@given(wire.GENERATION, wire.records(), st.data())
def test_mutated_data_payload_decodes_or_is_refused(generation, records, draw):
    payload = bytearray(data.encode(generation, records, 243)[0] or b"\x00")
    for _ in range(draw.draw(st.integers(1, 4))):
        payload[draw.draw(st.integers(0, len(payload) - 1))] = draw.draw(st.integers(0, 255))
    try:
        generation, decoded, undated = data.decode(bytes(payload))
    except WireError:
        return
    if undated:
        return
    again, _ = data.encode(generation, decoded, 1 << 20)
    assert data.decode(again) == (generation, decoded, [])


@repeatable
@given(st.binary(max_size=60))
@example(b"\x00\x00\x00\x00\x00\x00\x01\x00\x00")
def test_an_acknowledgement_has_one_spelling(noise):
    try:
        item = ack.decode(noise)
    except WireError:
        return
    assert ack.encode(item, 1 << 20) == noise


@repeatable
@given(st.binary(max_size=300))
def test_any_bytes_are_a_frame_a_chunk_a_block_or_refused(noise):
    for decode in (frame.parse_header, cobs.decode, bridge.decode):
        try:
            decode(noise)
        except WireError:
            continue


@repeatable
@given(st.lists(st.binary(max_size=600), max_size=30))
def test_splitter_stays_bounded_and_counts_what_it_drops(pieces):
    splitter = bridge.Splitter()
    out = sum(len(chunk) for piece in pieces for chunk in splitter.feed(piece))
    zeros = b"".join(pieces).count(0)
    held = sum(map(len, pieces)) - zeros - out - splitter.dropped_bytes
    assert 0 <= held <= splitter.MAX_CHUNK_BYTES


def test_false_counts_cost_no_memory():
    count = b"\xff\xff\xff\xff\x7f"
    hostile = (
        (data.decode, b"\xff" * 2 + b"\x00\x00\x7f" + b"\xff" * 240),
        (data.decode, b"\xc8\x00\x80\x00\x00\x7f" + b"\xff" * 240),
        (ack.decode, b"\x00" * 6 + count + b"\x00" * 240),
        (cobs.decode, b"\xff" * 254),
    )
    tracemalloc.start()
    try:
        for decode, noise in hostile:
            try:
                decode(noise)
            except WireError:
                continue
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
