"""The gate against doubles: which records of a batch are new, stored from now on.

The gate of a (collar, generation) is one row, a multirange. To lock it is to take turns: what
it lets pass inside a transaction is committed with it, or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray

from backend.db.copy import array
from backend.db.queries import query

Integers = NDArray[np.int64]
Statement = tuple[str, dict[str, str]]  # name of a query, and its values


class NoGate(Exception):
    """A gate is missing; nothing was changed."""


class Passed(NamedTuple):
    """What the gates let pass, to be noted in them before the transaction ends."""

    new: list[Integers]
    """Per kind the positions of the new records, in the order of collar, generation and record"""
    gates: tuple[Integers, Integers]
    """Collars and generations, ascending"""
    ranges: dict[int, list[str]]
    """Ranges of new records, by the position of their gate"""

    def note(self) -> Statement | None:
        """What notes the records in their gates, for the transaction that has locked them."""
        if not self.ranges:
            return None
        collars, generations = (array(part[list(self.ranges)]) for part in self.gates)
        multiranges = ",".join(f'"{{{",".join(one)}}}"' for one in self.ranges.values())
        values = {"collars": collars, "generations": generations, "ranges": f"{{{multiranges}}}"}
        return "pass_gates", values


def add_missing(connection: psycopg.Connection[Any], kinds: Sequence[Sequence[Integers]]) -> None:
    """Make the gates of some records, in a transaction of its own: an empty one does no harm."""
    collar, generation = (np.concatenate(part) for part in list(zip(*kinds, strict=True))[:2])
    names = np.unique(np.stack([collar, generation]), axis=1)
    parameters = {"collars": array(names[0]), "generations": array(names[1])}
    with connection.transaction():
        connection.execute(query("add_missing_gates"), parameters)


def let_pass(cursor: psycopg.Cursor[Any], kinds: Sequence[Sequence[Integers]]) -> Passed:
    """Lock the gates of some records, in ascending order, and find the new ones.

    Of records with one name, the first kind's with the earliest time is new.

    Args:
        cursor: inside a transaction.
        kinds: per kind of record its columns collar, generation, record and time.

    Raises:
        NoGate: one is missing; `add_missing` makes it.
    """
    sizes = [len(columns[0]) for columns in kinds]
    kind = np.repeat(np.arange(len(kinds)), sizes)
    position = np.concatenate([np.arange(size) for size in sizes])
    collar, generation, record, time = (np.concatenate(part) for part in zip(*kinds, strict=True))
    order = np.lexsort((time, kind, record, generation, collar))
    kind, position, collar, generation, record = (
        values[order] for values in (kind, position, collar, generation, record)
    )
    begins = _changes(collar) | _changes(generation)
    starts = np.flatnonzero(begins)
    gates = collar[starts], generation[starts]
    # One ascending number for each name: the gate's among these, then the record's.
    name = (np.cumsum(begins) - 1 << 32) | record
    stored = _lock(cursor, *gates)
    wanted = _changes(name) & ~_within(name, stored)
    new = [position[wanted & (kind == number)] for number in range(len(kinds))]
    return Passed(new, gates, _ranges(name[wanted]))


def _changes(values: Integers) -> NDArray[np.bool_]:
    """Where a value differs from the one before; the first one does."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes


def _lock(cursor: psycopg.Cursor[Any], collars: Integers, generations: Integers) -> Integers:
    """Lock gates in ascending order; returns the ranges [first, end) of names that they hold."""
    if not len(collars):
        return np.empty((0, 2), np.int64)
    values = {"collars": array(collars), "generations": array(generations)}
    stored = cursor.execute(query("lock_gates"), values).fetchall()
    if len(stored) < len(collars):
        raise NoGate
    ranges = [
        (number, *part.split(","))
        for number, (text,) in enumerate(stored)
        if text != "{}"
        for part in text[2:-2].split("),[")
    ]
    number, first, end = np.array(ranges, np.int64).reshape(-1, 3).T
    return np.stack([(number << 32) + first, (number << 32) + end], axis=1)


def _within(names: Integers, ranges: Integers) -> NDArray[np.bool_]:
    """Which of some names lie in ranges [first, end), both ascending."""
    at = np.searchsorted(ranges[:, 0], names, side="right") - 1
    inside: NDArray[np.bool_] = at >= 0
    inside[inside] = names[inside] < ranges[at[inside], 1]
    return inside


def _ranges(names: Integers) -> dict[int, list[str]]:
    """The ranges of records that some ascending names are, by the position of their gate."""
    firsts = names[np.diff(names, prepend=-1) != 1]
    lasts = names[np.diff(names, append=-1) != 1]
    records = firsts & 0xFFFFFFFF
    ends = records + (lasts - firsts) + 1
    ranges: dict[int, list[str]] = {}
    for gate, first, end in zip(
        (firsts >> 32).tolist(), records.tolist(), ends.tolist(), strict=True
    ):
        ranges.setdefault(gate, []).append(f"[{first},{end})")
    return ranges
