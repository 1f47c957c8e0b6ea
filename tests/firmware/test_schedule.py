from firmware import schedule
from firmware.block import State
from firmware.config import Settings

NOW = 1790000000
DAY = 86400


def state(**values):
    block = State()
    block.answered = 1
    for name, value in values.items():
        setattr(block, name, value)
    return block


def test_the_interval_is_what_the_budget_affords():
    assert schedule.fix_interval_s(Settings(), 2000000, 4000000) == DAY // 2


def test_the_interval_stays_within_its_limits():
    settings = Settings(fix_interval_min_s=600, fix_interval_max_s=7200)
    assert schedule.fix_interval_s(settings, 1000, 4000000) == 600
    assert schedule.fix_interval_s(settings, 2000000, 1000) == 7200
    assert schedule.fix_interval_s(settings, 2000000, 0) == 7200


def test_a_collar_that_never_tried_tries_at_once():
    assert schedule.fix_at_s(state(), NOW, 7200) == NOW


def test_an_attempt_counts_from_its_start():
    assert schedule.fix_at_s(state(tried_at_s=NOW - 100), NOW, 7200) == NOW + 7100


def test_an_attempt_in_the_future_is_a_wrong_clock():
    assert schedule.fix_at_s(state(tried_at_s=NOW + 100), NOW, 7200) == NOW


def test_nothing_waiting_sends_nothing():
    assert schedule.send_at_s(state(), Settings(), NOW, 0, NOW) is None


def test_enough_records_are_sent_at_once():
    assert schedule.send_at_s(state(), Settings(), NOW, 8, NOW) == NOW


def test_few_records_wait_until_the_oldest_is_twelve_hours_old():
    assert schedule.send_at_s(state(), Settings(), NOW, 3, NOW - 3600) == NOW + 11 * 3600
    assert schedule.send_at_s(state(), Settings(), NOW, 3, NOW - DAY) == NOW
    assert schedule.send_at_s(state(), Settings(), NOW, 3, NOW + DAY) == NOW + DAY // 2


def test_a_collar_nobody_has_answered_sends_its_first_record():
    assert schedule.send_at_s(state(answered=0), Settings(), NOW, 1, NOW) == NOW


def test_draining_goes_on():
    assert schedule.send_at_s(state(draining=1), Settings(), NOW, 1, NOW) == NOW


def test_back_off_is_kept():
    waiting = state(send_after_s=NOW + 300)
    assert schedule.send_at_s(waiting, Settings(), NOW, 8, NOW) == NOW + 300


def test_a_back_off_of_years_is_a_wrong_clock():
    waiting = state(send_after_s=NOW + 1000 * DAY)
    assert schedule.send_at_s(waiting, Settings(), NOW, 8, NOW) == NOW


def test_a_fix_goes_before_a_frame():
    assert schedule.choose(NOW, NOW, NOW) == schedule.TASK_FIX
    assert schedule.choose(NOW, NOW + 1, NOW) == schedule.TASK_SEND
    assert schedule.choose(NOW, None, None) == schedule.TASK_SLEEP


def test_the_collar_wakes_exactly_when_the_next_thing_is_due():
    assert schedule.sleep_s(NOW, [NOW + 777, None, NOW + 900], 21600) == 777
    assert schedule.sleep_s(NOW, [NOW - 5], 21600) == schedule.SOON_S
    assert schedule.sleep_s(NOW, [None], 21600) == 21600


def test_without_a_clock_the_search_backs_off_to_six_hours():
    waits = [schedule.search_again_s(n, 21600) for n in range(12)]
    assert waits[:4] == [300, 300, 600, 1200]
    assert waits[-1] == 21600


def test_status_is_due_daily():
    assert schedule.status_at_s(state(), Settings(), NOW) == NOW
    assert schedule.status_at_s(state(status_at_s=NOW - 60), Settings(), NOW) == NOW - 60 + DAY
