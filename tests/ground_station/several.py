"""Three stations with wrong clocks that load what they heard long after, all at once."""

import random
import threading
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from firmware.wire import data
from ground_station.clock import SystemClock, Vouching
from ground_station.keys import load_keys
from ground_station.line import Line
from ground_station.loader import Loader
from ground_station.metrics import Totals
from ground_station.settings import Settings
from ground_station.spool import Spool
from ground_station.station import Station
from tests.ground_station.in_process import Answered
from tests.ground_station.scripted import START_S, Collar, make_fix, make_received, write_keys

OFF_S = {"hut": 0, "pass": 2 * 86400, "lake": -2 * 86400}
Heard = list[tuple[int, bytes]]


def transmit(
    seed: int, number: int, hours: int
) -> tuple[dict[str, Heard], set[tuple[int, int]], set[tuple]]:
    """What each station hears and when; the truth; every reception (station, collar, counter)."""
    dice = random.Random(seed)
    collars = [Collar(n) for n in range(1, number + 1)]
    heard: dict[str, Heard] = {name: [] for name in OFF_S}
    truth, receptions = set(), set()
    for hour in range(1, hours + 1):
        for one in collars:
            first = max(1, hour - dice.randint(0, 3))  # some records again: the answer was lost
            records = [make_fix(n) for n in range(first, hour + 1)]
            counter, at_s = one.counter, START_S + 3600 * hour + dice.randint(5, 60)
            sealed = one.seal(data.encode(0, records, 222)[0])
            for name in dice.sample(sorted(OFF_S), dice.randint(1, 3)):
                heard[name].append((at_s, sealed))
                receptions.add((name, one.collar, counter, at_s))
                truth |= {(one.collar, record.record) for record in records}
    return heard, truth, receptions


def hear(folder: Path, name: str, heard: Heard, keys: Path, dsn: str) -> None:
    """Run one station over all that it hears, by its own clock, and load at the end."""
    clock_us = [0]
    settings = Settings("scripted", keys, folder / name, name, dsn)
    wake, totals = threading.Event(), Totals()

    class Ear(Answered):
        def receive(self, timeout_s: float):
            event = super().receive(timeout_s)
            if event is not None and hasattr(event, "ticks_us"):
                clock_us[0] = event.ticks_us + (OFF_S[name] + START_S) * 1_000_000
            return event

    events = [
        make_received(sealed, n, ticks_us=(at_s - START_S) * 1_000_000)
        for n, (at_s, sealed) in enumerate(heard, 1)
    ]
    ear = Ear(events)
    with Spool(settings.spool) as spool:
        steady_us = OFF_S[name] * 1_000_000
        vouching = Vouching(
            {}, lambda: name == "hut", lambda: clock_us[0], lambda: clock_us[0] - steady_us
        )
        ear.station = Station(settings, ear, spool, load_keys(keys), totals, wake, vouching)
        (line,) = ear.station.lines
        assert isinstance(line, Line)
        line._clock = SystemClock(lambda: clock_us[0], lambda: 0)
        ear.station.run()
    loader = Loader(settings, totals, wake, lambda: None)
    loader.start()
    loader.drain(60)
    assert not loader.failed


def differences(folder: Path, dsn: str, collars: int, hours: int) -> list[str]:
    """Run all stations at once; returns how the database differs from the truth."""
    heard, truth, receptions = transmit(20261122, collars, hours)
    keys = write_keys(folder / "keys.json", *(Collar(n) for n in range(1, collars + 1)))
    threads = [
        threading.Thread(target=hear, args=(folder, name, heard[name], keys, dsn))
        for name in OFF_S
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(dsn) as connection:
        fixes = connection.execute("select collar, record, recorded_at from fix").fetchall()
        query = "select station, collar, counter, received_at from reception"
        found = connection.execute(query).fetchall()
    wrong = []
    if sorted(row[:2] for row in fixes) != sorted(truth):
        wrong.append(f"{len(fixes)} fixes, {len(truth)} were taken")
    if any(at != datetime.fromtimestamp(START_S + 3600 * n, UTC) for _, n, at in fixes):
        wrong.append("a fix has another time")
    if len(found) != len(receptions) or {row[:3] for row in found} != {r[:3] for r in receptions}:
        wrong.append(f"{len(found)} receptions, there were {len(receptions)}")
    true_s = {row[:3]: row[3] for row in receptions}
    worst_s = max(abs(at.timestamp() - true_s[name, c, n]) for name, c, n, at in found)
    if worst_s > 60:  # a collar sends within a minute of its fix: better cannot be known
        wrong.append(f"a reception is {worst_s:.0f} s off")
    return wrong
