"""Decisions about single frames: what is refused and why, what is accepted and held."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import frame, hello
from ground_station import session
from ground_station.keys import CollarKey, KeyRing
from ground_station.memory import Change, Frame, Memory, Window
from ground_station.session import Accepted, Refusal, Session, TokenBucket, open_window
from tests.ground_station.scripted import Collar, make_received


class Desk:
    """A session whose spool is a dictionary."""

    def __init__(self, *collars: Collar) -> None:
        keys = KeyRing([CollarKey(c.collar, c.epoch, c.key) for c in collars])
        self.spool: dict[tuple[int, int, int], Frame] = {}
        self.session = Session(Memory(), keys, lambda *name: self.spool.get(name))
        self.receptions = 0

    def judge(self, data: bytes, reception: int | None = None) -> Accepted | Refusal:
        self.receptions += 1
        self.received = make_received(data, reception or self.receptions)
        return self.session.judge(self.received, "b")

    def take(self, data: bytes) -> Change:
        accepted = self.judge(data)
        assert isinstance(accepted, Accepted)
        change = self.session.change_for(accepted, self.received, "hut", "b", 0)
        assert change.frame is not None
        self.spool[change.frame[:3]] = change.frame
        self.session.remember(change)
        return change


def refused(desk: Desk, data: bytes) -> dict[str, object]:
    refusal = desk.judge(data)
    assert isinstance(refusal, Refusal)
    assert refusal.reason in session.REASONS
    return {"reason": refusal.reason, **refusal.fields}


def test_foreign_frames_are_refused_by_their_first_byte() -> None:
    desk = Desk(Collar(1))
    found = refused(desk, b"\x40lorawan frame")
    assert (found["reason"], found["first_byte"]) == ("foreign", "0x40")
    assert refused(desk, b"")["first_byte"] == "none"


def test_other_versions_are_refused_with_both_numbers() -> None:
    data = bytearray(Collar(1).send(1, 2))
    data[1] = 0x01  # version 0
    found = refused(Desk(Collar(1)), bytes(data))
    assert (found["reason"], found["version"], found["expected"]) == ("version", 0, 2)


def test_unknown_collar_is_named() -> None:
    found = refused(Desk(Collar(1)), Collar(77).send(1, 2))
    assert (found["reason"], found["collar"]) == ("unknown_collar", 77)


def test_wrong_key_epoch_and_changed_bytes_fail_the_tag() -> None:
    good = bytearray(Collar(1).send(1, 2))
    good[-1] ^= 1
    for data in (Collar(1, key=bytes(16)).send(1, 2), Collar(1, epoch=1).send(1, 2), bytes(good)):
        found = refused(Desk(Collar(1)), data)
        assert (found["reason"], found["collar"], found["epoch"]) == ("tag", 1, 0)


def test_a_collar_may_change_to_a_newer_key_but_never_back() -> None:
    old, new = Collar(1, key=bytes(16)), Collar(1, epoch=1)
    desk = Desk(old, new)
    for sender, record in ((old, 1), (old, 2), (new, 3)):
        assert desk.take(sender.send(record, record)).epoch == sender.epoch
    assert refused(desk, old.send(4, 4))["reason"] == "tag"


def test_an_inventory_is_taken_and_names_no_records() -> None:
    collar = Collar(1)
    greeting = hello.Hello(0, 2, 0, 0, 0, 0, 1, 9, [(3, 9)])
    heard = collar.seal(hello.encode(greeting, 40), kind=frame.HELLO)
    accepted = Desk(collar).judge(heard)
    assert isinstance(accepted, Accepted)
    assert (accepted.generation, accepted.records, accepted.fault) == (0, [], None)


def test_short_frame_other_kind_and_odd_spreading_are_refused() -> None:
    collar = Collar(1)
    desk = Desk(collar)
    assert refused(desk, collar.send(1, 1)[:9])["reason"] == "truncated"
    assert refused(desk, collar.send(1, 1)[:5])["reason"] == "truncated"
    assert refused(desk, collar.seal(b"", kind=frame.AID))["kind"] == frame.AID
    odd = desk.session.judge(make_received(collar.send(1, 1), sf=6), "b")
    assert isinstance(odd, Refusal) and odd.fields["sf"] == 6


@settings(derandomize=True)
@given(st.binary(max_size=255))
def test_any_bytes_are_judged(data: bytes) -> None:
    assert isinstance(Desk(Collar(1)).judge(data), Refusal)


@settings(derandomize=True)
@given(st.binary(max_size=60))
def test_any_authentic_payload_is_accepted_or_marked(payload: bytes) -> None:
    collar = Collar(1)
    accepted = Desk(collar).judge(collar.seal(payload))
    assert isinstance(accepted, Accepted)
    assert (accepted.generation is None) == (accepted.fault is not None)


def test_undecodable_payload_is_kept_and_marked_without_its_values() -> None:
    collar = Collar(1)
    desk = Desk(collar)
    change = desk.take(collar.seal(b"\x00\x01\x0f\x01"))
    assert change.frame is not None and change.frame.fault is not None
    assert change.held == ()


def test_frame_heard_again_on_the_air_is_a_replay() -> None:
    collar = Collar(1)
    desk = Desk(collar)
    data = collar.send(1, 3)
    desk.take(data)
    found = refused(desk, data)
    assert (found["reason"], found["counter"], found["highest"]) == ("replayed", 0, 0)


def test_frame_the_bridge_sends_again_is_answered_again() -> None:
    collar = Collar(1)
    desk = Desk(collar)
    data = collar.send(1, 3)
    desk.take(data)
    again = desk.judge(data, reception=1)
    assert isinstance(again, Accepted) and again.window is None
    change = desk.session.change_for(again, desk.received, "hut", "b", 0)
    assert change == Change(1, 0)  # nothing is stored twice
    assert desk.session.held_after(again) == [(1, 3)]


def test_counter_of_long_ago_is_refused() -> None:
    collar = Collar(1)
    desk = Desk(collar)
    old = collar.send(1, 1)
    collar.counter = 64
    desk.take(collar.send(2, 2))
    assert refused(desk, old)["highest"] == 64


def test_acknowledgement_names_whole_ranges_around_the_frame() -> None:
    collar = Collar(1)
    desk = Desk(collar)
    for first, last in ((1, 10), (30, 39), (50, 50)):
        desk.take(collar.send(first, last))
    held = desk.take(collar.send(11, 20)).held
    assert [(one.first, one.last) for one in held] == [(1, 20)]  # the lost answer is made good
    assert desk.session.memory.held[1, 0] == [(1, 20), (30, 39), (50, 50)]


def test_generations_are_held_apart() -> None:
    collar = Collar(1)
    desk = Desk(collar)
    desk.take(collar.send(1, 10))
    held = desk.take(collar.send(5, 6, generation=1)).held
    assert [(one.generation, one.first, one.last) for one in held] == [(1, 5, 6)]


@settings(derandomize=True, max_examples=200)
@given(st.lists(st.integers(0, 300), max_size=80))
def test_window_accepts_each_counter_once_and_no_old_one(counters: list[int]) -> None:
    window: Window | None = None
    seen: set[int] = set()
    for counter in counters:
        fresh = counter not in seen and counter > max(seen, default=counter) - session.WINDOW
        after = open_window(window, counter)
        assert (after is not None) == fresh
        window = after or window
        if fresh:
            seen.add(counter)


def test_failed_tags_are_limited_and_recover() -> None:
    bucket = TokenBucket(capacity=3, refill_us=1_000)
    taken = 0
    while bucket.has(50):
        bucket.take(50)
        taken += 1
    assert taken == 3
    assert not bucket.has(1_049) and bucket.has(1_050)


def test_while_the_limit_is_used_up_no_frame_is_opened() -> None:
    collar, liar = Collar(1), Collar(1, key=bytes(16))
    desk = Desk(collar)
    forged = liar.send(1, 1)
    reasons = [refused(desk, forged)["reason"] for _ in range(3)]
    assert reasons == ["tag"] * 3
    desk.session._failed_tags = TokenBucket(capacity=1, refill_us=60_000_000)
    assert refused(desk, forged)["reason"] == "tag"
    assert refused(desk, collar.send(1, 1))["reason"] == "tag_limit"


@pytest.mark.parametrize("step", [-1, 0])
def test_clock_that_stands_or_runs_back_refills_nothing(step: int) -> None:
    bucket = TokenBucket(capacity=1, refill_us=1_000)
    bucket.take(5_000)
    assert not bucket.has(5_000 + step)


def test_times_in_any_order_refill_once() -> None:
    bucket = TokenBucket(capacity=1, refill_us=1_000)
    bucket.take(5_000)
    for now_us in (5_900, 5_000, 5_900, 100, 5_999):
        assert not bucket.has(now_us)
    assert bucket.has(6_000)


def test_limit_of_failed_tags_recovers_after_the_bridge_started_again() -> None:
    bucket = TokenBucket(capacity=1, refill_us=1_000)
    bucket.take(9_000_000)
    bucket.restart(0)
    assert not bucket.has(999) and bucket.has(1_000)


def test_older_generation_is_noticed_and_taken_all_the_same() -> None:
    collar = Collar(1)
    desk = Desk(collar, Collar(2))
    desk.take(collar.send(1, 3, generation=257))
    older = desk.judge(collar.send(1, 3, generation=1))
    assert isinstance(older, Accepted) and desk.session.newer_generation(older) == 257
    assert desk.session.held_after(older) == [(1, 3)]
    newer = desk.judge(collar.send(1, 3, generation=258))
    assert isinstance(newer, Accepted) and desk.session.newer_generation(newer) is None
    other = desk.judge(Collar(2).send(1, 3, generation=1))
    assert isinstance(other, Accepted) and desk.session.newer_generation(other) is None


def test_an_acknowledgement_names_what_came_before_the_frame_too() -> None:
    collar = Collar(1)
    desk = Desk(collar)
    for first in range(1, 101, 5):
        last = desk.judge(collar.send(first, first + 1))
        assert isinstance(last, Accepted)
        desk.take(collar.send(first, first + 1))
    named = desk.session.named_after(last)
    assert named[-1] == (96, 97) and len(named) == session.NAMED_RANGES
    early = desk.judge(collar.send(1, 2))
    assert isinstance(early, Accepted)
    assert desk.session.named_after(early)[0] == (1, 2)
