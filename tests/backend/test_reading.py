"""Fixes in parts: what a part, a page and a single fix have in common."""

import logging
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from backend import fix_chunks, fix_columns
from backend.db.pool import open_pool
from tests.backend.conftest import Herd, migrated_database, settle
from tests.backend.factories import serving

API = "/api/v1"
ALL: dict[str, Any] = dict.fromkeys(
    ("animal", "collar", "from_time", "to_time", "visible", "west", "south", "east", "north")
)
ALL |= {"viewer": '[{"study": null, "role": "admin"}]'} | fix_columns.after(None)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fix_chunks, "CHUNK", 7)


@pytest.mark.parametrize("connections", [1, 2])
def test_parts_make_the_whole_each_fix_once(
    herd: Herd, small_parts: None, connections: int
) -> None:
    with serving(herd.database_url, downloads_size=connections) as client:
        whole = client.get(f"{API}/fixes/export").json()["features"]
        pages = client.get(f"{API}/fixes", params={"limit": 1000}).json()["features"]
    assert len(whole) > 7 * 7
    assert whole == pages


LONG = (
    f"{API}/fixes/export",
    f"{API}/studies/1/events.csv",
    "/api/v1.0/trackingdata/export",
    "/movebank/service/direct-read?entity_type=event&study_id=1",
)


@pytest.fixture(scope="module")
def endless(postgres_server: str) -> Herd:
    """A herd of a study, one animal of which has more fixes than any buffer holds."""
    herd = settle(migrated_database(postgres_server, "endless"))
    with psycopg.connect(herd.database_url) as connection:
        connection.execute("insert into study (name) values ('all')")
        connection.execute("update animal set study = 1")
        connection.execute("""
            insert into fix (collar, generation, record, recorded_at, lat, lon, reason)
            select 1, 1, i, timestamptz '2026-09-01Z' + i * interval '1 s', 46.6, 10.2, 0
            from generate_series(1, 80000) i
        """)
    return herd


@pytest.mark.parametrize("path", LONG)
def test_who_breaks_off_leaves_the_connection(
    endless: Herd, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    with serving(endless.database_url, downloads_size=1, pool_wait_s=30) as client:
        for _ in range(2):
            with client.stream("GET", path) as answer:
                assert answer.status_code == 200
                next(answer.iter_raw())
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


def test_who_downloads_slowly_keeps_nobody_else_waiting(endless: Herd) -> None:
    limits: dict[str, Any] = {"pool_size": 1, "downloads_size": 1, "pool_wait_s": 0.2}
    with (
        serving(endless.database_url, **limits) as client,
        client.stream("GET", LONG[0]) as slow,
    ):
        parts = slow.iter_raw()
        next(parts)
        assert client.get(f"{API}/latest").status_code == 200
        with client.stream("GET", LONG[0]) as refused:
            assert refused.status_code == 503
            assert int(refused.headers["Retry-After"]) > 0


def test_parts_left_early_end_their_transaction(
    connection: Connection[Any], own_herd: Herd, small_parts: None
) -> None:
    connection.commit()
    connection.autocommit = True
    parts = fix_chunks.chunks(connection, "fix_page", ALL)
    assert next(parts).rows == 7 // 4
    parts.close()
    assert connection.info.transaction_status.name == "IDLE"
    assert connection.isolation_level is None


def test_two_connections_see_the_same_moment(
    connection: Connection[Any], own_herd: Herd, small_parts: None
) -> None:
    with open_pool(own_herd.database_url) as pool, pool.connection() as one:
        before = one.execute("select count(*) from fix").fetchone()
        parts = fix_chunks.chunks(one, "fix_page", ALL, pool)
        seen = next(parts).rows
        connection.execute("update fix set recorded_at = recorded_at + interval '1 s'")
        connection.execute("delete from fix where collar = 1")
        connection.commit()
        seen += sum(part.rows for part in parts)
    assert before == (seen,)


@pytest.mark.parametrize("of", [{"collar": 2}, {"animal": 2}])
def test_fixes_of_one_are_those_among_all(herd: Herd, of: dict[str, int]) -> None:
    with serving(herd.database_url) as client:
        everything = client.get(f"{API}/fixes", params={"limit": 1000}).json()["features"]
        alone = client.get(f"{API}/fixes", params={"limit": 1000} | of).json()["features"]
    (name, number), *_ = of.items()
    assert alone
    assert alone == [one for one in everything if one["properties"][name] == number]


def test_a_name_stays_itself_whatever_is_in_it(
    connection: Connection[Any], own_herd: Herd
) -> None:
    names = ['"Ann\\a"\n\x01\x1f', "Flüria 🐐"]
    connection.execute("update animal set name = %s where animal = %s", (names[0], own_herd.gian))
    connection.execute(
        "update animal set name = %s where animal = %s", (names[1], own_herd.flurina)
    )
    connection.commit()
    with serving(own_herd.database_url) as client:
        latest = client.get(f"{API}/latest").json()["features"]
    found = {one["properties"]["animal"]: one["properties"]["name"] for one in latest}
    assert found[own_herd.gian] == names[0]
    assert found[own_herd.flurina] == names[1]
    assert None not in found or found[None] is None
