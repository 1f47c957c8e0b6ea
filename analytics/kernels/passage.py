"""Times at which a straight-line path leaves and enters circles around its own fixes."""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_BLOCK = 16  # fixes per leaf of the tree of boxes


# n fixes; p leaves, the least power of two that holds n / 16
@jit
def boxes(x_m: Floats, y_m: Floats) -> Floats:
    """Returns (2 p, 4): least x, greatest x, least y, greatest y of the fixes under each node.

    A binary tree in heap order: node 1 is the root, nodes 2 k and 2 k + 1 are below k, node
    p + b holds fixes 16 b .. 16 b + 15. It lets a search pass over many fixes at once where the
    animal stays within the circle for long: 8 to 16 bytes per fix buy log n instead of n.
    """
    leaves = 1
    while leaves * _BLOCK < x_m.size:
        leaves *= 2
    tree = np.empty((2 * leaves, 4))
    tree[:, 0::2] = np.inf
    tree[:, 1::2] = -np.inf
    for i in range(x_m.size):
        node = tree[leaves + i // _BLOCK]
        node[0], node[1] = min(node[0], x_m[i]), max(node[1], x_m[i])
        node[2], node[3] = min(node[2], y_m[i]), max(node[3], y_m[i])
    for k in range(leaves - 1, 0, -1):
        for side in (0, 2):
            tree[k, side] = min(tree[2 * k, side], tree[2 * k + 1, side])
            tree[k, side + 1] = max(tree[2 * k, side + 1], tree[2 * k + 1, side + 1])
    return tree


@jit
def _all_inside(box: Floats, x_m: float, y_m: float, squared_m2: float) -> bool:
    dx, dy = max(x_m - box[0], box[1] - x_m), max(y_m - box[2], box[3] - y_m)
    return bool(dx * dx + dy * dy <= squared_m2)


@jit
def first_outside(
    x_m: Floats,
    y_m: Floats,
    tree: Floats,
    start: int,
    step: int,
    at_x_m: float,
    at_y_m: float,
    radius_m: float,
) -> int:
    """Returns the first fix farther than the radius, from `start` on in direction `step`.

    `step` is 1 or -1. Returns n or -1 where there is none.
    """
    n, leaves, squared_m2 = x_m.size, tree.shape[0] // 2, radius_m * radius_m
    forward = step > 0
    none = n if forward else -1
    k = start
    while 0 <= k < n:
        stop = k // _BLOCK * _BLOCK + _BLOCK if forward else k // _BLOCK * _BLOCK - 1
        stop = min(stop, n)
        while k != stop:
            dx, dy = x_m[k] - at_x_m, y_m[k] - at_y_m
            if dx * dx + dy * dy > squared_m2:
                return k
            k += step
        node = leaves + (k - step) // _BLOCK
        while True:  # the next node, past as many as lie inside altogether
            while node > 1 and node % 2 == (1 if forward else 0):
                node //= 2
            if node == 1:
                return none
            node += step
            while node < leaves and not _all_inside(tree[node], at_x_m, at_y_m, squared_m2):
                node = 2 * node if forward else 2 * node + 1
            if node >= leaves and not _all_inside(tree[node], at_x_m, at_y_m, squared_m2):
                break
        k = (node - leaves) * _BLOCK + (0 if forward else _BLOCK - 1)
    return none


@jit
def _chord(
    x_m: Floats, y_m: Floats, a: int, b: int, at_x_m: float, at_y_m: float, radius_m: float
) -> tuple[float, float]:
    """Returns where the line from fix a (0) to fix b (1) enters and leaves the circle, or NaN."""
    ax, ay = x_m[a] - at_x_m, y_m[a] - at_y_m
    dx, dy = x_m[b] - x_m[a], y_m[b] - y_m[a]
    length2, along = dx * dx + dy * dy, ax * dx + ay * dy
    across = (ax * dy - ay * dx) / np.sqrt(length2)  # distance of the line from the centre
    half2 = (radius_m - abs(across)) * (radius_m + abs(across))
    if not half2 >= 0.0:
        return np.nan, np.nan
    half = np.sqrt(half2 / length2)
    return -along / length2 - half, -along / length2 + half


@jit
def _crossing_s(
    times_s: Floats,
    x_m: Floats,
    y_m: Floats,
    centre: int,
    inside: int,
    outside: int,
    radius_m: float,
    by_distance: bool,
) -> float:
    """Returns the time between two fixes at which the distance to the centre is the radius."""
    if by_distance:
        near = np.hypot(x_m[inside] - x_m[centre], y_m[inside] - y_m[centre])
        far = np.hypot(x_m[outside] - x_m[centre], y_m[outside] - y_m[centre])
        part = (radius_m - near) / (far - near)
    else:
        _, part = _chord(x_m, y_m, inside, outside, x_m[centre], y_m[centre], radius_m)
        part = 0.0 if np.isnan(part) else part  # inside within rounding of the border
    part = min(1.0, max(0.0, part))
    crossing_s: float = times_s[inside] + part * (times_s[outside] - times_s[inside])
    return crossing_s


# n fixes
@jit
def first_passage(
    times_s: Floats,
    x_m: Floats,
    y_m: Floats,
    tree: Floats,
    part: Integers,
    radius_m: float,
    by_distance: bool,
    out_s: Floats,
) -> None:
    """Fills `out_s` (n) with the time from entering to leaving the circle around each fix.

    NaN where the path does not cross the circle on both sides within one part of the track
    (`part` (n), numbers that rise at every gap).
    """
    n = x_m.size
    for i in range(n):
        out_s[i] = np.nan
        after = first_outside(x_m, y_m, tree, i, 1, x_m[i], y_m[i], radius_m)
        if after == n:
            continue
        before = first_outside(x_m, y_m, tree, i, -1, x_m[i], y_m[i], radius_m)
        if before < 0 or part[before] != part[after]:
            continue
        out_s[i] = _crossing_s(
            times_s, x_m, y_m, i, after - 1, after, radius_m, by_distance
        ) - _crossing_s(times_s, x_m, y_m, i, before + 1, before, radius_m, by_distance)


@jit
def _stay_s(
    times_s: Floats,
    x_m: Floats,
    y_m: Floats,
    tree: Floats,
    part: Integers,
    centre: int,
    step: int,
    radius_m: float,
    away_s: float,
) -> float:
    """Returns the time within the circle after (or before) its centre, NaN if cut by an end."""
    at_x, at_y, n = x_m[centre], y_m[centre], x_m.size
    k, total = centre, 0.0
    while True:
        # inside at fix k: on to the border
        out = first_outside(x_m, y_m, tree, k, step, at_x, at_y, radius_m)
        if out < 0 or out == n or part[out] != part[centre]:
            return np.nan
        left_s = _crossing_s(times_s, x_m, y_m, centre, out - step, out, radius_m, False)
        total += abs(left_s - times_s[k])
        # outside at fix `out`: along the path until it is inside at a fix, or away for too long
        k = out
        while True:
            after = k + step
            if after < 0 or after >= n or part[after] != part[centre]:
                return float(total) if abs(times_s[k] - left_s) > away_s else np.nan
            enter, leave = _chord(x_m, y_m, k, after, at_x, at_y, radius_m)
            span = times_s[after] - times_s[k]
            if enter > 0.0 and enter <= 1.0:
                back_s = times_s[k] + enter * span
                if abs(back_s - left_s) > away_s:
                    return float(total)
                if leave > 1.0:
                    total += abs(times_s[after] - back_s)
                    k = after
                    break
                left_s = times_s[k] + leave * span
                total += abs(left_s - back_s)
            if abs(times_s[after] - left_s) > away_s:
                return float(total)
            k = after


# n fixes
@jit
def residence(
    times_s: Floats,
    x_m: Floats,
    y_m: Floats,
    tree: Floats,
    part: Integers,
    radius_m: float,
    away_s: float,
    out_s: Floats,
) -> None:
    """Fills `out_s` (n) with the time within the circle around each fix, returns included.

    An absence longer than `away_s` ends the stay. NaN as in `first_passage`.
    """
    for i in range(x_m.size):
        out_s[i] = _stay_s(times_s, x_m, y_m, tree, part, i, -1, radius_m, away_s) + _stay_s(
            times_s, x_m, y_m, tree, part, i, 1, radius_m, away_s
        )
