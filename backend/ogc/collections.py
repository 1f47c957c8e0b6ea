"""The collections: how each is found, a page or one item at a time, as its viewer may see it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from psycopg import Connection

from backend.auth import Principal
from backend.ogc import features, positions
from backend.ogc.asked import Asked
from backend.ogc.paging import Page
from backend.params import LIMIT_MAX


class Collection(NamedTuple):
    """What the routes need to know of a collection."""

    name: str
    title: str
    description: str
    page: Callable[[Connection[Any], Principal, Asked], Page]
    one: Callable[[Connection[Any], Principal, str], dict[str, Any] | None]
    filters: tuple[str, ...] = ()


COLLECTIONS = {
    one.name: one
    for one in (
        Collection(
            "fixes", "Fixes", "Every position record, the oldest first, outliers with their flag.",
            positions.fix_page, positions.one_fix, ("animal", "collar"),
        ),
        Collection(
            "tracks", "Tracks",
            f"The way of each animal as a line through its newest {LIMIT_MAX} fixes, without "
            "outliers; with a time, through those of that time.",
            features.paged(features.each_track), features.one_track, ("animal",),
        ),
        Collection(
            "latest", "Latest positions", "The newest fix of each collar.",
            positions.latest_page, positions.one_latest, ("animal", "collar"),
        ),
        Collection(
            "home-ranges", "Home ranges",
            "Isopleths of the newest home range of each animal and method.",
            features.paged(features.each_home_range), features.one_home_range, ("animal",),
        ),
        Collection(
            "corridors", "Corridors", "The land that animals of a herd pass through.",
            features.paged(features.each_corridor), features.one_corridor, ("animal",),
        ),
        Collection(
            "stations", "Ground stations", "Where collars are heard.",
            features.paged(features.each_station), features.one_station,
        ),
        Collection(
            "fences", "Fences", "Lines and areas that alerts watch.",
            features.paged(features.each_fence), features.one_fence,
        ),
    )
}  # fmt: skip
