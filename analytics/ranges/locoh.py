"""Local convex hulls: the union of small hulls around the fixes, smallest or fullest first.

Follows hard borders (a lake, a cliff, a fence) where a kernel density spills over them. Takes no
grid. Fixes at the same place count once.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon

from analytics.errors import ParameterError, TrackError
from analytics.geometry import to_multipolygon
from analytics.ranges.mcp import check_levels
from analytics.results import Estimate, HomeRange, Isopleth
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BLOCK = 1_000_000  # neighbours held at a time: 16 MB
_TIES = 8  # fixes asked for beyond the k nearest, so that equally near ones are ordered


@dataclass(frozen=True, eq=False)
class LocalHulls:
    """Hulls of the neighbourhoods of fixes in the order in which they are united.

    Attributes:
        percent: (h,) float64 [percent], part of the places within the first 1, 2, ..., h hulls.
        hull_areas_m2: (h,) float64 [m2], area of each hull by itself.
        corners_m: (v, 2) float64 [m], corners of all hulls, one hull after the other,
            counter-clockwise.
        starts: (h + 1,) int64, where each hull begins in `corners_m`.
        places: number of different positions.
        estimate: how they were made.
    """

    percent: Floats
    hull_areas_m2: Floats
    corners_m: Floats
    starts: Integers
    places: int
    estimate: Estimate

    def polygons(self, first: int = 0, end: int | None = None) -> NDArray[np.object_]:
        """Returns hulls `first` to before `end` as shapely polygons."""
        end = len(self.percent) if end is None else end
        corners = self.corners_m[self.starts[first] : self.starts[end]]
        index = np.repeat(np.arange(end - first), np.diff(self.starts[first : end + 1]))
        rings = shapely.linearrings(corners, indices=index)
        return np.asarray(shapely.polygons(rings), dtype=object)

    def union_areas_m2(self) -> Floats:
        """Returns the area of the union of the first 1, 2, ..., h hulls, (h,) float64 [m2]."""
        from analytics.kernels.union import union_growth  # compiles at its first call

        x_m, y_m = (np.ascontiguousarray(v) for v in self.corners_m.T)
        added = np.empty(len(self.percent))
        room = 2 * x_m.size
        while not union_growth(
            x_m, y_m, self.starts, np.empty((room, 2)), np.empty(room, np.int64), added
        ):
            room *= 2
        areas: Floats = np.cumsum(added)
        return areas


def local_convex_hull(
    track: Track,
    *,
    k: int | None = None,
    r_m: float | None = None,
    a_m: float | None = None,
    levels_percent: Sequence[float] = (50.0, 95.0),
) -> HomeRange:
    """Returns the unions of local hulls that hold given parts of the places of a track.

    Args:
        track: at least 5 fixes, not all on one line.
        k: hulls of a fix with its k - 1 nearest neighbours.
        r_m: or hulls of a fix with all others within this distance.
        a_m: or hulls of a fix with its nearest neighbours as long as their distances add up to at
            most this: wide where fixes are few, narrow where they are many.
        levels_percent: above 0 and at most 100; the union is the first that holds the level, for
            100 that of all hulls.

    Returns:
        An isopleth for each level, without an area by grid.

    Raises:
        TrackError: too few fixes, or no neighbourhood covers an area.
        ParameterError: not exactly one of k, r_m and a_m, a value out of its range, or a level
            that the hulls do not reach: isolated fixes are in none of them.
    """
    levels = check_levels(levels_percent)
    found = local_hulls(track, k=k, r_m=r_m, a_m=a_m)
    done = np.round(found.percent / 100 * found.places)
    isopleths = []
    for level in levels:
        needed = math.ceil(level / 100 * found.places - 1e-9)
        if done[-1] < needed:
            alone = found.places - int(done[-1])
            raise ParameterError(
                "level_percent",
                level,
                f"at most {found.percent[-1]:.6g}: {alone} of {found.places} places have no hull",
            )
        end = done.size if level == 100 else int(np.searchsorted(done, needed)) + 1
        polygon = unite(found.polygons(0, end))
        isopleths.append(Isopleth(level, polygon, polygon.area / 1e6, None, track.projection))
    return HomeRange(tuple(isopleths), found.estimate)


def local_hulls(
    track: Track, *, k: int | None = None, r_m: float | None = None, a_m: float | None = None
) -> LocalHulls:
    """Returns the hulls themselves, in the order in which `local_convex_hull` unites them.

    Hulls of k neighbours come smallest first; those of the other kinds come with most fixes first,
    smaller ones first among equals. Of neighbours equally far the earlier fix is the nearer.
    Time grows with the fixes and their neighbours; memory with the corners of the hulls.

    Args:
        track: at least 5 fixes, not all on one line.
        k: as `local_convex_hull`.
        r_m: as `local_convex_hull`.
        a_m: as `local_convex_hull`.

    Raises:
        TrackError: too few fixes, or no neighbourhood covers an area.
        ParameterError: not exactly one of k, r_m and a_m, or a value out of its range.

    Source: Getz & Wilmers 2004, doi:10.1111/j.0906-7590.2004.03835.x; Getz et al. 2007,
    doi:10.1371/journal.pone.0000207; order as adehabitatHR 0.4.22.
    """
    check_spread(track)
    neighbours = _Neighbours(*_places(track), *_rule(k, r_m, a_m))
    sizes, areas, members, vertices = neighbours.hulls()
    kept = np.flatnonzero(sizes)
    if not kept.size:
        raise TrackError([f"no neighbourhood with {neighbours.rule} covers an area"])
    keys = (areas[kept],) if k is not None else (areas[kept], -members[kept])
    order = kept[np.lexsort(keys)]
    covered_at = neighbours.covered_at(order)
    held = np.bincount(covered_at, minlength=order.size + 1)[: order.size].cumsum()
    places = neighbours.x_m.size
    begins = np.concatenate(([0], np.cumsum(sizes)))
    starts = np.concatenate(([0], np.cumsum(sizes[order])))
    picked = np.repeat(begins[order] - starts[:-1], sizes[order]) + np.arange(starts[-1])
    corners = vertices[picked]
    return LocalHulls(
        percent=100.0 * held / places,
        hull_areas_m2=areas[order],
        corners_m=np.column_stack((neighbours.x_m[corners], neighbours.y_m[corners])),
        starts=starts,
        places=places,
        estimate=Estimate.of(
            track, "local convex hull", {neighbours.name: neighbours.value, "places": places}
        ),
    )


def unite(polygons: NDArray[np.object_]) -> MultiPolygon:
    """Returns the union of polygons."""
    return to_multipolygon(shapely.union_all(polygons))


def _rule(k: int | None, r_m: float | None, a_m: float | None) -> tuple[str, float]:
    """Returns the name and the value of the one parameter given."""
    given = [(name, v) for name, v in (("k", k), ("r_m", r_m), ("a_m", a_m)) if v is not None]
    if len(given) != 1:
        raise ParameterError("k, r_m, a_m", (k, r_m, a_m), "exactly one of them")
    name, value = given[0]
    if name == "k" and not (3 <= value < math.inf and value == int(value)):
        raise ParameterError(name, value, "a whole number of at least 3")
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(name, value, "a finite number of metres above 0")
    return name, value


def _places(track: Track) -> tuple[Floats, Floats]:
    """Returns the different positions, in the order of their first fix."""
    points = np.column_stack((track.x_m, track.y_m))
    _, first = np.unique(points, axis=0, return_index=True)
    first.sort()
    return track.x_m[first], track.y_m[first]


class _Neighbours:
    """The neighbourhood of every place: a prefix of the others by distance, block by block."""

    def __init__(self, x_m: Floats, y_m: Floats, name: str, value: float) -> None:
        from scipy.spatial import cKDTree

        if name == "k" and value > x_m.size:
            raise ParameterError(name, value, f"at most the {x_m.size} different places")
        self.x_m, self.y_m, self.name, self.value = x_m, y_m, name, value
        self.rule = f"{name} = {value:g}"
        self._points = np.column_stack((x_m, y_m))
        self._tree = cKDTree(self._points)

    def hulls(self) -> tuple[Integers, Floats, Integers, Integers]:
        """Returns corners and areas [m2] of each hull, its places, and all corners in a row."""
        from analytics.kernels.locoh import hulls  # compiles at its first call

        n = self.x_m.size
        sizes, areas, members = np.empty(n, np.int64), np.empty(n), np.empty(n, np.int64)
        corners = []
        for own, near, counts in self._blocks():
            room = np.empty(int(counts.sum()) + counts.size + 1, np.int64)
            written = hulls(self.x_m, self.y_m, near, counts, sizes[own], areas[own], room)
            members[own] = counts
            corners.append(room[:written].copy())
        return sizes, areas, members, np.concatenate(corners)

    def covered_at(self, order: Integers) -> Integers:
        """Returns for each place the rank of the first hull that holds it; len(order) for none."""
        from analytics.kernels.locoh import cover  # compiles at its first call

        ranks = np.full(self.x_m.size, order.size)
        ranks[order] = np.arange(order.size)
        covered_at = np.full(self.x_m.size, order.size)
        for own, near, counts in self._blocks():
            cover(near, counts, ranks[own], covered_at)
        return covered_at

    def _blocks(self) -> Iterator[tuple[slice, Integers, Integers]]:
        """Yields places, their neighbours nearest first, and how many of them count."""
        n, first = self.x_m.size, 0
        width = min(n, int(self.value) + _TIES if self.name == "k" else 32)
        while first < n:
            end = min(n, first + max(1, _BLOCK // width))
            near, distances = self._nearest(first, end, width)
            counts = self._counts(distances)
            if width < n and self.name != "k" and counts.max() == width:
                width = min(n, 2 * width)  # a neighbourhood may go on: ask again for more
                continue
            yield slice(first, end), near, counts
            first = end

    def _nearest(self, first: int, end: int, width: int) -> tuple[Integers, Floats]:
        from analytics.kernels.locoh import sort_ties  # compiles at its first call

        limit = math.inf if self.name == "k" else self.value * (1 + 1e-9)
        _, near = self._tree.query(self._points[first:end], width, distance_upper_bound=limit)
        near = near.reshape(end - first, width).astype(np.int64, copy=False)
        distances = np.empty(near.shape)
        sort_ties(self.x_m, self.y_m, first, near, distances)
        return near, distances

    def _counts(self, distances: Floats) -> Integers:
        if self.name == "k":
            return np.full(len(distances), int(self.value))
        reached = distances if self.name == "r_m" else np.cumsum(distances, axis=1)
        counts: Integers = (reached <= self.value).sum(axis=1)
        return counts
