"""What each operation may be asked: the models of its query parameters.

A parameter that no model names is refused: a typing error must not pass as "no filter". Lists are
asked for a page at a time: `limit` is how much of it, `after` where the page before ended.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from backend.params import (
    COMPUTATIONS_DEFAULT,
    COMPUTATIONS_MAX,
    LIMIT_DEFAULT,
    LIMIT_MAX,
    TRACKS_DEFAULT,
    After,
    AnimalNumber,
    Bbox,
    CollarNumber,
    Day,
    EndTime,
    NoQuery,
    Number,
    Time,
)


def limit_of(what: str, default: int = LIMIT_DEFAULT, most: int = LIMIT_MAX) -> Any:
    """How much is on a page."""
    text = f"{what} per page; more than {most} counts as {most}"
    return Field(default=default, ge=1, description=text)


def after_of(what: str, **form: Any) -> Any:
    """Where a page begins."""
    text = f"Go on behind this {what}: taken from a next link"
    return Field(default=None, description=text, **form)


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


class PageQuery(NoQuery):
    """A page of a list."""

    study: Number | None = Field(default=None, description="Only of this study")
    limit: int = limit_of("Entries")
    after: Number | None = after_of("one")


class LatestQuery(NoQuery):
    """Whose latest positions."""

    study: Number | None = Field(default=None, description="Only of this study")
    limit: int = limit_of("Collars", LIMIT_MAX)
    after: CollarNumber | None = after_of("collar")


class RuleQuery(NoQuery):
    """Which rules of the location policy."""

    limit: int = limit_of("Rules")
    after: str | None = after_of(
        "rule",
        pattern=r"^\d{1,16}\.(public|guest|ecologist|operator|admin)\.(open|low|medium|high|extreme)$",
        examples=["0.guest.high"],
    )


class TaxonQuery(NoQuery):
    """Which sensitive taxa."""

    limit: int = limit_of("Taxa")
    after: str | None = after_of(
        "taxon", min_length=1, max_length=200, pattern=r"^[^\x00]*$", examples=["Capra ibex"]
    )


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
    limit: int = limit_of("Rows")
    after: Number | None = after_of("row")


class FixQuery(FixSelection):
    """Which fixes, and how many at once."""

    limit: int = limit_of("Fixes")
    after: After | None = after_of("fix")


class FixExport(FixSelection):
    """Which fixes, in which format."""

    format: Literal["geojson", "csv", "arrow", "parquet"] = Field(
        default="geojson", description="`parquet` is GeoParquet, `arrow` an Arrow IPC stream"
    )


class TrackQuery(Period):
    """Which tracks, and how long."""

    animal: AnimalNumber | None = Field(default=None, description="Only this animal")
    fixes: int = Field(
        default=LIMIT_MAX,
        ge=2,
        description="Newest fixes per animal; more than "
        f"{LIMIT_MAX} counts as {LIMIT_MAX} (`complete` is then false)",
    )
    limit: int = limit_of("Tracks", TRACKS_DEFAULT)
    after: AnimalNumber | None = after_of("animal")


class TileQuery(Period):
    """Whose fixes are on a tile, and of which time."""

    animal: AnimalNumber | None = Field(default=None, description="Only of this animal")
    study: Number | None = Field(default=None, description="Only of animals of this study")


class HomeRangeQuery(NoQuery):
    """Which stored home ranges."""

    animal: AnimalNumber | None = Field(default=None, description="Only this animal")
    history: bool = Field(
        default=False,
        description="All that were ever computed, not only the newest of each animal and method",
    )
    limit: int = limit_of("Home ranges")
    after: Number | None = after_of("home range")


class ComputationPage(NoQuery):
    """A page of computations."""

    limit: int = limit_of("Computations", COMPUTATIONS_DEFAULT, COMPUTATIONS_MAX)
    after: Number | None = after_of("computation")


class CorridorQuery(ComputationPage):
    """Which stored corridors or overlaps."""

    animal: AnimalNumber | None = Field(
        default=None, description="Only computations with this animal among others"
    )


class StatusQuery(Period):
    """Which status records, and how many at once."""

    collar: CollarNumber | None = Field(default=None, description="Only of this collar")
    limit: int = limit_of("Records")
    after: After | None = after_of("record")


class ReceptionQuery(Period):
    """Which receptions, and how many at once."""

    collar: CollarNumber | None = Field(default=None, description="Only of this collar")
    station: str | None = Field(
        default=None, min_length=1, max_length=200, description="Only of this station"
    )
    limit: int = limit_of("Receptions")
    after: str | None = after_of(
        "one",
        pattern=r"^\d{1,18}(\.\d{1,10}){3}\.[^\x00]{1,200}$",
        examples=["1780293600000000.1.0.42.hut"],
    )


class DayQuery(NoQuery):
    """Which days."""

    collar: CollarNumber | None = Field(default=None, description="Only of this collar")
    from_day: Day | None = Field(default=None, alias="from", description="From this day (UTC)")
    to_day: Day | None = Field(default=None, alias="to", description="Before this day (UTC)")
    limit: int = limit_of("Days")
    after: str | None = after_of(
        "day",
        pattern=r"^\d{1,10}\.\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$",
        examples=["1.2026-06-01"],
    )
