"""From bridges between fixes to a density on a grid: what every bridge method shares.

A method says which bridges there are and how far each may stray (`Bridges`); how finely time is
cut, how wide the grid is and what lies off it are settled here, once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.errors import GridTooCoarse, ParameterError
from analytics.grid import Grid
from analytics.results import Estimate, UtilizationDistribution
from analytics.track import Track

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Rule = tuple[Floats, Floats]
"""Parts of a bridge's time (0..1) and their shares, which sum to 1."""

SUPPORT_SD = 5.5
"""Standard deviations to which each hill is computed: 3e-7 of its height is left out."""

CELLS_PER_SD = 4
"""Default resolution: cells per `Bridges.narrow_sd_m`."""

DEFAULT_NODES = 2_000_000
"""Default grids of more nodes get wider cells."""

_NODES = (6, *(2**k * m for k in range(2, 12) for m in (2, 3)))
"""Numbers of nodes that adaptive integration chooses from: 6, 8, 12, 16, 24 ... 6144."""


@dataclass(frozen=True, eq=False)
class Bridges:
    """Movement between fixes, each bridge a normal density whose middle moves along a line.

    Attributes:
        track: the fixes.
        variance_m2: (n,) variance of a fix in each direction [m2], above 0.
        first: (b,) the fix at which each bridge starts; it ends at the next.
        spread_m2: (b,) variance rate times duration [m2]; a quarter of it is added halfway.
    """

    track: Track
    variance_m2: Floats
    first: Integers
    spread_m2: Floats

    @cached_property
    def duration_s(self) -> Floats:
        """(b,) time between the two fixes."""
        return np.asarray(self.track.times_s[self.first + 1] - self.track.times_s[self.first])

    @cached_property
    def length_m(self) -> Floats:
        """(b,) distance between the two fixes."""
        track, i = self.track, self.first
        return np.asarray(
            np.hypot(track.x_m[i + 1] - track.x_m[i], track.y_m[i + 1] - track.y_m[i])
        )

    @cached_property
    def middle_sd_m(self) -> Floats:
        """(b,) standard deviation halfway."""
        ends = self.variance_m2[self.first] + self.variance_m2[self.first + 1]
        return np.asarray(np.sqrt((self.spread_m2 + ends) / 4))

    @cached_property
    def widest_sd_m(self) -> Floats:
        """(b,) largest of the standard deviations at both ends and halfway."""
        ends = np.maximum(self.variance_m2[self.first], self.variance_m2[self.first + 1])
        return np.asarray(np.maximum(self.middle_sd_m, np.sqrt(ends)))

    @cached_property
    def narrow_sd_m(self) -> float:
        """Standard deviation halfway that a tenth of the time is below."""
        order = np.argsort(self.middle_sd_m)
        elapsed_s = np.cumsum(self.duration_s[order])
        return float(self.middle_sd_m[order[np.searchsorted(elapsed_s, elapsed_s[-1] / 10)]])


def checked_error(track: Track, error_m: ArrayLike, name: str = "error_m") -> Floats:
    """Returns the location error of each fix [m], from one value or one per fix.

    Raises:
        ParameterError: a value that is not finite and above 0, or another number of values.
    """
    error = np.asarray(error_m, np.float64)
    if error.ndim > 1 or (error.ndim == 1 and error.size != len(track)):
        raise ParameterError(name, f"of shape {error.shape}", f"one value or {len(track)}")
    wrong = ~(np.isfinite(error) & (error > 0))
    if wrong.any():
        value = float(np.atleast_1d(error)[np.atleast_1d(wrong)][0])
        raise ParameterError(name, value, "a finite number of metres above 0")
    return np.broadcast_to(error, (len(track),)).copy()


@lru_cache(maxsize=64)
def smooth_rule(nodes: int) -> Rule:
    """Returns the nodes and weights of Fejér's first rule on 0..1.

    Nodes crowd towards the ends as a bridge narrows there: steps between its hills are then
    nearly equal in standard deviations. Source: Davis & Rabinowitz 1984, section 2.5.5.
    """
    angle = math.pi * (np.arange(nodes) + 0.5) / nodes
    share = np.ones(nodes)
    for j in range(1, nodes // 2 + 1):
        share -= 2 * np.cos(2 * j * angle) / (4 * j * j - 1)
    return (1 - np.cos(angle)) / 2, share / nodes


def even_rule(steps: int) -> Rule:
    """Returns the middles of equal steps of time."""
    return (np.arange(steps) + 0.5) / steps, np.full(steps, 1 / steps)


def default_grid(
    several: Sequence[Bridges], cell_m: float | None = None, margin_m: float | None = None
) -> Grid:
    """Returns the grid that holds all but 1e-6 of every bridge, unless a margin is given.

    Raises:
        ParameterError, GridTooLarge: as `Grid.around`.
    """
    if margin_m is None:
        ends = [_reached(bridges) for bridges in several]
        margin_m = 0.0
    else:
        ends = [(bridges.track.x_m, bridges.track.y_m) for bridges in several]
    x_m, y_m = (np.concatenate(v) for v in zip(*ends, strict=True))
    if cell_m is None:
        area_m2 = (np.ptp(x_m) + 2 * margin_m) * (np.ptp(y_m) + 2 * margin_m)
        cell_m = min(bridges.narrow_sd_m for bridges in several) / CELLS_PER_SD
        cell_m = max(cell_m, math.sqrt(area_m2 / DEFAULT_NODES))
    return Grid.around(x_m, y_m, cell_m, margin_m)


def _reached(bridges: Bridges) -> tuple[Floats, Floats]:
    """Returns x and y of points around all but 1e-6 of every bridge."""
    i, reach = bridges.first, 5 * bridges.widest_sd_m
    x_m, y_m = (
        np.concatenate([v[i] - reach, v[i + 1] - reach, v[i] + reach, v[i + 1] + reach])
        for v in (bridges.track.x_m, bridges.track.y_m)
    )
    return x_m, y_m


def density(
    bridges: Bridges,
    grid: Grid,
    rules: Sequence[Rule],
    rule: Integers,
    weight: Floats,
    support_sd: float,
) -> Floats:
    """Returns the weighted sum of bridges at the nodes of a grid, (rows, columns) [1/m2].

    Args:
        bridges: b of them.
        grid: where the nodes are.
        rules: ways to cut time.
        rule: (b,) which of them each bridge takes.
        weight: (b,) part of the whole that each bridge has.
        support_sd: half width, in standard deviations, of the square in which a hill counts.
    """
    from analytics.kernels import bridges as kernels  # compiles at its first call
    from analytics.kernels._rows import BLOCK

    rule_start = np.cumsum([0, *(part.size for part, _ in rules)])
    padded = -(-grid.columns // BLOCK) * BLOCK
    memory = np.zeros(grid.rows * padded + BLOCK)
    offset = -(memory.ctypes.data // memory.itemsize) % BLOCK  # to a whole cache line
    out = memory[offset : offset + grid.rows * padded].reshape(grid.rows, padded)
    kernels.density(
        bridges.track.x_m,
        bridges.track.y_m,
        bridges.variance_m2,
        bridges.first,
        bridges.spread_m2,
        weight,
        rule,
        rule_start,
        np.concatenate([part for part, _ in rules]),
        np.concatenate([share for _, share in rules]),
        grid.x0_m,
        grid.y0_m,
        grid.cell_m,
        grid.columns,
        support_sd,
        out,
    )
    return np.ascontiguousarray(out[:, : grid.columns])


def adaptive_rules(bridges: Bridges) -> tuple[list[Rule], Integers]:
    """Returns rules, and which each bridge takes to be right to 1e-3 of its own highest point.

    Long bridges need nodes closer than a standard deviation; diffusive ones need nodes close
    enough to follow how they narrow towards the fixes. Measured against 4000 nodes over lengths
    of 0 to 56 standard deviations and spreads of 0.01 to 10,000 times the error's variance.
    """
    along = 1.5 * bridges.length_m / bridges.middle_sd_m
    error_m = np.sqrt(
        np.minimum(bridges.variance_m2[bridges.first], bridges.variance_m2[bridges.first + 1])
    )
    narrowing = 2 * np.sqrt(bridges.spread_m2) / error_m
    wanted = np.searchsorted(_NODES, np.maximum(along, narrowing))
    wanted = np.minimum(wanted, len(_NODES) - 1)
    used = np.bincount(wanted, minlength=len(_NODES)) > 0
    rule = (np.cumsum(used) - 1)[wanted]
    return [smooth_rule(_NODES[k]) for k in np.flatnonzero(used)], rule


def refuse_coarse(bridges: Bridges, grid: Grid) -> None:
    """Raises GridTooCoarse where a tenth of the time lies in hills that fall between nodes."""
    if grid.cell_m > 2 * bridges.narrow_sd_m:
        limit = f"at most 2 standard deviations of {bridges.narrow_sd_m:.4g} m"
        raise GridTooCoarse(grid.cell_m, f"{limit} (a tenth of the time lies in narrower bridges)")


def distribution(
    bridges: Bridges,
    grid: Grid,
    values: Floats,
    method: str,
    parameters: dict[str, object],
) -> UtilizationDistribution:
    """Returns the result of a bridge method, its grid added to its parameters."""
    values.flags.writeable = False
    shape: dict[str, object] = {
        "bridges": int(bridges.first.size),
        "time_used_percent": float(100 * bridges.duration_s.sum() / np.ptp(bridges.track.times_s)),
        "cell_m": grid.cell_m,
        "x0_m": grid.x0_m,
        "y0_m": grid.y0_m,
        "columns": grid.columns,
        "rows": grid.rows,
    }
    track, first = bridges.track, bridges.first
    alone = int(np.count_nonzero(np.diff(first) > 1))  # bridges that share no fix with the next
    estimate = replace(
        Estimate.of(track, method, parameters | shape),
        fixes=first.size + alone + 1,
        from_time_s=float(track.times_s[first[0]]),
        to_time_s=float(track.times_s[first[-1] + 1]),
    )
    return UtilizationDistribution(grid, values, estimate)
