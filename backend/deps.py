"""What handlers are given: a database connection for the time of one request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from psycopg import Connection
from psycopg.rows import DictRow, dict_row

from backend.db.pool import Pool
from backend.db.queries import query
from backend.errors import BadRequest, NotFound
from backend.problems import MEDIA_TYPE


def get_connection(request: Request) -> Iterator[Connection[Any]]:
    """A connection out of the pool, autocommit.

    Raises:
        psycopg_pool.PoolTimeout: the database is away or all connections are busy.
    """
    pool: Pool = request.app.state.pool
    with pool.connection() as connection:
        yield connection


Database = Annotated[Connection[Any], Depends(get_connection)]


def rows(connection: Connection[Any], name: str, **values: object) -> list[DictRow]:
    """The rows of a named query, as dictionaries.

    In text format: a real column read as binary would print as 1.600000023841858.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), values).fetchall()


def require(connection: Connection[Any], kind: str, value: int | None) -> None:
    """Check that an animal or a collar exists; None passes.

    Raises:
        NotFound: it does not.
    """
    if value is not None and not rows(connection, f"has_{kind}", value=value):
        raise NotFound(kind, value)


def require_order(from_time: datetime | None, to_time: datetime | None) -> None:
    """Check the time range in a body.

    Raises:
        BadRequest: it ends before it begins.
    """
    if from_time and to_time and from_time >= to_time:
        raise BadRequest("from", str(from_time), f"a time before 'to' ({to_time})")


def _problem_response(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


Responses = dict[int | str, dict[str, Any]]

PROBLEMS: Responses = {
    400: _problem_response("A value that cannot be used, or a parameter that is not known here"),
    503: _problem_response("The database does not answer, or has no tables yet"),
}
NOT_FOUND: Responses = {404: _problem_response("No such thing")}
CANNOT_COMPUTE: Responses = {409: _problem_response("The stored data do not allow it")}
