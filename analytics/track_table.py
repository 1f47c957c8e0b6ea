"""The rows of a track file: which columns it has, what stands in them, what is left out.

Reading is strict where a silent guess would move an animal: a row that is cut short, a value that
is not a number, a place off the globe is an error that names the line. What the formats allow is
kept out and counted: rows without coordinates (a failed fix), rows marked as outliers or not
visible, repeats.
"""

import csv
import math
from array import array
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics.sampling import REASONS, parse_reason

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

Floats = NDArray[np.float64]

# What each column may be called: Movebank's term, the plain word. Case does not matter, and its
# API's _ counts as - and as :.
_ANIMAL = ("individual-local-identifier", "individual")
_TIME = ("timestamp",)
_SECONDS = ("t_s",)
_LON = ("location-long", "lon")
_LAT = ("location-lat", "lat")
_X = ("x_m",)
_Y = ("y_m",)
_VISIBLE = ("visible",)
_OUTLIER = ("manually-marked-outlier", "algorithm-marked-outlier", "import-marked-outlier")
_VALID = ("manually-marked-valid",)
_RADIUS = (  # of error: of both directions together
    "location-error-numerical",
    "eobs:horizontal-accuracy-estimate",
    "horizontal-accuracy",
    "horiz_accuracy_m",
    "accuracy_m",
)
_AXIS = ("error_m",)  # standard deviation in each direction
_ELLIPSE = (("argos:semi-major",), ("argos:semi-minor",), ("argos:orientation",))
_REASON = ("reason", "fix-reason", "trigger")
_HDOP = ("gps:hdop", "hdop")

_EXTRA = ("axis", "radius", "hdop", "major", "minor", "orientation", "reason")
_OTHER = REASONS.index("other")


class TrackFileError(ValueError):
    """A track file that cannot be used; the message names the file, the line and the value."""


class TrackTable:
    """The rows of one file: fixes by animal, and what was left out.

    Args:
        path: the file.
        wanted: animals to read; none: all.
        one_without_name: whether a table without a column of animals is one animal's, named
            after the file.

    Attributes:
        found: by animal, the numbers of `columns_read` for each fix, one fix after the other.
        left_out: by animal, how many rows were left out, by reason.
    """

    def __init__(self, path: Path, wanted: set[str], one_without_name: bool = False) -> None:
        self.path = path
        self.wanted = wanted
        self.one_without_name = one_without_name
        self.line = 1
        self.columns: dict[str, int] = {}
        self.outliers: list[int] = []
        self.width = 0
        self.found: dict[str, array[float]] = {}
        self.columns_read = ["time", "first", "second"]
        self._pair = (0, 0)  # columns of longitude and latitude, or of x and y
        self._marks = False  # whether rows can be marked as not to be used
        self.left_out: dict[str, dict[str, int]] = {}
        self.others: set[str] = set()

    def read(self) -> None:
        """Read the whole file.

        Raises:
            TrackFileError: the file is missing, cut off or not such a table.
        """
        if not self.path.is_file():
            raise TrackFileError(f"{self.path}: no such file")
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                rows = csv.reader(file, strict=True)
                self._read_header([name.strip() for name in self._first(rows)])
                for name, row in self._rows(rows):
                    self._read_row(name, row)
        except UnicodeDecodeError as error:
            raise TrackFileError(f"{self.path}: not text in UTF-8: {error}") from error
        except csv.Error as error:
            self.line += 1
            raise self._error(str(error)) from error
        except OSError as error:
            raise TrackFileError(f"{self.path}: {error.strerror}") from error

    def rows_of(self, animal: str) -> Floats:
        """Returns the fixes of an animal in order of time, the first of those of one time.

        Returns:
            (n, k) float64: time [s], longitude and latitude [deg] or x and y [m], and whatever
            else `columns_read` names.

        Raises:
            TrackFileError: there are none.
        """
        found = self.found.get(animal)
        if not found:
            others = (self.others | self.found.keys() | self.left_out.keys()) - {animal}
            known = ", ".join(sorted(others)[:10]) or "none"
            raise TrackFileError(
                f"{self.path}: no position of animal {animal!r}; animals there: {known}"
            )
        table = np.frombuffer(found).reshape(-1, len(self.columns_read))
        _, first = np.unique(table[:, 0], return_index=True)
        if repeats := len(table) - len(first):
            self.left_out.setdefault(animal, {})["same time as an earlier row"] = repeats
        return table[first]

    def column(self, table: Floats, name: str) -> Floats | None:
        """Returns a column of `rows_of` by its name, None where the file has none."""
        if name not in self.columns_read:
            return None
        return table[:, self.columns_read.index(name)]

    @property
    def geographic(self) -> bool:
        """Whether positions are longitude and latitude, not metres."""
        return "lon" in self.columns and "lat" in self.columns

    def _first(self, rows: "CsvReader") -> list[str]:
        header = next(rows, None)
        if not header:
            raise TrackFileError(f"{self.path}: the file is empty, expected a header line")
        return header

    def _read_header(self, names: list[str]) -> None:
        self.width = len(names)
        for key, choices in {
            "animal": _ANIMAL,
            "time": _TIME,
            "seconds": _SECONDS,
            "lon": _LON,
            "lat": _LAT,
            "x": _X,
            "y": _Y,
            "visible": _VISIBLE,
            "valid": _VALID,
            "axis": _AXIS,
            "radius": _RADIUS,
            "hdop": _HDOP,
            "major": _ELLIPSE[0],
            "minor": _ELLIPSE[1],
            "orientation": _ELLIPSE[2],
            "reason": _REASON,
        }.items():
            if (at := _first_of(choices, names)) is not None:
                self.columns[key] = at
        self.outliers = [at for name in _OUTLIER if (at := _first_of((name,), names)) is not None]
        self.columns_read += [name for name in _EXTRA if name in self.columns]
        keys = ("lon", "lat") if self.geographic else ("x", "y")
        self._pair = (self.columns.get(keys[0], 0), self.columns.get(keys[1], 0))
        self._marks = bool(self.outliers) or "visible" in self.columns
        missing = []
        if "animal" not in self.columns and not self.one_without_name:
            missing.append(_ANIMAL[0])
        if not self.columns.keys() & {"time", "seconds"}:
            missing.append(_TIME[0])
        if not ({"lon", "lat"} <= self.columns.keys() or {"x", "y"} <= self.columns.keys()):
            missing.append("location-long and location-lat (or x_m and y_m)")
        if missing:
            raise TrackFileError(
                f"{self.path}: line 1 has the columns {', '.join(names)}; "
                f"missing: {', '.join(missing)}"
            )

    def _rows(self, rows: "CsvReader") -> Iterator[tuple[str, list[str]]]:
        """Yields the rows of animals that are wanted, with their names."""
        column = self.columns.get("animal")
        for row in rows:
            if rows.line_num > self.line + 1:
                raise TrackFileError(
                    f"{self.path}: lines {self.line + 1} to {rows.line_num} are one quoted value: "
                    "expected a row a line (a stray quotation mark?)"
                )
            self.line = rows.line_num
            if not row:
                continue
            if len(row) != self.width:
                raise self._error(
                    f"{len(row)} columns where the header has {self.width} (file cut off?)"
                )
            name = self.path.stem if column is None else row[column].strip()
            if self.wanted and name not in self.wanted:
                self.others.add(name)
            elif name:  # a tag that is on no animal has none
                yield name, row

    def _read_row(self, name: str, row: list[str]) -> None:
        """Keep the fix of a row, or count why not."""
        if self._marks and (reason := self._doubt(row)):
            self._leave_out(name, reason)
            return
        first_text, second_text = row[self._pair[0]].strip(), row[self._pair[1]].strip()
        if not first_text or not second_text:
            self._leave_out(name, "no coordinates")
            return
        first, second = self._number(first_text), self._number(second_text)
        if not (-180 <= first <= 180 and -90 <= second <= 90) and self.geographic:
            raise self._error(
                f"longitude {first}, latitude {second}: expected -180..180 and -90..90"
                + (" (swapped?)" if abs(first) <= 90 < abs(second) <= 180 else "")
            )
        if (fixes := self.found.get(name)) is None:
            fixes = self.found[name] = array("d")
        fixes.extend((self._time(row), first, second))
        for key in self.columns_read[3:]:
            fixes.append(self._optional(row, key))

    def _doubt(self, row: list[str]) -> str | None:
        """Why the owner of the data does not want a row used."""
        if self._says(row, self.columns.get("visible"), "false"):
            return "not visible"
        if any(self._says(row, at, "true") for at in self.outliers) and not self._says(
            row, self.columns.get("valid"), "true"
        ):
            return "marked as an outlier"
        return None

    @staticmethod
    def _says(row: list[str], column: int | None, word: str) -> bool:
        return column is not None and row[column].strip().lower() == word

    def _optional(self, row: list[str], key: str) -> float:
        text = row[self.columns[key]].strip()
        if key == "reason":
            return _OTHER if (reason := parse_reason(text)) is None else reason
        return self._number(text) if text else math.nan

    def _time(self, row: list[str]) -> float:
        """Unix time: of the timestamp where there is one, else of the seconds."""
        if "time" not in self.columns:
            return self._number(row[self.columns["seconds"]])
        text = row[self.columns["time"]].strip()
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            raise self._error(
                f"timestamp {text!r}: expected 2005-07-14 05:35:00.000 or 2005-07-14T05:35:00Z"
            ) from None
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()

    def _number(self, text: str) -> float:
        try:
            number = float(text)
            if math.isfinite(number):
                return number
        except ValueError:
            pass
        raise self._error(f"{text!r} is not a number")

    def _leave_out(self, name: str, reason: str) -> None:
        reasons = self.left_out.setdefault(name, {})
        reasons[reason] = reasons.get(reason, 0) + 1

    def _error(self, what: str) -> TrackFileError:
        return TrackFileError(f"{self.path}: line {self.line}: {what}")


def _first_of(choices: tuple[str, ...], names: list[str]) -> int | None:
    """Where the first of the choices that is there stands."""
    plain = [_plain(name) for name in names]
    return next((plain.index(_plain(c)) for c in choices if _plain(c) in plain), None)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(":", "-")
