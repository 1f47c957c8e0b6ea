"""Rows of the registry by table and column names: added, changed, removed, listed.

Table and column names come from the code of the routes, never from a request.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from backend.db.errors import DatabaseError


class Refused(DatabaseError):
    """The schema refuses a row: a name that is taken, periods that overlap, no such study, ..."""


def add(connection: psycopg.Connection[Any], table: str, values: Mapping[str, Any]) -> Any:
    """Add a row and return the value of its first column.

    Raises:
        Refused: it contradicts what is stored.
    """
    statement = sql.SQL("insert into {} ({}) values ({}) returning *").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, values)),
        sql.SQL(", ").join(map(sql.Placeholder, values)),
    )
    with refusals(), connection.transaction():
        row = connection.execute(statement, _adapted(values)).fetchone()
    assert row is not None  # "returning" answers with the inserted row
    return row[0]


def lock(connection: psycopg.Connection[Any], table: str, number: Any) -> None:
    """Keep others from changing a row until the end of the transaction."""
    statement = sql.SQL("select from {} where {} = %s for update").format(
        sql.Identifier(table), sql.Identifier(table)
    )
    connection.execute(statement, (number,))


def change(
    connection: psycopg.Connection[Any], table: str, number: Any, values: Mapping[str, Any]
) -> None:
    """Change columns of the row whose key, named like its table, is `number`.

    Raises:
        Refused: it contradicts what is stored.
    """
    if not values:
        return
    sets = (sql.SQL("{} = {}").format(sql.Identifier(n), sql.Placeholder(n)) for n in values)
    statement = sql.SQL("update {} set {} where {} = %(key)s").format(
        sql.Identifier(table), sql.SQL(", ").join(sets), sql.Identifier(table)
    )
    with refusals(), connection.transaction():
        connection.execute(statement, {**_adapted(values), "key": number})


def remove(connection: psycopg.Connection[Any], table: str, number: Any) -> None:
    """Remove a row.

    Raises:
        Refused: others refer to it.
    """
    statement = sql.SQL("delete from {} where {} = %s").format(
        sql.Identifier(table), sql.Identifier(table)
    )
    with refusals(), connection.transaction():
        connection.execute(statement, (number,))


def page(
    connection: psycopg.Connection[Any],
    table: str,
    columns: Sequence[LiteralString],
    where: sql.Composable,
    values: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Rows in order of their key, from behind `after`, at most `limit`."""
    onward = sql.SQL("true" if values["after"] is None else "{} > %(after)s")
    statement = sql.SQL(
        "select {columns} from {table} where ({where}) and {onward} "
        "order by {table} limit %(limit)s"
    ).format(
        columns=sql.SQL(", ").join(map(sql.SQL, columns)),
        table=sql.Identifier(table),
        where=where,
        onward=onward.format(sql.Identifier(table)),
    )
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, values).fetchall()


@contextmanager
def refusals() -> Iterator[None]:
    """Say of a broken rule of the schema what it means."""
    try:
        yield
    except psycopg.errors.ExclusionViolation as error:
        raise Refused("the collar is on an animal in that period already") from error
    except psycopg.errors.UniqueViolation as error:
        raise Refused(f"there is one already: {error.diag.message_detail}") from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise Refused(
            f"it refers to what is not there, or is referred to: {error.diag.message_detail}"
        ) from error
    except psycopg.errors.CheckViolation as error:
        raise Refused(f"the rule {error.diag.constraint_name} forbids it") from error


def _adapted(values: Mapping[str, Any]) -> dict[str, Any]:
    return {n: Jsonb(v) if isinstance(v, dict) else v for n, v in values.items()}
