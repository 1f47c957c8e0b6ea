"""Every method answers odd tracks, or says by name what is wrong with them."""

import numpy as np
import pytest

from analytics.ctmm.model import MovementModel
from analytics.ctmm.simulate import simulate
from analytics.errors import AnalyticsWarning, TrackError
from analytics.methods import METHODS
from analytics.project import LocalProjection
from analytics.track import Track
from tests.analytics.tracks import cloud, track

DAY_S = 86_400.0
OPTIONS = {
    "bridge": {"error_m": 10.0},
    "dynamic-bridge": {"error_m": 10.0, "window": 15, "margin": 5},
    "biased-bridge": {"relocation_sd_m": 50.0, "max_gap_s": 3 * DAY_S},
}
every = pytest.mark.parametrize("name", METHODS)
pytestmark = pytest.mark.filterwarnings(
    "ignore::analytics.errors.SmallSampleWarning", "ignore::analytics.errors.SparseTrackWarning"
)


def estimate(name, made):
    """The 90 % area [km2], and what was warned of."""
    result = METHODS[name](made, (90,), **OPTIONS.get(name, {}))
    return result.home_range.isopleths[0]


def resident(step_s=3600.0, fixes=150, tau_s=40_000.0, seed=5):
    return simulate(
        MovementModel(tau_s, tau_s / 13, 2.5e5, 1.6e5), step_s * np.arange(fixes), seed
    )


@every
def test_four_fixes_are_refused(name):
    with pytest.raises(TrackError, match="4 fixes, at least 5 are needed"):
        estimate(name, cloud(fixes=4))


@every
def test_fixes_at_one_place_are_refused(name):
    with pytest.raises(TrackError, match=r"all 20 fixes are equal: \(700000, 3000000\) \[m\]"):
        estimate(name, track([7e5] * 20, [3e6] * 20))


@every
def test_fixes_on_one_line_are_refused(name):
    way_m = np.linspace(0, 900, 20)
    with pytest.raises(TrackError, match="all 20 fixes lie on one line"):
        estimate(name, track(way_m, 2 * way_m))


@every
def test_a_range_across_the_antimeridian_is_as_large_and_cut(name):
    here = resident()
    lat, lon = LocalProjection(-17.0, 179.9999).inverse(here.x_m, here.y_m)
    found = estimate(name, Track.from_geographic(here.times_s, lat, lon))
    assert found.area_km2 == pytest.approx(estimate(name, here).area_km2, rel=5e-3)
    degrees = found.to_geographic()
    assert degrees.is_valid
    assert (degrees.bounds[0], degrees.bounds[2]) == (-180, 180)


@every
def test_gaps_of_a_day_are_answered(name):
    here = resident()
    gaps_s = DAY_S * (np.arange(150) // 50)
    found = estimate(name, Track(here.times_s + gaps_s, here.x_m, here.y_m))
    assert 0.3 < found.area_km2 / estimate(name, here).area_km2 < 30


@every
def test_ten_years_are_answered(name):
    decade = resident(step_s=DAY_S, fixes=3653, tau_s=10 * DAY_S)
    found = estimate(name, decade)
    true_km2 = 2 * np.pi * np.sqrt(2.5e5 * 1.6e5) * np.log(10) / 1e6
    assert 0.2 < found.area_km2 / true_km2 < 3


def test_a_track_of_many_faults_lists_them_all():
    with pytest.raises(TrackError) as caught:
        Track([0.0, 60.0, 60.0, 30.0, np.nan, 300.0], [0, 1, np.nan, 3, 4, 5], np.zeros(5))
    faults = "; ".join(caught.value.faults)
    for part in ("1 equal to the fix before", "1 before the fix before", "times_s: 1 not finite"):
        assert part in faults
    assert "x_m: 1 not finite" in faults
    assert "lengths differ: times_s 6, x_m 6, y_m 5" in faults


def test_swapped_columns_are_named_where_longitudes_go_beyond_90():
    lat_deg, lon_deg = np.full(5, 46.6), 110 + np.arange(5) / 100
    with pytest.raises(TrackError, match="latitude and longitude look swapped"):
        Track.from_geographic(range(5), lon_deg, lat_deg)


@pytest.mark.parametrize("name", ["bridge", "dynamic-bridge", "biased-bridge"])
def test_bridges_over_independent_fixes_are_refused(name):
    with pytest.raises(TrackError, match="too sparse for bridges"):
        estimate(name, cloud(fixes=300))


def test_ellipses_over_independent_fixes_are_warned_of():
    with pytest.warns(AnalyticsWarning, match="use a method for independent fixes"):
        estimate("etd", cloud(fixes=100))
