"""Migrations: with and without TimescaleDB, several at once, and schema.sql as their sum."""

import hashlib
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb

from backend.db import embedded, ingest, migrate
from backend.db.errors import MigrationError
from tests.backend.factories import DAY_US, START_US, fix_row

pytestmark = pytest.mark.db
WITHOUT_TIMESCALEDB = {"shared_preload_libraries": ""}
NAMES = [one.name for one in migrate.migrations()]

COLUMNS = """
select table_name, column_name, data_type, is_nullable, column_default, is_identity
from information_schema.columns
join information_schema.tables using (table_schema, table_name)
where table_schema = 'public' and table_name <> 'migration' and table_type = 'BASE TABLE'
"""
CONSTRAINTS = """
select conrelid::regclass::text, conname, pg_get_constraintdef(oid)
from pg_constraint
where connamespace = 'public'::regnamespace and conrelid <> to_regclass('migration')::oid
"""
EXTENSION = "select from pg_extension where extname = 'timescaledb'"
INDEXES = """
select tablename, indexname, indexdef
from pg_indexes
where schemaname = 'public' and tablename <> 'migration'
"""
COMMENTS = """
select objoid::regclass::text, objsubid, description
from pg_description
where classoid = 'pg_class'::regclass and objoid in (
    select oid from pg_class where relnamespace = 'public'::regnamespace and relkind <> 'v'
)
"""
TRIGGERS = """
select pg_get_triggerdef(pg_trigger.oid), prosrc
from pg_trigger
join pg_proc on pg_proc.oid = tgfoid
join pg_class on pg_class.oid = tgrelid
where not tgisinternal and relnamespace = 'public'::regnamespace and tgname <> 'ts_insert_blocker'
"""


ROWS = {
    1: """
insert into animal (name, taxon) values ('Alva', 'Capra ibex');
insert into collar (collar, name) values (1, 'one');
insert into deployment (collar, animal, during) values (1, 1, '[2026-01-01,)');
insert into fix (collar, generation, record, recorded_at, lat, lon, reason)
values (1, 0, 1, '2026-06-01', 46.66, 10.2, 0)
""",
    5: """
insert into study (name) values ('Herd');
insert into account (name) values ('warden');
insert into alert_rule (kind, name, study, deliver)
values ('silence', 'lost', 1, '[{"kind": "email", "to": "a@park.invalid"},
    {"kind": "webhook", "url": "https://park.invalid", "secret": "s"},
    {"kind": "email", "to": "a@park.invalid"}]');
insert into alert (alert_rule, kind, began_at, identity) values (1, 'silence', now(), 'one');
insert into alert_delivery (alert, channel) values (1, '0'), (1, '1'), (1, '2'), (1, '9')
""",
    9: "insert into imported_term (study, term) values (1, 'comments')",
    11: """
insert into forwarder (study, name, kind, address, token, role, batch, every_s)
values (1, 'there', 'gundi', 'https://gundi.invalid', 'token', 'guest', 10, 60);
insert into forward_mark (forwarder, collar, seen_as) values (1, 1, 'so');
insert into forwarded (forwarder, collar, recorded_at, generation, record)
values (1, 1, '2026-06-01', 0, 1)
""",
    12: """
insert into analysis (kind, question, input_hash, animals, accounts)
values ('home-range', '{}', 'hash', '{1}', '{1}');
insert into overlap (animals, method, parameters, matrices, from_time, to_time, fixes,
    software_version, input_hash)
values ('{1,2}', 'kde', '{}', '{}', now(), now(), 9, '1', 'hash')
""",
    13: """
insert into imported_header (study, terms) values (1, 'comments');
insert into imported_event (collar, record, recorded_at, header, words)
values (1000000, 1, '2026-06-01', 1, 'limps')
""",
}
"""What a database holds, by the version that first can."""


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


KEPT = {
    5: (
        "select string_agg(channel, ' ' order by channel) from alert_delivery",
        " ".join(sorted([md5("email a@park.invalid"), md5("webhook https://park.invalid"), "9"])),
    ),
    9: ("select term from imported_term", "comments"),
    11: (
        "select name || ' ' || seen_as || ' ' || record from forwarder"
        " join forward_mark using (forwarder) join forwarded using (forwarder)",
        "there so 1",
    ),
    12: (
        "select kind || ' ' || method from analysis join overlap using (input_hash)",
        "home-range kde",
    ),
    13: ("select told(header, words) ->> 'comments' from imported_event", "limps"),
}
"""What a question about it answers at last, from that version on."""

UNTIL = {5: 15}
"""The last version that writes rows so."""


def catalogue(dsn: str) -> set[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        connection.execute("create table if not exists migration ()")  # for the queries' sake
        found = set()
        for query in (COLUMNS, CONSTRAINTS, INDEXES, COMMENTS, TRIGGERS):
            found |= set(connection.execute(sql.SQL(query)).fetchall())
        connection.rollback()
    return found


def hypertables(dsn: str) -> set[str]:
    names = "select hypertable_name from timescaledb_information.hypertables"
    with psycopg.connect(dsn) as connection:
        if connection.execute(EXTENSION).fetchone() is None:
            return set()
        return {name for (name,) in connection.execute(names)}


@pytest.fixture
def second_url(postgres_server: str, database_url: str) -> Iterator[str]:
    """Another empty database of the same server."""
    name = str(conninfo_to_dict(database_url)["dbname"]) + "_second"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield make_conninfo(postgres_server, dbname=name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def test_the_second_call_has_nothing_to_do(database_url: str) -> None:
    assert migrate.migrate(database_url) == NAMES
    assert migrate.migrate(database_url) == []


@pytest.mark.parametrize("version", range(1, len(NAMES)))
def test_every_earlier_version_comes_to_the_present(
    database_url: str, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    now = migrate.migrations()
    monkeypatch.setattr(migrate, "migrations", lambda: now[:version])
    migrate.migrate(database_url)
    with psycopg.connect(database_url) as connection:
        for since, rows in ROWS.items():
            if since <= version:
                connection.execute(rows.encode())
    monkeypatch.setattr(migrate, "migrations", lambda: now)
    assert migrate.migrate(database_url) == NAMES[version:]
    with psycopg.connect(database_url) as connection:
        seen = connection.execute(
            'select collar, lat, visible(outlier) from seen_fix(\'[{"role": "admin"}]\')'
        )
        assert seen.fetchall() == [(1, 46.66, True)]
        for since, (query, answer) in KEPT.items():
            if since <= version <= UNTIL.get(since, version):
                assert connection.execute(query.encode()).fetchall() == [(answer,)]


def test_what_imported_rows_said_is_kept_in_words(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = migrate.migrations()
    monkeypatch.setattr(migrate, "migrations", lambda: now[:12])
    migrate.migrate(database_url)
    said = [{}, {"gps:hdop": "1.5", "event-id": "7", "comments": 'a,"b'}]
    with psycopg.connect(database_url) as connection:
        for number, row in enumerate(said):
            connection.execute(
                "insert into imported_event values (1000000, %s, '2026-06-01', %s)",
                (number, Jsonb(row)),
            )
    monkeypatch.setattr(migrate, "migrations", lambda: now)
    migrate.migrate(database_url)
    kept = "select string_to_array(terms, e'\\x1f'), string_to_array(words, e'\\x1f') "
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            f"{kept} from imported_event join imported_header using (header) order by record"
        ).fetchall()
    assert [dict(zip(terms, words, strict=True)) for terms, words in found] == said
    assert found[1][0][0] == "event-id"


def test_what_an_older_version_needs_stays_until_asked_for(database_url: str) -> None:
    waiting = [one.name for one in migrate.migrations() if "post" in one.marks]
    assert migrate.migrate(database_url, post=False) == [n for n in NAMES if n not in waiting]
    with psycopg.connect(database_url) as connection:  # as an older version adds an animal
        add = "insert into animal (name) values ('Alva') on conflict (name) do nothing"
        assert [connection.execute(add).rowcount for _ in range(2)] == [1, 0]
    assert migrate.migrate(database_url) == waiting


def test_schema_sql_is_what_the_migrations_make(database_url: str, second_url: str) -> None:
    migrate.migrate(database_url)
    schema = resources.files("backend.db") / "sql" / "schema.sql"
    with psycopg.connect(second_url) as connection:
        connection.execute(schema.read_text())  # type: ignore[call-overload]
    assert catalogue(database_url) == catalogue(second_url)


def test_schema_sql_is_right_without_timescaledb(server_folder: Path, database_url: str) -> None:
    migrate.migrate(database_url)
    plain = embedded.start("plain", server_folder, WITHOUT_TIMESCALEDB)
    migrate.migrate(plain)
    assert catalogue(plain) == catalogue(database_url)


def test_series_are_hypertables_where_the_server_has_them(database_url: str) -> None:
    migrate.migrate(database_url)
    with psycopg.connect(database_url) as connection:
        query = "select from pg_available_extensions where name = 'timescaledb'"
        available = connection.execute(query).fetchone() is not None
    assert hypertables(database_url) == (
        {"fix", "status", "reception", "activity"} if available else set()
    )


def test_no_job_runs_that_the_licence_of_timescaledb_forbids(server_folder: Path) -> None:
    dsn = embedded.start("herd", server_folder)
    migrate.migrate(dsn)
    with psycopg.connect(dsn) as connection:
        scheduler = "select from pg_stat_activity where backend_type like '%Scheduler%'"
        while hypertables(dsn) and not connection.execute(scheduler).rowcount:
            connection.rollback()  # else the view would not change
            time.sleep(0.02)
        connection.execute("select pg_sleep(0.5)")  # it reads its jobs at once
    embedded.stop(server_folder)
    log = (server_folder / "log").read_text()
    assert "threw an error" not in log and "license" not in log


def test_a_server_that_gains_timescaledb_keeps_its_rows(
    server_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "backend.db.migrate")
    dsn = embedded.start("herd", server_folder, WITHOUT_TIMESCALEDB)
    assert migrate.migrate(dsn) == NAMES
    assert "plain tables, no TimescaleDB" in caplog.text
    rows = [fix_row(n, recorded_at_us=START_US + n * 20 * DAY_US) for n in range(1, 9)]
    with psycopg.connect(dsn) as connection:
        assert ingest.load(connection, ingest.Batch(rows)).fixes_new == 8
    embedded.stop(server_folder)
    dsn = embedded.start("herd", server_folder)
    assert migrate.migrate(dsn) == []
    with psycopg.connect(dsn) as connection:
        assert ingest.load(connection, ingest.Batch([*rows, fix_row(9)])).fixes_new == 1
        assert connection.execute("select count(*) from fix").fetchone() == (9,)


def test_several_programs_may_migrate_at_once(database_url: str) -> None:
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(migrate.migrate, [database_url] * 4))
    assert sorted(applied, key=len) == [[], [], [], NAMES]


def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    migrate.migrate(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("insert into migration (migration) values ('9999_later')")
    with pytest.raises(MigrationError, match=r"9999_later.*update Capra"):
        migrate.migrate(database_url)


def test_a_failing_migration_is_named_and_leaves_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = migrate.Migration("0001_broken", "create table half (); select nonsense")
    monkeypatch.setattr(migrate, "migrations", lambda: [broken])
    with pytest.raises(MigrationError, match=r"0001_broken: column \"nonsense\" does not exist"):
        migrate.migrate(database_url)
    assert not catalogue(database_url)


def test_a_user_without_rights_gets_plain_tables(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("drop role if exists keeper")
        connection.execute("create role keeper login")
        connection.execute("grant create on schema public to keeper")
        connection.execute(
            sql.SQL("grant create on database {} to keeper").format(
                sql.Identifier(str(conninfo_to_dict(database_url)["dbname"]))
            )
        )
    assert migrate.migrate(make_conninfo(database_url, user="keeper")) == NAMES


def test_migrations_are_numbered_without_gaps() -> None:
    assert [int(name[:4]) for name in NAMES] == list(range(1, len(NAMES) + 1))
