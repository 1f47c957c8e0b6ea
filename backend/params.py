"""Query parameters: small parsers, and the models that name what each operation takes.

A parameter that no model names is refused: a typing error must not pass as "no filter".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Self

from fastapi import Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

LIMIT_DEFAULT = 1000
LIMIT_MAX = 10_000
CORRIDORS_DEFAULT = 10
CORRIDORS_MAX = 100

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_EXPECTED_TIME = "expected an RFC 3339 time such as 2026-06-01T06:00:00Z"
_BIGINT_MAX = 2**63 - 1


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
    if not isinstance(text, str) or not re.fullmatch(r"\d{1,18}(\.\d{1,10}){3}", text, re.ASCII):
        raise ValueError(expected)
    recorded_at_us, collar, generation, record = (int(part) for part in text.split("."))
    if recorded_at_us >= 2**32 * 1_000_000 or collar > 65535 or generation >= 2**31:
        raise ValueError(expected)
    return Cursor(recorded_at_us, collar, generation, record)


Time = Annotated[
    datetime,
    BeforeValidator(parse_time),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2026-06-01T06:00:00Z"]}
    ),
]
AnimalNumber = Annotated[int, Field(ge=1, le=_BIGINT_MAX, examples=[1])]
Number = Annotated[int, Field(ge=1, le=_BIGINT_MAX, examples=[7])]
CollarNumber = Annotated[int, Field(ge=1, le=65535, examples=[1])]


class NoQuery(BaseModel):
    """An operation without query parameters."""

    model_config = ConfigDict(extra="forbid")


class Period(NoQuery):
    """A half-open time range; an end left out is open."""

    from_time: Time | None = Field(
        default=None, alias="from", description="Only what was recorded at this time or later"
    )
    to_time: Time | None = Field(
        default=None, alias="to", description="Only what was recorded before this time"
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.from_time and self.to_time and self.from_time >= self.to_time:
            raise ValueError("expected 'from' before 'to'")
        return self


class FixQuery(Period):
    """Which fixes, and how many at once."""

    animal: AnimalNumber | None = Field(
        default=None, description="Only fixes of this animal, whichever collar it wore"
    )
    collar: CollarNumber | None = Field(default=None, description="Only fixes of this collar")
    limit: int = Field(
        default=LIMIT_DEFAULT,
        ge=1,
        description=f"Fixes per page; more than {LIMIT_MAX} counts as {LIMIT_MAX}",
    )
    after: (
        Annotated[
            Cursor,
            BeforeValidator(parse_cursor),
            WithJsonSchema({"type": "string", "examples": ["1780293600000000.1.0.42"]}),
        ]
        | None
    ) = Field(default=None, description="Go on behind this fix: taken from a next link")

    @model_validator(mode="after")
    def _check_one_of(self) -> Self:
        if self.animal is not None and self.collar is not None:
            raise ValueError("expected 'animal' or 'collar', not both")
        return self


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


class CorridorQuery(NoQuery):
    """Which stored corridors, and how many at once."""

    animal: AnimalNumber | None = Field(
        default=None, description="Only computations with this animal in the herd"
    )
    limit: int = Field(
        default=CORRIDORS_DEFAULT,
        ge=1,
        description=f"Computations per page; more than {CORRIDORS_MAX} counts as {CORRIDORS_MAX}",
    )
    after: Number | None = Field(
        default=None, description="Go on behind this computation: taken from a next link"
    )


Query_ = Annotated[NoQuery, Query()]
"""For operations without query parameters: names every one that is given anyway."""
