"""The registry: collars, animals, deployments and stations, by small functions.

Each is one transaction: its own on an idle connection, part of the caller's inside one.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg

from backend.db.errors import RegistryError
from backend.db.queries import query

HIGHEST_COLLAR = 65535  # u16 in the frame header


def add_collar(connection: psycopg.Connection[Any], name: str) -> int:
    """Register a collar under the next free number and return it (1..65535).

    Raises:
        RegistryError: all 65,535 numbers are taken.
    """
    with connection.transaction():
        connection.execute("lock table collar in share row exclusive mode")
        row = connection.execute(query("next_free_collar")).fetchone()
        collar = int(row[0]) if row else 1
        if collar > HIGHEST_COLLAR:
            raise RegistryError(f"no collar number left: all of 1..{HIGHEST_COLLAR} are taken")
        connection.execute(query("add_collar"), {"collar": collar, "name": name})
    return collar


def add_animal(
    connection: psycopg.Connection[Any],
    name: str,
    taxon: str | None = None,
    sex: str | None = None,
    study: int | None = None,
) -> int:
    """Register an animal and return its number; a name that is taken gets " (2)" and so on.

    Args:
        connection: an open connection.
        name: the name people call it.
        taxon: scientific name, such as "Capra ibex".
        sex: "m", "f" or "u" (unknown).
        study: its number; names are unique within a study.

    Raises:
        RegistryError: an empty name, or another letter for the sex.
    """
    if not name.strip():
        raise RegistryError(f"animal name {name!r}: expected at least one letter")
    if sex not in (None, "m", "f", "u"):
        raise RegistryError(f"sex {sex!r}: expected 'm', 'f', 'u' or nothing")
    attempt = 1
    while True:
        unique = name if attempt == 1 else f"{name} ({attempt})"
        values = {"name": unique, "taxon": taxon, "sex": sex, "study": study}
        with connection.transaction():
            row = connection.execute(query("add_animal"), values).fetchone()
        if row is not None:
            return int(row[0])
        attempt += 1


def deploy(
    connection: psycopg.Connection[Any],
    collar: int,
    animal: int,
    from_utc: datetime,
    to_utc: datetime | None = None,
) -> int:
    """Put a collar on an animal from `from_utc` to before `to_utc` (None: it is still on).

    Returns:
        The number of the deployment.

    Raises:
        RegistryError: a time without zone, an empty period, an unknown collar or animal, or the
            collar is on an animal in that period already.
    """
    for label, time in (("from_utc", from_utc), ("to_utc", to_utc)):
        if time is not None and time.tzinfo is None:
            raise RegistryError(f"{label} {time.isoformat()}: expected a time with its zone")
    if to_utc is not None and to_utc <= from_utc:
        raise RegistryError(
            f"deployment to {to_utc.isoformat()}: expected a time after {from_utc.isoformat()}"
        )
    values = {
        "collar": collar,
        "animal": animal,
        "from_time": from_utc.astimezone(UTC),
        "to_time": to_utc.astimezone(UTC) if to_utc else None,
    }
    try:
        with connection.transaction():
            row = connection.execute(query("add_deployment"), values).fetchone()
    except psycopg.errors.ExclusionViolation as error:
        raise RegistryError(
            f"collar {collar} is on an animal already at some time from {from_utc.isoformat()}: "
            "expected periods that do not overlap; end the other deployment first"
        ) from error
    except psycopg.errors.ForeignKeyViolation as error:
        raise RegistryError(
            f"deployment of collar {collar} on animal {animal}: expected both to be registered"
        ) from error
    assert row is not None  # "returning" answers with the inserted row
    return int(row[0])


def add_station(
    connection: psycopg.Connection[Any], station: str, lat: float | None, lon: float | None
) -> None:
    """Register a station [degrees WGS84], or move one that is known.

    Raises:
        RegistryError: an empty name or a position off the earth.
    """
    if not station.strip():
        raise RegistryError(f"station name {station!r}: expected at least one letter")
    if lat is not None and not -90 <= lat <= 90:
        raise RegistryError(f"lat {lat!r}: expected degrees from -90 to 90")
    if lon is not None and not -180 <= lon <= 180:
        raise RegistryError(f"lon {lon!r}: expected degrees from -180 to 180")
    with connection.transaction():
        values = {"station": station, "lat": lat, "lon": lon}
        connection.execute(query("set_station"), values)
