"""Track files: Movebank event files, and plain tables in degrees or metres.

Reading is strict where a silent guess would move an animal: a row that is cut short, a value that
is not a number, a place off the globe is an error that names the line. What the formats allow is
kept out and counted: rows without coordinates (a failed fix), rows marked not visible, repeats.
"""

import csv
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from analytics.project import LocalProjection

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

# What each column may be called: Movebank's file term, its API spelling, the plain word.
_ANIMAL = ("individual-local-identifier", "individual_local_identifier", "individual")
_TIME = ("timestamp",)
_SECONDS = ("t_s",)
_LON = ("location-long", "location_long", "lon")
_LAT = ("location-lat", "location_lat", "lat")
_X = ("x_m",)
_Y = ("y_m",)
_VISIBLE = ("visible",)

DEFAULT_ORIGIN = (46.66, 10.20)
"""Latitude and longitude [deg] where tracks in metres are laid out: the Swiss National Park."""


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
    times_s: NDArray[np.float64]
    lat_deg: NDArray[np.float64]
    lon_deg: NDArray[np.float64]
    left_out: dict[str, int]


def read_track(
    path: Path, animal: str, origin: tuple[float, float] = DEFAULT_ORIGIN
) -> RecordedTrack:
    """Read one animal of a CSV file.

    Args:
        path: a Movebank event file, or a table with the columns individual, timestamp or t_s,
            and lon, lat or x_m, y_m.
        animal: the identifier of the animal to read.
        origin: latitude and longitude [deg] around which positions in metres are laid out: the
            middle of the track's bounding box comes to lie there. Not used with lon and lat.

    Raises:
        TrackFileError: the file is missing, cut off or not such a table, or holds no such animal.
    """
    if not path.is_file():
        raise TrackFileError(f"{path}: no such file")
    with path.open(newline="", encoding="utf-8-sig") as file:
        return _Reader(path, animal).read(csv.reader(file), origin)


class _Reader:
    """The state of reading one file: where we are, which columns it has, what was left out."""

    def __init__(self, path: Path, animal: str) -> None:
        self.path = path
        self.animal = animal
        self.line = 1
        self.columns: dict[str, int] = {}
        self.width = 0
        self.left_out: dict[str, int] = {}
        self.others: set[str] = set()

    def read(self, rows: "CsvReader", origin: tuple[float, float]) -> RecordedTrack:
        header = next(rows, None)
        if not header:
            raise TrackFileError(f"{self.path}: the file is empty, expected a header line")
        self._read_header([name.strip() for name in header])
        found: dict[float, tuple[float, float]] = {}
        for row in rows:
            self.line = rows.line_num
            if not row:
                continue
            if len(row) != self.width:
                raise self._error(
                    f"{len(row)} columns where the header has {self.width} (file cut off?)"
                )
            if (fix := self._read_row(row)) is not None:
                if fix[0] in found:
                    self._leave_out("same time as an earlier row")
                else:
                    found[fix[0]] = fix[1:]
        return self._track(found, origin)

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
        }.items():
            for name in choices:
                if name in names and key not in self.columns:
                    self.columns[key] = names.index(name)
        missing = []
        if "animal" not in self.columns:
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

    @property
    def _geographic(self) -> bool:
        return "lon" in self.columns and "lat" in self.columns

    def _read_row(self, row: list[str]) -> tuple[float, float, float] | None:
        """Time and the two coordinates (lon, lat or x, y) of a row of our animal."""
        name = row[self.columns["animal"]].strip()
        if name != self.animal:
            self.others.add(name)
            return None
        if "visible" in self.columns and row[self.columns["visible"]].strip().lower() == "false":
            self._leave_out("not visible")
            return None
        keys = ("lon", "lat") if self._geographic else ("x", "y")
        texts = [row[self.columns[key]].strip() for key in keys]
        if "" in texts:
            self._leave_out("no coordinates")
            return None
        first, second = (self._number(text) for text in texts)
        if self._geographic and not (-180 <= first <= 180 and -90 <= second <= 90):
            raise self._error(
                f"longitude {first}, latitude {second}: expected -180..180 and -90..90"
            )
        return self._time(row), first, second

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
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise self._error(f"{text!r} is not a number")
        return number

    def _leave_out(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def _error(self, what: str) -> TrackFileError:
        return TrackFileError(f"{self.path}: line {self.line}: {what}")

    def _track(
        self, found: dict[float, tuple[float, float]], origin: tuple[float, float]
    ) -> RecordedTrack:
        if not found:
            known = ", ".join(sorted(self.others)[:10]) or "none"
            raise TrackFileError(
                f"{self.path}: no position of animal {self.animal!r}; animals there: {known}"
            )
        if len(found) < 2:
            raise TrackFileError(
                f"{self.path}: animal {self.animal!r} has 1 position, a track needs 2"
            )
        times = np.array(sorted(found))
        first, second = np.array([found[time] for time in times.tolist()]).T
        if self._geographic:
            lat, lon = second, first
        else:
            lat, lon = _lay_out(first, second, origin)
        return RecordedTrack(self.animal, times, lat, lon, self.left_out)


def _lay_out(
    x_m: NDArray[np.float64], y_m: NDArray[np.float64], origin: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitudes and longitudes of a track in metres whose middle lies at the origin."""
    projection = LocalProjection(*origin)
    middle_x, middle_y = (float(v.min() + v.max()) / 2 for v in (x_m, y_m))
    return projection.inverse(x_m - middle_x, y_m - middle_y)
