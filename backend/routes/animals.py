"""Animals and the collars they wore."""

from fastapi import APIRouter

from backend import deps, schemas
from backend.deps import Database
from backend.params import AnimalNumber, Query_

router = APIRouter(prefix="/animals", tags=["animals"])


@router.get("", summary="All animals")
def list_animals(database: Database, _: Query_) -> schemas.Animals:
    """Every individual with the periods in which it wore which collar."""
    found = deps.rows(database, "animals", animal=None)
    return schemas.Animals.model_validate({"animals": found})


@router.get("/{animal}", summary="One animal", responses=deps.NOT_FOUND)
def get_animal(animal: AnimalNumber, database: Database, _: Query_) -> schemas.Animal:
    """One individual by its number."""
    deps.require(database, "animal", animal)
    return schemas.Animal.model_validate(deps.rows(database, "animals", animal=animal)[0])
