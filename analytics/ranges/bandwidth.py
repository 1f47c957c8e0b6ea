"""How wide a kernel should be: by rule of thumb, by cross-validation, by plugging in.

All return the standard deviation of a round normal kernel [m]. The sums over all pairs of fixes
that the last two need are read from one power spectrum per octave of bandwidths, in time that
grows with the fixes, not with their pairs.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.errors import GridTooLarge, ParameterError
from analytics.grid import MAX_NODES

Floats = NDArray[np.float64]

EPANECHNIKOV = 192 ** (1 / 6)
"""Radius of an Epanechnikov kernel as good as a normal one of standard deviation 1: equal
asymptotic error. Source: Silverman 1986, section 4.3, table 4.1."""

EPANECHNIKOV_ADEHABITAT = 1.77
"""The same factor in adehabitatHR 0.4.22; a quarter narrower."""

_WIDTH_CELLS = 1.5  # of the normal that carries fixes to nodes: waves beyond the grid are e^-22
_REACH_CELLS = 12  # nodes to which the kernel spreads a fix
_NOTHING = 8.5  # standard deviations at which a normal counts as nothing: e^-36
_CUT = 36.0


def reference_bandwidth(x_m: Floats, y_m: Floats) -> float:
    """Returns sqrt((var x + var y) / 2) n^(-1/6) [m], variances with n - 1.

    Best for one round normal hill; too wide for ranges of several centres.

    Source: Worton 1989, doi:10.2307/1938423, Silverman 1986, in the form of adehabitatHR 0.4.22's
    code (its manual prints the mean of standard deviations instead).
    """
    return _mean_deviation(x_m, y_m) * float(x_m.size ** (-1 / 6))


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The outcome of least-squares cross-validation.

    Attributes:
        bandwidth_m: where the score is least [m].
        converged: False where that is a limit of the interval: there is no minimum in it.
        candidates_m: (c,) float64 [m], ascending, the bandwidths tried.
        scores_per_m2: (c,) float64 [1/m2], their scores, smaller is better.
    """

    bandwidth_m: float
    converged: bool
    candidates_m: Floats
    scores_per_m2: Floats


def cross_validate(
    x_m: Floats,
    y_m: Floats,
    limits: tuple[float, float] = (0.1, 1.5),
    candidates: int = 100,
    refine: bool = True,
) -> CrossValidation:
    """Returns the bandwidth that least-squares cross-validation prefers.

    The score estimates the integrated squared error but for a constant. Fixes at one place, and
    tracks sampled densely, drive it to the lower limit: `converged` is then False.

    Args:
        x_m: (n,) float64 [m].
        y_m: (n,) float64 [m].
        limits: of the interval, in reference bandwidths.
        candidates: number of bandwidths tried, evenly spaced.
        refine: search on around the best candidate, to 1e-4 of the bandwidth; False gives the
            best candidate itself, as adehabitatHR 0.4.22 does.

    Raises:
        ParameterError: limits that are not ascending and above 0, or fewer than 3 candidates.
        GridTooLarge: fixes so scattered that the sums do not fit into memory.

    Source: Worton 1995, doi:10.2307/3802004; Silverman 1986, section 3.4.3.
    """
    if not 0 < limits[0] < limits[1] < math.inf:
        raise ParameterError("limits", limits, "two ascending numbers above 0")
    if candidates < 3:
        raise ParameterError("candidates", candidates, "at least 3")
    reference_m = reference_bandwidth(x_m, y_m)
    tried_m = np.linspace(limits[0] * reference_m, limits[1] * reference_m, candidates)
    scores = scores_of(x_m, y_m, tried_m)
    best = int(np.argmin(scores))
    converged = 0 < best < candidates - 1
    bandwidth_m = float(tried_m[best])
    if refine and converged:
        near_m = np.linspace(tried_m[best - 1], tried_m[best + 1], 41)
        bandwidth_m = _lowest_point(near_m, scores_of(x_m, y_m, near_m))
    return CrossValidation(bandwidth_m, converged, tried_m, scores)


def scores_of(x_m: Floats, y_m: Floats, bandwidths_m: Floats) -> Floats:
    """Returns the cross-validation scores (c,) [1/m2] of ascending bandwidths (c,) [m].

    The score is 1 / (pi h^2 n) + sum over all i, j of (exp(-d^2 / 4 h^2) - 4 exp(-d^2 / 2 h^2))
    / (4 pi h^2 n^2).
    """
    n = x_m.size
    scores = np.empty_like(bandwidths_m)
    octaves = np.floor(np.log2(bandwidths_m / bandwidths_m[0]) + 1e-9)
    for octave in np.unique(octaves):
        own = octaves == octave
        h_m = bandwidths_m[own]
        spectrum = _Spectrum(x_m, y_m, finest_m=h_m[0], widest_m=math.sqrt(2) * h_m[-1])
        near, far = spectrum.pairs(h_m), spectrum.pairs(math.sqrt(2) * h_m)
        area_m2 = math.pi * h_m**2
        scores[own] = 1 / (area_m2 * n) + (far - 4 * near) / (4 * area_m2 * n**2)
    return scores


def plug_in_bandwidth(x_m: Floats, y_m: Floats) -> float:
    """Returns the bandwidth that is best if the roughness of the density is as it is estimated.

    Two stages: the integral of the squared Laplacian of the density is estimated with a pilot
    kernel, its bandwidth from the next higher integral with another one, and that one's as for a
    normal density. Both pilots make the two leading terms of the bias cancel.

    Raises:
        GridTooLarge: fixes so scattered that the sums do not fit into memory.

    Source: Sheather & Jones 1991, doi:10.1111/j.2517-6161.1991.tb01857.x, and Duong & Hazelton
    2003, doi:10.1080/10485250306039, for a round kernel: with S_m = integral of f times the m-th
    power of the Laplacian of f, pilots g^(2m + 4) = 2^m m! / (pi n |S_(m + 1)|), bandwidth
    h^6 = 1 / (2 pi n S_2), and S_4 = 6 / (pi s^10) for a round normal density of deviation s.
    """
    n = x_m.size
    deviation_m = _mean_deviation(x_m, y_m)
    roughness = 6 / (math.pi * deviation_m**10)
    for m in (3, 2):
        pilot_m = (2**m * math.factorial(m) / (math.pi * n * roughness)) ** (1 / (2 * m + 4))
        spectrum = _Spectrum(x_m, y_m, finest_m=pilot_m, widest_m=pilot_m)
        roughness = spectrum.roughness(pilot_m, m)
    return float((2 * math.pi * n * roughness) ** (-1 / 6))


def _mean_deviation(x_m: Floats, y_m: Floats) -> float:
    """Returns sqrt((var x + var y) / 2), variances with n - 1."""
    from analytics.kernels.bandwidth import squared_deviations  # compiles at its first call

    total = squared_deviations(x_m) + squared_deviations(y_m)
    return math.sqrt(total / (2 * (x_m.size - 1)))


class _Spectrum:
    """Power of the waves in a set of points, from a grid fine enough for `finest_m`.

    Each fix is spread to the nodes as a normal hill a little narrower than the narrowest kernel
    asked for; the rest of every kernel is a factor on each wave. The grid is periodic, and so
    wide that kernels up to `widest_m` do not reach round it.
    """

    def __init__(self, x_m: Floats, y_m: Floats, finest_m: float, widest_m: float) -> None:
        from analytics.kernels.kde import spread_out  # compiles at its first call

        self._width_m = finest_m / math.sqrt(2)
        cell_m = self._width_m / _WIDTH_CELLS
        reach_m = _NOTHING * widest_m
        x_m, y_m = _close_gaps(x_m, 2 * reach_m), _close_gaps(y_m, 2 * reach_m)
        columns, rows = (_cells(float(np.ptp(v)) + reach_m, cell_m) for v in (x_m, y_m))
        if float(columns) * rows > MAX_NODES:
            raise GridTooLarge(columns, rows, MAX_NODES)
        hills = np.zeros((rows, columns))
        margin_m = (_REACH_CELLS + 1) * cell_m
        x0_m, y0_m = float(x_m.min()) - margin_m, float(y_m.min()) - margin_m
        spread_out(x_m, y_m, x0_m, y0_m, cell_m, _WIDTH_CELLS, hills)
        waves = np.fft.rfft2(hills)
        self._power = waves.real**2 + waves.imag**2
        self._power /= (2 * math.pi * _WIDTH_CELLS**2) ** 2  # each hill held that much
        self._wave_x: Floats = 2 * math.pi * np.fft.rfftfreq(columns, cell_m).astype(np.float64)
        self._wave_y: Floats = 2 * math.pi * np.fft.fftfreq(rows, cell_m).astype(np.float64)
        if columns % 2 == 0:  # the last wave has no mirror image, and no power worth its while
            self._power[:, -1] /= 2
        self._area_m2 = columns * rows * cell_m**2

    def pairs(self, deviations_m: Floats) -> Floats:
        """Returns for each s the sum of exp(-d^2 / 2 s^2) over all pairs of fixes, both ways."""
        sums = self._sums(deviations_m, 0)
        pairs: Floats = 2 * math.pi * deviations_m**2 * sums
        return pairs

    def roughness(self, deviation_m: float, order: int) -> float:
        """Returns the mean over all pairs of the Laplacian's power of a normal density, unsigned.

        The pairs include those of a fix with itself.
        """
        # the wave 0 holds the number of fixes
        fixes_squared = float(self._power[0, 0])
        return float(self._sums(np.array([deviation_m]), order)[0]) / fixes_squared

    def _sums(self, deviations_m: Floats, order: int) -> Floats:
        from analytics.kernels.bandwidth import power_sums  # compiles at its first call

        sums = np.empty(len(deviations_m))
        # the hills of the grid count twice, once for each end of a pair
        variances = deviations_m**2 / 2 - self._width_m**2
        variances = np.maximum(variances, 0.0)
        power_sums(self._power, self._wave_y, self._wave_x, variances, order, _CUT, sums)
        per_area: Floats = sums / self._area_m2
        return per_area


def _lowest_point(at: Floats, values: Floats) -> float:
    """Returns the vertex of the parabola through the least of evenly spaced values."""
    best = min(max(int(np.argmin(values)), 1), len(at) - 2)
    before, here, after = values[best - 1 : best + 2]
    bend = before - 2 * here + after
    shift = 0.0 if bend <= 0 else 0.5 * float((before - after) / bend)
    return float(at[best] + min(max(shift, -1.0), 1.0) * (at[1] - at[0]))


def _cells(length_m: float, cell_m: float) -> int:
    """Returns how many cells a side needs: a number without large factors, for the transform."""
    needed = length_m / cell_m + 2 * (_REACH_CELLS + 2)
    if needed > MAX_NODES:
        raise GridTooLarge(needed, 1, MAX_NODES)
    cells = math.ceil(needed)
    while _largest_factor(cells) > 7:
        cells += 1
    return cells


def _largest_factor(number: int) -> int:
    for factor in (2, 3, 5, 7):
        while number % factor == 0:
            number //= factor
    return number


def _close_gaps(values_m: Floats, widest_m: float) -> Floats:
    """Returns the values with gaps wider than `widest_m` narrowed to it.

    Pairs across such a gap count as nothing before and after; the grid between is saved.
    """
    if np.ptp(values_m) < 40 * widest_m:
        return values_m
    order = np.argsort(values_m)
    steps = np.diff(values_m[order], prepend=values_m[order[0]])
    closed = np.empty_like(values_m)
    closed[order] = np.cumsum(np.minimum(steps, widest_m))
    return closed
