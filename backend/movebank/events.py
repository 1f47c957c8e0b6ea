"""Event data in: Movebank CSV or lines of JSON, into rows of positions, every row accounted for.

A row is accepted, or rejected with its line and the reason; what makes the meaning of the whole
file doubtful (dates that can be read two ways, times with and without a zone, a column twice)
refuses it. Whatever a row holds beyond its place and time is kept word for word.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby, islice
from operator import itemgetter
from typing import IO, Any, TextIO

from backend.movebank import terms
from backend.movebank.report import Report
from backend.movebank.rows import Event, FileRefused, RowReader, RowRejected, checked_name

_BLOCK_ROWS = 1_000  # read, checked and sent at a time
_LONGEST_LINE = 1 << 20  # bytes of a line of JSON
_NEEDED = frozenset({terms.TIMESTAMP, terms.LON, terms.LAT})

_Row = tuple[int, tuple[str, ...], Sequence[str]]
"""Line, terms, values"""


def read_csv(file: TextIO, report: Report, now: datetime) -> Iterator[list[Event]]:
    """The accepted rows of a Movebank event file, in blocks.

    Args:
        file: text, UTF-8 with or without a byte order mark, opened with `newline=""`.
        report: rows in and rejected, and warnings, are counted there.
        now: later times than this (by more than a day) are rejected.

    Raises:
        FileRefused: the file cannot be meant as it is.
    """
    rows = csv.reader(file, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        names = tuple(_event_columns(header, report))
        found = ((line, names, row) for line, row in csv_rows(rows, header, report))
        yield from _blocks(found, RowReader(now, report))
    except csv.Error as error:
        raise FileRefused(
            rows.line_num + 1, "row", str(error), "values apart by commas"
        ) from error
    except UnicodeDecodeError as error:
        raise FileRefused(rows.line_num + 1, "text", bytes_of(error), "text in UTF-8") from error


def read_ndjson(file: IO[bytes], report: Report, now: datetime) -> Iterator[list[Event]]:
    """The accepted lines of a file of JSON objects, one a line, in blocks.

    An object has Movebank's terms (`location-lat`, or `location_lat`) as names; numbers, strings,
    booleans and null as values. Times need no zone: UTC, as in a CSV file.

    Raises:
        FileRefused: the file cannot be meant as it is.
    """
    yield from _blocks(_json_rows(file, report), RowReader(now, report))


def bytes_of(error: UnicodeDecodeError) -> bytes:
    """Where the text stopped being text."""
    return error.object[error.start : error.end + 10]


def header_terms(header: list[str], report: Report) -> list[str]:
    """The term of each column.

    Raises:
        FileRefused: there is no header, or a column is nameless or there twice.
    """
    if not any(header):
        raise FileRefused(1, "file", "", "a header line, then a row a line")
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise FileRefused(1, "header", header[0], "names apart by commas")
    columns = [terms.from_api(name) for name in header]
    for number_, name in enumerate(columns, 1):
        if not name:
            raise FileRefused(1, f"column {number_}", "", "a name (an empty column?)")
        if columns.index(name) + 1 != number_:
            raise FileRefused(1, "column", name, "each column once")
        try:
            checked_name(name)
        except RowRejected as reason:
            raise FileRefused(1, "column", name, str(reason)) from None
        if name in terms.MISSPELT:
            meant = terms.MISSPELT[name]
            report.warn(f"{name!r} is no term of Movebank ({meant!r} is): kept as it is")
    report.columns = columns
    return columns


def _event_columns(header: list[str], report: Report) -> list[str]:
    columns = header_terms(header, report)
    for needed in (terms.TIMESTAMP, terms.LON, terms.LAT):
        if needed not in columns:
            raise FileRefused(1, "columns", ", ".join(header), f"{needed!r} among them")
    if terms.TAG not in columns and terms.ANIMAL not in columns:
        raise FileRefused(
            1, "columns", ", ".join(header), f"{terms.TAG!r} or {terms.ANIMAL!r} among them"
        )
    return columns


def csv_rows(
    rows: Iterator[list[str]], header: list[str], report: Report
) -> Iterator[tuple[int, list[str]]]:
    """Line and values of each row that has a value for every column."""
    width = len(header)
    line = 2
    reader = rows
    for row in reader:
        end = reader.line_num  # type: ignore[attr-defined]
        if not row:
            line = end + 1
            continue  # an empty line is no row
        report.rows_in += 1
        if len(row) == width and row != header:
            yield line, row
        elif len(row) == width:
            report.reject(line, "the header again")
        else:
            report.reject(line, f"{len(row)} values where the header has {width}")
        line = end + 1


class _Members(list[tuple[str, Any]]):
    """A JSON object as it is written: a name may be there twice."""


_decode = json.JSONDecoder(object_pairs_hook=_Members).decode
_term = lru_cache(10_000)(terms.from_api)


def _json_rows(file: IO[bytes], report: Report) -> Iterator[_Row]:
    known: set[str] = set()
    for line, text in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), 1):
        if len(text) == _LONGEST_LINE:
            raise FileRefused(line, "line", text[:40], f"less than {_LONGEST_LINE} bytes")
        if not text.strip():
            continue
        report.rows_in += 1
        try:
            names, values = _members(text.decode("utf-8-sig" if line == 1 else "utf-8"))
        except RowRejected as reason:
            report.reject(line, str(reason))
        except (ValueError, RecursionError):  # also of text that is not UTF-8
            report.reject(line, "not JSON")
        else:
            if not known.issuperset(names):
                report.columns += [name for name in names if name not in known]
                known.update(names)
            yield line, names, values


def _members(text: str) -> tuple[tuple[str, ...], list[str]]:
    found = _decode(text)
    if not isinstance(found, _Members):
        raise RowRejected("not a JSON object")
    names = tuple(_term(name) for name, _ in found)
    for name, value in found:
        if isinstance(value, dict | list):
            raise RowRejected(f"{name[:40]}: a list or an object, expected one value")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise RowRejected(f"{twice[:40]}: twice")
    if not set(names) >= _NEEDED:
        raise RowRejected(f"no {terms.TIMESTAMP}, {terms.LON} or {terms.LAT}")
    for name in names:
        checked_name(name)
    return names, [_plain(value) for _, value in found]


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _blocks(rows: Iterator[_Row], reader: RowReader) -> Iterator[list[Event]]:
    while chunk := list(islice(rows, _BLOCK_ROWS)):
        for names, alike in groupby(chunk, itemgetter(1)):
            lines, _, values = zip(*alike, strict=True)
            yield reader.events(names, lines, values)
    reader.close()
