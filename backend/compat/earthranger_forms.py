"""What EarthRanger's clients read, in the form they read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from fastapi import Request

from backend import fix_columns
from backend.compat.identity import of_fix, to_uuid
from backend.fix_columns import EPOCH, POSTGRES_EPOCH_US
from backend.params import format_time

T = TypeVar("T")
_AUTOMATIC, _MANUAL = 2, 1
"""Bits of `exclusion_flags`"""


def told(data: Any) -> dict[str, Any]:
    """As EarthRanger wraps its answers."""
    return {"data": data, "status": {"code": 200, "message": "OK"}}


def page(
    results: Sequence[Any], request: Request, onward: object | None, count: int | None = None
) -> dict[str, Any]:
    """A page of a list; the clients take its next `page` out of the link.

    Who asks for pages by their number is told how many entries there are.
    """
    following = str(request.url.include_query_params(page=onward)) if onward else None
    counted = {} if count is None else {"count": count}
    return told({**counted, "next": following, "previous": None, "results": results})


def numbered(found: Sequence[T], request: Request, number: int, size: int) -> dict[str, Any]:
    """Page `number`, from 1, of a list that is there whole."""
    end = number * size
    onward = number + 1 if len(found) > end else None
    return page(found[end - size : end], request, onward, len(found))


def observation(found: fix_columns.FixColumns, i: int, detailed: bool) -> dict[str, Any]:
    """A fix."""
    identity = tuple(int(column[i]) for column in found[:3])
    at = format_time(EPOCH + timedelta(microseconds=int(found.time_us[i]) + POSTGRES_EPOCH_US))
    mark, cells = int(found.outlier[i]), int(found.cells_per_degree[i])
    hidden = not mark & 8 and mark & 7
    flags = (_MANUAL if mark & 4 else 0) | (_AUTOMATIC if mark & 3 else 0) if hidden else 0
    observation = {
        "id": of_fix(*identity),
        "location": {
            "longitude": round(float(found.lon[i]), 7), "latitude": round(float(found.lat[i]), 7),
        },
        "recorded_at": at, "created_at": at,
        "source": to_uuid("source", identity[0]), "exclusion_flags": flags,
    }  # fmt: skip
    if detailed:
        details = {
            "record": "-".join(map(str, identity)),
            "altitude_m": known(found.altitude_m[i]), "accuracy_m": known(found.accuracy_m[i]),
            "precision_deg": 1 / cells if cells else None,
        }  # fmt: skip
        observation["observation_details"] = {n: v for n, v in details.items() if v is not None}
    return observation


def known(value: Any) -> float | None:
    """A number of single precision as it prints; nothing for NaN."""
    return None if value != value else float(str(value))


def subject(request: Request, row: dict[str, Any]) -> dict[str, Any]:
    """An animal."""
    number = to_uuid("subject", row["animal"])
    kind = {
        "subject_type": "wildlife",
        "subject_subtype": "_".join((row["taxon"] or "unassigned").lower().split()),
    }
    found: dict[str, Any] = {
        "content_type": "observations.subject", "id": number, "name": row["name"], **kind,
        "common_name": None, "is_active": True, "tracks_available": row["recorded_at"] is not None,
        "additional": {"sex": row["sex"]} if row["sex"] else {},
        "subject_group": to_uuid("group", row["study"]) if row["study"] else None,
        "url": url_of(request, f"subject/{number}"),
    }  # fmt: skip
    if row["recorded_at"] is not None:
        at = format_time(row["recorded_at"])
        found["last_position_date"] = at
        found["last_position"] = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": place(row)},
            "properties": {
                "title": row["name"], "id": number, **kind, "DateTime": at,
                "coordinateProperties": {"time": at}, **precision(row["precision_deg"]),
            },
        }  # fmt: skip
    return found


def precision(cell_deg: float | None) -> dict[str, float]:
    """What is said of places that are given as grid cells."""
    return {} if cell_deg is None else {"precision_deg": cell_deg}


def source(request: Request, row: dict[str, Any]) -> dict[str, Any]:
    """A collar."""
    number = to_uuid("source", row["collar"])
    return {
        "content_type": "observations.source", "id": number, "source_type": "tracking-device",
        "manufacturer_id": row["serial"] or row["name"],
        "model_name": " ".join(filter(None, (row["maker"], row["model"]))),
        "provider": str(row["study"]) if row["study"] else None,
        "additional": {"collar": row["collar"], "name": row["name"]},
        "created_at": format_time(row["added_at"]), "updated_at": format_time(row["added_at"]),
        "url": url_of(request, f"source/{number}"),
    }  # fmt: skip


def place(row: dict[str, Any]) -> list[float]:
    """A position, longitude first."""
    return [round(row["lon"], 7), round(row["lat"], 7)]


def url_of(request: Request, path: str) -> str:
    """Where something of theirs is here."""
    return str(request.url.replace(path=f"/api/v1.0/{path}", query=""))
