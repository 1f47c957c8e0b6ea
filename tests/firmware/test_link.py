from firmware import link
from firmware.layout import ADDRESS_LEDGER
from firmware.wire import region
from firmware.wire.airtime import airtime_us

from .light import State
from .memory import Memory, cut_everywhere
from .wire.raising import raised

NOW = 1790000100
FREQ = 868300000
HOUR_US = 36000000


def ledger(memory=None):
    return link.Ledger(memory or Memory(), FREQ)


def test_an_hour_holds_36_seconds_of_the_one_percent_band():
    assert ledger().limit_us == HOUR_US
    assert ledger().free_us(NOW) == HOUR_US


def test_airtime_counts_for_at_least_an_hour():
    memory = Memory()
    ledger(memory).charge(NOW, 1000000)
    for later in (0, 600, 3599, 3600):
        assert ledger(memory).free_us(NOW + later) == HOUR_US - 1000000
    assert ledger(memory).free_us(NOW + 4500) == HOUR_US


def test_a_full_hour_refuses():
    memory = Memory()
    ledger(memory).charge(NOW, HOUR_US)
    error = raised(link.DutyCycleFull, ledger(memory).charge, NOW + 3000, 1)
    assert "expected at most 0 us" in str(error)


def test_waiting_as_long_as_told_is_enough():
    memory = Memory()
    for minute in range(36):
        ledger(memory).charge(NOW + 60 * minute, 1000000)
    now = NOW + 36 * 60
    wait_s = ledger(memory).wait_s(now, 5000000)
    assert 0 < wait_s <= 4200
    assert ledger(memory).wait_s(now + wait_s, 5000000) == 0
    ledger(memory).charge(now + wait_s, 5000000)


def test_a_clock_set_back_frees_nothing():
    memory = Memory()
    ledger(memory).charge(NOW, 30000000)
    back = NOW - 5000000
    assert ledger(memory).free_us(back) == 6000000
    ledger(memory).settle(back)
    assert ledger(memory).free_us(back + 3600) == 6000000
    assert ledger(memory).free_us(back + 4500) == HOUR_US


def test_a_clock_set_forward_frees_nothing():
    memory = Memory()
    ledger(memory).charge(NOW, 30000000)
    ahead = NOW + 5000000
    ledger(memory).move(NOW, ahead)
    assert ledger(memory).free_us(NOW) == 6000000
    assert ledger(memory).free_us(ahead + 3600) == 6000000
    assert ledger(memory).free_us(ahead + 4500) == HOUR_US


def test_a_charge_cut_at_any_byte_keeps_what_was_charged():
    memory = Memory()
    for minute in range(20):
        ledger(memory).charge(NOW + 300 * minute, 1000000)
    now = NOW + 300 * 20
    before = ledger(memory).free_us(now)

    def check(copy, whole):
        charged = before - ledger(copy).free_us(now)
        assert charged in ((2000000,) if whole else (0, 2000000))

    cut_everywhere(memory, lambda copy: ledger(copy).charge(now, 2000000), check)


def test_a_destroyed_ledger_counts_as_used_up_for_an_hour():
    memory = Memory()
    memory.write(ADDRESS_LEDGER, bytes(range(250)) * 4)
    assert ledger(memory).free_us(NOW) == 0
    ledger(memory).settle(NOW)
    assert ledger(memory).free_us(NOW + 3600) == 0
    assert ledger(memory).free_us(NOW + 4500) == HOUR_US


def test_sub_bands_have_ledgers_of_their_own():
    memory = Memory()
    ledger(memory).charge(NOW, HOUR_US)
    assert link.Ledger(memory, 869525000).free_us(NOW) == 360000000
    assert link.Ledger(memory, 868100000).free_us(NOW) == 0
    assert len(link.uplink_ledgers(memory)) == 1


def test_ledgers_end_before_the_bitmap():
    last = ADDRESS_LEDGER + len(region.SUB_BANDS) * link._BLOCK_STRIDE
    assert last <= 0x1000


def test_a_frame_has_room_for_its_overhead():
    assert [link.frame_room(sf) for sf in (7, 9, 12)] == [222, 116, 52]


def silence(frames, poor_s=0):
    state, waits, rates = State(), [], []
    for _ in range(frames):
        rates.append(link.begin_frame(state, NOW, 0, poor_s))
        waits.append(state.send_after_s - NOW)
    return waits, rates


def test_silence_doubles_the_wait_to_six_hours():
    assert silence(9)[0] == [300, 600, 1200, 2400, 4800, 9600, 19200, 21600, 21600]


def test_silence_slows_the_rate_every_second_time():
    assert silence(9)[1] == [9, 9, 10, 10, 11, 11, 12, 12, 12]


def test_a_long_silence_is_asked_quickly_and_slowly_in_turn_for_ever():
    rates = silence(300)[1]
    assert rates[10:20] == [12, 12, 12, 9, 9, 12, 9, 9, 12, 9]
    assert (rates[288:].count(9), rates[288:].count(12)) == (8, 4)


def test_long_silence_has_to_fit_the_budget():
    assert silence(6, 100000)[0] == [300, 600, 1200, 2400, 100000, 100000]
    assert link.poor_wait_s(300000, 4800000) == 86400
    assert link.poor_wait_s(300000, 0) == 86400


def test_salt_spreads_collars_over_a_minute():
    state = State()
    link.begin_frame(state, NOW, 7 * 31, 0)
    assert 300 <= state.send_after_s - NOW < 364


def test_an_answer_ends_the_back_off():
    state = State()
    sf = link.begin_frame(state, NOW, 0, 0)
    link.answered(state, sf, 5, True, airtime)
    assert (state.misses, state.send_after_s, state.draining, state.sf) == (0, 0, 1, 9)


def airtime(sf):
    """A cost in which nothing but the transmission counts."""
    return airtime_us(sf, 125_000, region.MAX_PHY_BYTES[sf])


def test_a_good_margin_raises_the_rate_and_a_thin_one_lowers_it():
    rates = [link.best_sf(9, margin_db, airtime) for margin_db in (-9, 0, 6, 15, 40)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == 7 and rates[0] > 9


def test_what_a_failure_costs_decides():
    def flat(sf):
        return 1000

    def steep(sf):
        return 1000 * 4 ** (sf - 7)

    assert link.best_sf(8, 6, steep) == 7
    assert link.best_sf(8, 6, flat) == 8


def test_the_rate_stays_within_the_region():
    for margin_db in (-128, 127):
        assert region.SF_MIN <= link.best_sf(12, margin_db, airtime) <= region.SF_MAX


def test_a_rate_the_settings_fix_is_kept_through_a_long_silence():
    state = State()
    region.use(1, 0, 12)
    try:
        rates = [link.begin_frame(state, NOW, 0, 0) for _ in range(20)]
        assert set(rates) == {12} and state.sf == 12
    finally:
        region.use(1)
