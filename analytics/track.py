"""The one form in which positions enter analytics: times and metres on a plane, proved usable."""

import math
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.errors import ProjectionError, TrackError
from analytics.location_error import LocationError
from analytics.project import LocalProjection, Plane

Floats = NDArray[np.float64]
Reasons = NDArray[np.uint8]

_SHOWN = 3  # values quoted per fault
_ROUNDING = 1e-9  # projected metres carry about 1e-12
_SURELY = 1e-6  # of the length, a width that no rounding makes


@dataclass(frozen=True, eq=False)
class Track:
    """Fixes of one animal, oldest first.

    Attributes:
        times_s: (n,) float64 [s], Unix time, finite, strictly ascending.
        x_m: (n,) float64 [m], finite.
        y_m: (n,) float64 [m], finite.
        projection: where the plane lies on the globe; None for a plane that lies nowhere (results
            then stay in metres).
        error: how far each fix may be off; None where nobody knows.
        reason: (n,) uint8, why each fix was taken, as `analytics.sampling` names it; 0 is the
            regular schedule. None where nobody knows.

    Failed fixes have no place here: leave them out. The arrays are copies and cannot be written.

    Raises:
        TrackError: with every fault found.
    """

    times_s: Floats
    x_m: Floats
    y_m: Floats
    projection: Plane | None = None
    error: LocationError | None = None
    reason: Reasons | None = None

    def __post_init__(self) -> None:
        columns = {"times_s": self.times_s, "x_m": self.x_m, "y_m": self.y_m}
        more = {"error": self.error, "reason": self.reason}
        for name, values in _validated(columns, more).items():
            object.__setattr__(self, name, values)
        if self.reason is not None:
            reason = np.array(self.reason, np.uint8)
            reason.flags.writeable = False
            object.__setattr__(self, "reason", reason)

    def __len__(self) -> int:
        return self.times_s.size

    def select(self, part: NDArray[np.bool_]) -> "Track":
        """Returns the track of some of its fixes.

        Args:
            part: (n,) which.
        """
        if part.all():
            return self
        return Track(
            self.times_s[part],
            self.x_m[part],
            self.y_m[part],
            self.projection,
            None if self.error is None else self.error.select(part),
            None if self.reason is None else self.reason[part],
        )

    @classmethod
    def from_geographic(
        cls,
        times: ArrayLike | Sequence[datetime],
        lat_deg: ArrayLike,
        lon_deg: ArrayLike,
        projection: Plane | None = None,
        error: LocationError | None = None,
        reason: Reasons | None = None,
    ) -> "Track":
        """Returns the track on a plane around its own middle, or on a given one.

        Args:
            times: (n,) Unix seconds, or numpy datetime64 (UTC), or datetimes with a time zone.
            lat_deg: (n,) WGS84 latitude, -90..90.
            lon_deg: (n,) WGS84 longitude, -180..180.
            projection: the plane to use, for several animals on one; by default one around this
                track. `analytics.project.UtmProjection.around` gives the zone of UTM.
            error: as the attribute.
            reason: as the attribute.

        Raises:
            TrackError: with every fault found; among them latitudes beyond 90 degrees that look
                like longitudes, and a fix too far from the centre, where areas on the plane are
                off by more than 1 %. Swapped columns of less than 90 degrees cannot be told from
                true ones.
        """
        columns = _validated(
            {"times": _seconds(times), "lat_deg": lat_deg, "lon_deg": lon_deg},
            {"error": error, "reason": reason},
        )
        lat, lon = columns["lat_deg"], columns["lon_deg"]
        try:
            plane: Plane = projection or LocalProjection.around(lat, lon)
        except ProjectionError as why:
            raise TrackError([str(why)]) from why
        x_m, y_m = plane.forward(lat, lon)
        far = ~(plane.distance_m(x_m, y_m) <= plane.reach_m)
        if far.any():
            where = f"more than {plane.reach_m / 1000:g} km from the middle of {plane}"
            raise TrackError([_fault("fixes", far, np.column_stack((lat, lon)), where)])
        return cls(columns["times"], x_m, y_m, plane, error, reason)


def check_spread(track: Track, minimum_fixes: int = 5) -> None:
    """Proves that a home range can be estimated: enough fixes, not all equal or on one line.

    Raises:
        TrackError: with every fault found.
    """
    faults = []
    if len(track) < minimum_fixes:
        faults.append(f"{len(track)} fixes, at least {minimum_fixes} are needed")
    if len(track) > 1 and not _surely_wide(track.x_m, track.y_m):
        size_m = math.hypot(float(np.ptp(track.x_m)), float(np.ptp(track.y_m)))
        first = _show(np.array((track.x_m[0], track.y_m[0])))
        if size_m == 0:
            faults.append(f"all {len(track)} fixes are equal: {first} [m]")
        elif len(track) > 2 and _on_one_line(track.x_m, track.y_m):
            last = _show(np.array((track.x_m[-1], track.y_m[-1])))
            faults.append(
                f"all {len(track)} fixes lie on one line, from {first} to {last} [m]: "
                "they cover no area"
            )
    if faults:
        raise TrackError(faults)


def _surely_wide(x_m: Floats, y_m: Floats) -> bool:
    """Whether a thousand of the points, which others only add to, lie far off any one line."""
    step = x_m.size // 1000 + 1
    wide, narrow = _widths(x_m[::step], y_m[::step])
    return narrow > _SURELY * wide


def _on_one_line(x_m: Floats, y_m: Floats) -> bool:
    """Whether the width across the main axis is nothing but rounding."""
    wide, narrow = _widths(x_m, y_m)
    return narrow <= _ROUNDING * wide


def _widths(x_m: Floats, y_m: Floats) -> tuple[float, float]:
    """Returns the larger and the smaller singular value of the points around their middle."""
    points = np.column_stack((x_m, y_m))
    wide, narrow = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return float(wide), float(narrow)


def _seconds(times: ArrayLike | Sequence[datetime]) -> NDArray[np.generic]:
    """Returns Unix seconds where times are datetimes; anything else is left to the validator."""
    values = np.asarray(times)
    if values.dtype.kind == "M":
        seconds = (values - np.datetime64(0, "s")) / np.timedelta64(1, "s")
        return np.asarray(seconds, np.float64)
    if values.dtype == object and values.size and isinstance(values.flat[0], datetime):
        naive = [t for t in values.flat if not isinstance(t, datetime) or t.tzinfo is None]
        if naive:
            count, some = len(naive), ", ".join(str(t) for t in naive[:_SHOWN])
            raise TrackError([f"times: {count} without time zone: {some}"])
        return np.array([t.timestamp() for t in values.flat])
    return values


def _validated(
    columns: Mapping[str, ArrayLike], more: Mapping[str, Sized | None]
) -> dict[str, Floats]:
    """Returns read-only float64 copies of equally long columns, the first of them times.

    What else there is for each fix has to be as long.

    The one validator of tracks, in metres as in degrees: lists all faults, not the first.
    """
    arrays: dict[str, Floats] = {}
    faults: list[str] = []
    for name, values in columns.items():
        try:
            arrays[name] = np.array(values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            faults.append(f"{name}: not numbers ({error})")
            continue
        if arrays[name].ndim != 1:
            faults.append(f"{name}: shape {arrays[name].shape}, expected one dimension")
    if not faults:
        for name, array in arrays.items():
            faults += _value_faults(name, array)
        lengths = {name: array.size for name, array in arrays.items()}
        lengths |= {name: len(each) for name, each in more.items() if each is not None}
        if len(set(lengths.values())) > 1:
            sizes = ", ".join(f"{name} {length}" for name, length in lengths.items())
            faults.append(f"lengths differ: {sizes}")
        elif {"lat_deg", "lon_deg"} <= arrays.keys():
            faults += _swap_faults(arrays["lat_deg"], arrays["lon_deg"])
        faults += _time_faults(*next(iter(arrays.items())))
    if faults:
        raise TrackError(faults)
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def _value_faults(name: str, array: Floats) -> list[str]:
    faults = []
    finite = np.isfinite(array)
    if not finite.all():
        faults.append(_fault(name, ~finite, array, "not finite"))
    limit = {"lat_deg": 90.0, "lon_deg": 180.0}.get(name)
    if limit is not None:
        outside = finite & (np.abs(array) > limit)
        if outside.any():
            faults.append(_fault(name, outside, array, f"outside -{limit:g}..{limit:g}"))
    return faults


def _swap_faults(lat_deg: Floats, lon_deg: Floats) -> list[str]:
    if np.nanmax(np.abs(lat_deg), initial=0) > 90 and np.nanmax(np.abs(lon_deg), initial=0) <= 90:
        return ["latitude and longitude look swapped: only longitudes go beyond 90 degrees"]
    return []


def _time_faults(name: str, times_s: Floats) -> list[str]:
    faults = []
    equal, before = np.zeros(times_s.size, bool), np.zeros(times_s.size, bool)
    equal[1:] = times_s[1:] == times_s[:-1]
    before[1:] = times_s[1:] < times_s[:-1]  # false for NaN, which is a fault of its own
    if equal.any():
        faults.append(_fault(name, equal, times_s, "equal to the fix before"))
    if before.any():
        faults.append(_fault(name, before, times_s, "before the fix before"))
    return faults


def _fault(name: str, bad: NDArray[np.bool_], values: Floats, what: str) -> str:
    index = np.flatnonzero(bad)
    some = ", ".join(f"[{i}] {_show(values[i])}" for i in index[:_SHOWN])
    more = ", ..." if index.size > _SHOWN else ""
    return f"{name}: {index.size} {what}: {some}{more}"


def _show(value: Floats) -> str:
    return "(" + ", ".join(f"{v:.10g}" for v in value) + ")" if value.ndim else f"{value:.15g}"
