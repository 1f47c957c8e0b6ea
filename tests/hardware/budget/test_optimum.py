"""The clairvoyant: bound above plan, plan near the exact optimum, and both obey the balance."""

from dataclasses import replace

import numpy as np
import pytest

from hardware.budget import cases, years
from hardware.budget.cases import Bench, Case
from hardware.budget.moves import store
from hardware.budget.optimum import SLOT_S, best_cycle_j, clairvoyant
from tests.hardware.budget.oracles import most_fixes


@pytest.fixture(scope="module")
def base():
    return years.synthetic(1, days=120)


def bench(base, animal="pony", receiver=27, aid=False):
    case = Case(animal, years.INCOMES_J[animal], receiver, aid)
    return Bench(case, cases.year(case, base))


@pytest.mark.parametrize(
    ("animal", "receiver", "aid"),
    [("pony", 27, False), ("pony", 60, True), ("wisent", 60, False)],
)
def test_the_exact_optimum_lies_between_plan_and_bound(base, animal, receiver, aid):
    one = bench(base, animal, receiver, aid)
    plan = one.optimum()
    exact = most_fixes(one.slots_j(), one.moves, store(one.born()), int(plan.bound) + 2)
    assert 0.98 * exact - 1 <= plan.fixes <= exact <= plan.bound


def test_the_plan_obeys_the_balance(base):
    one = bench(base)
    plan, limits = one.optimum(), store(one.born())
    assert plan.energy_j.min() >= limits.low_j - 0.05
    assert plan.energy_j.max() <= limits.high_j
    leak_j = (limits.leak_w + limits.leak_per_s * plan.energy_j[:-1]) * SLOT_S
    left_j = plan.energy_j[:-1] + one.slots_j() - limits.always_w * SLOT_S - leak_j
    paid_j = left_j - plan.energy_j[1:]
    dearest = float(one.moves.cost_j[np.isfinite(one.moves.cost_j)].max())
    assert np.all(paid_j[~plan.taken] < 1e-9)
    assert np.all((paid_j[plan.taken] > 0.1) & (paid_j[plan.taken] < dearest + 1e-6))


def test_no_income_buys_no_more_than_the_start_holds(base):
    one = bench(base)
    limits = replace(store(one.born()), start_j=20.0, always_w=0.0, leak_w=0.0, leak_per_s=0.0)
    plan = clairvoyant(np.zeros(48 * 10), one.moves, limits)
    assert plan.fixes <= 0 <= plan.bound < 1.0


def test_more_income_never_means_fewer_fixes(base):
    counts = [bench(base, animal).optimum().fixes for animal in years.INCOMES_J]
    assert counts == sorted(counts)


def test_the_best_cycle_is_a_group(base):
    moves = bench(base).moves
    averages = [
        (moves.cost_j[0, 0] + moves.cost_j[1 : n + 1, 1].sum()) / (n + 1) for n in range(6)
    ]
    assert best_cycle_j(moves) == pytest.approx(min(averages), rel=1e-4)
    assert min(averages) < 0.5 * averages[0]


def test_an_impossible_year_is_refused(base):
    one = bench(base)
    with pytest.raises(ValueError, match="no plan keeps the storage"):
        clairvoyant(np.zeros(48 * 400), one.moves, store(one.born()))
