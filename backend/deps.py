"""What handlers are given: a database connection for the time of one request."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any

from anyio import CancelScope, to_thread
from fastapi import Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from psycopg import Connection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import PoolTimeout
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from backend.db.pool import Pool
from backend.db.queries import query
from backend.errors import BadRequest, Busy, Changed, Forbidden, NotFound
from backend.problems import MEDIA_TYPE


def get_connection(request: Request) -> Iterator[Connection[Any]]:
    """A connection out of the pool, autocommit.

    Raises:
        psycopg_pool.PoolTimeout: the database is away or all connections are busy.
    """
    pool: Pool = request.app.state.pool
    with pool.connection() as connection:
        yield connection


Database = Annotated[Connection[Any], Depends(get_connection, scope="function")]
"""Given back before the answer is sent: who reads slowly keeps nobody else waiting."""

Content = Generator[bytes | memoryview | str]


class Stream(StreamingResponse):
    """A streamed answer with a connection of its own, out of the pool of downloads.

    Its source ends with it, before the connection is given back: whoever breaks off would leave
    both to the garbage collector. What is being read then is cancelled.
    """

    def __init__(
        self, request: Request, source: Callable[[Connection[Any]], Content], **about: Any
    ) -> None:
        super().__init__((), **about)
        self._pool: Pool = request.app.state.downloads
        self._source = source
        self._reading = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it.

        Raises:
            Busy: all connections for downloads are taken.
        """
        try:
            connection = await run_in_threadpool(self._pool.getconn)
        except PoolTimeout as error:
            raise Busy("too many downloads are under way") from error
        content = self._source(connection)
        self.body_iterator = self._parts(content)
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):
                await run_in_threadpool(self._end, content, connection)

    async def _parts(self, content: Content) -> AsyncIterator[bytes | memoryview | str]:
        def following() -> bytes | memoryview | str | None:
            with self._reading:
                return next(content, None)

        while (part := await to_thread.run_sync(following, abandon_on_cancel=True)) is not None:
            yield part

    def _end(self, content: Content, connection: Connection[Any]) -> None:
        try:
            if self._reading.locked():  # for nobody any more
                connection.cancel_safe()
            with self._reading:
                content.close()
        finally:
            self._pool.putconn(connection)


def rows(connection: Connection[Any], name: str, **values: object) -> list[DictRow]:
    """The rows of a named query, as dictionaries.

    In text format: a real column read as binary would print as 1.600000023841858.
    """
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(query(name), values).fetchall()


def require(connection: Connection[Any], viewer: str, kind: str, value: int | None) -> None:
    """Check that a viewer may see anything of an animal or a collar; None passes.

    Raises:
        NotFound: it does not exist, or is not to be seen, which looks the same.
    """
    if value is not None and not rows(connection, f"seen_{kind}", viewer=viewer, value=value):
        raise NotFound(kind, value)


def require_exact(connection: Connection[Any], viewer: str, animals: Sequence[int]) -> None:
    """Check that a viewer sees animals exactly and at once, as a computation on their fixes needs.

    Raises:
        NotFound: one is not to be seen at all.
        Forbidden: one is seen coarsely, or late.
    """
    for one in rows(connection, "not_seen_exactly", viewer=viewer, animals=list(animals)):
        if not one["seen"]:
            raise NotFound("animal", one["animal"])
        raise Forbidden(f"animal {one['animal']}: its exact positions are not for this key")


def require_order(from_time: datetime | None, to_time: datetime | None) -> None:
    """Check the time range in a body.

    Raises:
        BadRequest: it ends before it begins.
    """
    if from_time and to_time and from_time >= to_time:
        raise BadRequest("from", str(from_time), f"a time before 'to' ({to_time})")


def tag(response: Response, answer: BaseModel) -> None:
    """Give an answer the ETag that a later change may name in If-Match."""
    response.headers["ETag"] = _etag(answer)


def require_match(request: Request, current: BaseModel) -> None:
    """Check If-Match, where it is given, against what is there now.

    Raises:
        Changed: another changed it since.
    """
    wanted = request.headers.get("if-match")
    if wanted and wanted != "*" and _etag(current) not in wanted.replace(" ", "").split(","):
        raise Changed(_etag(current))


def _etag(answer: BaseModel) -> str:
    return f'"{hashlib.sha256(answer.model_dump_json().encode()).hexdigest()[:32]}"'


def _problem_response(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


Responses = dict[int | str, dict[str, Any]]

PROBLEMS: Responses = {
    400: _problem_response("A value that cannot be used, or a parameter that is not known here"),
    401: _problem_response("A credential is needed here, or the one given is not good"),
    429: _problem_response("Too many requests; Retry-After says when to come again"),
    503: _problem_response("The database does not answer, has no tables yet, or is busy"),
}
NOT_FOUND: Responses = {404: _problem_response("No such thing")}
FORBIDDEN: Responses = {403: _problem_response("This role or key may not do this")}
CONFLICT: Responses = {409: _problem_response("It contradicts what is stored")}
CHANGED: Responses = {412: _problem_response("Another changed it since it was read")}
CANNOT_COMPUTE: Responses = {409: _problem_response("The stored data do not allow it")}
