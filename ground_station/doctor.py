"""Looks for whatever keeps a station from working; changes nothing."""

import shutil
from collections.abc import Callable, Iterator
from typing import NamedTuple

import psycopg

from backend.db.embedded import EmbeddedError, resolve
from backend.db.errors import DatabaseError, describe
from ground_station import clock, receivers, report
from ground_station.errors import ReceiverError, SpoolBusy, StationError
from ground_station.keys import load_keys
from ground_station.settings import Settings
from ground_station.spool import lock

_LEAST_FREE_MB = 200


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    good: bool
    said: str


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that a station of these settings needs."""
    return [
        _check("keys", _keys, settings),
        _check("spool", _spool, settings),
        _check("disk", _disk, settings),
        _check("clock", _clock, settings),
        _check("database", _database, settings),
        *_receivers(settings),
    ]


def _check(what: str, look: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(what, True, look(settings))
    except (StationError, DatabaseError, EmbeddedError) as error:
        return Finding(what, False, str(error))
    except psycopg.Error as error:
        return Finding(what, False, describe(error))


def _keys(settings: Settings) -> str:
    ring = load_keys(settings.keys)
    if not ring.collars():
        raise StationError(f"{settings.keys} holds none, expected `capra station keys add`")
    return f"{len(ring.collars())} collars in {settings.keys}"


def _spool(settings: Settings) -> str:
    if not settings.spool.exists():
        return f"{settings.spool} will be made"
    frames = report.read_status(settings.spool)["frames"]
    return ", ".join(f"{count} {name}" for name, count in frames.items() if count) or "empty"


def _disk(settings: Settings) -> str:
    folder = settings.spool.resolve().parent
    if not folder.is_dir():
        raise StationError(f"no folder {folder}, expected one that is there")
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < _LEAST_FREE_MB:
        raise StationError(f"{free_mb} MB free at {folder}, expected {_LEAST_FREE_MB} or more")
    return f"{free_mb} MB free at {folder}"


def _clock(settings: Settings) -> str:
    if settings.clock == "bridge":
        return "the bridge tells the time"
    if clock.is_synchronized():
        return "synchronized"
    if clock.system_utc_us() < clock.SETTLED_UTC_US:
        raise StationError("it is not set, expected 2026 or later")
    return "nobody keeps it; times will be repaired by what collars tell"


def _database(settings: Settings) -> str:
    if not settings.load:
        return "not loaded by this station"
    with psycopg.connect(resolve(settings.database), connect_timeout=10) as connection:
        found = connection.execute("select to_regclass('public.dead_letter')").fetchone()
        if found == (None,):
            raise StationError("its tables are missing or old, expected `capra migrate`")
        version = connection.info.server_version
    return f"PostgreSQL {version // 10_000}.{version % 10_000} with the tables of this version"


def _receivers(settings: Settings) -> Iterator[Finding]:
    try:
        with lock(settings.spool):
            pass
    except SpoolBusy as error:
        yield Finding("receivers", True, f"not opened: the spool {error.fault}")
        return
    except StationError:
        pass  # the spool's own finding says it
    for number, table in enumerate(settings.tables(), 1):
        what = f"receiver {number}"
        try:
            with receivers.open(table, what) as receiver:
                yield Finding(what, True, f"{table['kind']} at {receiver.port} answers")
        except (StationError, ReceiverError) as error:
            yield Finding(what, False, str(error))
