"""Biased random bridges: an animal that heads for its next fix and strays on the way.

Steps longer than its heading lasts say nothing of the way and are left out, steps shorter than a
given length are taken as rest. What remains is the use of space while active.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics.errors import ParameterError, TrackError
from analytics.grid import Grid
from analytics.ranges.bridge_density import SUPPORT_SD, Bridges, density, distribution
from analytics.ranges.bridges import bridge_sum, check_sampling, choose_grid
from analytics.results import UtilizationDistribution
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Diffusion:
    """How far an active animal strays.

    Attributes:
        diffusion_m2_per_s: half of the growth of the variance in each direction with time.
        left_out: number of fixes it was estimated from.
    """

    diffusion_m2_per_s: float
    left_out: int


def diffusion_coefficient(
    track: Track, max_gap_s: float, shortest_step_m: float = 0.0
) -> Diffusion:
    """Returns the diffusion of active steps, from how far fixes lie off the way past them.

    A fix between two steps lies off the straight line between its neighbours, at its time, by a
    squared distance of 4 D T a (1 - a) in the mean. D is the mean of the ratios, which is also its
    likeliest value. Location error is part of it. Every fix counts whose two steps

    - together last less than `max_gap_s`: one heading may be taken for both,
    - are both longer than `shortest_step_m`: the animal was active,
    - differ by less than a factor of 2 in duration and in length: it moved alike in both.

    The choice is that of adehabitatHR 0.4.22's `BRB.D`, and so are the figures.

    Raises:
        TrackError: too few fixes, fixes without spread, or no such fix.
        ParameterError: a limit out of its range.

    Source: Benhamou 2011, doi:10.1371/journal.pone.0014592.
    """
    from analytics.kernels.bridges import left_out  # compiles at its first call

    check_spread(track)
    _check_limits(max_gap_s, shortest_step_m)
    duration_s, length_m = _steps(track)
    chosen = duration_s[:-1] + duration_s[1:] < max_gap_s
    chosen &= np.minimum(length_m[:-1], length_m[1:]) > shortest_step_m
    chosen &= _alike(duration_s) & _alike(length_m)
    if not chosen.any():
        raise TrackError(
            [
                f"no two steps in a row that last less than {max_gap_s:g} s together, are "
                f"both longer than {shortest_step_m:g} m and differ by less than a factor of 2"
            ]
        )
    time_factor, _, squared = left_out(track.times_s, track.x_m, track.y_m, np.zeros(len(track)))
    ratios = squared[chosen] / (4 * time_factor[chosen])
    return Diffusion(float(ratios.mean()), int(chosen.sum()))


def _alike(values: Floats) -> NDArray[np.bool_]:
    """Returns where a value and the next differ by less than a factor of 2."""
    one, other = values[:-1], values[1:]
    return np.asarray((one < 2 * other) & (other < 2 * one))


def biased_bridge_ud(
    track: Track,
    relocation_sd_m: float,
    max_gap_s: float,
    shortest_step_m: float = 0.0,
    diffusion_m2_per_s: float | Literal["estimate"] = "estimate",
    cell_m: float | None = None,
    grid: Grid | None = None,
    margin_m: float | None = None,
    steps: int | Literal["adaptive"] = "adaptive",
    support_sd: float = SUPPORT_SD,
    convention: Literal["exact", "adehabitatHR"] = "exact",
) -> UtilizationDistribution:
    """Returns where an animal was while active, its path interpolated and smoothed.

    At the part a of a step of duration T the variance in each direction is
    relocation_sd_m^2 + 2 D T a (1 - a).

    Args:
        track: at least 5 fixes, not all on one line.
        relocation_sd_m: standard deviation at a fix [m]: location error, and how far around a fix
            the animal is at home (adehabitatHR's `hmin`).
        max_gap_s: steps that last longer are left out: heading is not known that long
            (`Tmax`).
        shortest_step_m: shorter steps are rest and left out (`Lmin`).
        diffusion_m2_per_s: D, or "estimate" (`diffusion_coefficient`).
        cell_m: see `analytics.ranges.bridges.brownian_bridge_ud`.
        grid: see `analytics.ranges.bridges.brownian_bridge_ud`.
        margin_m: see `analytics.ranges.bridges.brownian_bridge_ud`.
        steps: see `analytics.ranges.bridges.brownian_bridge_ud`.
        support_sd: see `analytics.ranges.bridges.brownian_bridge_ud`.
        convention: "adehabitatHR" makes fixes closer than `shortest_step_m` to the first of a
            rest one place at their mean, places points a tenth of the shortest step apart in time
            along steps, one at every other place too, even where steps are left out around it,
            takes any cells and scales the grid's volume to 1. Its areas come out.

    Raises:
        TrackError: too few fixes, fixes without spread, or no active step; TrackTooSparse: see
            `analytics.ranges.bridges.check_sampling`.
        ParameterError: a value out of its range, or `grid` together with `cell_m` or `margin_m`.
        GridTooCoarse: cells wider than two standard deviations: nodes would miss hills.
        GridTooLarge: more nodes than `analytics.grid.MAX_NODES`.

    Warns:
        SparseTrackWarning: see `analytics.ranges.bridges.check_sampling`.

    Source: Benhamou & Cornelis 2010, doi:10.2193/2009-441; Benhamou 2011,
    doi:10.1371/journal.pone.0014592.
    """
    check_spread(track)
    if convention not in ("exact", "adehabitatHR"):
        raise ParameterError("convention", convention, '"exact" or "adehabitatHR"')
    relocation_sd_m = _positive("relocation_sd_m", relocation_sd_m)
    first = _active_steps(track, max_gap_s, shortest_step_m)
    if isinstance(diffusion_m2_per_s, str):
        if diffusion_m2_per_s != "estimate":
            expected = 'square metres per second or "estimate"'
            raise ParameterError("diffusion_m2_per_s", diffusion_m2_per_s, expected)
        how = "estimated"
        found = diffusion_coefficient(track, max_gap_s, shortest_step_m)
        diffusion_m2_per_s = found.diffusion_m2_per_s
    elif not (math.isfinite(diffusion_m2_per_s) and diffusion_m2_per_s >= 0):
        raise ParameterError("diffusion_m2_per_s", diffusion_m2_per_s, "finite, at least 0")
    else:
        how = "given"
    # a constant relocation variance h is one at each end and 2 h a (1 - a) on the way
    spread_m2 = 2 * diffusion_m2_per_s * np.diff(track.times_s)[first] + 2 * relocation_sd_m**2
    bridges = Bridges(track, np.full(len(track), relocation_sd_m**2), first, spread_m2)
    check_sampling(bridges)
    grid = choose_grid(bridges, cell_m, grid, margin_m)
    if convention == "adehabitatHR":
        steps = "adaptive"
        values = _interpolated_density(
            track,
            relocation_sd_m,
            max_gap_s,
            shortest_step_m,
            diffusion_m2_per_s,
            grid,
            support_sd,
        )
    else:
        values = bridge_sum(bridges, grid, steps, support_sd)
    parameters: dict[str, object] = {
        "relocation_sd_m": relocation_sd_m,
        "max_gap_s": max_gap_s,
        "shortest_step_m": shortest_step_m,
        "diffusion": how,
        "diffusion_m2_per_s": float(diffusion_m2_per_s),
        "steps": steps,
        "support_sd": support_sd,
        "convention": convention,
    }
    return distribution(bridges, grid, values, "biased random bridge", parameters)


def _check_limits(max_gap_s: float, shortest_step_m: float) -> None:
    _positive("max_gap_s", max_gap_s)
    if not (math.isfinite(shortest_step_m) and shortest_step_m >= 0):
        raise ParameterError("shortest_step_m", shortest_step_m, "finite, at least 0")


def _steps(track: Track) -> tuple[Floats, Floats]:
    """Returns the duration [s] and the length [m] of every step."""
    return np.diff(track.times_s), np.hypot(np.diff(track.x_m), np.diff(track.y_m))


def _active_steps(track: Track, max_gap_s: float, shortest_step_m: float) -> Integers:
    """Returns the fixes at which steps start that are short enough in time and move."""
    _check_limits(max_gap_s, shortest_step_m)
    duration_s, length_m = _steps(track)
    active = np.flatnonzero((duration_s <= max_gap_s) & (length_m >= shortest_step_m))
    if not active.size:
        raise TrackError(
            [
                f"no step of at most {max_gap_s:g} s and at least {shortest_step_m:g} m: "
                f"the shortest lasts {duration_s.min():g} s, the longest is {length_m.max():g} m"
            ]
        )
    return active


def _interpolated_density(
    track: Track,
    relocation_sd_m: float,
    max_gap_s: float,
    shortest_step_m: float,
    diffusion_m2_per_s: float,
    grid: Grid,
    support_sd: float,
) -> Floats:
    """Returns the density of equally weighted points along steps, volume scaled to 1.

    Every place has one, and steps shorter than the longest gap more in between, as close in time
    as a tenth of the track's shortest step.
    """
    interval_s = float(np.diff(track.times_s).min()) / 10
    places = _places(track, shortest_step_m)
    duration_s, length_m = _steps(places)
    moved_s = np.where(length_m >= shortest_step_m, duration_s, 0.0)
    points = np.floor(duration_s / interval_s + 0.5)
    points = np.where(duration_s < max_gap_s, np.maximum(points, 1), 1).astype(np.int64)
    used, rule = np.unique(points, return_inverse=True)
    rules = [(np.arange(1, count + 1) / count, np.full(count, 1 / count)) for count in used]
    rules.append((np.zeros(1), np.ones(1)))  # the first place, which no step ends at
    bridges = Bridges(
        places,
        np.full(len(places), relocation_sd_m**2),
        np.append(np.arange(points.size), 0),
        np.append(2 * diffusion_m2_per_s * moved_s, 0.0) + 2 * relocation_sd_m**2,
    )
    weight = np.append(points, 1) / (points.sum() + 1)
    values = density(bridges, grid, rules, np.append(rule, used.size), weight, support_sd)
    return np.asarray(values / (values.sum() * grid.cell_area_m2))


def _places(track: Track, shortest_step_m: float) -> Track:
    """Returns a track on which rest takes no time: fixes near a first one become their mean.

    Fixes in a row less than `shortest_step_m` from the first of them are one place; those at the
    track's end stay at the first of them. What passes between two places is the duration of the
    one step that leads from one to the other.
    """
    first = [0]
    for i in range(1, len(track)):
        away_x_m, away_y_m = (
            track.x_m[i] - track.x_m[first[-1]],
            track.y_m[i] - track.y_m[first[-1]],
        )
        if math.hypot(away_x_m, away_y_m) >= shortest_step_m:
            first.append(i)
    if len(first) < 2:
        raise TrackError([f"all fixes lie within {shortest_step_m:g} m of the first"])
    start = np.array(first)
    x_m, y_m = (
        np.add.reduceat(v, start) / np.diff(start, append=len(track))
        for v in (track.x_m, track.y_m)
    )
    x_m[-1], y_m[-1] = track.x_m[start[-1]], track.y_m[start[-1]]
    steps_s = np.diff(track.times_s)[start[1:] - 1]
    return Track(track.times_s[0] + np.append(0.0, np.cumsum(steps_s)), x_m, y_m)


def _positive(name: str, value: float) -> float:
    if not (math.isfinite(value) and value > 0):
        raise ParameterError(name, value, "a finite number above 0")
    return float(value)
