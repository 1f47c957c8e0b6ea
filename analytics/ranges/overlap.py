"""How far animals share land: six indices of the overlap of utilization distributions.

The six compare densities node by node, so the distributions must be on one grid on one plane
(`kernel_ud(..., grid=grid)` with `Grid.around` all tracks). Bhattacharyya's affinity also comes
with an interval, for ranges in the form of a normal density.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from analytics.ctmm.intervals import Interval
from analytics.errors import GridTooSmall, ParameterError
from analytics.ranges.isopleth import volume_percent
from analytics.results import Estimate, UtilizationDistribution
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]

OverlapIndex = Literal["HR", "PHR", "VI", "BA", "UDOI", "HD"]


@dataclass(frozen=True, eq=False)
class Overlap:
    """One index for all pairs of several animals.

    Attributes:
        index: its name, see `overlap`.
        values: (m, m) float64, row = of whom, column = with whom; symmetric but for HR and PHR.
        level_percent: level of the isopleths that HR, PHR and UDOI, and all if conditional, use.
        conditional: whether densities outside an animal's own isopleth were taken as 0.
        estimates: (m,) how the distributions were made.
    """

    index: OverlapIndex
    values: Floats
    level_percent: float
    conditional: bool
    estimates: tuple[Estimate, ...]


def overlap(
    uds: Sequence[UtilizationDistribution],
    index: OverlapIndex,
    level_percent: float = 95.0,
    conditional: bool = False,
) -> Overlap:
    """Returns an index of overlap for every pair of utilization distributions.

    With f and g the densities of the animal of the row and of the column, F and G the areas of
    their isopleths at `level_percent`:

    * HR: area of F and G both, over the area of F; 0 to 1.
    * PHR: the part of g in F, the chance to meet the column's animal there; 0 to 1.
    * VI: volume of min(f, g); 0 to 1.
    * BA: volume of sqrt(f g), Bhattacharyya's affinity; 0 to 1.
    * UDOI: area of F and G both, times the volume of f g; above 1 where use is uneven and shared.
    * HD: square root of the volume of (sqrt f - sqrt g)^2, Hellinger's distance; 0 to sqrt 2.

    Volumes are sums over the grid's nodes; what lies outside the grid is not counted.

    Args:
        uds: at least two, on equal grids on the same plane.
        index: one of the names above.
        level_percent: of the isopleths, by count of cells.
        conditional: take f as 0 outside F and g as 0 outside G; parts are not scaled up to 1.

    Raises:
        ParameterError: fewer than two, different grids or planes, or another index.
        GridTooSmall: a grid that holds less than the level.

    Source: Fieberg & Kochanny 2005, doi:10.2193/0022-541X(2005)69[1346:QHOTIO]2.0.CO;2; areas and
    the scale of HD as adehabitatHR 0.4.22.
    """
    _check(uds, index, level_percent)
    cell_m2 = uds[0].grid.cell_area_m2
    inside = [_isopleth_cells(ud, level_percent).ravel() for ud in uds]
    parts = [ud.density_per_m2.ravel() * cell_m2 for ud in uds]
    if conditional:
        parts = [np.where(own, part, 0.0) for own, part in zip(inside, parts, strict=True)]
    values = np.empty((len(uds), len(uds)))
    for row, (area_f, f) in enumerate(zip(inside, parts, strict=True)):
        for column, (area_g, g) in enumerate(zip(inside, parts, strict=True)):
            values[row, column] = _one(index, area_f, area_g, f, g)
    values.flags.writeable = False
    return Overlap(index, values, level_percent, conditional, tuple(ud.estimate for ud in uds))


def _one(
    index: str, area_f: NDArray[np.bool_], area_g: NDArray[np.bool_], f: Floats, g: Floats
) -> float:
    """Returns the index of two animals from their isopleths' cells and their parts per cell."""
    if index == "HR":
        return float((area_f & area_g).sum() / area_f.sum())
    if index == "PHR":
        return float(g[area_f].sum())
    if index == "VI":
        return float(np.minimum(f, g).sum())
    if index == "BA":
        return float(np.sqrt(f * g).sum())
    if index == "UDOI":
        return float((area_f & area_g).sum() * (f * g).sum())
    return math.sqrt(float(((np.sqrt(f) - np.sqrt(g)) ** 2).sum()))


def _isopleth_cells(ud: UtilizationDistribution, level_percent: float) -> NDArray[np.bool_]:
    volume = volume_percent(ud)
    if volume.max() < level_percent:
        raise GridTooSmall(level_percent, float(volume.max()))
    inside: NDArray[np.bool_] = volume <= level_percent
    return inside


def _check(
    uds: Sequence[UtilizationDistribution], index: OverlapIndex, level_percent: float
) -> None:
    if index not in get_args(OverlapIndex):
        raise ParameterError("index", index, f"one of {', '.join(get_args(OverlapIndex))}")
    if not 0 < level_percent < 100:
        raise ParameterError("level_percent", level_percent, "more than 0 and less than 100")
    if len(uds) < 2:
        raise ParameterError("uds", f"{len(uds)} distributions", "at least two")
    for number, ud in enumerate(uds[1:], start=1):
        if ud.grid != uds[0].grid:
            raise ParameterError(
                f"uds[{number}].grid", ud.grid, f"that of the first: {uds[0].grid}"
            )
        if ud.estimate.projection != uds[0].estimate.projection:
            raise ParameterError(
                f"uds[{number}].estimate.projection",
                ud.estimate.projection,
                f"that of the first: {uds[0].estimate.projection}",
            )


@dataclass(frozen=True, eq=False)
class NormalRange:
    """A range in the form of a normal density, and how well it is known.

    Attributes:
        mean_m: (2,) float64 [m], its middle.
        covariance_m2: (2, 2) float64 [m2], its spread.
        fixes_of_mean: number of independent fixes that would tell the mean as well, above 0.
        fixes_of_covariance: the same for the spread, above 2.

    For fixes taken as independent `of_independent` makes one; of a movement model they are the
    effective sample sizes.

    Raises:
        ParameterError: a covariance that is not one, or too few fixes.
    """

    mean_m: Floats
    covariance_m2: Floats
    fixes_of_mean: float
    fixes_of_covariance: float

    def __post_init__(self) -> None:
        covariance = np.asarray(self.covariance_m2, np.float64)
        symmetric = covariance.shape == (2, 2) and np.allclose(covariance, covariance.T)
        if not (symmetric and np.linalg.eigvalsh(covariance).min() > 0):
            raise ParameterError("covariance_m2", self.covariance_m2, "symmetric, (2, 2), above 0")
        object.__setattr__(self, "covariance_m2", covariance)
        object.__setattr__(self, "mean_m", np.asarray(self.mean_m, np.float64))
        if not (self.fixes_of_mean > 0 and self.fixes_of_covariance > 2):
            fixes = (self.fixes_of_mean, self.fixes_of_covariance)
            raise ParameterError("fixes_of_mean, fixes_of_covariance", fixes, "above 0, above 2")

    @classmethod
    def of_independent(cls, track: Track) -> "NormalRange":
        """Returns mean and covariance of a track whose fixes are taken as independent.

        Raises:
            TrackError: too few fixes, or fixes without spread.
        """
        check_spread(track)
        points = np.stack((track.x_m, track.y_m))
        fixes = float(len(track))
        return cls(points.mean(axis=1), np.cov(points), fixes, fixes)


def bhattacharyya_interval(
    one: NormalRange, other: NormalRange, confidence_percent: float = 95.0, seed: int = 1
) -> Interval:
    """Returns the affinity of two normal ranges between its limits, 0 to 1.

    The distance -log(affinity) comes out too large from few fixes: what is random in the two
    means and spreads never brings ranges closer. 4000 pairs of ranges are drawn around the
    estimates, means as normal, spreads as Wishart variables; their mean tells the bias, which is
    taken off the estimate once and off the quantiles of the drawn ones twice.
    On 300 simulated pairs each, of 20 and of 60 fixes, the 95 % limits held the truth in 94 to
    98 %, and in 99 to 100 % where the ranges are equal or nearly so.

    Raises:
        ParameterError: a confidence not between 0 and 100.

    Source: Bhattacharyya's distance and the need to correct it: Winner et al. 2018,
    doi:10.1111/2041-210X.13027; the bootstrap: Efron & Tibshirani 1993, chapters 6 and 10.
    """
    if not 0 < confidence_percent < 100:
        expected = "more than 0 and less than 100"
        raise ParameterError("confidence_percent", confidence_percent, expected)
    random = np.random.default_rng(seed)
    estimate = float(_distance(one.mean_m, one.covariance_m2, other.mean_m, other.covariance_m2))
    drawn = _distance(*_draw(one, random), *_draw(other, random))
    bias = float(drawn.mean()) - estimate
    tail = (1 - confidence_percent / 100) / 2
    near, far = (float(q) - 2 * bias for q in np.quantile(drawn, (tail, 1 - tail)))
    low, middle, high = (math.exp(-max(d, 0.0)) for d in (far, estimate - bias, near))
    return Interval(low, middle, high, confidence_percent)


def _distance(mean: Floats, covariance: Floats, other_mean: Floats, other: Floats) -> Floats:
    """Returns Bhattacharyya's distances (...) of normals: means (..., 2), spreads (..., 2, 2)."""
    middle = (covariance + other) / 2
    x, y = np.moveaxis(mean - other_mean, -1, 0)
    a, b, c = middle[..., 0, 0], middle[..., 0, 1], middle[..., 1, 1]
    determinant = a * c - b * b
    apart = (c * x * x - 2 * b * x * y + a * y * y) / determinant
    both = np.linalg.det(covariance) * np.linalg.det(other)
    distances: Floats = apart / 8 + 0.5 * np.log(determinant / np.sqrt(both))
    return distances


def _draw(
    around: NormalRange, random: np.random.Generator, count: int = 4000
) -> tuple[Floats, Floats]:
    """Returns means (count, 2) and covariances (count, 2, 2) as other samples would give them.

    Source: of the Wishart variables Bartlett 1933, doi:10.1017/S0370164600015984.
    """
    root = np.linalg.cholesky(around.covariance_m2)
    degrees = around.fixes_of_covariance - 1
    means = around.mean_m + random.normal(size=(count, 2)) @ root.T / math.sqrt(
        around.fixes_of_mean
    )
    triangle = np.zeros((count, 2, 2))
    triangle[:, 0, 0] = np.sqrt(random.chisquare(degrees, count))
    triangle[:, 1, 1] = np.sqrt(random.chisquare(degrees - 1, count))
    triangle[:, 1, 0] = random.normal(size=count)
    factor = root @ triangle
    return means, factor @ factor.transpose(0, 2, 1) / degrees
