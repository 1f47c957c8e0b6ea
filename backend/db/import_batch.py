"""Rows of an import as columns: which of them say the same, and how they go into the database."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from backend.db.copy import HEADER, POSTGRES_EPOCH_US, TRAILER
from backend.movebank import terms
from backend.movebank.columns import Events, Floats, Integers, Names
from backend.movebank.report import Report
from backend.movebank.rows import SEPARATOR

_BLOCK_ROWS = 20_000
_ROW = np.dtype([
    ("fields", ">i2"), ("size1", ">i4"), ("collar", ">i4"), ("size2", ">i4"), ("record", ">i8"),
    ("size3", ">i4"), ("recorded_at", ">i8"), ("size4", ">i4"), ("header", ">i4"),
    ("words", ">i4"),
])  # fmt: skip
"""A row of `imported_event` as binary COPY has it, up to the length of its words."""


class Header(NamedTuple):
    """Which terms the words of a row have."""

    number: int
    terms: tuple[str, ...]


@dataclass
class Batch:
    """Rows of an import, in columns of (n,)."""

    line: Integers
    collar: Integers
    animal: Integers
    """0: on no animal"""
    time_us: Integers
    """Unix time [us]"""
    lat: Floats
    """NaN: no position"""
    lon: Floats
    altitude_m: Floats
    accuracy_m: Floats
    outlier: Integers
    header: Integers
    words: Any
    """Arrow strings"""
    headers: Mapping[int, tuple[str, ...]]
    order: NDArray[np.intp] = field(init=False)
    """By collar, time and line"""
    live: NDArray[np.bool_] = field(init=False)
    """Still to be stored"""
    number: Integers = field(init=False)
    """Which of the differing rows of a tag and time it is"""

    def __post_init__(self) -> None:
        self.order = np.lexsort((self.line, self.time_us, self.collar))
        self.live = np.ones(len(self.line), bool)
        self.number = np.zeros(len(self.line), np.int64)

    @classmethod
    def of(
        cls, part: Sequence[Events], names: Mapping[Names, tuple[int, int]],
        headers: Mapping[tuple[str, ...], Header],
    ) -> Batch:  # fmt: skip
        """Rows that were read, by the numbers that the database has for their names."""
        numbers = [np.array([names[name] for name in one.names], np.int64) for one in part]
        whom = np.concatenate([
            found[one.name] for found, one in zip(numbers, part, strict=True)
        ])  # fmt: skip
        head = np.repeat(
            [headers[one.terms].number for one in part], [len(one.line) for one in part]
        )
        line, time_us, lat, lon, altitude, accuracy, outlier = (
            np.concatenate([getattr(one, name) for one in part])
            for name in ("line", "time_us", "lat", "lon", "altitude_m", "accuracy_m", "outlier")
        )
        return cls(
            line, whom[:, 0], whom[:, 1], time_us, lat, lon, altitude, accuracy, outlier, head,
            pa.concat_arrays([one.words for one in part]),
            {one.number: one.terms for one in headers.values()},
        )  # fmt: skip

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Which rows have a position."""
        return ~np.isnan(self.lat)

    @property
    def record(self) -> Integers:
        """The numbers of the records."""
        return self.time_us // 1000 * 16 + self.number

    def number_repeats(self, report: Report, most: int) -> None:
        """Rows of one collar and millisecond: the same is a repeat, others get numbers."""
        collar, at = self.collar[self.order], self.time_us[self.order] // 1000
        again = np.zeros(len(collar), bool)
        again[1:] = (collar[1:] == collar[:-1]) & (at[1:] == at[:-1])
        if not again.any():
            return
        group = np.cumsum(~again)
        several = np.isin(group, group[again])
        seen: dict[int, dict[Any, int]] = {}
        chosen = np.flatnonzero(several)
        by_line = chosen[np.argsort(self.line[self.order[chosen]])]
        for one, row in zip(group[by_line].tolist(), self.order[by_line].tolist(), strict=True):
            numbers = seen.setdefault(one, {})
            content = self._content(row)
            if content in numbers:
                report.duplicate += 1
                self.live[row] = False
            elif len(numbers) > most:
                why = f"more than {most + 1} different rows of one tag and time"
                self.reject([row], why, report)
            else:
                self.number[row] = numbers[content] = len(numbers)

    def reject(self, rows: Sequence[int] | NDArray[np.intp], why: str, report: Report) -> None:
        """Leave out rows for a reason."""
        self.live[rows] = False
        for line in self.line[rows].tolist():
            report.reject(line, why)

    def _content(self, row: int) -> Any:
        """All that two rows have in common if they say the same; their own number is not of it."""
        words = self.words[row].as_py().split(SEPARATOR)
        told = zip(self.headers[int(self.header[row])], words, strict=True)
        place = None if np.isnan(self.lat[row]) else (self.lat[row], self.lon[row])
        return (
            int(self.time_us[row]), int(self.animal[row]), place, int(self.outlier[row]),
            frozenset(
                (term, word) for term, word in told
                if word and term != terms.EVENT_ID and (term, word) != (terms.SENSOR, "gps")
            ),
        )  # fmt: skip

    def event_rows(self, rows: NDArray[np.intp], record: Integers) -> Iterator[bytes]:
        """Some rows for a binary COPY into `imported_event`."""
        yield HEADER
        for start in range(0, len(rows), _BLOCK_ROWS):
            part = rows[start : start + _BLOCK_ROWS]
            words = pc.cast(self.words.take(pa.array(part)), pa.binary())
            fixed = np.empty(len(part), _ROW)
            fixed["fields"] = 5
            fixed["size1"] = fixed["size4"] = 4
            fixed["size2"] = fixed["size3"] = 8
            fixed["collar"] = self.collar[part]
            fixed["record"] = record[part]
            fixed["recorded_at"] = self.time_us[part] - POSTGRES_EPOCH_US
            fixed["header"] = self.header[part]
            fixed["words"] = pc.binary_length(words).to_numpy()
            ends = np.arange(len(part) + 1, dtype=np.int32) * _ROW.itemsize
            before = pa.Array.from_buffers(
                pa.binary(), len(part), [None, pa.py_buffer(ends), pa.py_buffer(fixed.tobytes())]
            )
            joined = pc.binary_join_element_wise(before, words, b"")
            size = struct.unpack("=i", joined.buffers()[1][4 * len(part) : 4 * len(part) + 4])[0]
            yield joined.buffers()[2][:size].to_pybytes()
        yield TRAILER
