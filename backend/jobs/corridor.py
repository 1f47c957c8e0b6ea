"""Corridors of a herd: fixes from the database, through analytics, back as a result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from psycopg import Connection
from psycopg.types.json import Jsonb

from analytics.corridors.observed import observed_corridors
from analytics.corridors.results import ObservedCorridors
from analytics.errors import AnalyticsError
from analytics.location_error import LocationError
from analytics.sampling import warn_of_sampling
from analytics.selection import ALL_FIXES, Selection
from analytics.study import collected_warnings
from backend.db.queries import query
from backend.errors import CannotCompute
from backend.jobs.fixes import Herd, name_of
from backend.jobs.question import (
    Kind,
    Question,
    Stored,
    Tables,
    answer,
    provenance,
    selection_json,
)

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
    """

    shares_percent: Sequence[float] | None = None
    error_m: float | None = None
    motion_variance: MotionVariance = "likelihood"
    max_gap_s: float | None = None
    cell_m: float | None = None


class Found(NamedTuple):
    """Corridors, the animals they are of, and what else there is to say."""

    corridors: ObservedCorridors
    herd: list[int]
    notes: dict[str, Any]


def ask(
    animals: Sequence[int] | None = None,
    from_utc: datetime | None = None,
    to_utc: datetime | None = None,
    asked: Asked | None = None,
    wanted: Selection = ALL_FIXES,
) -> Question:
    """The question after the corridors of a herd.

    Args:
        animals: their numbers; None: all that have fixes enough in the time range.
        from_utc: use fixes from this time.
        to_utc: use fixes before this time.
        asked: how; by default all at their defaults.
        wanted: which fixes to use; by default all.
    """
    named = None if animals is None else tuple(sorted(set(animals)))
    how = {**asdict(asked or Asked()), "selection": selection_json(wanted)}
    return Question("corridor", how, named, from_utc=from_utc, to_utc=to_utc)


def compute(connection: Connection[Any], *about: Any, **asked: Any) -> Stored:
    """Find the corridors of a herd and store them; the same input is stored once.

    Args:
        connection: an open connection in autocommit, not inside a transaction.
        about: as `ask`.
        asked: as `ask`.

    Raises:
        NotFound: no such animal.
        CannotCompute: fewer than two animals, or a track that has no bridges; the message says
            which and why.
    """
    return answer(connection, CORRIDOR, ask(*about, **asked))


def _observe(question: Question, tables: Tables) -> Found:
    asked = {name: value for name, value in question.asked.items() if name != "selection"}
    how = Asked(**asked)
    herd = Herd.of(question, tables)
    error_m, source = how.error_m, "given"
    if error_m is None:
        error_m, source = _median_accuracy(herd), "median of the fixes' accuracies, over root 2"
    try:
        with collected_warnings() as said:
            for name, track in herd.tracks.items():
                warn_of_sampling(track, name)
            found = observed_corridors(
                herd.tracks,
                error_m,
                how.motion_variance,
                how.shares_percent,
                max_gap_s=how.max_gap_s,
                cell_m=how.cell_m,
                skip_unusable=question.animals is None,
            )
    except AnalyticsError as error:
        raise CannotCompute(f"{len(herd.tracks)} animals: {error}") from error
    numbers = {name_of(animal): animal for animal in herd.tables}
    without = {numbers[name]: why for name, why in found.left_out.items()}
    notes = {"error_source": source, **herd.notes(said, without)}
    return Found(found, [one for one in herd.tables if one not in without], notes)


def _median_accuracy(herd: Herd) -> float:
    accuracy_m = np.concatenate([table[:, 3] for table in herd.tables.values()])
    stated = accuracy_m[accuracy_m > 0]
    if not len(stated):
        raise CannotCompute(f"none of {len(accuracy_m)} fixes has an accuracy: give error_m")
    return float(LocationError.of_radius([np.median(stated)]).axis_m[0])


def _store(
    connection: Connection[Any], question: Question, input_hash: str, found: Found
) -> int | None:
    values = provenance(found.corridors.estimate, input_hash, **found.notes)
    row = connection.execute(query("add_corridor"), values | {"herd": found.herd}).fetchone()
    if row is None:
        return None
    for level in found.corridors.levels:
        feature: Any = level.to_geojson()
        geometry = feature["geometry"]
        of_level = {
            **feature["properties"],
            "corridor": row[0],
            "geometry": Jsonb(geometry) if geometry["coordinates"] else None,
        }
        connection.execute(query("add_corridor_level"), of_level)
    return int(row[0])


CORRIDOR = Kind("corridor_by_hash", _observe, _store)
