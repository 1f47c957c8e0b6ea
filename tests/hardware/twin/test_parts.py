"""The twin spends what the collar's own cost table says, and both come from one file."""

import pytest

from firmware import energy
from firmware.block import State
from firmware.boards._costs_collar_l476 import COSTS
from firmware.drivers.radio import Radio
from firmware.wire import region
from firmware.wire.airtime import airtime_us
from hardware import describe
from hardware.twin import Air, parts
from hardware.twin.__main__ import main
from tests.hardware.twin.conftest import KEYS
from tests.hardware.twin.station import Station

DAY_S = 86_400


def spent_j(world, days):
    result = world.run(days)[0]
    return sum(result.joules_out.values()) - result.joules_out.get("overflow", 0.0)


def difference_j(make_world, step):
    """What a wake with this step costs over one that does nothing."""
    worlds = [make_world(step=one, start_v=3.6, income_j_per_day=0.0) for one in (step, nothing)]
    step_j, nothing_j = (spent_j(world, 0.1) for world in worlds)
    assert [world.results()[0].wakes for world in worlds] == [1, 1]
    return step_j - nothing_j


def nothing(board):
    pass


def test_firmware_and_twin_have_the_same_costs():
    assert parts.load().costs == COSTS


def test_every_number_of_the_description_is_read(monkeypatch):
    read = set()

    class Section(dict):
        def __init__(self, section, values):
            super().__init__(values)
            self.section = section

        def __getitem__(self, name):
            read.add((self.section, name))
            return super().__getitem__(name)

        def items(self):  # only the pins are gone through as a whole
            return [(name, self[name]) for name in self]

    values = {name: Section(name, entries) for name, entries in describe.load().items()}
    monkeypatch.setattr(describe, "_integers", lambda values, section: values[section])
    monkeypatch.setattr(parts, "_section", lambda values, section: values[section])
    parts._parts(values)
    describe.render(values)
    every = {(name, entry) for name, entries in values.items() for entry in entries}
    assert every - read == set()


def test_a_day_asleep_costs_what_the_table_says(make_world):
    world = make_world(step=nothing, start_v=3.1, income_j_per_day=0.0)
    first_j = spent_j(world, 1)
    day_j = spent_j(world, 1) - first_j
    leaks_nw = COSTS.leakage_nw * (3.1 / 3.8) ** 2
    assert day_j == pytest.approx((COSTS.standby_nw + leaks_nw) * DAY_S / 1e9, rel=0.05)


def test_a_search_costs_what_the_firmware_books(make_world):
    def step(board):
        board.gnss.power(True)
        for _ in range(25):
            board.clock.stop_ms(1000)  # as it waits for the receiver
        board.gnss.power(False)

    booked_j = energy.search_uj(State(), COSTS, 25_000) / 1e6
    assert difference_j(make_world, step) == pytest.approx(booked_j, rel=0.02)


@pytest.mark.parametrize(("sf", "count"), [(7, 200), (9, 128), (12, 51)])
def test_a_frame_nobody_answers_costs_what_the_firmware_books(make_world, sf, count):
    def step(board):
        board.radio.send(868_100_000, sf, 125_000, 14, bytes(count))
        board.clock.sleep_ms(995)
        assert board.radio.receive(869_525_000, sf, 125_000, region.window_ms(sf)) is None

    air_us = airtime_us(sf, 125_000, count)
    booked_uj = energy.send_uj(COSTS, air_us, region.silence_ms(sf)) - COSTS.boot_uj
    assert difference_j(make_world, step) == pytest.approx(booked_uj / 1e6, rel=0.01)


def test_a_silent_window_takes_as_long_as_with_the_real_modem(make_world):
    took_ms = []

    class Modem:
        def configure(self, settings):
            pass

        def sleep(self, warm_start=True):
            pass

        def recv(self, timeout_ms):
            took_ms.append(timeout_ms)

    def step(board):
        opened_ms = board.clock.ticks_ms()
        board.radio.receive(869_525_000, 9, 125_000, region.window_ms(9))
        took_ms.append(board.clock.ticks_ms() - opened_ms)

    Radio(Modem()).receive(869_525_000, 9, 125_000, region.window_ms(9))
    make_world(step=step).run(0.1)
    assert took_ms[1] == took_ms[0] + 5  # configured first
    assert took_ms[0] == region.silence_ms(9)


def test_a_wake_costs_what_the_firmware_books(make_world):
    def step(board):
        board.gauge.voltage_uv()
        board.arm_wakeup(60)

    world = make_world(step=step, start_v=3.6, income_j_per_day=0.0)
    idle = make_world(step=nothing, start_v=3.6, income_j_per_day=0.0)
    more_j = spent_j(world, 0.1) - spent_j(idle, 0.1)
    wakes = world.results()[0].wakes - 1  # the other one boots as well, but reads nothing
    assert wakes > 100
    assert more_j / wakes == pytest.approx(COSTS.boot_uj / 1e6, rel=0.02)


def test_what_the_firmware_books_in_a_month_is_what_it_spends(make_world, monkeypatch):
    booked_uj = []
    book = energy.book

    def noted(state, cost_uj):
        booked_uj.append(cost_uj)
        book(state, cost_uj)

    monkeypatch.setattr(energy, "book", noted)
    world = make_world(bridge=True, income_j_per_day=6.0, air=Air(loss_down=0.3))
    with Station(world.port, KEYS):
        result = world.run(30)[0]
    asleep = ("standby", "accelerometer", "radio_sleep", "fram_sleep")
    always_j = sum(parts.load().power_w[name] for name in asleep) * 30 * DAY_S / 0.85
    names = ("leakage", "converter", "esr", "overflow")
    aside_j = sum(result.joules_out.get(name, 0.0) for name in names)
    spent_j = sum(result.joules_out.values()) - always_j - aside_j
    assert result.fixes_taken > 50 and result.frames_sent > 30
    assert sum(booked_uj) / 1e6 == pytest.approx(spent_j, rel=0.02)


def test_the_bench_command_prints_a_book_that_closes(capsys):
    assert main(["--days", "1", "--collars", "2", "--no-station"]) == 0
    text = capsys.readouterr().out
    assert text.count("stored at end") == 2
    assert "out gnss_search" in text and "brown-outs" in text


def test_the_bench_command_refuses_nonsense(capsys):
    assert main(["--days", "-1", "--no-station"]) == 1
    assert "days = -1.0" in capsys.readouterr().err
