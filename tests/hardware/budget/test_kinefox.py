"""The twin against a real collar, and its parts against the figures they were taken from."""

import pytest

from firmware.wire.airtime import airtime_us
from hardware.budget import kinefox
from hardware.twin import parts

PARTS = parts.load()
POWER_W = PARTS.power_w
DAY_S = 86_400


def test_thirteen_days_predict_the_next_hundred_and_nineteen(reference_data):
    folder = reference_data / "kinefox"
    seen, told = kinefox.observed(folder), kinefox.predicted(folder)
    assert told.frames == pytest.approx(seen.frames, rel=0.2)
    assert told.gap_d == pytest.approx(seen.gap_d, rel=0.2)
    assert (told.low_v, told.high_v) == pytest.approx((seen.low_v, seen.high_v), abs=0.02)


def test_the_fit_is_the_ponys(reference_data):
    fit = kinefox.fit(reference_data / "kinefox")
    assert fit.income_w * DAY_S == pytest.approx(0.69, rel=0.2)  # J/day, published
    assert fit.cycle_c * 2.9 == pytest.approx(4.6, rel=0.2)  # J, published


def test_a_cold_search_costs_what_the_receivers_data_sheet_says():
    assert 0.95 * 0.93 <= POWER_W["gnss_search"] * 27 <= 1.05 * 1.12


@pytest.mark.parametrize(
    ("count", "sf", "joules"),
    [(24, 7, 5.2e-3), (24, 10, 31e-3), (24, 12, 125e-3), (64, 7, 9.9e-3), (64, 12, 235e-3)],
)
def test_a_frame_costs_what_airtime_and_current_say(count, sf, joules):
    spent_j = POWER_W["radio_tx"] * airtime_us(sf, 125_000, count) / 1e6
    assert spent_j == pytest.approx(joules, rel=0.05)


def test_listening_costs_what_the_radios_data_sheet_says():
    assert POWER_W["radio_rx"] == pytest.approx(4.6e-3 * 3.3, rel=0.05)


def test_sleep_is_the_sum_of_the_parts_currents():
    names = ("standby", "accelerometer", "radio_sleep", "fram_sleep")
    at_3_v_j = sum(POWER_W[name] for name in names) * 3.0 / 2.0 * DAY_S
    assert at_3_v_j == pytest.approx(0.13 + 0.10 + 0.04, rel=0.05)


def test_the_accelerometer_takes_a_tenth_of_a_joule_a_day_at_3_v():
    assert POWER_W["accelerometer"] * 1.5 * DAY_S == pytest.approx(0.10, rel=0.05)


def test_the_storage_holds_192_joules():
    storage, costs = PARTS.storage, PARTS.costs
    held_j = 0.5 * storage.capacitance_f * (storage.full_v**2 - (costs.empty_uv / 1e6) ** 2)
    assert held_j == pytest.approx(192, rel=0.05)
