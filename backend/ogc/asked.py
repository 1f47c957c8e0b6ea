"""What a request asks for: the query parameters of the standard, and the format of the answer."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import shapely
from fastapi import Request
from shapely.geometry import shape

from backend.errors import BadRequest, UnknownParameter
from backend.params import LIMIT_MAX, Box, parse_bbox, parse_time

LIMIT_DEFAULT = 100
FORMATS = ("json", "html")

_TICK = timedelta(microseconds=1)
_WHOLE = {"animal": 2**63, "collar": 2**31}  # above what a number can be
_DATETIME = "a time such as 2026-06-01T06:00:00Z, or two with / between, of which one may be '..'"


class Asked(NamedTuple):
    """Which items."""

    limit: int = LIMIT_DEFAULT
    box: Box | None = None
    from_time: datetime | None = None
    to_time: datetime | None = None
    """The first moment that is no more asked for"""
    after: str | None = None
    """Where the page before ended, as the collection wrote it"""
    animal: int | None = None
    collar: int | None = None

    def touches(self, geometry: dict[str, Any] | None) -> bool:
        """Whether a GeoJSON geometry has a point in the box; without a box, always."""
        if self.box is None:
            return True
        if geometry is None:
            return False
        west, south, east, north = self.box.west, self.box.south, self.box.east, self.box.north
        spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        boxes = [shapely.box(left, south, right, north) for left, right in spans]
        return any(shapely.intersects(box, shape(geometry)) for box in boxes)

    def covers(self, begin: datetime, end: datetime) -> bool:
        """Whether a period, both ends included, has a moment that is asked for."""
        late = self.to_time is not None and begin >= self.to_time
        return not late and (self.from_time is None or end >= self.from_time)


def asked(request: Request, filters: Collection[str]) -> Asked:
    """The items that a request asks for.

    Raises:
        UnknownParameter: it has one that is none of this collection's.
        BadRequest: a value that cannot be used.
    """
    known = ("limit", "bbox", "datetime", *filters, "after", "f")
    given = only(request, known)
    since, until = _interval(given["datetime"]) if "datetime" in given else (None, None)
    numbers = {name: _number(name, given[name]) for name in filters if name in given}
    if len(numbers) > 1:
        raise BadRequest("animal", given["animal"], "'animal' or 'collar', not both")
    return Asked(
        limit=_limit(given["limit"]) if "limit" in given else LIMIT_DEFAULT,
        box=_box(given["bbox"]) if "bbox" in given else None,
        from_time=since,
        to_time=until,
        after=given.get("after"),
        **numbers,
    )


def only(request: Request, known: Collection[str]) -> dict[str, str]:
    """The parameters of a request.

    Raises:
        UnknownParameter: one is not among `known`.
        BadRequest: one is given twice, or holds a character that no value has.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in known:
            raise UnknownParameter(name, value, list(known))
        if name in given or "\0" in value:
            raise BadRequest(name, value, "one value, in plain characters")
        given[name] = value
    return given


def wanted_format(request: Request) -> str:
    """One of FORMATS: by the parameter `f`, else what the Accept header would rather have.

    Raises:
        BadRequest: `f` names another.
    """
    text = request.query_params.get("f")
    if text is not None:
        if text not in FORMATS:
            raise BadRequest("f", text, " or ".join(FORMATS))
        return text
    best = (0.0, "json")
    for entry in request.headers.get("accept", "").split(","):
        kind, *rest = (part.strip() for part in entry.split(";"))
        quality = next((_quality(part) for part in rest if part.startswith("q=")), 1.0)
        name = "html" if kind in ("text/html", "application/xhtml+xml") else "json"
        known = name == "html" or kind.endswith("json") or kind in ("*/*", "application/*")
        if known and quality > best[0]:
            best = (quality, name)
    return best[1]


def _quality(text: str) -> float:
    try:
        return float(text.removeprefix("q="))
    except ValueError:
        return 0.0


def _limit(text: str) -> int:
    """More than the maximum counts as the maximum (requirement fc-limit-response-1)."""
    if not (text.isascii() and text.isdigit() and len(text) < 1000 and int(text) > 0):
        raise BadRequest("limit", text, f"a number from 1; more than {LIMIT_MAX} counts as that")
    return min(int(text), LIMIT_MAX)


def _number(name: str, text: str) -> int:
    fits = text.isascii() and text.isdigit() and len(text) < 20
    if not (fits and 0 < int(text) < _WHOLE[name]):
        raise BadRequest(name, text, f"the number of one {name}")
    return int(text)


def _box(text: str) -> Box:
    """Four numbers, or six, of which the heights are left aside: positions here have none."""
    parts = text.split(",")
    try:
        if len(parts) == 6 and float(parts[2]) <= float(parts[5]):
            parts = [*parts[:2], *parts[3:5]]
        return parse_bbox(",".join(parts))
    except ValueError:
        expected = "west,south,east,north in degrees, such as 10.1,46.5,10.3,46.8"
        raise BadRequest("bbox", text, expected) from None


def _interval(text: str) -> tuple[datetime | None, datetime | None]:
    """From when, and from when no more; both ends of an interval belong to it."""
    parts = text.split("/")
    try:
        ends = [None if part in ("", "..") else parse_time(part) for part in parts]
    except ValueError:
        raise BadRequest("datetime", text, _DATETIME) from None
    since, until = ends[0], ends[-1]
    lone = len(ends) == 1 and since is None
    if len(ends) > 2 or lone or (since and until and since > until):
        raise BadRequest("datetime", text, _DATETIME)
    last = datetime.max.replace(tzinfo=UTC)
    return since, until and (until + _TICK if until < last else until)
