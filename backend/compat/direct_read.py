"""Movebank's `direct-read`: studies, individuals, tags, deployments and events as CSV.

Sign in as Movebank's clients do, by HTTP basic; the password is a key. Positions are as the
location policy gives them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from psycopg import Connection

from backend import deps, fix_chunks, fix_columns
from backend.auth import Principal, Viewer
from backend.deps import Database
from backend.errors import BadRequest, Unauthenticated
from backend.fix_columns import EPOCH, POSTGRES_EPOCH_US

router = APIRouter(prefix="/movebank/service", include_in_schema=False)

GPS = 653
"""Movebank's number of the sensor type"""
_ENTITIES = ("study", "individual", "tag", "deployment", "study_attribute", "event")
_ATTRIBUTES = {
    "timestamp": "timestamp", "location_lat": "double", "location_long": "double",
    "height_above_msl": "double", "location_accuracy": "double", "visible": "boolean",
    "capra_cell_deg": "double",
}  # fmt: skip
"""What a GPS event holds; the last says how coarsely the place is given, 0: exactly"""
_EVENT = (
    "event_id", "study_id", "individual_id", "individual_local_identifier",
    "individual_taxon_canonical_name", "tag_id", "tag_local_identifier", "sensor_type_id",
    *_ATTRIBUTES,
)  # fmt: skip
_U32 = (1 << 32) - 1  # the highest record of a collar's own log
_FIRST_IMPORTED = 1_000_000
_STAMP = re.compile(r"\d{17}", re.ASCII)


@router.get("/direct-read")
def direct_read(request: Request, database: Database, viewer: Viewer) -> Response:
    """One of the entities, or a token."""
    wanted = dict(request.query_params)
    if wanted.get("service") == "request-token":
        return _token(viewer)
    entity = wanted.get("entity_type", "")
    if entity not in _ENTITIES:
        raise BadRequest("entity_type", entity, ", ".join(_ENTITIES))
    if entity == "study":
        values = {"viewer": viewer.viewer, "study": _number(wanted, "study_id", required=False)}
        return _csv_of_rows(deps.rows(database, "direct_studies", **values), _STUDY)
    study = _number(wanted, "study_id")
    if entity == "study_attribute":
        return _attributes(study, _sensor(wanted))
    values = {"viewer": viewer.viewer, "study": study}
    if entity == "tag":
        return _csv_of_rows(deps.rows(database, "direct_tags", **values), _TAG)
    if entity == "deployment":
        return _csv_of_rows(deps.rows(database, "direct_deployments", **values), _DEPLOYMENT)
    values |= {"animal": _number(wanted, "individual_id", required=False), "names": None}
    if names := wanted.get("individual_local_identifier"):
        values["names"] = names.split(",")
    animals = deps.rows(database, "direct_individuals", **values)
    if entity == "individual":
        return _csv_of_rows(animals, _INDIVIDUAL)
    columns = _columns(wanted.get("attributes", ""))
    period = {"from_time": _time(wanted, "timestamp_start"), "to_time": None}
    if end := _time(wanted, "timestamp_end"):  # which belongs to it
        period["to_time"] = end + timedelta(milliseconds=1)
    if _sensor(wanted) != GPS:
        animals = []  # of other sensors nothing is here
    found = deps.rows(database, "direct_tags", viewer=viewer.viewer, study=study)
    tags = {one["id"]: one for one in found}
    return deps.Stream(
        request,
        lambda connection: _lines(columns, _events(connection, viewer, animals, tags, period)),
        media_type="text/csv; charset=utf-8",
    )


_STUDY = (
    "id", "name", "principal_investigator_name", "license_type", "citation", "i_can_see_data",
    "there_are_data_which_i_cannot_see", "number_of_individuals",
)  # fmt: skip
_INDIVIDUAL = ("id", "local_identifier", "taxon_canonical_name", "sex", "comments", "study_id")
_TAG = ("id", "local_identifier", "manufacturer_name", "model", "serial_no", "study_id")
_DEPLOYMENT = (
    "id", "tag_id", "tag_local_identifier", "individual_id", "individual_local_identifier",
    "deploy_on_timestamp", "deploy_off_timestamp",
)  # fmt: skip


def _token(viewer: Principal) -> Response:
    """What a client asks for first, to show that it may; it goes on by its key.

    Raises:
        Unauthenticated: it showed none.
    """
    if viewer.account is None:
        raise Unauthenticated("expected HTTP basic with a key as the password")
    return JSONResponse({"api-token": viewer.actor, "expires_in": None})


def _events(
    database: Connection[Any], viewer: Principal, animals: Sequence[dict[str, Any]],
    tags: dict[int, dict[str, Any]], period: dict[str, datetime | None],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    unbounded = dict.fromkeys(("west", "south", "east", "north", "collar", "visible"))
    number = _Numbers()
    for animal in animals:
        values = {"viewer": viewer.viewer, "animal": animal["id"]} | period | unbounded
        values |= fix_columns.after(None)
        for part in fix_chunks.chunks(database, "fix_page_of_animal", values):
            yield from _of_part(part, animal, tags, number)


class _Numbers:
    """Numbers of events: the same for the same fix, one for each, growing with time.

    42 bits are the time [ms] (to the year 2109), 17 the collar (those of the radio, then 65,536
    that came as files), 4 tell fixes of one collar and millisecond apart. So clients that go on
    behind the last number they had miss nothing that is newer.
    """

    def __init__(self) -> None:
        self._last: dict[int, tuple[int, int]] = {}

    def __call__(self, collar: int, record: int, unix_ms: int) -> int:
        if record > _U32:  # imported: it holds which of its millisecond it is
            which = record % 16
        else:
            last_ms, last = self._last.get(collar, (None, -1))
            which = last + 1 if last_ms == unix_ms else 0
            self._last[collar] = (unix_ms, which)
        code = collar if collar < 1 << 16 else 1 << 16 | (collar - _FIRST_IMPORTED) % (1 << 16)
        return unix_ms << 21 | code << 4 | which


def _of_part(
    part: fix_columns.FixColumns, animal: dict[str, Any], tags: dict[int, dict[str, Any]],
    number: _Numbers,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    for i in range(part.rows):
        unix_us = int(part.time_us[i]) + POSTGRES_EPOCH_US
        collar, cells, mark = (
            int(c[i]) for c in (part.collar, part.cells_per_degree, part.outlier)
        )
        yield {
            "event_id": number(collar, int(part.record[i]), unix_us // 1000),
            "study_id": animal["study_id"],
            "individual_id": animal["id"],
            "individual_local_identifier": animal["local_identifier"],
            "individual_taxon_canonical_name": animal["taxon_canonical_name"],
            "tag_id": collar,
            "tag_local_identifier": tags.get(collar, {}).get("local_identifier"),
            "sensor_type_id": GPS,
            "timestamp": EPOCH + timedelta(microseconds=unix_us),
            "location_lat": round(float(part.lat[i]), 7),
            "location_long": round(float(part.lon[i]), 7),
            "height_above_msl": _or_blank(part.altitude_m[i]),
            "location_accuracy": _or_blank(part.accuracy_m[i]),
            "visible": "true" if mark & 8 or not mark & 7 else "false",
            "capra_cell_deg": 1 / cells if cells else 0,
        }


def _or_blank(value: Any) -> str:
    return "" if value != value else str(value)


def _attributes(study: int, sensor: int) -> Response:
    rows = [
        {"short_name": name, "data_type": kind, "sensor_type_id": GPS, "study_id": study}
        for name, kind in _ATTRIBUTES.items()
    ]
    return _csv_of_rows(
        rows if sensor == GPS else [], ("short_name", "data_type", "sensor_type_id", "study_id")
    )


def _columns(text: str) -> tuple[str, ...]:
    """Those asked for, in Movebank's order; without any, time, place and names."""
    if text == "all":
        return _EVENT
    asked = set(text.split(",")) if text else {
        "timestamp", "location_lat", "location_long", "individual_id", "tag_id",
    }  # fmt: skip
    return tuple(name for name in _EVENT if name in asked)


def _csv_of_rows(rows: Iterable[dict[str, Any]], columns: Sequence[str]) -> Response:
    text = "".join(_lines(columns, iter(rows)))
    return Response(text, media_type="text/csv; charset=utf-8")


def _lines(columns: Sequence[str], rows: Iterator[dict[str, Any]]) -> Generator[str]:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _text(value) for name, value in row.items()})
        if out.tell() > 1 << 16:
            yield out.getvalue()
            out.seek(0)
            out.truncate()
    yield out.getvalue()


def _text(value: Any) -> Any:
    """Times as Movebank writes them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return value


def _number(wanted: dict[str, str], name: str, required: bool = True) -> Any:
    text = wanted.get(name)
    if not text and not required:
        return None
    if not text or not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadRequest(name, text, "a number")
    return int(text)


def _sensor(wanted: dict[str, str]) -> int:
    number = _number(wanted, "sensor_type_id", required=False)
    return GPS if number is None else int(number)


def _time(wanted: dict[str, str], name: str) -> datetime | None:
    """Out of yyyyMMddHHmmssSSS, UTC."""
    text = wanted.get(name)
    if not text:
        return None
    try:
        if not _STAMP.fullmatch(text):
            raise ValueError(text)
        return datetime.strptime(text + "000", "%Y%m%d%H%M%S%f").replace(tzinfo=UTC)
    except ValueError:
        raise BadRequest(name, text, "a time as yyyyMMddHHmmssSSS") from None
