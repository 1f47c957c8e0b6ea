"""The loader: every record once, whatever the order, the overlap and the number of loaders."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.db.errors import BadRow, BusyConnection
from backend.db.ingest import Batch, LoadReport, load
from backend.db.rows import FixRow, ReceptionRow, StatusRow
from tests.backend.factories import (
    DAY_US,
    HOUR_US,
    START_US,
    fix_row,
    reception_row,
    status_row,
    walk,
)

pytestmark = pytest.mark.db
Connection = psycopg.Connection[Any]


def value(connection: Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()  # type: ignore[call-overload]
    return row[0] if row else None


def stored_records(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(
        "select collar, generation, record from fix order by 1, 2, 3"
    ).fetchall()


def test_a_second_load_changes_nothing(connection: Connection) -> None:
    batch = Batch(walk(1, 50, seed=1), [status_row()], [reception_row(n) for n in range(9)])
    assert load(connection, batch) == LoadReport(50, 0, 1, 0, 9)
    assert load(connection, batch) == LoadReport(0, 50, 0, 1, 0)
    assert value(connection, "select count(*) from fix") == 50


def test_rows_come_back_as_they_went_in(connection: Connection) -> None:
    fixes = [
        FixRow(65535, 2**31 - 1, 2**32 - 1, 4_294_967_295_000_000, -90.0, -180.0, -430.5, 0.5, 15),
        FixRow(1, 0, 1, 315_964_800_000_001, 90.0, 180.0, None, None, 0),
        FixRow(1, 0, 2, START_US, 0.0, -0.00001, None, 500.0, 2),
        FixRow(1, 0, 3, START_US + 1, 46.66, 10.2, 4274.0, None, 1),
    ]
    load(connection, Batch(fixes))
    found = connection.execute(
        "select collar, generation, record, extract(epoch from recorded_at) * 1000000, "
        "lat, lon, altitude_m, accuracy_m, reason from fix"
    )
    assert {FixRow(*row) for row in found} == set(fixes)


def test_statuses_come_back_as_they_went_in(connection: Connection) -> None:
    cold = status_row(1, stored_mj=-(2**40), income_mj_per_day=-5, temperature_c=-41)
    unknown = status_row(2, frames=2**40, temperature_c=None)
    load(connection, Batch(statuses=[cold, unknown]))
    found = connection.execute(
        "select collar, generation, record, extract(epoch from recorded_at) * 1000000, "
        "voltage_mv, stored_mj, income_mj_per_day, fixes, failed_fixes, frames, brownouts, "
        "temperature_c from status order by record"
    )
    assert [StatusRow(*row) for row in found] == [cold, unknown]


def test_receptions_of_two_stations_are_both_kept(connection: Connection) -> None:
    heard = [reception_row(7), reception_row(7, station="Alp Grüm", rssi_dbm=-92.25)]
    load(connection, Batch(receptions=heard))
    found = connection.execute(
        "select station, collar, extract(epoch from received_at) * 1000000, epoch, counter, "
        "freq_hz, sf, rssi_dbm, snr_db, frame_bytes from reception order by station desc"
    )
    assert [ReceptionRow(*row) for row in found] == heard


def test_the_gate_names_exactly_what_is_stored(connection: Connection) -> None:
    for first, last in ((10, 12), (1, 3), (2, 11)):
        load(connection, Batch([fix_row(n) for n in range(first, last + 1)]))
    load(connection, Batch([fix_row(20)], [status_row(13)]))
    assert str(value(connection, "select stored::text from record_gate")) == "{[1,14),[20,21)}"


def test_a_record_keeps_the_time_it_came_with_first(connection: Connection) -> None:
    load(connection, Batch([fix_row(1)]))
    again = fix_row(1, recorded_at_us=START_US + 90 * DAY_US, lat_deg=10.0)
    assert load(connection, Batch([again])) == LoadReport(0, 1, 0, 0, 0)
    assert value(connection, "select lat from latest_fix") == 46.66


def test_a_new_generation_starts_its_own_numbers(connection: Connection) -> None:
    load(connection, Batch([fix_row(1), fix_row(1, generation=1)]))
    assert stored_records(connection) == [(1, 0, 1), (1, 1, 1)]


def test_a_record_doubled_within_a_batch_is_stored_once(connection: Connection) -> None:
    doubled = [fix_row(1), fix_row(1), fix_row(1, recorded_at_us=START_US + 5)]
    assert load(connection, Batch(doubled, [status_row(1)])) == LoadReport(1, 2, 0, 1, 0)


def test_the_latest_fix_is_the_newest_in_any_order_of_loading(connection: Connection) -> None:
    for record in (5, 9, 2, 7):
        load(connection, Batch([fix_row(record), fix_row(record, collar=2)]))
    latest = connection.execute("select collar, record from latest_fix order by collar").fetchall()
    assert latest == [(1, 9), (2, 9)]


def test_a_lost_gate_lets_no_double_in(connection: Connection) -> None:
    load(connection, Batch([fix_row(1), fix_row(2)]))
    connection.execute("delete from record_gate")
    assert load(connection, Batch([fix_row(1), fix_row(3)])).fixes_new == 1
    assert stored_records(connection) == [(1, 0, 1), (1, 0, 2), (1, 0, 3)]


def test_a_heard_collar_and_station_enter_the_registry(connection: Connection) -> None:
    load(connection, Batch([fix_row(collar=12)], [], [reception_row(collar=13)]))
    assert connection.execute("select collar, name from collar order by 1").fetchall() == [
        (12, "collar 12"),
        (13, "collar 13"),
    ]
    assert value(connection, "select station from station") == "hut"


def test_an_empty_batch_loads_nothing(connection: Connection) -> None:
    assert load(connection, Batch()) == LoadReport(0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"collar": 0}, "collar = 0: expected a number from 1 to 65535"),
        ({"record": 0}, "record = 0: expected a number from 1 to 4294967295"),
        ({"lat_deg": 90.1}, "lat_deg = 90.1: expected a number from -90 to 90"),
        ({"lon_deg": float("nan")}, "lon_deg = nan: expected a number from -180 to 180"),
        ({"altitude_m": float("inf")}, "altitude_m = inf: expected a number from -32768 to"),
        ({"reason": 16}, "reason = 16: expected a number from 0 to 15"),
        ({"recorded_at_us": 0}, "recorded_at_us = 0: expected Unix microseconds from 1980"),
        ({"generation": None}, "generation = None: expected a number"),
    ],
)
def test_a_bad_row_is_named_and_nothing_stored(
    connection: Connection, change: dict[str, Any], expected: str
) -> None:
    bad = fix_row(2)._replace(**change)
    with pytest.raises(BadRow, match=expected) as caught:
        load(connection, Batch([fix_row(1), bad]))
    assert caught.value.row is bad
    assert value(connection, "select count(*) from fix") == 0


def test_a_bad_station_name_is_named(connection: Connection) -> None:
    with pytest.raises(BadRow, match=r"station = '': expected a name"):
        load(connection, Batch(receptions=[reception_row(station="")]))


def test_loading_needs_an_idle_connection(connection: Connection) -> None:
    with connection.transaction(), pytest.raises(BusyConnection, match="expected an idle one"):
        load(connection, Batch([fix_row()]))


def test_a_connection_without_autocommit_is_committed(migrated_url: str) -> None:
    with psycopg.connect(migrated_url) as writer:
        load(writer, Batch([fix_row()]))
        with psycopg.connect(migrated_url) as reader:
            assert stored_records(reader) == [(1, 0, 1)]


def test_two_loaders_of_overlapping_batches_store_each_record_once(migrated_url: str) -> None:
    fixes = walk(1, 600, seed=1) + walk(2, 600, seed=2)
    meet = threading.Barrier(2)

    def load_all(order: int) -> int:
        new = 0
        with psycopg.connect(migrated_url) as connection:
            for start in range(0, len(fixes), 100):
                meet.wait()
                new += load(connection, Batch(fixes[start : start + 150][::order])).fixes_new
        return new

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(load_all, (1, -1))) == len(fixes)
    with psycopg.connect(migrated_url) as connection:
        assert len(set(stored_records(connection))) == len(stored_records(connection)) == 1200


def test_four_writers_over_chunk_borders_neither_deadlock_nor_lose(
    migrated_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    meet = threading.Barrier(4)

    def write(writer: int) -> int:
        new = 0
        with psycopg.connect(migrated_url) as connection:
            for month in range(6):  # every load begins new chunks of all three hypertables
                at_us = START_US + (month * 180 - 1) * DAY_US
                order = 1 if writer % 2 else -1
                fixes = [
                    fix_row(100 * month + n, collar=collar, recorded_at_us=at_us + n * DAY_US)
                    for collar in range(1, 6)
                    for n in range(1, 41)
                ][::order]
                heard = [reception_row(1, received_at_us=row.recorded_at_us) for row in fixes]
                health = [status_row(50_000 + month, recorded_at_us=at_us)]
                meet.wait()
                new += load(connection, Batch(fixes, health, heard[::-1])).fixes_new
        return new

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(write, range(4))) == 6 * 5 * 40
    assert "cancelled by the server" not in caplog.text
    with psycopg.connect(migrated_url) as connection:
        assert value(connection, "select count(*) from reception") == 6 * 40


def test_loaders_in_opposite_collar_order_do_not_deadlock(
    migrated_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    collars = range(1, 30)

    def write(order: int) -> None:
        with psycopg.connect(migrated_url) as connection:
            for record in range(1, 15):
                load(connection, Batch([fix_row(record, collar=c) for c in collars][::order]))

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(write, (1, -1, 1, -1)))
    assert "cancelled by the server" not in caplog.text
    with psycopg.connect(migrated_url) as connection:
        assert value(connection, "select count(*) from fix") == 29 * 14


@given(batches=st.lists(st.lists(st.integers(1, 12), max_size=8), max_size=6))
@settings(
    derandomize=True,
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_sequence_of_batches_ends_in_the_set_of_its_records(
    connection: Connection, batches: list[list[int]]
) -> None:
    connection.execute("truncate fix, record_gate, latest_fix")
    for batch in batches:
        load(connection, Batch([fix_row(n, recorded_at_us=START_US + n * HOUR_US) for n in batch]))
    wanted = sorted({n for batch in batches for n in batch})
    assert [record for _, _, record in stored_records(connection)] == wanted
    assert value(connection, "select max(record) from latest_fix") == max(wanted, default=None)


def test_a_load_that_the_server_cancels_is_tried_again(
    migrated_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(migrated_url) as loader, psycopg.connect(migrated_url) as other:
        load(loader, Batch([fix_row(1)]))
        loader.execute("set deadlock_timeout = '500ms'")  # so that it is the one cancelled
        loader.commit()
        other.execute("set deadlock_timeout = '1min'")
        other.execute("select from latest_fix for update")
        with ThreadPoolExecutor(1) as threads:
            loading = threads.submit(load, loader, Batch([fix_row(2)]))
            while not value(other, "select count(*) from pg_locks where not granted"):
                pass
            other.execute("select from record_gate for update")
            other.commit()
            assert loading.result() == LoadReport(1, 0, 0, 0, 0)
        assert "cancelled by the server" in caplog.text
        assert stored_records(other) == [(1, 0, 1), (1, 0, 2)]
