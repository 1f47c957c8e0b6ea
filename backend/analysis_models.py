"""What the API takes and answers about computations: those under way, and overlaps."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import Header
from pydantic import ConfigDict, Field, model_validator

from backend.jobs.overlap import Index, Method
from backend.jobs.question import KindName
from backend.params import AnimalNumber, EndTime, Number, Time
from backend.range_models import FixChoice
from backend.schemas import Answer, Link, Problem, Utc
from backend.wanted import ComputationPage

_Ends = Annotated[list[float], Field(min_length=3, max_length=3)]
State = Literal["queued", "running", "done", "failed", "cancelled"]

Prefer = Annotated[
    str | None,
    Header(
        description="`wait=N`: answer with the result if it is there within N seconds, at most "
        "60; `respond-async`: do not wait (RFC 7240). Without either 2 seconds are waited",
        examples=["wait=10"],
    ),
]


class Result(Answer):
    """What came of a computation."""

    number: int
    href: str = Field(description="Where it is", examples=["/api/v1/home-ranges/7"])


class Analysis(Answer):
    """A computation that takes its time."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "analysis": 12,
                    "kind": "home-range",
                    "state": "running",
                    "progress": 0.41,
                    "step": "bootstrap of the areas",
                    "animals": [1],
                    "question": {"method": "akde"},
                    "mine": True,
                    "asked_at": "2026-06-01T06:00:00Z",
                    "started_at": "2026-06-01T06:00:00.1Z",
                    "finished_at": None,
                    "error": None,
                    "result": None,
                }
            ]
        },
    )

    analysis: int
    kind: KindName
    state: State
    progress: float = Field(ge=0, le=1, description="Part of the work that is done")
    step: str | None = Field(description="What is being done", examples=["movement models"])
    animals: list[int] = Field(description="Whose fixes it uses", examples=[[1]])
    question: dict[str, Any] = Field(description="What was asked, complete")
    mine: bool = Field(description="Whether who asks now waits for it")
    asked_at: Utc
    started_at: Utc | None
    finished_at: Utc | None
    error: Problem | None = Field(description="Why it failed")
    result: Result | None = Field(description="Where it is done")


class Analyses(Answer):
    """Computations, the newest first."""

    analyses: list[Analysis]
    links: list[Link]


class AnalysisQuery(ComputationPage):
    """Which computations."""

    state: State | None = Field(default=None, description="Only in this state")


class OverlapRequest(FixChoice):
    """An overlap of home ranges to compute."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"animals": [1, 2], "method": "akde", "from": "2026-06-01T00:00:00Z"}]
        },
    )

    animals: list[AnimalNumber] | None = Field(
        default=None, min_length=2, max_length=100, description="Or all of a study"
    )
    study: Number | None = Field(
        default=None, description="All its animals with fixes enough in the time range"
    )
    method: Method = Field(
        default="akde",
        description="How densities are estimated, all on one grid; akde also gives each "
        "Bhattacharyya affinity with its interval",
    )
    level_percent: float = Field(
        default=95, gt=0, lt=100, description="Isopleth that HR, PHR and UDOI compare"
    )
    conditional: bool = Field(
        default=False, description="Take densities outside their own isopleth as 0"
    )
    from_time: Time | None = Field(default=None, alias="from", description="Fixes from this time")
    to_time: EndTime | None = Field(default=None, alias="to", description="Fixes before this time")
    options: dict[str, int | float | str] = Field(
        default={},
        max_length=20,
        description="What the method is told, by name, as for home ranges; akde: weights, "
        "error_m, cell_m; kde: bandwidth_m, cell_m; bridge: error_m, motion_variance_m2_per_s, "
        "max_gap_s, cell_m",
        examples=[{"weights": "optimal"}],
    )

    @model_validator(mode="after")
    def _check_one_of(self) -> Self:
        if (self.animals is None) == (self.study is None):
            raise ValueError("expected 'animals' or 'study', one of them")
        return self


class Overlap(Answer):
    """How far home ranges overlap, for every pair of animals."""

    overlap: int
    animals: list[int] = Field(description="In the order of rows and columns", examples=[[1, 2]])
    names: list[str]
    method: str = Field(examples=["akde"])
    about: str = Field(description="The method in words")
    matrices: dict[Index, list[list[float]]] = Field(
        description="By index; rows are of whom, columns with whom. HR: part of the row's area "
        "that is also the column's; PHR: chance to meet the column's animal in the row's area; "
        "VI: shared volume; BA: Bhattacharyya's affinity; UDOI: utilization distribution overlap "
        "index; HD: Hellinger's distance"
    )
    affinity_intervals: list[list[_Ends | None]] | None = Field(
        description="Low end, estimate and high end of the affinity of the ranges' movement "
        "models, 95 %, by pair; null where the method or the sample does not tell"
    )
    fixes: int
    from_time: Utc = Field(description="First fix used")
    to_time: Utc = Field(description="Last fix used")
    computed_at: Utc
    software_version: str
    parameters: dict[str, Any] = Field(
        description="Everything that fixes the result; animals left out, and why; warnings"
    )


class Overlaps(Answer):
    """Overlaps, the newest computation first."""

    overlaps: list[Overlap]
    links: list[Link]
