"""Time per area between two fixes, from all ellipses that an animal's speeds allow.

With u the speed of the straight way between the fixes, a place that takes speed q to visit on the
way has density 1 / t^2 times the integral over speeds v from q to the highest of
4 f(v) / (pi v sqrt(v^2 - u^2)), f Weibull's density of speeds. With w = sqrt(v^2 - u^2) that is
the integral of 4 f(v) / (pi v^2) dw, which has no pole.
"""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]

# nodes and weights of Gauss and Legendre for four points on -1..1
_AT = np.array([-0.8611363115940526, -0.3399810435848563, 0.3399810435848563, 0.8611363115940526])
_WEIGHT = np.array(
    [0.34785484513745385, 0.6521451548625461, 0.6521451548625461, 0.34785484513745385]
)

_SOFT = 0.3826  # cells: mean distance of the places in a cell to its node


# a straight speeds, b further speeds
@jit
def speed_table(shape: float, scale: float, highest: float, table: Floats) -> None:
    """Fills `table` (a, b) with the integral over speeds above u, as a part of those.

    Row i is for u = highest (i / a)^2, column j for w from its largest value times (j / (b - 1))^2
    up to it: both are finest at slow speeds, where f(v) / v^2 may grow without limit. In the first
    place of all, where it does, stands the value a quarter of a column further on.
    """
    rows, columns = table.shape
    step = 1.0 / (columns - 1)
    for i in range(rows):
        u = highest * (i / rows) ** 2
        slower = (u / scale) ** shape
        widest = np.sqrt(highest * highest - u * u)
        table[i, columns - 1] = 0.0
        for j in range(columns - 2, -1, -1):
            begin = j * step
            if i == 0 and j == 0:
                begin = 0.25 * step
            half = 0.5 * ((j + 1) * step - begin)
            part = 0.0
            for point in range(4):
                root = begin + half * (1.0 + _AT[point])
                w = widest * root * root
                v = np.sqrt(u * u + w * w)
                power = (v / scale) ** shape
                part += _WEIGHT[point] * root * power * np.exp(slower - power) / (v * v * v)
            table[i, j] = table[i, j + 1] + 8.0 / np.pi * shape * widest * half * part


@jit
def _share(x: float, y: float, weight: float, out: Floats) -> None:
    """Adds a weight to the four nodes around a place given in cells, as far as they exist."""
    i, j = int(np.floor(x)), int(np.floor(y))
    for row in range(2):
        for column in range(2):
            if 0 <= j + row < out.shape[0] and 0 <= i + column < out.shape[1]:
                part_x = x - i if column else 1.0 - (x - i)
                part_y = y - j if row else 1.0 - (y - j)
                out[j + row, i + column] += weight * part_x * part_y


@jit
def _visit_row(
    row: Floats,
    first: int,
    y: float,
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    straight: float,
    longest: float,
    values: Floats,
) -> float:
    """Fills a row of nodes from column `first` with the density there, returns its sum.

    All lengths in cells; `values` (b) by the square root of w, see `speed_table`.
    """
    last = values.size - 1
    squared1, squared2 = (y - y1) ** 2 + _SOFT**2, (y - y2) ** 2 + _SOFT**2
    scale = 1.0 / (longest * longest - straight * straight)
    for i in range(row.size):
        x = first + i
        way = np.sqrt((x - x1) ** 2 + squared1) + np.sqrt((x - x2) ** 2 + squared2)
        part = max(0.0, (way * way - straight * straight) * scale)
        row[i] = last * min(1.0, np.sqrt(np.sqrt(part)))
    total = 0.0
    for i in range(row.size):
        j = min(int(row[i]), last - 1)
        right = row[i] - j
        value = values[j] + right * (values[j + 1] - values[j])
        row[i] = value
        total += value
    return total


@jit
def _look_up(table: Floats, straight: float, values: Floats) -> None:
    """Fills `values` (b) for a straight speed given as a part of the highest."""
    at = np.sqrt(straight) * table.shape[0]
    level = min(int(at), table.shape[0] - 2)
    upper = min(at - level, 1.0)
    for j in range(values.size):
        values[j] = table[level, j] + upper * (table[level + 1, j] - table[level, j])


@jit
def _ellipse(
    x1: float, y1: float, x2: float, y2: float, straight: float, longest: float
) -> tuple[float, float, float, float, float]:
    """Returns p, q, the half height, the half width and the squared shorter half axis.

    The ellipse is p dx^2 + 2 q dx dy + s dy^2 = 1 around the middle of its foci.
    """
    long2, short2 = longest * longest / 4, (longest * longest - straight * straight) / 4
    cosine, sine = 1.0, 0.0
    if straight > 0:
        cosine, sine = (x2 - x1) / straight, (y2 - y1) / straight
    p = cosine * cosine / long2 + sine * sine / short2
    q = cosine * sine * (1 / long2 - 1 / short2)
    height = np.sqrt(long2 * sine * sine + short2 * cosine * cosine)
    width = np.sqrt(long2 * cosine * cosine + short2 * sine * sine)
    return p, q, height, width, short2


# b further speeds, r rows and c columns of nodes
@jit
def _share_step(
    x1: float,
    y1: float,
    x2: float,
    y2: float,
    straight: float,
    longest: float,
    weight: float,
    whole: float,
    values: Floats,
    scratch: Floats,
    out: Floats,
) -> Floats:
    """Shares a step's weight out to the nodes in its ellipse, returns scratch memory of its size.

    `whole` is the integral of the density, which stands for the sum over nodes where the ellipse
    is wider than the grid: nodes far off it need not be visited.
    """
    rows, columns = out.shape
    p, q, height, width, short2 = _ellipse(x1, y1, x2, y2, straight, longest)
    middle_x, middle_y = 0.5 * (x1 + x2), 0.5 * (y1 + y2)
    low, high = np.ceil(middle_y - height), np.floor(middle_y + height)
    left, right = np.ceil(middle_x - width), np.floor(middle_x + width)
    inside = low >= 0 and high < rows and left >= 0 and right < columns
    summed = inside or width * height <= rows * columns
    if not summed:
        low, high = max(low, 0.0), min(high, rows - 1.0)
        left, right = max(left, 0.0), min(right, columns - 1.0)
    first, count = int(low), max(0, int(high - low) + 1)
    across = max(0, int(right - left) + 1)
    if count * across > scratch.size:
        scratch = np.empty(2 * count * across)
    begins = np.empty((count, 2), np.int64)
    total = 0.0
    for j in range(count):
        dy = first + j - middle_y
        reach = np.sqrt(max(0.0, p - 4 * dy * dy / (longest * longest * short2))) / p
        begin = max(left, np.ceil(middle_x - q * dy / p - reach))
        end = min(right, np.floor(middle_x - q * dy / p + reach)) + 1.0
        begins[j, 0], begins[j, 1] = int(begin), int(max(begin, end))
        row = scratch[j * across : j * across + begins[j, 1] - begins[j, 0]]
        y = float(first + j)
        total += _visit_row(row, begins[j, 0], y, x1, y1, x2, y2, straight, longest, values)
    if summed and total <= 0.0:
        _share(middle_x, middle_y, weight, out)
        return scratch
    factor = weight / (total if summed else whole)
    for j in range(count):
        if 0 <= first + j < rows:
            begin, end = max(begins[j, 0], 0), min(begins[j, 1], columns)
            source = scratch[j * across + begin - begins[j, 0] :]
            target = out[first + j, begin : max(begin, end)]
            for i in range(target.size):
                target[i] += factor * source[i]
    return scratch


# n fixes, a straight speeds and b further ones, r rows and c columns of nodes
@jit
def time_density(
    x: Floats,
    y: Floats,
    times_s: Floats,
    cell_m: float,
    shape: float,
    scale: float,
    highest: float,
    max_gap_s: float,
    table: Floats,
    out: Floats,
) -> float:
    """Adds to `out` (r, c) the seconds that belong to each node, and returns all seconds used.

    Places (n) in cells from the first node. Every step's seconds are shared out in proportion to
    its density at the nodes; those of nodes off the grid are lost. A step that meets no node gives
    them to the four around its middle. Steps longer than `max_gap_s` are left out.
    """
    values, scratch = np.empty(table.shape[1]), np.empty(1024)
    beyond = (highest / scale) ** shape
    seconds = 0.0
    for k in range(x.size - 1):
        duration = times_s[k + 1] - times_s[k]
        if duration > max_gap_s:
            continue
        seconds += duration
        straight = np.hypot(x[k + 1] - x[k], y[k + 1] - y[k])
        longest = highest * duration / cell_m
        _look_up(table, straight / longest, values)
        slower = (straight * cell_m / (duration * scale)) ** shape
        whole = -np.expm1(slower - beyond) * (duration / cell_m) ** 2
        scratch = _share_step(
            x[k],
            y[k],
            x[k + 1],
            y[k + 1],
            straight,
            longest,
            duration,
            whole,
            values,
            scratch,
            out,
        )
    return seconds
