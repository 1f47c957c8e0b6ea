"""The twin spends what the collar's own cost table says, and both come from one file."""

import pytest

from firmware.board import RESET_POWER_ON
from firmware.boards._costs_collar_l476 import COSTS
from hardware.twin import parts
from hardware.twin.__main__ import main

DAY_S = 86_400


def spent_j(world, days):
    result = world.run(days)[0]
    return sum(result.joules_out.values()) - result.joules_out.get("overflow", 0.0)


def difference_j(make_world, step):
    """What a step costs over a wake that does nothing."""
    worlds = [make_world(step=one, start_v=3.6, income_j_per_day=0.0) for one in (step, nothing)]
    step_j, nothing_j = (spent_j(world, 0.1) for world in worlds)
    return step_j - nothing_j


def nothing(board):
    pass


def test_firmware_and_twin_have_the_same_costs():
    assert parts.load().costs == COSTS


def test_a_day_asleep_costs_what_the_table_says(make_world):
    world = make_world(step=nothing, start_v=3.6, income_j_per_day=0.0)
    first_j = spent_j(world, 1)
    day_j = spent_j(world, 1) - first_j
    leakage_j = 5e-7 * 3.6 * DAY_S
    assert day_j - leakage_j == pytest.approx(COSTS.standby_nw * DAY_S / 1e9, rel=0.05)


def test_a_search_costs_what_the_table_says(make_world):
    def step(board):
        board.gnss.power(True)
        for _ in range(25):
            board.clock.sleep_ms(1000)
        board.gnss.power(False)

    table_j = 25 * (COSTS.gnss_search_uw + COSTS.processor_sleep_uw) / 1e6
    assert difference_j(make_world, step) == pytest.approx(table_j, rel=0.02)


def test_a_frame_costs_what_the_table_says(make_world):
    def step(board):
        board.radio.send(868_100_000, 12, 125_000, 14, bytes(51))

    air_j = 2.466 * (COSTS.radio_tx_uw + COSTS.processor_stop_uw) / 1e6
    table_j = air_j + 0.205 * COSTS.processor_uw / 1e6
    assert difference_j(make_world, step) == pytest.approx(table_j, rel=0.02)


def test_a_boot_costs_what_the_table_says(make_world):
    def step(board):
        if board.reset_cause() == RESET_POWER_ON:
            board.arm_wakeup(60)

    wakes = 0.1 * DAY_S / 60
    table_j = COSTS.boot_uj / 1e6 + 0.040 * COSTS.processor_uw / 1e6
    assert difference_j(make_world, step) / wakes == pytest.approx(table_j, rel=0.1)


def test_the_bench_command_prints_a_book_that_closes(capsys):
    assert main(["--days", "1", "--collars", "2", "--no-station"]) == 0
    text = capsys.readouterr().out
    assert text.count("stored at end") == 2
    assert "out gnss_search" in text and "brown-outs" in text


def test_the_bench_command_refuses_nonsense(capsys):
    assert main(["--days", "-1", "--no-station"]) == 1
    assert "days = -1.0" in capsys.readouterr().err
