"""What EarthRanger's clients read: subjects (animals), sources (collars), observations, tracks.

As `ERClient` and `AsyncERClient` ask for it. Positions are as the location policy gives them;
`precision_deg` among the details says where that is a grid cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field

from backend import deps, fix_columns
from backend.auth import Principal, Viewer
from backend.compat.identity import from_uuid, of_fix, to_uuid
from backend.deps import Database
from backend.errors import BadRequest, NotFound, Unauthenticated
from backend.fix_columns import EPOCH, POSTGRES_EPOCH_US
from backend.params import LIMIT_MAX, Time, format_time, parse_cursor

router = APIRouter(prefix="/api/v1.0", include_in_schema=False)

_AFTER = re.compile(r"after-(\d{1,10})", re.ASCII)
_PAGE = "1, or the page out of a next link"
_AUTOMATIC, _MANUAL = 2, 1
"""Bits of `exclusion_flags`"""


class Asked(BaseModel):
    """Parameters of their reads; others are of no meaning here."""

    model_config = ConfigDict(extra="ignore")

    subject_id: str | None = None
    source_id: str | None = None
    subject_group: str | None = None
    subjects: str | None = None
    sources: str | None = None
    since: Time | None = None
    until: Time | None = None
    filter: str = Field(default="0", pattern=r"^(null|\d{1,2})$")
    include_details: bool = False
    page_size: int = Field(default=100, ge=1)
    page: str | None = Field(default=None, max_length=100)

    @property
    def rows(self) -> int:
        """How many on a page."""
        return min(self.page_size, LIMIT_MAX)

    @property
    def period(self) -> dict[str, datetime | None]:
        """Both ends belong to it."""
        until = self.until
        if until is not None and until.year < 9999:  # else there is no later one
            until += timedelta(microseconds=1)
        return {"from_time": self.since, "to_time": until}


Wanted = Annotated[Asked, Query()]


def _get(path: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A route with and without the slash at its end."""

    def add(handler: Callable[..., Any]) -> Callable[..., Any]:
        return router.get(path)(router.get(path + "/")(handler))

    return add


def _told(data: Any) -> dict[str, Any]:
    """As EarthRanger wraps its answers."""
    return {"data": data, "status": {"code": 200, "message": "OK"}}


def _page(results: Sequence[Any], request: Request, onward: str | None) -> dict[str, Any]:
    """A page of a list; the clients take its next `page` out of the link."""
    following = str(request.url.include_query_params(page=onward)) if onward else None
    return _told({"next": following, "previous": None, "results": results})


@_get("/status")
def status(viewer: Viewer) -> Any:
    """That this answers."""
    return _told({"version": "1.0"})


@_get("/user/me")
def user(viewer: Viewer) -> Any:
    """Who asks."""
    if viewer.account is None:
        raise Unauthenticated("this needs a key or a token")
    number = to_uuid("user", viewer.account)
    return _told({"id": number, "username": viewer.actor, "is_active": True})


@_get("/subjects")
def subjects(database: Database, request: Request, viewer: Viewer, wanted: Wanted) -> Any:
    """The animals of which anything may be seen, and where they were last."""
    study = from_uuid("group", wanted.subject_group) if wanted.subject_group else None
    return _told(_subjects(database, request, viewer, study=study))


@_get("/subjectgroups")
def subject_groups(database: Database, request: Request, viewer: Viewer) -> Any:
    """Studies, each with its animals."""
    animals = _subjects(database, request, viewer)
    groups: list[dict[str, Any]] = []
    for study in deps.rows(database, "direct_studies", viewer=viewer.viewer, study=None):
        group = to_uuid("group", study["id"])
        members = [one for one in animals if one["subject_group"] == group]
        groups.append({"id": group, "name": study["name"], "subgroups": [], "subjects": members})
    return _told(groups)


@_get("/subject/{subject}")
def subject(database: Database, request: Request, viewer: Viewer, subject: str) -> Any:
    """One animal."""
    return _told(_subject(database, request, viewer, subject))


@_get("/subject/{subject}/sources")
def subject_sources(database: Database, request: Request, viewer: Viewer, subject: str) -> Any:
    """The collars that an animal wears or wore."""
    animal = from_uuid("subject", subject)
    return _told(_sources(database, request, viewer, animal=animal)[0])


@_get("/subject/{subject}/subjectsources")
def subject_assignments(database: Database, viewer: Viewer, subject: str) -> Any:
    """When it wore which."""
    return _told(_assignments(database, viewer, [from_uuid("subject", subject)], None))


@_get("/subjectsources")
def assignments(database: Database, viewer: Viewer, wanted: Wanted) -> Any:
    """Who wore what when, of subjects and of sources."""
    animals = wanted.subjects and [from_uuid("subject", one) for one in wanted.subjects.split(",")]
    collars = wanted.sources and [from_uuid("source", one) for one in wanted.sources.split(",")]
    return _told(_assignments(database, viewer, animals or None, collars or None))


@_get("/subject/{subject}/tracks")
def subject_tracks(
    database: Database, request: Request, viewer: Viewer, subject: str, wanted: Wanted
) -> Any:
    """The newest 10,000 positions of an animal in a time, newest first; outliers left out."""
    return _told(_tracks(database, request, viewer, wanted, subject, None))


@_get("/subject/{subject}/source/{source}/tracks")
def subject_source_tracks(
    database: Database, request: Request, viewer: Viewer, subject: str, source: str, wanted: Wanted
) -> Any:
    """The same of one of its collars."""
    collar = from_uuid("source", source)
    return _told(_tracks(database, request, viewer, wanted, subject, collar))


@_get("/sources")
def sources(database: Database, request: Request, viewer: Viewer, wanted: Wanted) -> Any:
    """Collars of animals of which anything may be seen."""
    after = 0
    if wanted.page not in (None, "1"):
        if not (match := _AFTER.fullmatch(wanted.page or "")):
            raise BadRequest("page", wanted.page, _PAGE)
        after = int(match[1])
    found, onward = _sources(database, request, viewer, after=after, limit=wanted.rows)
    return _page(found, request, onward)


@_get("/source/{source}")
def source(database: Database, request: Request, viewer: Viewer, source: str) -> Any:
    """One collar, by its id or the manufacturer's."""
    return _told(_source(database, request, viewer, source))


@_get("/source/{source}/subjects")
def source_subjects(database: Database, request: Request, viewer: Viewer, source: str) -> Any:
    """The animals that wear or wore a collar."""
    collar = from_uuid("source", source)
    found = _assignments(database, viewer, None, [collar])
    worn_by = {one["subject"] for one in found}
    return _told([one for one in _subjects(database, request, viewer) if one["id"] in worn_by])


@_get("/sourceproviders")
def source_providers(database: Database, request: Request, viewer: Viewer) -> Any:
    """Studies, as who provides their collars; the key is what sensors post under."""
    studies = deps.rows(database, "direct_studies", viewer=viewer.viewer, study=None)
    found = [
        {"id": to_uuid("group", one["id"]), "provider_key": str(one["id"]),
         "display_name": one["name"], "additional": {}}
        for one in studies
    ]  # fmt: skip
    return _page(found, request, None)


@_get("/observations")
def observations(database: Database, request: Request, viewer: Viewer, wanted: Wanted) -> Any:
    """Fixes of an animal, of a collar, or all, by time, a page at a time."""
    values: dict[str, Any] = {
        "viewer": viewer.viewer, "collar": None, "animal": None, "limit": wanted.rows + 1,
        **wanted.period,
        "visible": None if wanted.filter == "null" else wanted.filter == "0",
        **dict.fromkeys(("west", "south", "east", "north")),
        **fix_columns.after(_cursor(wanted.page)),
    }  # fmt: skip
    if wanted.subject_id is not None:
        values["animal"] = from_uuid("subject", wanted.subject_id)
    elif wanted.source_id is not None:
        values["collar"] = from_uuid("source", wanted.source_id)
    found = fix_columns.read(database, fix_columns.page_of(values), values)
    shown = found.first(min(found.rows, wanted.rows))
    results = [_observation(shown, i, wanted.include_details) for i in range(shown.rows)]
    return _page(results, request, str(shown.cursor()) if found.rows > shown.rows else None)


def _cursor(page: str | None) -> Any:
    """Where a page begins; the first is 1, further ones are as a `next` link names them."""
    if page in (None, "1"):
        return None
    try:
        return parse_cursor(page)
    except ValueError as error:
        raise BadRequest("page", page, _PAGE) from error


def _observation(found: fix_columns.FixColumns, i: int, detailed: bool) -> dict[str, Any]:
    identity = tuple(int(column[i]) for column in found[:3])
    at = format_time(EPOCH + timedelta(microseconds=int(found.time_us[i]) + POSTGRES_EPOCH_US))
    mark, cells = int(found.outlier[i]), int(found.cells_per_degree[i])
    hidden = not mark & 8 and mark & 7
    flags = (_MANUAL if mark & 4 else 0) | (_AUTOMATIC if mark & 3 else 0) if hidden else 0
    observation = {
        "id": of_fix(*identity),
        "location": {
            "longitude": round(float(found.lon[i]), 7), "latitude": round(float(found.lat[i]), 7),
        },
        "recorded_at": at, "created_at": at,
        "source": to_uuid("source", identity[0]), "exclusion_flags": flags,
    }  # fmt: skip
    if detailed:
        details = {
            "record": "-".join(map(str, identity)),
            "altitude_m": _known(found.altitude_m[i]), "accuracy_m": _known(found.accuracy_m[i]),
            "precision_deg": 1 / cells if cells else None,
        }  # fmt: skip
        observation["observation_details"] = {n: v for n, v in details.items() if v is not None}
    return observation


def _known(value: Any) -> float | None:
    """A number of single precision as it prints; nothing for NaN."""
    return None if value != value else float(str(value))


def _subjects(
    database: Connection[Any], request: Request, viewer: Principal,
    animal: int | None = None, study: int | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    values = {"viewer": viewer.viewer, "animal": animal, "study": study}
    found = deps.rows(database, "earthranger_subjects", **values)
    return [_of_animal(request, row) for row in found]


def _subject(
    database: Connection[Any], request: Request, viewer: Principal, text: str
) -> dict[str, Any]:
    found = _subjects(database, request, viewer, animal=from_uuid("subject", text))
    if not found:
        raise NotFound("subject", text)
    return found[0]


def _of_animal(request: Request, row: dict[str, Any]) -> dict[str, Any]:
    number = to_uuid("subject", row["animal"])
    kind = {
        "subject_type": "wildlife",
        "subject_subtype": "_".join((row["taxon"] or "unassigned").lower().split()),
    }
    told: dict[str, Any] = {
        "content_type": "observations.subject", "id": number, "name": row["name"], **kind,
        "common_name": None, "is_active": True, "tracks_available": row["recorded_at"] is not None,
        "additional": {"sex": row["sex"]} if row["sex"] else {},
        "subject_group": to_uuid("group", row["study"]) if row["study"] else None,
        "url": _url(request, f"subject/{number}"),
    }  # fmt: skip
    if row["recorded_at"] is not None:
        at = format_time(row["recorded_at"])
        told["last_position_date"] = at
        told["last_position"] = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": _place(row)},
            "properties": {
                "title": row["name"], "id": number, **kind, "DateTime": at,
                "coordinateProperties": {"time": at},
            },
        }  # fmt: skip
    return told


def _tracks(
    database: Connection[Any], request: Request, viewer: Principal, wanted: Asked, text: str,
    collar: int | None,
) -> dict[str, Any]:  # fmt: skip
    whose = _subject(database, request, viewer, text)
    values = {"viewer": viewer.viewer, "animal": from_uuid("subject", text), "collar": collar}
    points = deps.rows(database, "earthranger_track", **values, **wanted.period, limit=LIMIT_MAX)
    times = [format_time(point["recorded_at"]) for point in points]
    properties = {name: whose[name] for name in ("id", "subject_type", "subject_subtype")}
    return {
        "type": "FeatureCollection",
        "features": [{
            "type": "Feature",
            "geometry": {
                "type": "LineString",
                "coordinates": [_place(point) for point in points],
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
    told = [_of_collar(request, row) for row in found[:limit]]
    return told, f"after-{told[-1]['additional']['collar']}" if len(found) > limit else None


def _of_collar(request: Request, row: dict[str, Any]) -> dict[str, Any]:
    number = to_uuid("source", row["collar"])
    return {
        "content_type": "observations.source", "id": number, "source_type": "tracking-device",
        "manufacturer_id": row["serial"] or row["name"],
        "model_name": " ".join(filter(None, (row["maker"], row["model"]))),
        "provider": str(row["study"]) if row["study"] else None,
        "additional": {"collar": row["collar"], "name": row["name"]},
        "created_at": format_time(row["added_at"]), "updated_at": format_time(row["added_at"]),
        "url": _url(request, f"source/{number}"),
    }  # fmt: skip


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


def _place(row: dict[str, Any]) -> list[float]:
    return [round(row["lon"], 7), round(row["lat"], 7)]


def _url(request: Request, path: str) -> str:
    return str(request.url.replace(path=f"/api/v1.0/{path}", query=""))
