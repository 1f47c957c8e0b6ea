"""Slow, plain forms of what `analytics.ctmm` and `analytics.ranges.akde` compute.

Whole covariance matrices instead of filters, all pairs instead of sums of exponentials.
"""

import math

import numpy as np


def covariance(model, times_s, others_s):
    """(2 n, 2 m) covariance of positions at two sets of times, all x before all y."""
    lags = np.abs(np.subtract.outer(times_s, others_s))
    if model.tau_position_s == 0:
        correlation = (lags == 0).astype(float)
    elif model.tau_velocity_s == 0:
        correlation = np.exp(-lags / model.tau_position_s)
    elif model.process == "OUf":
        correlation = (1 + lags / model.tau_position_s) * np.exp(-lags / model.tau_position_s)
    else:
        p, v = model.tau_position_s, model.tau_velocity_s
        correlation = (p * np.exp(-lags / p) - v * np.exp(-lags / v)) / (p - v)
    return np.kron(model.covariance_m2, correlation)


def log_likelihood(track, model, error_m=0.0, restricted=False):
    """Density of a normal vector at its generalised least squares mean, by Cholesky factors."""
    n = len(track)
    errors = np.broadcast_to(np.asarray(error_m, float) ** 2, (n,))
    whole = covariance(model, track.times_s, track.times_s) + np.diag(np.tile(errors, 2))
    factor = np.linalg.cholesky(whole)
    columns = np.linalg.solve(factor, np.kron(np.eye(2), np.ones((n, 1))))
    values = np.linalg.solve(factor, np.concatenate((track.x_m, track.y_m)))
    mean = np.linalg.solve(columns.T @ columns, columns.T @ values)
    residuals = values - columns @ mean
    total = -np.log(np.diag(factor)).sum() - n * math.log(2 * math.pi) - residuals @ residuals / 2
    if restricted:
        total -= np.linalg.slogdet(columns.T @ columns)[1] / 2
    return total


def krige(track, model, error_m, times_s):
    """Universal kriging with an unknown mean: x, y and the variance of x at times."""
    n, m = len(track), len(times_s)
    errors = np.broadcast_to(np.asarray(error_m, float) ** 2, (n,))
    inverse = np.linalg.inv(
        covariance(model, track.times_s, track.times_s) + np.diag(np.tile(errors, 2))
    )
    ones, ahead = np.kron(np.eye(2), np.ones((n, 1))), np.kron(np.eye(2), np.ones((m, 1)))
    values = np.concatenate((track.x_m, track.y_m))
    between = covariance(model, times_s, track.times_s)
    information = ones.T @ inverse @ ones
    mean = np.linalg.solve(information, ones.T @ inverse @ values)
    expected = ahead @ mean + between @ inverse @ (values - ones @ mean)
    left = ahead - between @ inverse @ ones
    whole = covariance(model, times_s, times_s) - between @ inverse @ between.T
    whole += left @ np.linalg.solve(information, left.T)
    return expected[:m], expected[m:], np.diag(whole)[:m]


def variogram(track, step_s):
    """Lag number: (semivariance, pairs), over all pairs of fixes on a grid of times."""
    sums = {}
    slots = np.rint((track.times_s - track.times_s[0]) / step_s).astype(int)
    for j in range(len(track)):
        for i in range(j):
            squared = (track.x_m[j] - track.x_m[i]) ** 2 + (track.y_m[j] - track.y_m[i]) ** 2
            total, pairs = sums.get(slots[j] - slots[i], (0.0, 0))
            sums[slots[j] - slots[i]] = (total + squared / 4, pairs + 1)
    return {lag: (total / pairs, pairs) for lag, (total, pairs) in sums.items()}


def error_of_density(model, times_s, weights, h2):
    """Mean integrated squared error of a kernel density, in units of 1 / (2 pi sqrt(det sigma)).

    Source: Fleming et al. 2015, doi:10.1890/14-2010.1, equation 9, for two dimensions.
    """
    lags = np.abs(np.subtract.outer(times_s, times_s))
    pairs = 1 / (2 * (h2 + 1 - model.autocorrelation(lags)))
    return float(weights @ pairs @ weights) - 2 / (2 + h2) + 1 / 2


def kernel_density(x_m, y_m, weights, kernel_m2, nodes_x_m, nodes_y_m):
    """Weighted sum of normal densities at nodes, as (rows, columns) [1/m2]."""
    inverse = np.linalg.inv(kernel_m2)
    scale = 1 / (2 * np.pi * math.sqrt(np.linalg.det(kernel_m2)))
    out = np.zeros((len(nodes_y_m), len(nodes_x_m)))
    for x, y, weight in zip(x_m, y_m, weights, strict=True):
        u, v = nodes_x_m[None, :] - x, nodes_y_m[:, None] - y
        form = inverse[0, 0] * u * u + 2 * inverse[0, 1] * u * v + inverse[1, 1] * v * v
        out += weight * scale * np.exp(-form / 2)
    return out
