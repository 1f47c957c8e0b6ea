"""Which fixes cannot be true: flags with their reasons, never deletion.

Works on what came in, before there is a `Track`: times may repeat or run backwards, positions may
be missing. A track is made of what is left::

    flags = flag_fixes(times_s, x_m, y_m, rules=Rules(max_speed_mps=8.0))
    track = Track(*(column[flags.order] for column in (times_s, x_m, y_m)))
"""

import math
from dataclasses import asdict, dataclass
from enum import IntFlag

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.errors import ParameterError, TrackError
from analytics.results import Estimate, software_version

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

WINDOW = 21
"""Fixes in the moving window of the test for far fixes: ten before, ten after."""


class Flag(IntFlag):
    """Why a fix is doubted."""

    MISSING = 1
    """Time or position is not a finite number."""
    DOP = 2
    """Dilution of precision above the limit."""
    DUPLICATE = 4
    """Another fix of the same time is kept: the one of least DOP, or else the first given."""
    FAR = 8
    """Far from where the animal was before and after."""
    SPIKE = 16
    """Fast away and fast back again."""
    SPEED = 32
    """Out of reach from the fixes that are kept."""


@dataclass(frozen=True)
class Rules:
    """Limits beyond which fixes are flagged; None leaves a test out.

    Missing and repeated fixes are always flagged. The other limits depend on the animal and the
    sampling interval, so that none is set by default.

    Attributes:
        max_dop: largest dilution of precision that is trusted.
        far_median_m: largest distance to the median position of the 21 fixes around [m].
        far_mean_m: largest distance to their mean position, after fixes beyond the median's limit
            are taken out [m].
        spike_speed_mps: speed both to and from a fix above which it is a spike [m/s], if also
            the cosine of its turning angle is below `spike_cosine`.
        spike_cosine: -1 (straight back only) to 1 (any direction).
        max_speed_mps: the fastest the animal may travel from fix to fix [m/s].
        error_m: distance that the test of speed forgives at every step [m], for fixes so close in
            time that their errors look like speed.

    Raises:
        ParameterError: a limit out of its range.

    Source: far fixes and spikes: Bjorneraas et al. 2010, doi:10.2193/2009-405.
    """

    max_dop: float | None = None
    far_median_m: float | None = None
    far_mean_m: float | None = None
    spike_speed_mps: float | None = None
    spike_cosine: float = -0.97
    max_speed_mps: float | None = None
    error_m: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_dop", "far_median_m", "far_mean_m", "spike_speed_mps", "max_speed_mps"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ParameterError(name, value, "a number above 0, or None")
        if not -1 <= self.spike_cosine <= 1:
            raise ParameterError("spike_cosine", self.spike_cosine, "-1..1")
        if not (math.isfinite(self.error_m) and self.error_m >= 0):
            raise ParameterError("error_m", self.error_m, "a finite number, 0 or more")


MOOSE = Rules(
    far_median_m=100_000.0, far_mean_m=10_000.0, spike_speed_mps=1500 / 3600, spike_cosine=-0.97
)
"""The limits of Bjorneraas et al. 2010 for moose with a fix every one to four hours."""


@dataclass(frozen=True, eq=False)
class Flags:
    """What is doubted about each fix, in the order in which the fixes were given.

    Attributes:
        values: (n,) uint8, sums of `Flag`, 0 for a fix without doubt. A fix carries the flag of
            the first test that it failed: later tests leave it out.
        order: (k,) int64, the fixes without doubt, oldest first.
        estimate: how they were made.
    """

    values: NDArray[np.uint8]
    order: Indices
    estimate: Estimate

    @property
    def keep(self) -> NDArray[np.bool_]:
        """(n,) whether a fix is without doubt."""
        return np.equal(self.values, 0)

    def counts(self) -> dict[str, int]:
        """Returns how many fixes carry each flag."""
        return {flag.name: int(np.sum(self.values == flag)) for flag in Flag if flag.name}


def flag_fixes(
    times_s: ArrayLike,
    x_m: ArrayLike,
    y_m: ArrayLike,
    dop: ArrayLike | None = None,
    rules: Rules | None = None,
) -> Flags:
    """Returns flags for fixes that are missing, imprecise, repeated, far off, spikes or too fast.

    The tests run in that order, each over the fixes that passed those before. The test of speed
    flags the fewest fixes without which the animal never exceeds the limit, so that a first fix
    in the wrong place does not condemn the rest; it follows up to 1000 wrong fixes in a row.

    Args:
        times_s: (n,) Unix time [s], in any order; NaN is missing.
        x_m: (n,) position [m]; NaN is missing.
        y_m: (n,) position [m]; NaN is missing.
        dop: (n,) dilution of precision; NaN is unknown and is trusted. Needed for
            `Rules.max_dop`.
        rules: limits; by default only missing and repeated fixes are flagged.

    Raises:
        TrackError: columns of different lengths, not of one dimension, not numbers, or empty.
        ParameterError: `Rules.max_dop` without `dop`.
    """
    rules = rules or Rules()
    columns = _columns({"times_s": times_s, "x_m": x_m, "y_m": y_m, "dop": dop})
    t, x, y = columns["times_s"], columns["x_m"], columns["y_m"]
    if rules.max_dop is not None and dop is None:
        raise ParameterError("max_dop", rules.max_dop, "dop for every fix, or None")
    precision = columns.get("dop", np.zeros(t.size))
    values = np.zeros(t.size, np.uint8)
    values[~(np.isfinite(t) & np.isfinite(x) & np.isfinite(y))] = Flag.MISSING
    if rules.max_dop is not None:
        values[(values == 0) & (precision > rules.max_dop)] = Flag.DOP
    left = np.lexsort((np.where(np.isnan(precision), np.inf, precision), t))
    left = left[values[left] == 0]
    again = np.zeros(left.size, bool)
    again[1:] = t[left[1:]] == t[left[:-1]]
    left = _flag(values, left, again, Flag.DUPLICATE)
    left = _flag_movement(values, left, (t, x, y), rules)
    values.flags.writeable = left.flags.writeable = False
    known = t[np.isfinite(t)]
    estimate = Estimate(
        method="flags",
        parameters=asdict(rules),
        fixes=t.size,
        from_time_s=float(known.min(initial=np.inf)) if known.size else 0.0,
        to_time_s=float(known.max(initial=-np.inf)) if known.size else 0.0,
        projection=None,
        software_version=software_version(),
    )
    return Flags(values, left, estimate)


def _flag_movement(
    values: NDArray[np.uint8], left: Indices, columns: tuple[Floats, Floats, Floats], rules: Rules
) -> Indices:
    """Flags what movement makes implausible; returns the fixes that are left."""
    from analytics.kernels import clean as kernels  # compiles at its first call

    t, x, y = columns
    for limit, distance in (
        (rules.far_median_m, kernels.median_distance),
        (rules.far_mean_m, kernels.mean_distance),
    ):
        width = min(WINDOW, left.size - 1 + left.size % 2)  # an odd number of fixes
        if limit is not None and width > 2:
            from_m = np.empty(left.size)
            distance(x[left], y[left], width, from_m)
            left = _flag(values, left, from_m > limit, Flag.FAR)
    if rules.spike_speed_mps is not None:
        doubted = np.zeros(left.size, np.bool_)
        kernels.spikes(
            t[left], x[left], y[left], rules.spike_speed_mps, rules.spike_cosine, doubted
        )
        left = _flag(values, left, doubted, Flag.SPIKE)
    if rules.max_speed_mps is not None and left.size:
        doubted = np.zeros(left.size, np.bool_)
        kernels.unreachable(t[left], x[left], y[left], rules.max_speed_mps, rules.error_m, doubted)
        left = _flag(values, left, doubted, Flag.SPEED)
    return left


def _flag(
    values: NDArray[np.uint8], left: Indices, doubted: NDArray[np.bool_], flag: Flag
) -> Indices:
    values[left[doubted]] = flag
    return left[~doubted]


def _columns(given: dict[str, ArrayLike | None]) -> dict[str, Floats]:
    """Returns float64 copies of the columns given; lists every fault."""
    arrays: dict[str, Floats] = {}
    faults: list[str] = []
    for name, values in given.items():
        if values is None:
            continue
        try:
            arrays[name] = np.array(values, np.float64)
        except (TypeError, ValueError) as error:
            faults.append(f"{name}: not numbers ({error})")
            continue
        if arrays[name].ndim != 1:
            faults.append(f"{name}: shape {arrays[name].shape}, expected one dimension")
    sizes = {name: array.size for name, array in arrays.items()}
    if not faults and len(set(sizes.values())) > 1:
        faults.append("lengths differ: " + ", ".join(f"{n} {size}" for n, size in sizes.items()))
    if not faults and not sizes["times_s"]:
        faults.append("no fixes")
    if faults:
        raise TrackError(faults)
    return arrays
