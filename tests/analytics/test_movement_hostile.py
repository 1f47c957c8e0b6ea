"""What fields bring: ten years, gaps, the antimeridian, standing still, two fixes."""

import subprocess
import sys

import numpy as np
import pytest

from analytics.clean import MOOSE, flag_fixes
from analytics.contacts import find_contacts
from analytics.errors import TrackError
from analytics.migration import DAY_S, classify
from analytics.movement import (
    daily_distance,
    first_passage_time,
    net_squared_displacement,
    residence_time,
    steps,
)
from analytics.segmentation import segment
from analytics.track import Track

METHODS = {
    "steps": lambda t: steps(t).speed_mps,
    "displacement": net_squared_displacement,
    "passage": lambda t: first_passage_time(t, 200.0).times_s,
    "residence": lambda t: residence_time(t, 200.0, 3600.0),
    "daily": lambda t: daily_distance(t).distance_m,
    "contacts": lambda t: find_contacts(t, t, 10.0, 60.0).distance_m,
}
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())


def ten_years():
    """Four fixes a day for ten years around one home, but for a day now and then."""
    days = np.arange(0, 3652, 0.25)
    days = days[np.arange(days.size) // 4 % 11 != 5]
    x_m, y_m = np.random.default_rng(1).normal(size=(2, days.size)) * 800
    return Track(DAY_S * days, x_m, y_m)


@every_method
def test_ten_years_with_gaps_have_an_answer(method):
    assert np.isfinite(method(ten_years())).mean() > 0.9


def test_ten_years_are_resident_and_regular():
    track = ten_years()
    assert classify(track).best.name == "resident"
    assert segment(track, 2, max_iterations=20).states.size == len(track) - 1


def test_days_without_fixes_are_walked_over_or_unknown():
    track = ten_years()
    assert np.isfinite(daily_distance(track).distance_m).all()
    known = daily_distance(track, max_gap_s=DAY_S / 2)
    assert np.isnan(known.distance_m).sum() == 332  # one day in eleven
    # the day before ends with its last fix, at 18:00; the last day of all is cut as well
    assert (known.covered_s == 0.75 * DAY_S).sum() == 332 + 1


@every_method
def test_animal_that_never_moves_has_an_answer(method):
    still = Track(3600.0 * np.arange(50), np.full(50, 3.0), np.full(50, 4.0))
    with np.errstate(all="raise"):
        values = method(still)
    assert not values[np.isfinite(values)].any()


@every_method
def test_two_fixes_have_an_answer(method):
    assert method(Track([0.0, 60.0], [0.0, 30.0], [0.0, 40.0])).size


def test_antimeridian_is_no_obstacle():
    lon = np.linspace(179.9, 180.1, 21)
    times_s = 3600.0 * np.arange(21)
    there = Track.from_geographic(times_s, np.full(21, 65.0), (lon + 180) % 360 - 180)
    here = Track.from_geographic(times_s, np.full(21, 65.0), lon - 170)
    np.testing.assert_allclose(steps(there).distance_m, steps(here).distance_m, rtol=1e-6)
    np.testing.assert_allclose(steps(there).heading_deg, 90, atol=0.2)


def test_swapped_coordinates_are_refused_where_they_can_be_seen():
    with pytest.raises(TrackError, match=r"lat_deg: 2 outside -90\.\.90"):
        Track.from_geographic([0, 60], [147.1, 147.2], [-42.1, -42.2])


def test_null_island_and_a_worn_office_are_flagged():
    track = ten_years()
    x_m, y_m = track.x_m + 5e5, track.y_m + 4.6e6
    x_m[[100, 2000]] = y_m[[100, 2000]] = 0.0
    flags = flag_fixes(track.times_s, x_m, y_m, rules=MOOSE)
    assert np.flatnonzero(~flags.keep).tolist() == [100, 2000]


def test_importing_compiles_nothing_and_needs_little():
    code = (
        "import sys, analytics.movement, analytics.clean, analytics.segmentation, "
        "analytics.migration, analytics.contacts; "
        "sys.exit('numba' in sys.modules or 'scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
