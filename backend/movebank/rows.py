"""The meaning of rows of event data: one by one, or many of a kind together.

Together, each column is read as a whole and each text once for all rows that have it: four times
as fast. Where anything is amiss in a table of rows they are read again one by one, which finds
the lines and reasons; both ways give the same events.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial, reduce
from operator import or_
from typing import Any, NamedTuple

from backend.errors import BadRequest
from backend.movebank import terms
from backend.movebank.report import Report

_FUTURE = timedelta(days=1)  # how far a clock may be ahead
_DAY = timedelta(days=1)
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
_LONGEST_NAME = 200

_PLACED = frozenset({
    terms.VISIBLE, terms.TIMESTAMP, terms.LON, terms.LAT, terms.TAXON, terms.TAG, terms.ANIMAL,
    terms.STUDY,
})  # fmt: skip
"""Terms with a column of their own in the database: not kept as attributes."""


_MOST_KEPT = 20_000  # texts of a column whose meaning is remembered
_dumps = json.JSONEncoder(ensure_ascii=False).encode


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
    attributes: str
    """All else as a JSON object, by term, in the file's words; blanks left out"""


class FileRefused(BadRequest):
    """A file whose meaning is in doubt as a whole; nothing of it is stored."""

    def __init__(self, line: int, name: str, value: object, expected: str) -> None:
        super().__init__(name, value, expected)
        self.line = line
        self.args = (f"line {line}: {self.args[0]}",)


class RowRejected(Exception):
    """A row that cannot be stored; the text is the reason, without the value."""


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
        return self._time(name, text, zoned)

    def together(self, lines: Sequence[int], texts: Sequence[str]) -> list[datetime]:
        """The times of a column.

        Raises:
            RowRejected: something is amiss with at least one; nothing is remembered of them.
        """
        texts = [text.strip() for text in texts]
        zones = {match and match["zone"] is not None for match in map(_TIME.fullmatch, texts)}
        if len(zones) > 1 or None in zones or self._zoned not in (None, *zones):
            raise RowRejected("a time is not like the others")
        zoned = True in zones
        times = [self._time(terms.TIMESTAMP, text, zoned) for text in texts]
        if self._zoned is None:
            self._zoned, self._zone_line = zoned, lines[0]
        return times

    def _time(self, name: str, text: str, zoned: bool) -> datetime:
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


class RowReader:
    """Rows to events; remembers what only shows over several rows."""

    def __init__(self, now: datetime, report: Report) -> None:
        self.times = TimeReader(now)
        self.report = report
        self.newest: dict[str, datetime] = {}
        self.backwards: dict[str, int] = {}
        self._tables: dict[tuple[str, ...], _Table] = {}

    def events(
        self, names: tuple[str, ...], lines: Sequence[int], rows: Sequence[Sequence[str]]
    ) -> list[Event]:
        """The events of rows that all have the same terms; what is rejected goes to the report.

        Raises:
            FileRefused: a time shows that the file cannot be meant.
        """
        table = self._tables.get(names)
        if table is None:
            self._tables.clear()  # lines of JSON can have any number of shapes
            table = self._tables[names] = _Table(names, self.times)
        try:
            found = table.events(lines, rows)
        except RowRejected:
            found = []
            for line, row in zip(lines, rows, strict=True):
                try:
                    found.append(self.event(line, dict(zip(names, row, strict=True))))
                except RowRejected as reason:
                    self.report.reject(line, str(reason))
        for event in found:
            self._note_order(event.tag, event.recorded_at)
        return found

    def event(self, line: int, values: dict[str, str]) -> Event:
        """The event of a row.

        Raises:
            RowRejected: this row cannot be stored.
            FileRefused: its time shows that the file cannot be meant.
        """
        get = values.get
        tag, animal, taxon = (
            _name(name, get(name, "")) for name in (terms.TAG, terms.ANIMAL, terms.TAXON)
        )
        if not tag and not animal:
            raise RowRejected("neither a tag nor an animal is named")
        _sensor(get(terms.SENSOR, ""))
        recorded_at = self.times.read(line, terms.TIMESTAMP, get(terms.TIMESTAMP, "").strip())
        lat, lon = _position(get(terms.LAT, "").strip(), get(terms.LON, "").strip())
        members = [_member(name, value) for name, value in values.items() if name not in _PLACED]
        numbers = (number(name, value) for name in terms.ACCURACIES if (value := get(name)))
        altitude = get(terms.ALTITUDE)
        return Event(
            line, tag or animal, animal, taxon, recorded_at, lat, lon,
            number(terms.ALTITUDE, altitude) if altitude else None, next(numbers, None),
            _outlier(values), _object(members),
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
        elif newest - time > _DAY:
            self.backwards[tag] = self.backwards.get(tag, 0) + 1
            self.newest[tag] = time


class _Meaning(dict[str, Any]):
    """What each text of a column means, found once."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: str) -> Any:
        value = self[text] = self._read(text)
        return value

    def of(self, column: Sequence[str]) -> list[Any]:
        if len(self) > _MOST_KEPT:
            self.clear()
        return list(map(self.__getitem__, column))


class _Table:
    """Reads rows of the same terms together."""

    def __init__(self, names: tuple[str, ...], times: TimeReader) -> None:
        self._names = names
        self._times = times
        self._members = {
            name: _Meaning(partial(_member, name)) for name in names if name not in _PLACED
        }
        self._marks = {
            name: _Meaning(partial(_mark, name)) for name in terms.MARKS if name in names
        }
        self._hidden = _Meaning(_is_hidden)
        self._sensors = _Meaning(_sensor)
        self._labels = {
            name: _Meaning(partial(_name, name)) for name in (terms.TAG, terms.ANIMAL, terms.TAXON)
        }
        self._numbers = {
            name: _Meaning(partial(_number_or_none, name))
            for name in (terms.LAT, terms.LON, terms.ALTITUDE, *terms.ACCURACIES)
        }

    def events(self, lines: Sequence[int], rows: Sequence[Sequence[str]]) -> list[Event]:
        """The events of all rows, in their order.

        Raises:
            RowRejected: something is amiss with at least one; nothing is remembered of them.
        """
        columns = dict(zip(self._names, zip(*rows, strict=True), strict=True))
        blank = ("",) * len(rows)
        if terms.SENSOR in columns:
            self._sensors.of(columns[terms.SENSOR])
        tags, animals, taxa = (
            meaning.of(columns.get(name, blank)) for name, meaning in self._labels.items()
        )
        if not all(tags):
            tags = [tag or animal for tag, animal in zip(tags, animals, strict=True)]
            if not all(tags):
                raise RowRejected("a row names neither")
        lats, lons, altitudes, *accuracies = (
            meaning.of(columns.get(name, blank)) for name, meaning in self._numbers.items()
        )
        if any((lat is None) is not (lon is None) for lat, lon in zip(lats, lons, strict=True)):
            raise RowRejected("a row has half a position")
        members = [meaning.of(columns[name]) for name, meaning in self._members.items()]
        attributes = map(_object, zip(*members, strict=True)) if members else ["{}"] * len(rows)
        accuracy = reduce(_first_known, accuracies)
        outliers = self._outliers(columns, blank)
        times = self._times.together(lines, columns[terms.TIMESTAMP])
        return list(map(
            Event, lines, tags, animals, taxa, times, lats, lons, altitudes, accuracy, outliers,
            attributes,
        ))  # fmt: skip

    def _outliers(self, columns: Mapping[str, Sequence[str]], blank: Sequence[str]) -> list[int]:
        bits = [0] * len(blank)
        for name, meaning in self._marks.items():
            bits = list(map(or_, bits, meaning.of(columns[name])))
        hidden = self._hidden.of(columns.get(terms.VISIBLE, blank))
        if any(hidden):
            bits = [_with_hidden(one, hide) for one, hide in zip(bits, hidden, strict=True)]
        return bits


def _name(name: str, text: str) -> str:
    """A tag, an animal or a taxon; these stand in indexes, which hold no long text."""
    return _checked(name, text.strip(), _LONGEST_NAME)


def _checked(name: str, text: str, longest: int = _LONGEST) -> str:
    """Text that the database can hold, or RowRejected."""
    if len(text) > longest or "\0" in text or not (text.isascii() or _is_unicode(text)):
        raise RowRejected(f"{name[:40]}: expected at most {longest} characters of Unicode, no NUL")
    return text


def checked_name(name: str) -> None:
    """Check that a column can have a name.

    Raises:
        RowRejected: the database could not hold it.
    """
    _checked("name of a column", name, _LONGEST_NAME)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


def _sensor(text: str) -> None:
    sensor = text.strip().lower()
    if sensor and sensor not in terms.SENSORS:
        raise RowRejected(f"sensor-type {sensor[:40]!r}: expected one that gives positions")


def _position(lat_text: str, lon_text: str) -> tuple[float | None, float | None]:
    if not lat_text and not lon_text:
        return None, None
    if not lat_text or not lon_text:
        raise RowRejected(f"only one of {terms.LAT} and {terms.LON}")
    lat, lon = number(terms.LAT, lat_text), number(terms.LON, lon_text)
    return lat, lon


def _first_known(ones: Sequence[Any], others: Sequence[Any]) -> list[Any]:
    return [other if one is None else one for one, other in zip(ones, others, strict=True)]


def _number_or_none(name: str, text: str) -> float | None:
    if name in (terms.LAT, terms.LON):
        text = text.strip()
    return number(name, text) if text else None


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


def _member(name: str, value: str) -> str:
    """What a value adds to the JSON object of a row."""
    if not value:
        return ""
    if name in terms.NUMBERS:
        number(name, value)
    return f", {_dumps(name)}: {_dumps(_checked(name, value))}"


def _object(members: Sequence[str]) -> str:
    return f"{{{''.join(members)[2:]}}}"


def _outlier(values: dict[str, str]) -> int:
    """The flags of a row; one that is merely not visible was marked before it came here."""
    bits = 0
    for name in terms.MARKS:
        bits |= _mark(name, values.get(name, ""))
    if bits & 7:
        return bits
    return _with_hidden(bits, _is_hidden(values.get(terms.VISIBLE, "")))


def _with_hidden(bits: int, hidden: bool) -> int:
    return bits | terms.MARKS["import-marked-outlier"] if hidden and not bits & 7 else bits


def _is_hidden(text: str) -> bool:
    return bool(text) and not _truth(terms.VISIBLE, text)


def _mark(name: str, text: str) -> int:
    return terms.MARKS[name] if text and _truth(name, text) else 0


def _truth(name: str, text: str) -> bool:
    value = _TRUTH.get(text.strip().lower())
    if value is None:
        raise RowRejected(f"{name}: expected true or false")
    return value
