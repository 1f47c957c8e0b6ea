"""Fixes a year's income pays for: our plan, Kinefox's rule, fixed intervals, the clairvoyant.

Every row of the table is the median of the seeds with the tenth and ninetieth percentile. The
picture (build/bench/energy.png) shows the first seed's stored energy, income and fixes over time.
"""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path
from statistics import median

import matplotlib
import numpy as np
from rich.console import Console
from rich.table import Table

from hardware.budget import cases, years
from hardware.budget.cases import Bench, Case, Outcome
from hardware.budget.optimum import best_cycle_j
from tests.bench.rows import row

matplotlib.use("Agg")
_SEEDS = 20
_OUT = Path(__file__).parent.parent.parent / "build" / "bench" / "energy.png"
_FIXES_A_DAY = {  # (animal, aid): bar, at the receiver of 27 s
    ("pony", False): 0.30,
    ("wisent", False): 1.4,
    ("dog 10", False): 12.0,
    ("pony", True): 1.2,
    ("wisent", True): 5.0,
    ("dog 10", True): 25.0,
}
_PLACED = {
    "single fixes evenly": "its joules, even",
    "groups evenly": "its joules, groups",
    "at equal lengths of the true path": "its joules, by path",
    "where the track itself, known, says": "its joules, oracle",
}
_COLUMNS = (
    ("fixes/day", "per_day", "{:.2f}"),
    ("fixes/J", "per_joule", "{:.2f}"),
    ("of optimum", "of_optimum", "{:.2f}"),
    ("longest gap d", "gap_d", "{:.1f}"),
    ("RMS error m", "error_m", "{:.0f}"),
    ("brown-outs", "brownouts", "{:.0f}"),
    ("wasted J", "wasted_j", "{:.0f}"),
    ("quiescent", "quiescent", "{:.2f}"),
    ("cpu s/year", "processor_s", "{:.0f}"),
)


def figures(quick: bool = False) -> list[dict]:
    """All cases; with `quick` four of them and three seeds."""
    seeds = range(1, 1 + (3 if quick else _SEEDS))
    every = cases.cases(series=_reference() is not None)
    steps = cases.steps()
    if quick:
        every = [case for case in every if case.animal in ("pony", "wisent") and not case.aid]
        steps = steps[:2]
    console = Console(width=180)
    table, rows, apart = _table(len(seeds)), [], {}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for real in sorted({case.real for case in every}):
            variation = median(pool.map(_variation, [real] * len(seeds), seeds))
            kind = "measured series" if real else "synthetic years"
            console.print(f"daily incomes vary with {variation:.2f} of their mean ({kind})")
        running = [
            (case, [pool.submit(_run, case, seed) for seed in seeds]) for case in every + steps
        ]
        for case, futures in running:
            runs = [future.result() for future in futures]
            for policy in cases.POLICIES:
                table.add_row(case.name, policy, *_cells([run[policy] for run in runs]))
            table.add_section()
            share = median(run["ours"].of_optimum for run in runs)
            console.print(f"  {case.name}: {share:.2f} of the optimum")
            rows += _rows(Bench(case, _year(case, seeds[0])), runs, len(seeds))
            apart[case.name] = [1.0 - 1.0 / run["upper bound"].of_optimum for run in runs]
    console.print(table)
    rows += [_tightness(apart)]
    _picture(_base(False, seeds[0]))
    console.print(f"wrote {_OUT}")
    return rows


def _reference() -> Path | None:
    folder = os.environ.get("CAPRA_REFERENCE_DATA")
    return Path(folder) if folder else None


@cache
def _base(real: bool, seed: int) -> years.Year:
    return cases.base_year(real, seed, _reference())


def _variation(real: bool, seed: int) -> float:
    return _base(real, seed).day_variation


def _year(case: Case, seed: int) -> years.Year:
    return cases.year(case, _base(case.real, seed))


def _run(case: Case, seed: int) -> dict[str, Outcome]:
    """Every policy on one year, by name."""
    return {one.policy: one for one in Bench(case, _year(case, seed)).run()}


def _table(seeds: int) -> Table:
    title = f"365 days, medians of {seeds} seeds (10 % .. 90 %); every policy starts at"
    title += f" {cases.START_V:.3g} V, where our plan comes to rest (close above its reserve, as"
    title += (
        f" more leaks more), Kinefox's rule at its own {cases.KINEFOX_V:g} V, and pays back in"
    )
    title += " fixes what is missing of that at the end"
    table = Table(title=title)
    for heading in ("case", "policy", *(name for name, _, _ in _COLUMNS)):
        table.add_column(heading, justify="left" if heading in ("case", "policy") else "right")
    return table


def _cells(outcomes: list[Outcome]) -> list[str]:
    cells = []
    for _, attribute, form in _COLUMNS:
        values = [getattr(one, attribute) for one in outcomes]
        if np.isnan(values[0]):
            cells.append("")
            continue
        low, high = np.percentile(values, [10, 90])
        text = form.format(median(values))
        spread = f"({form.format(low)}..{form.format(high)})"
        cells.append(text if low == high else f"{text} {spread}")
    return cells


def _rows(bench: Bench, runs: list[dict[str, Outcome]], seeds: int) -> list[dict]:
    case = bench.case
    given = f"{case.name}; {seeds} seeds"
    ours = [run["ours"] for run in runs]
    share = median(one.of_optimum for one in ours)
    bar = 0.80 if case.step != 1.0 else 0.90
    kept_j = median(run["ours"].kept_j - run["optimum"].kept_j for run in runs)
    leaked_j = bench.leaked_j(kept_j)
    spent_j = median(run["optimum"].fixes for run in runs) * best_cycle_j(bench.moves)
    told = f"{given}; {kept_j:.0f} J more kept than the optimum keeps: {leaked_j:.1f} J leaked,"
    told += f" {leaked_j / spent_j:.1%} of what it spends"
    rows = [
        row("fixes of the clairvoyant optimum", share, "share", f">= {bar}", share >= bar, told)
    ]
    if case.step != 1.0:
        return rows
    over = median(run["ours"].fixes / max(run["kinefox"].fixes, 1.0) for run in runs)
    wanted = case.animal in ("pony", "wisent")
    rows.append(
        row("fixes over Kinefox's rule", over, "x", ">= 2" if wanted else None, over >= 2, given)
    )
    limits = "the optimum's joules spent on the track alone: " + ", ".join(
        f"{name} {median(run[policy].error_m / run['best fixed'].error_m for run in runs):.2f} x"
        for name, policy in _PLACED.items()
    )
    for policy in ("ours", "ours, spread"):
        error = median(run[policy].error_m / run["best fixed"].error_m for run in runs)
        figure = f"position error over best fixed: {policy}"
        rows.append(row(figure, error, "x", "<= 0.9", error <= 0.9, f"{given}; {limits}"))
    per_day = median(one.per_day for one in ours)
    least = _FIXES_A_DAY.get((case.animal, case.aid)) if case.receiver == 27 else None
    bar_text = f">= {least}" if least else None
    rows.append(row("fixes per day", per_day, "1/day", bar_text, per_day >= (least or 0), given))
    lost = sum(one.brownouts for one in ours)
    rows.append(row("brown-outs", lost, "", "0", lost == 0, given))
    return rows


def _tightness(apart: dict[str, list[float]]) -> dict:
    """How far plan and bound of the optimum lie apart, in the worst case."""
    name = max(apart, key=lambda one: median(apart[one]))
    worst = median(apart[name])
    every = [share for shares in apart.values() for share in shares]
    given = f"worst of {len(apart)} cases ({name}), median of its seeds; of all {len(every)} years"
    given += f" median {median(every):.4f}, largest {max(every):.4f}; the plan is exact"
    return row(
        "the plan below the linear relaxation", worst, "share", "<= 0.02", worst <= 0.02, given
    )


def _picture(base: years.Year) -> None:
    import matplotlib.pyplot as plt

    animals = ("pony", "wisent", "dog 10")
    figure, axes = plt.subplots(3, len(animals), figsize=(15, 8), sharex=True)
    for column, animal in enumerate(animals):
        case = Case(animal, years.INCOMES_J[animal], 27)
        bench = Bench(case, cases.year(case, base))
        plan, lives = bench.optimum(), bench.lives()
        stored, income, fixes = axes[:, column]
        days = np.arange(base.days)
        daily_j = bench.year.income_w.reshape(base.days, -1).sum(axis=1) * years.GRID_S
        income.bar(days, daily_j, width=1.0, color="0.7")
        for name in ("ours", "kinefox", "best fixed"):
            life = lives[name]
            at_s, energy_j = np.array(life.diary.stored).T
            stored.plot(at_s / 86_400, energy_j, label=name, linewidth=1)
            fixes.plot(
                np.array(life.diary.fixes_s) / 86_400,
                np.arange(1, len(life.diary.fixes_s) + 1),
                linewidth=1,
            )
        slots = np.arange(len(plan.energy_j)) / 48
        stored.plot(slots, plan.energy_j, label="optimum", linewidth=1, color="k", alpha=0.6)
        fixes.plot(slots[:-1], np.cumsum(plan.taken), linewidth=1, color="k", alpha=0.6)
        stored.set_title(f"{animal}, {case.income_j:g} J/day, receiver 27 s, no aid")
        fixes.set_xlabel("day")
    for axis, label in zip(axes[:, 0], ("stored [J]", "income [J/day]", "fixes"), strict=True):
        axis.set_ylabel(label)
    axes[0, 0].legend(fontsize=8)
    figure.tight_layout()
    _OUT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(_OUT, dpi=90)
    plt.close(figure)
