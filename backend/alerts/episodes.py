"""Stretches of a track, or of readings, in which something holds: pure functions of the data.

An episode is a function of the whole track, never of the order in which it came. So a late or a
repeated fix leads to the same episodes as one in time, and alerts are kept equal to them
(`backend.alerts.evaluate`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

_EARTH_M = 6_371_008.8  # mean radius (IUGG)


class Track(NamedTuple):
    """Fixes of one animal, in order of time."""

    time_s: Floats
    """(n,) Unix time [s], ascending"""
    lat_deg: Floats
    lon_deg: Floats

    def distance_m(self, i: int, to: slice | Indices) -> Floats:
        """Distances [m] from one fix to others on a sphere: good to 0.5 %."""
        lat, lon = self.lat_deg, self.lon_deg
        return distance_m(lat[i], lon[i], lat[to], lon[to])


class Episode(NamedTuple):
    """Something that held for a while."""

    began_s: float
    """When it began, or is first known to hold [Unix s]"""
    ended_s: float | None
    """When it is first known to hold no longer; None: it still does"""
    first: int
    """Index of the first and of the last reading it was concluded from"""
    last: int
    details: dict[str, float | str]


def distance_m(lat_a: Any, lon_a: Any, lat_b: Floats, lon_b: Floats) -> Floats:
    """Great-circle distances [m] between places (haversine); one to many, or pair by pair."""
    a, b = np.radians(lat_a), np.radians(lat_b)
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * (
        np.sin(np.radians(lon_b - lon_a) / 2) ** 2
    )
    return np.asarray(2 * _EARTH_M * np.arcsin(np.sqrt(np.minimum(half, 1))))


def immobility(track: Track, radius_m: float, hours: float, share: float) -> list[Episode]:
    """When an animal stayed at a place.

    At a fix it is at rest when, of all fixes since the last one that is `hours` old or older, at
    least `share` lie within `radius_m` of it: the rule of the immobility analyzers of EarthRanger
    and ecoscope (13 m, 5 h, 0.8). It has been so since the first fix of that place.
    """
    holds = np.zeros(len(track.time_s), bool)
    since = np.arange(len(track.time_s))
    begins = np.searchsorted(track.time_s, track.time_s - hours * 3600, side="right") - 1
    shares = np.zeros(len(track.time_s))
    for i, begin in enumerate(begins):
        if begin < 0 or begin == i:
            continue
        near = track.distance_m(i, slice(begin, i + 1)) <= radius_m
        shares[i] = near.mean()
        holds[i] = shares[i] >= share
        since[i] = begin + int(np.argmax(near))
    found = []
    for first, last in _runs(holds):
        began = int(since[first])
        found.append(
            _episode(track.time_s, began, last, {
                "lat": float(track.lat_deg[last]), "lon": float(track.lon_deg[last]),
                "share": round(float(shares[first : last + 1].max()), 3),
            })
        )  # fmt: skip
    return _merged(found)


def slow(track: Track, speed_kmh: float, hours: float) -> list[Episode]:
    """When an animal's mean speed over `hours` (its way from fix to fix) was below a limit."""
    if len(track.time_s) < 2:
        return []
    steps_m = _steps_m(track)
    way_m = np.concatenate([[0.0], np.cumsum(steps_m)])
    begins = np.searchsorted(track.time_s, track.time_s - hours * 3600, side="right") - 1
    known = begins >= 0
    at = np.maximum(begins, 0)
    time_s = track.time_s - track.time_s[at]
    with np.errstate(invalid="ignore", divide="ignore"):
        kmh = np.where(time_s > 0, (way_m - way_m[at]) / time_s * 3.6, np.inf)
    found = []
    for first, last in _runs(known & (kmh < speed_kmh)):
        mean = round(float(kmh[first : last + 1].min()), 4)
        found.append(_episode(track.time_s, int(at[first]), last, {"speed_kmh": mean}))
    return _merged(found)


def inside(track: Track, area: shapely.Geometry) -> list[Episode]:
    """When an animal was in an area; entered and left where the way between two fixes crosses it.

    `began_s` of an animal that is inside at its first fix is that fix; details say which of the
    two ends were seen (`entered`, `left`).
    """
    holds = shapely.contains_xy(area, track.lon_deg, track.lat_deg)
    found = []
    for first, last in _runs(holds):
        seen_in, seen_out = first > 0, last + 1 < len(holds)
        began = _crossing_s(track, area, first - 1) if seen_in else float(track.time_s[first])
        ended = _crossing_s(track, area, last) if seen_out else None
        details: dict[str, float | str] = {"entered": float(seen_in), "left": float(seen_out)}
        found.append(
            Episode(began, ended, max(first - 1, 0), min(last + 1, len(holds) - 1), details)
        )
    return found


def crossings(track: Track, line: shapely.Geometry) -> list[Episode]:
    """When the way between two fixes crossed a line (or an area's edge, whole areas included)."""
    if len(track.time_s) < 2:
        return []
    edge = _edge(line)
    places = np.column_stack([track.lon_deg, track.lat_deg])
    ways = shapely.linestrings(np.stack([places[:-1], places[1:]], axis=1))
    shapely.prepare(edge)
    found = []
    for i in np.flatnonzero(shapely.intersects(edge, ways)).tolist():
        time_s = _crossing_s(track, line, i)
        found.append(Episode(time_s, time_s, i, i + 1, {}))
    return found


def proximity(a: Track, b: Track, distance: float, apart_s: float) -> list[tuple[Episode, int]]:
    """When two animals were near each other.

    A fix of one is compared with the fix of the other that is nearest in time, if it is at most
    `apart_s` away.

    Returns:
        episodes by the indices of `a`, each with the index of the fix of `b` at its first.
    """
    if not len(a.time_s) or not len(b.time_s):
        return []
    after = np.searchsorted(b.time_s, a.time_s)
    before = np.maximum(after - 1, 0)
    after = np.minimum(after, len(b.time_s) - 1)
    nearer = np.abs(b.time_s[after] - a.time_s) < np.abs(b.time_s[before] - a.time_s)
    other = np.where(nearer, after, before)
    comparable = np.abs(b.time_s[other] - a.time_s) <= apart_s
    metres = distance_m(a.lat_deg, a.lon_deg, b.lat_deg[other], b.lon_deg[other])
    near = comparable & (metres <= distance)
    # a fix without a partner in time says nothing: it neither ends nor begins an episode
    index = np.flatnonzero(comparable)
    found = []
    for first, last in _runs(near[index]):
        i, j = int(index[first]), int(index[last])
        least = float(metres[index[first : last + 1]].min())
        ended = float(a.time_s[index[last + 1]]) if last + 1 < len(index) else None
        episode = Episode(float(a.time_s[i]), ended, i, j, {"distance_m": round(least, 1)})
        found.append((episode, int(other[i])))
    return found


def below(time_s: Floats, values: Floats, low: float, recovered: float) -> list[Episode]:
    """When a reading was below a limit, until it came back to `recovered` or above."""
    found: list[Episode] = []
    began: int | None = None
    last = 0
    for i, value in enumerate(values.tolist()):
        if began is None and value < low:
            began = i
        elif began is not None and value >= recovered:
            found.append(_low(time_s, values, began, last, float(time_s[i])))
            began = None
        last = i
    if began is not None:
        found.append(_low(time_s, values, began, last, None))
    return found


def between(time_s: Floats, codes: list[int], begins: int, ends: int) -> list[Episode]:
    """From each reading of one code to the next of another: an alarm and its end."""
    found: list[Episode] = []
    began: int | None = None
    for i, code in enumerate(codes):
        if code == begins and began is None:
            began = i
        elif code == ends and began is not None:
            found.append(Episode(float(time_s[began]), float(time_s[i]), began, i, {}))
            began = None
    if began is not None:
        found.append(Episode(float(time_s[began]), None, began, began, {}))
    return found


def silences(heard_s: Floats, hours: float, now_s: float) -> list[Episode]:
    """When nothing was heard for longer than `hours`; what is silent now has not ended."""
    if not len(heard_s):
        return []
    found = []
    for i in np.flatnonzero(np.diff(heard_s) > hours * 3600).tolist():
        began, ended = float(heard_s[i]) + hours * 3600, float(heard_s[i + 1])
        found.append(Episode(began, ended, i, i, {}))
    if now_s - heard_s[-1] > hours * 3600:
        last = len(heard_s) - 1
        found.append(Episode(float(heard_s[last]) + hours * 3600, None, last, last, {}))
    return found


def _low(time_s: Floats, values: Floats, first: int, last: int, ended_s: float | None) -> Episode:
    least = float(values[first : last + 1].min())
    return Episode(float(time_s[first]), ended_s, first, last, {"least": least})


def _episode(time_s: Floats, first: int, last: int, details: dict[str, float | str]) -> Episode:
    ended = float(time_s[last + 1]) if last + 1 < len(time_s) else None
    return Episode(float(time_s[first]), ended, first, last, details)


def _merged(found: list[Episode]) -> list[Episode]:
    """Episodes that share a reading are one: what the later knows, since the earlier began."""
    merged: list[Episode] = []
    for episode in found:
        if merged and episode.first <= merged[-1].last:
            before = merged.pop()
            first = min(before, episode, key=lambda one: one.first)
            episode = episode._replace(began_s=first.began_s, first=first.first)
        merged.append(episode)
    return merged


def _runs(holds: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every run of true."""
    edges = np.diff(np.concatenate([[False], holds, [False]]).astype(np.int8))
    firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return list(zip(firsts.tolist(), (ends - 1).tolist(), strict=True))


def _steps_m(track: Track) -> Floats:
    lat, lon = track.lat_deg, track.lon_deg
    return distance_m(lat[:-1], lon[:-1], lat[1:], lon[1:])


def _edge(geometry: shapely.Geometry) -> shapely.Geometry:
    """A line itself; of areas the edge."""
    lines = shapely.get_dimensions(geometry) < 2
    return geometry if lines else shapely.boundary(geometry)


def _crossing_s(track: Track, geometry: shapely.Geometry, i: int) -> float:
    """When the straight way from fix i to the next first meets an edge [Unix s]."""
    edge = _edge(geometry)
    way = shapely.LineString(
        [(track.lon_deg[i], track.lat_deg[i]), (track.lon_deg[i + 1], track.lat_deg[i + 1])]
    )
    met = way.intersection(edge)
    share = 0.0
    if not met.is_empty and way.length > 0:
        share = (
            min(
                way.project(shapely.Point(place))
                for place in shapely.get_coordinates(met).tolist()
            )
            / way.length
        )
    return round(float(track.time_s[i] + share * (track.time_s[i + 1] - track.time_s[i])), 3)
