"""What the API takes and answers about files."""

from __future__ import annotations

from pydantic import Field

from backend.params import NoQuery
from backend.schemas import Answer
from backend.wanted import Period


class ImportQuery(NoQuery):
    """How to import."""

    dry_run: bool = Field(default=False, description="Only report what would be stored")


class FileQuery(Period):
    """What part to export."""


class Rejection(Answer):
    """Rows that could not be stored, for one reason."""

    reason: str
    rows: int = Field(description="How many")
    lines: str = Field(description="Their lines in the file, such as `2-5,9`")


class ImportReport(Answer):
    """What became of every row: `rows_in` = `accepted` + `duplicate` + `rejected`."""

    rows_in: int = Field(description="Rows of the file, without header and empty lines")
    accepted: int = Field(description="Stored now")
    without_position: int = Field(description="Of these, searches that found no position")
    duplicate: int = Field(description="Known already, or twice in the file")
    rejected: int
    rejections: list[Rejection]
    warnings: list[str] = Field(description="What the owner of the file should look at")
    dry_run: bool = Field(description="Nothing was stored")
