from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.twin.storage import Storage, StorageParts

PARTS = StorageParts(capacitance_f=40.0, esr_ohm=0.1, leakage_a=5e-7, full_v=3.8)

steps = st.lists(
    st.tuples(
        st.floats(0.001, 600.0),
        st.floats(0.0, 0.05),
        st.dictionaries(st.sampled_from(["gnss", "processor", "radio"]), st.floats(0.0, 2.0)),
    ),
    max_size=40,
)


@given(st.floats(0.5, 3.8), steps)
@settings(derandomize=True, max_examples=200)
def test_book_balances_whatever_happens(start_v, steps):
    storage = Storage(PARTS, start_v)
    for dt_s, income_w, loads_w in steps:
        storage.advance(dt_s, income_w, loads_w)
    assert storage.imbalance() < 1e-9
    assert 0.0 <= storage.voltage_v <= PARTS.full_v + 1e-12
    assert all(joules >= 0.0 for joules in storage.out_j.values())


def test_window_of_the_storage_holds_192_joules():
    full, empty = Storage(PARTS, 3.8), Storage(PARTS, 2.2)
    assert full.energy_j - empty.energy_j == pytest.approx(192.0)


def test_full_storage_books_the_rest_as_overflow():
    storage = Storage(PARTS, 3.8)
    storage.advance(100.0, 0.01, {})
    assert storage.voltage_v == pytest.approx(3.8)
    assert storage.out_j["overflow"] + storage.out_j["leakage"] == pytest.approx(1.0)


def test_leakage_alone_empties_like_a_parallel_resistance():
    storage = Storage(PARTS, 3.0)
    for _ in range(144):
        storage.advance(600.0, 0.0, {})
    assert storage.out_j["leakage"] == pytest.approx(5e-7 * 3.0**2 / 3.8 * 86_400, rel=1e-3)


def test_series_resistance_triples_at_20_below():
    storage = Storage(replace(PARTS, esr_cold=3.0), 3.0)
    warm_v = storage.voltage_under_v(0.3)
    storage.feel(-20.0)
    assert storage.esr_ohm == pytest.approx(0.3)
    assert 3.0 - storage.voltage_under_v(0.3) == pytest.approx(3 * (3.0 - warm_v), rel=0.05)
    storage.feel(35.0)
    assert storage.esr_ohm == pytest.approx(0.1)


def test_voltage_sags_by_current_times_resistance():
    storage = Storage(PARTS, 3.0)
    sag_v = 3.0 - storage.voltage_under_v(0.3)
    assert sag_v == pytest.approx(0.1 * 0.3 / storage.voltage_under_v(0.3))
    assert storage.voltage_under_v(1e6) == 0.0


def test_energy_of_a_terminal_voltage_gives_that_voltage_back():
    energy_j = Storage(PARTS, 3.0).energy_at_j(2.2, 0.1)
    storage = Storage(PARTS, (2 * energy_j / 40.0) ** 0.5)
    assert storage.voltage_under_v(0.1) == pytest.approx(2.2, abs=1e-12)


def test_resistance_turns_current_into_loss():
    storage = Storage(PARTS, 3.0)
    storage.advance(10.0, 0.0, {"radio": 0.3})
    current_a = 0.3 / Storage(PARTS, 3.0).voltage_under_v(0.3)
    assert storage.out_j["esr"] == pytest.approx(10.0 * 0.1 * current_a**2)
