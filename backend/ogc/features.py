"""What is one by one made into features: found in order, asked whether it is wanted, and paged."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Connection

from backend import deps, geojson
from backend.auth import Principal
from backend.ogc.asked import Asked
from backend.ogc.paging import Page, natural, number, pair, parsed
from backend.params import LIMIT_MAX
from backend.routes import corridors, home_ranges, registry, tracks
from backend.routes.resource import Resource

_BATCH = 20  # computations of corridors at once: each is large
_RANGES = 100


class Candidate(NamedTuple):
    """A feature that may be asked for, and where to go on behind it."""

    cursor: str
    feature: dict[str, Any]
    period: tuple[datetime, datetime] | None = None
    """What it is of; None: of no time, or cut to what is asked for already"""


Candidates = Iterator[Candidate]


def each_track(database: Connection[Any], viewer: Principal, asked: Asked) -> Candidates:
    """With a time, what of each track is in it; animals with fewer than two fixes have none."""
    after = parsed(asked.after, number) if asked.after else None
    period = {"from_time": asked.from_time, "to_time": asked.to_time}
    for feature in tracks.each(database, viewer, asked.animal, after, LIMIT_MAX, **period):
        if feature["geometry"]:
            yield Candidate(str(feature["id"]), feature)


def each_home_range(database: Connection[Any], viewer: Principal, asked: Asked) -> Candidates:
    """The newest of each animal and method, a feature per isopleth, the widest first."""
    begin, level = parsed(asked.after, pair) if asked.after else (0, 0.0)
    values = {"animal": asked.animal, "history": False, "limit": _RANGES}
    after = begin - 1  # from the one at which the page before was cut
    while found := home_ranges.rows(database, viewer, **values, after=after):
        after = found[-1]["home_range"]
        for row in found:
            place = (row["home_range"], row["level_percent"])
            if place[0] != begin or place[1] < level:
                period = (row["from_time"], row["to_time"])
                yield Candidate(f"{place[0]}.{place[1]}", home_ranges.feature(row), period)


def each_corridor(database: Connection[Any], viewer: Principal, asked: Asked) -> Candidates:
    """The newest computation first, the land of the fewest animals first."""
    # what is left of a computation that the page before cut, then those computed earlier
    cut, animals = parsed(asked.after, pair) if asked.after else (None, 0.0)
    values = {"viewer": viewer.viewer, "animal": asked.animal, "corridor": None}
    after = None if cut is None else cut + 1
    while found := deps.rows(database, "corridors", **values, after=after, limit=_BATCH):
        for row in found:
            place = (row["corridor"], row["animals"])
            if place[0] != cut or place[1] > animals:
                period = (row["from_time"], row["to_time"])
                yield Candidate(f"{place[0]}.{place[1]}", corridors.feature(row), period)
        after = found[-1]["corridor"]


def each_station(database: Connection[Any], viewer: Principal, asked: Asked) -> Candidates:
    """Ground stations, by name."""
    for row in _registered(registry.STATIONS, database, viewer, asked.after):
        yield Candidate(row["station"], _station(row))


def each_fence(database: Connection[Any], viewer: Principal, asked: Asked) -> Candidates:
    """Fences, by number."""
    after = parsed(asked.after, number) if asked.after else None
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


def paged(
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


def one_track(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    """The track of an animal, where it has one."""
    period: dict[str, datetime | None] = {"from_time": None, "to_time": None}
    found = tracks.each(database, viewer, natural(item), None, LIMIT_MAX, **period)
    return next((feature for feature in found if feature["geometry"]), None)


def one_home_range(
    database: Connection[Any], viewer: Principal, item: str
) -> dict[str, Any] | None:
    """An isopleth by home range and level."""
    number = natural(item.partition("-")[0])
    found = home_ranges.rows(database, viewer, home_range=number, history=True)
    return _named((home_ranges.feature(row) for row in found), item)


def one_corridor(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    """A level of use by computation and animals."""
    values = {"viewer": viewer.viewer, "animal": None, "after": None, "limit": 1}
    found = deps.rows(database, "corridors", corridor=natural(item.partition("-")[0]), **values)
    return _named((corridors.feature(row) for row in found), item)


def one_station(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    """A station by name."""
    found = registry.STATIONS.fetch(database, viewer, item, None, None, 1)
    return _station(found[0]) if found else None


def one_fence(database: Connection[Any], viewer: Principal, item: str) -> dict[str, Any] | None:
    """A fence by number."""
    found = registry.FENCES.fetch(database, viewer, natural(item), None, None, 1)
    return _fence(found[0]) if found else None


def _named(features: Iterable[dict[str, Any]], item: str) -> dict[str, Any] | None:
    return next((feature for feature in features if feature["id"] == item), None)
