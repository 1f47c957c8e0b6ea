"""hypothesis strategies for everything the wire carries, over its whole ranges."""

from hypothesis import settings
from hypothesis import strategies as st

from firmware.wire import ack, bridge, frame, ranges
from firmware.wire.activity import Activity
from firmware.wire.alarm import Alarm
from firmware.wire.fix import Fix
from firmware.wire.health import Health
from firmware.wire.status import Status

repeatable = settings(derandomize=True, deadline=None, max_examples=300)

U8, U16, U32, U64 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32, 64))
I8, I16, I32, I64 = (
    st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)
)
GENERATION = st.integers(0, 0x7FFFFFFF)
RECORD = st.integers(1, 0xFFFFFFFF)
KEY = st.binary(min_size=16, max_size=16)

FIX = st.builds(
    Fix,
    RECORD,
    U32,
    st.integers(-9_000_000, 9_000_000),
    st.integers(-18_000_000, 17_999_999),
    st.none() | I16,
    st.integers(0, 15),
    st.integers(0, 15),
)
STATUS = st.builds(
    Status,
    RECORD,
    U32,
    U16,
    U32,
    I32,
    U32,
    U32,
    U32,
    U32,
    st.none() | st.integers(-127, 127),
)
ACTIVITY = st.builds(Activity, RECORD, U32, U32, st.just(255), U8, U16, U16)
ALARM = st.builds(Alarm, RECORD, U32, st.integers(1, 15), U8, U32)
HEALTH = st.builds(Health, RECORD, U32, U8, U32)


@st.composite
def records(draw):
    """Records of all kinds with ascending numbers, most of them consecutive."""
    items = draw(st.lists(st.one_of(FIX, FIX, STATUS, ACTIVITY, ALARM, HEALTH), max_size=40))
    number = draw(st.integers(1, 0xFFFF))
    out = []
    for item in items:
        out.append(item._replace(record=number))
        number += draw(st.just(1) | st.integers(1, 0xFFFF))
    return out


RANGES = st.sets(st.integers(1, 200), max_size=60).map(ranges.from_numbers)
WIDE_RANGES = st.lists(RECORD, max_size=40, unique=True).map(
    lambda edges: list(zip(sorted(edges)[::2], sorted(edges)[1::2], strict=False))
)
ACK = st.builds(ack.Ack, GENERATION, U32, I8, WIDE_RANGES)
HEADER = st.builds(
    frame.Header, st.just(frame.VERSION), st.integers(1, 6), st.integers(1, 0xFFFF), U32
)
PACKET = st.binary(max_size=255)
MESSAGE = st.one_of(
    st.builds(bridge.Hello, U8, U64, U16, U64, I64),
    st.builds(bridge.Received, U32, U64, I64, U32, U8, U32, I16, I8, PACKET),
    st.builds(bridge.Transmitted, U32, U8, U64, U32),
    st.builds(bridge.Pong, U32, U64, I64, U16, U32),
    st.builds(bridge.Configure, U8, U8),
    st.builds(bridge.Transmit, U32, U32, U64, U32, U8, U32, I8, PACKET),
    st.builds(bridge.Release, U32),
    st.builds(bridge.Ping, U32),
)
