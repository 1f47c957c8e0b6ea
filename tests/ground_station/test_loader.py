"""The loader: rows as the records say, one bad frame harms no other, nothing is loaded twice."""

import threading
from pathlib import Path

import psycopg
import pytest

from backend.db.migrate import migrate
from firmware.wire import data
from ground_station.keys import load_keys
from ground_station.loader import Loader, Rows, Unreadable, read_frame
from ground_station.memory import Change, Frame, Reception, State, Waiting
from ground_station.metrics import Totals
from ground_station.settings import Settings
from ground_station.spool import Spool
from tests.ground_station.scripted import Collar, make_fix, make_status, write_keys

HEARD = Reception("hut", "b", 1, 10, 1_772_000_000_000_000, 868_100_000, 9, 125_000, -100, -9)


def put(spool: Spool, collar: Collar, payload: bytes) -> None:
    counter = collar.counter
    sealed = collar.seal(payload)
    frame = Frame(collar.collar, collar.epoch, counter, sealed, HEARD)
    spool.commit(Change(collar.collar, collar.epoch, frame), {})


def encode(*records: object) -> bytes:
    payload, used = data.encode(0, list(records), 222)
    assert used == len(records)
    return payload


def load_all(folder: Path, dsn: str | None) -> Totals:
    """Run a loader until it has done what it can."""
    settings = Settings("none", folder / "keys.json", folder / "spool", "hut", dsn)
    totals = Totals()
    loader = Loader(settings, totals, threading.Event(), lambda: None)
    loader.start()
    loader.drain(60.0)
    assert not loader.is_alive() and not loader.failed
    return totals


def test_rows_say_what_the_records_say(tmp_path: Path) -> None:
    collar = Collar(1)
    records = (make_fix(4, altitude_m=None, accuracy_class=15, reason=2), make_status(5))
    sealed = collar.seal(encode(*records))
    keys = load_keys(write_keys(tmp_path / "keys.json", collar))
    rows = read_frame(Waiting(9, 1, 0, 0, sealed, HEARD), keys)
    assert isinstance(rows, Rows)
    (fix,), (status,) = rows.fixes, rows.statuses
    assert fix[:4] == (1, 0, 4, records[0].recorded_at_s * 1_000_000)
    assert fix[4:] == (46.66004, 10.19996, None, None, 2)
    assert status[3:] == (records[1].recorded_at_s * 1_000_000, *records[1][2:])
    assert rows.reception[6:] == (9, -100.0, -2.25, len(sealed))


def test_frame_without_its_key_waits_for_the_key(tmp_path: Path) -> None:
    keys = load_keys(write_keys(tmp_path / "keys.json", Collar(2)))
    found = read_frame(Waiting(9, 1, 3, 0, b"", HEARD), keys)
    expected = "no key of collar 1 epoch 3 in the key file"
    assert found == Unreadable(9, State.NO_KEY, expected)


@pytest.mark.db
def test_loading_twice_is_loading_once(tmp_path: Path, database_url: str) -> None:
    migrate(database_url)
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with Spool(tmp_path / "spool") as spool:
        for first in range(1, 90, 9):
            put(spool, collar, encode(*(make_fix(n) for n in range(first, first + 9))))
        load_all(tmp_path, database_url)
        spool._db.execute("update frame set state = 0")  # killed before it could mark them
        assert load_all(tmp_path, database_url).get("duplicate_records") == 90
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from fix").fetchone() == (90,)
        assert connection.execute("select count(*) from reception").fetchone() == (10,)


@pytest.mark.db
def test_one_unstorable_frame_is_set_aside_alone(
    tmp_path: Path, database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    migrate(database_url)
    with psycopg.connect(database_url) as connection:  # a rule of this database only
        connection.execute("alter table fix add check (altitude_m < 9000)")
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with Spool(tmp_path / "spool") as spool:
        for record in range(1, 6):
            put(spool, collar, encode(make_fix(record, altitude_m=9999 if record == 3 else 500)))
        load_all(tmp_path, database_url)
        assert (spool.count(State.LOADED), spool.count(State.REJECTED)) == (4, 1)
    assert "frame set aside frame=3 state=rejected" in capfd.readouterr().err


@pytest.mark.db
def test_database_without_tables_is_told_with_the_remedy(
    tmp_path: Path, database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with Spool(tmp_path / "spool") as spool:
        put(spool, collar, encode(make_fix(1)))
        load_all(tmp_path, database_url)
        assert spool.count(State.WAITING) == 1
        assert "expected the tables of `capra migrate`" in capfd.readouterr().err
        migrate(database_url)
        load_all(tmp_path, database_url)
        assert spool.count(State.LOADED) == 1


@pytest.mark.db
def test_frames_of_an_older_key_are_loaded_after_it_was_renewed(
    tmp_path: Path, database_url: str
) -> None:
    from ground_station.keys import add_key

    migrate(database_url)
    collar = Collar(1)
    keys = write_keys(tmp_path / "keys.json", collar)
    with Spool(tmp_path / "spool") as spool:
        put(spool, collar, encode(make_fix(1)))
        add_key(keys, 1, replace=True)
        load_all(tmp_path, database_url)
        assert spool.count(State.LOADED) == 1


def test_unreachable_database_ends_a_drain_soon_and_keeps_the_frames(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with Spool(tmp_path / "spool") as spool:
        put(spool, collar, encode(make_fix(1)))
        load_all(tmp_path, f"host={tmp_path} dbname=none")
        assert spool.count(State.WAITING) == 1
    assert "loading delayed" in capfd.readouterr().err


class FaultyLoader(Loader):
    """A loader with a fault in its program."""

    def _step(self, spool: Spool) -> bool:
        raise RuntimeError("a fault of the program")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_loader_that_ends_by_a_fault_ends_the_station(tmp_path: Path) -> None:
    told = threading.Event()
    settings = Settings("none", tmp_path / "keys.json", tmp_path / "spool", "hut")
    loader = FaultyLoader(settings, Totals(), threading.Event(), told.set)
    loader.start()
    loader.join(60.0)
    assert loader.failed and told.is_set()
