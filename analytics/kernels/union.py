"""Area of the union of convex polygons, polygon by polygon.

The outline of the union so far is kept as parts of the polygons' edges. A further polygon adds the
area within the parts of its own edges outside the union and the parts of the outline inside it.
Which part lies where is decided by exact signs, and edges that coincide count once if they run the
same way, both if they run against each other: then the outline closes whatever polygons share.
"""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit
from analytics.kernels.turn import turn

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


# v corners of h polygons, counter-clockwise; polygon j has the corners starts[j]..starts[j + 1]
@jit
def _inside(
    x: Floats, y: Floats, e: int, f: int, first: int, end: int, closed: bool
) -> tuple[float, float]:
    """Returns the part (0..1) of the edge from corner e to f inside a polygon, (1, 0) for none.

    An edge along one of the polygon's is inside if `closed` and they run the same way.
    """
    low, high = 0.0, 1.0
    for c in range(first, end):
        d = c + 1 if c + 1 < end else first
        one = turn(x[c], y[c], x[d], y[d], x[e], y[e])
        other = turn(x[c], y[c], x[d], y[d], x[f], y[f])
        if one == 0.0 and other == 0.0:
            along = (x[d] - x[c]) * (x[f] - x[e]) + (y[d] - y[c]) * (y[f] - y[e])
            if closed and along > 0.0:
                continue
            return 1.0, 0.0
        if one <= 0.0 and other <= 0.0:
            return 1.0, 0.0
        if one < 0.0:
            low = max(low, one / (one - other))
        elif other < 0.0:
            high = min(high, one / (one - other))
        if low >= high:
            return 1.0, 0.0
    return low, high


@jit
def _swept(x: Floats, y: Floats, e: int, f: int, part: float, at: int) -> float:
    """Returns the area between a part (0..1) of an edge and the corner `at`."""
    u, v, right, up = x[e] - x[at], y[e] - y[at], x[f] - x[e], y[f] - y[e]
    area: float = 0.5 * part * (u * up - v * right)
    return area


@jit
def _near(x: Floats, y: Floats, starts: Integers, r: int, box: Floats, near: Integers) -> int:
    """Writes the box of polygon r and which earlier ones' boxes touch it; returns how many do."""
    own_x, own_y = x[starts[r] : starts[r + 1]], y[starts[r] : starts[r + 1]]
    box[r, 0], box[r, 1], box[r, 2], box[r, 3] = own_x.min(), own_x.max(), own_y.min(), own_y.max()
    count = 0
    for j in range(r):
        apart = (box[j, 0] > box[r, 1]) | (box[j, 1] < box[r, 0])
        apart |= (box[j, 2] > box[r, 3]) | (box[j, 3] < box[r, 2])
        near[count] = j
        count += not apart
    return count


# s parts of edges: begin, end (0..1), number of the next part of the same edge
@jit
def union_growth(
    x: Floats,
    y: Floats,
    starts: Integers,
    span: Floats,
    following: Integers,
    added: Floats,
) -> bool:
    """Writes by how much each polygon enlarges the union of those before to `added` (h,).

    `span` (s, 2) and `following` (s,) are room for the parts of edges on the outline. Returns
    False if they do not suffice. Polygons are strictly convex. Compares the boxes of all pairs:
    1e5 polygons take seconds.
    """
    polygons, free = starts.size - 1, 0
    box, near = np.empty((polygons, 4)), np.empty(polygons, np.int64)
    head = np.full(x.size, -1)
    for r in range(polygons):
        count = _near(x, y, starts, r, box, near)
        first, end = starts[r], starts[r + 1]
        added[r] = 0.0
        for e in range(first, end):
            if free == following.size:
                return False
            span[free, 0], span[free, 1], following[free] = 0.0, 1.0, -1
            head[e] = free
            free += 1
            f = e + 1 if e + 1 < end else first
            for k in range(count - 1, -1, -1):  # the latest are the largest, and cover most
                low, high = _inside(x, y, e, f, starts[near[k]], starts[near[k] + 1], True)
                _, free = _cut(span, following, head, e, low, high, free)
                if free < 0:
                    return False
                if head[e] < 0:
                    break
            part = head[e]
            while part >= 0:
                added[r] += _swept(x, y, e, f, span[part, 1] - span[part, 0], first)
                part = following[part]
        for j in near[:count]:
            for e in range(starts[j], starts[j + 1]):
                if head[e] < 0:
                    continue
                f = e + 1 if e + 1 < starts[j + 1] else starts[j]
                low, high = _inside(x, y, e, f, first, end, False)
                taken, free = _cut(span, following, head, e, low, high, free)
                if free < 0:
                    return False
                added[r] -= _swept(x, y, e, f, taken, first)
    return True


@jit
def _cut(
    span: Floats,
    following: Integers,
    head: Integers,
    e: int,
    low: float,
    high: float,
    free: int,
) -> tuple[float, int]:
    """Takes low..high out of the parts of an edge; returns how much was there, and free room.

    Nothing is taken where low is not below high. Room below 0: there is none left.
    """
    taken, before, part = 0.0, -1, head[e] if low < high else -1
    while part >= 0:
        begin, end, after = span[part, 0], span[part, 1], following[part]
        if begin < high and end > low:
            taken += min(end, high) - max(begin, low)
            if begin < low and end > high:  # a hole: a further part begins after it
                if free == following.size:
                    return taken, -1
                span[part, 1], span[free, 0], span[free, 1] = low, high, end
                following[part], following[free] = free, after
                return taken, free + 1
            if begin < low:
                span[part, 1] = low
            elif end > high:
                span[part, 0] = high
            else:  # nothing of it remains
                if before < 0:
                    head[e] = after
                else:
                    following[before] = after
                part = after
                continue
        before, part = part, after
    return taken, free
