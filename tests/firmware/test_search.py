"""When a search of the receiver ends, and which time it believes."""

from firmware.drivers import gnss

from .port import NOBODY, Port, fixes_at, satellites, search
from .test_gnss import NOW, message


def test_a_closed_sky_ends_the_search_early():
    port = Port(lambda now_ms: NOBODY, heard=3)
    outcome = search(port)
    assert outcome.solution is None and outcome.answered
    assert 7000 <= outcome.duration_ms <= 9500


def test_a_sky_that_opens_is_waited_for():
    for heard in (
        lambda now_ms: satellites(now_ms // 1500),  # more at every look
        lambda now_ms: satellites(4, 10 + now_ms // 1000),  # the same, ever stronger
    ):
        assert search(Port(lambda now_ms: NOBODY, heard)).duration_ms >= 40000


def test_a_sky_that_closes_ends_the_search_at_the_next_look():
    port = Port(lambda now_ms: NOBODY, lambda now_ms: satellites(9 if now_ms < 12000 else 2))
    assert 12000 <= search(port).duration_ms <= 24000
    assert len(port.looks) <= 4


def test_signals_too_weak_to_be_read_count_only_while_there_is_nothing_to_read():
    def weak(now_ms):
        return satellites(9, 20)

    assert search(Port(lambda now_ms: NOBODY, weak)).duration_ms >= 40000
    assert search(Port(lambda now_ms: NOBODY, weak), likely=15000).duration_ms < 25000


def test_sixty_satellites_are_more_than_the_buffer_and_still_a_look():
    strong, weak = satellites(60), satellites(60, 5)
    assert len(strong) > 512
    assert search(Port(lambda now_ms: NOBODY, lambda now_ms: strong)).duration_ms >= 40000
    assert search(Port(lambda now_ms: NOBODY, lambda now_ms: weak)).duration_ms <= 9500


def test_an_open_sky_is_searched_to_the_end():
    outcome = search(Port(lambda now_ms: NOBODY, heard=9))
    assert outcome.solution is None
    assert 40000 <= outcome.duration_ms <= 41500


def test_one_bad_epoch_is_no_time():
    def answer(now_ms):
        return message(unix_s=NOW + 86400, fix_type=0) if now_ms < 2000 else NOBODY

    assert search(Port(answer), timeout=6000).unix_s is None


def test_an_epoch_off_by_more_than_the_clock_may_be_needs_others_that_agree():
    def answer(now_ms):
        late_s = 20 if now_ms < 2000 else 0
        return message(unix_s=NOW + now_ms // 1000 + late_s)

    for bound_s, epochs in ((2, 2), (30, 1)):
        port = Port(answer)
        outcome = search(port, bound_s=bound_s)
        off_s = outcome.unix_s - NOW - outcome.ticks_ms // 1000
        assert abs(off_s - (20 if epochs == 1 else 0)) <= 1
        polls = [at for at, data in port.written if data.endswith(gnss.pack(*gnss.PVT))]
        assert len(polls) == epochs


def test_an_epoch_asked_for_twice_agrees_with_nothing():
    def answer(now_ms):
        return message(unix_s=NOW + 500 + now_ms // 1000 // 60)  # the receiver's clock stands

    assert search(Port(answer), timeout=15000).unix_s is None


def test_epochs_that_agree_are_believed_against_the_clock():
    outcome = search(Port(fixes_at(2000)), clock_s=NOW - 5000000)
    assert outcome.solution is not None
    assert abs(outcome.unix_s - NOW - outcome.ticks_ms // 1000) <= 1
    assert search(Port(fixes_at(2000)), clock_s=0).solution is not None


def test_epochs_that_jump_about_are_never_believed():
    def answer(now_ms):
        return message(unix_s=NOW + now_ms * 7)

    outcome = search(Port(answer), clock_s=0, timeout=15000)
    assert (outcome.solution, outcome.unix_s) == (None, None)
