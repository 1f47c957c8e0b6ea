"""Files of positions and of reference data, in and out, as Movebank has them."""

import random
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import IO, Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from psycopg import Connection, IsolationLevel, errors
from psycopg.rows import dict_row

from backend import deps
from backend.auth import (
    KEEPERS,
    SCIENTISTS,
    Caller,
    Principal,
    Viewer,
    audited,
    get_principal,
)
from backend.db import imports, references
from backend.db.audit import append
from backend.db.queries import query
from backend.deps import Database
from backend.errors import BadRequest, NotFound
from backend.movebank import events, reference, write
from backend.movebank.models import FileQuery, ImportQuery, ImportReport
from backend.movebank.report import Report
from backend.movebank.rows import SEPARATOR
from backend.params import Number, Query_
from backend.uploads import receive

router = APIRouter(prefix="/studies/{study}", tags=["files"])

_IMPORTERS = tuple(dict.fromkeys((*SCIENTISTS, *KEEPERS)))
_REFUSALS = deps.NOT_FOUND | deps.FORBIDDEN
_TRIES = 6
_CROSSED = (errors.DeadlockDetected, errors.SerializationFailure, errors.IntegrityError)
"""What another writer's transaction can do to ours; after it, ours finds what that one stored."""
_COUNTS = ("rows_in", "accepted", "duplicate", "rejected")
_CSV = "text/csv; charset=utf-8"
_NDJSON = "application/x-ndjson"
_EVENT_BODY = {
    "requestBody": {
        "required": True,
        "content": {media: {"schema": {"type": "string"}} for media in ("text/csv", _NDJSON)},
    }
}
_CSV_BODY = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}
}
_CSV_ANSWER: deps.Responses = {
    200: {"description": "The file", "content": {"text/csv": {"schema": {"type": "string"}}}}
}


def get_importer(request: Request, study: Number) -> Principal:
    """Who imports into a study; as `Caller`, but holds no connection while the file comes."""
    with request.app.state.pool.connection() as database:
        caller = get_principal(request, database)
        caller.require("ingest", _IMPORTERS, study)
        if not deps.rows(database, "has_study", study=study):
            raise NotFound("study", study)
    return caller


Importer = Annotated[Principal, Depends(get_importer)]


@router.post("/events", summary="Import positions", responses=_REFUSALS, openapi_extra=_EVENT_BODY)
async def import_events(
    request: Request, caller: Importer, study: Number,
    wanted: Annotated[ImportQuery, Query()],
) -> ImportReport:  # fmt: skip
    """Store a Movebank event file, or lines of JSON with its terms; either may be gzip.

    All or nothing of what can be stored is stored in one transaction; the same file again adds
    nothing. `rows_in` = `accepted` + `duplicate` + `rejected`, and each rejected line has its
    reason. A file whose dates can be read two ways is refused whole.
    """
    kind = _media_type(request, "text/csv", _NDJSON)
    run = partial(
        _stored,
        store=imports.store,
        read=events.read_csv if kind == "text/csv" else events.read_ndjson,
    )
    return await _import(request, caller, study, wanted.dry_run, run)


@router.post(
    "/reference-data",
    summary="Import reference data",
    responses=_REFUSALS,
    openapi_extra=_CSV_BODY,
)
async def import_reference(
    request: Request, caller: Importer, study: Number,
    wanted: Annotated[ImportQuery, Query()],
) -> ImportReport:  # fmt: skip
    """Store a Movebank file of reference data: animals, tags, and which was on which.

    What a row says replaces what was known; blank values replace nothing.
    """
    _media_type(request, "text/csv")
    run = partial(_stored, store=references.store, read=reference.read_reference)
    return await _import(request, caller, study, wanted.dry_run, run)


@router.get(
    "/events.csv",
    summary="Export positions",
    response_class=Response,
    responses=_CSV_ANSWER | deps.NOT_FOUND,
)
def export_events(
    database: Database, request: Request, viewer: Viewer, study: Number,
    wanted: Annotated[FileQuery, Query()],
) -> Response:  # fmt: skip
    """A Movebank event file of what the caller may see.

    Places that are given less exactly than they are stored say so in the column `capra:cell-deg`.
    """
    values = {
        "viewer": viewer.viewer, "study": study,
        "from_time": wanted.from_time, "to_time": wanted.to_time,
    }  # fmt: skip
    _require_study(database, viewer, study)
    return deps.Stream(
        request,
        lambda connection: _event_lines(connection, values),
        media_type=_CSV,
        headers=_file("events"),
    )


@router.get(
    "/reference-data.csv",
    summary="Export reference data",
    response_class=Response,
    responses=_CSV_ANSWER | deps.NOT_FOUND,
)
def export_reference(database: Database, viewer: Viewer, study: Number, _: Query_) -> Response:
    """A Movebank file of reference data, of the animals that the caller may see exactly."""
    _require_study(database, viewer, study)
    found = deps.rows(database, "export_reference", viewer=viewer.viewer, study=study)
    text = "".join(write.reference(row["attributes"] | row for row in found))
    return Response(text, media_type=_CSV, headers=_file("reference-data"))


async def _import(
    request: Request, caller: Principal, study: int, dry_run: bool, run: Callable[..., Report]
) -> ImportReport:
    def store(file: IO[bytes]) -> Report:
        with request.app.state.pool.connection() as database:

            def note(report: Report) -> None:
                """The audit, in the transaction of what it tells of."""
                rows = {name: getattr(report, name) for name in _COUNTS}
                append(database, [audited(request, caller, "change", rows=rows)])

            return run(database, study, file, dry_run, note)

    with await receive(request, request.app.state.settings.import_bytes) as file:
        report = await run_in_threadpool(store, file)
    return ImportReport.model_validate(report.as_json() | {"dry_run": dry_run})


def _stored(
    database: Connection[Any], study: int, file: IO[bytes], dry_run: bool,
    note: Callable[[Report], None], *, store: Callable[..., None],
    read: Callable[[IO[bytes], Report, datetime], Iterator[Any]],
) -> Report:  # fmt: skip
    """The report of a file; what another writer crossed is tried again from its beginning."""
    for attempt in range(_TRIES):
        file.seek(0)
        report = Report()
        try:
            store(database, study, read(file, report, datetime.now(UTC)), report, dry_run, note)
            break
        except _CROSSED:
            if attempt == _TRIES - 1:
                raise
            time.sleep(random.uniform(0.01, 0.05) * 2**attempt)
    return report


def _media_type(request: Request, *known: str) -> str:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in known:
        raise BadRequest("Content-Type", kind, " or ".join(known))
    return kind


def _require_study(database: Connection[Any], viewer: Caller, study: int) -> None:
    if not deps.rows(database, "sees_study", viewer=viewer.viewer, study=study):
        raise NotFound("study", study)


def _event_lines(database: Connection[Any], values: dict[str, Any]) -> Generator[str]:
    """The file as of one moment, whatever is stored meanwhile."""
    database.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with database.transaction():
            general = deps.rows(database, "export_is_general", **values)[0]["general"]
            found = [row["term"] for row in deps.rows(database, "export_terms", **values)]
            columns = write.event_columns([term for term in found if term], general)
            headers = {
                row["header"]: row["terms"].split(SEPARATOR)
                for row in deps.rows(database, "export_headers", **values)
            }
            with database.cursor("export", row_factory=dict_row) as cursor:
                cursor.itersize = 2_000
                yield from write.events(
                    columns, cursor.execute(query("export_events"), values), headers
                )
    finally:
        database.isolation_level = None


def _file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}.csv"'}
