"""The benchmark's cases: an animal's income, a receiver, aid or none; and what each policy makes.

Every policy gets the same year and the same hardware. It starts where our plan comes to rest, but
Kinefox's rule where that does (with more), and pays back what is missing at the end at the
optimum's joules per fix; joules left over are not credited. A share "of the optimum" is of the
clairvoyant's plan that can be carried out.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from firmware import energy
from firmware.config import Settings
from hardware.budget import placing, rules, years
from hardware.budget.life import Life
from hardware.budget.moves import moves, store
from hardware.budget.optimum import SLOT_S, Plan, best_cycle_j, clairvoyant
from hardware.budget.ours import Ours, aid_uj, frame_uj
from hardware.budget.track import longest_gap_d, track_error_m
from hardware.budget.years import GRID_S, Year
from hardware.twin import parts

POLICIES = (
    *("ours", "ours, spread", "kinefox", "fixed 24 h", "best fixed"),
    *("optimum", "upper bound", "its joules, even", "its joules, groups"),
    *("its joules, by path", "its joules, oracle"),
)
_KEEPS = 0.9  # of the optimum's count, by the smallest groups that do
SPREAD = Settings(
    spread_permille=9000
)  # the operator's choice of single fixes for the track's sake
KINEFOX_V = 2.9  # where Kinefox's rule comes to rest: it starts there, all others where ours does


def start_v() -> float:
    """Voltage at which our plan comes to rest: a start there neither helps nor burdens it."""
    costs = parts.load().costs
    held_uj = energy.full_uj(costs) * Settings().target_permille // 1000
    return energy.voltage_uv(costs, held_uj) / 1e6


START_V = start_v()


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        animal: Key of `years.INCOMES_J`, or a name for the table.
        income_j: Gross income [J/day].
        receiver: Seconds of its cold start, key of the twin's receivers.
        aid: Whether a station that aids is in reach.
        real: Income from the measured series instead of a synthetic year.
        step: Factor on the income from the middle of the year on.
    """

    animal: str
    income_j: float
    receiver: int
    aid: bool = False
    real: bool = False
    step: float = 1.0

    @property
    def name(self) -> str:
        """The case in a few words."""
        words = [self.animal, f"{self.receiver} s", "aid" if self.aid else "no aid"]
        words += ["measured series"] if self.real else []
        words += [f"income x{self.step:g}"] if self.step != 1.0 else []
        return ", ".join(words)


@dataclass(frozen=True)
class Outcome:
    """What a policy made of a year; joules and fixes as in `Life`, `kept_j` stored on the mean."""

    policy: str
    fixes: float
    per_day: float
    per_joule: float
    of_optimum: float
    gap_d: float
    error_m: float
    brownouts: int
    wasted_j: float
    quiescent: float
    processor_s: float
    kept_j: float


def cases(series: bool) -> list[Case]:
    """All cases of the table; `series`: the measured ones too."""
    every = [
        Case(animal, income_j, receiver, aid)
        for receiver in (27, 60)
        for aid in (False, True)
        for animal, income_j in years.INCOMES_J.items()
    ]
    every += [
        Case("dogs and wisent", 2.38, receiver, aid, real=True)
        for receiver in (27, 60)
        for aid in (False, True)
        if series
    ]
    return every


def steps() -> list[Case]:
    """The cases whose income changes for good."""
    return [
        Case("wisent", 2.38, receiver, aid, step=step)
        for receiver in (27, 60)
        for aid in (False, True)
        for step in (0.3, 3.0)
    ]


def year(case: Case, base: Year) -> Year:
    """The case's year from a year of any income."""
    scaled = base.with_income(case.income_j)
    if case.step == 1.0:
        return scaled
    half = len(base.income_w) // 2
    late = np.arange(len(base.income_w)) >= half
    return scaled.scaled(np.where(late, case.step, 1.0))


def base_year(real: bool, seed: int, reference: Path | None, days: int = 365) -> Year:
    """A year of 1 J/day: synthetic, or from Kinefox's series in the folder `reference`."""
    if not real:
        return years.synthetic(seed, days)
    assert reference is not None
    return years.real(reference / "kinefox" / "voltage.csv", seed, days)


class Bench:
    """One case with one year: runs policies on it."""

    def __init__(self, case: Case, one: Year) -> None:
        self.case, self.year = case, one
        self.parts = parts.load()
        self.receiver = self.parts.receivers[case.receiver]
        self.frame_j = frame_uj(self.parts.costs) / 1e6
        self.aid_j = aid_uj(self.parts.costs) / 1e6 if case.aid else None
        self.moves = moves(self.parts, self.receiver, self.frame_j, self.aid_j)

    def leaked_j(self, kept_j: float) -> float:
        """What a year leaks more with so much more stored on the mean."""
        return kept_j * self.born().leak_per_s * self.year.days * 86_400

    def born(self, start_v: float = START_V) -> Life:
        """A fresh life."""
        return Life(self.year, self.parts, self.receiver, self.aid_j, start_v)

    def optimum(self) -> Plan:
        """The clairvoyant's plan."""
        return clairvoyant(self.slots_j(), self.moves, store(self.born()))

    def slots_j(self) -> years.Array:
        """Income of each half hour [J]."""
        per_slot = SLOT_S // GRID_S
        income_j: years.Array = (self.year.income_w * GRID_S).reshape(-1, per_slot).sum(axis=1)
        return income_j

    def ours(self, settings: Settings | None = None) -> Life:
        """Our firmware's plan."""
        life = self.born()
        Ours(life, settings).run()
        return life

    def lives(self) -> dict[str, Life]:
        """Every policy but the optimum, by name."""
        kinefox, daily = self.born(KINEFOX_V), self.born()
        rules.kinefox(kinefox, self.frame_j)
        rules.fixed(daily, 86_400.0, self.frame_j)
        around_s = rules.neutral_interval_s(daily, float(self.moves.cost_j[0, 0]))
        best = rules.hindsight(self.born, around_s, self.frame_j)[1]
        return {
            "ours": self.ours(),
            "ours, spread": self.ours(SPREAD),
            "kinefox": kinefox,
            "fixed 24 h": daily,
            "best fixed": best,
        }

    def outcome(self, policy: str, life: Life, plan: Plan) -> Outcome:
        """What a policy made of it."""
        diary = life.diary
        missing_j = max(0.0, life.start_j - life.energy_j)
        fixes = max(0.0, diary.counted() - missing_j / best_cycle_j(self.moves))
        income_j = self.year.income_j_per_day * self.year.days
        return Outcome(
            policy=policy,
            fixes=fixes,
            per_day=fixes / self.year.days,
            per_joule=fixes / income_j,
            of_optimum=fixes / max(plan.fixes, 1),
            gap_d=longest_gap_d(self.year, diary.fixes_s),
            error_m=track_error_m(self.year, diary.fixes_s),
            brownouts=diary.brownouts,
            wasted_j=diary.wasted_j,
            quiescent=diary.quiescent_j / max(diary.spent_j, 1e-9),
            processor_s=diary.processor_s,
            kept_j=float(np.mean([energy_j for _, energy_j in diary.stored])),
        )

    def of_plan(self, plan: Plan) -> Outcome:
        """What the clairvoyant's plan makes of it."""
        fixes_s = [float(slot * SLOT_S) for slot in np.flatnonzero(plan.taken)]
        made = self._made("optimum", fixes_s)
        return replace(made, wasted_j=plan.wasted_j, kept_j=float(plan.energy_j.mean()))

    def of_bound(self, plan: Plan) -> Outcome:
        """What no plan can beat."""
        return replace(
            self._made("upper bound", []),
            fixes=plan.bound,
            per_day=plan.bound / self.year.days,
            per_joule=plan.bound / (self.year.income_j_per_day * self.year.days),
            of_optimum=plan.bound / max(plan.fixes, 1),
            gap_d=float("nan"),
            error_m=float("nan"),
        )

    def _made(self, policy: str, fixes_s: list[float]) -> Outcome:
        income_j = self.year.income_j_per_day * self.year.days
        return Outcome(
            policy=policy,
            fixes=len(fixes_s),
            per_day=len(fixes_s) / self.year.days,
            per_joule=len(fixes_s) / income_j,
            of_optimum=1.0,
            gap_d=longest_gap_d(self.year, fixes_s),
            error_m=track_error_m(self.year, fixes_s),
            brownouts=0,
            wasted_j=float("nan"),
            quiescent=float("nan"),
            processor_s=float("nan"),
            kept_j=float("nan"),
        )

    def placed(self, plan: Plan) -> list[Outcome]:
        """What nothing but timing could do for the track's error with the plan's joules."""
        given = (self.year, self.moves, plan.fixes * best_cycle_j(self.moves))
        every = {
            "its joules, even": placing.evenly(*given),
            "its joules, groups": placing.evenly(*given, self._groups()),
            "its joules, by path": placing.by_path(*given),
            "its joules, oracle": placing.least_error(*given),
        }
        made = [self._made(policy, fixes_s) for policy, fixes_s in every.items()]
        return [replace(one, of_optimum=one.fixes / max(plan.fixes, 1)) for one in made]

    def _groups(self) -> int:
        """The smallest groups that keep nine tenths of the optimum's fixes per joule."""
        first_j, next_j = self.moves.cost_j[0, 0], self.moves.cost_j[1:, 1]
        for size in range(1, len(next_j) + 2):
            per_fix_j = (first_j + next_j[: size - 1].sum()) / size
            if best_cycle_j(self.moves) >= _KEEPS * per_fix_j:
                return size
        return len(next_j) + 1

    def run(self) -> list[Outcome]:
        """Every policy on this year."""
        plan = self.optimum()
        made = [self.outcome(name, life, plan) for name, life in self.lives().items()]
        return [*made, self.of_plan(plan), self.of_bound(plan), *self.placed(plan)]
