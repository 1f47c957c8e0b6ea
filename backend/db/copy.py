"""Columns to PostgreSQL's binary COPY format, through numpy; and to its arrays.

Each row is a count of fields and, per field, a length and big-endian bytes (PostgreSQL manual,
COPY, "Binary Format"); binary COPY casts nothing, so every width here is the column's own. A null
has length -1 and no bytes: rows are grouped by which fields are null (and by the length of texts),
and each group is one fixed layout.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
POSTGRES_EPOCH_US = 946_684_800 * 1_000_000  # 2000-01-01 as Unix time

_WIDTHS = {"i2": 2, "i4": 4, "i8": 8, "f4": 4, "f8": 8, "time": 8}
_WIDE = {"i2": np.int64, "i4": np.int64, "i8": np.int64, "time": np.int64}
_BLOCK_ROWS = 2500  # the server reads one while the next is made

KINDS = (*_WIDTHS, "text")
"""smallint, integer, bigint, real, double precision, timestamptz (as Unix us), text."""


class Column(NamedTuple):
    """The values of one field."""

    kind: str
    """One of KINDS"""
    values: NDArray[Any]
    """int64, float64 or bytes; anything where null"""
    null: NDArray[np.bool_] | None = None
    """Where there is no value; None: nowhere"""

    def take(self, rows: NDArray[np.integer] | slice) -> Column:
        """Return the column of some of the rows."""
        null = None if self.null is None else self.null[rows]
        return Column(self.kind, self.values[rows], null)

    def widths(self) -> NDArray[np.int64]:
        """Bytes of each value; -1 for null."""
        if self.kind == "text":
            widths = np.strings.str_len(self.values).astype(np.int64)
        else:
            widths = np.full(len(self.values), _WIDTHS[self.kind], np.int64)
        if self.null is not None:
            widths[self.null] = -1
        return widths


def array(values: NDArray[Any], null: NDArray[np.bool_] | None = None) -> str:
    """Numbers as an array that PostgreSQL reads; the driver takes each by itself, and longer."""
    texts = list(map(str, values.tolist()))
    if null is not None:
        for row in np.flatnonzero(null).tolist():
            texts[row] = "null"
    return "{" + ",".join(texts) + "}"


def columns(kinds: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> list[Column]:
    """The columns of some rows; None is null.

    Raises:
        TypeError, ValueError, OverflowError: a value is not of its column's kind.
    """
    width = len(kinds)
    if set(map(len, rows)) - {width}:
        raise ValueError(f"a row has not {width} fields")
    # not zip(*rows): its thousands of iterators would wake the garbage collector every time
    flat = np.fromiter(chain.from_iterable(rows), object, count=width * len(rows))
    table = flat.reshape(len(rows), width)
    return [_column(kind, table[:, i]) for i, kind in enumerate(kinds)]


def _column(kind: str, values: NDArray[np.object_]) -> Column:
    convert = _texts if kind == "text" else _numbers
    try:
        column = Column(kind, convert(kind, values))
        if column.values.dtype != np.float64 or not np.isnan(column.values).any():
            return column  # a null would have become NaN
    except (TypeError, AttributeError):  # most often a null
        pass
    null = np.array([value is None for value in values])
    filled = values.copy()
    filled[null] = "" if kind == "text" else 0
    return Column(kind, convert(kind, filled), null if null.any() else None)


def _texts(kind: str, values: NDArray[np.object_]) -> NDArray[np.bytes_]:
    return np.array([value.encode() for value in values], np.bytes_)


def _numbers(kind: str, values: NDArray[np.object_]) -> NDArray[Any]:
    return values.astype(_WIDE.get(kind, np.float64))


def blocks(table: Sequence[Column], rows: NDArray[np.integer]) -> Iterator[bytes]:
    """The blocks of a binary COPY of some rows, header and trailer included.

    The order of rows is kept but for those that have nulls, or texts of different lengths.
    """
    yield HEADER
    for start in range(0, len(rows), _BLOCK_ROWS):
        part = [column.take(rows[start : start + _BLOCK_ROWS]) for column in table]
        for widths, chosen in _layouts(part):
            same = part if chosen is None else [column.take(chosen) for column in part]
            yield _block(same, widths)
    yield TRAILER


def _layouts(table: list[Column]) -> Iterator[tuple[list[int], NDArray[np.intp] | None]]:
    """Bytes of each field, and which rows have this layout; None: all of them."""
    widths = [_WIDTHS.get(column.kind, 0) for column in table]
    varying = [i for i, one in enumerate(table) if one.kind == "text" or one.null is not None]
    if not varying:
        yield widths, None
        return
    stacked = np.stack([table[i].widths() for i in varying])
    if (stacked == stacked[:, :1]).all():
        found, group = stacked[:, :1], None
    else:
        found, group = np.unique(stacked, axis=1, return_inverse=True)
    for number, layout in enumerate(found.T.tolist()):
        for i, width in zip(varying, layout, strict=True):
            widths[i] = width
        yield widths, None if group is None else np.flatnonzero(group.ravel() == number)


def _block(table: list[Column], widths: list[int]) -> bytes:
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for i, (column, width) in enumerate(zip(table, widths, strict=True)):
        fields.append((f"length{i}", ">i4"))
        if width > 0:
            code = {"time": ">i8", "text": f"S{width}"}.get(column.kind, f">{column.kind}")
            fields.append((f"value{i}", code))
    block = np.empty(len(table[0].values), np.dtype(fields))
    block["count"] = len(table)
    for i, column in enumerate(table):
        block[f"length{i}"] = widths[i]
        if widths[i] > 0:
            past_us = POSTGRES_EPOCH_US if column.kind == "time" else None
            block[f"value{i}"] = column.values if past_us is None else column.values - past_us
    return block.tobytes()
