"""From a density on a grid to areas: which land holds half, or 95 %, of an animal's use."""

from collections.abc import Sequence
from itertools import pairwise

import contourpy
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon

from analytics.errors import GridTooCoarse, GridTooSmall, ParameterError
from analytics.geometry import to_multipolygon
from analytics.grid import Grid
from analytics.results import HomeRange, Isopleth, UtilizationDistribution

Floats = NDArray[np.float64]


def volume_percent(ud: UtilizationDistribution) -> Floats:
    """Returns at each node the part of the distribution in cells at least as dense as its own.

    The contour of this surface at 95 is the 95 % isopleth. Its area converges evenly as cells
    shrink, that inside a contour of the density itself does not (tried: up to 5 times as far off).
    The part is of the whole distribution: what lies outside the grid stays outside.

    Returns:
        (rows, columns) float64 [percent]. Nodes of equal density share the mean of the values
        that they would have one after the other.

    Source: Worton 1989, doi:10.2307/1938423; the convention of adehabitatHR 0.4.22.
    """
    density = ud.density_per_m2.ravel()
    ascending = np.argsort(density, kind="stable")
    ranked = density[ascending]
    denser_first = np.cumsum(ranked[::-1])[::-1]  # at rank r: the sum from the densest down to r
    lowest = np.searchsorted(ranked, ranked, side="left")
    highest = np.searchsorted(ranked, ranked, side="right") - 1
    volume = np.empty_like(density)
    volume[ascending] = (denser_first[lowest] + denser_first[highest]) / 2
    return (100.0 * ud.grid.cell_area_m2 * volume).reshape(ud.density_per_m2.shape)


def isopleth(ud: UtilizationDistribution, level_percent: float) -> Isopleth:
    """Returns the smallest area that holds `level_percent` of a utilization distribution.

    Raises:
        ParameterError: a level not between 0 and 100.
        GridTooSmall: the area is cut by the border of the grid.
        GridTooCoarse: the densest cell alone holds more than the level.
    """
    return home_range(ud, (level_percent,)).isopleths[0]


def home_range(
    ud: UtilizationDistribution, levels_percent: Sequence[float] = (50.0, 95.0)
) -> HomeRange:
    """Returns isopleths at several levels; `isopleth` for each, the work they share done once.

    Raises:
        ParameterError: a level not between 0 and 100, or no level.
        GridTooSmall: as `isopleth`.
        GridTooCoarse: as `isopleth`.
    """
    if not levels_percent:
        raise ParameterError("levels_percent", levels_percent, "at least one level")
    for level in levels_percent:
        if not 0 < level < 100:
            raise ParameterError("level_percent", level, "more than 0 and less than 100")
    volume = volume_percent(ud)
    return HomeRange(
        tuple(_isopleth(ud, volume, float(level)) for level in levels_percent), ud.estimate
    )


def _isopleth(ud: UtilizationDistribution, volume: Floats, level: float) -> Isopleth:
    inside = volume <= level
    if not inside.any():
        reason = f"its densest cell holds {volume.min():.3g} %, more than the level {level:g} %"
        raise GridTooCoarse(ud.grid.cell_m, reason)
    border = np.concatenate((inside[0], inside[-1], inside[:, 0], inside[:, -1]))
    if border.any() or volume.max() < level:
        raise GridTooSmall(level, float(volume.max()))
    polygon = area_below(ud.grid, volume, level)
    return Isopleth(
        level_percent=level,
        polygon=polygon,
        area_km2=polygon.area / 1e6,
        area_grid_km2=int(inside.sum()) * ud.grid.cell_area_m2 / 1e6,
        projection=ud.estimate.projection,
    )


def area_below(grid: Grid, surface: Floats, level: float) -> MultiPolygon:
    """Returns the area where the surface, linear between nodes, is at most the level."""
    generator = contourpy.contour_generator(
        grid.x_m, grid.y_m, surface, name="serial", fill_type=contourpy.FillType.OuterOffset
    )
    polygons = []
    for points, starts in zip(*generator.filled(-np.inf, level), strict=True):
        rings = [points[a:b] for a, b in pairwise(starts)]
        polygons.append(Polygon(rings[0], rings[1:]))
    return to_multipolygon(MultiPolygon(polygons))
