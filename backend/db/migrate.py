"""Bring a database to the present schema, by numbered SQL files under a lock.

Rules for the next migration: `sql/migrations/NNNN_what.sql`, next free number, never changed once
released; `sql/schema.sql` changes with it (a test compares both). A file whose first line is `--
always` runs at every call and must change nothing the second time. `-- no transaction` (for
statements that refuse one) runs outside; it must stand being run again after a failure. `-- post`
takes away what an older version still needs (a column, a rule): it waits for `migrate(post=True)`,
when every server is of this version, and no other file may rely on it.
"""

from __future__ import annotations

import logging
import re
from importlib import resources
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql

from backend.db.errors import MigrationError, describe

log = logging.getLogger(__name__)

_LOCK = 0x43415052  # "CAPR": any number, the same for every program that migrates
_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_MINIMUM_SERVER = 160000  # PostgreSQL 16, the oldest that the tests run on

_TABLE = """
create table if not exists migration (
    migration text primary key,
    applied_at timestamptz not null default now()
)
"""


class Migration(NamedTuple):
    """One numbered SQL file."""

    name: str
    statements: LiteralString

    @property
    def marks(self) -> set[str]:
        """Marks in its leading comment lines: `always`, `no transaction`, `post`."""
        lines = self.statements.splitlines()
        marks = set()
        for line in lines:
            if not line.startswith("--"):
                break
            marks.add(line.removeprefix("--").strip())
        return marks


def migrations() -> list[Migration]:
    """All migrations in order of their numbers.

    Raises:
        MigrationError: a file is not named NNNN_what.sql, or a number is missing or taken twice.
    """
    found = []
    folder = resources.files("backend.db") / "sql" / "migrations"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if not file.name.endswith(".sql"):
            continue
        if not _NAME.fullmatch(file.name):
            raise MigrationError(f"migration {file.name!r}: expected a name like 0001_tables.sql")
        text: LiteralString = file.read_text("utf-8")  # our own files: no input in them
        found.append(Migration(file.name.removesuffix(".sql"), text))
    for number, migration in enumerate(found, start=1):
        if int(migration.name[:4]) != number:
            raise MigrationError(f"migration {migration.name!r}: expected number {number:04d}")
    return found


def migrate(dsn: str, post: bool = True) -> list[str]:
    """Apply what is missing, each file in its own transaction.

    Several programs may call this at once: the others wait and find nothing to do.

    Args:
        dsn: a libpq URL or keyword string of the database.
        post: also what an older version that still runs would stumble over.

    Returns:
        Names of the migrations applied for the first time, in order; empty when all was there.

    Raises:
        MigrationError: a file fails (its name and the server's message), the database was made by
            a newer version, or the server is too old.
        psycopg.OperationalError: the database does not answer.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.add_notice_handler(_log_notice)
        _refuse_old_server(connection)
        connection.execute("select pg_advisory_lock(%s)", (_LOCK,))
        try:
            return _apply_missing(connection, post)
        finally:
            if not connection.closed:
                connection.execute("select pg_advisory_unlock(%s)", (_LOCK,))


def _refuse_old_server(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    version = connection.info.server_version
    if version < _MINIMUM_SERVER:
        raise MigrationError(
            f"the server is PostgreSQL {version // 10000}: "
            f"expected {_MINIMUM_SERVER // 10000} or newer"
        )


def _apply_missing(connection: psycopg.Connection[tuple[object, ...]], post: bool) -> list[str]:
    if connection.execute("select to_regclass('public.migration')").fetchone() == (None,):
        connection.execute(_TABLE)
    applied = {row[0] for row in connection.execute("select migration from migration")}
    known = migrations()
    unknown = sorted(str(name) for name in applied - {migration.name for migration in known})
    if unknown:
        raise MigrationError(
            f"the database holds migrations this version does not know ({', '.join(unknown)}): "
            "expected a database of this version or older; update Capra"
        )
    new = []
    for migration in known:
        first_time = migration.name not in applied
        if "post" in migration.marks and not post:
            continue
        if first_time or "always" in migration.marks:
            _apply(connection, migration)
        if first_time:
            new.append(migration.name)
    return new


def _apply(connection: psycopg.Connection[tuple[object, ...]], migration: Migration) -> None:
    statements = sql.SQL(migration.statements)
    note = "insert into migration (migration) values (%s) on conflict do nothing"
    try:
        if "no transaction" in migration.marks:
            connection.execute(statements)
            connection.execute(note, (migration.name,))
            return
        with connection.transaction():
            connection.execute(statements)
            connection.execute(note, (migration.name,))
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise MigrationError(f"migration {migration.name}: {describe(error)}") from error


def _log_notice(diagnostic: psycopg.errors.Diagnostic) -> None:
    log.info("%s", diagnostic.message_primary)
