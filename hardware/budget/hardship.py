"""What must not happen, tried: brown-outs, deaths unnoticed, an energy book that drifts."""

import math
from dataclasses import dataclass, replace

import numpy as np

from firmware.board import Costs
from hardware.budget import full as whole
from hardware.budget import years
from hardware.budget.cases import KINEFOX_V, START_V
from hardware.budget.life import Hardships, Life
from hardware.budget.ours import Book, Ours
from hardware.budget.years import Year
from hardware.twin import parts
from hardware.twin.seeded import uniform

STILL_DAYS = 60
STILL_TIME_S = 86_400
_ANIMALS = tuple(years.INCOMES_J.items())
_NORMAL_MEDIAN = 0.6745  # of the size of a normal error, in standard deviations
_COST_NAMES = (
    *("standby_nw", "leakage_nw", "boot_uj", "frame_uj", "processor_uw", "processor_sleep_uw"),
    *("gauge_long_uj", "gnss_search_uw", "radio_tx_uw", "radio_rx_uw"),
)


def harsh_year(seed: int, base: Year) -> tuple[Year, Hardships]:
    """A year with 60 still days, and a cold, aged collar that misreads its voltage by 2 %."""
    income_j = _ANIMALS[seed % 4][1]  # the four poorest
    first = int(uniform(seed, "still") * (base.days - STILL_DAYS))
    year = replace(base, seed=seed).with_income(income_j).stilled(first, STILL_DAYS)
    return year, Hardships(capacity=0.8, esr=3.0, gauge=0.98 if seed % 2 else 1.02)


@dataclass(frozen=True)
class Harsh:
    """What became of a collar in a harsh year.

    Attributes:
        brownouts: How often its rail was cut.
        fixes: Found.
        left_j: Stored at the end, above nothing.
        lowest_v: Voltage at rest; NaN where it was not kept.
    """

    brownouts: int
    fixes: int
    left_j: float
    lowest_v: float


def pure(seed: int, base: Year, uplink: bool) -> Harsh:
    """A harsh year of the pure modules, with or without a station in reach."""
    year, hardships = harsh_year(seed, base)
    known = parts.load()
    receiver = known.receivers[27 if seed % 3 else 60]
    life = Life(year, known, receiver, None, START_V, hardships)
    Ours(life, uplink=uplink).run()
    diary = life.diary
    return Harsh(
        diary.brownouts,
        len(diary.fixes_s),
        life.energy_j + life.zero_j,
        life.volts(min(energy_j for _, energy_j in diary.stored)),
    )


def full(seed: int, base: Year, days: float | None = None) -> Harsh:
    """The same harsh year of the whole firmware in the full twin, no station in reach."""
    year, hardships = harsh_year(seed, base)
    receiver = parts.load().receivers[27 if seed % 3 else 60]
    made_of = whole.hard_parts(receiver, hardships)
    result = whole.live(year, made_of, START_V, days)
    return Harsh(result.brownouts, result.fixes_taken, result.joules_end, math.nan)


@dataclass(frozen=True)
class Death:
    """When an animal last moved, and when a station heard of it [s]; None: never."""

    died_s: float
    heard_s: float | None

    @property
    def late_h(self) -> float:
        """Hours from the end of the still time to the alarm."""
        if self.heard_s is None:
            return float("inf")
        return (self.heard_s - self.died_s - STILL_TIME_S) / 3600


def death(base: Year, number: int, seed: int) -> Death:
    """An animal, of all incomes in turn, that dies at some time in the second or third week."""
    known = parts.load()
    income_j = _ANIMALS[number % len(_ANIMALS)][1]
    day = 8.0 + 12.0 * uniform(seed, "death", number)
    first = int(uniform(seed, "from", number) * (base.days - 40))
    lived = some_days(base, first, 30, seed * 10_000 + number)
    life = Life(
        lived.with_income(income_j).dead_from(day), known, known.receivers[27], None, START_V
    )
    Ours(life).run()
    died_s = int(day * years.PER_DAY) * float(years.GRID_S)
    heard = [at_s for at_s in life.diary.heard_s if at_s > died_s]
    return Death(died_s, heard[0] if heard else None)


def false_alarms(base: Year, seed: int) -> int:
    """Alarms in a year of an animal that lives, but twelve times rests for 8 to 20 hours."""
    known = parts.load()
    year = replace(base, seed=seed).with_income(_ANIMALS[seed % len(_ANIMALS)][1])
    for month in range(12):
        first_h = (month + uniform(seed, "rest", month)) * year.days / 12.4 * 24
        year = year.resting(first_h, 8.0 + 12.0 * uniform(seed, "long", month))
    life = Life(year, known, known.receivers[27], None, START_V)
    Ours(life).run()
    return len(life.diary.alarms_s)


def books(base: Year, seed: int, days: int = 60) -> list[Book]:
    """Days of the energy book of a collar whose every tabled cost is 30 % too high or too low."""
    known = parts.load()
    costs = wrong_costs(known.costs, seed)
    year = some_days(base, seed * 7 % (base.days - days), days, seed)
    year = year.with_income(_ANIMALS[seed % len(_ANIMALS)][1])
    plan = Ours(Life(year, known, known.receivers[27], None, KINEFOX_V), costs=costs)
    plan.run()
    return [book for book in plan.books if book.day >= 14]


def wrong_costs(costs: Costs, seed: int) -> Costs:
    """Costs that are each 30 % off, either way."""
    off = {
        name: int(getattr(costs, name) * (1.3 if uniform(seed, "off", name) < 0.5 else 0.7))
        for name in _COST_NAMES
    }
    changed: Costs = costs._replace(**off)
    return changed


@dataclass(frozen=True)
class BookError:
    """How far a collar's book is off, medians over the days as shares of what was spent.

    Attributes:
        error: The difference, either way.
        bound: The least that the noise of its readings leaves of it.
        long_reads: Long readings until the end.
        read_j: What they took.
    """

    error: float
    bound: float
    long_reads: int
    read_j: float


def book_error(lines: list[Book]) -> BookError:
    """What the days of a book say."""
    errors = [abs(line.booked_j - line.spent_j) / line.spent_j for line in lines]
    bounds = [_NORMAL_MEDIAN * line.unsure_j / line.spent_j for line in lines]
    reads = lines[-1].long_reads
    read_j = reads * parts.load().costs.gauge_long_uj / 1e6
    return BookError(float(np.median(errors)), float(np.median(bounds)), reads, read_j)


def some_days(base: Year, first: int, days: int, seed: int) -> Year:
    """Some days of a year as a year of another seed."""
    a, b = first * years.PER_DAY, (first + days) * years.PER_DAY
    return Year(
        seed, base.income_w[a:b], base.activity[a:b], base.x_m[a : b + 1], base.y_m[a : b + 1]
    )
