"""Rows to PostgreSQL's binary COPY format, through numpy.

Each row is a count of fields and, per field, a length and big-endian bytes (PostgreSQL manual,
COPY, "Binary Format"); binary COPY casts nothing, so every width here is the column's own. A null
has length -1 and no bytes: rows are grouped by which fields are null (and by the length of texts),
and each group is one fixed layout.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
POSTGRES_EPOCH_US = 946_684_800 * 1_000_000  # 2000-01-01 as Unix time

_WIDTHS = {"i2": 2, "i4": 4, "i8": 8, "f4": 4, "f8": 8, "time": 8}

KINDS = (*_WIDTHS, "text")
"""smallint, integer, bigint, real, double precision, timestamptz (as Unix us), text."""


def binary_rows(kinds: Sequence[str], rows: Sequence[tuple[object, ...]]) -> Iterator[bytes]:
    """The blocks of a binary COPY of `rows`, header and trailer included.

    Args:
        kinds: one of `KINDS` per column, exactly as the table has them.
        rows: tuples in column order; None is null. The order of the rows is not kept.

    Yields:
        Blocks to write one after the other.
    """
    yield HEADER
    groups: defaultdict[tuple[int, ...], list[tuple[object, ...]]] = defaultdict(list)
    texts = [i for i, kind in enumerate(kinds) if kind == "text"]
    if texts:
        rows = [_encode_texts(row, texts) for row in rows]
    for row in rows:
        groups[_layout(kinds, row)].append(row)
    for widths, group in groups.items():
        yield _block(kinds, widths, group)
    yield TRAILER


def _encode_texts(row: tuple[object, ...], texts: list[int]) -> tuple[object, ...]:
    fields = list(row)
    for i in texts:
        fields[i] = None if fields[i] is None else str(fields[i]).encode()
    return tuple(fields)


def _layout(kinds: Sequence[str], row: tuple[object, ...]) -> tuple[int, ...]:
    """Bytes of each field; -1 for null."""
    return tuple(
        -1 if value is None else len(value) if isinstance(value, bytes) else _WIDTHS[kind]
        for kind, value in zip(kinds, row, strict=True)
    )


def _block(kinds: Sequence[str], widths: tuple[int, ...], rows: list[tuple[object, ...]]) -> bytes:
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for i, (kind, width) in enumerate(zip(kinds, widths, strict=True)):
        fields.append((f"length{i}", ">i4"))
        if width > 0:
            code = {"time": "i8", "text": f"S{width}"}.get(kind, kind)
            fields.append((f"value{i}", code if kind == "text" else f">{code}"))
    block = np.empty(len(rows), np.dtype(fields))
    block["count"] = len(kinds)
    for i, column in enumerate(zip(*rows, strict=True)):
        block[f"length{i}"] = widths[i]
        if widths[i] > 0:
            values = np.array(column, dtype=block.dtype[f"value{i}"])
            block[f"value{i}"] = values - POSTGRES_EPOCH_US if kinds[i] == "time" else values
    return block.tobytes()
