"""Whatever a station says, the bridge goes on, and says what became of each transmission."""

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import bridge as wire
from tests.firmware.test_bridge_firmware import Bench

LIMITS = {"B": (0, 255), "I": (0, 2**32 - 1), "Q": (0, 2**64 - 1), "b": (-128, 127)}
LIMITS["h"] = (-(2**15), 2**15 - 1)


def field(letter: str) -> st.SearchStrategy[int]:
    low, high = LIMITS[letter]
    usual = [7, 9, 125_000, 868_100_000, 869_525_000, 100_000, 14, 0, 1]
    return st.sampled_from([one for one in usual if low <= one <= high]) | st.integers(low, high)


def message(kind: type, layout: str) -> st.SearchStrategy[tuple]:
    return st.tuples(*map(field, layout)).map(lambda values: kind(*values))


TRANSMIT = st.tuples(*map(field, "IIQIBIb"), st.binary(max_size=255)).map(
    lambda values: wire.Transmit(*values)
)
MESSAGES = st.one_of(
    TRANSMIT,
    message(wire.Listen, "IBIh"),
    message(wire.Release, "I"),
    message(wire.Ping, "I"),
    message(wire.Configure, "BB"),
)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(MESSAGES, max_size=12))
def test_any_messages_leave_a_bridge_that_answers(messages: list[tuple]) -> None:
    bench = Bench()
    for one in messages:
        bench.tell(one)
    bench.wait(1_000_000)
    bench.tell(wire.Ping(4242))
    assert bench.said(wire.Pong)[-1].token == 4242
    asked = [one for one in messages if isinstance(one, wire.Transmit)]
    told = bench.said(wire.Transmitted)
    assert len(told) <= len(asked)
    still = [one for one in asked if one.at_ticks_us > 1_000_000]
    assert len(asked) - len(told) <= len(still)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.binary(max_size=3000), st.binary(max_size=300))
def test_any_bytes_leave_a_bridge_that_answers(first: bytes, second: bytes) -> None:
    bench = Bench()
    for data in (first, second, wire.DELIMITER + wire.encode(wire.Ping(4242))):
        bench.bridge.feed(data)
    assert bench.said(wire.Pong)[-1].token == 4242
