"""Server-sent events: what is new, as it comes, for who may see it."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from psycopg import Connection

from backend import deps, fix_columns
from backend.alerts import models
from backend.auth import Principal, get_principal, get_viewer
from backend.errors import BadRequest
from backend.routes import alerts, computed
from backend.routes.fixes import latest

router = APIRouter()

_STREAM: deps.Responses = {
    200: {
        "description": "Server-sent events",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
_HEARTBEAT_S = 15.0
_AT_MOST_EVERY_S = 1.0
_IDENTIFY_EVERY_S = 60.0
_LATER_MAX = 200
_ID = re.compile(r"\d{1,18}(\+\d{1,18})*", re.ASCII)


@router.get(
    "/stream",
    tags=["alerts"],
    summary="What is new, as it comes",
    response_class=StreamingResponse,
    responses=_STREAM,
)
async def stream(
    request: Request, wanted: Annotated[models.StreamQuery, Query()]
) -> StreamingResponse:
    """Server-sent events: `fix` (a GeoJSON feature, the newest of its collar) and `alert`.

    Also `analysis`, when a computation that who listens has asked for is over. Who may see alerts
    later only is told of them then. A client that was cut off sends the id of the last event as
    `Last-Event-ID` and misses no alert.
    """
    told = _Told(request, wanted.study)
    await run_in_threadpool(told.begin)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told.events(), media_type="text/event-stream", headers=headers)


class _Told:
    """What one listener was told; connections are taken for a query, never kept."""

    def __init__(self, request: Request, study: int | None) -> None:
        self.request = request
        self.study = study
        self.viewer = Principal()
        self.identified_s = 0.0
        self.alert = 0
        self.later: set[int] = set()  # alerts up to that one which a delay still covers
        self.newest: dict[int, int] = {}
        self.since = datetime.now(UTC)

    def begin(self) -> None:
        """Know who listens, and where they are.

        Raises:
            BadRequest: `Last-Event-ID` is no id of an event.
        """
        last = self.request.headers.get("last-event-id")
        if last is not None and not _ID.fullmatch(last):
            raise BadRequest("Last-Event-ID", last, "the id of an alert in this stream")
        with self.request.app.state.pool.connection() as database:
            self._identify(database)
            if last is None:
                self.alert = deps.rows(database, "newest_alert")[0]["alert"]
                self.later = self._covered(database)
            else:
                self.alert, *later = map(int, last.split("+"))
                self.later = set(later)
            self._fixes(database)

    async def events(self) -> AsyncIterator[str]:
        """Events until the listener goes, or may listen no longer."""
        yield "retry: 5000\n\n"
        bulletin = self.request.app.state.bulletin
        seen = -1  # what a listener that was cut off has missed comes at once
        while not (bulletin.ended or await self.request.is_disconnected()):
            last = await bulletin.wait(seen, _HEARTBEAT_S)
            if bulletin.ended:
                return
            if last == seen:
                yield ": here\n\n"
                if not self.later:
                    continue
            seen = last
            for event in await run_in_threadpool(self.news):
                yield event
            await asyncio.sleep(_AT_MOST_EVERY_S)

    def news(self) -> list[str]:
        """What is new since the last time, for who listens now."""
        with self.request.app.state.pool.connection() as database:
            if time.monotonic() - self.identified_s > _IDENTIFY_EVERY_S:
                self._identify(database)
            found = [_event("fix", feature) for feature in self._fixes(database)]
            found += self._alerts(database)
            found += [_event("analysis", one) for one in self._analyses(database)]
        return found

    def _covered(self, database: Connection[Any]) -> set[int]:
        """Alerts that there are, and that who listens may see later only."""
        until = deps.rows(database, "least_until", viewer=self.viewer.viewer)[0]["until"]
        if until is None:
            return set()
        asked = {"study": self.study, "since": until, "later": True, "limit": None}
        found = alerts.find(database, self.viewer, **asked)
        return {row["alert"] for row in found if not row["shown"]}

    def _alerts(self, database: Connection[Any]) -> list[str]:
        """New alerts, and those of before that no delay covers any more."""
        asked = {"study": self.study, "after": self.alert, "numbers": list(self.later)}
        found = alerts.find(database, self.viewer, **asked, later=True)
        self.later &= {row["alert"] for row in found}  # others were taken back
        told = []
        for row in found:
            number = row["alert"]
            self.alert = max(self.alert, number)
            if row["shown"]:
                self.later.discard(number)
                told.append(_event("alert", alerts.said(row).model_dump_json(), self._id()))
            else:
                self.later.add(number)
        return told

    def _id(self) -> str:
        """Where the listener is: up to an alert all were told, but for some that come later."""
        if len(self.later) > _LATER_MAX:  # too many for a header: some will be told twice
            return str(min(self.later) - 1)
        return "+".join(map(str, [self.alert, *sorted(self.later)]))

    def _identify(self, database: Connection[Any]) -> None:
        self.viewer = get_viewer(self.request, database, get_principal(self.request, database))
        self.identified_s = time.monotonic()

    def _analyses(self, database: Connection[Any]) -> list[str]:
        """Computations of who listens that are over now, the oldest first."""
        if self.viewer.account is None:
            return []
        wanted = {"finished_after": self.since, "limit": 100}
        over = computed.shown(database, self.request, self.viewer, **wanted)
        self.since = max([self.since, *(one.finished_at for one in over if one.finished_at)])
        return [one.model_dump_json() for one in reversed(over)]

    def _fixes(self, database: Connection[Any]) -> list[str]:
        """Features of collars whose newest fix is newer than what was told."""
        found = latest(database, self.viewer, study=self.study)
        fresh = []
        for i, collar in enumerate(found.collar.tolist()):
            at_us = int(found.time_us[i])
            if at_us > self.newest.get(collar, -(1 << 63)):
                self.newest[collar] = at_us
                fresh.append(i)
        if not fresh:
            return []
        return json_features(found, fresh)


def json_features(found: fix_columns.FixColumns, rows: list[int]) -> list[str]:
    """The features of some rows."""
    features = json.loads(b"[" + found.geojson() + b"]")
    return [json.dumps(features[i], separators=(",", ":")) for i in rows]


def _event(name: str, data: str, identity: str | None = None) -> str:
    numbered = f"id: {identity}\n" if identity is not None else ""
    return f"event: {name}\n{numbered}data: {data}\n\n"
