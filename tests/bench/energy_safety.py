"""Brown-outs in harsh years, deaths noticed, and how far the energy book is off."""

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from statistics import median

import numpy as np

from hardware.budget import hardship, years
from tests.bench.rows import row

_BASES = 10  # years of movement, from which harsh ones are made
_HARSH = "60 still days, -20 degrees (ESR x3), -20 % capacitance, 2 % voltage error"


def _brownouts(
    tried: Callable[[int, years.Year], int], bases: list[years.Year], count: int
) -> int:
    """Brown-outs in so many collar-years, on all processors."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        of = [bases[seed % len(bases)] for seed in range(count)]
        return sum(pool.map(tried, range(count), of, chunksize=4))


def figures(quick: bool = False) -> list[dict]:
    """All of it; with `quick` a twentieth."""
    bases = [years.synthetic(seed) for seed in range(101, 101 + (2 if quick else _BASES))]
    pure, whole = (50, 2) if quick else (1000, 100)
    deaths, lives, collars = (20, 4, 10) if quick else (400, 40, 100)
    lost = _brownouts(hardship.pure_brownouts, bases, pure)
    rows = [
        row("brown-outs of the pure modules", lost, "", "0", not lost, f"{pure} years, {_HARSH}")
    ]
    lost = _brownouts(hardship.full_brownouts, bases, whole)
    rows.append(
        row("brown-outs of the full firmware", lost, "", "0", not lost, f"{whole} years, {_HARSH}")
    )
    late_h = [death.late_h for death in hardship.deaths(bases[0], deaths, 1)]
    share = float(np.mean(np.array(late_h) <= 6.0))
    given = f"{deaths} deaths, all incomes; median {median(late_h):.1f} h after the still time"
    rows.append(
        row(
            "deaths told within 6 h of the still time",
            share,
            "share",
            ">= 0.99",
            share >= 0.99,
            given,
        )
    )
    alarms = sum(hardship.false_alarms(bases[seed % len(bases)], seed) for seed in range(lives))
    rows.append(
        row(
            "false mortality alarms",
            alarms / lives,
            "1/year",
            "<= 0.5",
            alarms / lives <= 0.5,
            f"{lives} animal-years with 12 rests of 8 to 20 h each",
        )
    )
    for number, (animal, income_j) in enumerate(years.INCOMES_J.items()):
        seeds = range(number, collars, len(years.INCOMES_J))
        errors = [
            hardship.book_error(hardship.books(bases[seed % len(bases)], seed)) for seed in seeds
        ]
        error = median(errors)
        given = f"{animal}, {income_j:g} J/day; {len(errors)} collars, every cost 30 % off"
        figure = "energy book, daily error after 14 days"
        rows.append(row(figure, error, "share", "<= 0.1", error <= 0.1, given))
    return rows
