"""What the API answers about records beside positions, and how flags of fixes are set."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from backend.registry_models import Input
from backend.schemas import Answer, Utc


class StatusRecord(Answer):
    """What a collar said about itself."""

    collar: int
    generation: int
    record: int
    recorded_at: Utc
    voltage_mv: int
    stored_mj: int
    income_mj_per_day: int
    fixes: int
    failed_fixes: int
    frames: int
    brownouts: int
    temperature_c: int | None


class Reception(Answer):
    """A frame heard by a station."""

    station: str
    collar: int
    received_at: Utc
    epoch: int
    counter: int
    freq_hz: int
    sf: int
    rssi_dbm: float
    snr_db: float
    frame_bytes: int


class Day(Answer):
    """Fixes of a collar on a day (UTC)."""

    collar: int
    day: str = Field(examples=["2026-06-01"])
    fixes: int
    outliers: int
    first_at: Utc
    last_at: Utc


class Flags(Input):
    """Outlier flags for fixes; Movebank's names. Nothing is ever deleted."""

    fixes: list[Annotated[str, Field(pattern=r"^\d{1,10}-\d{1,10}-\d{1,16}$")]] = Field(
        min_length=1, max_length=10_000, examples=[["1-0-42"]]
    )
    algorithm_marked_outlier: bool | None = Field(default=None, description="Null: as it is")
    import_marked_outlier: bool | None = None
    manually_marked_outlier: bool | None = None
    manually_marked_valid: bool | None = None


class Flagged(Answer):
    """How many fixes got other flags."""

    changed: int
