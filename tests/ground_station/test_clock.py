"""Reception times: from a serial line that only delays, or from a bridge that knows UTC."""

import random

from ground_station.clock import BridgeClock, SystemClock, Vouching, error_us, observe
from ground_station.memory import Stretch

UTC_US = 1_780_000_000_000_000


class Machine:
    """A machine whose time the test owns."""

    def __init__(self) -> None:
        self.monotonic_us = 1_000_000
        self.utc_offset_us = UTC_US

    def clock(self) -> SystemClock:
        return SystemClock(
            lambda: self.monotonic_us + self.utc_offset_us, lambda: self.monotonic_us
        )


def test_frame_keeps_its_own_time_after_an_hour_in_the_bridge() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.observe(ticks_us=50_000, utc_us=0)
    machine.monotonic_us += 3_600_000_000
    assert clock.heard_at_us(1_050_000, 0) == UTC_US + 2_000_000


def test_smallest_of_many_delays_decides() -> None:
    machine, dice = Machine(), random.Random(4)
    clock = machine.clock()
    for second in range(12):  # ticks are 700 us behind this machine's time
        delay_us = 300 + dice.randrange(40_000) * (second != 5)
        machine.monotonic_us = 1_000_000 * second + 700 + delay_us
        clock.observe(1_000_000 * second, 0)
    assert clock.heard_at_us(9_000_000, 0) == UTC_US + 9_000_000 + 700 + 300


def test_step_of_the_system_clock_moves_nothing_relative() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.observe(0, 0)
    machine.utc_offset_us += 86_400_000_000  # the machine learns the date
    machine.monotonic_us += 5_000_000
    assert clock.heard_at_us(4_000_000, 0) == UTC_US + 86_400_000_000 + 5_000_000


def test_frame_is_never_heard_in_the_future() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.observe(0, 0)
    assert clock.heard_at_us(10_000, 0) == UTC_US + machine.monotonic_us


def test_unknown_ticks_mean_this_moment() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.observe(0, 0)
    clock.restart()
    assert clock.heard_at_us(77, 0) == UTC_US + machine.monotonic_us


def test_bridge_clock_believes_the_frame_then_the_ticks_then_the_system() -> None:
    machine = Machine()
    clock = BridgeClock(machine.clock())
    clock.observe(1_000_000, 0)
    assert clock.heard_at_us(1_000_000, 0) == UTC_US + 1_000_000
    clock.observe(2_000_000, 7_000_000)
    assert clock.heard_at_us(2_500_000, 0) == 7_500_000
    assert clock.heard_at_us(2_500_000, 42) == 42


def test_time_is_known_once_either_clock_was_set() -> None:
    machine = Machine()
    assert machine.clock().is_known()
    machine.utc_offset_us = 0  # 1970: no clock on board, no network yet
    clock = BridgeClock(machine.clock())
    assert not clock.is_known()
    clock.heard_at_us(5, 7_000_000)  # the bridge may live in any year
    assert clock.is_known()


def test_a_clock_that_is_set_anew_begins_a_new_stretch() -> None:
    utc_us, steady_us, kept = [10**15], [0], [False]
    vouching = Vouching(
        {7: Stretch(7, 0, 1)}, lambda: kept[0], lambda: utc_us[0], lambda: steady_us[0]
    )
    assert [vouching.stretch(), vouching.stretch()] == [8, 8]
    utc_us[0] += 60_000_000
    steady_us[0] += 60_000_000
    assert vouching.stretch() == 8
    utc_us[0] -= 3_600_000_000
    assert vouching.stretch() == 9
    kept[0] = True
    assert vouching.stretch() == 0


def test_a_late_clock_is_found_by_one_frame_and_one_ahead_by_twenty() -> None:
    assert error_us(observe(None, 1, -5_000_000)) == -5_000_000
    known, day_us = None, 86_400_000_000
    for n in range(20):
        assert known is None or error_us(known) == 0
        known = observe(known, 1, 2 * day_us + n)
    assert known is not None and error_us(known) == 2 * day_us
    assert error_us(observe(known, 1, 30_000_000)) == 0  # one fresh record: it is right after all
