"""Studies, animals, collars, deployments, stations, fences, accounts: what the registry holds."""

from collections.abc import Callable, Collection
from typing import Annotated, Any, LiteralString

from fastapi import APIRouter
from psycopg import sql
from psycopg.types.range import TimestamptzRange
from pydantic import Field

from backend import people_models
from backend import registry_models as models
from backend.auth import ADMINS, KEEPERS, SCIENTISTS, WATCHERS, WORKERS, Principal
from backend.db import registry, resources
from backend.deps import rows
from backend.params import AnimalNumber, CollarNumber
from backend.routes.resource import Resource, Rows, routes

StationName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


def of_table(
    table: LiteralString,
    columns: LiteralString,
    roles: Collection[str],
    study: LiteralString | None,
    public: LiteralString = "false",
) -> Callable[..., Rows]:
    """A fetch from one table, of rows whose study the caller has one of `roles` in.

    Args:
        table: its name, and its key's.
        columns: what to select.
        roles: who may see it.
        study: the column of the study; None: of none, seen by who has a role anywhere.
        public: what may be seen by everybody.
    """
    of_study = "true" if study is None else f"(%(all)s or {study} = any(%(studies)s))"
    wanted = "true" if study is None else f"(%(study)s::bigint is null or {study} = %(study)s)"
    kind = "text" if table == "station" else "bigint"
    where = sql.SQL(
        f"((%(any)s and {of_study}) or {public}) and {wanted} "
        f"and (%(key)s::{kind} is null or {table} = %(key)s)"
    )

    def fetch(
        database: Any, caller: Principal, key: Any, study: int | None, after: Any, limit: int
    ) -> Rows:
        readable = caller.account is not None and "read" in caller.scopes
        studies = caller.studies(roles)
        values = {
            "any": readable and studies != [],
            "all": studies is None,
            "studies": studies or [],
            "key": key,
            "study": study,
            "after": after,
            "limit": limit,
        }
        return resources.page(database, table, [columns], where, values)

    return fetch


def _named(query: str, key_name: str) -> Callable[..., Rows]:
    """A fetch by a named query that keeps to the location policy."""

    def fetch(
        database: Any, caller: Principal, key: Any, study: int | None, after: Any, limit: int
    ) -> Rows:
        values = {"viewer": caller.viewer, key_name: key, "study": study}
        return rows(database, query, **values, after=after, limit=limit)

    return fetch


def _add_collar(database: Any, values: dict[str, Any]) -> Any:
    if values["collar"] is not None:
        return resources.add(database, "collar", values)
    with database.transaction():
        collar = registry.add_collar(database, values["name"])
        rest = {n: v for n, v in values.items() if n not in ("collar", "name")}
        resources.change(database, "collar", collar, rest)
    return collar


def _deployment(values: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    """Two times to one range."""
    columns = {n: v for n, v in values.items() if n not in ("from_time", "to_time")}
    if {"from_time", "to_time"} & set(values):
        both = current | values
        begins, ends = both["from_time"], both["to_time"]
        if ends is not None and begins is not None and ends <= begins:
            raise resources.Refused("'to_time' is not after 'from_time'")
        columns["during"] = TimestamptzRange(begins, ends, "[)")
    return columns


def _study_of_animal(database: Any, row: dict[str, Any]) -> int | None:
    found = database.execute("select study from animal where animal = %s", (row["animal"],))
    study = found.fetchone()
    return study[0] if study else None


def _require_collar(database: Any, caller: Principal, row: dict[str, Any]) -> None:
    """Whose animal wears a collar sees its fixes: the collar must be the caller's to give, too.

    Raises:
        Forbidden: it is of another study, or of none.
    """
    query = "select study from collar where collar = %s"
    found = database.execute(query, (row["collar"],)).fetchone()
    if found is not None:  # else the schema refuses it
        caller.require("write", WORKERS, found[0])


_DEPLOYMENT = """deployment, collar, animal, lower(during) as from_time, upper(during) as to_time,
    end_type, comments, attributes"""
_OF_ANIMAL = "(select study from animal a where a.animal = deployment.animal)"

STUDIES = Resource(
    "study", "studies", models.Study, models.page_of(models.Study, "studies"),
    models.NewStudy, models.StudyChange,
    of_table("study", "*", WATCHERS, "study", "public"), ADMINS,
    study_of=lambda _, row: row.get("study"), scope="admin",
)  # fmt: skip
ANIMALS = Resource(
    "animal", "animals", models.Animal, models.Animals, models.NewAnimal, models.AnimalChange,
    _named("animals", "animal"), SCIENTISTS, AnimalNumber,
)  # fmt: skip
COLLARS = Resource(
    "collar", "collars", models.Collar, models.Collars, models.NewCollar, models.CollarChange,
    _named("collars", "collar"), KEEPERS, CollarNumber, _add_collar,
)  # fmt: skip
DEPLOYMENTS = Resource(
    "deployment", "deployments", models.DeploymentDetails,
    models.page_of(models.DeploymentDetails, "deployments"),
    models.NewDeployment, models.DeploymentChange,
    of_table("deployment", _DEPLOYMENT, WORKERS, _OF_ANIMAL), WORKERS,
    adapt=_deployment, study_of=_study_of_animal, allow=_require_collar, removable=True,
)  # fmt: skip
STATIONS = Resource(
    "station", "stations", models.Station, models.page_of(models.Station, "stations"),
    models.NewStation, models.StationChange,
    of_table("station", "*", WATCHERS, None), KEEPERS, StationName,
    study_of=lambda *_: None,
)  # fmt: skip
FENCES = Resource(
    "fence", "fences", models.Fence, models.page_of(models.Fence, "fences"),
    models.NewFence, models.FenceChange,
    of_table("fence", "*", WORKERS, "study"), WORKERS, removable=True,
)  # fmt: skip
ACCOUNTS = Resource(
    "account", "accounts", people_models.Account,
    models.page_of(people_models.Account, "accounts"),
    people_models.NewAccount, people_models.AccountChange,
    of_table("account", "*", ADMINS, "null::bigint"), ADMINS,
    study_of=lambda *_: None, scope="admin",
)  # fmt: skip

router = APIRouter()
for resource in (STUDIES, ANIMALS, COLLARS, DEPLOYMENTS, STATIONS, FENCES, ACCOUNTS):
    router.include_router(routes(resource))
