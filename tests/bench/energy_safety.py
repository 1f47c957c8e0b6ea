"""Brown-outs in harsh years, deaths noticed, and how far the energy book is off."""

import os
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import cache
from statistics import median

import numpy as np

from hardware.budget import hardship, years
from hardware.budget.hardship import Death
from hardware.twin import parts
from tests.bench.rows import row

_BASES = 10  # years of movement, from which harsh ones are made
_FIRST = 101
_HARSH = "60 still days, -20 degrees (ESR x3), -20 % capacitance, 2 % voltage error"
_CHECKED = 0.1  # fixes of full and pure years may differ by so much


def figures(quick: bool = False) -> list[dict]:
    """All of it; with `quick` a twentieth."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return [
            *_brownouts(pool, *((50, 4) if quick else (1000, 100))),
            _deaths(pool, 20 if quick else 400),
            _false_alarms(pool, 4 if quick else 40),
            *_books(pool, 10 if quick else 100),
        ]


@cache
def _base(seed: int) -> years.Year:
    """The movement of a year; as many as there are in a full run."""
    return years.synthetic(_FIRST + seed % _BASES)


def _brownouts(pool: Executor, pure: int, whole: int) -> list[dict]:
    """Harsh years of the pure modules and, the first of them, of the whole firmware."""
    fast = list(pool.map(_pure, range(pure), chunksize=4))
    full = list(pool.map(_full, range(whole)))
    alone = list(pool.map(_pure_alone, range(whole), chunksize=4))
    lost, lost_full = (sum(year.brownouts for year in every) for every in (fast, full))
    ratio = sum(year.fixes for year in full) / sum(year.fixes for year in alone)
    left = median(one.left_j / other.left_j for one, other in zip(full, alone, strict=True))
    apart = abs(ratio - 1.0)
    lowest = min(year.lowest_v for year in fast)
    given = f"{pure} years, seeds 0..{pure - 1}, {_HARSH}; lowest voltage at rest {lowest:.3f} V"
    given_full = f"{whole} years, seeds 0..{whole - 1}, {_HARSH}"
    checked = f"{whole} harsh years lived by both, no station in reach;"
    checked += f" energy at the end {left:.3f} x (median)"
    return [
        row("brown-outs of the pure modules", lost, "", "0", not lost, given),
        row("brown-outs of the full firmware", lost_full, "", "0", not lost_full, given_full),
        row(
            "fixes: full firmware over pure modules",
            ratio,
            "x",
            "0.9..1.1",
            apart <= _CHECKED,
            checked,
        ),
    ]


def _pure(seed: int) -> hardship.Harsh:
    return hardship.pure(seed, _base(seed), uplink=seed % 5 > 0)


def _pure_alone(seed: int) -> hardship.Harsh:
    return hardship.pure(seed, _base(seed), uplink=False)


def _full(seed: int) -> hardship.Harsh:
    return hardship.full(seed, _base(seed))


def _deaths(pool: Executor, count: int) -> dict:
    deaths = list(pool.map(_death, range(count), chunksize=4))
    late_h = [death.late_h for death in deaths]
    share = float(np.mean(np.array(late_h) <= 6.0))
    given = f"{count} deaths, all incomes; median {median(late_h):.1f} h after the still time, "
    given += f"latest {max(late_h):.1f} h"
    figure = "deaths told within 6 h of the still time"
    return row(figure, share, "share", ">= 0.99", share >= 0.99, given)


def _death(number: int) -> Death:
    return hardship.death(_base(number), number, 1)


def _false_alarms(pool: Executor, lives: int) -> dict:
    rate = sum(pool.map(_falsely, range(lives))) / lives
    given = f"{lives} animal-years with 12 rests of 8 to 20 h each"
    return row("false mortality alarms", rate, "1/year", "<= 0.5", rate <= 0.5, given)


def _falsely(seed: int) -> int:
    return hardship.false_alarms(_base(seed), seed)


def _books(pool: Executor, collars: int) -> list[dict]:
    errors = list(pool.map(_book_error, range(collars)))
    rows = []
    for number, (animal, income_j) in enumerate(years.INCOMES_J.items()):
        ours = errors[number :: len(years.INCOMES_J)]
        error = median(one.error for one in ours)
        bound = median(one.bound for one in ours)
        reads, read_j = median(one.long_reads for one in ours), median(one.read_j for one in ours)
        given = f"{animal}, {income_j:g} J/day; {len(ours)} collars, every cost 30 % off; noise of"
        given += f" the readings alone leaves {bound:.3f} (Cramer-Rao; {_noise(reads, read_j)})"
        figure = "energy book, daily error after 14 days"
        rows.append(row(figure, error, "share", "<= 0.1", error <= 0.1, given))
    return rows


def _noise(reads: float, read_j: float) -> str:
    costs = parts.load().costs
    noise = f"{costs.gauge_short_uv} uV, {costs.gauge_long_uv} uV in {reads:.0f} long ones"
    return f"{noise} of {read_j:.2f} J in 60 days"


def _book_error(seed: int) -> hardship.BookError:
    return hardship.book_error(hardship.books(_base(seed), seed))
