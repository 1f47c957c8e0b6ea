"""Corridors of a herd: fixes from the database, through analytics, back as a result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection
from psycopg.types.json import Jsonb

from analytics.corridors.observed import observed_corridors
from analytics.corridors.results import ObservedCorridors
from analytics.errors import AnalyticsError, TrackError
from analytics.location_error import LocationError
from analytics.project import LocalProjection
from analytics.results import software_version
from analytics.sampling import warn_of_sampling
from analytics.selection import ALL_FIXES, Selection
from analytics.study import collected_warnings
from analytics.track import Track, check_spread
from backend.db.queries import query
from backend.errors import CannotCompute, NotFound
from backend.jobs.fixes import selected_track

MotionVariance = Literal["likelihood", "dynamic"]


@dataclass(frozen=True)
class Asked:
    """What to compute, besides which fixes.

    Attributes:
        shares_percent: parts of the herd for which to draw the land; None: any animal, a tenth
            and a fifth of the herd, but of small herds 1, 2 and 3 animals.
        error_m: standard deviation of a fix in each direction [m]; None: by the median of the
            accuracies stored with the fixes.
        motion_variance: "likelihood", one for each track, or "dynamic", one for each step.
        max_gap_s: bridges that last longer are left out.
        cell_m: width of the grid's cells; None: by the tracks.
        wanted: which fixes to use.
    """

    shares_percent: tuple[float, ...] | None = None
    error_m: float | None = None
    motion_variance: MotionVariance = "likelihood"
    max_gap_s: float | None = None
    cell_m: float | None = None
    wanted: Selection = ALL_FIXES


class Stored(NamedTuple):
    """Corridors in the database."""

    corridor: int
    created: bool
    """False: the same question had been answered on the same fixes before"""


class Herd(NamedTuple):
    """The animals a computation is made from."""

    tables: dict[int, NDArray[np.float64]]
    """By number: (n, 5) Unix time [s], latitude, longitude [deg], accuracy [m] or NaN, reason"""
    tracks: dict[str, Track]
    left_out: dict[int, str]
    """Why others have no part in it; only where no animals were named"""
    chosen: dict[str, dict[str, Any]]
    """How the fixes of each track were chosen, for the result's parameters"""
    named: bool
    """Whether these animals were asked for: then none may be left out"""


def compute(
    connection: Connection[Any],
    animals: Sequence[int] | None = None,
    from_utc: datetime | None = None,
    to_utc: datetime | None = None,
    asked: Asked | None = None,
) -> Stored:
    """Find the corridors of a herd and store them; the same input is stored once.

    Args:
        connection: an open connection, not inside a transaction.
        animals: their numbers; None: all that have fixes enough in the time range.
        from_utc: use fixes from this time.
        to_utc: use fixes before this time.
        asked: how; by default all at their defaults.

    Raises:
        NotFound: no such animal.
        CannotCompute: fewer than two animals, or a track that has no bridges; the message says
            which and why.
    """
    asked = asked or Asked()
    for animal in animals or ():
        if connection.execute(query("has_animal"), {"value": animal}).fetchone() is None:
            raise NotFound("animal", animal)
    wanted = None if animals is None else sorted(set(animals))
    values = {"animals": wanted, "from_time": from_utc, "to_time": to_utc}
    fixes = connection.execute(query("corridor_fixes"), values).fetchall()
    herd = _herd(np.array(fixes, dtype=np.float64).reshape(-1, 6), wanted, asked.wanted)
    input_hash = _hash(herd, asked)
    known = connection.execute(query("corridor_by_hash"), {"input_hash": input_hash}).fetchone()
    if known is not None:
        return Stored(int(known[0]), created=False)
    return _store(connection, herd, input_hash, *_observe(herd, asked))


def _herd(fixes: NDArray[np.float64], wanted: list[int] | None, selection: Selection) -> Herd:
    """Returns the herd on one plane; animals that cannot take part are refused where named."""
    numbers = wanted or [int(animal) for animal in np.unique(fixes[:, 0])]
    tables = {animal: fixes[fixes[:, 0] == animal, 1:] for animal in numbers}
    used, tracks, left_out, chosen_by = {}, {}, {}, {}
    plane = LocalProjection.around(fixes[:, 2], fixes[:, 3]) if len(fixes) else None
    for animal, table in tables.items():
        try:
            if not len(table):
                raise TrackError(["no fixes in this time range"])
            track, chosen = selected_track(table, selection, plane)
            check_spread(track)
        except TrackError as error:
            left_out[animal] = "; ".join(error.faults)
            continue
        chosen_by[_name(animal)] = chosen
        used[animal], tracks[_name(animal)] = table, track
    if (wanted and left_out) or len(used) < 2:
        why = [f"animal {animal}: {reason}" for animal, reason in left_out.items()]
        need = f"{len(used)} of at least 2 animals have a usable track in this time range"
        raise CannotCompute("; ".join([need, *why]))
    return Herd(used, tracks, left_out, chosen_by, wanted is not None)


def _name(animal: int) -> str:
    """What an animal is called in messages."""
    return f"animal {animal}"


def _hash(herd: Herd, asked: Asked) -> str:
    sizes = [(animal, len(table)) for animal, table in herd.tables.items()]
    question = [sizes, sorted(herd.left_out.items()), asdict(asked), software_version()]
    digest = hashlib.sha256(json.dumps(question).encode())
    for table in herd.tables.values():
        digest.update(table.astype("<f8").tobytes())
    return digest.hexdigest()


def _observe(herd: Herd, asked: Asked) -> tuple[ObservedCorridors, dict[str, Any]]:
    """Returns the corridors and what there is to say of them beside their own parameters."""
    error_m, source = asked.error_m, "given"
    if error_m is None:
        error_m, source = _median_accuracy(herd), "median of the fixes' accuracies, over root 2"
    try:
        with collected_warnings() as said:
            for name, track in herd.tracks.items():
                warn_of_sampling(track, name)
            found = observed_corridors(
                herd.tracks,
                error_m,
                asked.motion_variance,
                asked.shares_percent,
                max_gap_s=asked.max_gap_s,
                cell_m=asked.cell_m,
                skip_unusable=not herd.named,
            )
    except AnalyticsError as error:
        raise CannotCompute(f"{len(herd.tracks)} animals: {error}") from error
    numbers = {_name(animal): animal for animal in herd.tables}
    without = herd.left_out | {numbers[name]: why for name, why in found.left_out.items()}
    left_out = [{"animal": animal, "reason": why} for animal, why in without.items()]
    notes: dict[str, Any] = {
        "error_source": source,
        "left_out": left_out,
        "warnings": list(dict.fromkeys(said)),
    }
    if asked.wanted != ALL_FIXES:
        notes["fixes_chosen"] = herd.chosen
    return found, notes


def _median_accuracy(herd: Herd) -> float:
    accuracy_m = np.concatenate([table[:, 3] for table in herd.tables.values()])
    stated = accuracy_m[accuracy_m > 0]
    if not len(stated):
        raise CannotCompute(f"none of {len(accuracy_m)} fixes has an accuracy: give error_m")
    return float(LocationError.of_radius([np.median(stated)]).axis_m[0])


def _store(
    connection: Connection[Any],
    herd: Herd,
    input_hash: str,
    found: ObservedCorridors,
    notes: Mapping[str, Any],
) -> Stored:
    made = found.estimate
    projection = made.projection.crs if made.projection else None
    parameters = {"estimator": made.method, **made.parameters, "projection": projection, **notes}
    values = {
        "herd": [one for one in herd.tables if _name(one) not in found.left_out],
        "parameters": Jsonb(parameters),
        "from_time_s": made.from_time_s,
        "to_time_s": made.to_time_s,
        "fixes": made.fixes,
        "software_version": made.software_version,
        "input_hash": input_hash,
    }
    features = [level.to_geojson() for level in found.levels]
    with connection.transaction():
        row = connection.execute(query("add_corridor"), values).fetchone()
        if row is not None:
            for feature in features:
                _add_level(connection, int(row[0]), feature)
            return Stored(int(row[0]), created=True)
        row = connection.execute(query("corridor_by_hash"), values).fetchone()
    assert row is not None  # the insert waited for the one that stored it
    return Stored(int(row[0]), created=False)


def _add_level(connection: Connection[Any], corridor: int, feature: dict[str, Any]) -> None:
    geometry = feature["geometry"]
    values = {
        **feature["properties"],
        "corridor": corridor,
        "geometry": Jsonb(geometry) if geometry["coordinates"] else None,
    }
    connection.execute(query("add_corridor_level"), values)
