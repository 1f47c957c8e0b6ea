"""Tracks for tests: constructed ones with known shapes, and readers of stored ones."""

import csv
import math
from pathlib import Path

import numpy as np

from analytics.grid import Grid
from analytics.project import LocalProjection
from analytics.results import Estimate, UtilizationDistribution
from analytics.track import Track

GOLDEN = Path(__file__).parent.parent / "golden"
IN_THE_ALPS = LocalProjection(46.66, 10.2)


def track(x_m, y_m, projection=None):
    """Fixes an hour apart."""
    return Track(3600.0 * np.arange(len(x_m)), x_m, y_m, projection)


def cloud(fixes=40, seed=1, spread_m=500.0, projection=None):
    """Independent fixes around the origin, wider in x than in y."""
    x, y = np.random.default_rng(seed).normal(size=(2, fixes)) * spread_m
    return track(1.5 * x, y, projection)


def ring(radius_m=1000.0, fixes=200, projection=None):
    """Fixes evenly on a circle around the origin: use without a middle."""
    angle = 2 * math.pi * np.arange(fixes) / fixes
    return track(radius_m * np.cos(angle), radius_m * np.sin(angle), projection)


def two_clusters(distance_m=5000.0, projection=None):
    """The same small cloud twice, so far apart that no kernel bridges the gap."""
    one = cloud(fixes=50, spread_m=100.0)
    x_m = np.concatenate((one.x_m - distance_m / 2, one.x_m + distance_m / 2))
    return track(x_m, np.concatenate((one.y_m, one.y_m)), projection)


def normal_ud(sd_m, cell_m, half_width_m, projection=None):
    """A normal density itself, sampled on a grid: its isopleths are circles of known area."""
    nodes = 2 * round(half_width_m / cell_m) + 1
    grid = Grid(-half_width_m, -half_width_m, cell_m, nodes, nodes)
    squared_m2 = grid.x_m[None, :] ** 2 + grid.y_m[:, None] ** 2
    density = np.exp(-squared_m2 / (2 * sd_m**2)) / (2 * np.pi * sd_m**2)
    estimate = Estimate("given", {}, 0, 0.0, 0.0, projection, "test")
    return UtilizationDistribution(grid, density, estimate)


def stored_track(path, individual=None):
    """The fixes of a CSV with x_m and y_m; a number per fix where it has no times."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["x_m"]]
    rows = [row for row in rows if individual is None or row["individual"] == individual]
    times_s = [float(row.get("t_s", number)) for number, row in enumerate(rows)]
    return Track(times_s, [float(r["x_m"]) for r in rows], [float(r["y_m"]) for r in rows])
