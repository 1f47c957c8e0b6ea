"""On which side of a line a point lies, right whatever rounding does."""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]

_SURE = 1e-8  # relative to its two products: a difference above it is right to 8 digits
_SPLIT = 134217729.0  # 2^27 + 1: cuts a float64 into two halves of 26 bits


@jit
def turn(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> float:
    """Returns twice the area of the triangle a, b, c: above 0 where it turns left.

    The sign is exact, and so is 0, for coordinates between 1e-140 and 1e140 or 0; the value is
    good to 8 digits. Exact arithmetic is used only where rounding could matter.
    """
    one, other = (bx - ax) * (cy - ay), (by - ay) * (cx - ax)
    if abs(one - other) > _SURE * (abs(one) + abs(other)):
        return one - other
    return _exact_turn(ax, ay, bx, by, cx, cy)


@jit
def _exact_turn(ax: float, ay: float, bx: float, by: float, cx: float, cy: float) -> float:
    """Returns the same from six products, each as two numbers, added without rounding.

    Source: Shewchuk 1997, doi:10.1007/PL00009321, section 2 (growing an expansion).
    """
    left, right = (ax, bx, cx, -bx, -cx, -ax), (by, cy, ay, ay, by, cy)
    parts = np.zeros(13)
    count = 0
    for k in range(6):
        u, v = left[k], right[k]
        product = u * v
        u_high, v_high = _SPLIT * u, _SPLIT * v
        u_high, v_high = u_high - (u_high - u), v_high - (v_high - v)
        u_low, v_low = u - u_high, v - v_high
        rest = u_low * v_low - (product - u_high * v_high - u_low * v_high - u_high * v_low)
        for term in (rest, product):
            carried = term
            for i in range(count):
                total = carried + parts[i]
                added = total - carried
                parts[i] = (carried - (total - added)) + (parts[i] - added)
                carried = total
            parts[count] = carried
            count += 1
    value = 0.0
    for i in range(count):  # from the smallest: the last that is not 0 gives the sign
        value += parts[i]
    return value
