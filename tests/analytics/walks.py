"""Walks for tests of bridges: simulated diffusion, with known motion variance and error."""

import numpy as np

from analytics.track import Track


def walk(
    fixes=200, rate_m2_per_s=2.0, error_m=5.0, step_s=600.0, seed=1, origin_m=(0.0, 0.0), **more
):
    """A Brownian walk, seen with error."""
    rng = np.random.default_rng(seed)
    moved = rng.normal(size=(2, fixes)) * np.sqrt(rate_m2_per_s * step_s)
    seen = np.cumsum(moved, axis=1) + rng.normal(size=(2, fixes)) * error_m
    return Track(step_s * np.arange(fixes), seen[0] + origin_m[0], seen[1] + origin_m[1], **more)


def uneven_walk(fixes=60, seed=2):
    """A walk with steps of one to ten minutes that is ten times as erratic in its second half."""
    rng = np.random.default_rng(seed)
    times_s = np.cumsum(rng.integers(60, 600, fixes)).astype(float)
    sd_m = np.sqrt(np.diff(times_s, prepend=0) * np.where(np.arange(fixes) < fixes / 2, 0.2, 20.0))
    x_m, y_m = np.cumsum(rng.normal(size=(2, fixes)) * sd_m, axis=1)
    return Track(times_s, x_m, y_m)


def there_and_back(fixes=41, step_m=200.0):
    """A straight way of equal steps and back, a little off it: a path that is known."""
    along = step_m * np.concatenate((np.arange(fixes), np.arange(fixes - 1)[::-1]))
    return Track(600.0 * np.arange(along.size), along, np.sin(np.arange(along.size)))


def independent(fixes=300, seed=4, step_s=86400.0):
    """Fixes a day apart that know nothing of each other."""
    x_m, y_m = np.random.default_rng(seed).normal(size=(2, fixes)) * 1000
    return Track(step_s * np.arange(fixes), x_m, y_m)
