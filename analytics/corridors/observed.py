"""Corridors as a herd uses them: which land how many of its animals pass through.

Each animal's ways become one density of Brownian bridges. Their mean is the population's; the
land that holds 99 % of an animal's density is its own, and the number of animals whose land a
place is ranks it.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics.corridors.results import ObservedCorridors, UseLevel
from analytics.corridors.widths import measure_widths
from analytics.errors import GridTooSmall, ParameterError, TrackError
from analytics.grid import Grid
from analytics.ranges.bridge_density import (
    SUPPORT_SD,
    Bridges,
    adaptive_rules,
    checked_error,
    default_grid,
    density,
    refuse_coarse,
)
from analytics.ranges.bridges import bridges_within, check_sampling, motion_variance
from analytics.ranges.dynamic_bridge import dynamic_motion_variance
from analytics.ranges.isopleth import area_below, volume_percent
from analytics.results import Estimate, UtilizationDistribution, software_version
from analytics.steps import part, tell
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]
Herd = Mapping[str, Track | Sequence[Track]]
"""Tracks by animal: one, or one per migration. All on one plane."""

SHARES_PERCENT = (0.0, 10.0, 20.0)
"""Low, medium and high use: any animal, a tenth and a fifth of the herd. The levels of the
Western migration maps; source: Kauffman et al. 2020, doi:10.3133/sir20205101."""

LEAST_ANIMALS = (1, 2, 3)
"""What `SHARES_PERCENT` of a herd come to at least: a fifth of five animals is no herd's way."""

FOOTPRINT_PERCENT = 99.0
"""Part of an animal's density that its own land holds; source as above."""


def observed_corridors(
    herd: Herd,
    error_m: float,
    motion_variance_m2_per_s: float | Literal["likelihood", "dynamic"] = "likelihood",
    shares_percent: Sequence[float] | None = None,
    footprint_percent: float = FOOTPRINT_PERCENT,
    max_gap_s: float | None = None,
    cell_m: float | None = None,
    grid: Grid | None = None,
    skip_unusable: bool = False,
) -> ObservedCorridors:
    """Returns the population's density and the land used by at least so many animals.

    Tracks should be the migrations alone: on the ranges at their ends animals spend most of
    their time, and would have most of the density.

    Args:
        herd: at least 2 animals, each with one track or several; each track with at least 5
            fixes, not all on one line. Tracks of one animal count alike, and so do animals.
        error_m: standard deviation of a fix in each direction [m].
        motion_variance_m2_per_s: growth of the variance in each direction, the same for all;
            "likelihood" for each track its own; or "dynamic" for each step its own
            (`dynamic_motion_variance`, whose first and last 19 steps are left out).
        shares_percent: parts of the herd, each 0..100, for which to draw the land; 0 means one
            animal. By default `default_shares`.
        footprint_percent: part of an animal's density that its land holds.
        max_gap_s: bridges that last longer are left out, their time not counted.
        cell_m: width of the cells; by default a quarter of the narrowest track's standard
            deviation between fixes, wider where that makes more than 2,000,000 nodes.
        grid: the nodes to use, instead of `cell_m`.
        skip_unusable: leave tracks that cannot be used out, and say so in the result
            (`left_out`, and `tracks_left_out` of its parameters).

    Raises:
        TrackError: a track that cannot be used, its animal named, unless `skip_unusable`;
            TrackTooSparse: see `analytics.ranges.bridges.check_sampling`.
        ParameterError: fewer than 2 animals, tracks on several planes, or a value out of range.
        GridTooCoarse: cells wider than two standard deviations of some track.
        GridTooSmall: an animal's land runs off the grid given.

    Warns:
        SparseTrackWarning: see `analytics.ranges.bridges.check_sampling`.

    Source: Sawyer et al. 2009, doi:10.1890/08-2034.1.
    """
    animals = _checked_herd(herd)
    if shares_percent is not None:
        _check_shares(shares_percent)
    if not 0 < footprint_percent < 100:
        raise ParameterError("footprint_percent", footprint_percent, "above 0 and below 100")
    if grid is not None and cell_m is not None:
        raise ParameterError("grid", grid, "no grid where cell_m is given")
    with part(0, 0.45):
        bridges, left_out = _herd_bridges(
            animals, error_m, motion_variance_m2_per_s, max_gap_s, skip_unusable
        )
    shares = default_shares(len(bridges)) if shares_percent is None else list(shares_percent)
    if grid is None:
        grid = default_grid([one for several in bridges.values() for one in several], cell_m)
    values = np.zeros((grid.rows, grid.columns))
    using = np.zeros(values.shape, np.int64)
    tracks = [one.track for several in bridges.values() for one in several]
    parameters: dict[str, object] = {
        "animals": len(bridges),
        "tracks": len(tracks),
        "error_m": float(error_m),
        "motion_variance_m2_per_s": motion_variance_m2_per_s,
        "shares_percent": shares,
        "footprint_percent": float(footprint_percent),
        "max_gap_s": max_gap_s,
        "cell_m": grid.cell_m,
        "x0_m": grid.x0_m,
        "y0_m": grid.y0_m,
        "columns": grid.columns,
        "rows": grid.rows,
    }
    if left_out:
        parameters["tracks_left_out"] = left_out
    estimate = _estimate(tracks, parameters)
    with part(0.45, 0.9):
        for number, several in enumerate(bridges.values()):
            tell(number, len(bridges), "where each animal was")
            one = _animal_density(several, grid)
            using += _footprint(one, grid, footprint_percent, estimate)
            values += one / len(bridges)
    values.flags.writeable = using.flags.writeable = False
    counts = [max(1, math.ceil(len(bridges) * share / 100 - 1e-9)) for share in shares]
    levels = []
    with part(0.9, 1):
        for number, count in enumerate(sorted(set(counts))):
            tell(number, len(set(counts)), "corridors and their widths")
            levels.append(_level(count, len(bridges), using, grid, tracks, 3 * error_m))
    population = UtilizationDistribution(grid, values, estimate)
    return ObservedCorridors(population, using, tuple(levels), estimate, left_out)


def _checked_herd(herd: Herd) -> dict[str, tuple[Track, ...]]:
    animals = {
        name: (tracks,) if isinstance(tracks, Track) else tuple(tracks)
        for name, tracks in herd.items()
    }
    if len(animals) < 2:
        raise ParameterError("herd", list(animals), "at least 2 animals")
    empty = [name for name, tracks in animals.items() if not tracks]
    if empty:
        raise ParameterError("herd", empty, "at least one track of each animal")
    planes = {track.projection for tracks in animals.values() for track in tracks}
    if len(planes) > 1:
        expected = "tracks on one plane (one projection for the whole herd)"
        raise ParameterError("herd", f"on {len(planes)} planes", expected)
    return animals


def default_shares(animals: int) -> list[float]:
    """Returns parts of a herd [percent]: `SHARES_PERCENT`, but at least 1, 2 and 3 animals."""
    counts = {
        max(least, math.ceil(animals * share / 100 - 1e-9))
        for share, least in zip(SHARES_PERCENT, LEAST_ANIMALS, strict=True)
    }
    return [100 * count / animals for count in sorted(counts) if count <= animals]


def _check_shares(shares_percent: Sequence[float]) -> None:
    if not len(shares_percent):
        raise ParameterError("shares_percent", shares_percent, "at least one share")
    for share in shares_percent:
        if not 0 <= share <= 100:
            raise ParameterError("shares_percent", share, "0..100")


def _herd_bridges(
    animals: Mapping[str, Sequence[Track]],
    error_m: float,
    rate: float | Literal["likelihood", "dynamic"],
    max_gap_s: float | None,
    skip_unusable: bool,
) -> tuple[dict[str, list[Bridges]], dict[str, str]]:
    """Returns the bridges of each animal's tracks, and why others have none."""
    bridges: dict[str, list[Bridges]] = {}
    left_out: dict[str, str] = {}
    for number, (name, tracks) in enumerate(animals.items()):
        tell(number, len(animals), "how each animal moves")
        for track in tracks:
            try:
                bridges.setdefault(name, []).append(
                    _bridges(name, track, error_m, rate, max_gap_s)
                )
            except TrackError as error:
                if not skip_unusable:
                    raise
                why = [fault.removeprefix(f"{name}: ") for fault in error.faults]
                left_out[name] = "; ".join([*filter(None, [left_out.get(name)]), *why])
    bridges = {name: several for name, several in bridges.items() if several}
    if len(bridges) < 2:
        why = [f"{name}: {reason}" for name, reason in left_out.items()]
        raise TrackError([f"{len(bridges)} of at least 2 animals have a usable track", *why])
    return bridges, left_out


def _bridges(
    name: str,
    track: Track,
    error_m: float,
    rate: float | Literal["likelihood", "dynamic"],
    max_gap_s: float | None,
) -> Bridges:
    """Returns the bridges of one track; what is wrong with it is said with the animal's name."""
    try:
        check_spread(track)
        first = bridges_within(track, max_gap_s)
        rates = np.empty(len(track) - 1)
        if rate == "dynamic":
            dynamic = dynamic_motion_variance(track, error_m)
            rates, first = dynamic.variance_m2_per_s, first[dynamic.complete[first]]
            if not first.size:
                raise TrackError(["no bridge that all windows reach"])
        elif rate == "likelihood":
            rates[:] = motion_variance(track, error_m).variance_m2_per_s
        elif isinstance(rate, str) or not (math.isfinite(rate) and rate >= 0):
            expected = 'finite, at least 0, or "likelihood" or "dynamic"'
            raise ParameterError("motion_variance_m2_per_s", rate, expected)
        else:
            rates[:] = rate
    except TrackError as error:
        raise TrackError([f"{name}: {fault}" for fault in error.faults]) from error
    spread_m2 = rates[first] * np.diff(track.times_s)[first]
    bridges = Bridges(track, checked_error(track, error_m) ** 2, first, spread_m2)
    check_sampling(bridges, name)
    return bridges


def _animal_density(several: Sequence[Bridges], grid: Grid) -> Floats:
    """Returns the mean density of an animal's tracks."""
    values = np.zeros((grid.rows, grid.columns))
    for bridges in several:
        refuse_coarse(bridges, grid)
        weight = bridges.duration_s / (bridges.duration_s.sum() * len(several))
        values += density(bridges, grid, *adaptive_rules(bridges), weight, SUPPORT_SD)
    return values


def _footprint(
    values: Floats, grid: Grid, level_percent: float, estimate: Estimate
) -> NDArray[np.bool_]:
    """Returns the nodes of the land that holds so much of a density."""
    volume = volume_percent(UtilizationDistribution(grid, values, estimate))
    own = volume <= level_percent
    border = np.concatenate((own[0], own[-1], own[:, 0], own[:, -1]))
    if border.any() or volume.max() < level_percent:
        raise GridTooSmall(level_percent, float(volume.max()))
    return own


def _level(
    count: int,
    animals: int,
    using: NDArray[np.int64],
    grid: Grid,
    tracks: Sequence[Track],
    shortest_step_m: float,
) -> UseLevel:
    """Returns the land that at least `count` animals use; empty where none is shared so."""
    polygon = area_below(grid, -using.astype(np.float64), 0.5 - count)
    return UseLevel(
        animals=count,
        share_percent=100 * count / animals,
        polygon=polygon,
        area_km2=polygon.area / 1e6,
        area_grid_km2=int((using >= count).sum()) * grid.cell_area_m2 / 1e6,
        widths=None if polygon.is_empty else measure_widths(polygon, tracks, shortest_step_m),
        projection=tracks[0].projection,
    )


def _estimate(tracks: Sequence[Track], parameters: dict[str, object]) -> Estimate:
    return Estimate(
        method="observed corridors",
        parameters=parameters,
        fixes=sum(len(track) for track in tracks),
        from_time_s=min(float(track.times_s[0]) for track in tracks),
        to_time_s=max(float(track.times_s[-1]) for track in tracks),
        projection=tracks[0].projection,
        software_version=software_version(),
    )
