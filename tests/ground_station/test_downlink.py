"""Acknowledgements: what they say, under which counter, within which airtime."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import frame, region
from firmware.wire.airtime import airtime_us
from ground_station.clock import SETTLED_UTC_US
from ground_station.downlink import Answer, Downlink, DownlinkRefused, station_number
from ground_station.keys import CollarKey, KeyRing
from ground_station.memory import Change, Memory
from ground_station.session import Accepted
from tests.ground_station.scripted import Collar, make_received

HEARD_US = SETTLED_UTC_US + 400 * 86_400_000_000
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US


class Desk:
    """A downlink with one collar; remembers what it sent, as the station does."""

    def __init__(self, station: str = "hut", number: int | None = None) -> None:
        self.collar = Collar(1)
        self.keys = KeyRing([CollarKey(1, 0, self.collar.key)], number)
        self.memory = Memory()
        self.number = station_number(self.keys, station)
        self.downlink = Downlink(self.memory, station, 22)

    def answer(
        self,
        held: list[tuple[int, int]] | None = None,
        heard_at_us: int = HEARD_US,
        time_known: bool = True,
        **overrides: int,
    ) -> Answer:
        accepted = Accepted(1, 0, 5, 2, [(1, 3)], None)
        received = make_received(b"", 9, **overrides)
        answer = self.downlink.acknowledge(
            accepted, received, Change(1, 0), held or [(1, 3)], self.keys, heard_at_us,
            time_known=time_known,
        )  # fmt: skip
        assert answer.change.next_counter is not None
        number, following = answer.change.next_counter
        assert number == self.number
        self.memory.counters[1, 0, number] = following
        self.downlink.ledger.book(answer.airtime)
        return answer

    def counter(self, **changes: int) -> int:
        return int(frame.parse_header(self.answer(**changes).transmit.data).counter)


def test_answer_meets_the_collars_window_on_the_downlink_channel() -> None:
    sent = Desk().answer(sf=9).transmit
    received = make_received(b"", 9)
    assert (sent.in_reply_to, sent.at_ticks_us) == (9, received.ticks_us + region.RX_DELAY_US)
    assert (sent.freq_hz, sent.sf, sent.bw_hz) == (869_525_000, 9, 125_000)
    assert sent.power_dbm == 22


def test_answer_tells_ranges_time_and_margin() -> None:
    desk = Desk()
    said = desk.collar.hear(desk.answer([(1, 9), (20, 20)], sf=7, snr_qdb=10).transmit.data)
    assert (said.generation, said.ranges) == (2, [(1, 9), (20, 20)])
    assert said.station_time_s == HEARD_US // 1_000_000 + 1
    assert said.snr_margin_db == 10  # 2.5 dB above a limit of -7.5 dB


@pytest.mark.parametrize(
    ("sf", "snr_qdb", "margin_db"), [(12, -80, 0), (7, 127, 39), (7, -128, -25)]
)
def test_margin_is_snr_above_the_limit_of_the_spreading_factor(
    sf: int, snr_qdb: int, margin_db: int
) -> None:
    desk = Desk()
    said = desk.collar.hear(desk.answer(sf=sf, snr_qdb=snr_qdb).transmit.data)
    assert said.snr_margin_db == margin_db


def test_unknown_time_is_told_as_zero() -> None:
    desk = Desk()
    desk.answer()
    assert desk.collar.hear(desk.answer(time_known=False).transmit.data).station_time_s == 0


@pytest.mark.parametrize("sf", [7, 10, 12])
def test_many_ranges_are_cut_to_a_short_frame(sf: int) -> None:
    desk = Desk()
    held = [(1000 * n, 1000 * n + 200) for n in range(1, 60)]
    answer = desk.answer(held, sf=sf)
    assert len(answer.transmit.data) <= 64
    said = desk.collar.hear(answer.transmit.data).ranges
    assert len(said) >= 9 and said == held[: len(said)]
    assert answer.airtime.airtime_us == airtime_us(sf, 125_000, len(answer.transmit.data))


def test_every_answer_has_a_counter_and_a_number_of_its_own() -> None:
    desk = Desk()
    answers = [desk.answer() for _ in range(20)]
    counters = {frame.parse_header(one.transmit.data).counter for one in answers}
    assert len(counters) == 20 and len({one.transmit.transmission for one in answers}) == 20
    assert answers[-1].change.next_counter == (desk.number, max(counters) + 1)


def test_stations_that_share_a_key_share_no_counter() -> None:
    starts = [Desk(number=number).counter() for number in (0, 1, 4095)]
    starts += [Desk(station).counter() for station in ("cluozza", "trupchun")]
    assert len({start >> 20 for start in starts}) == 5 and max(starts) < 2**32


def test_new_spool_starts_above_the_counters_of_a_lost_one() -> None:
    lost = Desk()
    for _ in range(80):  # 80 a day
        last = lost.counter()
    assert Desk().counter(heard_at_us=HEARD_US + DAY_US) > last


@pytest.mark.parametrize("heard_at_us", [0, 5 * DAY_US, HEARD_US])
def test_new_spool_gives_no_answer_before_the_time_is_known(heard_at_us: int) -> None:
    desk = Desk()
    with pytest.raises(DownlinkRefused, match="expected the clock to be set"):
        desk.answer(heard_at_us=heard_at_us, time_known=False)
    first = desk.counter(heard_at_us=HEARD_US)
    assert desk.counter(heard_at_us=0, time_known=False) == first + 1


@settings(derandomize=True)
@given(st.integers(-40 * 365, 40 * 365), st.integers(1, 15 * 365))
def test_lost_spool_in_any_year_starts_at_another_counter(day: int, later: int) -> None:
    starts = [Desk().counter(heard_at_us=SETTLED_UTC_US + d * DAY_US) for d in (day, day + later)]
    assert starts[0] != starts[1] and len({start >> 20 for start in starts}) == 1


def test_station_renamed_and_back_goes_on_with_its_own_counters() -> None:
    desk = Desk("hut")
    seen = {desk.counter() for _ in range(5)}
    desk.downlink = Downlink(desk.memory, "barn", 22)
    desk.number = station_number(desk.keys, "barn")
    seen |= {desk.counter() for _ in range(5)}
    desk.downlink = Downlink(desk.memory, "hut", 22)
    desk.number = station_number(desk.keys, "hut")
    assert len(seen | {desk.counter() for _ in range(5)}) == 15


def test_counters_that_are_used_up_are_told_with_the_remedy() -> None:
    desk = Desk(number=3)
    desk.memory.counters[1, 0, 3] = (4 << 20) - 1
    desk.answer()
    with pytest.raises(DownlinkRefused, match="give the collar a new key"):
        desk.answer()


def test_answers_beyond_the_duty_cycle_are_withheld() -> None:
    desk = Desk()
    one_us = desk.answer(sf=12).airtime.airtime_us
    for second in range(1, HOUR_US // 10 // one_us):
        desk.answer(ticks_us=1_000_000 * second, sf=12)
    with pytest.raises(DownlinkRefused, match="duty cycle"):
        desk.answer(ticks_us=1_000_000_000, sf=12)
    with pytest.raises(DownlinkRefused, match="duty cycle"):  # this machine's clock may jump
        desk.answer(ticks_us=1_000_000_000, heard_at_us=HEARD_US + DAY_US, sf=12)
    used_us = desk.downlink.ledger.used_us(1_000_000_000)
    assert HOUR_US * 0.099 < used_us <= HOUR_US * 0.1
