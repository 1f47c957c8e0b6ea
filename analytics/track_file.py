"""Track files: Movebank event files, and plain tables in degrees or metres.

Reading is strict where a silent guess would move an animal: a row that is cut short, a value that
is not a number, a place off the globe is an error that names the line. What the formats allow is
kept out and counted: rows without coordinates (a failed fix), rows marked as outliers or not
visible, repeats.
"""

import csv
import math
from array import array
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics.errors import TrackError
from analytics.project import LocalProjection
from analytics.track import Track

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
_ERROR = (
    "location-error-numerical",
    "eobs:horizontal-accuracy-estimate",
    "horizontal-accuracy",
    "horiz_accuracy_m",
    "error_m",
)
_HDOP = ("gps:hdop", "hdop")

DEFAULT_ORIGIN = (46.66, 10.20)
"""Latitude and longitude [deg] where tracks in metres are laid out: the Swiss National Park."""


_NUMBERS = 5  # of each fix


class TrackFileError(ValueError):
    """A track file that cannot be used; the message names the file, the line and the value."""


@dataclass(frozen=True)
class RecordedTrack:
    """One animal's recorded positions, in order of time.

    Attributes:
        animal: the animal's identifier as the file has it.
        times_s: (n,) float64 [Unix s], strictly ascending.
        lat_deg: (n,) float64 [deg, WGS84].
        lon_deg: (n,) float64 [deg, WGS84].
        left_out: how many rows of this animal were left out, by reason.
    """

    animal: str
    times_s: Floats
    lat_deg: Floats
    lon_deg: Floats
    left_out: dict[str, int]


@dataclass(frozen=True, eq=False)
class AnimalTrack:
    """One animal of a file, ready for analysis.

    Attributes:
        animal: the animal's identifier as the file has it; the file's name where it has none.
        track: its fixes, on a plane around their own middle; a track in metres keeps them.
        error_m: (n,) location error as the file states it [m]; NaN where it is blank; None
            without such a column.
        hdop: (n,) horizontal dilution of precision, likewise.
        left_out: how many rows of this animal were left out, by reason.
    """

    animal: str
    track: Track
    error_m: Floats | None
    hdop: Floats | None
    left_out: dict[str, int]


@dataclass(frozen=True, eq=False)
class TrackFile:
    """What a file holds.

    Attributes:
        animals: those with a usable track, by name.
        refused: each other animal and why it has no track.
    """

    animals: tuple[AnimalTrack, ...]
    refused: dict[str, str]


def read_track(
    path: Path, animal: str, origin: tuple[float, float] = DEFAULT_ORIGIN
) -> RecordedTrack:
    """Read one animal of a CSV file, as degrees.

    Args:
        path: a Movebank event file, or a table with the columns individual, timestamp or t_s,
            and lon, lat or x_m, y_m.
        animal: the identifier of the animal to read.
        origin: latitude and longitude [deg] around which positions in metres are laid out: the
            middle of the track's bounding box comes to lie there. Not used with lon and lat.

    Raises:
        TrackFileError: the file is missing, cut off or not such a table, or holds no such animal.
    """
    reader = _Reader(path, {animal})
    reader.read()
    rows = reader.rows_of(animal)
    if len(rows) < 2:
        raise TrackFileError(f"{path}: animal {animal!r} has 1 position, a track needs 2")
    times_s, first, second, _, _ = rows.T
    if reader.geographic:
        lat, lon = second, first
    else:
        middle_x, middle_y = _middle(first), _middle(second)
        lat, lon = LocalProjection(*origin).inverse(first - middle_x, second - middle_y)
    return RecordedTrack(animal, times_s, lat, lon, reader.left_out.get(animal, {}))


def read_tracks(
    path: Path,
    animals: Collection[str] = (),
    origin: tuple[float, float] | None = None,
    one_plane: bool = False,
) -> TrackFile:
    """Read animals of a CSV file for analysis.

    Args:
        path: as `read_track`; without a column of animals all rows are one animal's, named after
            the file. Columns of location error [m] and of HDOP are read where they are.
        animals: which to read; all of them by default.
        origin: latitude and longitude [deg] where the middle of the bounding box of everything
            read in metres comes to lie; None: such tracks lie nowhere on the globe and keep their
            metres. Not used with lon and lat.
        one_plane: lay all tracks on the plane around the middle of them all, not each on its own.

    Raises:
        TrackFileError: the file is missing, cut off or not such a table; an animal asked for is
            not there or has no usable track; or no animal has.
    """
    reader = _Reader(path, set(animals), one_without_name=True)
    reader.read()
    names = list(dict.fromkeys(animals)) or sorted({*reader.found, *reader.left_out})
    rows = {name: reader.rows_of(name) for name in names if animals or name in reader.found}
    refused = {name: "no position" for name in names if name not in rows}
    lay = _Layout(reader.geographic, list(rows.values()), origin, one_plane)
    read = []
    for name, table in rows.items():
        try:
            track = lay.track(table)
        except TrackError as error:
            if animals:
                raise TrackFileError(f"{path}: animal {name!r}: {error}") from error
            refused[name] = str(error)
            continue
        error_m = table[:, 3] if reader.has("error") else None
        hdop = table[:, 4] if reader.has("hdop") else None
        read.append(AnimalTrack(name, track, error_m, hdop, reader.left_out.get(name, {})))
    if not read:
        why = "; ".join(f"{name}: {reason}" for name, reason in refused.items()) or "no rows"
        raise TrackFileError(f"{path}: no animal has a track ({why})")
    return TrackFile(tuple(read), refused)


class _Layout:
    """How the tracks of one file come onto planes."""

    def __init__(
        self,
        geographic: bool,
        tables: list[Floats],
        origin: tuple[float, float] | None,
        one_plane: bool,
    ) -> None:
        self.geographic = geographic
        self.plane = None if geographic or origin is None else LocalProjection(*origin)
        self.shift = (0.0, 0.0)
        if tables and (one_plane or self.plane):
            everything = np.concatenate(tables)
            if geographic:
                self.plane = LocalProjection.around(everything[:, 2], everything[:, 1])
            elif self.plane:
                self.shift = _middle(everything[:, 1]), _middle(everything[:, 2])

    def track(self, table: Floats) -> Track:
        times_s, first, second, _, _ = table.T
        if self.geographic:
            return Track.from_geographic(times_s, second, first, self.plane)
        return Track(times_s, first - self.shift[0], second - self.shift[1], self.plane)


def _middle(values: Floats) -> float:
    """The middle between the smallest and the largest value."""
    return float(values.min() + values.max()) / 2


class _Reader:
    """The state of reading one file: where we are, which columns it has, what was left out."""

    def __init__(self, path: Path, wanted: set[str], one_without_name: bool = False) -> None:
        self.path = path
        self.wanted = wanted
        self.one_without_name = one_without_name
        self.line = 1
        self.columns: dict[str, int] = {}
        self.outliers: list[int] = []
        self.width = 0
        self.found: dict[str, array[float]] = {}  # five numbers for each fix, see `rows_of`
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
            (n, 5) float64: time [s], longitude and latitude [deg] or x and y [m], error [m], HDOP.

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
        table = np.frombuffer(found).reshape(-1, _NUMBERS)
        _, first = np.unique(table[:, 0], return_index=True)
        if repeats := len(table) - len(first):
            self.left_out.setdefault(animal, {})["same time as an earlier row"] = repeats
        return table[first]

    def has(self, column: str) -> bool:
        return column in self.columns

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
            "error": _ERROR,
            "hdop": _HDOP,
        }.items():
            if (at := _first_of(choices, names)) is not None:
                self.columns[key] = at
        self.outliers = [at for name in _OUTLIER if (at := _first_of((name,), names)) is not None]
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
            )
        error_m = self._optional(row, "error") if "error" in self.columns else math.nan
        hdop = self._optional(row, "hdop") if "hdop" in self.columns else math.nan
        if (fixes := self.found.get(name)) is None:
            fixes = self.found[name] = array("d")
        fixes.extend((self._time(row), first, second, error_m, hdop))

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
