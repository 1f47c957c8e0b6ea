"""Fixes in columns: from the database as bytes, on to GeoJSON, CSV, Arrow and GeoParquet."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from backend.db.queries import query
from backend.params import Cursor
from firmware.wire import fix as wire_fix

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01 as Unix time

REASONS = {
    value: name.removeprefix("REASON_").lower()
    for name, value in vars(wire_fix).items()
    if name.startswith("REASON_")
}
"""Names of the codes; others are called by their number."""

_REASON_TEXTS = [json.dumps(REASONS.get(n, f"reason {n}")).encode() for n in range(16)]
_REASONS = np.frombuffer(b"".join(_REASON_TEXTS), np.uint8)
_REASON_ENDS = np.cumsum([len(text) for text in _REASON_TEXTS])
_PLACE = "\nfrom seen_fix('[]') page"
_NAMES = """,
    string_agg(textsend(name), null),
    string_agg(int4send(coalesce(octet_length(name), -1)), null)"""
_KINDS = (">i4", ">i4", ">i8", ">i8", ">f8", ">f8", ">f4", ">f4", ">i2", ">i2", ">i8", ">i4")


class FixColumns(NamedTuple):
    """Columns of `seen_fix`, (n,) each; null is NaN, reason -1, animal 0."""

    collar: NDArray[np.int32]
    generation: NDArray[np.int32]
    record: NDArray[np.int64]
    time_us: NDArray[np.int64]
    """Microseconds since 2000-01-01, as PostgreSQL counts"""
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    altitude_m: NDArray[np.float32]
    accuracy_m: NDArray[np.float32]
    reason: NDArray[np.int16]
    outlier: NDArray[np.int16]
    animal: NDArray[np.int64]
    cells_per_degree: NDArray[np.int32]
    names: NDArray[np.uint8] = np.frombuffer(b"", np.uint8)
    """The animals' names in UTF-8, one behind the other, where asked for"""
    name_sizes: NDArray[np.int32] = np.empty(0, np.int32)
    """(n,) bytes of each, -1 for null; or (0,) for no names"""

    @property
    def rows(self) -> int:
        """How many fixes."""
        return int(self.collar.size)

    def first(self, rows: int) -> FixColumns:
        """The first `rows` of them."""
        columns = (column[:rows] for column in self[:12])
        return FixColumns(*columns, self.names, self.name_sizes[:rows])  # type: ignore[call-arg, arg-type]

    def cursor(self) -> Cursor:
        """Where to go on behind the last of them."""
        last_us = int(self.time_us[-1]) + POSTGRES_EPOCH_US
        return Cursor(last_us, *(int(column[-1]) for column in self[:3]))

    def digest(self) -> bytes:
        """16 bytes that tell these from others, cheaper to have than those of their text."""
        digest = hashlib.blake2b(digest_size=16)
        for column in self:
            digest.update(column.size.to_bytes(8, "big"))
            digest.update(column.data)
        return digest.digest()

    def geojson(self) -> bytes:
        """Features, separated by commas."""
        return self.text().tobytes()

    def text(self, lead: bytes = b"") -> memoryview:
        """The same behind a leading text, where it was written: not copied."""
        from backend.geojson_kernel import LONGEST, write_fixes

        begin = len(lead)
        out = np.empty(begin + self.rows * LONGEST + 6 * self.names.size, np.uint8)
        out[:begin] = np.frombuffer(lead, np.uint8)
        end = begin + write_fixes(out[begin:], *self[:12], _REASONS, _REASON_ENDS, *self[12:])
        return out[:end].data


def read(connection: Connection[Any], name: str, values: dict[str, Any]) -> FixColumns:
    """The answer of a query with the columns of `seen_fix`, and perhaps `name`, in its order."""
    named = name.startswith("latest")
    names = _NAMES if named else ""
    columns_of = query("fix_columns").replace(_PLACE, f"{names} from ({query(name)}) page")
    row = connection.execute(columns_of, values, binary=True).fetchone()
    assert row is not None  # an aggregate always answers
    columns = [
        np.frombuffer(field or b"", kind).astype(np.dtype(kind).newbyteorder("="))
        for field, kind in zip(row, _KINDS, strict=False)
    ]
    if named:
        columns += [np.frombuffer(row[12] or b"", np.uint8)]
        columns += [np.frombuffer(row[13] or b"", ">i4").astype(np.int32)]
    return FixColumns(*columns)


def page_of(values: dict[str, Any]) -> str:
    """The paged query for a selection: of one animal or collar, or of all."""
    alone = values["animal"] is not None or values["collar"] is not None
    return "fix_page_of_animal" if alone else "fix_page"


def after(cursor: Cursor | None) -> dict[str, Any]:
    """The values that make a paged query go on behind a fix."""
    return {
        "after_time": EPOCH + timedelta(microseconds=cursor.recorded_at_us) if cursor else None,
        "after_collar": cursor.collar if cursor else None,
        "after_generation": cursor.generation if cursor else None,
        "after_record": cursor.record if cursor else None,
    }
