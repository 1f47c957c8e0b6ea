"""The station's duty cycle: kept in any order of asking, over restarts of either end."""

from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from ground_station.duty import DutyLedger
from ground_station.memory import Airtime

HOUR_US = 3_600_000_000
LIMIT_US = HOUR_US // 10


def most_in_an_hour(sent: list[tuple[int, int]]) -> int:
    """The largest airtime that any hour holds of transmissions (start, airtime), in parts too."""
    ends = [start + length for start, length in sent] + [start + HOUR_US for start, _ in sent]
    return max(
        (sum(max(0, min(end, s + n) - max(end - HOUR_US, s)) for s, n in sent) for end in ends),
        default=0,
    )


class Ask(NamedTuple):
    """A wish to transmit: time that passes first, start before or after then, length."""

    pass_us: int
    offset_us: int
    airtime_us: int


class Restart(NamedTuple):
    """The bridge starts again and is silent for a while; or another one is plugged in."""

    silent_us: int
    other: bool
    station_too: bool


LENGTHS = st.integers(1, HOUR_US // 15)
ASKS = st.builds(
    Ask, st.integers(0, HOUR_US // 3), st.integers(-3 * HOUR_US, HOUR_US // 2), LENGTHS
)
RESTARTS = st.builds(Restart, st.integers(0, HOUR_US), st.booleans(), st.booleans())


@settings(derandomize=True, max_examples=300)
@given(st.lists(ASKS | RESTARTS, max_size=60))
def test_no_hour_ever_holds_more_than_its_share(events: list[Ask | Restart]) -> None:
    ledger, bridge = DutyLedger(100, []), 0
    ledger.connect("0", 0)
    now_us = born_us = 0  # true time; the bridge counts since it was born
    sent: list[tuple[int, int]] = []
    for event in events:
        if isinstance(event, Restart):
            born_us = max([now_us, *(start + length for start, length in sent)])
            now_us = born_us + event.silent_us
            bridge += event.other
            if event.station_too:
                ledger = DutyLedger(100, ledger.airtimes)
            ledger.connect(str(bridge), now_us - born_us)
            continue
        now_us += event.pass_us
        wish = Airtime(now_us + event.offset_us - born_us, event.airtime_us, str(bridge))
        if wish.at_us >= 0 and ledger.allows(wish):
            ledger.book(wish)
            sent.append((wish.at_us + born_us, wish.airtime_us))
    assert most_in_an_hour(sent) <= LIMIT_US


def test_asking_for_a_frame_of_long_ago_forgets_nothing() -> None:
    ledger = DutyLedger(100, [])
    ledger.book(Airtime(10 * HOUR_US, LIMIT_US - 1, "b"))
    assert not ledger.allows(Airtime(7 * HOUR_US, 1, "b"))
    assert ledger.used_us(10 * HOUR_US) == LIMIT_US - 1
    assert not ledger.allows(Airtime(10 * HOUR_US, 2, "b"))


def test_transmission_counts_until_an_hour_after_its_end() -> None:
    ledger = DutyLedger(100, [Airtime(0, LIMIT_US, "b")])
    assert not ledger.allows(Airtime(HOUR_US + LIMIT_US - 1, 1, "b"))
    assert ledger.allows(Airtime(HOUR_US + LIMIT_US, LIMIT_US, "b"))


def test_station_that_starts_again_goes_on_with_the_ticks_of_its_bridge() -> None:
    ledger = DutyLedger(100, [Airtime(5, 300, "b")])
    assert not ledger.connect("b", 7)
    assert ledger.airtimes == [Airtime(5, 300, "b")]


def test_ticks_that_start_again_count_what_was_sent_as_sent_just_now() -> None:
    ledger = DutyLedger(100, [Airtime(50 * HOUR_US, LIMIT_US, "b")])
    assert ledger.connect("b", 1_000)
    assert not ledger.allows(Airtime(1_000_000, 1, "b"))
    assert ledger.allows(Airtime(HOUR_US + LIMIT_US + 2_000_000, 1, "b"))


def test_airtime_of_another_bridge_counts_as_sent_just_now() -> None:
    ledger = DutyLedger(100, [Airtime(5, LIMIT_US, "old")])
    assert ledger.connect("new", 9 * HOUR_US)
    assert not ledger.allows(Airtime(9 * HOUR_US, 1, "new"))


def test_airtime_not_sent_is_given_back() -> None:
    one = Airtime(HOUR_US, 5, "b")
    ledger = DutyLedger(100, [one])
    ledger.give_back(one)
    ledger.give_back(one)
    assert ledger.used_us(HOUR_US) == 0
