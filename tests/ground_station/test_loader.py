"""The loader: rows as the records say, one bad frame harms no other, nothing is loaded twice."""

import os
import tempfile
import threading
from pathlib import Path

import psycopg
import pytest

from backend.db.migrate import migrate
from firmware.wire import data, fix, status
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
    spool.commit([Change(collar.collar, collar.epoch, frame)], {})


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
    (fix,), (status,) = rows.kinds[0], rows.kinds[1]
    assert fix[:4] == (1, 0, 4, records[0].recorded_at_s * 1_000_000)
    assert fix[4:] == (46.66004, 10.19996, None, None, 2)
    assert status[3:] == (records[1].recorded_at_s * 1_000_000, *records[1][2:])
    assert rows.kinds[2][0][6:] == (9, -100.0, -2.25, len(sealed), 0.0)


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
def test_value_that_cannot_be_stored_costs_its_own_record_alone(
    tmp_path: Path, database_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    migrate(database_url)
    with psycopg.connect(database_url) as connection:  # a rule of this database only
        connection.execute("alter table fix add constraint low check (altitude_m < 9000)")
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with Spool(tmp_path / "spool") as spool:
        for first in (1, 4, 7):
            high = make_fix(first + 1, altitude_m=9999 if first == 4 else 500)
            put(spool, collar, encode(make_fix(first), high, make_status(first + 2)))
        load_all(tmp_path, database_url)
        assert (spool.count(State.LOADED), spool.count(State.REJECTED)) == (2, 1)
        assert "frame set aside frame=2 state=rejected" in capfd.readouterr().err
        assert stored(database_url, "fix") == [1, 2, 4, 7, 8]
        assert stored(database_url, "status") == [3, 6, 9]
        assert stored(database_url, "reception", "counter") == [0, 1, 2]
        assert dead_letters(database_url) == [("fixes", 1, 5)]
        with psycopg.connect(database_url) as connection:
            connection.execute("alter table fix drop constraint low")
        load_all(tmp_path, database_url)  # a later start tries again
        assert spool.count(State.LOADED) == 3
    assert stored(database_url, "fix") == [1, 2, 4, 5, 7, 8]
    assert dead_letters(database_url) == []


@pytest.mark.db
def test_record_of_a_wrong_clock_costs_no_other(tmp_path: Path, database_url: str) -> None:
    migrate(database_url)
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with Spool(tmp_path / "spool") as spool:
        put(spool, collar, encode(make_fix(1), make_fix(2, recorded_at_s=0), make_fix(3)))
        load_all(tmp_path, database_url)
        assert spool.count(State.REJECTED) == 1
    assert stored(database_url, "fix") == [1, 3]


@pytest.mark.db
def test_frame_heard_before_the_clock_was_set_costs_no_record(
    tmp_path: Path, database_url: str
) -> None:
    migrate(database_url)
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with Spool(tmp_path / "spool") as spool:
        sealed = collar.send(1, 9)
        heard = HEARD._replace(received_at_us=4_000_000)
        spool.commit([Change(1, 0, Frame(1, 0, 0, sealed, heard))], {})
        load_all(tmp_path, database_url)
    assert stored(database_url, "fix") == list(range(1, 10))


@pytest.mark.db
def test_all_that_the_wire_can_carry_is_stored(tmp_path: Path, database_url: str) -> None:
    migrate(database_url)
    collar, top = Collar(65_535), 2**32 - 1
    write_keys(tmp_path / "keys.json", collar)
    records = (
        fix.Fix(1, top, 9_000_000, -18_000_000, -32_768, 0, 15),
        fix.Fix(2, 315_964_800, -9_000_000, 17_999_999, 32_767, 15, 0),
        status.Status(3, top, 65_535, top, -(2**31), top, top, top, top, -127),
        status.Status(top, 315_964_800, 0, 0, 2**31 - 1, 0, 0, 0, 0, 127),
    )
    payload, used = data.encode(2**31 - 1, list(records), 222)
    with Spool(tmp_path / "spool") as spool:
        put(spool, collar, payload)
        load_all(tmp_path, database_url)
        assert used == 4 and spool.count(State.LOADED) == 1


@pytest.mark.db
def test_frame_that_could_not_be_decoded_is_tried_again_at_the_next_start(
    tmp_path: Path, database_url: str
) -> None:
    migrate(database_url)
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with Spool(tmp_path / "spool") as spool:
        put(spool, collar, encode(make_fix(1)))
        spool.mark([1], State.UNDECODABLE, "by an older version")
        put(spool, collar, b"\xff")
        load_all(tmp_path, database_url)
        assert (spool.count(State.LOADED), spool.count(State.UNDECODABLE)) == (1, 1)


def test_disk_that_refuses_the_embedded_server_only_delays_loading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    collar = Collar(1)
    write_keys(tmp_path / "keys.json", collar)
    with (
        tempfile.TemporaryDirectory() as data_folder,
        Spool(tmp_path / "spool") as spool,
    ):
        os.chmod(data_folder, 0o711)  # the server's user must pass through
        (Path(data_folder) / "postgresql.lock").mkdir()  # where the lock file belongs
        monkeypatch.setenv("CAPRA_DATA", data_folder)
        put(spool, collar, encode(make_fix(1)))
        load_all(tmp_path, None)
        assert spool.count(State.WAITING) == 1
    assert "Is a directory" in capfd.readouterr().err


def dead_letters(dsn: str) -> list[tuple[object, ...]]:
    query = "select kind, collar, (content->>'record')::int from dead_letter where reason <> ''"
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def stored(dsn: str, table: str, column: str = "record") -> list[int]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(f"select {column} from {table} order by 1").fetchall()
    return [row[0] for row in rows]


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
        load_all(tmp_path, f"host={tmp_path} dbname=none password=s3cretpw")
        assert spool.count(State.WAITING) == 1
    lines = capfd.readouterr().err
    assert 'loading delayed fault="database: connection to server on socket ' in lines
    assert "cret" not in lines


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
