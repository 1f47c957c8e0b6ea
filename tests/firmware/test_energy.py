from firmware import energy
from firmware.block import State
from firmware.boards._costs_collar_l476 import COSTS
from firmware.config import Settings

DAY = 86400


def test_a_full_storage_holds_192_joules():
    assert energy.full_uj(COSTS) == 192000000
    assert energy.stored_uj(COSTS, COSTS.empty_uv) == 0
    assert energy.stored_uj(COSTS, 2100000) < 0


def test_voltage_and_energy_are_inverse():
    for voltage_uv in range(2200000, 3800001, 99999):
        energy_uj = energy.stored_uj(COSTS, voltage_uv)
        assert voltage_uv - 1 <= energy.voltage_uv(COSTS, energy_uj) <= voltage_uv


def test_there_is_no_voltage_below_nothing():
    assert energy.voltage_uv(COSTS, -100000000) == 0


def test_the_reserve_is_sixty_days_of_sleep():
    reserve_uj = energy.reserve_uj(COSTS, Settings())
    assert 60 * 220000 < reserve_uj < 60 * 260000


def test_a_task_that_would_touch_the_reserve_is_refused():
    settings = Settings()
    reserve_uj = energy.reserve_uj(COSTS, settings)
    assert energy.affords(COSTS, settings, reserve_uj + 2000000, 2000000, 50000)
    assert not energy.affords(COSTS, settings, reserve_uj + 1999999, 2000000, 50000)


def test_a_load_that_would_sag_to_the_brown_out_line_is_refused():
    settings = Settings(reserve_days=0, margin_mv=30)
    # 100 mW at 2.2 V is 45 mA, through 3 x 0.1 ohm 14 mV; with the margin 44 mV or 3.9 J
    assert energy.affords(COSTS, settings, 4000000, 0, 100000)
    assert not energy.affords(COSTS, settings, 3700000, 0, 100000)


def test_nothing_is_afforded_below_the_lower_limit():
    assert not energy.affords(COSTS, Settings(reserve_days=0), -1, 0, 1000)


def live(days, income_uj, spend_uj, start_uj=96000000, settings=None):
    """Balance a collar four times a day; returns its state and its energy."""
    state, settings = State(), settings or Settings()
    stored_uj = start_uj
    for quarter in range(4 * days + 1):
        energy.balance(state, COSTS, settings, 1000000 + quarter * DAY // 4, stored_uj)
        energy.book(state, spend_uj // 4)
        stored_uj += (income_uj - spend_uj) // 4 - COSTS.standby_nw * DAY // 4000
        stored_uj = min(stored_uj, energy.full_uj(COSTS))
    return state, stored_uj


def test_income_is_learned_whatever_is_spent():
    for spend_uj in (0, 2000000, 9000000):
        state, _ = live(10, 4000000, spend_uj)
        assert abs(state.income_uj - 4000000) < 4000


def test_a_first_quarter_of_a_day_is_enough_to_begin():
    state, _ = live(1, 4000000, 0)
    assert abs(state.income_uj - 4000000) < 4000


def test_income_follows_a_change_within_its_memory():
    state, stored_uj = live(10, 4000000, 0)
    for quarter in range(40):
        energy.balance(
            state, COSTS, Settings(), 1000000 + 10 * DAY + (quarter + 1) * DAY // 4, stored_uj
        )
        stored_uj += 1000000 // 4 - COSTS.standby_nw * DAY // 4000
    assert state.income_uj < 1500000


def test_a_full_storage_does_not_lower_the_income():
    state, _ = live(8, 4000000, 0, start_uj=180000000)
    assert state.income_uj > 3900000


def test_a_clock_that_went_back_starts_another_balance():
    state, _ = live(3, 4000000, 0)
    income_uj = state.income_uj
    energy.balance(state, COSTS, Settings(), 500, 50000000)
    assert (state.anchor_at_s, state.anchor_uj, state.spent_uj) == (500, 50000000, 0)
    assert state.income_uj == income_uj


def test_at_the_target_the_budget_is_income_less_upkeep():
    state, settings = State(), Settings()
    state.income_uj = 4000000
    budget_uj = energy.budget_uj_per_day(state, COSTS, settings, 96000000)
    assert budget_uj == 4000000 - energy.upkeep_uj_per_day(COSTS)


def test_a_surplus_is_spread_over_the_horizon():
    state, settings = State(), Settings()
    rich = energy.budget_uj_per_day(state, COSTS, settings, 116000000)
    assert rich == 20000000 // 20 - energy.upkeep_uj_per_day(COSTS)


def test_the_budget_never_reaches_into_the_reserve():
    state, settings = State(), Settings(target_permille=0)
    state.income_uj = 50000000
    reserve_uj = energy.reserve_uj(COSTS, settings)
    assert energy.budget_uj_per_day(state, COSTS, settings, reserve_uj + 1000) == 1000
    assert energy.budget_uj_per_day(state, COSTS, settings, reserve_uj - 1000) == 0


def test_costs_of_tasks_follow_the_table():
    boot_uj = 24 * (75 + 40 + 5)  # ms at 24 mW
    frame_uj = 24 * (200 + 2 * 5)
    assert energy.fix_uj(COSTS, 40000) == boot_uj + (46000 + 6824) * 40
    assert energy.send_uj(COSTS, 0, 0) == boot_uj + frame_uj + 17
    air_uj = 99000 + 17859 + 2 * 6824
    assert energy.send_uj(COSTS, 1000000, 1000) == boot_uj + frame_uj + 17 + air_uj


def test_the_cost_of_a_fix_is_learned():
    state = State()
    assert energy.cycle_uj(state, COSTS, 80000, 8) == energy.fix_uj(COSTS, 40000) + 10000
    for _ in range(40):
        energy.learn_fix(state, 1000000)
    assert energy.cycle_uj(state, COSTS, 0, 8) == 1000000
    energy.learn_fix(state, 5000000)
    assert energy.cycle_uj(state, COSTS, 0, 8) == 2000000
