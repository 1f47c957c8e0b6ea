"""What was acknowledged is never lost: station killed, bridge unplugged, database away."""

import random
import sqlite3
import time
from pathlib import Path

import psycopg
import pytest

from backend.db.migrate import migrate
from firmware.wire import data, frame
from ground_station.keys import block_cipher
from tests.ground_station.proxy import Proxy
from tests.ground_station.scripted import (
    Collar,
    PtyBridge,
    StationProcess,
    make_fix,
    running,
    write_keys,
)

COLLARS = (1, 2, 700)


def acknowledged(bridge: PtyBridge, collars: list[Collar]) -> set[tuple[int, int]]:
    """Every (collar, record) that any acknowledgement on the air ever named."""
    named = set()
    for _, answer in bridge.answers:
        collar = next(c for c in collars if c.collar == frame.parse_header(answer).collar)
        for first, last in collar.hear(answer).ranges:
            named |= {(collar.collar, record) for record in range(first, last + 1)}
    return named


def spooled(path: Path, collars: list[Collar]) -> list[tuple[int, int]]:
    """Every (collar, record) in the spool, once per frame that holds it."""
    ciphers = {c.collar: block_cipher(c.key) for c in collars}
    found = []
    with sqlite3.connect(path) as db:
        for collar, sealed in db.execute("select collar, sealed from frame"):
            _, payload = frame.open_frame(ciphers[collar], frame.UPLINK, 0, sealed)
            found += [(collar, record.record) for record in data.decode(payload)[1]]
    db.close()
    return found


def stored(dsn: str) -> list[tuple[int, int]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute("select collar, record from fix").fetchall()


@pytest.mark.db
def test_every_acknowledged_record_survives_kill_at_any_moment(
    tmp_path: Path, database_url: str
) -> None:
    dice = random.Random(20261122)
    migrate(database_url)
    collars = [Collar(number) for number in COLLARS]
    write_keys(tmp_path / "keys.json", *collars)
    kills = 0
    with PtyBridge(tmp_path / "port") as bridge:
        with StationProcess(tmp_path, "--database", database_url) as station:
            first = 1
            while kills < 24:
                for _ in range(dice.randint(1, 5)):
                    bridge.hear(dice.choice(collars).send(first, first + 2))
                    first += 3
                if (
                    dice.random() < 0.8
                ):  # most often in the midst of the work, now and then while starting
                    bridge.wait(lambda bridge, kills=kills: bridge.configured > kills)
                time.sleep(dice.choice((0.0, 0.001, 0.004, 0.02)) * dice.random())
                station.kill()
                kills += 1
                bridge.configured = kills
                station.start()
            bridge.wait_answered()
            assert station.stop() == 0
        sent = {record for _, record in acknowledged(bridge, collars)}
        assert sent == set(range(1, first))  # nobody transmits in vain for ever
        named = acknowledged(bridge, collars)
    in_spool = spooled(tmp_path / "spool.sqlite", collars)
    assert named <= set(in_spool) and len(in_spool) == len(set(in_spool))
    in_database = stored(database_url)
    assert set(in_database) == set(in_spool) and len(in_database) == len(set(in_database))


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
