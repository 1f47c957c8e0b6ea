"""How the service is doing: for watchdogs and for the person at the other end of the cable."""

from importlib.metadata import version

from fastapi import APIRouter

from backend import deps, schemas
from backend.deps import Database
from backend.params import Query_

router = APIRouter(tags=["service"])


@router.get("/health", summary="Health of the service")
def get_health(database: Database, _: Query_) -> schemas.ServiceHealth:
    """Whether the database is there and has its tables; else a problem with status 503."""
    found = deps.rows(database, "service_health")[0]
    return schemas.ServiceHealth(status="ok", version=version("capra"), **found)
