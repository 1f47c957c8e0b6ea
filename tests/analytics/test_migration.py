"""Shapes of net squared displacement: known journeys found again, criteria as they are defined."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from analytics.displacement import FORMS, _not_negative, _whitened, aicc
from analytics.errors import ParameterError, TrackError
from analytics.migration import DAY_S, classify
from analytics.track import Track

NAMES = {"resident", "nomadic", "dispersal", "migration", "mixed migration"}


def wander(fixes, spread_m, seed, memory=20.0):
    """An animal around its home: positions with a memory of so many fixes."""
    rng = np.random.default_rng(seed)
    keep = math.exp(-1 / memory)
    place = np.zeros((2, fixes))
    for i in range(1, fixes):
        place[:, i] = keep * place[:, i - 1]
        place[:, i] += spread_m * math.sqrt(1 - keep**2) * rng.normal(size=2)
    return place


def year(away, spread_m=2000.0, seed=3):
    """Four fixes a day for a year; `away` holds (day, distance [m]) to interpolate between."""
    days = np.arange(1460) / 4
    x_m, y_m = wander(days.size, spread_m, seed)
    return Track(DAY_S * days, x_m + np.interp(days, *zip(*away, strict=True)), y_m)


SUMMER = year([(115, 0), (125, 40_000), (265, 40_000), (275, 0)])
SUMMER_HALF_BACK = year([(115, 0), (125, 40_000), (265, 40_000), (275, 25_000)])
GONE = year([(115, 0), (125, 40_000)])
HOME = year([(0, 0)])


@pytest.mark.parametrize(
    ("track", "name"),
    [
        (SUMMER, "migration"),
        (SUMMER_HALF_BACK, "mixed migration"),
        (GONE, "dispersal"),
        (HOME, "resident"),
    ],
)
def test_known_movement_is_named(track, name):
    found = classify(track)
    assert found.best.name == name
    assert {shape.name for shape in found.shapes} == NAMES


def test_journeys_of_a_migrant_have_their_times_and_distance():
    there, back = classify(SUMMER).best.journeys
    assert there.middle_s / DAY_S == pytest.approx(120, abs=4)
    assert back.middle_s / DAY_S == pytest.approx(270, abs=4)
    assert there.from_time_s < there.middle_s < there.to_time_s < back.from_time_s
    assert there.distance_m == pytest.approx(40_000, rel=0.05)


def test_nothing_but_the_shape_is_fitted_exactly():
    days = np.arange(365.0)
    squared = 9e8 / (1 + np.exp((100 - days) / 6))
    # displacement is counted from the first fix, which is at 0
    track = Track(DAY_S * days, np.sqrt(squared) - np.sqrt(squared[0]), np.zeros(365))
    shape = next(s for s in classify(track, residuals="independent").shapes if s.journeys)
    assert shape.parameters["phi_s" if "phi_s" in shape.parameters else "phi1_s"] / DAY_S == (
        pytest.approx(6, rel=0.02)
    )


def test_wandering_in_proportion_to_time_is_nomadic():
    days = np.arange(200.0)
    found = classify(Track(DAY_S * days, 1000 * np.sqrt(days), np.zeros(200)))
    assert found.best.name == "nomadic"
    assert found.best.parameters["b_m2_per_s"] == pytest.approx(1e6 / DAY_S, rel=1e-6)


def test_independent_residuals_name_more_journeys_among_residents():
    homes = [year([(0, 0)], seed=seed) for seed in range(4)]

    def residents(residuals):
        return sum(classify(t, residuals=residuals).best.name == "resident" for t in homes)

    assert residents("autocorrelated") >= 3
    assert residents("autocorrelated") > residents("independent")


def test_weights_add_up_and_follow_the_criterion():
    shapes = classify(SUMMER).shapes
    assert sum(s.weight for s in shapes) == pytest.approx(1)
    assert [s.aicc for s in shapes] == sorted(s.aicc for s in shapes)
    ratio = shapes[1].weight / shapes[0].weight
    assert ratio == pytest.approx(math.exp((shapes[0].aicc - shapes[1].aicc) / 2))


def test_criterion_is_that_of_a_dense_normal_density():
    found = classify(GONE)
    z, best = found.displacement_m2, found.best
    free, n = best.free_parameters, z.size
    # the correlation that all shapes share, from the residuals of the richest
    richest = next(s for s in found.shapes if s.name == "mixed migration")
    rest = z - richest.fitted_m2
    keep = float(rest[1:] @ rest[:-1] / (rest @ rest))
    lags = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    density = multivariate_normal(best.fitted_m2, best.residual_m4 * keep**lags)
    dense = 2 * free - 2 * density.logpdf(z) + 2 * free * (free + 1) / (n - free - 1)
    assert best.aicc == pytest.approx(dense, rel=1e-3)  # the correlation is one round on
    independent = classify(GONE, residuals="independent").best
    free = independent.free_parameters
    cost = np.mean((z - independent.fitted_m2) ** 2)
    assert independent.residual_m4 == pytest.approx(cost)
    assert independent.aicc == pytest.approx(aicc(cost, n, free))


def test_whitening_leaves_independent_residuals():
    rng = np.random.default_rng(1)
    keep, white = rng.uniform(0, 0.9, 49), rng.normal(size=50)
    rest = white.copy()
    for i in range(1, 50):
        rest[i] = keep[i - 1] * rest[i - 1] + math.sqrt(1 - keep[i - 1] ** 2) * white[i]
    np.testing.assert_allclose(_whitened(rest, keep), white, rtol=1e-12)
    np.testing.assert_allclose(_whitened(rest[:, None], keep)[:, 0], white, rtol=1e-12)


def test_weights_of_columns_are_least_squares_above_nothing():
    from scipy.optimize import nnls

    rng = np.random.default_rng(2)
    for _ in range(50):
        columns, z = rng.normal(size=(20, 2)), rng.normal(size=20)
        np.testing.assert_allclose(_not_negative(columns, z), nnls(columns, z)[0], atol=1e-12)


def test_every_shape_starts_at_the_start():
    for form in FORMS:
        if form.name in ("resident", "nomadic"):
            columns = form.columns(np.array([0.0, 1.0]), np.array(form.starts[0]))
            assert columns[0, 0] == 0


def test_turning_moving_and_scaling_changes_no_name():
    here = classify(SUMMER)
    there = Track(SUMMER.times_s + 1e9, 7e5 - 3 * SUMMER.y_m, 3 * SUMMER.x_m)
    moved = classify(there)
    assert [s.name for s in moved.shapes] == [s.name for s in here.shapes]
    assert moved.best.weight == pytest.approx(here.best.weight, abs=1e-3)
    ours, theirs = here.best.journeys[0], moved.best.journeys[0]
    assert theirs.middle_s - 1e9 == pytest.approx(ours.middle_s, rel=1e-3)
    assert theirs.distance_m == pytest.approx(3 * ours.distance_m, rel=1e-3)


def test_missing_weeks_leave_the_name():
    keep = np.random.default_rng(5).random(len(SUMMER)) < 0.3
    keep[600:700] = False
    keep[0] = True
    thinned = Track(SUMMER.times_s[keep], SUMMER.x_m[keep], SUMMER.y_m[keep])
    assert classify(thinned).best.name in ("migration", "mixed migration")


def test_intervals_hold_the_mean_of_their_fixes():
    found = classify(HOME, interval_s=7 * DAY_S)
    squared = (HOME.x_m - HOME.x_m[0]) ** 2 + (HOME.y_m - HOME.y_m[0]) ** 2
    assert found.displacement_m2[1] == pytest.approx(squared[28:56].mean())
    assert found.times_s[1] == pytest.approx(HOME.times_s[28:56].mean())


def test_result_tells_how_it_was_made():
    found = classify(HOME)
    assert found.estimate.parameters == {"interval_s": DAY_S, "residuals": "autocorrelated"}
    assert found.best.fitted_m2.size == found.times_s.size == 365
    with pytest.raises(ValueError, match="read-only"):
        found.displacement_m2[0] = 1


def test_wrong_argument_is_named():
    with pytest.raises(ParameterError, match="interval_s is 0, expected a finite number above 0"):
        classify(HOME, interval_s=0)
    with pytest.raises(ParameterError, match="residuals is 'white'"):
        classify(HOME, residuals="white")


def test_too_few_intervals_are_refused():
    with pytest.raises(TrackError, match=r"5 intervals of 86400 s with fixes, 12 to 20000"):
        classify(Track(DAY_S * np.arange(5), np.arange(5), np.arange(5)))
    with pytest.raises(TrackError, match="30000 fixes, 12 to 20000 are needed"):
        classify(Track(np.arange(30_000), np.arange(30_000), np.arange(30_000)), interval_s=None)


def test_animal_that_never_moves_is_refused():
    with pytest.raises(TrackError, match="all 20 fixes are equal"):
        classify(Track(DAY_S * np.arange(20), np.ones(20), np.ones(20)))
