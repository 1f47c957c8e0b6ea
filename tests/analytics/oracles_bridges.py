"""Slow, plain forms of what the kernels of bridges compute.

One formula per function, written as in its source, without a thought for speed.
"""

import math

import numpy as np


def bridge_density(
    track, variances_m2, rates_m2_per_s, first, parts, shares, nodes_x_m, nodes_y_m
):
    """Bridges weighted by duration, at the nodes, as rows of columns [1/m2].

    Source: Horne et al. 2007, doi:10.1890/06-0957.1, equations 1 and 4.
    """
    durations_s = [track.times_s[i + 1] - track.times_s[i] for i in first]
    total = np.zeros((len(nodes_y_m), len(nodes_x_m)))
    for i, rate, duration_s in zip(first, rates_m2_per_s, durations_s, strict=True):
        for a, share in zip(parts, shares, strict=True):
            x_m = track.x_m[i] + a * (track.x_m[i + 1] - track.x_m[i])
            y_m = track.y_m[i] + a * (track.y_m[i + 1] - track.y_m[i])
            variance = duration_s * a * (1 - a) * rate
            variance += (1 - a) ** 2 * variances_m2[i] + a**2 * variances_m2[i + 1]
            squared = (nodes_x_m[None, :] - x_m) ** 2 + (nodes_y_m[:, None] - y_m) ** 2
            hill = np.exp(-squared / (2 * variance)) / (2 * math.pi * variance)
            total += duration_s / sum(durations_s) * share * hill
    return total


def deviance(track, error_m, rate, left_out):
    """-2 log likelihood of fixes left out, each under the bridge between its neighbours.

    Source: Horne et al. 2007, equation 7.
    """
    total = 0.0
    for i in left_out:
        duration_s = track.times_s[i + 1] - track.times_s[i - 1]
        a = (track.times_s[i] - track.times_s[i - 1]) / duration_s
        variance = duration_s * a * (1 - a) * rate
        variance += (1 - a) ** 2 * error_m[i - 1] ** 2 + a**2 * error_m[i + 1] ** 2
        squared = sum(
            (v[i] - (1 - a) * v[i - 1] - a * v[i + 1]) ** 2 for v in (track.x_m, track.y_m)
        )
        total += 2 * math.log(2 * math.pi * variance) + squared / variance
    return total


def likeliest_rate(track, error_m, left_out):
    """Rate and deviance of the best of 0 and of many rates, refined by halving the steps."""
    best = (deviance(track, error_m, 0.0, left_out), 0.0)
    step = 0.25
    logs = np.arange(-30, 30, step)
    while step > 1e-7:
        found = [(deviance(track, error_m, math.exp(q), left_out), math.exp(q)) for q in logs]
        best = min(best, *found)
        if best[1] == 0:
            return best[1], best[0]
        step /= 2
        logs = math.log(best[1]) + step * np.arange(-2, 3)
    return best[1], best[0]


def window_rates(track, error_m, window, margin):
    """Mean rate of each bridge over the windows around it, NaN without one.

    Source: Kranstauber et al. 2012, doi:10.1111/j.1365-2656.2012.01955.x.
    """
    rates = [[] for _ in range(len(track) - 1)]
    for start in range(len(track) - window + 1):
        end = start + window - 1

        def fit(a, b):
            return likeliest_rate(track, error_m, range(a + 1, b, 2))

        rate, found = fit(start, end)
        best = (found + math.log(window), [rate] * window)
        for middle in range(start + margin - 1, end - margin + 2, 2):
            before, after = fit(start, middle), fit(middle, end)
            bic = before[1] + after[1] + 2 * math.log(window)
            split = middle - start
            best = min(best, (bic, [before[0]] * split + [after[0]] * (window - split)))
        for i in range(start + margin - 1, end - margin + 1):
            rates[i].append(best[1][i - start])
    return np.array([np.mean(r) if r else np.nan for r in rates])


def diffusion(track, longest_step_s, shortest_step_m):
    """Sum of the diffusions that single fixes tell of, and how many do.

    Source: Benhamou 2011, doi:10.1371/journal.pone.0014592.
    """
    total, count = 0.0, 0
    places = list(zip(track.x_m.tolist(), track.y_m.tolist(), strict=True))
    for i in range(1, len(track) - 1):
        before_s, after_s = np.diff(track.times_s[i - 1 : i + 2])
        before_m, after_m = (math.dist(places[i], places[k]) for k in (i - 1, i + 1))
        if before_s + after_s >= longest_step_s or min(before_m, after_m) <= shortest_step_m:
            continue
        if not (0.5 < before_s / after_s < 2 and 0.5 < before_m / after_m < 2):
            continue
        a = before_s / (before_s + after_s)
        middle = [(1 - a) * u + a * v for u, v in zip(places[i - 1], places[i + 1], strict=True)]
        total += math.dist(places[i], middle) ** 2 * (1 / before_s + 1 / after_s) / 4
        count += 1
    return total, count
