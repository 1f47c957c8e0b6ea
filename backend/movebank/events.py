"""Event data in: Movebank CSV or lines of JSON, into rows of positions, every row accounted for.

A row is accepted, or rejected with its line and the reason; what makes the meaning of the whole
file doubtful (dates that can be read two ways, times with and without a zone, a column twice)
refuses it. Whatever a row holds beyond its place and time is kept word for word.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import IO, NamedTuple, TextIO

from backend.errors import BadRequest
from backend.movebank import terms
from backend.movebank.report import Report

_BLOCK_ROWS = 5_000  # read, checked and sent at a time
_FUTURE = timedelta(days=1)  # how far a clock may be ahead
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6}0*)?)?(?P<zone>Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_TWO_WAYS = re.compile(r"\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})\b", re.ASCII)
_ANY = (-math.inf, math.inf)
_BOUNDS = {
    terms.LAT: (-90, 90),
    terms.LON: (-180, 180),
    terms.ALTITUDE: (-32_768, 100_000),
    **dict.fromkeys(terms.ACCURACIES, (0, 1_000_000)),
}
_TRUTH = {"true": True, "false": False, "": False, "1": True, "0": False}
_LONGEST = 10_000  # characters of a value

_PLACED = frozenset({
    terms.VISIBLE, terms.TIMESTAMP, terms.LON, terms.LAT, terms.TAXON, terms.TAG, terms.ANIMAL,
    terms.STUDY,
})  # fmt: skip
"""Terms with a column of their own in the database: not kept as attributes."""


class Event(NamedTuple):
    """One accepted row."""

    line: int
    tag: str
    animal: str
    """Empty: the tag was on no animal"""
    taxon: str
    recorded_at: datetime
    """UTC"""
    lat: float | None
    """[deg]; None: the row has no position (a search that found none)"""
    lon: float | None
    altitude_m: float | None
    accuracy_m: float | None
    outlier: int
    """Sum of the bits of `terms.MARKS`"""
    attributes: dict[str, str]
    """All else, by term, as the file has it; blanks left out"""


class FileRefused(BadRequest):
    """A file whose meaning is in doubt as a whole; nothing of it is stored."""

    def __init__(self, line: int, name: str, value: object, expected: str) -> None:
        super().__init__(name, value, expected)
        self.line = line
        self.args = (f"line {line}: {self.args[0]}",)


class RowRejected(Exception):
    """A row that cannot be stored; the text is the reason, without the value."""


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
        columns = _event_columns(header, report)
        reader = _RowReader(now, report)
        yield from _blocks(csv_rows(rows, header, columns, report), reader, report)
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
    reader = _RowReader(now, report)
    yield from _blocks(_json_rows(file, report), reader, report)


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
    rows: Iterator[list[str]], header: list[str], columns: list[str], report: Report
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and values of each row that has a value for every column."""
    width = len(columns)
    line = 2
    reader = rows
    for row in reader:
        end = reader.line_num  # type: ignore[attr-defined]
        if not row:
            line = end + 1
            continue  # an empty line is no row
        report.rows_in += 1
        if len(row) == width and row != header:
            yield line, dict(zip(columns, row, strict=True))
        elif row == header:
            report.reject(line, "the header again")
        else:
            report.reject(line, f"{len(row)} values where the header has {width}")
        line = end + 1


def _json_rows(file: IO[bytes], report: Report) -> Iterator[tuple[int, dict[str, str]]]:
    for line, text in enumerate(file, 1):
        if not text.strip():
            continue
        report.rows_in += 1
        try:
            value = json.loads(text)
        except ValueError:
            report.reject(line, "not JSON")
            continue
        if not isinstance(value, dict):
            report.reject(line, "not a JSON object")
            continue
        found: dict[str, str] = {}
        for name, part in value.items():
            if isinstance(part, dict | list):
                report.reject(line, f"{name}: a list or an object, expected one value")
                break
            found[terms.from_api(name)] = _plain(part)
        else:
            if {terms.TIMESTAMP, terms.LON, terms.LAT} <= found.keys():
                yield line, found
            else:
                report.reject(line, f"no {terms.TIMESTAMP}, {terms.LON} or {terms.LAT}")


def _plain(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _blocks(
    rows: Iterator[tuple[int, dict[str, str]]], reader: _RowReader, report: Report
) -> Iterator[list[Event]]:
    while chunk := list(islice(rows, _BLOCK_ROWS)):
        block = []
        for line, values in chunk:
            try:
                block.append(reader.event(line, values))
            except RowRejected as reason:
                report.reject(line, str(reason))
        yield block
    reader.close()


class TimeReader:
    """Times as Movebank writes them; remembers whether those of this file name a zone."""

    def __init__(self, now: datetime) -> None:
        self._latest = now + _FUTURE
        self._zoned: bool | None = None
        self._zone_line = 0

    def read(self, line: int, name: str, text: str) -> datetime:
        """The time that a text means.

        Raises:
            RowRejected: it means none, or one that cannot be.
            FileRefused: it shows that the times of this file cannot be told.
        """
        match = _TIME.fullmatch(text)
        if not match:
            if _TWO_WAYS.match(text):
                raise FileRefused(
                    line, name, text,
                    "yyyy-MM-dd HH:mm:ss.SSS (day and month cannot be told apart)",
                )  # fmt: skip
            raise RowRejected(f"{name}: expected yyyy-MM-dd HH:mm:ss.SSS")
        zoned = match["zone"] is not None
        if self._zoned is None:
            self._zoned, self._zone_line = zoned, line
        elif zoned != self._zoned:
            raise FileRefused(
                line, name, text,
                f"a zone in all times or in none (line {self._zone_line} is the other way)",
            )  # fmt: skip
        try:
            time = datetime.fromisoformat(text)
            time = time.astimezone(UTC) if zoned else time.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise RowRejected(f"{name}: no such day or time") from None
        if time > self._latest:
            raise RowRejected(f"{name}: in the future")
        if time < _GPS_EPOCH:
            raise RowRejected(f"{name}: before 1980-01-06, when GPS time begins")
        return time


class _RowReader:
    """Rows to events; remembers what only shows over several rows."""

    def __init__(self, now: datetime, report: Report) -> None:
        self.times = TimeReader(now)
        self.report = report
        self.newest: dict[str, datetime] = {}
        self.backwards: dict[str, int] = {}

    def event(self, line: int, values: dict[str, str]) -> Event:
        """The event of a row.

        Raises:
            RowRejected: this row cannot be stored.
            FileRefused: its time shows that the file cannot be meant.
        """
        get = values.get
        tag = get(terms.TAG, "").strip()
        animal = get(terms.ANIMAL, "").strip()
        if not tag and not animal:
            raise RowRejected("neither a tag nor an animal is named")
        sensor = get(terms.SENSOR, "").strip().lower()
        if sensor and sensor not in terms.SENSORS:
            raise RowRejected(f"sensor-type {sensor[:40]!r}: expected one that gives positions")
        recorded_at = self.times.read(line, terms.TIMESTAMP, get(terms.TIMESTAMP, "").strip())
        lat, lon = _position(get(terms.LAT, "").strip(), get(terms.LON, "").strip())
        attributes, numbers = _attributes(values)
        self._note_order(tag or animal, recorded_at)
        return Event(
            line, tag or animal, animal, get(terms.TAXON, "").strip(), recorded_at, lat, lon,
            numbers.get(terms.ALTITUDE), _accuracy(numbers), _outlier(values), attributes,
        )  # fmt: skip

    def close(self) -> None:
        """Warn of what showed over the whole file."""
        for tag, times in self.backwards.items():
            self.report.warn(
                f"tag {tag!r}: time runs backwards by more than a day {times} times; "
                "are day and month exchanged?"
            )

    def _note_order(self, tag: str, time: datetime) -> None:
        newest = self.newest.get(tag)
        if newest is None or time > newest:
            self.newest[tag] = time
        elif newest - time > timedelta(days=1):
            self.backwards[tag] = self.backwards.get(tag, 0) + 1
            self.newest[tag] = time


def _position(lat_text: str, lon_text: str) -> tuple[float | None, float | None]:
    if not lat_text and not lon_text:
        return None, None
    if not lat_text or not lon_text:
        raise RowRejected(f"only one of {terms.LAT} and {terms.LON}")
    lat, lon = number(terms.LAT, lat_text), number(terms.LON, lon_text)
    return lat, lon


def number(name: str, text: str) -> float:
    """The number that a text means.

    Raises:
        RowRejected: it is none, or out of what the term allows.
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        raise RowRejected(f"{name}: expected a number")
    low, high = _BOUNDS.get(name, _ANY)
    if not low <= value <= high:
        raise RowRejected(f"{name}: expected {low} to {high}")
    return value


def _attributes(values: dict[str, str]) -> tuple[dict[str, str], dict[str, float]]:
    """What a row says beyond place and time, and those of it that are numbers."""
    attributes, numbers = {}, {}
    for name, value in values.items():
        if not value or name in _PLACED:
            continue
        if name in terms.NUMBERS:
            numbers[name] = number(name, value)
        elif len(value) > _LONGEST or "\0" in value:
            raise RowRejected(f"{name[:40]}: expected at most {_LONGEST} characters, no NUL")
        attributes[name] = value
    return attributes, numbers


def _accuracy(numbers: dict[str, float]) -> float | None:
    return next((numbers[name] for name in terms.ACCURACIES if name in numbers), None)


def _outlier(values: dict[str, str]) -> int:
    """The flags of a row; one that is merely not visible was marked before it came here."""
    bits = 0
    for name, bit in terms.MARKS.items():
        if values.get(name) and _truth(values, name):
            bits |= bit
    if not bits & 7 and values.get(terms.VISIBLE) and not _truth(values, terms.VISIBLE):
        bits |= terms.MARKS["import-marked-outlier"]
    return bits


def _truth(values: dict[str, str], name: str) -> bool:
    value = _TRUTH.get(values[name].strip().lower())
    if value is None:
        raise RowRejected(f"{name}: expected true or false")
    return value
