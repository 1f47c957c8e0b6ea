from firmware import energy, learning, link, purse
from firmware.block import State
from firmware.boards._costs_collar_l476 import COSTS
from firmware.config import Settings
from firmware.wire import region
from firmware.wire.airtime import airtime_us

DAY = 86400
MIDDLE_UJ = 96000000


def rest_uj(stored_uj):
    """What the table says that a day takes at rest."""
    return energy.rest_uj_per_day(State(), COSTS, stored_uj)


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


def test_the_reserve_is_ninety_days_of_sleep_and_the_frames_of_an_alarm_that_nobody_answers():
    state, settings = State(), Settings()
    reserve_uj = purse.reserve_uj(state, COSTS, settings)
    left_uj = reserve_uj
    for _ in range(90):
        left_uj -= energy.rest_uj_per_day(state, COSTS, left_uj) + 4 * COSTS.boot_uj
    state.sf = 12
    for now_s in range(purse.ALARM_FRAMES):
        sf = link.begin_frame(state, now_s, 0, 0)
        air_us = airtime_us(sf, 125000, region.MAX_PHY_BYTES[sf])
        left_uj -= energy.send_uj(COSTS, air_us, region.silence_ms(sf))
    assert 0 <= left_uj < reserve_uj // 10


def test_only_the_death_of_the_animal_may_take_all_frames_of_the_reserve():
    state = State()
    assert purse.alarm_frames(state) == 4
    state.mortal = 1
    assert purse.alarm_frames(state) == 24


def affords(energy_uj, cost_uj, power_uw, keep_uj, **learned):
    state = State()
    for name in learned:
        setattr(state, name, learned[name])
    return purse.affords(state, COSTS, energy_uj, cost_uj, power_uw, keep_uj, 30)


def test_a_task_that_would_touch_what_is_kept_is_refused():
    assert affords(22000000, 2000000, 50000, 20000000)
    assert not affords(21999999, 2000000, 50000, 20000000)


def test_a_load_that_would_sag_to_the_brown_out_line_is_refused():
    # 100 mW at 2.2 V is 45 mA, through 3 x 0.1 ohm 14 mV; with the margin 44 mV or 3.9 J
    assert affords(4000000, 0, 100000, 0)
    assert not affords(3700000, 0, 100000, 0)


def test_a_learned_resistance_closes_the_gate():
    assert not affords(4000000, 0, 100000, 0, esr_mohm=1000)


def test_nothing_is_afforded_below_the_lower_limit():
    assert not affords(-1, 0, 1000, 0)


def live(days, income_uj, spend_uj, start_uj=96000000, settings=None):
    """Balance a collar four times a day; returns its state and its energy."""
    state, settings = State(), settings or Settings()
    stored_uj = start_uj
    for quarter in range(4 * days + 1):
        learning.balance(state, COSTS, settings, 1000000 + quarter * DAY // 4, stored_uj)
        energy.book(state, spend_uj // 4)
        stored_uj += (income_uj - spend_uj) // 4 - rest_uj(stored_uj) // 4
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
        learning.balance(
            state, COSTS, Settings(), 1000000 + 10 * DAY + (quarter + 1) * DAY // 4, stored_uj
        )
        stored_uj += 1000000 // 4 - rest_uj(stored_uj) // 4
    assert state.income_uj < 1500000


def test_a_full_storage_does_not_lower_the_income():
    state, _ = live(8, 4000000, 0, start_uj=180000000)
    assert state.income_uj > 3900000


def test_a_clock_that_went_back_starts_another_balance():
    state, _ = live(3, 4000000, 0)
    income_uj = state.income_uj
    learning.balance(state, COSTS, Settings(), 500, 50000000)
    assert (state.anchor_at_s, state.anchor_uj, state.spent_uj) == (500, 50000000, 0)
    assert state.income_uj == income_uj


def lie(state, days, standby_nw, leakage_nw, stored_uj, noise=None):
    """Let a collar lie still, read four times a day; returns what is stored then."""
    state.still_at_s, first_s = 1, max(state.calm_at_s, 1000000)
    for quarter in range(1, 4 * days + 1):
        part = energy.leaking(COSTS, stored_uj)
        stored_uj -= (standby_nw + leakage_nw * part // 1024) * DAY // 4000
        learning.balance(state, COSTS, Settings(), first_s + quarter * DAY // 4, stored_uj)
    return stored_uj


def test_still_times_teach_what_a_day_at_rest_takes():
    for factor in (7, 13):
        state = State()
        standby_nw, leakage_nw = COSTS.standby_nw * factor // 10, COSTS.leakage_nw * factor // 10
        lie(state, 12, standby_nw, leakage_nw, MIDDLE_UJ)
        learned_uj = energy.rest_uj_per_day(state, COSTS, MIDDLE_UJ)
        assert abs(learned_uj * 10 - rest_uj(MIDDLE_UJ) * factor) < rest_uj(MIDDLE_UJ) // 5
        assert state.income_uj < 20000


def test_what_a_stuck_converter_has_taught_is_taken_back():
    learned = State()
    for quarter in range(80):
        learning.balance(
            learned, COSTS, Settings(), 10**6 + quarter * DAY // 4, 60000000 + quarter
        )
        learning.plausible(learned, COSTS, Settings(), 2800000 + quarter % 7)
    income_uj, first_s = learned.income_uj, 10**6 + 20 * DAY
    for wake in range(8):
        energy.book(learned, 40000)
        good = learning.plausible(learned, COSTS, Settings(), 3000000)
        if good:
            stored_uj = energy.stored_uj(COSTS, 3000000)
            learning.balance(learned, COSTS, Settings(), first_s + wake * DAY // 4, stored_uj)
    assert not good
    assert abs(learned.income_uj - income_uj) < 20000
    assert abs(learned.anchor_uj - 60000000) < 200000


def test_a_converter_without_noise_is_not_stuck_while_less_than_its_step_is_spent():
    step_uj = energy.stored_uj(COSTS, 2901600) - energy.stored_uj(COSTS, 2900000)
    block = State()
    for _ in range(40):
        assert learning.plausible(block, COSTS, Settings(), 2900000)
        energy.book(block, step_uj // 40)


def test_there_is_a_root_of_everything():
    for n in (-5, 0, 1, 3, 4, 99, 10**26, 10**26 - 1):
        root = energy.isqrt(n)
        assert root * root <= max(n, 0) < (root + 1) ** 2


def test_standby_and_leakage_are_told_apart_by_the_voltage():
    state, standby_nw, leakage_nw = (
        State(),
        COSTS.standby_nw * 8 // 10,
        COSTS.leakage_nw * 15 // 10,
    )
    for stored_uj in (180000000, 40000000, 180000000, 40000000):
        lie(state, 40, standby_nw, leakage_nw, stored_uj)
        state.calm_at_s += DAY
    assert abs(state.standby_pw // 1000 - standby_nw) < standby_nw // 10
    assert abs(state.leakage_pw // 1000 - leakage_nw) < leakage_nw // 10


def test_at_one_voltage_only_the_sum_of_standby_and_leakage_is_learned():
    state = State()
    for _ in range(20):
        lie(state, 2, COSTS.standby_nw * 8 // 10, COSTS.leakage_nw * 15 // 10, MIDDLE_UJ)
        state.calm_at_s += DAY
    sure, each = learning.rest_variance(state, COSTS), (state.rest_ss, state.rest_ll)
    assert all(sure * 30 < one for one in each)
    seen_pw = 800 * COSTS.standby_nw + 1500 * COSTS.leakage_nw * 684 // 1024
    assert abs(energy.rest_pw(state, COSTS, MIDDLE_UJ) - seen_pw) < seen_pw // 30


def test_rest_is_learned_again_after_it_was_known():
    state = State()
    lie(state, 40, COSTS.standby_nw, COSTS.leakage_nw, MIDDLE_UJ)
    assert learning.rest_is_known(state, COSTS)
    for _ in range(8):
        lie(state, 40, COSTS.standby_nw * 2, COSTS.leakage_nw, MIDDLE_UJ)
        state.calm_at_s += DAY
    assert abs(state.standby_pw - 2000 * COSTS.standby_nw) < 400 * COSTS.standby_nw


def test_rest_that_became_many_times_as_much_is_learned_again():
    state = State()
    lie(state, 40, COSTS.standby_nw, COSTS.leakage_nw, MIDDLE_UJ)
    for times, at_most in ((6, 7), (1, 3)):
        state.calm_at_s += DAY
        lie(state, 30, COSTS.standby_nw * times, COSTS.leakage_nw, 2 * MIDDLE_UJ)
        found = state.standby_pw // (1000 * COSTS.standby_nw)
        assert times - 1 <= found < at_most


def test_an_animal_that_the_sensor_calls_still_while_joules_come_in_teaches_nothing():
    state = State()
    lie(state, 12, COSTS.standby_nw, COSTS.leakage_nw, MIDDLE_UJ)
    standby_pw = state.standby_pw
    for day in range(20):
        learning.balance(state, COSTS, Settings(), state.calm_at_s + DAY // 2, (100 + day) * 10**6)
    assert state.standby_pw == standby_pw


def test_at_the_target_the_budget_is_income_less_rest():
    state = State()
    state.income_uj = 4000000
    budget_uj = purse.budget_uj_per_day(state, COSTS, Settings(), 51840000)
    assert budget_uj == 4000000 - energy.rest_uj_per_day(state, COSTS, 51840000)


def test_a_surplus_is_spread_over_the_horizon():
    rich_uj = purse.budget_uj_per_day(State(), COSTS, Settings(), 51840000 + 20000000)
    assert rich_uj == 20000000 // 20 - energy.rest_uj_per_day(State(), COSTS, 71840000)


def test_the_budget_never_reaches_into_the_reserve():
    state, settings = State(), Settings(target_permille=0)
    state.income_uj = 50000000
    reserve_uj = purse.reserve_uj(state, COSTS, settings)
    assert purse.budget_uj_per_day(state, COSTS, settings, reserve_uj + 1000) == 1000
    assert purse.budget_uj_per_day(state, COSTS, settings, reserve_uj - 1000) == 0


def test_the_purse_fills_with_the_budget_and_holds_only_so_much():
    state = State()
    for hours in range(49):
        purse.fill_purse(state, 1000000 + hours * 3600, 4000000, 9000000)
    assert abs(state.purse_uj - 8000000) < 50
    purse.fill_purse(state, 1000000 + 72 * 3600, 4000000, 9000000)
    assert state.purse_uj == 9000000


def test_costs_of_tasks_follow_the_table():
    boot_uj = 24 * (75 + 40 + 5)  # ms at 24 mW
    frame_uj = 24 * (200 + 2 * 5)
    assert energy.search_uj(State(), COSTS, 40000) == (46000 + 17) * 40
    assert energy.send_uj(COSTS, 0, 0) == boot_uj + frame_uj + 17
    air_uj = 99000 + 17859 + 2 * 6824
    assert energy.send_uj(COSTS, 1000000, 1000) == boot_uj + frame_uj + 17 + air_uj


def test_a_search_is_learned_by_what_the_receiver_knew():
    state = State()
    state.fix_at_s = 1
    for hour in range(40):
        energy.after_search(state, COSTS, 100000 + 60 * hour, energy.OWN, 5000, True)
    assert abs(energy.expected_ms(state, COSTS, energy.OWN) - 5000) < 200
    assert energy.expected_ms(state, COSTS, energy.COLD) == 40000


def test_searches_in_vain_make_every_fix_dearer_and_are_forgotten():
    state = State()
    before_uj = energy.expected_uj(state, COSTS, energy.COLD)
    for _ in range(10):
        energy.after_search(state, COSTS, 100000, energy.COLD, 40000, False)
        energy.after_search(state, COSTS, 100000, energy.OWN, 5000, True)
    assert energy.expected_uj(state, COSTS, energy.COLD) > before_uj + 200000
    for _ in range(200):
        energy.after_search(state, COSTS, 100000, energy.OWN, 5000, True)
    assert energy.expected_uj(state, COSTS, energy.COLD) - before_uj < 50000


def search(state, known, on_ms, power_permille, long_read=False):
    """A search with a fix that takes so much of the table's power, and what it teaches."""
    before_uv = 3300000
    true_uj = energy.search_uj(State(), COSTS, on_ms) * power_permille // 1000
    after_uv = energy.voltage_uv(COSTS, energy.stored_uj(COSTS, before_uv) - true_uj)
    energy.after_search(state, COSTS, 100000, known, on_ms, True, known == energy.RENEW)
    learning.learn_search(state, COSTS, known, before_uv, after_uv, on_ms, True, long_read)
    return true_uj


def test_the_power_of_a_search_is_learned_from_the_voltage():
    state = State()
    for _ in range(60):
        search(state, energy.COLD, 30000, 1300)
    assert 1270 <= state.search_permille <= 1330


def test_what_each_kind_of_search_takes_is_learned_from_its_own_steps_of_the_voltage():
    kinds = {energy.COLD: (40000, 1300), energy.STALE: (30000, 1200), energy.AIDED: (6000, 800)}
    kinds.update({energy.OWN: (4000, 700), energy.OWN + 3: (9000, 900)})
    kinds[energy.RENEW] = (25000, 1100)
    state, true_uj = State(), {}
    for _ in range(80):
        for known in kinds:
            true_uj[known] = search(state, known, *kinds[known])
    for known in kinds:
        off_uj = energy.expected_uj(state, COSTS, known) - true_uj[known]
        assert abs(off_uj) < true_uj[known] // 25, known


def test_a_long_reading_is_booked():
    short, long = State(), State()
    search(short, energy.COLD, 30000, 1000)
    search(long, energy.COLD, 30000, 1000, long_read=True)
    assert long.spent_uj - short.spent_uj == 2 * COSTS.gauge_long_uj
    assert learning.search_long(State(), energy.COLD)


def test_the_series_resistance_is_learned_from_the_sag():
    state = State()
    for _ in range(60):  # 46 mW at 3 V through 0.3 ohm: 4.6 mV
        learning.learn_esr(state, COSTS, 3000000, 3000000 - 4600, 46000)
    assert 280 <= state.esr_mohm <= 300


def test_what_the_receiver_knows_follows_the_age_of_its_data():
    state, now_s = State(), 1790000000
    assert energy.knows(state, now_s) == energy.COLD
    state.fix_at_s = now_s - DAY
    assert energy.knows(state, now_s) == energy.STALE
    for minutes, known in ((1, 0), (31, 0), (62, 1), (118, 3), (241, 7)):
        state.data_at_s = now_s - minutes * 60
        assert energy.knows(state, now_s) == energy.OWN + known
    state.data_at_s = now_s - 5 * 3600
    assert energy.knows(state, now_s) == energy.STALE
    state.aid_at_s = now_s - 60
    assert energy.knows(state, now_s) == energy.AIDED
