"""Overlap of animals' home ranges: how far they share land, for every pair of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple, get_args

from psycopg import Connection
from psycopg.types.json import Jsonb

from analytics.errors import AnalyticsError, ParameterError
from analytics.ranges.one_grid import Shared, SharedMethod, complete, on_one_grid
from analytics.ranges.overlap import OverlapIndex
from analytics.results import Estimate
from analytics.sampling import warn_of_sampling
from analytics.selection import ALL_FIXES, Selection
from analytics.steps import part, tell
from analytics.study import collected_warnings
from backend.db.queries import query
from backend.errors import BadRequest, CannotCompute
from backend.jobs.fixes import Herd
from backend.jobs.question import Kind, Question, Tables, provenance, selection_json

Method = SharedMethod
Index = OverlapIndex
INDICES: tuple[Index, ...] = get_args(OverlapIndex)


class Found(NamedTuple):
    """Overlaps, and the animals they are of."""

    animals: list[int]
    estimate: Estimate
    matrices: dict[Index, list[list[float]]]
    notes: dict[str, Any]


def ask(
    animals: Sequence[int] | None = None,
    study: int | None = None,
    from_utc: datetime | None = None,
    to_utc: datetime | None = None,
    method: Method = "akde",
    level_percent: float = 95.0,
    conditional: bool = False,
    options: Mapping[str, Any] | None = None,
    wanted: Selection = ALL_FIXES,
) -> Question:
    """The question after the overlap of home ranges.

    Args:
        animals: their numbers; None: those of the study that have fixes enough.
        study: its number, where no animals are named.
        from_utc: use fixes from this time.
        to_utc: use fixes before this time.
        method: of the densities.
        level_percent: of the isopleths that some indices compare.
        conditional: take densities outside their isopleths as 0.
        options: of the method, by name.
        wanted: which fixes to use; by default all.

    Raises:
        BadRequest: an option that the method does not have, or a value that cannot be meant.
    """
    try:
        how = complete(method, options or {})
    except ParameterError as error:
        raise BadRequest(f"options.{error.name}", error.value, error.expected) from error
    asked = {
        "method": method,
        "level_percent": level_percent,
        "conditional": conditional,
        "options": how,
        "selection": selection_json(wanted),
    }
    named = None if animals is None else tuple(sorted(set(animals)))
    return Question("overlap", asked, named, study, from_utc, to_utc)


def _compare(question: Question, tables: Tables) -> Found:
    asked = question.asked
    herd = Herd.of(question, tables)
    try:
        with collected_warnings() as said:
            for name, track in herd.tracks.items():
                warn_of_sampling(track, name)
            with part(0, 0.9):
                shared = on_one_grid(herd.tracks, asked["method"], asked["options"])
        matrices = {}
        with part(0.9, 1):
            for number, index in enumerate(INDICES):
                tell(number, len(INDICES), f"index {index} of every pair")
                found = shared.overlap(index, asked["level_percent"], asked["conditional"])
                matrices[index] = found.tolist()
    except AnalyticsError as error:
        raise CannotCompute(f"{len(herd.tracks)} animals: {error}") from error
    notes = herd.notes(said) | {"affinity_intervals": _intervals(shared)}
    return Found(list(herd.tables), _estimate(shared), matrices, notes)


def _intervals(shared: Shared) -> list[list[list[float] | None]] | None:
    """Low end, estimate and high end of each pair's affinity; null where it is not known."""
    if not shared.affinities:
        return None
    size = len(shared.uds)
    found: list[list[list[float] | None]] = [[None] * size for _ in range(size)]
    for (row, column), one in shared.affinities.items():
        found[row][column] = found[column][row] = [one.low, one.estimate, one.high]
    return found


def _estimate(shared: Shared) -> Estimate:
    """How all densities together were made."""
    estimates = [ud.estimate for ud in shared.uds]
    grids = [shared.uds[group[0]].grid for group in shared.groups]
    return Estimate(
        method=f"overlap of {estimates[0].method}",
        parameters={"grids": [asdict(grid) for grid in grids]},
        fixes=sum(one.fixes for one in estimates),
        from_time_s=min(one.from_time_s for one in estimates),
        to_time_s=max(one.to_time_s for one in estimates),
        projection=estimates[0].projection,
        software_version=estimates[0].software_version,
    )


def _store(
    connection: Connection[Any], question: Question, input_hash: str, found: Found
) -> int | None:
    told = {name: question.asked[name] for name in ("level_percent", "conditional", "options")}
    values = provenance(found.estimate, input_hash, **told, **found.notes)
    values |= {
        "animals": found.animals,
        "method": question.asked["method"],
        "matrices": Jsonb(found.matrices),
    }
    row = connection.execute(query("add_overlap"), values).fetchone()
    return None if row is None else int(row[0])


OVERLAP = Kind("overlap_by_hash", _compare, _store)
