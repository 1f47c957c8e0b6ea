"""Slow, plain forms of the range estimators: one formula each, as in its source."""

import math


def convex_hull(points):
    """Vertices of the hull, by walking round: the next one has all others on its left.

    Source: Jarvis 1973, doi:10.1016/0020-0190(73)90020-3.
    """
    points = sorted(set(points))
    if len(points) == 1:
        return points
    here, hull = points[0], []
    while here not in hull:
        hull.append(here)
        ahead = points[1] if here == points[0] else points[0]
        for one in points:
            left = (ahead[0] - here[0]) * (one[1] - here[1])
            right = (ahead[1] - here[1]) * (one[0] - here[0])
            further = math.dist(here, one) > math.dist(here, ahead)
            if left < right or (left == right and further):
                ahead = one
        here = ahead
    return hull


def polygon_area(corners):
    """Area within corners that follow each other counter-clockwise (shoelace formula)."""
    following = corners[1:] + corners[:1]
    return sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(corners, following, strict=True)) / 2


def quantile_of_type_7(values, percent):
    """Source: Hyndman & Fan 1996, doi:10.2307/2684934, definition 7."""
    values = sorted(values)
    rank = (len(values) - 1) * percent / 100
    low = math.floor(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (rank - low) * (values[high] - values[low])
