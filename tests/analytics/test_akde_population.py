import math

import numpy as np
import pytest

from analytics.ctmm.fit import fit
from analytics.errors import ParameterError
from analytics.ranges.akde import autocorrelated_ud
from analytics.ranges.akde_population import mean_area, population_range
from tests.analytics.test_ctmm_fit import drawn


def estimates(variation, animals, seed, mean=20.0):
    """Estimates of inverse Gaussian areas, and their effective sample sizes."""
    generator = np.random.default_rng(seed)
    areas = np.full(animals, mean)
    if variation:
        areas = generator.wald(mean, mean / variation**2, animals)
    dofs = generator.uniform(3, 60, animals)
    return areas * generator.chisquare(2 * dofs) / (2 * dofs), dofs


def test_equal_animals_are_averaged_by_their_sample_sizes():
    found = mean_area([10.0, 10.0, 10.0, 10.0], [5.0, 50.0, 20.0, 30.0])
    assert found.area_km2.estimate == pytest.approx(10)
    assert found.variation == 0


def test_poorly_known_animal_counts_little():
    found = mean_area([10.0, 10.5, 9.5, 40.0], [200.0, 200.0, 200.0, 1.0])
    assert found.area_km2.estimate == pytest.approx(10, rel=0.05)


def test_variation_between_animals_is_found():
    found = mean_area(*estimates(0.6, 200, seed=1))
    assert found.variation == pytest.approx(0.6, rel=0.2)
    assert found.area_km2.low < 20 < found.area_km2.high


def test_equal_animals_show_no_variation():
    assert mean_area(*estimates(0.0, 60, seed=2)).variation == 0


@pytest.mark.parametrize("variation", [0.0, 0.5])
def test_interval_holds_the_mean_as_often_as_it_says(variation):
    held = 0
    for seed in range(60):
        area = mean_area(*estimates(variation, 12, seed)).area_km2
        held += area.low <= 20 <= area.high
    assert 51 <= held <= 60


def test_scale_of_areas_does_not_matter():
    areas, dofs = estimates(0.5, 20, seed=3)
    small, large = mean_area(areas, dofs), mean_area(1e4 * areas, dofs)
    assert large.area_km2.high == pytest.approx(1e4 * small.area_km2.high, rel=1e-3)
    assert large.variation == pytest.approx(small.variation, rel=1e-3)


def test_order_of_animals_does_not_matter():
    areas, dofs = estimates(0.5, 20, seed=3)
    turned = mean_area(areas[::-1], dofs[::-1]).area_km2.estimate
    assert turned == pytest.approx(mean_area(areas, dofs).area_km2.estimate, rel=1e-6)


def test_ranges_of_a_herd_are_averaged():
    tracks = [drawn(days=40, seed=seed) for seed in range(3)]
    ranges = [autocorrelated_ud(track, fit(track)) for track in tracks]
    found = population_range(ranges)
    areas = [r.area_km2().estimate for r in ranges]
    assert min(areas) < found.area_km2.estimate < max(areas)
    assert found.animals == 3


@pytest.mark.parametrize(
    ("areas", "dofs", "name"),
    [
        ([], [], "areas_km2"),
        ([1.0, -2.0], [1.0, 1.0], "areas_km2"),
        ([1.0, 2.0], [1.0, math.nan], "dofs"),
        ([1.0, 2.0], [1.0], "dofs"),
    ],
)
def test_unusable_values_are_named(areas, dofs, name):
    with pytest.raises(ParameterError) as caught:
        mean_area(areas, dofs)
    assert caught.value.name == name
