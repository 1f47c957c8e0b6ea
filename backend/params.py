"""Query parameters: small parsers, and the models that name what each operation takes.

A parameter that no model names is refused: a typing error must not pass as "no filter".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from backend.errors import BadRequest

LIMIT_DEFAULT = 1000
LIMIT_MAX = 10_000
CORRIDORS_DEFAULT = 10
CORRIDORS_MAX = 100

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


def clamp_corridors(limit: int) -> int:
    """The same for computations of corridors, which are large."""
    return min(limit, CORRIDORS_MAX)


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
    """An operation without query parameters."""

    model_config = ConfigDict(extra="forbid")


class Period(NoQuery):
    """A half-open time range; an end left out is open."""

    from_time: Time | None = Field(
        default=None, alias="from", description="Only what was recorded at this time or later"
    )
    to_time: EndTime | None = Field(
        default=None, alias="to", description="Only what was recorded before this time"
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.from_time and self.to_time and self.from_time >= self.to_time:
            raise ValueError("expected 'from' before 'to'")
        return self


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


class PageQuery(NoQuery):
    """A page of a list."""

    study: Number | None = Field(default=None, description="Only of this study")
    limit: int = Field(
        default=LIMIT_DEFAULT,
        ge=1,
        description=f"Entries per page; more than {LIMIT_MAX} counts as {LIMIT_MAX}",
    )
    after: Number | None = Field(
        default=None, description="Go on behind this one: taken from a next link"
    )


class LatestQuery(NoQuery):
    """Whose latest positions."""

    study: Number | None = Field(default=None, description="Only of this study")


class FixSelection(Period):
    """Which fixes."""

    animal: AnimalNumber | None = Field(
        default=None, description="Only fixes of this animal, whichever collar it wore"
    )
    collar: CollarNumber | None = Field(default=None, description="Only fixes of this collar")
    bbox: Bbox | None = Field(
        default=None, description="Only positions in this box, as precisely as they are given"
    )
    visible: bool | None = Field(
        default=None, description="Only fixes that are, or are not, visible (no outliers)"
    )

    @model_validator(mode="after")
    def _check_one_of(self) -> Self:
        if self.animal is not None and self.collar is not None:
            raise ValueError("expected 'animal' or 'collar', not both")
        return self


class AuditQuery(Period):
    """Which rows of the audit."""

    actor: str | None = Field(
        default=None, max_length=500, description="Only of this actor, as the audit names it"
    )
    limit: int = Field(
        default=LIMIT_DEFAULT,
        ge=1,
        description=f"Rows per page; more than {LIMIT_MAX} counts as {LIMIT_MAX}",
    )
    after: Number | None = Field(
        default=None, description="Go on behind this row: taken from a next link"
    )


class FixQuery(FixSelection):
    """Which fixes, and how many at once."""

    limit: int = Field(
        default=LIMIT_DEFAULT,
        ge=1,
        description=f"Fixes per page; more than {LIMIT_MAX} counts as {LIMIT_MAX}",
    )
    after: After | None = Field(
        default=None, description="Go on behind this fix: taken from a next link"
    )


class FixExport(FixSelection):
    """Which fixes, in which format."""

    format: Literal["geojson", "csv", "arrow", "parquet"] = Field(
        default="geojson", description="`parquet` is GeoParquet, `arrow` an Arrow IPC stream"
    )


class TrackQuery(Period):
    """Which tracks, and how long."""

    animal: AnimalNumber | None = Field(default=None, description="Only this animal")
    limit: int = Field(
        default=LIMIT_MAX,
        ge=2,
        description="Newest fixes per animal; more than "
        f"{LIMIT_MAX} counts as {LIMIT_MAX} (`complete` is then false)",
    )


class HomeRangeQuery(NoQuery):
    """Which stored home ranges."""

    animal: AnimalNumber | None = Field(default=None, description="Only this animal")
    history: bool = Field(
        default=False,
        description="All that were ever computed, not only the newest of each animal and method",
    )


class ComputationPage(NoQuery):
    """A page of computations."""

    limit: int = Field(
        default=CORRIDORS_DEFAULT,
        ge=1,
        description=f"Computations per page; more than {CORRIDORS_MAX} counts as {CORRIDORS_MAX}",
    )
    after: Number | None = Field(
        default=None, description="Go on behind this computation: taken from a next link"
    )


class CorridorQuery(ComputationPage):
    """Which stored corridors or overlaps."""

    animal: AnimalNumber | None = Field(
        default=None, description="Only computations with this animal among others"
    )


class StatusQuery(Period):
    """Which status records, and how many at once."""

    collar: CollarNumber | None = Field(default=None, description="Only of this collar")
    limit: int = Field(
        default=LIMIT_DEFAULT,
        ge=1,
        description=f"Records per page; more than {LIMIT_MAX} counts as {LIMIT_MAX}",
    )
    after: After | None = Field(
        default=None, description="Go on behind this record: taken from a next link"
    )


class ReceptionQuery(Period):
    """Which receptions, and how many at once."""

    collar: CollarNumber | None = Field(default=None, description="Only of this collar")
    station: str | None = Field(
        default=None, min_length=1, max_length=200, description="Only of this station"
    )
    limit: int = Field(
        default=LIMIT_DEFAULT,
        ge=1,
        description=f"Receptions per page; more than {LIMIT_MAX} counts as {LIMIT_MAX}",
    )
    after: str | None = Field(
        default=None,
        pattern=r"^\d{1,18}(\.\d{1,10}){3}\.[^\x00]{1,200}$",
        description="Go on behind this one: taken from a next link",
        examples=["1780293600000000.1.0.42.hut"],
    )


class DayQuery(NoQuery):
    """Which days."""

    collar: CollarNumber | None = Field(default=None, description="Only of this collar")
    from_day: Day | None = Field(default=None, alias="from", description="From this day (UTC)")
    to_day: Day | None = Field(default=None, alias="to", description="Before this day (UTC)")
    limit: int = Field(
        default=LIMIT_DEFAULT,
        ge=1,
        description=f"Days per page; more than {LIMIT_MAX} counts as {LIMIT_MAX}",
    )
    after: str | None = Field(
        default=None,
        pattern=r"^\d{1,10}\.\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$",
        description="Go on behind this day: taken from a next link",
        examples=["1.2026-06-01"],
    )


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
