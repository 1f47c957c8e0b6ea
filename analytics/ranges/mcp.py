"""Minimum convex polygon: the smallest convex area around the fixes, or around most of them.

Says where an animal was found, not how it used the land between; grows with every excursion.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from analytics.errors import ParameterError, TrackError
from analytics.results import Estimate, HomeRange, Isopleth
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]


def minimum_convex_polygon(
    track: Track, levels_percent: Sequence[float] = (50.0, 95.0, 100.0)
) -> HomeRange:
    """Returns the convex hulls of the fixes nearest to their mean position.

    A level p keeps the fixes whose distance to the mean position is at most the p % quantile of
    all distances (Hyndman and Fan's type 7), as adehabitatHR 0.4.22 does. Fixes at the same place
    count each. Time grows with the fixes; memory is at most 32 bytes for each.

    Args:
        track: at least 5 fixes, not all on one line.
        levels_percent: above 0 and at most 100; 100 is the hull of all fixes.

    Returns:
        An isopleth for each level, without an area by grid.

    Raises:
        TrackError: too few fixes, or those of a level cover no area.
        ParameterError: a level out of its range, or no level.

    Source: Mohr 1947, doi:10.2307/1371840; Hyndman & Fan 1996, doi:10.2307/2684934.
    """
    check_spread(track)
    levels = check_levels(levels_percent)
    distances_m2 = np.empty(0)
    if min(levels) < 100:
        distances_m2 = (track.x_m - track.x_m.mean()) ** 2 + (track.y_m - track.y_m.mean()) ** 2
    estimate = Estimate.of(track, "minimum convex polygon", {"levels_percent": list(levels)})
    return HomeRange(tuple(_isopleth(track, distances_m2, level) for level in levels), estimate)


def check_levels(levels_percent: Sequence[float]) -> tuple[float, ...]:
    """Returns levels of estimators that work on the fixes themselves, as numbers.

    Raises:
        ParameterError: a level not above 0 and at most 100, or no level.
    """
    if not len(levels_percent):
        raise ParameterError("levels_percent", levels_percent, "at least one level")
    for level in levels_percent:
        if not 0 < level <= 100:
            raise ParameterError("level_percent", level, "more than 0 and at most 100")
    return tuple(float(level) for level in levels_percent)


def _isopleth(track: Track, distances_m2: Floats, level: float) -> Isopleth:
    from analytics.kernels.hull import hull  # compiles at its first call

    x_m, y_m = track.x_m, track.y_m
    if level < 100:
        near = distances_m2 <= _quantile(distances_m2, level)
        x_m, y_m = x_m[near], y_m[near]
    vertices = hull(x_m, y_m)
    if vertices.size < 3:
        raise TrackError(
            [f"the {x_m.size} fixes of the {level:g} % polygon lie on one line: no area"]
        )
    polygon = Polygon(np.column_stack((x_m[vertices], y_m[vertices])))
    return Isopleth(level, MultiPolygon([polygon]), polygon.area / 1e6, None, track.projection)


def _quantile(values: Floats, percent: float) -> float:
    """Returns the largest value that is not above the type 7 quantile.

    The quantile lies between two values in order and keeps the lower one; that it is reached
    exactly must not hang on the rounding of an interpolation.
    """
    rank = (values.size - 1) * percent / 100
    below = round(rank) if math.isclose(rank, round(rank), rel_tol=1e-12) else math.floor(rank)
    return float(np.partition(values, below)[below])
