"""The binary COPY format, read back by its specification."""

import struct
from collections.abc import Iterator

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.db.copy import HEADER, POSTGRES_EPOCH_US, TRAILER, blocks, columns

KINDS = ("i2", "i4", "i8", "f4", "f8", "time", "text")
FORMATS = {"i2": ">h", "i4": ">i", "i8": ">q", "f4": ">f", "f8": ">d"}


def binary_rows(kinds: tuple[str, ...], rows: list[tuple[object, ...]]) -> Iterator[bytes]:
    return blocks(columns(kinds, rows), np.arange(len(rows)))


MAYBE_ROW = st.tuples(
    *(
        st.none() | values
        for values in (
            st.integers(-(2**15), 2**15 - 1),
            st.integers(-(2**31), 2**31 - 1),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(width=32, allow_nan=False),
            st.floats(allow_nan=False),
            st.integers(-(2**50), 2**50),
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=9),
        )
    )
)


def parse(data: bytes) -> list[tuple[object, ...]]:
    """Read a binary COPY stream field by field (PostgreSQL manual, COPY, File Formats)."""
    assert data.startswith(HEADER)
    pos, rows = len(HEADER), []
    while (count := struct.unpack_from(">h", data, pos)[0]) != -1:
        pos += 2
        row: list[object] = []
        for kind in KINDS[:count]:
            (length,) = struct.unpack_from(">i", data, pos)
            field = data[pos + 4 : pos + 4 + max(length, 0)]
            pos += 4 + max(length, 0)
            row.append(None if length < 0 else read(kind, field))
        rows.append(tuple(row))
    assert data[pos:] == TRAILER
    return rows


def read(kind: str, field: bytes) -> object:
    if kind == "text":
        return field.decode()
    if kind == "time":
        return struct.unpack(">q", field)[0] + POSTGRES_EPOCH_US
    return struct.unpack(FORMATS[kind], field)[0]


@given(rows=st.lists(MAYBE_ROW, max_size=20))
@settings(derandomize=True, deadline=None)
def test_every_row_is_in_the_stream_once(rows: list[tuple[object, ...]]) -> None:
    found = parse(b"".join(binary_rows(KINDS, rows)))
    assert sorted(map(repr, found)) == sorted(map(repr, rows))


def test_no_rows_are_a_header_and_a_trailer() -> None:
    assert b"".join(binary_rows(KINDS, [])) == HEADER + TRAILER


def test_an_empty_text_is_not_null() -> None:
    assert parse(b"".join(binary_rows(("i2",), [(3,)]))) == [(3,)]
    assert b"".join(binary_rows(("text",), [("",)])) == HEADER + b"\0\1\0\0\0\0" + TRAILER
