"""What was acknowledged is never lost: station killed, bridge unplugged, database away."""

import time
from pathlib import Path

import psycopg
import pytest

from backend.db.migrate import migrate
from firmware.wire import frame
from tests.ground_station.proxy import Proxy
from tests.ground_station.scripted import (
    Collar,
    make_fix,
    running,
    write_keys,
)
from tests.ground_station.torture.kills import acknowledged, kill, spooled, stored


@pytest.mark.db
def test_every_acknowledged_record_survives_kill_at_any_moment(
    tmp_path: Path, database_url: str
) -> None:
    migrate(database_url)
    outcome = kill(tmp_path, database_url, 16, 20261122)
    assert outcome.fault() is None and len(outcome.sent) > 48


def test_downlink_counter_never_returns_after_kills(tmp_path: Path) -> None:
    collar = Collar(9)
    write_keys(tmp_path / "keys.json", collar)
    with running(tmp_path, "--no-load") as (bridge, station):
        for first in range(1, 60, 3):
            bridge.hear(collar.send(first, first + 2))
            if first % 4 == 0:
                station.kill()
                station.start()
        bridge.wait_answered()
        counters = [frame.parse_header(answer).counter for _, answer in bridge.answers]
        assert len(set(counters)) == len(counters) >= 20


@pytest.mark.db
def test_station_goes_on_while_database_is_away(tmp_path: Path, database_url: str) -> None:
    migrate(database_url)
    collar = Collar(5)
    write_keys(tmp_path / "keys.json", collar)
    proxy = Proxy(database_url, tmp_path / "db")
    with running(tmp_path, "--database", proxy.dsn) as (bridge, station):
        station.wait_log("loading delayed")  # it is not there at the start
        bridge.hear(collar.send(1, 10))
        bridge.wait_answered()
        with proxy:
            station.wait_log("loading resumed")
            bridge.hear(collar.send(11, 20))
            bridge.wait_answered()
            wait_stored(database_url, 20)
        bridge.hear(collar.send(21, 30))  # it is gone again
        bridge.wait_answered()
        station.wait_log("loading delayed", times=2)
        assert len(stored(database_url)) == 20 and len(bridge.answers) == 3
        with proxy:
            wait_stored(database_url, 30)
        assert station.stop() == 0
    assert sorted(stored(database_url)) == [(5, record) for record in range(1, 31)]


def wait_stored(dsn: str, count: int) -> None:
    end = time.monotonic() + 60
    while len(stored(dsn)) < count:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.db
def test_sigterm_loads_what_waits_before_the_end(tmp_path: Path, database_url: str) -> None:
    migrate(database_url)
    collar = Collar(3)
    write_keys(tmp_path / "keys.json", collar)
    with running(tmp_path, "--database", database_url) as (bridge, station):
        for first in range(1, 200, 10):
            bridge.hear(collar.send(first, first + 9))
        bridge.wait_answered()
        assert station.stop() == 0
        assert "waiting=0" in station.log
    assert len(stored(database_url)) == 200
    with psycopg.connect(database_url) as connection:
        query = (
            "select station, count(*), min(sf), count(distinct counter) from reception group by 1"
        )
        assert connection.execute(query).fetchall() == [("hut", 20, 7, 20)]
        query = "select lat, lon, altitude_m, accuracy_m from fix where record = 7"
        fix = make_fix(7)
        row = (fix.lat_e5 / 1e5, fix.lon_e5 / 1e5, 2400, 4)
        assert connection.execute(query).fetchall() == [row]


def test_unplugged_bridge_comes_back_without_loss_or_doubles(tmp_path: Path) -> None:
    collar = Collar(8)
    write_keys(tmp_path / "keys.json", collar)
    with running(tmp_path, "--no-load") as (bridge, station):
        for turn in range(4):
            bridge.hear(collar.send(4 * turn + 1, 4 * turn + 4))
            if turn % 2:
                bridge.wait_answered()
            bridge.unplug()
            station.wait_log("receiver away", times=turn + 1)
            bridge.hear(collar.send(101 + turn, 101 + turn))  # heard while nobody listens
            bridge.plug()
            bridge.wait_answered()
        assert bridge.configured == 5
        assert len(acknowledged(bridge, [collar])) == 20
        station.stop()
    in_spool = spooled(tmp_path / "spool.sqlite", [collar])
    assert len(in_spool) == len(set(in_spool)) == 20
