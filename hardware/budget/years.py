"""A year in the life of a collar's wearer: what it harvests, how it moves, both from one cause.

Synthetic years are the twin's simulated animals with days that differ as much as those of
Kinefox's dogs (coefficient of variation 0.45 from day to day; Gregersen et al. 2023,
doi:10.1371/journal.pone.0285930). Real years are drawn in blocks from the same study's voltage
series. An animal is the same whatever it harvests: its income is scaled.
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from hardware.twin.animal import Ibex
from hardware.twin.landscape import metres_per_degree
from hardware.twin.scenario import ORIGIN, START_UTC_S
from hardware.twin.seeded import uniform

Array = NDArray[np.float64]
GRID_S = 600
PER_DAY = 86_400 // GRID_S
DAY_SPREAD = 2.0  # gives daily incomes a coefficient of variation of 0.45

#: Gross income at the storage [J/day] of the animals of collar.md section 1.2.
INCOMES_J = {"pony": 0.69, "dog 1.1": 1.10, "dog 2.25": 2.25, "wisent": 2.38, "dog 10": 10.04}
_REAL_F = 56.0  # Kinefox V1, inferred from its voltage slopes
_STEPS_PER_DAY = 6  # of a real series
_REAL_RUNS = ("v1_dog1", "v1_dog2_back", "v1_dog2_chest", "v1_wisent")


@dataclass(frozen=True)
class Year:
    """What happens to a collar, in steps of ten minutes.

    Attributes:
        seed: Everything random follows from it.
        income_w: Power into the storage in each step [W].
        activity: Intensity of movement in each step, 0..1.
        x_m, y_m: Position at the beginning of each step, and at the end [m].
    """

    seed: int
    income_w: Array
    activity: Array
    x_m: Array
    y_m: Array

    @property
    def days(self) -> int:
        """Whole days."""
        return len(self.income_w) // PER_DAY

    @property
    def income_j_per_day(self) -> float:
        """Mean income [J/day]."""
        return float(self.income_w.mean()) * 86_400

    @property
    def day_variation(self) -> float:
        """Coefficient of variation of the income of whole days."""
        daily = self.income_w.reshape(self.days, PER_DAY).sum(axis=1)
        return float(daily.std() / daily.mean())

    def scaled(self, factor: float | Array) -> "Year":
        """The same life with another income; a factor, or one for each step."""
        return replace(self, income_w=self.income_w * factor)

    def with_income(self, j_per_day: float) -> "Year":
        """The same life with this mean income."""
        return self.scaled(j_per_day / self.income_j_per_day)

    def dead_from(self, day: float) -> "Year":
        """The same life, ended."""
        first = int(day * PER_DAY)
        return self._lying(first, len(self.activity))

    def resting(self, first_h: float, hours: float) -> "Year":
        """The same life with a rest in which the animal only breathes."""
        first = int(first_h * 3600 / GRID_S)
        return self._lying(first, first + int(hours * 3600 / GRID_S))

    def stilled(self, first_day: int, days: int) -> "Year":
        """The same life with `days` in which the animal neither moves nor harvests."""
        return self._lying(first_day * PER_DAY, (first_day + days) * PER_DAY)

    def _lying(self, a: int, b: int) -> "Year":
        income_w, activity = self.income_w.copy(), self.activity.copy()
        x_m, y_m = self.x_m.copy(), self.y_m.copy()
        income_w[a:b] = activity[a:b] = 0.0
        x_m[a : b + 1], y_m[a : b + 1] = x_m[a], y_m[a]
        return replace(self, income_w=income_w, activity=activity, x_m=x_m, y_m=y_m)


def animal(seed: int) -> Ibex:
    """The synthetic wearer of this seed."""
    return Ibex(
        seed=int(uniform(seed, "year") * 2**53),
        home=ORIGIN,
        start_utc_s=START_UTC_S,
        day_spread=DAY_SPREAD,
    )


def synthetic(seed: int, days: int = 365) -> Year:
    """A synthetic year of 1 J/day."""
    return _lived(animal(seed), seed, days)


def real(path: Path, seed: int, days: int = 365) -> Year:
    """A year of 1 J/day whose income is drawn in blocks from Kinefox's voltage series.

    Each run's income is what its stored energy gained on the run that lay still, never less than
    nothing, by steps of four hours; blocks of one day are drawn from all runs, each scaled to the
    same mean. The animal moves as the income says.

    Args:
        path: `kinefox/voltage.csv` of the reference data.
        seed: Random seed.
        days: Whole days.
    """
    runs = [_steps_j(path, name) for name in _REAL_RUNS]
    source = np.random.default_rng(seed)
    blocks = []
    for _ in range(days):
        run = runs[source.integers(len(runs))]
        first = source.integers(len(run) - _STEPS_PER_DAY + 1)
        blocks.append(run[first : first + _STEPS_PER_DAY])
    levels = np.repeat(np.concatenate(blocks), PER_DAY // _STEPS_PER_DAY)
    return _lived(_Replayed(animal(seed), levels / levels.max()), seed, days)


def _steps_j(path: Path, run: str) -> Array:
    """Income of each four hours of a run, over the mean of the run."""

    def series(name: str) -> tuple[Array, Array]:
        with path.open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["run"] == name]
        at_h = np.array([float(row["step"]) * float(row["step_h"]) for row in rows])
        volts = np.array([float(row["voltage_mv"]) / 1e3 for row in rows])
        return at_h, 0.5 * _REAL_F * volts**2

    at_h, stored_j = series(run)
    still_h, still_j = series("v1_baseline")
    gained_j = stored_j - np.polyfit(still_h, still_j, 1)[0] * at_h
    rising_j = optimize.isotonic_regression(gained_j).x  # income is never negative
    steps_h = np.arange(at_h[0], at_h[-1] + 1e-9, 24 / _STEPS_PER_DAY)
    steps = np.diff(np.interp(steps_h, at_h, rising_j))
    shares: Array = steps / steps.mean()
    return shares


class _Replayed(Ibex):
    """An animal whose activity is given, in steps of the grid."""

    def __init__(self, like: Ibex, levels: Array) -> None:
        super().__init__(seed=like.seed, home=like.home, start_utc_s=like.start_utc_s)
        self._levels = levels

    @property
    def mean_activity(self) -> float:
        """Activity averaged over the year."""
        return float(self._levels.mean())

    def _level(self, t_s: float) -> float:
        return float(self._levels[min(int(t_s // GRID_S), len(self._levels) - 1)])


def _lived(wearer: Ibex, seed: int, days: int) -> Year:
    """What an animal does, on the grid, with 1 J/day."""
    steps = days * PER_DAY
    activity = np.array([wearer.activity((i + 0.5) * GRID_S) for i in range(steps)])
    places = np.array([wearer.position(float(i * GRID_S))[:2] for i in range(steps + 1)])
    per_lat_m, per_lon_m = metres_per_degree(wearer.home[0])
    x_m = (places[:, 1] - wearer.home[1]) * per_lon_m
    y_m = (places[:, 0] - wearer.home[0]) * per_lat_m
    income_w = activity / activity.mean() / 86_400
    return Year(seed, income_w, activity, x_m, y_m)
