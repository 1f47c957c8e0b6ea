from firmware import motion

from .light import State

START_S = 1790000000

HOUR = 3600


class Settings:
    mortality_s = 24 * HOUR


def watch(state, hours, moved, from_s, mean_mg=100):
    """Wake every six hours; returns what changed, and when."""
    found = []
    for hour in range(6, hours + 1, 6):
        change = motion.note(state, Settings(), from_s + hour * HOUR, moved, mean_mg)
        if change:
            found.append((change, hour))
    return found


def test_a_day_without_motion_is_death_and_nothing_less():
    state = State()
    motion.note(state, Settings(), START_S, True, 100)
    assert watch(state, 18, False, START_S) == []
    assert watch(state, 6, False, START_S + 18 * HOUR) == [(motion.DIED, 6)]
    assert state.alarm_fixes == motion.ALARM_FIXES


def test_death_is_told_once():
    state = State()
    motion.note(state, Settings(), START_S, True, 100)
    assert len(watch(state, 240, False, START_S)) == 1


def test_a_single_tremor_on_a_dead_animal_is_no_revival():
    state = State()
    motion.note(state, Settings(), START_S, True, 100)
    watch(state, 24, False, START_S)
    assert motion.note(state, Settings(), START_S + 30 * HOUR, True, 20) == motion.NOTHING
    assert motion.note(state, Settings(), START_S + 36 * HOUR, False, 0) == motion.NOTHING
    assert state.mortal == 1


def test_motion_in_two_wakes_revokes_the_alarm():
    state = State()
    motion.note(state, Settings(), START_S, True, 100)
    watch(state, 24, False, START_S)
    assert watch(state, 12, True, START_S + 24 * HOUR) == [(motion.REVIVED, 12)]
    assert (state.mortal, state.alarm_fixes) == (0, 0)


def test_a_still_time_ahead_of_the_clock_begins_anew():
    state = State()
    motion.note(state, Settings(), START_S, True, 100)
    assert motion.note(state, Settings(), START_S - 100 * HOUR, False, 0) == motion.NOTHING
    assert state.still_at_s == START_S - 100 * HOUR


def test_a_corrected_clock_keeps_the_still_time():
    state = State()
    motion.note(state, Settings(), 1000, True, 100)
    motion.move_clock(state, START_S)
    assert state.still_at_s == START_S + 1000


def test_gravity_is_no_motion():
    assert motion.intensity_mg([(0, 600, 800)] * 32) == 0
    assert motion.intensity_mg([]) == 0


def test_intensity_is_the_mean_of_what_differs_from_gravity():
    shaken = [(100 if n % 2 else -100, 50 if n % 2 else -50, 1000) for n in range(32)]
    assert motion.intensity_mg(shaken) == 150


def test_an_interval_tells_its_wakes_and_begins_anew():
    state = State()
    for n in range(5):
        motion.note(state, Settings(), START_S + n, n < 2, 30)
    assert motion.take_interval(state) == (5, 2, 30)
    assert motion.take_interval(state) == (0, 0, 0)
