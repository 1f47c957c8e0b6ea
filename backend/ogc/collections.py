"""The collections: how each is found, a page or one item at a time, as its viewer may see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from psycopg import Connection

from backend import deps, fix_columns, geojson
from backend.auth import Principal
from backend.errors import BadRequest, NotFound
from backend.ogc.asked import Asked
from backend.params import LIMIT_MAX, parse_cursor, parse_identity
from backend.routes import corridors, home_ranges, registry, tracks
from backend.routes.resource import Resource

T = TypeVar("T")
_BATCH = 20  # computations of corridors at once: each is large


class Page(NamedTuple):
    """Features as text, separated by commas, and where the next page begins."""

    features: bytes
    returned: int
    onward: str | None = None


class Candidate(NamedTuple):
    """A feature that may be asked for, and where to go on behind it."""

    cursor: str
    feature: dict[str, Any]
    period: tuple[datetime, datetime] | None = None
    """What it is of; None: of no time, or cut to what is asked for already"""


Candidates = Iterator[Candidate]


class Collection(NamedTuple):
    """What the routes need to know of a collection."""

    name: str
    title: str
    description: str
    page: Callable[[Connection[Any], Principal, Asked], Page]
    one: Callable[[Connection[Any], Principal, str], dict[str, Any] | None]
    filters: tuple[str, ...] = ()


def _fix_page(database: Connection[Any], viewer: Principal, asked: Asked) -> Page:
    cursor = _parsed(asked.after, parse_cursor) if asked.after else None
    values = _values(viewer, asked) | {"visible": None} | fix_columns.after(cursor)
    name = fix_columns.page_of(values)
    return _of_columns(database, name, values, asked.limit, lambda page: str(page.cursor()))


def _latest_page(database: Connection[Any], viewer: Principal, asked: Asked) -> Page:
    after = _parsed(asked.after, _collar) if asked.after else None
    values = _values(viewer, asked) | {"after_collar": after}
    return _of_columns(
        database, "latest_page", values, asked.limit, lambda page: str(page.collar[-1])
    )


def _of_columns(
    database: Connection[Any], name: str, values: dict[str, Any], limit: int,
    cursor: Callable[[fix_columns.FixColumns], str],
) -> Page:  # fmt: skip
    found = fix_columns.read(database, name, values | {"limit": limit + 1})
    page = found.first(limit)
    return Page(page.geojson(), page.rows, cursor(page) if found.rows > limit else None)


def _values(viewer: Principal, asked: Asked) -> dict[str, Any]:
    edges = ("west", "south", "east", "north")
    box = asdict(asked.box) if asked.box else dict.fromkeys(edges)
    return {
        "viewer": viewer.viewer, "animal": asked.animal, "collar": asked.collar,
        "from_time": asked.from_time, "to_time": asked.to_time, **box,
    }  # fmt: skip


def _one_fix(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    found = fix_columns.read(database, "fix_one", _identity(item) | {"viewer": viewer.viewer})
    return json.loads(found.first(1).geojson()) if found.rows else None


def _one_latest(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    identity = _identity(item)
    page = _latest_page(database, viewer, Asked(limit=1, collar=identity["collar"]))
    feature = json.loads(page.features) if page.returned else None
    return feature if feature and feature["id"] == item else None


def _identity(item: str) -> dict[str, int]:
    try:
        return dict(zip(("collar", "generation", "record"), parse_identity(item), strict=True))
    except BadRequest:
        raise NotFound("feature", item) from None


def _tracks(database: Connection[Any], viewer: Principal, asked: Asked) -> Candidates:
    """With a time, what of each track is in it; animals with fewer than two fixes have none."""
    after = _parsed(asked.after, _number) if asked.after else None
    values = {"viewer": viewer.viewer, "animal": asked.animal}
    for row in deps.rows(database, "seen_animals", after=after, **values):
        period = {"from_time": asked.from_time, "to_time": asked.to_time}
        values["animal"] = row["animal"]
        points = deps.rows(database, "track_points", limit=LIMIT_MAX + 1, **values, **period)
        feature = tracks.feature(points, LIMIT_MAX)
        if feature["geometry"]:
            yield Candidate(str(row["animal"]), feature)


def _home_ranges(database: Connection[Any], viewer: Principal, asked: Asked) -> Candidates:
    """The newest of each animal and method, a feature per isopleth, the widest first."""
    begin, level = _parsed(asked.after, _pair) if asked.after else (0, 0.0)
    values = {"viewer": viewer.viewer, "animal": asked.animal}
    for number in deps.rows(database, "newest_home_ranges", begin=begin, **values):
        of_one = values | number | {"history": True}
        for row in deps.rows(database, "home_ranges", **of_one):
            place = (row["home_range"], row["level_percent"])
            if place[0] != begin or place[1] < level:
                period = (row["from_time"], row["to_time"])
                yield Candidate(f"{place[0]}.{place[1]}", home_ranges.feature(row), period)


def _corridors(database: Connection[Any], viewer: Principal, asked: Asked) -> Candidates:
    """The newest computation first, the land of the fewest animals first."""
    # what is left of a computation that the page before cut, then those computed earlier
    cut, animals = _parsed(asked.after, _pair) if asked.after else (None, 0.0)
    values = {"viewer": viewer.viewer, "animal": asked.animal, "corridor": None}
    after = None if cut is None else cut + 1
    while found := deps.rows(database, "corridors", **values, after=after, limit=_BATCH):
        for row in found:
            place = (row["corridor"], row["animals"])
            if place[0] != cut or place[1] > animals:
                period = (row["from_time"], row["to_time"])
                yield Candidate(f"{place[0]}.{place[1]}", corridors.feature(row), period)
        after = found[-1]["corridor"]


def _stations(database: Connection[Any], viewer: Principal, asked: Asked) -> Candidates:
    for row in _registered(registry.STATIONS, database, viewer, asked.after):
        yield Candidate(row["station"], _station(row))


def _fences(database: Connection[Any], viewer: Principal, asked: Asked) -> Candidates:
    after = _parsed(asked.after, _number) if asked.after else None
    for row in _registered(registry.FENCES, database, viewer, after):
        yield Candidate(str(row["fence"]), _fence(row))


def _station(row: dict[str, Any]) -> dict[str, Any]:
    lon, lat = row.pop("lon"), row.pop("lat")
    place = None if lon is None or lat is None else geojson.point(lon, lat)
    return geojson.feature(row["station"], place, row)


def _fence(row: dict[str, Any]) -> dict[str, Any]:
    geometry = row.pop("geometry")
    return geojson.feature(row["fence"], geometry, row)


def _registered(
    resource: Resource, database: Connection[Any], viewer: Principal, after: Any
) -> Iterator[dict[str, Any]]:
    while found := resource.fetch(database, viewer, None, None, after, LIMIT_MAX):
        after = found[-1][resource.table]  # before they are made into features
        yield from found


def _paged(
    candidates: Callable[[Connection[Any], Principal, Asked], Candidates],
) -> Callable[[Connection[Any], Principal, Asked], Page]:
    """A page of the candidates that are asked for."""

    def page(database: Connection[Any], viewer: Principal, asked: Asked) -> Page:
        taken: list[Candidate] = []
        onward = None
        for one in candidates(database, viewer, asked):
            in_time = one.period is None or asked.covers(*one.period)
            if not (in_time and asked.touches(one.feature["geometry"])):
                continue
            if len(taken) == asked.limit:
                onward = taken[-1].cursor
                break
            taken.append(one)
        texts = [json.dumps(one.feature, ensure_ascii=False) for one in taken]
        return Page(",".join(texts).encode(), len(taken), onward)

    return page


def _one_track(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    values = {"viewer": viewer.viewer, "animal": _natural(item), "limit": LIMIT_MAX + 1}
    points = deps.rows(database, "track_points", from_time=None, to_time=None, **values)
    feature = tracks.feature(points, LIMIT_MAX) if points else None
    return feature if feature and feature["geometry"] else None


def _one_home_range(
    database: Connection[Any], viewer: Principal, item: str
) -> dict[str, Any] | None:
    values = {"viewer": viewer.viewer, "animal": None, "history": True}
    found = deps.rows(
        database, "home_ranges", home_range=_natural(item.partition("-")[0]), **values
    )
    return _named((home_ranges.feature(row) for row in found), item)


def _one_corridor(
    database: Connection[Any], viewer: Principal, item: str
) -> dict[str, Any] | None:
    values = {"viewer": viewer.viewer, "animal": None, "after": None, "limit": 1}
    found = deps.rows(database, "corridors", corridor=_natural(item.partition("-")[0]), **values)
    return _named((corridors.feature(row) for row in found), item)


def _one_station(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    found = registry.STATIONS.fetch(database, viewer, item, None, None, 1)
    return _station(found[0]) if found else None


def _one_fence(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    found = registry.FENCES.fetch(database, viewer, _natural(item), None, None, 1)
    return _fence(found[0]) if found else None


def _named(features: Iterable[dict[str, Any]], item: str) -> dict[str, Any] | None:
    return next((feature for feature in features if feature["id"] == item), None)


def _natural(text: str) -> int:
    """The number of a key; 0, which no key is, for anything else."""
    fits = text.isascii() and text.isdigit() and len(text) < 19
    return int(text) if fits else 0


def _parsed(text: str, parse: Callable[[str], T]) -> T:
    """Where the page before ended."""
    try:
        return parse(text)
    except ValueError:
        raise BadRequest("after", text, "the value out of a next link") from None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(text)
    return int(text)


def _collar(text: str) -> int:
    if (number := _number(text)) >= 2**31:
        raise ValueError(text)
    return number


def _pair(text: str) -> tuple[int, float]:
    """A number and what of it came last, such as 7.95.0."""
    number, _, level = text.partition(".")
    if not level.replace(".", "", 1).isdigit() or not level.isascii():
        raise ValueError(text)
    return _number(number), float(level)


COLLECTIONS = {
    one.name: one
    for one in (
        Collection(
            "fixes", "Fixes", "Every position record, the oldest first, outliers with their flag.",
            _fix_page, _one_fix, ("animal", "collar"),
        ),
        Collection(
            "tracks", "Tracks",
            f"The way of each animal as a line through its newest {LIMIT_MAX} fixes, without "
            "outliers; with a time, through those of that time.",
            _paged(_tracks), _one_track, ("animal",),
        ),
        Collection(
            "latest", "Latest positions", "The newest fix of each collar.",
            _latest_page, _one_latest, ("animal", "collar"),
        ),
        Collection(
            "home-ranges", "Home ranges",
            "Isopleths of the newest home range of each animal and method.",
            _paged(_home_ranges), _one_home_range, ("animal",),
        ),
        Collection(
            "corridors", "Corridors", "The land that animals of a herd pass through.",
            _paged(_corridors), _one_corridor, ("animal",),
        ),
        Collection(
            "stations", "Ground stations", "Where collars are heard.",
            _paged(_stations), _one_station,
        ),
        Collection(
            "fences", "Fences", "Lines and areas that alerts watch.",
            _paged(_fences), _one_fence,
        ),
    )
}  # fmt: skip
