"""Fixes: page by page, whole in several formats, the newest of each collar, and their flags."""

import hashlib
from dataclasses import asdict
from importlib.metadata import version
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from psycopg import Connection

from backend import deps, fix_chunks, fix_columns, formats, geojson, record_models, schemas
from backend.auth import SCIENTISTS, Caller, Principal, Viewer, audit
from backend.db import flags
from backend.deps import Database, Stream
from backend.errors import NotFound
from backend.geojson import GeoJSONResponse
from backend.params import Query_, clamp_limit, parse_identity
from backend.wanted import FixExport, FixQuery, FixSelection, LatestQuery

VERSION = version("capra")

router = APIRouter(tags=["fixes"], default_response_class=GeoJSONResponse)

_EDGES = ("west", "south", "east", "north")
_STREAM: deps.Responses = {
    200: {
        "description": "All of them, as they are read",
        "content": {media: {"schema": {}} for media, _ in formats.FORMATS.values()},
    }
}


@router.get("/fixes", summary="Fixes", response_model=schemas.Fixes, responses=deps.NOT_FOUND)
def list_fixes(
    database: Database, request: Request, viewer: Viewer, wanted: Annotated[FixQuery, Query()]
) -> Response:
    """Position records, oldest first, of all collars, one collar or one animal.

    Long answers come in pages: follow the link with `rel` = `next` until there is none.
    """
    limit = clamp_limit(wanted.limit)
    name, values = select(database, viewer, wanted)
    values |= fix_columns.after(wanted.after) | {"limit": limit + 1}
    found = fix_columns.read(database, name, values)
    page = found.first(limit)
    onward = page.cursor() if found.rows > limit else None
    return _answer(page, geojson.page_links(request.url, onward))


@router.get(
    "/fixes/export",
    summary="All fixes at once",
    response_class=Response,
    responses=_STREAM | deps.NOT_FOUND,
)
def export_fixes(
    database: Database, request: Request, viewer: Viewer, wanted: Annotated[FixExport, Query()]
) -> Stream:
    """The same without pages, as a stream: what was stored when the request came."""
    name, values = select(database, viewer, wanted)
    media_type, write = formats.FORMATS[wanted.format]
    values |= fix_columns.after(None)
    pool = request.app.state.downloads
    return Stream(
        request,
        lambda connection: write(fix_chunks.chunks(connection, name, values, pool)),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="fixes.{wanted.format}"'},
    )


@router.get(
    "/fixes/{fix}", summary="One fix", response_model=schemas.FixFeature, responses=deps.NOT_FOUND
)
def get_fix(database: Database, viewer: Viewer, fix: str, _: Query_) -> Response:
    """A position record by its identity: collar-generation-record."""
    collar, generation, record = parse_identity(fix)
    values = {"collar": collar, "generation": generation, "record": record}
    found = fix_columns.read(database, "fix_one", values | {"viewer": viewer.viewer})
    if not found.rows:
        raise NotFound("fix", fix)
    return Response(found.first(1).geojson(), media_type=GeoJSONResponse.media_type)


@router.patch("/fixes", summary="Flag outliers", responses=deps.NOT_FOUND | deps.FORBIDDEN)
def flag_fixes(
    database: Database, request: Request, caller: Caller, wanted: record_models.Flags, _: Query_
) -> record_models.Flagged:
    """Set or clear outlier flags of fixes; tracks, ranges and latest positions leave outliers out.

    Needs the role ecologist or admin in the studies of the fixes.
    """
    caller.require_anywhere("write", SCIENTISTS)
    identities = [parse_identity(text) for text in wanted.fixes]
    on, off = _masks(wanted)
    changed = flags.set_flags(database, identities, on, off, caller.studies(SCIENTISTS))
    audit(request, caller, "change", flags=wanted.model_dump(exclude_none=True), changed=changed)
    return record_models.Flagged(changed=changed)


@router.get("/latest", summary="Latest positions", response_model=schemas.Latest)
def list_latest(
    database: Database, request: Request, viewer: Viewer, wanted: Annotated[LatestQuery, Query()]
) -> Response:
    """The newest fix of every collar, with the animal that wore it then.

    Long answers come in pages: follow the link with `rel` = `next` until there is none.
    """
    limit = clamp_limit(wanted.limit)
    found = latest(database, viewer, study=wanted.study, after=wanted.after, limit=limit + 1)
    page = found.first(limit)
    onward = page.collar[-1] if found.rows > limit else None
    return _answer(page, geojson.page_links(request.url, onward))


def latest(
    database: Connection[Any], viewer: Principal, after: int | None = None,
    limit: int | None = None, **wanted: Any,
) -> fix_columns.FixColumns:  # fmt: skip
    """The newest fix of each collar, by collar; all of them without a limit."""
    names = ("study", "animal", "collar", "from_time", "to_time", *_EDGES)
    values = dict.fromkeys(names) | wanted
    values |= {"viewer": viewer.viewer, "after_collar": after, "limit": limit}
    return fix_columns.read(database, "latest", values)


def select(
    database: Database, viewer: Principal, wanted: FixSelection
) -> tuple[str, dict[str, Any]]:
    """The paged query of a selection and its values, but for `after_...` and `limit`.

    Raises:
        NotFound: no such animal or collar that the viewer may see anything of.
    """
    deps.require(database, viewer.viewer, "animal", wanted.animal)
    deps.require(database, viewer.viewer, "collar", wanted.collar)
    box = asdict(wanted.bbox) if wanted.bbox else dict.fromkeys(_EDGES)
    values = {
        "viewer": viewer.viewer,
        "animal": wanted.animal,
        "collar": wanted.collar,
        "from_time": wanted.from_time,
        "to_time": wanted.to_time,
        "visible": wanted.visible,
    }
    return fix_columns.page_of(values), values | box


def _answer(found: fix_columns.FixColumns, links: list[dict[str, str]]) -> Response:
    """A page, tagged by what it says: columns and links, written by this version."""
    about = hashlib.blake2b(found.digest() + repr((VERSION, links)).encode(), digest_size=16)
    text = geojson.collection_of_text(found.text(), found.rows, links)
    headers = {"ETag": f'"{about.hexdigest()}"'}
    return Response(text, headers=headers, media_type=GeoJSONResponse.media_type)


def _masks(wanted: record_models.Flags) -> tuple[int, int]:
    bits = {
        1: wanted.algorithm_marked_outlier,
        2: wanted.import_marked_outlier,
        4: wanted.manually_marked_outlier,
        8: wanted.manually_marked_valid,
    }
    on = sum(bit for bit, value in bits.items() if value is True)
    return on, sum(bit for bit, value in bits.items() if value is False)
