"""Put tags on the animals that imported rows name; reject rows that contradict what is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray

from backend.db import copy
from backend.db.import_batch import Batch
from backend.db.queries import query
from backend.movebank.report import Report

_MOST_ISLANDS = 50  # changes of animal that one tag can have in one file
_EVER = 2**62


class _Island(NamedTuple):
    """A stretch of time in which a tag's rows name one animal. Times are Unix time [us]."""

    collar: int
    animal: int
    first: int
    last: int


@dataclass
class _Deployment:
    deployment: int | None
    """None: not stored yet"""
    collar: int
    animal: int
    first: int | None
    end: int | None
    changed: bool = False

    def overlaps(self, first: int, last: int) -> bool:
        return (self.first is None or self.first <= last) and (
            self.end is None or first < self.end
        )

    def may_reach(self, island: _Island, others: Sequence[_Deployment]) -> bool:
        """Whether it can grow to hold an island without touching another animal's."""
        first = -_EVER if self.first is None else min(self.first, island.first)
        last = island.last if self.end is None else max(self.end, island.last)
        return not any(other.overlaps(first, last) for other in others)

    def reach(self, island: _Island) -> None:
        if self.first is not None:
            self.first = min(self.first, island.first)
        if self.end is not None:
            self.end = max(self.end, island.last + 1)
        self.changed = True


def settle(cursor: psycopg.Cursor[Any], batch: Batch, report: Report) -> None:
    """Store the deployments that rows show; rows of animals that do not wear the tag are rejected.

    Args:
        cursor: inside a transaction.
        batch: its rows.
        report: gets the lines of rejected rows.
    """
    collars = np.unique(batch.collar)
    known: dict[int, list[_Deployment]] = {collar: [] for collar in collars.tolist()}
    values = {"collars": copy.array(collars)}
    for row in cursor.execute(query("import_deployments"), values):
        known[row[1]].append(_Deployment(*row))
    rows = _Rows(batch, report)
    islands = list(rows.islands(known))
    changes = Counter(island.collar for island in islands)
    for island in islands:
        if changes[island.collar] > _MOST_ISLANDS:
            rows.reject(island, "the tag changes animals from row to row")
        else:
            _deploy(island, known[island.collar], rows)
    _store(cursor, [one for deployments in known.values() for one in deployments if one.changed])


class _Rows:
    """The rows of a batch by collar and time."""

    def __init__(self, batch: Batch, report: Report) -> None:
        self._batch = batch
        self._report = report
        self._collar = batch.collar[batch.order]
        self._time_us = batch.time_us[batch.order]

    def islands(self, known: dict[int, list[_Deployment]]) -> Iterator[_Island]:
        """Stretches of rows of one tag that name one animal, where no deployment says so yet."""
        batch = self._batch
        animal = batch.animal[batch.order]
        alone = batch.live[batch.order] & (animal > 0)
        for deployments in known.values():
            for one in deployments:
                inside = self._between(one.collar, one.first, one.end)
                alone[inside] &= animal[inside] != one.animal
        places = np.flatnonzero(alone)
        collar, animal, time_us = self._collar[places], animal[places], self._time_us[places]
        changes = (np.diff(collar, prepend=-1) != 0) | (np.diff(animal, prepend=-1) != 0)
        starts = np.flatnonzero(changes)
        ends = np.append(starts[1:], len(places)) - 1
        parts = (collar[starts], animal[starts], time_us[starts], time_us[ends[: len(starts)]])
        yield from map(_Island, *(part.tolist() for part in parts))

    def of(self, island: _Island, within: _Deployment | None = None) -> NDArray[np.intp]:
        """The rows of an island, or those of them within another deployment."""
        inside = self._between(island.collar, island.first, island.last + 1)
        rows: NDArray[np.intp] = self._batch.order[inside]
        rows = rows[(self._batch.animal[rows] == island.animal) & self._batch.live[rows]]
        if within is None:
            return rows
        time_us = self._batch.time_us[rows]
        first = -_EVER if within.first is None else within.first
        end = _EVER if within.end is None else within.end
        rows = rows[(time_us >= first) & (time_us < end)]
        return rows

    def reject(self, island: _Island, why: str, within: _Deployment | None = None) -> None:
        self._batch.reject(self.of(island, within), why, self._report)

    def left(self, island: _Island) -> _Island | None:
        """An island without the rows that were rejected."""
        time_us = self._batch.time_us[self.of(island)]
        if not len(time_us):
            return None
        return island._replace(first=int(time_us.min()), last=int(time_us.max()))

    def _between(self, collar: int, first: int | None, end: int | None) -> slice:
        start, stop = np.searchsorted(self._collar, (collar, collar + 1)).tolist()
        times = self._time_us[start:stop]
        bounds = (-_EVER if first is None else first, _EVER if end is None else end)
        low, high = np.searchsorted(times, bounds).tolist()
        return slice(start + low, start + high)


def _deploy(island: _Island, known: list[_Deployment], rows: _Rows) -> None:
    others = [one for one in known if one.animal != island.animal]
    for other in others:
        if other.overlaps(island.first, island.last):
            # only the rows inside the other deployment contradict it
            rows.reject(island, "the tag is on another animal at that time", other)
            left = rows.left(island)
            if left is None:
                return
            island = left
            if any(one.overlaps(island.first, island.last) for one in others):
                rows.reject(island, "the tag is on another animal in between")
                return
    own = (one for one in known if one.animal == island.animal)
    near = next((one for one in own if one.may_reach(island, others)), None)
    if near is None:
        near = _Deployment(None, island.collar, island.animal, island.first, island.last + 1)
        known.append(near)
    near.reach(island)


def _store(cursor: psycopg.Cursor[Any], changed: Sequence[_Deployment]) -> None:
    for name, chosen in (
        ("extend_deployments", [one for one in changed if one.deployment is not None]),
        ("insert_imported_deployments", [one for one in changed if one.deployment is None]),
    ):
        if chosen:
            cursor.execute(query(name), {
                "deployments": [one.deployment for one in chosen],
                "collars": [one.collar for one in chosen],
                "animals": [one.animal for one in chosen],
                "firsts_us": [one.first for one in chosen],
                "ends_us": [one.end for one in chosen],
            })  # fmt: skip
