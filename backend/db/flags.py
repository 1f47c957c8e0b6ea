"""Outlier flags of fixes, and latest positions that leave outliers out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg import Connection

from backend.db.queries import query

Identity = tuple[int, int, int]


def set_flags(
    connection: Connection[Any],
    identities: Sequence[Identity],
    on: int,
    off: int,
    studies: list[int] | None,
) -> int:
    """Set and clear bits of `fix.outlier`; returns how many fixes changed.

    Args:
        connection: an open connection.
        identities: (collar, generation, record) each; those not there, or not of `studies`, are
            left alone.
        on: sum of the bits to set.
        off: sum of the bits to clear.
        studies: only fixes of these; None: any.
    """
    collars, generations, records = (list(column) for column in zip(*identities, strict=True))
    values = {
        "collars": collars,
        "generations": generations,
        "records": records,
        "on": on,
        "off": off,
        "studies": studies,
    }
    with connection.transaction():
        # first the lock that the loader takes last: what it adds meanwhile is seen, or comes after
        connection.execute(query("lock_latest"), {"collars": sorted(set(collars))})
        row = connection.execute(query("flag_fixes"), values).fetchone()
        connection.execute(query("renew_latest"), {"collars": sorted(set(collars))})
    assert row is not None  # a count always answers
    return int(row[0])
