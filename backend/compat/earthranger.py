"""What EarthRanger's clients read: subjects (animals), sources (collars), observations, tracks.

As `ERClient` and `AsyncERClient` ask for it. Positions are as the location policy gives them;
`precision_deg` among the details says where that is a grid cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from psycopg import Connection

from backend import deps, fix_columns
from backend.auth import Principal, Viewer
from backend.compat import earthranger_forms as forms
from backend.compat.earthranger_asked import NUMBERED_MAX, Asked, Wanted
from backend.compat.identity import from_uuid, to_uuid
from backend.db.queries import query
from backend.deps import Database
from backend.errors import BadRequest, NotFound, Unauthenticated
from backend.params import LIMIT_MAX, format_time, parse_cursor

router = APIRouter(prefix="/api/v1.0", include_in_schema=False)

_AFTER = re.compile(r"after-(\d{1,10})", re.ASCII)
_PAGE = "1, or the page out of a next link"


def _get(path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A route with and without the slash at its end."""

    def add(handler: Callable[..., Any]) -> Callable[..., Any]:
        return router.get(path)(router.get(path + "/")(handler))

    return add


@_get("/status")
def status(viewer: Viewer) -> Any:
    """That this answers."""
    return forms.told({"version": "1.0"})


@_get("/user/me")
def user(viewer: Viewer) -> Any:
    """Who asks."""
    if viewer.account is None:
        raise Unauthenticated("this needs a key or a token")
    number = to_uuid("user", viewer.account)
    return forms.told({"id": number, "username": viewer.actor, "is_active": True})


@_get("/subjects")
def subjects(database: Database, request: Request, viewer: Viewer, wanted: Wanted) -> Any:
    """The animals of which anything may be seen, and where they were last."""
    study = from_uuid("group", wanted.subject_group) if wanted.subject_group else None
    found = _subjects(database, request, viewer, study=study)
    if wanted.number:
        return forms.numbered(found, request, wanted.number, wanted.rows)
    return forms.told(found)


@_get("/subjectgroups")
def subject_groups(database: Database, request: Request, viewer: Viewer) -> Any:
    """Studies, each with its animals."""
    animals = _subjects(database, request, viewer)
    groups: list[dict[str, Any]] = []
    for study in deps.rows(database, "direct_studies", viewer=viewer.viewer, study=None):
        group = to_uuid("group", study["id"])
        members = [one for one in animals if one["subject_group"] == group]
        groups.append({"id": group, "name": study["name"], "subgroups": [], "subjects": members})
    return forms.told(groups)


@_get("/subject/{subject}")
def subject(database: Database, request: Request, viewer: Viewer, subject: str) -> Any:
    """One animal."""
    return forms.told(_subject(database, request, viewer, subject))


@_get("/subject/{subject}/sources")
def subject_sources(database: Database, request: Request, viewer: Viewer, subject: str) -> Any:
    """The collars that an animal wears or wore."""
    animal = from_uuid("subject", subject)
    return forms.told(_sources(database, request, viewer, animal=animal)[0])


@_get("/subject/{subject}/subjectsources")
def subject_assignments(database: Database, viewer: Viewer, subject: str) -> Any:
    """When it wore which."""
    return forms.told(_assignments(database, viewer, [from_uuid("subject", subject)], None))


@_get("/subjectsources")
def assignments(database: Database, viewer: Viewer, wanted: Wanted) -> Any:
    """Who wore what when, of subjects and of sources."""
    animals = wanted.subjects and [from_uuid("subject", one) for one in wanted.subjects.split(",")]
    collars = wanted.sources and [from_uuid("source", one) for one in wanted.sources.split(",")]
    return forms.told(_assignments(database, viewer, animals or None, collars or None))


@_get("/subject/{subject}/tracks")
def subject_tracks(
    database: Database, request: Request, viewer: Viewer, subject: str, wanted: Wanted
) -> Any:
    """The newest 10,000 positions of an animal in a time, newest first; outliers left out."""
    return forms.told(_tracks(database, request, viewer, wanted, subject, None))


@_get("/subject/{subject}/source/{source}/tracks")
def subject_source_tracks(
    database: Database, request: Request, viewer: Viewer, subject: str, source: str, wanted: Wanted
) -> Any:
    """The same of one of its collars."""
    collar = from_uuid("source", source)
    return forms.told(_tracks(database, request, viewer, wanted, subject, collar))


@_get("/sources")
def sources(database: Database, request: Request, viewer: Viewer, wanted: Wanted) -> Any:
    """Collars of animals of which anything may be seen."""
    if wanted.number:
        found, _ = _sources(database, request, viewer, limit=NUMBERED_MAX)
        return forms.numbered(found, request, wanted.number, wanted.rows)
    after = 0
    if wanted.page is not None:
        if not (match := _AFTER.fullmatch(wanted.page)):
            raise BadRequest("page", wanted.page, _PAGE)
        after = int(match[1])
    found, onward = _sources(database, request, viewer, after=after, limit=wanted.rows)
    return forms.page(found, request, onward)


@_get("/source/{source}")
def source(database: Database, request: Request, viewer: Viewer, source: str) -> Any:
    """One collar, by its id or the manufacturer's."""
    return forms.told(_source(database, request, viewer, source))


@_get("/source/{source}/subjects")
def source_subjects(database: Database, request: Request, viewer: Viewer, source: str) -> Any:
    """The animals that wear or wore a collar."""
    collar = from_uuid("source", source)
    found = _assignments(database, viewer, None, [collar])
    worn_by = {one["subject"] for one in found}
    return forms.told(
        [one for one in _subjects(database, request, viewer) if one["id"] in worn_by]
    )


@_get("/sourceproviders")
def source_providers(database: Database, request: Request, viewer: Viewer) -> Any:
    """Studies, as who provides their collars; the key is what sensors post under."""
    studies = deps.rows(database, "direct_studies", viewer=viewer.viewer, study=None)
    found = [
        {"id": to_uuid("group", one["id"]), "provider_key": str(one["id"]),
         "display_name": one["name"], "additional": {}}
        for one in studies
    ]  # fmt: skip
    return forms.page(found, request, None)


@_get("/observations")
def observations(database: Database, request: Request, viewer: Viewer, wanted: Wanted) -> Any:
    """Fixes of an animal, of a collar, or all, by time, a page at a time."""
    values: dict[str, Any] = {
        "viewer": viewer.viewer, "collar": None, "animal": None, "limit": wanted.rows + 1,
        **wanted.period,
        "visible": None if wanted.filter == "null" else wanted.filter == "0",
        **dict.fromkeys(("west", "south", "east", "north")),
    }  # fmt: skip
    if wanted.subject_id is not None:
        values["animal"] = from_uuid("subject", wanted.subject_id)
    elif wanted.source_id is not None:
        values["collar"] = from_uuid("source", wanted.source_id)
    if wanted.number:
        return _numbered(database, request, wanted, wanted.number, values)
    values |= fix_columns.after(_cursor(wanted.page))
    found = fix_columns.read(database, fix_columns.page_of(values), values)
    shown = found.first(min(found.rows, wanted.rows))
    results = [forms.observation(shown, i, wanted.include_details) for i in range(shown.rows)]
    onward = str(shown.cursor()) if found.rows > shown.rows else None
    return forms.page(results, request, onward)


def _numbered(
    database: Connection[Any], request: Request, wanted: Asked, number: int, values: dict[str, Any]
) -> Any:
    """A page of fixes by its number; those before are read too: next links are the better way."""
    end = number * wanted.rows
    values |= fix_columns.after(None) | {"limit": end}
    name = fix_columns.page_of(values)
    found = fix_columns.read(database, name, values)
    counting: Any = f"select count(*) from ({query(name)}) found"
    (count,) = database.execute(counting, values | {"limit": NUMBERED_MAX}).fetchone() or (0,)
    shown = range(end - wanted.rows, found.rows)
    results = [forms.observation(found, i, wanted.include_details) for i in shown]
    return forms.page(results, request, number + 1 if count > end else None, count)


def _cursor(page: str | None) -> Any:
    """Where a page begins, as a `next` link names it."""
    if page is None:
        return None
    try:
        return parse_cursor(page)
    except ValueError as error:
        raise BadRequest("page", page, _PAGE) from error


def _subjects(
    database: Connection[Any], request: Request, viewer: Principal,
    animal: int | None = None, study: int | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    values = {"viewer": viewer.viewer, "animal": animal, "study": study}
    found = deps.rows(database, "earthranger_subjects", **values)
    return [forms.subject(request, row) for row in found]


def _subject(
    database: Connection[Any], request: Request, viewer: Principal, text: str
) -> dict[str, Any]:
    found = _subjects(database, request, viewer, animal=from_uuid("subject", text))
    if not found:
        raise NotFound("subject", text)
    return found[0]


def _tracks(
    database: Connection[Any], request: Request, viewer: Principal, wanted: Asked, text: str,
    collar: int | None,
) -> dict[str, Any]:  # fmt: skip
    whose = _subject(database, request, viewer, text)
    values = {"viewer": viewer.viewer, "animal": from_uuid("subject", text), "collar": collar}
    points = deps.rows(database, "earthranger_track", **values, **wanted.period, limit=LIMIT_MAX)
    times = [format_time(point["recorded_at"]) for point in points]
    properties = {name: whose[name] for name in ("id", "subject_type", "subject_subtype")}
    last = whose.get("last_position", {"properties": {}})
    properties |= forms.precision(last["properties"].get("precision_deg"))
    return {
        "type": "FeatureCollection",
        "features": [{
            "type": "Feature",
            "geometry": {
                "type": "LineString",
                "coordinates": [forms.place(point) for point in points],
            },
            "properties": {
                "title": whose["name"], **properties, "coordinateProperties": {"times": times},
            },
        }],
    }  # fmt: skip


def _source(
    database: Connection[Any], request: Request, viewer: Principal, text: str
) -> dict[str, Any]:
    try:
        found, _ = _sources(database, request, viewer, collar=from_uuid("source", text))
    except NotFound:
        found, _ = _sources(database, request, viewer, manufacturer=text.replace("\0", ""))
    if not found:
        raise NotFound("source", text)
    return found[0]


def _sources(
    database: Connection[Any], request: Request, viewer: Principal, after: int = 0,
    limit: int = LIMIT_MAX, **which: Any,
) -> tuple[list[dict[str, Any]], str | None]:  # fmt: skip
    """A page of collars, and where the next begins."""
    values = {
        "viewer": viewer.viewer,
        "collar": None,
        "animal": None,
        "manufacturer": None,
        **which,
    }
    found = deps.rows(database, "earthranger_sources", **values, after=after, limit=limit + 1)
    told = [forms.source(request, row) for row in found[:limit]]
    return told, f"after-{told[-1]['additional']['collar']}" if len(found) > limit else None


def _assignments(
    database: Connection[Any], viewer: Principal, animals: list[int] | None,
    collars: list[int] | None,
) -> list[dict[str, Any]]:  # fmt: skip
    values = {"viewer": viewer.viewer, "animals": animals, "collars": collars}
    return [
        {
            "id": to_uuid("assignment", row["deployment"]),
            "subject": to_uuid("subject", row["animal"]),
            "source": to_uuid("source", row["collar"]),
            "assigned_range": {
                "lower": row["begins"] and format_time(row["begins"]),
                "upper": row["ends"] and format_time(row["ends"]), "bounds": "[)",
            },
            "additional": {},
        }
        for row in deps.rows(database, "earthranger_assignments", **values)
    ]  # fmt: skip
