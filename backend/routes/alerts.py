"""Rules for alerts, and the alerts."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from psycopg import Connection
from psycopg.types.json import Jsonb
from pydantic import ValidationError

from backend import deps, geojson
from backend.alerts import models, rules
from backend.auth import WATCHERS, WORKERS, Principal, Viewer
from backend.db import resources
from backend.db.queries import query
from backend.deps import Database
from backend.errors import BadRequest, Forbidden, NotFound
from backend.params import Number, Query_, clamp_limit
from backend.routes.registry import of_table
from backend.routes.resource import Resource, routes

_COLUMNS = """alert_rule, kind, name, study, animals, fence, settings, active, added_at, account,
    alert_rule.halted,
    (select coalesce(jsonb_agg(channel - 'secret'), '[]')
     from jsonb_array_elements(deliver) as channel) as deliver"""
_PAST = timedelta(days=30)  # that a new rule looks at


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
    about = {name: rule[name] for name in ("kind", "study", "animals")}
    if deps.rows(database, "unwatchable", viewer=caller.viewer, **about)[0]["unwatchable"]:
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
    add=_add, adapt=_adapt, allow=_allow, removable=True, signed=True,
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
    found = find(database, viewer, **asked, limit=limit + 1)
    onward = found[limit - 1]["alert"] if len(found) > limit else None
    links = geojson.page_links(request.url, onward, "application/json")
    return models.Alerts.model_validate(
        {"alerts": [said(row) for row in found[:limit]], "links": links}
    )


@router.get("/alerts/{alert}", tags=["alerts"], summary="One alert", responses=deps.NOT_FOUND)
def get_alert(database: Database, viewer: Viewer, alert: Number, _: Query_) -> models.Alert:
    """An alert, and whether it was told."""
    found = find(database, viewer, withdrawn=True, after=alert - 1, limit=1)
    if not found or found[0]["alert"] != alert:
        raise NotFound("alert", alert)
    return said(found[0])


def find(database: Connection[Any], viewer: Principal, **wanted: Any) -> list[dict[str, Any]]:
    """Alerts as their viewer may see them, by number.

    With `later` also those that a delay still covers: of these, `shown` is false.
    """
    asked = {
        "study": None, "animal": None, "kind": None, "lasting": None, "withdrawn": False,
        "from_time": None, "to_time": None, "after": None, "numbers": [], "since": None,
        "later": False, "limit": 1000, **wanted,
    }  # fmt: skip
    watches = viewer.account is not None and viewer.studies(WATCHERS) != []
    works = viewer.account is not None and viewer.studies(WORKERS) != []
    return deps.rows(
        database, "alerts", viewer=viewer.viewer, watches=watches, works=works, **asked
    )


def said(row: dict[str, Any]) -> models.Alert:
    """An alert out of a row of `find`."""
    return models.Alert.model_validate({n: v for n, v in row.items() if n != "shown"})
