"""What collars and stations say beside positions: status, receptions, fixes per day."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from backend import deps, fix_columns
from backend import record_models as models
from backend.auth import Viewer
from backend.db import days
from backend.deps import Database
from backend.errors import BadRequest
from backend.fix_columns import EPOCH
from backend.geojson import link
from backend.params import Cursor, clamp_limit, parse_day
from backend.registry_models import page_of
from backend.wanted import DayQuery, ReceptionQuery, StatusQuery

router = APIRouter()

StatusPage: Any = page_of(models.StatusRecord, "status")
ReceptionPage: Any = page_of(models.Reception, "receptions")
DayPage: Any = page_of(models.Day, "days")


@router.get("/status", tags=["records"], summary="Status of collars", response_model=StatusPage)
def list_status(
    database: Database, request: Request, viewer: Viewer, wanted: Annotated[StatusQuery, Query()]
) -> Any:
    """What collars said about themselves, oldest first; for who may see them exactly."""
    limit = clamp_limit(wanted.limit)
    values = _values(viewer.viewer, wanted, limit) | fix_columns.after(wanted.after)
    found = deps.rows(database, "statuses", **values)

    def cursor(row: dict[str, Any]) -> Cursor:
        key = (row["collar"], row["generation"], row["record"])
        return Cursor(_us(row["recorded_at"]), *key)

    return _page(StatusPage, "status", found, limit, request, cursor)


@router.get("/receptions", tags=["records"], summary="Receptions", response_model=ReceptionPage)
def list_receptions(
    database: Database,
    request: Request,
    viewer: Viewer,
    wanted: Annotated[ReceptionQuery, Query()],
) -> Any:
    """Who heard which frame, oldest first; for who may see the collar exactly."""
    limit = clamp_limit(wanted.limit)
    values = _values(viewer.viewer, wanted, limit) | {"station": wanted.station}
    us, collar, epoch, counter, station = (wanted.after or "....").split(".", 4)
    if us and (int(us) >= 2**32 * 1_000_000 or int(collar) >= 2**31):
        raise BadRequest("after", wanted.after, "the value out of a next link")
    values |= {
        "after_time": EPOCH + timedelta(microseconds=int(us)) if us else None,
        "after_collar": int(collar) if collar else None,
        "after_epoch": int(epoch) if epoch else None,
        "after_counter": int(counter) if counter else None,
        "after_station": station or None,
    }
    found = deps.rows(database, "receptions", **values)

    def cursor(row: dict[str, Any]) -> str:
        frame = f"{row['collar']}.{row['epoch']}.{row['counter']}"
        return f"{_us(row['received_at'])}.{frame}.{row['station']}"

    return _page(ReceptionPage, "receptions", found, limit, request, cursor)


@router.get("/days", tags=["records"], summary="Fixes per day", response_model=DayPage)
def list_days(
    database: Database, request: Request, viewer: Viewer, wanted: Annotated[DayQuery, Query()]
) -> Any:
    """How many fixes of each collar on each day (UTC), whole days only."""
    days.bring_up_to_date(database)
    limit = clamp_limit(wanted.limit)
    collar, _, text = (wanted.after or "").partition(".")
    try:
        day = parse_day(text) if text else None
    except ValueError:
        day = None
    if collar and (int(collar) >= 2**31 or day is None):
        raise BadRequest("after", wanted.after, "the value out of a next link")
    values = {
        "viewer": viewer.viewer,
        "collar": wanted.collar,
        "from_day": wanted.from_day,
        "to_day": wanted.to_day,
        "after_collar": int(collar) if collar else None,
        "after_day": day,
        "limit": limit + 1,
    }
    found = deps.rows(database, "days", **values)
    return _page(
        DayPage, "days", found, limit, request, lambda row: f"{row['collar']}.{row['day']}"
    )


def _values(viewer: str, wanted: StatusQuery | ReceptionQuery, limit: int) -> dict[str, Any]:
    return {
        "viewer": viewer,
        "collar": wanted.collar,
        "from_time": wanted.from_time,
        "to_time": wanted.to_time,
        "limit": limit + 1,
    }


def _us(time: Any) -> int:
    return int((time - EPOCH) // timedelta(microseconds=1))


def _page(
    model: Any, member: str, found: list[Any], limit: int, request: Request, cursor: Any
) -> Any:
    links = [link("self", request.url, "application/json")]
    if len(found) > limit:
        onward = request.url.include_query_params(after=cursor(found[limit - 1]))
        links.append(link("next", onward, "application/json"))
    return model.model_validate({member: found[:limit], "links": links})
