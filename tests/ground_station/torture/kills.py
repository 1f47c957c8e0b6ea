"""kill -9 of a real station at random moments, on its way from a frame to the database."""

import random
import sqlite3
import time
from pathlib import Path
from typing import NamedTuple

import psycopg

from firmware.wire import data, frame
from ground_station.keys import block_cipher
from tests.ground_station.scripted import Collar, PtyBridge, StationProcess, write_keys

COLLARS = (1, 2, 700)
Names = list[tuple[int, int]]


class Outcome(NamedTuple):
    """Where (collar, record) were found after all kills; each as often as it was."""

    sent: Names
    acknowledged: Names
    spooled: Names
    stored: Names

    def fault(self) -> str | None:
        """What is wrong with it, if anything is."""
        if set(self.acknowledged) != set(self.sent):
            return "not all that was sent was acknowledged in the end"
        lost = set(self.acknowledged) - set(self.spooled)
        if lost or set(self.spooled) != set(self.stored):
            return f"{len(lost)} acknowledged records lost, or not all loaded"
        twice = len(self.stored) - len(set(self.stored))
        return f"{twice} records twice" if twice else None


def acknowledged(bridge: PtyBridge, collars: list[Collar]) -> Names:
    """Every (collar, record) that any acknowledgement on the air ever named."""
    named = set()
    for _, answer in bridge.answers:
        collar = next(c for c in collars if c.collar == frame.parse_header(answer).collar)
        for first, last in collar.hear(answer).ranges:
            named |= {(collar.collar, record) for record in range(first, last + 1)}
    return sorted(named)


def spooled(path: Path, collars: list[Collar]) -> Names:
    """Every (collar, record) in the spool, once per frame that holds it."""
    ciphers = {c.collar: block_cipher(c.key) for c in collars}
    found = []
    with sqlite3.connect(path) as db:
        for collar, sealed in db.execute("select collar, sealed from frame"):
            _, payload = frame.open_frame(ciphers[collar], frame.UPLINK, 0, sealed)
            found += [(collar, record.record) for record in data.decode(payload).records]
    db.close()
    return found


def stored(dsn: str) -> Names:
    """Every (collar, record) in the database, once per row."""
    with psycopg.connect(dsn) as connection:
        return connection.execute("select collar, record from fix").fetchall()


def kill(folder: Path, dsn: str, kills: int, seed: int) -> Outcome:
    """Kill a station that often while collars send and the database loads."""
    dice = random.Random(seed)
    collars = [Collar(number) for number in COLLARS]
    write_keys(folder / "keys.json", *collars)
    sent: Names = []
    with PtyBridge(folder / "port") as bridge:
        with StationProcess(folder, "--database", dsn) as station:
            first = 1
            for turn in range(kills):
                for _ in range(dice.randint(1, 5)):
                    collar = dice.choice(collars)
                    bridge.hear(collar.send(first, first + 2))
                    sent += [(collar.collar, record) for record in range(first, first + 3)]
                    first += 3
                if dice.random() < 0.8:  # mostly in the midst of the work, now and then at start
                    bridge.wait(lambda bridge, turn=turn: bridge.configured > turn)
                time.sleep(dice.choice((0.0, 0.001, 0.004, 0.02, 0.3)) * dice.random())
                station.kill()
                bridge.configured = turn + 1
                station.start()
            bridge.wait_answered()
            assert station.stop() == 0
        named = acknowledged(bridge, collars)
    return Outcome(sent, named, spooled(folder / "spool.sqlite", collars), stored(dsn))
