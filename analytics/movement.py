"""How an animal moves from fix to fix: steps, angles, displacement, passage, daily distance.

All of it takes the path between two fixes as the straight line. The true path is longer, and
longer by more the rarer the fixes: compare animals only at one sampling interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics.errors import ParameterError, TrackError
from analytics.results import Estimate, software_version
from analytics.track import Track

Floats = NDArray[np.float64]

DAY_S = 86_400.0

MAX_DAYS = 100_000
"""Days that one `daily_distance` may have: 270 years, beyond which times are in a wrong unit."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The n - 1 steps of a track of n fixes; step i leads from fix i to fix i + 1.

    Attributes:
        distance_m: (n - 1,) float64 [m].
        speed_mps: (n - 1,) float64 [m/s], distance over duration.
        absolute_angle_rad: (n - 1,) float64 [rad], from east, counter-clockwise, -pi to pi; NaN
            for a step without length.
        turning_angle_rad: (n - 1,) float64 [rad], at the fix where the step starts, left turns
            positive, -pi to pi; NaN for the first step and next to steps without length (see
            `steps`).
        times_s: (n,) float64 [s], Unix time of the fixes.
        estimate: how they were made.
    """

    distance_m: Floats
    speed_mps: Floats
    absolute_angle_rad: Floats
    turning_angle_rad: Floats
    times_s: Floats
    estimate: Estimate

    @property
    def duration_s(self) -> Floats:
        """(n - 1,) float64 [s], from fix to fix."""
        return np.diff(self.times_s)

    @property
    def heading_deg(self) -> Floats:
        """(n - 1,) float64 [degrees], from the plane's north, clockwise, 0 to below 360."""
        heading = (90.0 - np.degrees(self.absolute_angle_rad)) % 360.0
        return np.where(heading == 360.0, 0.0, heading)  # -1e-15 % 360 is 360


@dataclass(frozen=True, eq=False)
class FirstPassage:
    """Times an animal took to cross circles around its fixes.

    Attributes:
        radii_m: (r,) float64 [m], as asked for.
        times_s: (r, n) float64 [s]; NaN where the track does not cross the whole circle.
        estimate: how they were made.
    """

    radii_m: Floats
    times_s: Floats
    estimate: Estimate

    @property
    def log_variance(self) -> Floats:
        """(r,) variance of log first-passage time, n - 1; NaN with fewer than two crossings.

        Its peak over radii is the scale of area-restricted search.
        """
        found = np.full(self.radii_m.size, np.nan)
        for row, times_s in enumerate(self.times_s):
            crossed = times_s[times_s > 0]
            if crossed.size > 1:
                found[row] = np.var(np.log(crossed), ddof=1)
        return found


@dataclass(frozen=True, eq=False)
class DailyDistance:
    """Length of the path per day, steps over midnight shared out by time.

    Attributes:
        start_s: (d,) float64 [s], Unix time of each day's start, every day of the track.
        distance_m: (d,) float64 [m], along the steps that count; NaN where none does.
        covered_s: (d,) float64 [s], how much of the day those steps cover; a day counts as whole
            at 86400.
        estimate: how they were made.
    """

    start_s: Floats
    distance_m: Floats
    covered_s: Floats
    estimate: Estimate


def steps(track: Track, across_stops: bool = True) -> Steps:
    """Returns distances, durations, speeds and angles of a track's steps.

    One pass, 32 bytes per fix.

    Args:
        track: at least 2 fixes.
        across_stops: after steps without length, measure the turn from the last step that had a
            direction (as adehabitatLT does by default); False leaves it NaN.

    Raises:
        TrackError: fewer than 2 fixes.
    """
    from analytics.kernels import movement as kernels  # compiles at its first call

    _check_count(track, 2)
    columns = np.empty((4, len(track) - 1))  # one block costs half of four: fewer new pages
    length, speed, angle, turn = columns
    standing = kernels.steps(track.times_s, track.x_m, track.y_m, length, speed, angle, turn)
    if standing and across_stops:
        kernels.bridge_turns(length, angle, turn)
    for column in (length, speed, angle, turn):
        read_only(column)
    parameters: dict[str, object] = {"across_stops": bool(across_stops)}
    estimate = describe(track, "steps", parameters)
    return Steps(length, speed, angle, turn, track.times_s, estimate)


def net_squared_displacement(track: Track) -> Floats:
    """Returns the squared distances from the first fix, (n,) float64 [m2].

    Raises:
        TrackError: no fixes.
    """
    from analytics.kernels.movement import squared_displacement  # compiles at its first call

    _check_count(track, 1)
    squared_m2 = np.empty(len(track))
    squared_displacement(track.x_m, track.y_m, squared_m2)
    return read_only(squared_m2)


def first_passage_time(
    track: Track,
    radii_m: float | Sequence[float] | Floats,
    max_gap_s: float | None = None,
    crossing: Literal["path", "distance"] = "path",
) -> FirstPassage:
    """Returns how long the animal took to cross a circle around each fix, by radius.

    From where the path last came into the circle before the fix to where it first left after it.
    A search over a tree of boxes: n log n at worst, whatever the radius.

    Args:
        track: at least 2 fixes.
        radii_m: one or more radii [m], above 0.
        max_gap_s: longest time between fixes over which a passage may be taken as known; passages
            over longer ones are NaN. By default none is too long.
        crossing: where between two fixes the border lies: on the straight path ("path"), or where
            the distance, taken to change linearly, is the radius ("distance", adehabitatLT's way:
            times come out about 1 % shorter on real tracks).

    Raises:
        TrackError: fewer than 2 fixes.
        ParameterError: a radius or gap that is not above 0, an unknown crossing.

    Source: Fauchald & Tveraa 2003, doi:10.1890/0012-9658(2003)084[0282:UFPTIT]2.0.CO;2.
    """
    from analytics.kernels import passage as kernels  # compiles at its first call

    _check_count(track, 2)
    radii = _radii(radii_m)
    if crossing not in ("path", "distance"):
        raise ParameterError("crossing", crossing, '"path" or "distance"')
    part = _parts(track, max_gap_s)
    tree = kernels.boxes(track.x_m, track.y_m)
    times_s = np.empty((radii.size, len(track)))
    for row, radius_m in enumerate(radii):
        kernels.first_passage(
            track.times_s,
            track.x_m,
            track.y_m,
            tree,
            part,
            float(radius_m),
            crossing == "distance",
            times_s[row],
        )
    parameters = {"radii_m": radii.tolist(), "max_gap_s": max_gap_s, "crossing": crossing}
    estimate = describe(track, "first-passage time", parameters)
    return FirstPassage(read_only(radii), read_only(times_s), estimate)


def residence_time(
    track: Track, radius_m: float, max_away_s: float, max_gap_s: float | None = None
) -> Floats:
    """Returns the time spent within a circle around each fix, returns included, (n,) [s].

    Unlike the first-passage time, short absences do not end a stay, they only do not count. With
    `max_away_s` 0 both are the same. NaN where the track begins or ends, or has too long a gap,
    before the animal is seen to be away for good. Time grows with n and with the fixes within an
    absence.

    Args:
        track: at least 2 fixes.
        radius_m: radius of the circle [m], above 0.
        max_away_s: the longest absence that belongs to the stay [s], 0 or more.
        max_gap_s: as in `first_passage_time`.

    Raises:
        TrackError: fewer than 2 fixes.
        ParameterError: a value out of its range.

    Source: Barraquand & Benhamou 2008, doi:10.1890/08-0162.1.
    """
    from analytics.kernels import passage as kernels  # compiles at its first call

    _check_count(track, 2)
    radius = float(_radii(radius_m)[0])
    if not (math.isfinite(max_away_s) and max_away_s >= 0):
        raise ParameterError("max_away_s", max_away_s, "a finite number, 0 or more")
    times_s = np.empty(len(track))
    tree = kernels.boxes(track.x_m, track.y_m)
    kernels.residence(
        track.times_s,
        track.x_m,
        track.y_m,
        tree,
        _parts(track, max_gap_s),
        radius,
        float(max_away_s),
        times_s,
    )
    return read_only(times_s)


def daily_distance(
    track: Track, utc_offset_h: float = 0.0, max_gap_s: float | None = None
) -> DailyDistance:
    """Returns the distance along the steps of every day from the first fix's to the last's.

    Args:
        track: at least 2 fixes.
        utc_offset_h: hours by which the days' clock is ahead of UTC, -24..24.
        max_gap_s: steps that took longer count neither as distance nor as time covered. By
            default all count.

    Raises:
        TrackError: fewer than 2 fixes, or more than `MAX_DAYS` days.
        ParameterError: a value out of its range.
    """
    from analytics.kernels.movement import daily  # compiles at its first call

    _check_count(track, 2)
    if not abs(utc_offset_h) <= 24:
        raise ParameterError("utc_offset_h", utc_offset_h, "-24..24 hours")
    _positive_or_none("max_gap_s", max_gap_s)
    offset_s = utc_offset_h * 3600.0
    first, last = (math.floor((track.times_s[k] + offset_s) / DAY_S) for k in (0, -1))
    if last - first >= MAX_DAYS:
        raise TrackError([f"times span {last - first + 1} days, at most {MAX_DAYS} are allowed"])
    starts_s = np.arange(first, last + 1) * DAY_S - offset_s
    distance_m, covered_s = np.zeros((2, starts_s.size))
    gap_s = math.inf if max_gap_s is None else float(max_gap_s)
    daily(track.times_s, track.x_m, track.y_m, starts_s[0], DAY_S, gap_s, distance_m, covered_s)
    distance_m[covered_s == 0] = np.nan
    parameters: dict[str, object] = {"utc_offset_h": utc_offset_h, "max_gap_s": max_gap_s}
    return DailyDistance(
        read_only(starts_s),
        read_only(distance_m),
        read_only(covered_s),
        describe(track, "daily distance", parameters),
    )


def describe(track: Track, method: str, parameters: dict[str, object]) -> Estimate:
    """Returns how a result was made from a track."""
    return Estimate(
        method=method,
        parameters=parameters,
        fixes=len(track),
        from_time_s=float(track.times_s[0]),
        to_time_s=float(track.times_s[-1]),
        projection=track.projection,
        software_version=software_version(),
    )


def read_only(values: Floats) -> Floats:
    """Returns the same array, which can no longer be written."""
    values.flags.writeable = False
    return values


def _check_count(track: Track, minimum: int) -> None:
    if len(track) < minimum:
        raise TrackError([f"{len(track)} fixes, at least {minimum} are needed"])


def _radii(radii_m: float | Sequence[float] | Floats) -> Floats:
    radii = np.atleast_1d(np.array(radii_m, np.float64))
    if radii.ndim != 1 or not radii.size or not (np.isfinite(radii) & (radii > 0)).all():
        raise ParameterError("radii_m", radii_m, "one or more finite numbers above 0")
    return radii


def _positive_or_none(name: str, value: float | None) -> None:
    if value is not None and not value > 0:
        raise ParameterError(name, value, "a number above 0, or None")


def _parts(track: Track, max_gap_s: float | None) -> NDArray[np.int64]:
    """Returns a number per fix that rises at every gap longer than allowed."""
    _positive_or_none("max_gap_s", max_gap_s)
    part = np.zeros(len(track), np.int64)
    if max_gap_s is not None:
        part[1:] = np.cumsum(np.diff(track.times_s) > max_gap_s)
    return part
