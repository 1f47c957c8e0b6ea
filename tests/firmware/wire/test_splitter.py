from firmware.wire import bridge
from firmware.wire.errors import WireError

PING = bridge.Ping(0x01020304)
LINE = bridge.encode(PING)


def messages(splitter, stream, step):
    """Feed `stream` in pieces and return the messages that come out."""
    out = []
    for start in range(0, len(stream), step):
        for chunk in splitter.feed(stream[start : start + step]):
            try:
                out.append(bridge.decode(chunk))
            except WireError:
                pass
    return out


def test_chunks_come_out_when_their_delimiter_came():
    splitter = bridge.Splitter()
    assert splitter.feed(LINE[:4]) == []
    assert splitter.feed(LINE[4:] + LINE + LINE[:1]) == [LINE[:-1], LINE[:-1]]
    assert splitter.feed(LINE[1:]) == [LINE[:-1]]


def test_stream_may_come_in_pieces_of_any_size():
    for step in (1, 2, 3, 7, 100):
        assert messages(bridge.Splitter(), LINE * 5, step) == [PING] * 5


def test_empty_chunks_are_nothing():
    assert bridge.Splitter().feed(b"\x00" * 50) == []


def test_noise_costs_at_most_the_message_it_touches():
    stream = b"boot text" + LINE + LINE + b"\xff\x01\x07" + LINE + LINE
    assert messages(bridge.Splitter(), stream, 5) == [PING, PING]
    stream = b"boot text\x00" + LINE + LINE + b"\xff\x01\x07\x00" + LINE + LINE
    assert messages(bridge.Splitter(), stream, 5) == [PING] * 4


def test_pseudo_random_noise_is_left_behind():
    splitter = bridge.Splitter()
    state = 7
    found = 0
    for n in range(60):
        noise = bytearray()
        for _ in range(n):
            state = (state * 16_807) % 0x7FFFFFFF
            noise.append(state & 0xFF)
        found += messages(splitter, bytes(noise) + b"\x00" + LINE, 11).count(PING)
    assert found == 60


def test_over_long_noise_is_dropped_and_counted():
    splitter = bridge.Splitter()
    for _ in range(100):
        assert splitter.feed(b"x" * 100) == []
    assert splitter.feed(b"\x00" + LINE) == [LINE[:-1]]
    assert splitter.dropped_bytes == 10_000


def test_over_long_noise_in_one_piece_is_dropped():
    splitter = bridge.Splitter()
    noise = b"x" * (splitter.MAX_CHUNK_BYTES + 1)
    assert splitter.feed(noise + b"\x00" + LINE + noise) == [LINE[:-1]]
    assert splitter.dropped_bytes == 2 * len(noise)


def test_chunk_of_the_greatest_length_passes():
    splitter = bridge.Splitter()
    longest = b"x" * splitter.MAX_CHUNK_BYTES
    assert splitter.feed(longest + b"\x00") == [longest]
    assert splitter.dropped_bytes == 0
