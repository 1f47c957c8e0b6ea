"""EarthRanger's `trackingdata/export`: every fix of one animal or of all, as JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Generator, Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from psycopg import Connection
from pydantic import BaseModel, ConfigDict, Field

from backend import deps, fix_chunks, fix_columns
from backend.auth import Principal, Viewer
from backend.compat.earthranger_forms import known
from backend.compat.identity import from_uuid, of_fix, to_uuid
from backend.deps import Database, Stream
from backend.errors import BadRequest
from backend.fix_columns import EPOCH, POSTGRES_EPOCH_US
from backend.params import Time

router = APIRouter(prefix="/api/v1.0", include_in_schema=False)

_COLUMNS = (
    "subject_id", "recordserial", "observation_id", "collar_id", "fixtime", "dloadtime", "lon",
    "lat", "height", "temp", "voltage", "activity", "activity_label", "subject_name",
    "precision_deg",
)  # fmt: skip
"""Theirs, and last of what cell the middle is given; none: exactly"""
_CSV_TIMES = {"fixtime": "fixtime (UTC)", "dloadtime": "dloadtime (UTC)"}
_BLOCK = 1 << 16
Row = dict[str, Any]


class Asked(BaseModel):
    """Parameters of the export; others are of no meaning here."""

    model_config = ConfigDict(extra="ignore")

    subject_id: str | None = None
    subject_chronofile: str | None = None
    after_date: Time | None = None
    before_date: Time | None = None
    filter: str = Field(default="0", pattern=r"^(null|\d{1,2})$")
    current_status: bool = False
    max_records: int = -1
    format: Literal["csv", "json"] = "csv"


@router.get("/trackingdata/export")
@router.get("/trackingdata/export/")
def export(
    database: Database, request: Request, viewer: Viewer, wanted: Annotated[Asked, Query()]
) -> Stream:
    """The oldest first, animal by animal; with `current_status` only the last of each.

    The column is `subject_id` whoever is asked for: no collar here has a number of a chronofile.
    """
    if wanted.subject_chronofile is not None:
        raise BadRequest("subject_chronofile", wanted.subject_chronofile, "a subject_id instead")
    animal = None if wanted.subject_id is None else from_uuid("subject", wanted.subject_id)
    deps.require(database, viewer.viewer, "animal", animal)
    write, media_type, headers = _json, "application/json", {}
    if wanted.format == "csv":
        write, media_type = _csv, "text/csv; charset=utf-8"
        headers = {"Content-Disposition": 'attachment; filename="Tracking Data.csv"'}
    return Stream(
        request,
        lambda connection: write(_rows(connection, viewer, wanted, animal)),
        media_type=media_type,
        headers=headers,
    )


def _rows(
    database: Connection[Any], viewer: Principal, wanted: Asked, animal: int | None
) -> Iterator[Row]:
    whose = {"viewer": viewer.viewer, "animal": animal, "study": None}
    serial = 0
    for subject in deps.rows(database, "earthranger_subjects", **whose):
        collars = _collars(database, viewer, subject["animal"])
        for row in _of_subject(database, viewer, wanted, subject, collars):
            yield row | {"recordserial": serial}
            serial += 1
            if serial == wanted.max_records:
                return


def _collars(database: Connection[Any], viewer: Principal, animal: int) -> dict[int, str]:
    """What collars of an animal are called."""
    values = {"viewer": viewer.viewer, "animal": animal, "collar": None, "manufacturer": None}
    found = deps.rows(database, "earthranger_sources", **values, after=0, limit=None)
    return {row["collar"]: row["serial"] or row["name"] for row in found}


def _of_subject(
    database: Connection[Any], viewer: Principal, wanted: Asked, subject: Row,
    collars: dict[int, str],
) -> Iterator[Row]:  # fmt: skip
    since = subject["recorded_at"] if wanted.current_status else wanted.after_date
    if wanted.current_status and since is None:  # it was never seen
        return
    values = {
        "viewer": viewer.viewer, "animal": subject["animal"], "collar": None,
        "from_time": since, "to_time": wanted.before_date,
        "visible": None if wanted.filter == "null" else wanted.filter == "0",
        **dict.fromkeys(("west", "south", "east", "north")), **fix_columns.after(None),
    }  # fmt: skip
    whose = {"subject_id": to_uuid("subject", subject["animal"]), "subject_name": subject["name"]}
    for part in fix_chunks.chunks(database, "fix_page_of_animal", values):
        for i in range(part.rows):
            collar = int(part.collar[i])
            at = EPOCH + timedelta(microseconds=int(part.time_us[i]) + POSTGRES_EPOCH_US)
            yield dict.fromkeys(_COLUMNS) | whose | {
                "observation_id": of_fix(*(int(column[i]) for column in part[:3])),
                "collar_id": collars.get(collar, str(collar)), "fixtime": at, "dloadtime": at,
                "lon": round(float(part.lon[i]), 7), "lat": round(float(part.lat[i]), 7),
                "height": known(part.altitude_m[i]),
                "precision_deg": 1 / cells if (cells := int(part.cells_per_degree[i])) else None,
            }  # fmt: skip


def _json(rows: Iterator[Row]) -> Generator[bytes]:
    """As the API wraps its answers, row by row."""
    text, before = ['{"data":['], ""
    for row in rows:
        text.append(before + json.dumps(row, default=datetime.isoformat))
        before = ","
        if len(text) == 1000:
            yield "".join(text).encode()
            text.clear()
    text.append("]}")
    yield "".join(text).encode()


def _csv(rows: Iterator[Row]) -> Generator[bytes]:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_CSV_TIMES.get(name, name) for name in _COLUMNS)
    for row in rows:
        writer.writerow(
            f"{value:%m/%d/%Y %H:%M:%S}" if isinstance(value, datetime) else value
            for value in row.values()
        )
        if out.tell() > _BLOCK:
            yield out.getvalue().encode()
            out.seek(0)
            out.truncate()
    yield out.getvalue().encode()
