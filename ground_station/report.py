"""What the spool knows, for people. Only reads; its station may be running."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from firmware.wire import hello, region
from ground_station import inventory
from ground_station.errors import SpoolError
from ground_station.memory import State
from ground_station.spool import APPLICATION_ID, VERSION

_COLLARS = """
select collar, max(received_at_us) as heard_at_us, count(*) as frames,
    sum(state = 0) as waiting, max(counter) as counter, round(avg(snr_qdb) / 4.0, 1) as snr_db
from frame join reception using (frame) group by collar order by collar"""
_HELD = "select collar, sum(last - first + 1) from held group by collar"
# By the ticks of each bridge, to its own newest: what the law counts, were the next sent now.
_AIRTIME = """
select sum(airtime_us) from transmission one where at_us > (
    select max(at_us) - 3600000000 from transmission same where same.bridge = one.bridge)"""
_OLDEST = "select min(received_at_us) from frame join reception using (frame) where state = 0"


def read_status(path: Path) -> dict[str, Any]:
    """Return the state of a spool: collars, frames by state, oldest waiting frame, totals.

    Raises:
        SpoolError: there is no spool of this version.
    """
    with reading(path) as db:
        held = dict(db.execute(_HELD).fetchall())
        names = ("collar", "heard_at", "frames", "waiting", "counter", "snr_db")
        collars = []
        told = _inventories(db)
        for row in db.execute(_COLLARS):
            entry = dict(zip(names, row, strict=True))
            entry["heard_at"] = _utc(entry["heard_at"])
            entry["records_held"] = held.get(entry["collar"], 0)
            collars.append({**entry, "inventory": told.get(entry["collar"])})
        backlog = _backlog(db)
        return {
            "spool": str(path),
            "collars": collars,
            "frames": backlog["frames"],
            "airtime_last_hour_ms": backlog["airtime_last_hour_ms"],
            "oldest_waiting": _utc(backlog["oldest_waiting_us"]),
            "totals": dict(db.execute("select name, total from counter order by name")),
        }


def limit_ms() -> int:
    """Return the airtime that the rules in force allow in any hour [ms]."""
    band = region.sub_band(region.ACK_CHANNEL.freq_hz, region.ACK_CHANNEL.bw_hz)
    return int(band.duty_permille) * region.DUTY_WINDOW_S


def _inventories(db: sqlite3.Connection) -> dict[int, dict[str, Any]]:
    """Return what each collar said last of its log, and what of it is not here."""
    if not db.execute("select 1 from sqlite_schema where name = 'inventory'").fetchone():
        return {}  # of an older version
    found = {}
    for collar, heard_at_us, content in db.execute("select * from inventory").fetchall():
        said = hello.decode(content)
        query = "select first, last from held where (collar, generation) = (?, ?) order by first"
        lost = inventory.missing(said, db.execute(query, (collar, said.generation)).fetchall())
        found[collar] = {
            "told_at": _utc(heard_at_us),
            "firmware": said.firmware,
            "settings": said.settings,
            "generation": said.generation,
            "oldest": said.oldest,
            "newest": said.newest,
            "waiting": inventory.count(said.waiting),
            "missing": lost,
        }
    return found


def say_inventory(collar: int, said: dict[str, Any]) -> str:
    """Return what a collar says of its log as a line for people."""
    line = (
        f"collar {collar} on {said['told_at']}: records {said['oldest']} to {said['newest']}, "
        f"{said['waiting']} wait in it"
    )
    if said["missing"]:
        first, last = said["missing"][0]
        line += (
            f", {inventory.count(said['missing'])} are not here: "
            f"`capra station order {collar} send-again {first} {last}`"
        )
    return line


def read_backlog(path: Path) -> dict[str, Any]:
    """Return of the state of a spool what is quickly told: frames by state, what waits, airtime.

    Raises:
        SpoolError: there is no spool of this version.
    """
    with reading(path) as db:
        return _backlog(db)


def _backlog(db: sqlite3.Connection) -> dict[str, Any]:
    states = dict(db.execute("select state, count(*) from frame group by state").fetchall())
    return {
        "frames": {state.name.lower(): states.get(state, 0) for state in State},
        "airtime_last_hour_ms": (db.execute(_AIRTIME).fetchone()[0] or 0) / 1000,
        "oldest_waiting_us": db.execute(_OLDEST).fetchone()[0],
    }


def format_status(status: dict[str, Any]) -> str:
    """Return a status as lines for a terminal."""
    lines = [f"spool {status['spool']}"]
    columns = ("collar", "heard_at", "frames", "waiting", "counter", "snr_db", "records_held")
    table = [columns, *([str(one[name]) for name in columns] for one in status["collars"])]
    widths = [max(len(row[i]) for row in table) for i in range(len(columns))]
    lines += [
        "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in table
    ]
    if not status["collars"]:
        lines.append("no collar heard yet")
    lines += [
        say_inventory(one["collar"], one["inventory"])
        for one in status["collars"]
        if one["inventory"]
    ]
    lines.append("frames: " + ", ".join(f"{n} {name}" for name, n in status["frames"].items()))
    if status["oldest_waiting"]:
        lines.append(f"oldest waiting frame: {status['oldest_waiting']}")
    lines += [f"{name}: {total}" for name, total in status["totals"].items()]
    return "\n".join(lines)


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a spool of any known version, only to read it.

    Raises:
        SpoolError: there is none, or it is of a newer version.
    """
    if not path.is_file():
        raise SpoolError(path, "no such file, expected the spool of a station")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            (application,) = db.execute("pragma application_id").fetchone()
            (version,) = db.execute("pragma user_version").fetchone()
            if application != APPLICATION_ID or not 1 <= version <= VERSION:
                raise SpoolError(path, f"is no spool of version 1 to {VERSION}")
            yield db
    except sqlite3.Error as error:
        raise SpoolError(path, str(error)) from error


def _utc(time_us: int | None) -> str | None:
    if time_us is None:
        return None
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
