"""Collars: who wears them and how they are."""

from fastapi import APIRouter

from backend import deps, schemas
from backend.deps import Database
from backend.params import CollarNumber, Query_

router = APIRouter(prefix="/collars", tags=["collars"])


@router.get("", summary="All collars")
def list_collars(database: Database, _: Query_) -> schemas.Collars:
    """Every device with its animal, the number of records stored of it and its last status."""
    found = deps.rows(database, "collars", collar=None)
    return schemas.Collars.model_validate({"collars": found})


@router.get("/{collar}", summary="One collar", responses=deps.NOT_FOUND)
def get_collar(collar: CollarNumber, database: Database, _: Query_) -> schemas.Collar:
    """One device by its number."""
    deps.require(database, "collar", collar)
    return schemas.Collar.model_validate(deps.rows(database, "collars", collar=collar)[0])
