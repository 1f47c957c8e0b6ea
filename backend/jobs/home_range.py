"""Home range of an animal: fixes from the database, through analytics, back as a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.types.json import Jsonb

from analytics.errors import AnalyticsError, ParameterError
from analytics.methods import DEFAULT_METHOD as DEFAULT_METHOD
from analytics.methods import FROM_FILE, METHODS, MethodName, RangeResult
from analytics.results import software_version
from analytics.selection import Selection
from analytics.study import Job
from analytics.study import compute as estimate
from backend.db.queries import query
from backend.errors import BadRequest, CannotCompute, NotFound
from backend.jobs.fixes import selected_track

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


class Asked(NamedTuple):
    """What the result depends on besides the fixes and the software."""

    method: Method
    levels_percent: list[float]
    options: dict[str, Any]
    wanted: Selection


class Stored(NamedTuple):
    """A home range in the database."""

    home_range: int
    created: bool
    """False: the same question had been answered on the same fixes before"""


def compute(
    connection: Connection[Any],
    animal: int,
    method: Method = DEFAULT_METHOD,
    from_utc: datetime | None = None,
    to_utc: datetime | None = None,
    levels_percent: Sequence[float] = (50.0, 95.0),
    options: Mapping[str, Any] | None = None,
    wanted: Selection | None = None,
) -> Stored:
    """Estimate the home range of an animal and store it; the same input is stored once.

    Args:
        connection: an open connection, not inside a transaction.
        animal: its number.
        method: one of `analytics.methods.METHODS`.
        from_utc: use fixes from this time.
        to_utc: use fixes before this time.
        levels_percent: isopleths to store, above 0 and at most 100.
        options: of the method, by name; `error_m` "file" follows from the accuracy of each fix.
        wanted: which fixes to use; by default all.

    Raises:
        NotFound: no such animal.
        BadRequest: an option that the method does not have, or a value that cannot be meant.
        CannotCompute: too few fixes, or fixes without spread; the message says which.
    """
    if connection.execute(query("has_animal"), {"value": animal}).fetchone() is None:
        raise NotFound("animal", animal)
    try:
        complete = METHODS[method].complete(options or {})
    except ParameterError as error:
        raise BadRequest(f"options.{error.name}", error.value, error.expected) from error
    values = {"animal": animal, "from_time": from_utc, "to_time": to_utc}
    fixes = connection.execute(query("home_range_fixes"), values).fetchall()
    table = np.array(fixes, dtype=np.float64).reshape(-1, 5)
    levels = sorted({float(level) for level in levels_percent})
    asked = Asked(method, levels, complete, wanted or Selection())
    input_hash = _hash(animal, asked, table)
    known = connection.execute(query("home_range_by_hash"), {"input_hash": input_hash}).fetchone()
    if known is not None:
        return Stored(int(known[0]), created=False)
    return _store(connection, animal, asked, input_hash, _estimate(animal, table, asked))


def _hash(animal: int, asked: Asked, table: NDArray[np.float64]) -> str:
    parts = [*asked[:-1], asdict(asked.wanted)]
    question = json.dumps([animal, parts, software_version()])
    return hashlib.sha256(question.encode() + table.astype("<f8").tobytes()).hexdigest()


def _estimate(animal: int, table: NDArray[np.float64], asked: Asked) -> RangeResult:
    if not len(table):
        raise CannotCompute(f"animal {animal} has no fixes in this time range")
    accuracy_m = table[:, 3]
    if asked.options.get("error_m") == FROM_FILE and (unknown := int((~(accuracy_m > 0)).sum())):
        why = f"{unknown} of {len(table)} fixes have no accuracy: give options.error_m"
        raise CannotCompute(f"animal {animal}: {why}")
    try:
        track, selection = selected_track(table, asked.wanted)
        levels = tuple(asked.levels_percent)
        job = Job(str(animal), track, asked.method, levels, asked.options, selection=selection)
        return estimate(job)
    except AnalyticsError as error:
        raise CannotCompute(f"animal {animal}, {len(table)} fixes: {error}") from error


def _store(
    connection: Connection[Any], animal: int, asked: Asked, input_hash: str, result: RangeResult
) -> Stored:
    made = result.home_range.estimate
    parameters = {
        "estimator": made.method,
        **made.parameters,
        "levels_percent": asked.levels_percent,
        "projection": made.projection.crs if made.projection else None,
        "effective_size": result.effective_size,
        "area_intervals_km2": {
            f"{level:g}": [interval.low, interval.high]
            for level, interval in result.intervals.items()
        },
        "warnings": list(result.warnings),
    }
    values = {
        "animal": animal,
        "method": asked.method,
        "parameters": Jsonb(parameters),
        "from_time_s": made.from_time_s,
        "to_time_s": made.to_time_s,
        "fixes": made.fixes,
        "software_version": made.software_version,
        "input_hash": input_hash,
    }
    with connection.transaction():
        row = connection.execute(query("add_home_range"), values).fetchone()
        if row is not None:
            for feature in result.home_range.to_geojson()["features"]:  # type: ignore[attr-defined]
                _add_isopleth(connection, int(row[0]), feature)
            return Stored(int(row[0]), created=True)
        row = connection.execute(query("home_range_by_hash"), values).fetchone()
    assert row is not None  # the insert waited for the one that stored it
    return Stored(int(row[0]), created=False)


def _add_isopleth(connection: Connection[Any], home_range: int, feature: dict[str, Any]) -> None:
    values = {
        "home_range": home_range,
        "level_percent": feature["properties"]["level_percent"],
        "area_km2": feature["properties"]["area_km2"],
        "geometry": Jsonb(feature["geometry"]),
    }
    connection.execute(query("add_isopleth"), values)
