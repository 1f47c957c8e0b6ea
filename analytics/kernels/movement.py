"""What follows from fixes one after the other: lengths, speeds, angles."""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]


@jit
def _angle(dx: float, dy: float) -> float:
    """Returns atan2(dy, dx) within 2e-15, NaN where both are 0, without a branch.

    The smaller over the larger coordinate is at most 1; above tan(pi/8) the angle is taken from
    pi/4, so that the polynomial (Chebyshev interpolation of atan(z) / z in z^2, error 2.3e-16)
    serves tan(pi/8) only. Compiled to vector instructions, unlike the library's atan2.
    """
    ax, ay = abs(dx), abs(dy)
    large, small = max(ax, ay), min(ax, ay)
    steep = small > 0.41421356237309503 * large
    z = (small - large if steep else small) / (small + large if steep else large)
    w = z * z
    p = -0.017806327668255642
    p = p * w + 0.03796597468540695
    p = p * w - 0.050351261131014305
    p = p * w + 0.05846882760685058
    p = p * w - 0.06662952365357999
    p = p * w + 0.07692045379658138
    p = p * w - 0.09090896812216127
    p = p * w + 0.11111110745057537
    p = p * w - 0.1428571427925361
    p = p * w + 0.1999999999994092
    p = p * w - 0.3333333333333312
    angle = z + z * w * p
    angle = 0.7853981633974483 + angle if steep else angle
    angle = 1.5707963267948966 - angle if ay > ax else angle
    angle = 3.141592653589793 - angle if dx < 0.0 else angle
    return -angle if dy < 0.0 else angle


@jit
def _lengths(x_m: Floats, y_m: Floats, distance_m: Floats) -> None:
    for i in range(distance_m.size):
        dx, dy = x_m[i + 1] - x_m[i], y_m[i + 1] - y_m[i]
        distance_m[i] = np.sqrt(dx * dx + dy * dy)


@jit
def _angles(x_m: Floats, y_m: Floats, angle_rad: Floats) -> None:
    for i in range(angle_rad.size):
        angle_rad[i] = _angle(x_m[i + 1] - x_m[i], y_m[i + 1] - y_m[i])


@jit
def _speeds(times_s: Floats, distance_m: Floats, speed_mps: Floats) -> None:
    for i in range(speed_mps.size):
        speed_mps[i] = distance_m[i] / (times_s[i + 1] - times_s[i])


@jit
def _turns(angle_rad: Floats, turning_rad: Floats) -> None:
    for i in range(turning_rad.size):
        turn = angle_rad[i + 1] - angle_rad[i]
        turn = turn + 6.283185307179586 if turn <= -3.141592653589793 else turn
        turning_rad[i] = turn - 6.283185307179586 if turn > 3.141592653589793 else turn


# n fixes, n - 1 steps
@jit
def steps(
    times_s: Floats,
    x_m: Floats,
    y_m: Floats,
    distance_m: Floats,
    speed_mps: Floats,
    angle_rad: Floats,
    turning_rad: Floats,
) -> int:
    """Fills the four outputs (n - 1); returns how many steps have no length.

    `angle_rad` is NaN for those, `turning_rad` also for the step after one and for the first.

    Blocks of 1024 steps, so that nothing is read twice from memory; within them one small loop
    per output over slices indexed from 0, since only such loops are vectorised (one loop for all
    takes five times as long).
    """
    count = x_m.size - 1
    standing = 0
    turning_rad[0] = np.nan
    for start in range(0, count, 1024):
        stop = min(start + 1024, count)
        x, y, t = x_m[start : stop + 1], y_m[start : stop + 1], times_s[start : stop + 1]
        distance = distance_m[start:stop]
        _lengths(x, y, distance)
        _speeds(t, distance, speed_mps[start:stop])
        _angles(x, y, angle_rad[start:stop])
        before = max(start - 1, 0)
        _turns(angle_rad[before:stop], turning_rad[before + 1 : stop])
        for i in range(distance.size):
            standing += 1 if distance[i] == 0.0 else 0
    return standing


@jit
def bridge_turns(distance_m: Floats, angle_rad: Floats, turning_rad: Floats) -> None:
    """Overwrites turns after standing still: from the last step that had a direction."""
    last = np.nan
    for i in range(distance_m.size):
        if i > 0 and distance_m[i - 1] == 0.0 and distance_m[i] != 0.0:
            turn = angle_rad[i] - last
            if turn <= -np.pi:
                turn += 2.0 * np.pi
            turning_rad[i] = turn - 2.0 * np.pi if turn > np.pi else turn
        if distance_m[i] != 0.0:
            last = angle_rad[i]


# n fixes
@jit
def squared_displacement(x_m: Floats, y_m: Floats, out_m2: Floats) -> None:
    """Fills `out_m2` (n) with squared distances from the first fix, in one pass."""
    for i in range(x_m.size):
        dx, dy = x_m[i] - x_m[0], y_m[i] - y_m[0]
        out_m2[i] = dx * dx + dy * dy


# n fixes, d days
@jit
def daily(
    times_s: Floats,
    x_m: Floats,
    y_m: Floats,
    start_s: float,
    day_s: float,
    max_gap_s: float,
    distance_m: Floats,
    covered_s: Floats,
) -> None:
    """Adds to `distance_m` and `covered_s` (d) what each step is long and lasts, by day.

    Day 0 begins at `start_s`, at or before the first fix. A step over midnight is shared out by
    time. Steps longer than `max_gap_s` are left out.
    """
    day, ends_s = 0, start_s + day_s
    for i in range(x_m.size - 1):
        since_s, until_s = times_s[i], times_s[i + 1]
        while since_s >= ends_s:
            day, ends_s = day + 1, start_s + (day + 2) * day_s
        lasts_s = until_s - since_s
        if lasts_s > max_gap_s:
            continue
        dx, dy = x_m[i + 1] - x_m[i], y_m[i + 1] - y_m[i]
        speed_mps = np.sqrt(dx * dx + dy * dy) / lasts_s
        while until_s > ends_s:
            distance_m[day] += speed_mps * (ends_s - since_s)
            covered_s[day] += ends_s - since_s
            since_s = ends_s
            day, ends_s = day + 1, start_s + (day + 2) * day_s
        distance_m[day] += speed_mps * (until_s - since_s)
        covered_s[day] += until_s - since_s
