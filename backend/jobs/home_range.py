"""Home range of an animal: fixes from the database, through analytics, back as a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from analytics.errors import AnalyticsError, ParameterError
from analytics.methods import DEFAULT_METHOD as DEFAULT_METHOD
from analytics.methods import FROM_FILE, METHODS, MethodName, RangeResult
from analytics.selection import ALL_FIXES, Selection
from analytics.steps import part
from analytics.study import Job
from analytics.study import compute as estimate
from backend.db.queries import query
from backend.errors import BadRequest, CannotCompute
from backend.jobs.fixes import selected_track
from backend.jobs.question import (
    Kind,
    Question,
    Stored,
    Tables,
    answer,
    provenance,
    selection_json,
)

Method = MethodName

METHODS_HELP = "; ".join(f"{each.name}: {each.help}" for each in METHODS.values())
"""What each method is, for people."""


def about(method: str) -> str:
    """A method in words; one that is no longer offered by its name."""
    return METHODS[method].help if method in METHODS else method


OPTIONS_HELP = "; ".join(
    f"{each.name}: " + ", ".join(f"{option.name} ({option.help})" for option in each.options)
    for each in METHODS.values()
    if each.options
)
"""What each method can be told, for people."""


def ask(
    animal: int,
    method: Method = DEFAULT_METHOD,
    from_utc: datetime | None = None,
    to_utc: datetime | None = None,
    levels_percent: Sequence[float] = (50.0, 95.0),
    options: Mapping[str, Any] | None = None,
    wanted: Selection = ALL_FIXES,
) -> Question:
    """The question after an animal's home range.

    Args:
        animal: its number.
        method: one of `analytics.methods.METHODS`.
        from_utc: use fixes from this time.
        to_utc: use fixes before this time.
        levels_percent: isopleths to store, above 0 and at most 100.
        options: of the method, by name; `error_m` "file" follows from the accuracy of each fix.
        wanted: which fixes to use; by default all.

    Raises:
        BadRequest: an option that the method does not have, or a value that cannot be meant.
    """
    try:
        complete = METHODS[method].complete(options or {})
    except ParameterError as error:
        raise BadRequest(f"options.{error.name}", error.value, error.expected) from error
    asked = {
        "method": method,
        "levels_percent": sorted({float(level) for level in levels_percent}),
        "options": complete,
        "selection": selection_json(wanted),
    }
    return Question("home-range", asked, (animal,), from_utc=from_utc, to_utc=to_utc)


def compute(connection: Connection[Any], animal: int, *how: Any, **asked: Any) -> Stored:
    """Estimate the home range of an animal and store it; the same input is stored once.

    Args:
        connection: an open connection in autocommit, not inside a transaction.
        animal: its number.
        how: as `ask`.
        asked: as `ask`.

    Raises:
        NotFound: no such animal.
        BadRequest: as `ask`.
        CannotCompute: too few fixes, or fixes without spread; the message says which.
    """
    return answer(connection, HOME_RANGE, ask(animal, *how, **asked))


def _estimate(question: Question, tables: Tables) -> RangeResult:
    assert question.animals is not None
    (animal,) = question.animals
    if animal not in tables:
        raise CannotCompute(f"animal {animal} has no fixes in this time range")
    table, asked = tables[animal], question.asked
    unknown = int((~(table[:, 3] > 0)).sum())
    if unknown and asked["options"].get("error_m") == FROM_FILE:
        why = f"{unknown} of {len(table)} fixes have no accuracy: give options.error_m"
        raise CannotCompute(f"animal {animal}: {why}")
    try:
        with part(0, 0.1, "choosing fixes"):
            track, selection = selected_track(table, question.selection)
        levels = tuple(asked["levels_percent"])
        job = Job(
            str(animal), track, asked["method"], levels, asked["options"], selection=selection
        )
        with part(0.1, 1, f"home range by {asked['method']}"):
            return estimate(job)
    except AnalyticsError as error:
        raise CannotCompute(f"animal {animal}, {len(table)} fixes: {error}") from error


def _store(
    connection: Connection[Any], question: Question, input_hash: str, result: RangeResult
) -> int | None:
    values = provenance(
        result.home_range.estimate,
        input_hash,
        levels_percent=question.asked["levels_percent"],
        effective_size=result.effective_size,
        area_intervals_km2={
            f"{level:g}": [interval.low, interval.high]
            for level, interval in result.intervals.items()
        },
        warnings=list(result.warnings),
    )
    assert question.animals is not None
    values |= {"animal": question.animals[0], "method": question.asked["method"]}
    row = connection.execute(query("add_home_range"), values).fetchone()
    if row is None:
        return None
    for feature in result.home_range.to_geojson()["features"]:  # type: ignore[attr-defined]
        if not feature["geometry"]["coordinates"]:
            level = feature["properties"]["level_percent"]
            raise CannotCompute(
                f"the {level:g} % range is empty or narrower than 1e-7 degrees (1 cm): "
                "expected fixes that cover an area"
            )
        isopleth = {
            "home_range": row[0],
            "level_percent": feature["properties"]["level_percent"],
            "area_km2": feature["properties"]["area_km2"],
            "geometry": Jsonb(feature["geometry"]),
        }
        connection.execute(query("add_isopleth"), isopleth)
    return int(row[0])


HOME_RANGE = Kind("home_range_by_hash", _estimate, _store)
