"""Where joules tell most of a track: what is placed is paid for, and the best is the best."""

from itertools import combinations

import numpy as np
import pytest

from hardware.budget import cases, placing, years
from hardware.budget.cases import Bench, Case
from hardware.budget.optimum import SLOT_S
from hardware.budget.track import track_error_m


@pytest.fixture(scope="module")
def base():
    return years.synthetic(1, days=60)


def bench(base, animal="wisent"):
    case = Case(animal, years.INCOMES_J[animal], 27)
    return Bench(case, cases.year(case, base))


def spent_j(fixes_s, moves):
    slots = np.array([int(at_s // SLOT_S) for at_s in fixes_s])
    return placing.spent_j(slots, moves.idle, moves.cost_j, moves.then)


@pytest.mark.parametrize("place", [placing.evenly, placing.by_path, placing.least_error])
@pytest.mark.parametrize("joules", [40.0, 300.0])
def test_what_is_placed_costs_no_more_than_there_is_and_little_less(base, place, joules):
    one = bench(base)
    spent = spent_j(place(one.year, one.moves, joules), one.moves)
    assert 0.9 * joules <= spent <= joules


def test_fixes_on_young_orbits_cost_less_than_as_many_apart(base):
    moves = bench(base).moves
    apart = spent_j([0.0, 20 * SLOT_S, 40 * SLOT_S], moves)
    assert apart == pytest.approx(3 * moves.cost_j[0, 0])
    assert spent_j([0.0, SLOT_S, 2 * SLOT_S], moves) < 0.7 * apart


def test_the_least_error_is_the_least_of_all_placings(base):
    one = bench(base)
    day = type(base)(
        1,
        *(
            series[: 144 + odd]
            for series, odd in (
                (one.year.income_w, 0),
                (one.year.activity, 0),
                (one.year.x_m, 1),
                (one.year.y_m, 1),
            )
        ),
    )
    placed_s = placing.least_error(day, one.moves, 3.0)
    errors_m = [
        track_error_m(day, [slot * SLOT_S for slot in slots])
        for slots in combinations(range(0, 48), len(placed_s))
        if spent_j([slot * SLOT_S for slot in slots], one.moves) <= spent_j(placed_s, one.moves)
    ]
    assert track_error_m(day, placed_s) == pytest.approx(min(errors_m), rel=1e-6)


def test_to_know_the_track_is_worth_more_than_to_feel_the_path_or_to_wait(base):
    one = bench(base, "dog 10")
    errors_m = [
        track_error_m(one.year, place(one.year, one.moves, 300.0))
        for place in (placing.least_error, placing.by_path, placing.evenly)
    ]
    assert errors_m == sorted(errors_m)
