"""Densities of several animals on one grid, as indices of overlap compare them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from analytics.ctmm.fit import FittedModel
from analytics.ctmm.intervals import Interval
from analytics.ctmm.select import select
from analytics.errors import ParameterError, TrackError
from analytics.grid import Grid
from analytics.methods import METHODS, Options, stated_errors
from analytics.ranges.akde import autocorrelated_ud
from analytics.ranges.bridges import brownian_bridge_ud
from analytics.ranges.kde import kernel_ud
from analytics.ranges.overlap import NormalRange, OverlapIndex, bhattacharyya_interval, overlap
from analytics.results import UtilizationDistribution
from analytics.steps import part
from analytics.track import Track, check_spread

SharedMethod = Literal["akde", "kde", "bridge"]
"""Methods whose densities can be laid on a grid that is given"""

_OPTIONS = {
    "akde": ("weights", "error_m", "cell_m"),
    "kde": ("bandwidth_m", "cell_m"),
    "bridge": ("error_m", "motion_variance_m2_per_s", "max_gap_s", "cell_m"),
}


@dataclass(frozen=True, eq=False)
class Shared:
    """Densities of several animals, on one grid where their ranges come near each other.

    Attributes:
        uds: in the order of the animals.
        groups: places in that order, by the grid they are on.
        affinities: Bhattacharyya's affinity of the ranges' normal forms with its interval, by
            pair of places; of "akde", which knows how well it knows them.
    """

    uds: tuple[UtilizationDistribution, ...]
    groups: tuple[tuple[int, ...], ...]
    affinities: Mapping[tuple[int, int], Interval] = field(default_factory=dict)

    def overlap(
        self, index: OverlapIndex, level_percent: float = 95.0, conditional: bool = False
    ) -> NDArray[np.float64]:
        """Returns an index for every pair, as `analytics.ranges.overlap.overlap`.

        Between groups nothing is shared.

        Raises:
            ParameterError, GridTooSmall: as there.
        """
        size = len(self.uds)
        values = np.zeros((size, size))
        if index == "HD":
            volume = np.diag(self.overlap("VI", level_percent, conditional))
            values = np.sqrt(volume[:, None] + volume)
        for group in self.groups:
            uds = [self.uds[place] for place in group]
            found = overlap([*uds, *uds[:1]], index, level_percent, conditional).values
            values[np.ix_(group, group)] = found[:-1, :-1]
        return values


def complete(method: SharedMethod, given: Options) -> dict[str, Any]:
    """Returns the options of a method that it has here too, given ones parsed.

    Raises:
        ParameterError: one it does not have here, or a value that is not of its kind.
    """
    for name, value in given.items():
        if name not in _OPTIONS[method]:
            raise ParameterError(name, value, f"for {method}: {', '.join(_OPTIONS[method])}")
    values = METHODS[method].complete(given)
    return {name: values[name] for name in _OPTIONS[method]}


def on_one_grid(tracks: Mapping[str, Track], method: SharedMethod, options: Options) -> Shared:
    """Returns densities by one method, as fine as the finest that share a grid calls for.

    Args:
        tracks: by animal, at least two, on one plane.
        method: how they are estimated.
        options: of it, as `complete` returns them.

    Raises:
        ParameterError: fewer than two tracks, tracks on several planes, or from the estimator.
        TrackError: a track that cannot be used, its animal named.
        GridTooLarge: ranges so small and so far apart that one grid cannot hold them finely.
    """
    if len(tracks) < 2:
        raise ParameterError("tracks", list(tracks), "at least 2 animals")
    if len({track.projection for track in tracks.values()}) > 1:
        raise ParameterError("tracks", list(tracks), "tracks on one plane")
    models: dict[str, FittedModel] = {}
    alone = []
    for number, (name, track) in enumerate(tracks.items()):
        with part(0.7 * number / len(tracks), 0.7 * (number + 1) / len(tracks), name):
            try:
                check_spread(track)
                if method == "akde":
                    models[name] = select(track, error_m=_errors(track, options)).best
                alone.append(_density(track, method, options, models.get(name)).grid)
            except TrackError as error:
                raise TrackError([f"{name}: {fault}" for fault in error.faults]) from error
    groups = _groups(alone)
    grids = {place: _around([alone[i] for i in group]) for group in groups for place in group}
    uds = []
    for place, (name, track) in enumerate(tracks.items()):
        begun, ended = (0.7 + 0.3 * (place + n) / len(tracks) for n in (0, 1))
        with part(begun, ended, f"{name} on the common grid"):
            uds.append(_density(track, method, options, models.get(name), grids[place]))
    ranges = {place: _normal(m) for place, m in enumerate(models.values()) if m.area_dof > 1}
    affinities = {
        (i, j): bhattacharyya_interval(ranges[i], ranges[j]) for i, j in combinations(ranges, 2)
    }
    return Shared(tuple(uds), groups, affinities)


def _normal(fitted: FittedModel) -> NormalRange:
    """Returns the range of a model; an area is known as from one fix less than the spread is."""
    model = fitted.model
    middle = np.array([model.mean_x_m, model.mean_y_m])
    return NormalRange(middle, model.covariance_m2, fitted.mean_dof, fitted.area_dof + 1)


def _density(
    track: Track,
    method: SharedMethod,
    options: Options,
    model: FittedModel | None,
    grid: Grid | None = None,
) -> UtilizationDistribution:
    """Returns one density, on its own grid where none is given."""
    cell_m = options["cell_m"] if grid is None else None
    if method == "akde":
        return autocorrelated_ud(track, model, options["weights"], cell_m, grid).ud
    if method == "kde":
        return kernel_ud(track, options["bandwidth_m"] or "reference", cell_m, grid)
    return brownian_bridge_ud(
        track,
        _errors(track, options),
        options["motion_variance_m2_per_s"],
        cell_m,
        grid,
        max_gap_s=options["max_gap_s"],
    )


def _errors(track: Track, options: Options) -> Any:
    given = options["error_m"]
    return stated_errors(track) if isinstance(given, str) else given


def _groups(grids: Sequence[Grid]) -> tuple[tuple[int, ...], ...]:
    """Returns the places of grids that lie over each other, or over one that does."""
    boxes = [shapely.box(g.x_m[0], g.y_m[0], g.x_m[-1], g.y_m[-1]) for g in grids]
    near = np.array([shapely.intersects(one, boxes) for one in boxes])
    # here, for it takes half a second, by which every start of the API would be later
    from scipy.sparse.csgraph import connected_components

    count, label = connected_components(near, directed=False)
    return tuple(tuple(np.flatnonzero(label == one).tolist()) for one in range(count))


def _around(grids: Sequence[Grid]) -> Grid:
    """Returns a grid over all of them, with the narrowest of their cells."""
    cell_m = min(grid.cell_m for grid in grids)
    west, south = min(grid.x0_m for grid in grids), min(grid.y0_m for grid in grids)
    east, north = max(grid.x_m[-1] for grid in grids), max(grid.y_m[-1] for grid in grids)
    return Grid(
        west, south, cell_m, int((east - west) // cell_m) + 2, int((north - south) // cell_m) + 2
    )
