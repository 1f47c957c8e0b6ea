"""Track files: Movebank event files, and plain tables in degrees or metres.

How rows are read, and what is an error in them, is said in `analytics.track_table`.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analytics.errors import ProjectionError, TrackError
from analytics.location_error import LocationError
from analytics.project import LocalProjection, Plane, UtmProjection
from analytics.selection import Selection, select_fixes
from analytics.track import Reasons, Track
from analytics.track_table import TrackFileError, TrackTable

__all__ = [
    "AnimalTrack",
    "RecordedTrack",
    "TrackFile",
    "TrackFileError",
    "read_track",
    "read_tracks",
]

Floats = NDArray[np.float64]

DEFAULT_ORIGIN = (46.66, 10.20)
"""Latitude and longitude [deg] where tracks in metres are laid out: the Swiss National Park."""


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
            Its `error` and `reason` are what the file states.
        hdop: (n,) horizontal dilution of precision; NaN where it is blank; None without such a
            column.
        left_out: how many rows of this animal were left out, by reason; flagged fixes too.
        selection: how fixes were chosen, for results' parameters.
    """

    animal: str
    track: Track
    hdop: Floats | None
    left_out: dict[str, int]
    selection: dict[str, Any] = field(default_factory=dict)


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
    reader = TrackTable(path, {animal})
    reader.read()
    rows = reader.rows_of(animal)
    if len(rows) < 2:
        raise TrackFileError(f"{path}: animal {animal!r} has 1 position, a track needs 2")
    times_s, first, second = rows.T[:3]
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
    wanted: Selection | None = None,
    plane: Literal["local", "utm"] = "local",
) -> TrackFile:
    """Read animals of a CSV file for analysis.

    Args:
        path: as `read_track`; without a column of animals all rows are one animal's, named after
            the file. Columns of location error, of HDOP and of the reasons for fixes are read
            where they are.
        animals: which to read; all of them by default.
        origin: latitude and longitude [deg] where the middle of the bounding box of everything
            read in metres comes to lie; None: such tracks lie nowhere on the globe and keep their
            metres. Not used with lon and lat.
        one_plane: lay all tracks on the plane around the middle of them all, not each on its own.
        wanted: which fixes to use; others are left out and counted.
        plane: "utm" for the zone that positions in degrees lie in, else one around their middle.

    Raises:
        TrackFileError: the file is missing, cut off or not such a table; an animal asked for is
            not there or has no usable track; or no animal has.
    """
    table = TrackTable(path, set(animals), one_without_name=True)
    table.read()
    names = list(dict.fromkeys(animals)) or sorted({*table.found, *table.left_out})
    rows = {name: table.rows_of(name) for name in names if animals or name in table.found}
    refused = {name: "no position" for name in names if name not in rows}
    wanted = wanted or Selection()
    if wanted.backbone_only and "reason" not in table.columns_read:
        raise TrackFileError(f"{path}: no column of reasons (reason): what is backbone?")
    if wanted.rules.max_dop is not None and "hdop" not in table.columns_read:
        raise TrackFileError(f"{path}: no column of HDOP (gps:hdop): max_dop needs one")
    lay = _Layout(table, list(rows.values()), origin, one_plane, plane)
    read = []
    for name, fixes in rows.items():
        try:
            read.append(_animal(name, table, fixes, lay, wanted))
        except (TrackError, ProjectionError) as error:
            if animals:
                raise TrackFileError(f"{path}: animal {name!r}: {error}") from error
            refused[name] = str(error)
    if not read:
        why = "; ".join(f"{name}: {reason}" for name, reason in refused.items()) or "no rows"
        raise TrackFileError(f"{path}: no animal has a track ({why})")
    return TrackFile(tuple(read), refused)


def _animal(
    name: str, table: TrackTable, fixes: Floats, lay: "_Layout", wanted: Selection
) -> AnimalTrack:
    """Returns one animal's track, of the fixes that are wanted.

    Raises:
        TrackError: as `Track`.
    """
    reason, hdop = table.column(fixes, "reason"), table.column(fixes, "hdop")
    x_m, y_m = lay.metres(fixes)
    chosen = select_fixes(wanted, fixes[:, 0], x_m, y_m, reason, hdop)
    fixes = fixes[chosen.keep]
    reasons = None if reason is None else reason[chosen.keep].astype(np.uint8)
    track = lay.track(fixes, _error(table, fixes), reasons)
    left_out = {**table.left_out.get(name, {}), **chosen.left_out}
    return AnimalTrack(name, track, table.column(fixes, "hdop"), left_out, dict(chosen.parameters))


def _error(table: TrackTable, fixes: Floats) -> LocationError | None:
    """Returns what a file states of the location errors: of several columns the most telling."""
    major, minor = table.column(fixes, "major"), table.column(fixes, "minor")
    orientation = table.column(fixes, "orientation")
    if major is not None and minor is not None and orientation is not None:
        axes = _positive(major), _positive(minor)
        return LocationError.of_argos_ellipse(*axes, orientation)
    axis, radius = table.column(fixes, "axis"), table.column(fixes, "radius")
    if axis is not None:
        return LocationError.of_axis(_positive(axis))
    return None if radius is None else LocationError.of_radius(_positive(radius))


def _positive(values: Floats) -> Floats:
    """Errors that are not above 0 are unknown: files mark them so."""
    return np.where(values > 0, values, np.nan)


class _Layout:
    """How the tracks of one file come onto planes."""

    def __init__(
        self,
        table: TrackTable,
        tables: list[Floats],
        origin: tuple[float, float] | None,
        one_plane: bool,
        kind: Literal["local", "utm"],
    ) -> None:
        self.geographic = table.geographic
        self._around = (UtmProjection if kind == "utm" else LocalProjection).around
        metres = self.geographic or origin is None
        self.plane: Plane | None = None if metres or origin is None else LocalProjection(*origin)
        self.shift = (0.0, 0.0)
        if tables and (one_plane or self.plane):
            everything = np.concatenate(tables)
            if self.geographic:
                self.plane = self._around(everything[:, 2], everything[:, 1])
            elif self.plane:
                self.shift = _middle(everything[:, 1]), _middle(everything[:, 2])

    def plane_of(self, fixes: Floats) -> Plane:
        """Returns the plane of a track in degrees."""
        return self.plane or self._around(fixes[:, 2], fixes[:, 1])

    def metres(self, fixes: Floats) -> tuple[Floats, Floats]:
        """Returns x and y [m] of all fixes, those in doubt too."""
        if self.geographic:
            return self.plane_of(fixes).forward(fixes[:, 2], fixes[:, 1])
        return fixes[:, 1], fixes[:, 2]

    def track(self, fixes: Floats, error: LocationError | None, reason: Reasons | None) -> Track:
        times_s, first, second = fixes.T[:3]
        if self.geographic:
            plane = self.plane_of(fixes) if len(fixes) else None
            return Track.from_geographic(times_s, second, first, plane, error, reason)
        x_m, y_m = first - self.shift[0], second - self.shift[1]
        return Track(times_s, x_m, y_m, self.plane, error, reason)


def _middle(values: Floats) -> float:
    """The middle between the smallest and the largest value."""
    return float(values.min() + values.max()) / 2
