"""Many rows of event data at once: each column is read and checked as a whole.

Whatever a column shows to be doubtful is read again row by row (`rows`), which finds the reason;
both ways give the same events.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backend.movebank import rows, terms
from backend.movebank.report import Report
from backend.movebank.rows import SEPARATOR, Event, RowRejected

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_DAY_US = 86_400_000_000
_LABELS = (terms.TAG, terms.ANIMAL, terms.TAXON)
_FEW = 8  # rows for which columns are not worth while
_PLAIN_TIME = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?$"
_ZONED_TIME = _PLAIN_TIME.removesuffix("$") + r"(Z|[+-]\d\d:?\d\d)$"

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]


class Names(NamedTuple):
    """Whom a row is about."""

    tag: str
    animal: str
    """Empty: the tag was on no animal"""
    taxon: str


class Events(NamedTuple):
    """Accepted rows that all have the same terms; columns of (n,)."""

    terms: tuple[str, ...]
    """Of `words`"""
    names: list[Names]
    line: Integers
    name: Integers
    """Which of `names`"""
    time_us: Integers
    """Unix time [us]"""
    lat: Floats
    """[deg]; NaN: the row has no position (a search that found none)"""
    lon: Floats
    altitude_m: Floats
    """NaN: not known; so with the accuracy"""
    accuracy_m: Floats
    outlier: Integers
    """Sum of the bits of `terms.MARKS`"""
    words: Any
    """Arrow strings: all else in the file's words, apart by `SEPARATOR`"""

    @classmethod
    def of(cls, kept: tuple[str, ...], events: Sequence[Event]) -> Events:
        """Events that were read one by one."""
        names = [Names(one.tag, one.animal, one.taxon) for one in events]
        places = {name: place for place, name in enumerate(dict.fromkeys(names))}
        columns = list(zip(*events, strict=True)) or [()] * len(Event._fields)
        times = [(one.recorded_at - _EPOCH) // _US for one in events]
        lat, lon, altitude, accuracy = (np.array(one, np.float64) for one in columns[5:9])
        return cls(
            kept, list(places), np.array(columns[0], np.int64),
            np.array([places[name] for name in names], np.int64), np.array(times, np.int64),
            lat, lon, altitude, accuracy, np.array(columns[9], np.int64),
            pa.array(columns[10], pa.string()),
        )  # fmt: skip

    def take(self, chosen: Truths) -> Events:
        """Some of the rows, and only their names."""
        used, name = np.unique(self.name[chosen], return_inverse=True)
        names = [self.names[one] for one in used]
        lat, lon, altitude, accuracy = (column[chosen] for column in self[5:9])
        return Events(
            self.terms, names, self.line[chosen], name.astype(np.int64), self.time_us[chosen],
            lat, lon, altitude, accuracy, self.outlier[chosen],
            self.words.filter(pa.array(chosen)),
        )  # fmt: skip


class EventReader:
    """Rows to events; remembers what only shows over several rows of a file."""

    def __init__(self, now: datetime, report: Report) -> None:
        self._times = rows.TimeReader(now)
        self._report = report
        self._newest: dict[str, int] = {}
        self._backwards: dict[str, int] = {}

    def read(self, names: tuple[str, ...], lines: Integers, texts: Sequence[Any]) -> list[Events]:
        """The events of rows that all have the same terms; what is rejected goes to the report.

        Args:
            names: terms of the columns.
            lines: (n,), where each row began in the file.
            texts: for each term an Arrow array (n,) of strings; null is blank.

        Raises:
            FileRefused: a time shows that the file cannot be meant.
        """
        kept = rows.kept_terms(names)
        columns = dict(zip(names, texts, strict=True))
        together = None
        doubtful = np.arange(len(lines))
        if len(lines) > _FEW:
            table = _Table(columns, len(lines))
            together = table.events(kept, lines, self._times)
            doubtful = np.flatnonzero(~table.sound)
        apart = self._apart(columns, lines, doubtful)
        found = [one for one in (together, Events.of(kept, apart)) if one and len(one.line)]
        if found:
            self._note_order(found)
        return found

    def close(self) -> None:
        """Warn of what showed over the whole file."""
        for tag, times in self._backwards.items():
            self._report.warn(
                f"tag {tag!r}: time runs backwards by more than a day {times} times; "
                "are day and month exchanged?"
            )

    def _apart(
        self, columns: dict[str, Any], lines: Integers, chosen: NDArray[np.intp]
    ) -> list[Event]:
        found = []
        texts = [column.take(pa.array(chosen)).to_pylist() for column in columns.values()]
        for line, *values in zip(lines[chosen].tolist(), *texts, strict=True):
            row = {name: value or "" for name, value in zip(columns, values, strict=True)}
            try:
                found.append(rows.read_row(self._times, line, row))
            except RowRejected as reason:
                self._report.reject(line, str(reason))
        return found

    def _note_order(self, found: Sequence[Events]) -> None:
        """Count where the time of a tag falls back by more than a day, in the file's order."""
        tags: dict[str, int] = {}
        parts = []
        for events in found:
            places = [tags.setdefault(name.tag, len(tags)) for name in events.names]
            parts.append((events.line, np.array(places)[events.name], events.time_us))
        line, tag, time = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.lexsort((line, tag))
        tag, time = tag[order], time[order]
        starts = np.flatnonzero(np.diff(tag, prepend=-1)).tolist()
        for name, start, end in zip(tags, starts, [*starts[1:], len(tag)], strict=True):
            newest = self._newest.get(name, int(time[start]))
            part = time[start:end]
            if part[0] >= newest and (part[1:] >= part[:-1]).all():
                self._newest[name] = int(part[-1])
                continue
            for one in part.tolist():
                if one > newest:
                    newest = one
                elif newest - one > _DAY_US:
                    self._backwards[name] = self._backwards.get(name, 0) + 1
                    newest = one
            self._newest[name] = newest


class _Table:
    """Columns of some rows, and which of these rows no column has shown to be doubtful."""

    def __init__(self, columns: dict[str, Any], size: int) -> None:
        self._columns = columns
        self._size = size
        self.sound: Truths = np.ones(size, bool)

    def events(
        self, kept: tuple[str, ...], lines: Integers, times: rows.TimeReader
    ) -> Events | None:
        """The events of the sound rows; None where there is none."""
        time_us = self._times(lines, times)
        numbers = {
            name: self._numbers(name)
            for name in self._columns
            if name in terms.NUMBERS or name in (terms.LAT, terms.LON)
        }
        unknown = np.full(self._size, np.nan)
        lat, lon, altitude, *accuracies = (
            numbers.get(name, unknown)
            for name in (terms.LAT, terms.LON, terms.ALTITUDE, *terms.ACCURACIES)
        )
        self.sound &= np.isnan(lat) == np.isnan(lon)
        accuracy = np.where(np.isnan(accuracies[0]), accuracies[1], accuracies[0])
        if terms.SENSOR in self._columns:
            self._meanings(terms.SENSOR, rows.sensor)
        outlier = self._outliers()
        names, name = self._names()
        words = self._words(kept)
        if words is None:
            self.sound[:] = False
        if not self.sound.any():
            return None
        found = Events(
            kept, names, lines, name, time_us, lat, lon, altitude, accuracy, outlier, words
        )
        return found if self.sound.all() else found.take(self.sound)

    def _times(self, lines: Integers, times: rows.TimeReader) -> Integers:
        texts = self._columns[terms.TIMESTAMP]
        zoned = None
        for line, text in zip(lines.tolist(), texts, strict=True):
            zoned = times.zoned(line, text.as_py() or "")
            if zoned is not None:
                break
        pattern = _ZONED_TIME if zoned else _PLAIN_TIME
        self.sound &= _truths(pc.match_substring_regex(texts, pattern))
        kind = pa.timestamp("us", "UTC" if zoned else None)
        found = self._cast(texts, kind).cast(pa.int64()).fill_null(0).to_numpy()
        first, last = ((time - _EPOCH) // _US for time in (rows.GPS_EPOCH, times.latest))
        self.sound &= (found >= first) & (found <= last)
        return np.asarray(found, np.int64)

    def _numbers(self, name: str) -> Floats:
        """Numbers, NaN where there is none."""
        column = self._columns[name]
        found: Floats = self._cast(column, pa.float64()).to_numpy(zero_copy_only=False)
        low, high = rows.BOUNDS.get(name, rows.ANY)
        with np.errstate(invalid="ignore"):
            good = np.isfinite(found) & (found >= low) & (found <= high)
        if not good.all():
            self.sound &= good | _truths(column.is_null())
        return found

    def _cast(self, column: Any, kind: Any, first: int = 0) -> Any:
        """A column as another type; what cannot be is null, and not sound. Halves find it."""
        try:
            return pc.cast(column, kind)
        except pa.ArrowInvalid:
            if len(column) == 1:
                self.sound[first] = False
                return pa.nulls(1, kind)
        half = len(column) // 2
        return pa.concat_arrays([
            self._cast(column[:half], kind, first), self._cast(column[half:], kind, first + half),
        ])  # fmt: skip

    def _meanings(self, name: str, read: Callable[[str], Any]) -> tuple[list[Any], Integers]:
        """What each text of a column means, found once, and which of these each row has."""
        column = self._columns.get(name)
        if column is None:
            return [read("")], np.zeros(self._size, np.int64)
        encoded = column.dictionary_encode()
        texts = [*encoded.dictionary.to_pylist(), ""]
        which = encoded.indices.fill_null(len(texts) - 1).to_numpy().astype(np.int64)
        found: list[Any] = []
        for number, text in enumerate(texts):
            try:
                found.append(read(text))
            except RowRejected:
                found.append(read(""))
                self.sound &= which != number
        return found, which

    def _outliers(self) -> Integers:
        bits = np.zeros(self._size, np.int64)
        for name in terms.MARKS:
            if name in self._columns:
                found, which = self._meanings(name, partial(rows.mark, name))
                bits |= np.array(found)[which]
        found, which = self._meanings(terms.VISIBLE, rows.is_hidden)
        hidden = np.array(found, bool)[which] & (bits & rows.OUTLIERS == 0)
        bits[hidden] |= rows.HIDDEN
        return bits

    def _labels(self, name: str) -> tuple[list[Any], Integers]:
        return self._meanings(name, partial(rows.label, name))

    def _names(self) -> tuple[list[Names], Integers]:
        """The names that occur, and which of them each row has."""
        (tags, tag), (animals, animal), (taxa, taxon) = map(self._labels, _LABELS)
        code = (tag * len(animals) + animal) * len(taxa) + taxon
        codes, which = np.unique(code, return_inverse=True)
        found = []
        for number, one in enumerate(codes.tolist()):
            rest, taxon_place = divmod(one, len(taxa))
            tag_place, animal_place = divmod(rest, len(animals))
            name = animals[animal_place]
            found.append(Names(tags[tag_place] or name, name, taxa[taxon_place]))
            if not found[-1].tag:
                self.sound &= which != number
        return found, which.astype(np.int64)

    def _words(self, kept: tuple[str, ...]) -> Any:
        """All else of each row; None where a separator would stand inside of a word."""
        columns = [self._columns[name] for name in kept]
        for column in columns:
            sizes = pc.binary_length(column)
            if (pc.max(sizes).as_py() or 0) > rows.LONGEST:
                self.sound &= ~_truths(pc.greater(sizes, rows.LONGEST))
        if not columns:
            return pa.array([""] * self._size)
        words = pc.binary_join_element_wise(*columns, SEPARATOR, null_handling="replace")
        letters = np.frombuffer(words.buffers()[2] or b"", np.uint8)
        letters = letters[: pc.sum(pc.binary_length(words)).as_py()]
        separators = int(np.count_nonzero(letters == ord(SEPARATOR)))
        whole = separators == self._size * (len(columns) - 1) and letters.all()
        return words if whole else None


def _truths(found: Any) -> Truths:
    """An Arrow array of truths; null is false."""
    return np.asarray(found.fill_null(False).to_numpy(zero_copy_only=False), bool)
