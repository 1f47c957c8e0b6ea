"""Slow, plain forms of what movement, segmentation and contacts compute."""

import itertools
import math


def steps(times_s, x_m, y_m):
    """Distance, duration, speed, absolute and turning angle of each step, None where undefined."""
    rows, last = [], None
    for i in range(len(x_m) - 1):
        dx, dy = x_m[i + 1] - x_m[i], y_m[i + 1] - y_m[i]
        distance, duration = math.hypot(dx, dy), times_s[i + 1] - times_s[i]
        angle = math.atan2(dy, dx) if distance else None
        turn = None
        if angle is not None and last is not None:
            turn = math.atan2(math.sin(angle - last), math.cos(angle - last))
        rows.append((distance, duration, distance / duration, angle, turn))
        last = last if angle is None else angle
    return rows


def inside_intervals(times_s, x_m, y_m, centre, radius_m):
    """When the straight path lies within a circle around one of its fixes: [(from, to)]."""
    found = []
    for i in range(len(x_m) - 1):
        ax, ay = x_m[i] - x_m[centre], y_m[i] - y_m[centre]
        dx, dy = x_m[i + 1] - x_m[i], y_m[i + 1] - y_m[i]
        a, b, c = dx * dx + dy * dy, ax * dx + ay * dy, ax * ax + ay * ay - radius_m**2
        if a == 0:
            part = (0.0, 1.0) if c <= 0 else None
        elif b * b - a * c < 0:
            part = None
        else:
            root = math.sqrt(b * b - a * c)
            part = (max(0.0, (-b - root) / a), min(1.0, (-b + root) / a))
        if part and part[0] <= part[1]:
            span = times_s[i + 1] - times_s[i]
            here = [times_s[i] + u * span for u in part]
            if found and here[0] <= found[-1][1] + 1e-9 * span:
                found[-1][1] = here[1]
            else:
                found.append(here)
    return found


def residence_time(times_s, x_m, y_m, centre, radius_m, max_away_s):
    """Time within the circle around a fix, absences up to `max_away_s` bridged; None if cut."""
    stays = inside_intervals(times_s, x_m, y_m, centre, radius_m)
    at = next(k for k, (a, b) in enumerate(stays) if a <= times_s[centre] <= b)
    first = last = at
    while first > 0 and stays[first][0] - stays[first - 1][1] <= max_away_s:
        first -= 1
    while last + 1 < len(stays) and stays[last + 1][0] - stays[last][1] <= max_away_s:
        last += 1
    # known only if the animal is seen away for longer on both sides
    if stays[first][0] - times_s[0] <= max_away_s and first == 0:
        return None
    if times_s[-1] - stays[last][1] <= max_away_s and last == len(stays) - 1:
        return None
    return math.fsum(b - a for a, b in stays[first : last + 1])


def window(values, at, width):
    """The values around a place, at the ends those of the first or last whole window."""
    first = min(max(0, at - width // 2), len(values) - width)
    return values[first : first + width]


def longest_chain(times_s, x_m, y_m, speed_mps, error_m):
    """How many fixes the longest chain without a step too fast has, by trying every chain."""

    def reachable(i, j):
        return (
            math.hypot(x_m[j] - x_m[i], y_m[j] - y_m[i])
            <= speed_mps * (times_s[j] - times_s[i]) + error_m
        )

    def longest_from(i):
        return 1 + max(
            (longest_from(j) for j in range(i + 1, len(x_m)) if reachable(i, j)), default=0
        )

    return max(longest_from(i) for i in range(len(x_m)))


def step_density(length_m, turn_rad, behaviour):
    """Density of one observed step: gamma length times von Mises turn; None is unobserved.

    Source: Langrock et al. 2012, doi:10.1890/11-2241.1.
    """
    density = 1.0
    if length_m is not None:
        if length_m == 0:
            return behaviour.standing
        mean, sd = behaviour.step_mean_m, behaviour.step_sd_m
        shape, scale = (mean / sd) ** 2, sd**2 / mean
        density *= (1 - behaviour.standing) * length_m ** (shape - 1)
        density *= math.exp(-length_m / scale) / (math.gamma(shape) * scale**shape)
    if turn_rad is not None:
        kappa = behaviour.turn_concentration
        bessel = math.fsum((kappa / 2) ** (2 * j) / math.factorial(j) ** 2 for j in range(60))
        around = math.cos(turn_rad - behaviour.turn_mean_rad)
        density *= math.exp(kappa * around) / (2 * math.pi * bessel)
    return density


def hidden_markov(density, begins, initial, transition):
    """Likelihood, probabilities of states, likeliest path: by adding up every path there is."""
    n, k = len(density), len(initial)
    total, share, best, likeliest = 0.0, [[0.0] * k for _ in range(n)], -1.0, None
    for path in itertools.product(range(k), repeat=n):
        chance = 1.0
        for t, state in enumerate(path):
            chance *= initial[state] if begins[t] else transition[path[t - 1]][state]
            chance *= density[t][state]
        total += chance
        for t, state in enumerate(path):
            share[t][state] += chance
        if chance > best:
            best, likeliest = chance, path
    return total, [[value / total for value in row] for row in share], likeliest


def simultaneous(a_s, b_s, tolerance_s):
    """Pairs of times that are each other's nearest (the earlier of two as near), close enough."""

    def nearest(time, others):
        return min(range(len(others)), key=lambda k: (abs(others[k] - time), k))

    pairs = [(i, nearest(time, b_s)) for i, time in enumerate(a_s)]
    return [
        (i, j)
        for i, j in pairs
        if nearest(b_s[j], a_s) == i and abs(a_s[i] - b_s[j]) <= tolerance_s
    ]
