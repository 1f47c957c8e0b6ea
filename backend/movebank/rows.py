"""The meaning of one row of event data, with the reason where it cannot be stored.

`columns` reads many rows at once and gives what it doubts to this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from backend.errors import BadRequest
from backend.movebank import terms

FUTURE = timedelta(days=1)  # how far a clock may be ahead
GPS_EPOCH = datetime(1980, 1, 6, tzinfo=UTC)
TIME = re.compile(
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6}0*)?)?(?P<zone>Z|[+-]\d\d:?\d\d)?", re.ASCII
)
_TWO_WAYS = re.compile(r"\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})\b", re.ASCII)
ANY = (-math.inf, math.inf)
BOUNDS = {
    terms.LAT: (-90, 90),
    terms.LON: (-180, 180),
    terms.ALTITUDE: (-32_768, 100_000),
    **dict.fromkeys(terms.ACCURACIES, (0, 1_000_000)),
}
_TRUTH = {"true": True, "false": False, "": False, "1": True, "0": False}
LONGEST = 10_000  # characters of a value
_LONGEST_NAME = 200
OUTLIERS = 7  # any of the marks but that of a valid one
HIDDEN = terms.MARKS["import-marked-outlier"]  # what "not visible" stands for by itself

_PLACED = frozenset({
    terms.VISIBLE, terms.TIMESTAMP, terms.LON, terms.LAT, terms.TAXON, terms.TAG, terms.ANIMAL,
    terms.STUDY,
})  # fmt: skip
"""Terms with a column of their own in the database: not kept as attributes."""


SEPARATOR = "\x1f"  # of the words that are kept of a row


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
    words: str
    """All else as the file has it: the values of `kept_terms`, apart by `SEPARATOR`"""


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
        self.latest = now + FUTURE
        self._zoned: bool | None = None
        self._zone_line = 0

    def zoned(self, line: int, text: str) -> bool | None:
        """Whether the times of this file name a zone; `text`, the next one, decides if none has.

        None: `text` is no time either.
        """
        if self._zoned is None and (match := TIME.fullmatch(text)):
            self._zoned, self._zone_line = match["zone"] is not None, line
        return self._zoned

    def read(self, line: int, name: str, text: str) -> datetime:
        """The time that a text means.

        Raises:
            RowRejected: it means none, or one that cannot be.
            FileRefused: it shows that the times of this file cannot be told.
        """
        match = TIME.fullmatch(text)
        if not match:
            if _TWO_WAYS.match(text):
                raise FileRefused(
                    line, name, text,
                    "yyyy-MM-dd HH:mm:ss.SSS (day and month cannot be told apart)",
                )  # fmt: skip
            raise RowRejected(f"{name}: expected yyyy-MM-dd HH:mm:ss.SSS")
        zoned = match["zone"] is not None
        if zoned != self.zoned(line, text):
            raise FileRefused(
                line, name, text,
                f"a zone in all times or in none (line {self._zone_line} is the other way)",
            )  # fmt: skip
        try:
            time = datetime.fromisoformat(text)
            time = time.astimezone(UTC) if zoned else time.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise RowRejected(f"{name}: no such day or time") from None
        if time > self.latest:
            raise RowRejected(f"{name}: in the future")
        if time < GPS_EPOCH:
            raise RowRejected(f"{name}: before 1980-01-06, when GPS time begins")
        return time


def read_row(times: TimeReader, line: int, values: Mapping[str, str]) -> Event:
    """The event of a row.

    Raises:
        RowRejected: this row cannot be stored.
        FileRefused: its time shows that the file cannot be meant.
    """
    get = values.get
    tag, animal, taxon = (
        label(name, get(name, "")) for name in (terms.TAG, terms.ANIMAL, terms.TAXON)
    )
    if not tag and not animal:
        raise RowRejected("neither a tag nor an animal is named")
    sensor(get(terms.SENSOR, ""))
    recorded_at = times.read(line, terms.TIMESTAMP, get(terms.TIMESTAMP, "").strip())
    lat, lon = _position(get(terms.LAT, "").strip(), get(terms.LON, "").strip())
    words = [_word(name, values[name]) for name in kept_terms(values)]
    numbers = (number(name, value) for name in terms.ACCURACIES if (value := get(name)))
    altitude = get(terms.ALTITUDE)
    return Event(
        line, tag or animal, animal, taxon, recorded_at, lat, lon,
        number(terms.ALTITUDE, altitude) if altitude else None, next(numbers, None),
        _outlier(values), SEPARATOR.join(words),
    )  # fmt: skip


def kept_terms(names: Iterable[str]) -> tuple[str, ...]:
    """The terms without a column of their own in the database; the event's own number first."""
    kept = [name for name in names if name not in _PLACED]
    return tuple(sorted(kept, key=lambda name: name != terms.EVENT_ID))


def label(name: str, text: str) -> str:
    """A tag, an animal or a taxon, or RowRejected; they stand in indexes: no long text."""
    return checked(name, text.strip(), _LONGEST_NAME)


def checked(name: str, text: str, longest: int = LONGEST) -> str:
    """Text that the database can hold, as it is, or RowRejected."""
    if len(text) > longest or not (text.isprintable() or _is_storable(text)):
        raise RowRejected(
            f"{name[:40]}: expected at most {longest} characters of Unicode, "
            "no NUL and no separator of units"
        )
    return text


def checked_name(name: str) -> None:
    """Check that a column can have a name.

    Raises:
        RowRejected: the database could not hold it.
    """
    checked("name of a column", name, _LONGEST_NAME)


def _is_storable(text: str) -> bool:
    return not any(
        letter in ("\0", SEPARATOR) or "\ud800" <= letter <= "\udfff" for letter in text
    )


def sensor(text: str) -> str:
    """The name of a sensor, or RowRejected where it gives no positions."""
    name = text.strip().lower()
    if name and name not in terms.SENSORS:
        raise RowRejected(f"sensor-type {name[:40]!r}: expected one that gives positions")
    return name


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
    low, high = BOUNDS.get(name, ANY)
    if not low <= value <= high:
        raise RowRejected(f"{name}: expected {low} to {high}")
    return value


def _word(name: str, value: str) -> str:
    if value and name in terms.NUMBERS:
        number(name, value)
    return checked(name, value)


def _outlier(values: Mapping[str, str]) -> int:
    """The flags of a row; one that is merely not visible was marked before it came here."""
    bits = 0
    for name in terms.MARKS:
        bits |= mark(name, values.get(name, ""))
    if not bits & OUTLIERS and is_hidden(values.get(terms.VISIBLE, "")):
        bits |= HIDDEN
    return bits


def is_hidden(text: str) -> bool:
    """Whether `visible` says no, or RowRejected."""
    return bool(text) and not _truth(terms.VISIBLE, text)


def mark(name: str, text: str) -> int:
    """The bit of a mark where it is set, or RowRejected."""
    return terms.MARKS[name] if text and _truth(name, text) else 0


def _truth(name: str, text: str) -> bool:
    value = _TRUTH.get(text.strip().lower())
    if value is None:
        raise RowRejected(f"{name}: expected true or false")
    return value
