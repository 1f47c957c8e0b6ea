"""What holds for every history: the collar's memory, clock and air time under hypothesis."""

from datetime import UTC, datetime
from math import isqrt

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware import energy, link, log
from firmware.block import State
from firmware.civil import civil_from_unix, unix_from_civil
from firmware.drivers import gnss
from firmware.store import Pair
from firmware.wire.data import KIND_FIX

from .memory import Memory, PowerCut

SLOTS = 16
NOW = 1790000000


def law(examples):
    return settings(derandomize=True, deadline=None, max_examples=examples, database=None)


STEPS = st.one_of(
    st.tuples(st.just("append"), st.integers(0, 255)),
    st.tuples(st.just("ack"), st.tuples(st.integers(1, 60), st.integers(0, 9))),
    st.tuples(st.just("append cut"), st.integers(0, 30)),
    st.tuples(st.just("ack cut"), st.tuples(st.integers(1, 60), st.integers(0, 9))),
)


@law(300)
@given(st.lists(STEPS, max_size=60))
def test_the_log_is_a_ring_that_never_forgets_or_renumbers(steps):
    memory, committed, named = Memory(), {}, set()
    for kind, what in steps:
        held = log.Log(memory, 1, slots=SLOTS)
        newest = held.newest
        memory.cut_after = {"append cut": what, "ack cut": 1}.get(kind)
        try:
            if kind.startswith("append"):
                value = what if kind == "append" else 99
                held.append(KIND_FIX, value, log.pack_fix(value, 0, None, 0, 0))
            else:
                first, length = what
                named.update(range(first, min(first + length, newest) + 1))
                held.acknowledge([(first, first + length)])
        except PowerCut:
            pass
        memory.cut_after = None
        again = log.Log(memory, 1, slots=SLOTS)
        assert newest <= again.newest <= newest + 1
        if again.newest > newest:
            committed[again.newest] = again.read(again.newest)
            named.discard(again.newest)
        waiting = again.pending(SLOTS)
        for record in range(again.oldest, again.newest + 1):
            assert again.read(record) == committed[record]
            assert record in waiting or record in named


def test_a_full_ring_is_searched_in_64_reads():
    memory = Memory()
    held = log.Log(memory, 1)
    for record in range(1, 2 * log.SLOTS + 2):
        held.append(KIND_FIX, record, log.pack_fix(record, 0, None, 0, 0))
        if record in (1, 4096, 8191, 8192, 8193, 12345, 16383, 16384, 16385):
            reads = []
            counting = memory.copy()
            plain = counting.read
            counting.read = lambda address, count, r=reads, p=plain: (
                r.append(1) or p(address, count)
            )
            assert log.Log(counting, 1).newest == record
            assert len(reads) <= 64


@law(200)
@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 9000000)), max_size=60))
def test_no_hour_ever_holds_more_than_the_limit(frames):
    memory, now, sent = Memory(), NOW, []
    for wait_s, airtime_us in frames:
        now += wait_s
        try:
            link.Ledger(memory, 868100000).charge(now, airtime_us)
        except link.DutyCycleFull:
            continue
        sent.append((now, airtime_us))
    for start, _ in sent:
        hour = sum(us for at, us in sent if start <= at <= start + 3600)
        assert hour <= 36000000


@law(200)
@given(
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(1, 9000000), st.integers(-100000, 100000)),
        max_size=40,
    )
)
def test_no_correction_of_the_clock_gains_air_time(frames):
    """True time runs on; the collar's clock is corrected as a wake does it, before each frame."""
    memory, true_s, offset_s, sent = Memory(), NOW, 0, []
    for wait_s, airtime_us, jump_s in frames:
        true_s += wait_s
        ledger = link.Ledger(memory, 868100000)
        if jump_s > 60:
            ledger.move(true_s + offset_s, true_s + offset_s + jump_s)
        offset_s += jump_s if abs(jump_s) > 60 else 0
        ledger.settle(true_s + offset_s)
        try:
            ledger.charge(true_s + offset_s, airtime_us)
        except link.DutyCycleFull:
            continue
        sent.append((true_s, airtime_us))
    for start, _ in sent:
        assert sum(us for at, us in sent if start <= at <= start + 3600) <= 36000000


@law(200)
@given(st.lists(st.tuples(st.binary(min_size=6, max_size=6), st.integers(0, 22)), max_size=30))
def test_a_two_copy_block_holds_the_last_or_the_one_before(stores):
    memory, possible = Memory(), {None}
    for payload, cut in stores:
        memory.cut_after = cut
        try:
            Pair(memory, 8, 6, 5).store(payload)
            possible = {payload}
        except PowerCut:
            possible.add(payload)
        memory.cut_after = None
        found = Pair(memory, 8, 6, 5).load()
        assert found in possible
        possible = {found}


@law(500)
@given(st.lists(st.binary(max_size=80), max_size=20))
def test_any_bytes_from_the_receiver_are_read_without_an_error(chunks):
    reader = gnss.Reader()
    for chunk in chunks:
        for kind, number, payload in reader.feed(chunk):
            assert gnss.pack(kind, number, payload)
        assert len(reader._buffer) <= 600


@law(500)
@given(st.binary(min_size=92, max_size=92))
def test_any_navigation_payload_is_a_solution_or_none(payload):
    unix_s, solution = gnss.decode_pvt(payload, 2025)
    assert solution is None or solution.unix_s == unix_s


@law(500)
@given(st.binary(max_size=60), st.binary(max_size=90), st.binary(max_size=60))
def test_a_frame_is_found_behind_any_noise_once_more_bytes_come(before, payload, after):
    reader = gnss.Reader()
    frame = gnss.pack(0x01, 0x07, payload)
    found = reader.feed(before + frame + after) + reader.feed(bytes(600)) + reader.feed(bytes(9))
    assert (0x01, 0x07, payload) in found


@law(500)
@given(st.integers(0, 4102444799))
def test_calendar_dates_are_those_of_the_standard_library(unix_s):
    moment = datetime.fromtimestamp(unix_s, UTC)
    expected = (*moment.timetuple()[:3], moment.weekday(), *moment.timetuple()[3:6])
    assert civil_from_unix(unix_s) == expected
    assert unix_from_civil(*moment.timetuple()[:6]) == unix_s


@law(500)
@given(st.integers(1, 1 << 60))
def test_the_square_root_is_that_of_the_standard_library(n):
    assert energy.isqrt(n) == isqrt(n)


@law(200)
@given(st.data())
def test_any_state_comes_back_saturated(data):
    block, again = State(), State()
    number = st.integers(-(1 << 40), 1 << 40)
    names = [name for name in State.__annotations__ if name != "error_name"]
    for name in names:
        value = getattr(block, name)
        many = isinstance(value, list)
        setattr(block, name, [data.draw(number)] * len(value) if many else data.draw(number))
    again.unpack(block.pack())
    for name in names:
        before, after = getattr(block, name), getattr(again, name)
        if isinstance(before, list):
            assert len(after) == len(before)
            before, after = before[-1], after[-1]
        assert abs(after) <= abs(before)
    assert again.pack() == block.pack()
