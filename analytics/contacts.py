"""Which animals met, when and where, how often, and whether that is more than chance.

Two fixes belong together if each is the other's nearest in time and they are close enough in time;
they are a contact if they are also close in space. What happens between fixes is not seen: rates
of contact depend on the sampling interval, and are compared at one interval only.

Sources: Long et al. 2014, doi:10.1111/1365-2656.12198 (simultaneous fixes, proximity);
Doncaster 1990, Journal of Theoretical Biology 143:431-443 (expectation under independence).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from analytics.errors import ParameterError, ProjectionError, TrackError
from analytics.movement import DAY_S, describe, read_only
from analytics.results import Estimate
from analytics.track import Track

Floats = NDArray[np.float64]

MAX_EXPECTED = 20_000
"""Pairs from which the share of contacts under independence is taken: more are thinned evenly,
since all of them against all would take time with their square."""

USUAL_GAP = 3.0
"""Default of the longest time between pairs within one encounter, in medians of those times."""


@dataclass(frozen=True)
class Encounter:
    """Successive contacts of two animals.

    Attributes:
        from_time_s: Unix time of the first contact: the middle of its two fixes.
        to_time_s: Unix time of the last; the same as the first for a single contact.
        contacts: how many.
        least_distance_m: between the animals [m].
        x_m: mean position of all fixes in contact [m].
        y_m: as `x_m`.
    """

    from_time_s: float
    to_time_s: float
    contacts: int
    least_distance_m: float
    x_m: float
    y_m: float


@dataclass(frozen=True, eq=False)
class Contacts:
    """Contacts of two animals.

    Attributes:
        times_s: (k,) float64 [s], Unix time of every pair of simultaneous fixes.
        distance_m: (k,) float64 [m], between the animals in each pair.
        contact: (k,) bool, whether the pair is a contact.
        encounters: runs of contacts, oldest first.
        shared_s: time over which both were observed: between successive pairs, gaps longer than
            the longest within an encounter left out [s].
        expected_share: part of the pairs that would be contacts if the animals moved
            independently: that of all distances between any of the paired fixes of one and any of
            the other, over at most `MAX_EXPECTED` pairs. NaN without pairs.
        estimate: how they were made; its fixes are those of both.
    """

    times_s: Floats
    distance_m: Floats
    contact: NDArray[np.bool_]
    encounters: tuple[Encounter, ...]
    shared_s: float
    expected_share: float
    estimate: Estimate

    @property
    def share(self) -> float:
        """Part of the pairs that are contacts; NaN without pairs."""
        return float(self.contact.mean()) if self.contact.size else math.nan

    @property
    def encounters_per_day(self) -> float:
        """Encounters per day of observation of both; NaN where there is none."""
        return len(self.encounters) * DAY_S / self.shared_s if self.shared_s else math.nan

    def to_geojson(self) -> dict[str, object]:
        """Returns a GeoJSON FeatureCollection of encounters as points (longitude, latitude).

        Raises:
            ProjectionError: the tracks have no projection.
        """
        plane = self.estimate.projection
        if plane is None:
            raise ProjectionError(
                "the tracks have no projection: their metres lie nowhere on the globe"
            )
        features = []
        for met in self.encounters:
            lat, lon = plane.inverse(met.x_m, met.y_m)
            place = [round(float(lon), 7), round(float(lat), 7)]
            features.append(
                {
                    "type": "Feature",
                    "geometry": {"type": "Point", "coordinates": place},
                    "properties": {
                        "from_time_s": met.from_time_s,
                        "to_time_s": met.to_time_s,
                        "contacts": met.contacts,
                        "least_distance_m": met.least_distance_m,
                    },
                }
            )
        return {
            "type": "FeatureCollection",
            "features": features,
            "estimate": self.estimate.to_json(),
        }


def find_contacts(
    a: Track, b: Track, distance_m: float, tolerance_s: float, max_gap_s: float | None = None
) -> Contacts:
    """Returns where and when two animals were close together.

    Time grows with the number of fixes.

    Args:
        a: one animal, at least 1 fix.
        b: the other, on the same plane.
        distance_m: up to which two simultaneous fixes are a contact [m].
        tolerance_s: up to which two fixes are simultaneous [s], 0 or more.
        max_gap_s: longest time between two pairs for them to be in one encounter, and to count as
            observed [s]; by default 3 medians of the times between pairs.

    Raises:
        TrackError: an animal without fixes.
        ProjectionError: the tracks lie on different planes.
        ParameterError: a value out of its range.
    """
    from analytics.kernels.contacts import simultaneous  # compiles at its first call

    if not (len(a) and len(b)):
        raise TrackError([f"{len(a)} and {len(b)} fixes, at least 1 of each animal is needed"])
    if a.projection != b.projection:
        raise ProjectionError(f"tracks on different planes: {a.projection} and {b.projection}")
    for name, value in (("distance_m", distance_m), ("max_gap_s", max_gap_s)):
        if value is not None and not value > 0:
            raise ParameterError(name, value, "a number above 0")
    if not (math.isfinite(tolerance_s) and tolerance_s >= 0):
        raise ParameterError("tolerance_s", tolerance_s, "a finite number, 0 or more")

    pairs = simultaneous(a.times_s, b.times_s, float(tolerance_s))
    i, j = pairs.T
    times_s = (a.times_s[i] + b.times_s[j]) / 2
    apart_m = np.hypot(a.x_m[i] - b.x_m[j], a.y_m[i] - b.y_m[j])
    between_s = np.diff(times_s)
    if max_gap_s is None:
        max_gap_s = USUAL_GAP * float(np.median(between_s)) if between_s.size else math.inf
    contact = apart_m <= distance_m
    x_m, y_m = (a.x_m[i] + b.x_m[j]) / 2, (a.y_m[i] + b.y_m[j]) / 2
    parameters: dict[str, object] = {
        "distance_m": distance_m,
        "tolerance_s": tolerance_s,
        "max_gap_s": max_gap_s if math.isfinite(max_gap_s) else None,
    }
    estimate = describe(a, "contacts", parameters)
    estimate = replace(
        estimate,
        fixes=len(a) + len(b),
        from_time_s=min(estimate.from_time_s, float(b.times_s[0])),
        to_time_s=max(estimate.to_time_s, float(b.times_s[-1])),
    )
    contact.flags.writeable = False
    return Contacts(
        times_s=read_only(times_s),
        distance_m=read_only(apart_m),
        contact=contact,
        encounters=_encounters(times_s, apart_m, contact, (x_m, y_m), max_gap_s),
        shared_s=float(between_s[between_s <= max_gap_s].sum()),
        expected_share=_expected_share(a, b, pairs, distance_m),
        estimate=estimate,
    )


def contact_network(
    tracks: Mapping[str, Track],
    distance_m: float,
    tolerance_s: float,
    max_gap_s: float | None = None,
) -> dict[tuple[str, str], Contacts]:
    """Returns the contacts of every two animals, by their names in the order given.

    Raises:
        ParameterError: fewer than two tracks, or as `find_contacts`.
        ProjectionError: as `find_contacts`.
    """
    if len(tracks) < 2:
        raise ParameterError("tracks", list(tracks), "two animals or more")
    return {
        (a, b): find_contacts(tracks[a], tracks[b], distance_m, tolerance_s, max_gap_s)
        for a, b in combinations(tracks, 2)
    }


def _encounters(
    times_s: Floats,
    apart_m: Floats,
    contact: NDArray[np.bool_],
    place: tuple[Floats, Floats],
    max_gap_s: float,
) -> tuple[Encounter, ...]:
    """Returns runs of contacts in successive pairs that are not too far apart in time."""
    if not contact.any():
        return ()
    joined = contact[1:] & contact[:-1] & (np.diff(times_s) <= max_gap_s)
    starts = np.flatnonzero(contact & ~np.concatenate(([False], joined)))
    stops = np.flatnonzero(contact & ~np.concatenate((joined, [False]))) + 1
    return tuple(
        Encounter(
            from_time_s=float(times_s[start]),
            to_time_s=float(times_s[stop - 1]),
            contacts=int(stop - start),
            least_distance_m=float(apart_m[start:stop].min()),
            x_m=float(place[0][start:stop].mean()),
            y_m=float(place[1][start:stop].mean()),
        )
        for start, stop in zip(starts, stops, strict=True)
    )


def _expected_share(a: Track, b: Track, pairs: NDArray[np.int64], distance_m: float) -> float:
    from scipy.spatial import cKDTree

    if not len(pairs):
        return math.nan
    if len(pairs) > MAX_EXPECTED:
        pairs = pairs[np.linspace(0, len(pairs) - 1, MAX_EXPECTED).astype(np.int64)]
    trees = [
        cKDTree(np.column_stack((track.x_m[index], track.y_m[index])))
        for track, index in zip((a, b), pairs.T, strict=True)
    ]
    return float(trees[0].count_neighbors(trees[1], distance_m)) / len(pairs) ** 2
