"""Short versions of the torture that `make bench-link` runs at length."""

from tests.firmware.wire import torture


def test_no_nonce_comes_twice_whenever_the_power_goes():
    done = torture.reboot(300)
    assert (done.nonces_twice, done.replays_accepted, done.valid_refused) == (0, 0, 0)
    assert done.reboots == 300 and done.frames > 100


def test_hostile_bytes_crash_no_parser():
    assert torture.fuzz(3000) == 0


def test_no_forged_frame_is_taken():
    assert torture.forge(3000) == (0, 0)


def test_a_month_of_fixes_comes_through_a_bad_radio_for_little_more():
    free = torture.month(0, 0.0)
    lossy = [torture.month(seed, 0.3) for seed in range(20)]
    assert free.missing == 0 and not any(one.missing for one in lossy)
    assert sum(one.airtime_us for one in lossy) < 1.8 * 20 * free.airtime_us


def test_greedy_collar_and_station_stay_within_the_law_in_any_hour():
    for greedy in (torture.greedy_collar, torture.greedy_station):
        worst_us, limit_us = greedy(1)
        assert 0.9 * limit_us < worst_us <= limit_us


def test_the_worst_hour_is_found_wherever_it_lies():
    hour_us = 3_600_000_000
    sent = [(0, 10), (hour_us - 5, 10), (2 * hour_us, 7)]
    assert torture.worst_hour_us(sent) == 15
    assert torture.worst_hour_us([(0, 10), (hour_us, 10)]) == 10
