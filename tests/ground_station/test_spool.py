"""The spool: what it takes it keeps, whole, private, and readable only by the right version."""

import os
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.wire import ranges
from ground_station.errors import SpoolBusy, SpoolError
from ground_station.keys import CollarKey, KeyRing
from ground_station.memory import Airtime, Change, Counter, Frame, Held, Reception, State, Window
from ground_station.session import Accepted, Session
from ground_station.spool import VERSION, Spool, lock
from tests.ground_station.scripted import Collar, make_received

HEARD = Reception("hut", "b", 1, 10, 20, 868_100_000, 7, 125_000, -100, -8)


def make_change(counter: int = 0, collar: int = 1, **parts: object) -> Change:
    frame = Frame(collar, 0, counter, b"sealed", HEARD)
    return Change(collar, 0, frame, Window(counter, 1), **parts)  # type: ignore[arg-type]


def test_what_is_committed_is_restored(tmp_path: Path) -> None:
    airtime = Airtime(5_000, 300, "b")
    change = make_change(7, held=(Held(1, 2, 3, 9),), next_counter=Counter(9, 12), airtime=airtime)
    with Spool(tmp_path / "s") as spool:
        spool.commit([change], {"frames": 1})
    with Spool(tmp_path / "s") as spool:
        memory = spool.restore()
        assert memory.windows == {(1, 0): Window(7, 1)}
        assert memory.held == {(1, 2): [(3, 9)]}
        assert memory.counters == {(1, 0, 9): 12}
        assert memory.airtimes == [airtime]
        assert memory.totals == {"frames": 1}
        assert spool.find(1, 0, 7) == change.frame
        assert [one[1:6] for one in spool.peek(9)] == [(1, 0, 7, b"sealed", HEARD)]


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 12)), max_size=25))
def test_restored_memory_equals_the_running_one(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int]]
) -> None:
    path = tmp_path_factory.mktemp("spool") / "s"
    collar = Collar(1)
    with Spool(path) as spool:
        session = Session(spool.restore(), KeyRing([CollarKey(1, 0, collar.key)]), spool.find)
        everything: list[tuple[int, int]] = []
        for first, more in spans:
            received = make_received(collar.send(first, first + more), collar.counter + 1)
            accepted = session.judge(received, "b")
            assert isinstance(accepted, Accepted)
            change = session.change_for(accepted, received, "hut", "b", 0)
            spool.commit([change], {})
            session.remember(change)
            everything = ranges.add(everything, first, first + more)
        restored = spool.restore()
    assert restored.windows == session.memory.windows
    assert restored.held == session.memory.held
    assert restored.held.get((1, 0), []) == everything


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        assert spool._db.execute("pragma synchronous").fetchone() == (2,)  # FULL
        assert spool._db.execute("pragma journal_mode").fetchone() == ("wal",)


def test_failed_commit_leaves_nothing_behind(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        spool.commit([make_change(1)], {"frames": 1})
        double = make_change(1, held=(Held(1, 0, 1, 9),))
        with pytest.raises(SpoolError, match="UNIQUE"):
            spool.commit([double], {"frames": 2})
        memory = spool.restore()
        assert (memory.held, memory.totals) == ({}, {"frames": 1})
        spool.commit([make_change(2)], {})  # and it goes on


def test_frames_move_from_waiting_to_loaded_and_out(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool, Spool(tmp_path / "s", durable=False) as loader:
        for counter in range(4):
            spool.commit([make_change(counter, held=(Held(1, 0, 1, counter + 1),))], {})
        first, second, third, _ = (one.number for one in loader.peek(10))
        loader.mark([first, second], State.LOADED)
        loader.mark([third], State.NO_KEY, "no key")
        assert [one.counter for one in spool.peek(10)] == [3]
        assert spool.prune(2**62) == 2 and spool.count(State.NO_KEY) == 1
        assert spool.find(1, 0, 0) is None and spool.restore().held == {(1, 0): [(1, 4)]}


def test_frames_set_aside_for_any_reason_wait_again_when_asked(tmp_path: Path) -> None:
    with Spool(tmp_path / "s") as spool:
        for counter, state in enumerate(State):
            spool.commit([make_change(counter)], {})
            spool.mark([counter + 1], state, "why")
        assert spool.retry_set_aside() == 3
        assert (spool.count(State.WAITING), spool.count(State.LOADED)) == (4, 1)


def test_airtime_of_long_ago_is_dropped_and_of_another_bridge_kept(tmp_path: Path) -> None:
    hour_us = 3_600_000_000
    with Spool(tmp_path / "s") as spool:
        for one in (Airtime(1, 2, "a"), Airtime(1, 2, "b"), Airtime(3 * hour_us, 2, "b")):
            spool.commit([Change(1, 0, airtime=one)], {})
        assert spool.restore().airtimes == [Airtime(1, 2, "a"), Airtime(3 * hour_us, 2, "b")]
        spool.replace_airtimes([Airtime(9, 9, "c")])
        assert spool.restore().airtimes == [Airtime(9, 9, "c")]


def test_spool_of_version_1_is_taken_over_with_its_counters_and_airtime(tmp_path: Path) -> None:
    Spool(tmp_path / "s").close()
    db = sqlite3.connect(tmp_path / "s")
    db.executescript(VERSION_1)
    db.close()
    for _ in range(2):
        with Spool(tmp_path / "s") as spool:
            memory = spool.restore()
            assert memory.counters == {(1, 0, 7): (7 << 20) + 5, (2, 3, 7): 8 << 20}
            assert memory.airtimes == [Airtime(5_000, 300, "")]
            assert [one.heard for one in spool.peek(9)] == [HEARD]


VERSION_1 = f"""
drop table downlink;
create table downlink (
    collar integer not null, epoch integer not null, next_counter integer not null,
    primary key (collar, epoch)
) strict, without rowid;
insert into downlink values (1, 0, {(7 << 20) + 5}), (2, 3, {8 << 20});
drop table transmission;
create table transmission (at_us integer not null, airtime_us integer not null) strict;
insert into transmission values (5000, 300);
drop table clock;
drop table collar_order;
drop table inventory;
drop table reception;
create table reception (
    frame integer primary key references frame on delete cascade, station text not null,
    bridge text not null, reception integer not null, ticks_us integer not null,
    received_at_us integer not null, freq_hz integer not null, sf integer not null,
    bw_hz integer not null, rssi_dbm integer not null, snr_qdb integer not null
) strict;
insert into frame values (1, 1, 0, 7, x'00', 20, 0, null);
insert into reception values (1, 'hut', 'b', 1, 10, 20, 868100000, 7, 125000, -100, -8);
pragma user_version = 1;
"""


def test_spool_is_private_and_holds_no_position_in_clear(tmp_path: Path) -> None:
    path = tmp_path / "s"
    collar = Collar(1)
    old_mask = os.umask(0)
    try:
        with Spool(path) as spool:
            sealed = collar.send(1, 9)
            spool.commit([Change(1, 0, Frame(1, 0, 0, sealed, HEARD))], {})
            for file in tmp_path.iterdir():
                assert file.stat().st_mode & 0o777 == 0o600, file
                assert collar.key not in file.read_bytes()
            tables = "select name from sqlite_schema where type = 'table'"
            for (name,) in spool._db.execute(tables).fetchall():
                columns = [row[1] for row in spool._db.execute(f"pragma table_info({name})")]
                assert not {"lat", "lon", "lat_e5", "payload"} & set(columns)
    finally:
        os.umask(old_mask)


def test_spool_that_others_can_read_is_closed_to_them(tmp_path: Path) -> None:
    Spool(tmp_path / "s").close()
    (tmp_path / "s").chmod(0o644)
    Spool(tmp_path / "s").close()
    assert (tmp_path / "s").stat().st_mode & 0o777 == 0o600


def test_newer_spool_is_refused_with_both_versions(tmp_path: Path) -> None:
    Spool(tmp_path / "s").close()
    db = sqlite3.connect(tmp_path / "s")
    db.execute("pragma user_version = 9")
    db.close()
    said = f"version 9 was written by a newer station, expected {VERSION}"
    with pytest.raises(SpoolError, match=said):
        Spool(tmp_path / "s")


def test_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "s")
    db.execute("create table other (x)")
    db.close()
    before = (tmp_path / "s").read_bytes()
    with pytest.raises(SpoolError, match="another program"):
        Spool(tmp_path / "s")
    assert (tmp_path / "s").read_bytes() == before


@pytest.mark.parametrize("content", [b"{}" * 600, b"x"])
def test_file_that_is_no_database_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(SpoolError, match="not a database"):
        Spool(tmp_path / "s")


def test_value_of_the_wrong_kind_is_told_as_damage(tmp_path: Path) -> None:
    path = tmp_path / "s"
    Spool(path).close()
    damaged = sqlite3.connect(path)
    damaged.executescript(
        "drop table replay_window; create table replay_window (collar, epoch, highest, seen);"
        "insert into replay_window values (1, 0, 7, null)"
    )
    damaged.close()
    with Spool(path) as spool, pytest.raises(SpoolError, match=r"s: damaged: .*NoneType"):
        spool.restore()


def test_spool_in_a_place_without_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SpoolError, match="Not a directory"):
        Spool(tmp_path / "file" / "s")


def test_lock_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="no folder"), lock(tmp_path / "absent" / "spool"):
        pass
    assert not (tmp_path / "absent").exists()


def test_spool_belongs_to_one_station_at_a_time(tmp_path: Path) -> None:
    with (
        lock(tmp_path / "s"),
        pytest.raises(SpoolBusy, match=f"process {os.getpid()}"),
        lock(tmp_path / "s"),
    ):
        pass
    with lock(tmp_path / "s"):
        pass
