"""Home range of an animal: fixes from the database, through analytics, back as a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.types.json import Jsonb

from analytics.errors import AnalyticsError
from analytics.ranges.isopleth import home_range as isopleths
from analytics.ranges.kde import kernel_ud
from analytics.results import HomeRange, software_version
from analytics.track import Track
from backend.db.queries import query
from backend.errors import CannotCompute, NotFound

Method = Literal["kde"]


class Asked(NamedTuple):
    """What the result depends on besides the fixes and the software."""

    method: Method
    levels_percent: list[float]
    bandwidth_m: float | None


class Stored(NamedTuple):
    """A home range in the database."""

    home_range: int
    created: bool
    """False: the same question had been answered on the same fixes before"""


def compute(
    connection: Connection[Any],
    animal: int,
    method: Method = "kde",
    from_utc: datetime | None = None,
    to_utc: datetime | None = None,
    levels_percent: Sequence[float] = (50.0, 95.0),
    bandwidth_m: float | None = None,
) -> Stored:
    """Estimate the home range of an animal and store it; the same input is stored once.

    Args:
        connection: an open connection, not inside a transaction.
        animal: its number.
        method: "kde", kernel density.
        from_utc: use fixes from this time.
        to_utc: use fixes before this time.
        levels_percent: isopleths to store, above 0 and below 100.
        bandwidth_m: kernel width [m]; None: reference bandwidth.

    Raises:
        NotFound: no such animal.
        CannotCompute: too few fixes, or fixes without spread; the message says which.
    """
    if connection.execute(query("has_animal"), {"value": animal}).fetchone() is None:
        raise NotFound("animal", animal)
    values = {"animal": animal, "from_time": from_utc, "to_time": to_utc}
    fixes = connection.execute(query("home_range_fixes"), values).fetchall()
    table = np.array(fixes, dtype=np.float64).reshape(-1, 3)
    levels = sorted({float(level) for level in levels_percent})
    asked = Asked(method, levels, bandwidth_m)
    input_hash = _hash(animal, asked, table)
    known = connection.execute(query("home_range_by_hash"), {"input_hash": input_hash}).fetchone()
    if known is not None:
        return Stored(int(known[0]), created=False)
    return _store(connection, animal, asked, input_hash, _estimate(animal, table, asked))


def _hash(animal: int, asked: Asked, table: NDArray[np.float64]) -> str:
    question = json.dumps([animal, asked, software_version()])
    return hashlib.sha256(question.encode() + table.astype("<f8").tobytes()).hexdigest()


def _estimate(animal: int, table: NDArray[np.float64], asked: Asked) -> HomeRange:
    if not len(table):
        raise CannotCompute(f"animal {animal} has no fixes in this time range")
    times_s, lat_deg, lon_deg = table.T
    try:
        track = Track.from_geographic(times_s, lat_deg, lon_deg)
        ud = kernel_ud(track, "reference" if asked.bandwidth_m is None else asked.bandwidth_m)
        return isopleths(ud, asked.levels_percent)
    except AnalyticsError as error:
        raise CannotCompute(f"animal {animal}, {len(table)} fixes: {error}") from error


def _store(
    connection: Connection[Any], animal: int, asked: Asked, input_hash: str, result: HomeRange
) -> Stored:
    estimate = result.estimate
    parameters = {
        "estimator": estimate.method,
        **estimate.parameters,
        "levels_percent": asked.levels_percent,
        "projection": estimate.projection.crs if estimate.projection else None,
    }
    values = {
        "animal": animal,
        "method": asked.method,
        "parameters": Jsonb(parameters),
        "from_time_s": estimate.from_time_s,
        "to_time_s": estimate.to_time_s,
        "fixes": estimate.fixes,
        "software_version": estimate.software_version,
        "input_hash": input_hash,
    }
    with connection.transaction():
        row = connection.execute(query("add_home_range"), values).fetchone()
        if row is not None:
            for feature in result.to_geojson()["features"]:  # type: ignore[attr-defined]
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
