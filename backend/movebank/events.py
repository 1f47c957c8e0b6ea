"""Event data in: Movebank CSV or lines of JSON, into columns of events, every row accounted for.

A row is accepted, or rejected with its line and the reason; what makes the meaning of the whole
file doubtful (dates that can be read two ways, times with and without a zone, a column twice)
refuses it. Whatever a row holds beyond its place and time is kept word for word.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby, islice
from operator import itemgetter
from typing import IO, Any

import numpy as np

from backend.movebank import terms
from backend.movebank.columns import EventReader, Events
from backend.movebank.csv_files import CsvFile, arrow_columns
from backend.movebank.report import Report
from backend.movebank.rows import FileRefused, RowRejected, checked, checked_name

_BLOCK_ROWS = 10_000  # lines of JSON that are read together
_LONGEST_LINE = 1 << 20  # bytes of a line of JSON
_NEEDED = (terms.TIMESTAMP, terms.LON, terms.LAT)

_Row = tuple[int, tuple[str, ...], tuple[Any, ...]]
"""Line, terms, values"""


def read_csv(file: IO[bytes], report: Report, now: datetime) -> Iterator[Events]:
    """The accepted rows of a Movebank event file.

    Args:
        file: UTF-8 with or without a byte order mark.
        report: rows in and rejected, and warnings, are counted there.
        now: later times than this (by more than a day) are rejected.

    Raises:
        FileRefused: the file cannot be meant as it is.
    """
    rows = CsvFile(file, report, _NEEDED)
    if terms.TAG not in rows.columns and terms.ANIMAL not in rows.columns:
        raise FileRefused(
            1, "columns", ", ".join(rows.columns), f"{terms.TAG!r} or {terms.ANIMAL!r} among them"
        )
    reader = EventReader(now, report)
    for lines, columns in rows.blocks():
        yield from reader.read(tuple(rows.columns), lines, columns)
    reader.close()


def read_ndjson(file: IO[bytes], report: Report, now: datetime) -> Iterator[Events]:
    """The accepted lines of a file of JSON objects, one a line.

    An object has Movebank's terms (`location-lat`, or `location_lat`) as names; numbers, strings,
    booleans and null as values. Times need no zone: UTC, as in a CSV file.

    Raises:
        FileRefused: the file cannot be meant as it is.
    """
    reader, rows = EventReader(now, report), _json_rows(file, report)
    while block := list(islice(rows, _BLOCK_ROWS)):
        for names, alike in groupby(block, itemgetter(1)):
            lines, columns = _columns(names, list(alike), report)
            yield from reader.read(names, np.array(lines, np.int64), arrow_columns(columns))
    reader.close()


class _Members(list[tuple[str, Any]]):
    """A JSON object as it is written: a name may be there twice."""


_decode = json.JSONDecoder(object_pairs_hook=_Members).raw_decode
_BLANK = " \t\r\n"
_SCALARS = {str, int, float, bool, type(None)}


def _json_rows(file: IO[bytes], report: Report) -> Iterator[_Row]:
    known = set[tuple[str, ...]]()
    for line, text in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
        if len(text) == _LONGEST_LINE:
            raise FileRefused(line, "line", text[:40], f"less than {_LONGEST_LINE} bytes")
        if not text.strip():
            continue
        report.rows_in += 1
        try:
            written, values = _members(text.decode("utf-8-sig" if line == 1 else "utf-8"))
            names = _terms(written)
        except RowRejected as reason:
            report.reject(line, str(reason))
        except (ValueError, RecursionError):  # also of text that is not UTF-8
            report.reject(line, "not JSON")
        else:
            if names not in known:
                report.columns += [name for name in names if name not in report.columns]
                known.add(names)
            yield line, names, values


def _members(text: str) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Names and values of a line."""
    text = text.strip(_BLANK)
    found, end = _decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    if not isinstance(found, _Members) or not found:
        raise RowRejected("not a JSON object")
    names, values = zip(*found, strict=True)
    return names, values


@lru_cache(1000)
def _terms(written: tuple[str, ...]) -> tuple[str, ...]:
    """The terms of the names of a line."""
    names = tuple(terms.from_api(name) for name in written)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RowRejected(f"{twice[:40]}: twice")
    if not set(names).issuperset(_NEEDED):
        raise RowRejected(f"no {terms.TIMESTAMP}, {terms.LON} or {terms.LAT}")
    for name in names:
        checked_name(name)
    return names


def _columns(
    names: tuple[str, ...], rows: list[_Row], report: Report
) -> tuple[Sequence[int], list[list[str]]]:
    """Lines and texts of rows; what cannot be meant goes to the report."""
    lines, _, values = zip(*rows, strict=True)
    columns = list[list[str]]()
    for column in zip(*values, strict=True):
        if (texts := _texts(column)) is None:
            return _one_by_one(names, lines, values, report)
        columns.append(texts)
    return lines, columns


def _texts(column: Sequence[Any]) -> list[str] | None:
    """The values of a term as a file has them; None where one is odd."""
    kinds = set(map(type, column))
    if not kinds <= _SCALARS:
        return None
    plain = kinds <= {str, int, float}
    texts = list(map(str, column)) if plain else [_text(value) for value in column]
    return texts if "".join(texts).isprintable() else None


def _one_by_one(
    names: tuple[str, ...], lines: Sequence[int], rows: Sequence[Sequence[Any]], report: Report
) -> tuple[list[int], list[list[str]]]:
    """The same, of columns in which something is odd."""
    kept = list[int]()
    columns: list[list[str]] = [[] for _ in names]
    for line, row in zip(lines, rows, strict=True):
        try:
            texts = [_checked(name, value) for name, value in zip(names, row, strict=True)]
        except RowRejected as reason:
            report.reject(line, str(reason))
            continue
        kept.append(line)
        for column, text in zip(columns, texts, strict=True):
            column.append(text)
    return kept, columns


def _checked(name: str, value: Any) -> str:
    if type(value) not in _SCALARS:
        raise RowRejected(f"{name[:40]}: a list or an object, expected one value")
    return checked(name, _text(value))


def _text(value: str | float | bool | None) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
