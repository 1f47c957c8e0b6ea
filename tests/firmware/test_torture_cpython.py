from firmware import log

from .torture import live


def test_two_thousand_random_power_cuts_lose_and_change_no_record():
    life = live(20260922, 2000)
    assert life.lost == []
    assert log.SLOTS < life.newest  # the ring has come round
    assert len(life.desk.station.records) > 1000
