"""Observations of EarthRanger and Gundi, stored as imported positions with an account of each.

A source (their word for a tag) is known by its manufacturer's id within a study; tags and animals
that the study lacks are added. The same observation again is a duplicate, told as such.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import NAMESPACE_URL, UUID, uuid5

from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field

from backend.auth import Principal
from backend.db import imports
from backend.db.queries import query
from backend.errors import BadRequest, NotFound
from backend.movebank import events, terms
from backend.movebank.report import Report
from backend.params import Time

Text = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
_SCALARS = (str, int, float, bool)


class Location(BaseModel):
    """WGS84 [degrees]; both systems' spellings."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, populate_by_name=True)

    lat: float = Field(ge=-90, le=90)
    lon: float = Field(ge=-180, le=180)
    alt: float | None = None


class Observation(BaseModel):
    """Where a source was; members beyond these are left aside, but for `additional`."""

    model_config = ConfigDict(extra="ignore")

    manufacturer_id: Text = ""
    source: Text = ""
    subject_name: Text | None = None
    source_name: Text | None = None
    recorded_at: Time
    location: Location
    additional: dict[str, Any] | None = None

    @property
    def tag(self) -> str:
        """Which source it is of."""
        return self.manufacturer_id or self.source

    def identity(self, study: int) -> UUID:
        """The same for the same observation, whenever it comes."""
        return uuid5(NAMESPACE_URL, f"capra:{study}:{self.tag}:{self.recorded_at.isoformat()}")


def study_named(database: Connection[Any], text: str) -> int:
    """The study of a number or a name.

    Raises:
        NotFound: there is none.
    """
    row = database.execute(query("study_named"), {"text": text}).fetchone()
    if row is None:
        raise NotFound("study", text)
    return int(row[0])


def only_study(database: Connection[Any], caller: Principal, roles: Sequence[str]) -> int:
    """The one study that a caller may import into.

    Raises:
        BadRequest: there are several, or none.
    """
    found = database.execute(query("studies_among"), {"among": caller.studies(roles)}).fetchall()
    if len(found) != 1:
        raise BadRequest("apikey", f"may import into {len(found)} studies", "a key of one study")
    return int(found[0][0])


def store(database: Connection[Any], study: int, observations: Sequence[Observation]) -> Report:
    """Store observations in one transaction.

    Raises:
        BadRequest: one has no source, or is of the future; nothing is stored then.
    """
    report = Report()
    for one in observations:
        if not one.tag:
            raise BadRequest("manufacturer_id", one.tag, "the id of a source")
    lines = "\n".join(json.dumps(_row(one)) for one in observations)
    file = io.BytesIO(lines.encode())
    blocks = list(events.read_ndjson(file, report, datetime.now(UTC)))
    if report.rejected:
        raise BadRequest("observation", report.as_json()["rejections"], "a good time and place")
    imports.store(database, study, blocks, report)
    if report.rejected:
        raise BadRequest("observation", report.as_json()["rejections"], "no contradiction")
    return report


def _row(one: Observation) -> dict[str, Any]:
    more = {
        f"additional:{name}": value
        for name, value in (one.additional or {}).items()
        if isinstance(value, _SCALARS)
    }
    row = {
        terms.TAG: one.tag,
        terms.ANIMAL: one.subject_name or one.source_name or one.tag,
        terms.TIMESTAMP: one.recorded_at.isoformat(),
        terms.LAT: one.location.lat,
        terms.LON: one.location.lon,
        terms.ALTITUDE: one.location.alt,
    }
    return more | row
