"""Inside or outside: up to four polygons, in integers, with hysteresis. Pure.

Vertices are (lat_e5, lon_e5), in order, without the first repeated. Within a fence's size the
Earth is taken as flat and a degree of longitude as long as at the position; a fence that spans
the 180th meridian is given with longitudes that run on beyond it.
"""

from .energy import isqrt

_DEGREE_E5 = 100000
_METRES_PER_DEGREE = 111195
#: Cosine of 0, 5, ... 90 degrees, in thousandths.
_COSINES = (1000, 996, 985, 966, 940, 906, 866, 819, 766, 707, 643, 574, 500, 423, 342, 259, 174)


def inside(lat_e5: int, lon_e5: int, polygon: "list[tuple[int, int]]") -> bool:
    """Return whether a position lies in a polygon: an odd number of edges east of it."""
    odd = False
    count = len(polygon)
    for i in range(count):
        lat_a, lon_a = polygon[i - 1]
        lat_b, lon_b = polygon[i]
        if (lat_a > lat_e5) == (lat_b > lat_e5):
            continue
        # the edge crosses this latitude at lon_a + (lat - lat_a) (lon_b - lon_a) / (lat_b - lat_a)
        left = (lon_e5 - lon_a) * (lat_b - lat_a)
        right = (lat_e5 - lat_a) * (lon_b - lon_a)
        if (left < right) == (lat_b > lat_a):
            odd = not odd
    return odd


def edge_m(lat_e5: int, lon_e5: int, polygon: "list[tuple[int, int]]") -> int:
    """Return the distance of a position from the polygon's nearest edge [m]."""
    cosine = _cosine(lat_e5)
    points = []
    for lat, lon in polygon:
        y = (lat - lat_e5) * _METRES_PER_DEGREE // _DEGREE_E5
        x = (lon - lon_e5) * _METRES_PER_DEGREE // _DEGREE_E5 * cosine // 1000
        points.append((x, y))
    best = -1
    for i in range(len(points)):
        ax, ay = points[i - 1]
        dx, dy = points[i][0] - ax, points[i][1] - ay
        length2 = dx * dx + dy * dy
        along = max(0, min(-(ax * dx + ay * dy), length2))
        if length2:
            ax += dx * along // length2
            ay += dy * along // length2
        square = ax * ax + ay * ay
        if best < 0 or square < best:
            best = square
    return isqrt(best) if best > 0 else 0


def crossed(
    inside_before: bool, lat_e5: int, lon_e5: int, polygon: "list[tuple[int, int]]", margin_m: int
) -> bool:
    """Return whether the animal has changed sides, by more than `margin_m`."""
    if inside(lat_e5, lon_e5, polygon) == inside_before:
        return False
    return edge_m(lat_e5, lon_e5, polygon) >= margin_m


def _cosine(lat_e5: int) -> int:
    """Return the cosine of a latitude in thousandths, linear between every fifth degree."""
    degrees_e5 = min(abs(lat_e5), 80 * _DEGREE_E5 - 1)
    index, rest = divmod(degrees_e5, 5 * _DEGREE_E5)
    low, high = _COSINES[index], _COSINES[index + 1]
    return low + (high - low) * rest // (5 * _DEGREE_E5)
