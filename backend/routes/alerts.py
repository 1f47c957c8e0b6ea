"""Rules for alerts, the alerts, and a stream of what is new."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from psycopg import Connection
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from backend import deps, fix_columns, geojson
from backend.alerts import models, rules
from backend.auth import WATCHERS, WORKERS, Principal, Viewer, get_principal, get_viewer
from backend.db import resources
from backend.db.queries import query
from backend.deps import Database
from backend.errors import BadRequest, Forbidden, NotFound
from backend.params import Number, Query_, clamp_limit
from backend.routes import computed
from backend.routes.fixes import latest
from backend.routes.registry import of_table
from backend.routes.resource import Resource, routes

_COLUMNS = """alert_rule, kind, name, study, animals, fence, settings, active, added_at,
    (select coalesce(jsonb_agg(channel - 'secret'), '[]')
     from jsonb_array_elements(deliver) as channel) as deliver"""
_STREAM: deps.Responses = {
    200: {
        "description": "Server-sent events",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
_PAST = timedelta(days=30)  # that a new rule looks at
_HEARTBEAT_S = 15.0
_AT_MOST_EVERY_S = 1.0
_IDENTIFY_EVERY_S = 60.0


def _adapt(values: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    """Settings and the fence fit the kind.

    Raises:
        BadRequest: they do not.
    """
    both = current | values
    kind = both["kind"]
    try:
        rules.KINDS[kind].model_validate(both["settings"])
    except ValidationError as error:
        fault = error.errors()[0]
        name = ".".join(["settings", *map(str, fault["loc"])])
        raise BadRequest(name, fault["input"], _expected(kind, fault)) from error
    if (kind == "fence") != (both["fence"] is not None):
        raise BadRequest("fence", both["fence"], "the number of a fence, for kind 'fence' only")
    return {n: Jsonb(v) if n in ("settings", "deliver") else v for n, v in values.items()}


def _expected(kind: str, fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        known = ", ".join(rules.KINDS[kind].model_fields) or "nothing"
        return f"of kind {kind!r} only: {known}"
    return str(fault["msg"]).replace("Input should be ", "").lower()


def _require_exact(database: Connection[Any], caller: Principal, rule: dict[str, Any]) -> None:
    """A rule about places tells whom it tells where animals are, by its fence or its distance.

    Raises:
        Forbidden: the caller does not see all of its animals exactly and at once.
    """
    if rule["kind"] not in rules.OF_PLACES:
        return
    about = {"study": rule["study"], "animals": rule["animals"]}
    animals = [row["animal"] for row in deps.rows(database, "rule_animals", **about)]
    if deps.rows(database, "not_seen_exactly", viewer=caller.viewer, animals=animals):
        needs = "needs exact positions of all its animals, which are not for this key"
        raise Forbidden(f"a rule of kind {rule['kind']!r} {needs}")


def _allow(database: Connection[Any], caller: Principal, rule: dict[str, Any]) -> None:
    caller.require_outside(one["url"] for one in rule["deliver"] if one["kind"] == "webhook")
    _require_exact(database, caller, rule)


def _add(database: Connection[Any], values: dict[str, Any]) -> Any:
    """Add a rule, and let it look at the last month."""
    rule = resources.add(database, "alert_rule", values)
    about = {"study": values["study"], "animals": values["animals"]}
    database.execute(query("note_rule"), {**about, "since": datetime.now(UTC) - _PAST})
    return rule


RULES = Resource(
    "alert_rule", "alert-rules", models.AlertRule, models.AlertRules,
    models.NewAlertRule, models.AlertRuleChange,
    of_table("alert_rule", _COLUMNS, WORKERS, "study"), WORKERS,
    add=_add, adapt=_adapt, allow=_allow, removable=True,
)  # fmt: skip

router = APIRouter()
router.include_router(routes(RULES))


@router.get("/alerts", tags=["alerts"], summary="Alerts", responses=deps.NOT_FOUND)
def list_alerts(
    database: Database, request: Request, viewer: Viewer,
    wanted: Annotated[models.AlertQuery, Query()],
) -> models.Alerts:  # fmt: skip
    """What happened to animals that the caller may see exactly, in the order it was found in.

    An alert that later data took back is left out unless `withdrawn` is asked for.
    """
    limit = clamp_limit(wanted.limit)
    asked = wanted.model_dump(exclude={"limit"})
    found = _alerts(database, viewer, **asked, limit=limit + 1)
    links = [geojson.link("self", request.url, "application/json")]
    if len(found) > limit:
        onward = request.url.include_query_params(after=found[limit - 1]["alert"])
        links.append(geojson.link("next", onward, "application/json"))
    return models.Alerts.model_validate({"alerts": found[:limit], "links": links})


@router.get("/alerts/{alert}", tags=["alerts"], summary="One alert", responses=deps.NOT_FOUND)
def get_alert(database: Database, viewer: Viewer, alert: Number, _: Query_) -> models.Alert:
    """An alert, and whether it was told."""
    found = _alerts(database, viewer, withdrawn=True, after=alert - 1, limit=1)
    if not found or found[0]["alert"] != alert:
        raise NotFound("alert", alert)
    return models.Alert.model_validate(found[0])


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

    Also `analysis`, when a computation that who listens has asked for is over. A client that was
    cut off sends the last alert's number as `Last-Event-ID` and misses no alert.
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
        self.newest: dict[int, int] = {}
        self.since = datetime.now(UTC)

    def begin(self) -> None:
        """Know who listens, and where they are.

        Raises:
            BadRequest: `Last-Event-ID` is no number of an alert.
        """
        last = self.request.headers.get("last-event-id")
        if last is not None and not (last.isascii() and last.isdigit() and len(last) < 19):
            raise BadRequest("Last-Event-ID", last, "the number of an alert")
        with self.request.app.state.pool.connection() as database:
            self._identify(database)
            newest = deps.rows(database, "newest_alert")[0]["alert"]
            self.alert = newest if last is None else int(last)
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
            alerts = _alerts(database, self.viewer, study=self.study, after=self.alert)
            for alert in alerts:
                self.alert = alert["alert"]
                shown = models.Alert.model_validate(alert).model_dump_json()
                found.append(_event("alert", shown, self.alert))
            found += [_event("analysis", one) for one in self._analyses(database)]
        return found

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


def _event(name: str, data: str, number: int | None = None) -> str:
    numbered = f"id: {number}\n" if number is not None else ""
    return f"event: {name}\n{numbered}data: {data}\n\n"


def _alerts(database: Connection[Any], viewer: Principal, **wanted: Any) -> list[dict[str, Any]]:
    asked = {
        "study": None, "animal": None, "kind": None, "lasting": None, "withdrawn": False,
        "from_time": None, "to_time": None, "after": None, "limit": 1000, **wanted,
    }  # fmt: skip
    watches = viewer.account is not None and viewer.studies(WATCHERS) != []
    works = viewer.account is not None and viewer.studies(WORKERS) != []
    return deps.rows(
        database, "alerts", viewer=viewer.viewer, watches=watches, works=works, **asked
    )
