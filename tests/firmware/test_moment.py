from firmware import moment
from firmware.block import State

NOW = 1790000000
DAY = 86400


class Clock:
    """A crystal `ppm` fast since `set_s`."""

    def __init__(self, ppm=0):
        self.ppm, self.base_s, self.true_s, self.since_s = ppm, NOW, NOW, NOW

    def set_s(self, unix_s):
        self.base_s, self.since_s = unix_s, self.true_s

    def now_s(self):
        elapsed_s = self.true_s - self.since_s
        return self.base_s + elapsed_s + elapsed_s * self.ppm // 1000000


def test_a_stamp_of_a_known_time_is_that_time():
    state = State()
    assert moment.stamp(state, NOW) == NOW
    assert moment.date(state, NOW) == NOW


def test_a_record_without_time_is_dated_once_its_era_is():
    state = State()
    moment.new_era(state)
    stamp = moment.stamp(state, moment.START_S + 777)
    assert stamp < moment.KNOWN_S
    assert moment.date(state, stamp) is None
    assert moment.era_of(stamp) == (1, 777)
    moment.tell(state, moment.START_S + 1000, NOW)
    assert moment.date(state, stamp) == NOW - 223


def test_eras_are_dated_each_by_its_own():
    state, stamps = State(), []
    for era in range(5):
        moment.new_era(state)
        stamps.append(moment.stamp(state, moment.START_S + era))
        if era != 2:
            moment.tell(state, moment.START_S, NOW + era * DAY)
    dates = [moment.date(state, stamp) for stamp in stamps]
    assert dates == [NOW, NOW + DAY + 1, None, NOW + 3 * DAY + 3, NOW + 4 * DAY + 4]


def test_an_era_long_gone_has_no_date():
    state = State()
    moment.new_era(state)
    stamp = moment.stamp(state, moment.START_S)
    moment.tell(state, moment.START_S, NOW)
    for _ in range(moment.ERAS):
        moment.new_era(state)
    assert moment.date(state, stamp) is None


def test_a_year_without_time_saturates_below_every_known_time():
    state = State()
    for _ in range(63):
        moment.new_era(state)
    assert moment.stamp(state, moment.START_S + 400 * DAY) < moment.KNOWN_S


def test_the_drift_is_learned_and_taken_off():
    for ppm in (-20, 35):
        state, clock = State(), Clock(ppm)
        state.set_at_s = NOW
        clock.true_s = NOW + 10 * DAY
        moment.learn_drift(state, clock, clock.true_s)
        assert abs(state.drift_ppb - ppm * 1000) <= 1200
        clock.true_s = NOW + 40 * DAY
        assert abs(moment.now_s(state, clock) - clock.true_s) <= 4


def test_how_far_the_clock_may_be_off_grows_with_the_time_and_shrinks_with_what_is_learned():
    state, clock = State(), Clock()
    state.set_at_s = NOW
    assert moment.bound_s(state, NOW + 60) == 2
    assert moment.bound_s(state, NOW + 10 * DAY) == 2 + 172  # any crystal: 200 ppm
    for day in range(2, 60, 2):
        clock.true_s = NOW + day * DAY
        moment.learn_drift(state, clock, clock.true_s)
        state.fix_at_s = clock.true_s
    assert moment.bound_s(state, state.fix_at_s + 2 * DAY) <= 6


def test_a_clock_that_goes_astray_is_given_twice_that_room():
    state, clock = State(), Clock(60)
    state.set_at_s = state.fix_at_s = NOW
    state.drift_off_ppb = 10000
    clock.true_s = NOW + DAY
    moment.learn_drift(state, clock, clock.true_s)
    assert moment.bound_s(state, NOW + DAY) >= 2 * 5


def test_a_drift_no_crystal_has_is_not_learned():
    state, clock = State(), Clock(5000)
    state.set_at_s = NOW
    clock.true_s = NOW + 10 * DAY
    moment.learn_drift(state, clock, clock.true_s)
    assert state.drift_ppb == 0
