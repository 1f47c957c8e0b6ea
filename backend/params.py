"""Query parameters: small parsers, and types that say what they take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from backend.errors import BadRequest

LIMIT_DEFAULT = 1000
LIMIT_MAX = 10_000
TRACKS_DEFAULT = 100
COMPUTATIONS_DEFAULT = 10
COMPUTATIONS_MAX = 100

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_EXPECTED_TIME = "expected an RFC 3339 time such as 2026-06-01T06:00:00Z"
_NUMBER_MAX = 2**53 - 1  # the largest that JSON and JavaScript tell from its neighbours


def parse_time(text: object) -> datetime:
    """A time with its zone, as UTC.

    Raises:
        ValueError: not RFC 3339; the message says what was expected.
    """
    if isinstance(text, datetime) and text.tzinfo:
        return text.astimezone(UTC)
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        hint = ""
        if isinstance(text, str) and _RFC3339.fullmatch("+".join(text.rsplit(" ", 1))):
            hint = " (in an address the + of a zone is written %2B)"
        raise ValueError(_EXPECTED_TIME + hint)
    text = re.sub(r"(\.\d{6})\d+", r"\1", text.upper())
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_EXPECTED_TIME) from None


def format_time(time: datetime) -> str:
    """The same in RFC 3339, UTC with Z; fractions of a second only where there are any."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def clamp_limit(limit: int) -> int:
    """More than the maximum counts as the maximum; the next link leads on."""
    return min(limit, LIMIT_MAX)


def clamp_computations(limit: int) -> int:
    """The same for computations, which are large."""
    return min(limit, COMPUTATIONS_MAX)


@dataclass(frozen=True)
class Cursor:
    """Where a page of fixes ended: the whole sort key of its last fix."""

    recorded_at_us: int
    collar: int
    generation: int
    record: int

    def __str__(self) -> str:
        return f"{self.recorded_at_us}.{self.collar}.{self.generation}.{self.record}"


def parse_cursor(text: object) -> Cursor:
    """The cursor out of a `next` link.

    Raises:
        ValueError: anything else.
    """
    if isinstance(text, Cursor):
        return text
    expected = "expected the value out of a next link, such as 1780293600000000.1.0.42"
    form = r"\d{1,18}(\.\d{1,10}){2}\.\d{1,16}"  # records of imported rows are long
    if not isinstance(text, str) or not re.fullmatch(form, text, re.ASCII):
        raise ValueError(expected)
    recorded_at_us, collar, generation, record = (int(part) for part in text.split("."))
    if recorded_at_us >= 2**32 * 1_000_000 or collar >= 2**31 or generation >= 2**31:
        raise ValueError(expected)
    return Cursor(recorded_at_us, collar, generation, record)


def parse_day(text: object) -> date:
    """A day as yyyy-mm-dd; not a number of seconds, which would pass for one.

    Raises:
        ValueError: anything else.
    """
    try:
        if isinstance(text, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError:  # no such day
        pass
    raise ValueError("expected a day such as 2026-06-01")


Time = Annotated[
    datetime,
    BeforeValidator(parse_time),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2026-06-01T06:00:00Z"]}
    ),
]
EndTime = Annotated[
    datetime,
    BeforeValidator(parse_time),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2026-07-01T06:00:00Z"]}
    ),
]
Day = Annotated[
    date, BeforeValidator(parse_day), WithJsonSchema({"type": "string", "format": "date"})
]
AnimalNumber = Annotated[int, Field(ge=1, le=_NUMBER_MAX, examples=[1])]
Number = Annotated[int, Field(ge=1, le=_NUMBER_MAX, examples=[7])]
CollarNumber = Annotated[int, Field(ge=1, le=2**31 - 1, examples=[1])]


After = Annotated[
    Cursor,
    BeforeValidator(parse_cursor),
    WithJsonSchema({"type": "string", "examples": ["1780293600000000.1.0.42"]}),
]


class NoQuery(BaseModel):
    """An operation without query parameters: one that is not named is refused."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Box:
    """Edges of a box [degrees]; west > east crosses the antimeridian."""

    west: float
    south: float
    east: float
    north: float


def parse_bbox(text: object) -> Box:
    """The box out of `west,south,east,north`.

    Raises:
        ValueError: anything else.
    """
    if isinstance(text, Box):
        return text
    expected = "expected west,south,east,north in degrees, such as 10.1,46.5,10.3,46.8"
    try:
        box = Box(*(float(part) for part in str(text).split(",")))
    except (TypeError, ValueError):
        raise ValueError(expected) from None
    lon_good = -180 <= box.west <= 180 and -180 <= box.east <= 180
    if not (lon_good and -90 <= box.south <= box.north <= 90):
        raise ValueError(expected)
    return box


Bbox = Annotated[
    Box,
    BeforeValidator(parse_bbox),
    WithJsonSchema({"type": "string", "examples": ["10.1,46.5,10.3,46.8"]}),
]


Query_ = Annotated[NoQuery, Query()]
"""For operations without query parameters: names every one that is given anyway."""


def parse_identity(text: str) -> tuple[int, int, int]:
    """Collar, generation and record out of `collar-generation-record`.

    Raises:
        BadRequest: anything else.
    """
    if not re.fullmatch(r"\d{1,10}-\d{1,10}-\d{1,16}", text, re.ASCII):
        raise BadRequest("fix", text, "collar-generation-record, such as 1-0-42")
    collar, generation, record = (int(part) for part in text.split("-"))
    if collar >= 2**31 or generation >= 2**31:
        raise BadRequest("fix", text, "collar-generation-record, such as 1-0-42")
    return collar, generation, record
