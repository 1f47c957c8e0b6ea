"""The world with small scripted steps in place of the firmware: power, resets, time, books."""

from itertools import pairwise

import pytest

from firmware import board as seam
from firmware import state
from hardware.twin import FirmwareError, ScenarioError, StationSilent
from hardware.twin.scenario import START_UTC_S

DAY_S = 86_400


def test_a_collar_wakes_when_its_timer_says(make_world):
    seen = []

    def step(board):
        board.arm_wakeup(3600)
        seen.append(board.reset_cause())

    world = make_world(step=step)
    result = world.run(1)[0]
    assert result.wakes == 24
    assert seen == [seam.RESET_POWER_ON] + [seam.RESET_STANDBY_WAKE] * 23


def test_the_wake_up_timer_is_periodic(make_world):
    seen = []

    def step(board):
        if not seen:
            board.arm_wakeup(7200)  # once and never again
        seen.append(board)

    assert make_world(step=step).run(1)[0].wakes == 12


def test_a_collar_that_never_arms_sleeps_for_ever(make_world):
    assert make_world(step=lambda board: None).run(2)[0].wakes == 1


def test_standby_ends_the_wake_at_once(make_world):
    after = []

    def step(board):
        board.standby()
        after.append(1)

    make_world(step=step).run(0.1)
    assert not after


def test_the_identity_is_in_the_memory(make_world):
    seen = []
    make_world(step=lambda board: seen.append(state.read_identity(board.fram))).run(0.1)
    assert (seen[0].collar, seen[0].epoch, seen[0].key) == (1, 3, b"\x01" * 16)


def test_memory_survives_standby_and_the_clock_runs_on(make_world):
    seen = []

    def step(board):
        board.arm_wakeup(600)
        if not board.rtc.valid():
            board.rtc.set_s(START_UTC_S)
        count = board.fram.read(0x3000, 1)[0]
        board.fram.write(0x3000, bytes((count + 1,)))
        seen.append((count, board.rtc.now_s()))

    make_world(step=step).run(0.05)
    assert [count for count, _ in seen] == list(range(len(seen))) and len(seen) > 5
    gaps_s = {b[1] - a[1] for a, b in pairwise(seen)}
    assert gaps_s <= {599, 600, 601}


def test_a_crystal_drifts_by_no_more_than_its_tolerance(make_world):
    readings = []

    def step(board):
        board.arm_wakeup(36_000)
        if not board.rtc.valid():
            board.rtc.set_s(0)
        readings.append((board.clock, board.rtc.now_s()))

    world = make_world(collars=3, step=step)
    world.run(40)
    drifts = [collar.hardware.rtc.drift_ppm for collar in world.collars]
    assert len(set(drifts)) == 3 and all(abs(ppm) <= 20 for ppm in drifts)


def hungry(board):
    board.arm_wakeup(1800)
    board.gnss.power(True)
    for _ in range(120):
        board.feed_watchdog()
        board.clock.sleep_ms(1000)
    board.gnss.power(False)


def test_starvation_cuts_the_power_and_the_return_is_a_brown_out(make_world):
    causes, valid = [], []

    def step(board):
        causes.append(board.reset_cause())
        valid.append(board.rtc.valid())
        board.rtc.set_s(START_UTC_S)
        hungry(board)

    result = make_world(step=step, start_v=2.5, income_j_per_day=8.0).run(30)[0]
    assert result.brownouts >= 2
    assert causes.count(seam.RESET_BROWNOUT) in (result.brownouts, result.brownouts - 1)
    first = causes.index(seam.RESET_BROWNOUT)
    assert valid[first - 1] and not valid[first]


def test_a_dead_collar_waits_for_the_restart_voltage(make_world):
    volts = []

    def step(board):
        if board.reset_cause() == seam.RESET_BROWNOUT:
            volts.append(board.gauge.voltage_uv() / 1e6)
        hungry(board)

    world = make_world(step=step, start_v=2.5, income_j_per_day=8.0)
    world.run(30)
    assert volts and all(abs(v - world.parts.restart_v) < 0.005 for v in volts)


def test_the_cut_comes_when_the_sag_meets_the_limit(make_world):
    world = make_world(step=hungry, start_v=2.36, income_j_per_day=0.0)
    result = world.run(0.1)[0]
    assert result.brownouts == 1
    # 0.1 ohm, up to twice that in a cold night, x 50 mW / 2.2 V: 2 to 5 mV above the limit
    assert 0.0015 < result.voltage_v - world.parts.brownout_v < 0.005


def test_without_income_a_dead_collar_stays_dead(make_world):
    result = make_world(step=hungry, start_v=2.4, income_j_per_day=0.0).run(20)[0]
    assert result.brownouts == 1
    assert result.voltage_v < 2.21


@pytest.mark.parametrize("income_j", [0.0, 0.69, 10.0, 400.0])
def test_every_energy_book_balances(make_world, income_j):
    world = make_world(step=hungry, start_v=2.6, income_j_per_day=income_j)
    for days in (0.3, 7, 0.013):
        for result in world.run(days):
            out_j = sum(result.joules_out.values())
            error_j = result.joules_start + result.joules_in - out_j - result.joules_end
            assert abs(error_j) < 1e-6 * (result.joules_start + result.joules_in)


def test_a_month_brings_the_income_that_was_asked_for(make_world):
    world = make_world(collars=3, step=lambda board: None, income_j_per_day=4.0, start_v=2.3)
    for result in world.run(30):
        assert result.joules_in / 30 == pytest.approx(4.0, rel=0.12)


def test_a_full_storage_overflows(make_world):
    world = make_world(step=lambda board: None, income_j_per_day=10.0, start_v=3.79)
    result = world.run(10)[0]
    assert result.voltage_v == pytest.approx(3.8, abs=1e-3)
    assert result.joules_out["overflow"] > 90


def test_an_unfed_watchdog_resets(make_world):
    causes = []

    def step(board):
        causes.append(board.reset_cause())
        board.arm_wakeup(3600)
        if len(causes) == 1:
            board.clock.sleep_ms(3_600_000)

    result = make_world(step=step).run(0.5)[0]
    assert causes[:3] == [seam.RESET_POWER_ON, seam.RESET_WATCHDOG, seam.RESET_STANDBY_WAKE]
    assert result.watchdogs == 1


def test_standby_switches_the_receiver_off(make_world):
    world = make_world(step=lambda board: board.gnss.power(True))
    result = world.run(1)[0]
    assert result.failed_fixes == 1
    assert sum(v for k, v in result.joules_out.items() if k.startswith("gnss")) < 0.1


def test_an_error_out_of_the_firmware_names_collar_and_time(make_world):
    def step(board):
        raise OSError("bus")

    with pytest.raises(FirmwareError, match=r"collar 1 .* OSError\('bus'\)"):
        make_world(step=step).run(1)


def test_a_cut_at_a_byte_of_the_memory_is_a_brown_out(make_world):
    causes = []

    def step(board):
        board.arm_wakeup(600)
        causes.append(board.reset_cause())
        board.fram.write(0x3000, b"whole")

    world = make_world(step=step)
    world.collars[0].hardware.chip.cut_after_bytes = 3
    world.run(0.02)
    assert causes[:2] == [seam.RESET_POWER_ON, seam.RESET_BROWNOUT]
    assert world.collars[0].fram.read(0x3000, 5) == b"whole"


def test_gauge_reads_the_voltage_under_load(make_world):
    seen = []
    world = make_world(step=lambda board: seen.append(board.gauge.voltage_uv()), start_v=3.0)
    world.run(0.01)
    assert seen[0] / 1e6 == pytest.approx(2.999, abs=0.002)


def test_temperature_is_that_of_a_mountain_in_june(make_world):
    seen = []
    make_world(step=lambda board: seen.append(board.gauge.temperature_c())).run(0.01)
    assert -5 < seen[0] < 20


def test_time_in_a_wake_is_the_time_that_was_waited(make_world):
    seen = []

    def step(board):
        start_ms = board.clock.ticks_ms()
        board.clock.sleep_ms(1234)
        seen.append(board.clock.ticks_ms() - start_ms)

    make_world(step=step).run(0.01)
    assert seen == [1234]


def test_two_collars_that_send_at_once_collide(make_world):
    def step(board):
        board.radio.send(868_100_000, 12, 125_000, 14, bytes(60))

    world = make_world(collars=2, step=step)
    for collar in world.collars:
        collar.switched_on_us = 1_000_000
    world.run(0.01)
    assert world.ether.fates["sent"] == 2 and world.ether.fates["collision"] >= 1


def test_progress_is_told_every_hour(make_world):
    told = []
    make_world(step=lambda board: None).run(0.25, progress=told.append)
    assert told == [3600.0 * n for n in range(1, 7)]


def test_a_world_with_a_bridge_waits_for_its_station(make_world):
    world = make_world(bridge=True, step=lambda board: None)
    with pytest.raises(StationSilent, match=world.port):
        world.run(1, configure_timeout_s=0.05)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"start_v": 4.2}, "4.2"), ({"income_j_per_day": -1.0}, "-1")],
)
def test_an_impossible_collar_is_refused(make_world, change, named):
    with pytest.raises(ScenarioError, match=named):
        make_world(step=lambda board: None, **change)
