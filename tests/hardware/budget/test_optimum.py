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


def small(base, seed):
    """A day, little more stored than a group takes, a storage that may be full."""
    aid, receiver = bool(seed & 1), 60 if seed & 2 else 27
    one = bench(base, "dog 10", receiver, aid)
    start_j = 2.0 + 1.3 * seed
    limits = replace(store(one.born()), low_j=2.0, start_j=start_j, high_j=start_j + 4.0)
    return one.slots_j()[48 * seed :][:48], one.moves, limits


@pytest.mark.parametrize("seed", range(6))
def test_the_plan_is_the_exact_optimum_of_small_years(base, seed):
    instance = small(base, seed)
    assert clairvoyant(*instance).fixes == round(most_fixes(*instance))


@pytest.mark.parametrize("seed", range(6))
def test_the_bound_lies_between_the_exact_optimum_and_the_relaxation_of_every_move(base, seed):
    instance = small(base, seed)
    bound = clairvoyant(*instance).bound
    assert most_fixes(*instance) - 1e-6 <= bound <= most_fixes(*instance, whole=False) + 1e-6


@pytest.mark.parametrize("receiver", [27, 60])
@pytest.mark.parametrize("aid", [False, True])
@pytest.mark.parametrize("animal", ["pony", "dog 10"])
def test_plan_and_bound_lie_near_each_other(base, animal, receiver, aid):
    plan = bench(base, animal, receiver, aid).optimum()
    least = min(0.98 * plan.bound, plan.bound - 2.0)  # fixes are whole; of few one is more
    assert least <= plan.fixes <= plan.bound + 1e-6


def test_the_plan_obeys_the_balance(base):
    one = bench(base)
    plan, limits = one.optimum(), store(one.born())
    assert plan.energy_j.min() >= limits.low_j - 1e-9
    assert plan.energy_j[-1] >= limits.start_j
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
    assert plan.fixes == 0 and plan.bound == pytest.approx(0.0, abs=1e-6)


def test_more_income_never_means_fewer_fixes(base):
    counts = [bench(base, animal).optimum().fixes for animal in years.INCOMES_J]
    assert counts == sorted(counts)


def test_the_best_cycle_stays_on_once_and_then_lives_on_young_orbits(base):
    for aid in (False, True):
        new_j, young_j = bench(base, aid=aid).moves.cost_j.T
        averages = [
            (new_j[n] + young_j[1:n].sum()) / n for n in range(1, len(new_j))
        ]  # new orbits at every n-th fix
        assert best_cycle_j(bench(base, aid=aid).moves) == pytest.approx(min(averages), rel=1e-3)
        assert min(averages) < (0.5 if not aid else 0.9) * new_j[0]


def test_to_stay_on_is_dearer_than_a_fix_and_cheaper_than_a_cold_start(base):
    for receiver in (27, 60):
        new_j, young_j = bench(base, receiver=receiver).moves.cost_j.T
        assert np.all((young_j[1:] < new_j[1:]) & (new_j[1:] < new_j[0]))


def test_an_impossible_year_is_refused(base):
    one = bench(base)
    with pytest.raises(ValueError, match="no plan keeps the storage"):
        clairvoyant(np.zeros(48 * 400), one.moves, store(one.born()))
