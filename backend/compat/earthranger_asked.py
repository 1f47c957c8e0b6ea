"""What EarthRanger's clients ask by: the parameters of their reads."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from backend.errors import BadRequest
from backend.params import LIMIT_MAX, Time

NUMBERED_MAX = 1_000_000
"""Entries that are reached by the number of a page; further on by next links"""


class Asked(BaseModel):
    """Parameters of their reads; others are of no meaning here."""

    model_config = ConfigDict(extra="ignore")

    subject_id: str | None = None
    source_id: str | None = None
    subject_group: str | None = None
    subjects: str | None = None
    sources: str | None = None
    since: Time | None = None
    until: Time | None = None
    filter: str = Field(default="0", pattern=r"^(null|\d{1,2})$")
    include_details: bool = False
    page_size: int = Field(default=100, ge=1)
    page: str | None = Field(default=None, max_length=100)

    @property
    def rows(self) -> int:
        """How many on a page."""
        return min(self.page_size, LIMIT_MAX)

    @property
    def number(self) -> int | None:
        """Which page, where that is a number; others are as a `next` link names them.

        Raises:
            BadRequest: too far on to be counted to.
        """
        if self.page is None or not (self.page.isascii() and self.page.isdigit()):
            return None
        number = int(self.page)
        if not 0 < number * self.rows <= NUMBERED_MAX:
            expected = f"1 to {NUMBERED_MAX // self.rows}, or the page out of a next link"
            raise BadRequest("page", self.page, expected)
        return number

    @property
    def period(self) -> dict[str, datetime | None]:
        """Both ends belong to it."""
        until = self.until
        if until is not None and until.year < 9999:  # else there is no later one
            until += timedelta(microseconds=1)
        return {"from_time": self.since, "to_time": until}


Wanted = Annotated[Asked, Query()]
