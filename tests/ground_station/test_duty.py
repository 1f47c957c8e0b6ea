"""The station's duty cycle: kept in any order of asking, over restarts of either end."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import region
from ground_station.duty import DutyLedger
from ground_station.memory import Airtime

HOUR_US = 3_600_000_000
LIMIT_US = HOUR_US // 10
MINUTE_US = HOUR_US // 60


def most_in_an_hour(sent: list[tuple[int, int]]) -> int:
    """The largest airtime that any hour holds of transmissions (start, airtime), in parts too."""
    ends = [start + length for start, length in sent] + [start + HOUR_US for start, _ in sent]
    return max(
        (sum(max(0, min(end, s + n) - max(end - HOUR_US, s)) for s, n in sent) for end in ends),
        default=0,
    )


class World:
    """True time, all that was sent, and the bridge at work, whose ticks are its age."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.sent: list[tuple[int, int]] = []
        self.bridge = self.now_us = self.born_us = 0
        self.ledger = DutyLedger(100, [])
        self.ledger.connect("0", 0)

    def restart_bridge(self) -> None:
        """Start the bridge again, or plug in another of any age; the station may restart too."""
        self.now_us = max([self.now_us, *(start + length for start, length in self.sent)])
        self.born_us = self.now_us
        if self.dice.random() < 0.5:
            self.bridge += 1
            self.born_us -= MINUTE_US * self.dice.randint(0, 2000)
        self.now_us += MINUTE_US * self.dice.randint(0, 70)  # silent for a while
        if self.dice.random() < 0.5:
            self.ledger = DutyLedger(100, self.ledger.airtimes)
        self.ledger.connect(str(self.bridge), self.now_us - self.born_us)

    def ask(self) -> None:
        """Answer a frame heard just now, or one that has waited in the bridge."""
        self.now_us += MINUTE_US * self.dice.randint(0, 20)
        waited_us = MINUTE_US * self.dice.choice((0, 0, 0, self.dice.randint(1, 200)))
        start_us = self.now_us - waited_us + region.RX_DELAY_US
        airtime_us = MINUTE_US // 2 * self.dice.randint(1, 12)
        wish = Airtime(start_us - self.born_us, airtime_us, str(self.bridge))
        if start_us >= self.born_us and self.ledger.allows(wish):
            self.ledger.book(wish)
            self.sent.append((start_us, airtime_us))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_no_hour_ever_holds_more_than_its_share(seed: int) -> None:
    world = World(seed)
    for _ in range(60):
        if world.dice.random() < 0.1:
            world.restart_bridge()
        else:
            world.ask()
    assert LIMIT_US // 2 < most_in_an_hour(world.sent) <= LIMIT_US


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
