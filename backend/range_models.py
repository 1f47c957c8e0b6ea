"""What is asked of computations of home ranges and corridors."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from backend.jobs.corridor import MotionVariance
from backend.jobs.home_range import DEFAULT_METHOD, METHODS_HELP, OPTIONS_HELP, Method
from backend.params import AnimalNumber, EndTime, Time
from backend.schemas import Answer


class FixChoice(Answer):
    """Which fixes a computation uses; those of its time that it leaves out are counted."""

    from_time: Time | None = Field(default=None, alias="from", description="Fixes from this time")
    to_time: EndTime | None = Field(default=None, alias="to", description="Fixes before this time")
    backbone_only: bool = Field(
        default=False, description="Only fixes of the regular schedule, none that movement caused"
    )
    max_speed_mps: float | None = Field(
        default=None, gt=0, le=1000, description="No fixes that the animal cannot reach [m/s]"
    )
    spike_speed_mps: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="No fixes that it would have gone to and straight back from, both so fast "
        "[m/s]",
    )


class HomeRangeRequest(FixChoice):
    """A home range to compute."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"animal": 1, "method": "kde", "from": "2026-06-01T00:00:00Z"}]
        },
    )

    animal: AnimalNumber
    method: Method = Field(default=DEFAULT_METHOD, description=METHODS_HELP)
    levels_percent: list[Annotated[float, Field(gt=0, le=100)]] = Field(
        default=[50, 95],
        min_length=1,
        max_length=20,
        description="Isopleths to draw; 100 only where a method works on the fixes alone",
    )
    bandwidth_m: float | None = Field(
        default=None,
        gt=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="Kernel width [m]; the same as `bandwidth_m` in `options`",
    )
    options: dict[str, int | float | str] = Field(
        default={},
        max_length=20,
        description=f"What the method is told, by name. {OPTIONS_HELP}",
        examples=[{"weights": "optimal"}],
    )


class CorridorRequest(FixChoice):
    """Corridors to compute."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"from": "2026-05-01T00:00:00Z", "to": "2026-06-15T00:00:00Z"}]
        },
    )

    animals: list[AnimalNumber] | None = Field(
        default=None,
        min_length=2,
        max_length=1000,
        description="The herd; null: all animals with fixes enough in the time range",
    )
    shares_percent: list[Annotated[float, Field(ge=0, le=100)]] | None = Field(
        default=None,
        min_length=1,
        max_length=20,
        description="Parts of the herd whose land to draw, 0 being any animal; null: 0, 10 and 20,"
        " in small herds 1, 2 and 3 animals",
    )
    error_m: float | None = Field(
        default=None,
        ge=0.01,
        le=100_000,
        description="Standard deviation of a fix in each direction [m]; null: by the fixes' "
        "accuracies",
    )
    motion_variance: MotionVariance = Field(
        default="likelihood",
        description="likelihood: one for each track; dynamic: one for each step",
    )
    max_gap_s: float | None = Field(
        default=None, gt=0, le=1e10, description="Longer gaps between fixes are left out [s]"
    )
    cell_m: float | None = Field(
        default=None,
        ge=0.1,
        le=100_000,
        description="Width of the grid's cells [m]; null: by tracks",
    )
