"""The gate against doubles: which records of a batch are new, stored from now on.

The gate of a (collar, generation) is one row, a multirange. To lock it is to take turns: what
it lets pass inside a transaction is committed with it, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from backend.db.queries import query

Integers = NDArray[np.int64]


def array(values: Iterable[object]) -> str:
    """An array of numbers, multiranges and None as PostgreSQL reads it; the driver is slower."""
    texts = ("null" if value is None else f'"{value}"' for value in values)
    return "{" + ",".join(texts) + "}"


class NoGate(Exception):
    """A gate is missing; nothing was changed."""


def add_missing(connection: psycopg.Connection[Any], kinds: Sequence[Sequence[Integers]]) -> None:
    """Make the gates of some records, in a transaction of its own: an empty one does no harm."""
    names = {
        name for kind in kinds for name in zip(kind[0].tolist(), kind[1].tolist(), strict=True)
    }
    collars, generations = zip(*sorted(names), strict=True)
    parameters = {"collars": array(collars), "generations": array(generations)}
    with connection.transaction():
        connection.execute(query("add_missing_gates"), parameters)


def let_pass(cursor: psycopg.Cursor[Any], kinds: Sequence[Sequence[Integers]]) -> list[Integers]:
    """Lock the gates of some records, and note these as stored.

    Args:
        cursor: inside a transaction.
        kinds: per kind of record its columns collar, generation, record and time.

    Returns:
        Per kind the positions of the new ones, in the order of collar, generation and record. Of
        records with one name, the first kind's with the earliest time is new.

    Raises:
        NoGate: one is missing; `add_missing` makes it.
    """
    sizes = [len(columns[0]) for columns in kinds]
    kind = np.repeat(np.arange(len(kinds)), sizes)
    position = np.concatenate([np.arange(size) for size in sizes])
    parts = (np.concatenate(one) for one in zip(*kinds, strict=True))
    collar, generation, record, time = parts
    order = np.lexsort((time, kind, record, generation, collar))
    kind, position, collar, generation, record = (
        values[order] for values in (kind, position, collar, generation, record)
    )
    if not len(order):
        return [position for _ in kinds]
    starts = np.flatnonzero(_changes(collar) | _changes(generation))
    names = {"collars": array(collar[starts]), "generations": array(generation[starts])}
    known = _lock(cursor, names, len(starts))
    wanted = np.empty(len(order), bool)
    staged: list[str] = []
    for i, (start, end) in enumerate(
        zip(starts.tolist(), [*starts[1:].tolist(), len(order)], strict=True)
    ):
        part = record[start:end]
        first = _changes(part)
        wanted[start:end] = first & ~_within(part, known[i])
        staged.append(_multirange(part[first]))
    cursor.execute(query("pass_gates"), {**names, "staged": array(staged)})
    return [position[wanted & (kind == number)] for number in range(len(kinds))]


def _changes(values: Integers) -> NDArray[np.bool_]:
    """Where a value differs from the one before; the first one does."""
    changes = np.ones(len(values), bool)
    changes[1:] = values[1:] != values[:-1]
    return changes


def _lock(
    cursor: psycopg.Cursor[Any], names: dict[str, str], gates: int
) -> list[list[tuple[int, int]]]:
    """Lock gates in ascending order; returns [first, end) of the records that each holds."""
    cursor.execute(query("lock_gates"), names)
    if cursor.rowcount < gates:
        raise NoGate
    return [
        [] if text == "{}" else [_bounds(part) for part in text[2:-2].split("),[")]
        for (text,) in cursor
    ]


def _bounds(text: str) -> tuple[int, int]:
    first, end = text.split(",")
    return int(first), int(end)


def _within(records: Integers, stored: list[tuple[int, int]]) -> NDArray[np.bool_]:
    """Which of some records lie in ranges [first, end), both ascending."""
    if not stored or records[0] >= stored[-1][1]:
        return np.zeros(len(records), bool)
    first, end = np.array(stored).T
    at = np.searchsorted(first, records, side="right") - 1
    inside: NDArray[np.bool_] = (at >= 0) & (records < end[at])
    return inside


def _multirange(records: Integers) -> str:
    """Ascending records as the text of a multirange."""
    first, last = int(records[0]), int(records[-1])
    if last - first == len(records) - 1:
        return f"{{[{first},{last + 1})}}"
    breaks = np.flatnonzero(np.diff(records) > 1)
    firsts = records[np.concatenate([[0], breaks + 1])].tolist()
    lasts = records[np.concatenate([breaks, [len(records) - 1]])].tolist()
    ranges = (f"[{first},{last + 1})" for first, last in zip(firsts, lasts, strict=True))
    return "{" + ",".join(ranges) + "}"
