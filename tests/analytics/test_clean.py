"""Flags: each kind of wrong fix put into a plausible walk is found, and nothing else is."""

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.clean import MOOSE, Flag, Rules, flag_fixes
from analytics.errors import ParameterError, TrackError
from analytics.kernels import clean as kernels
from analytics.track import Track
from tests.analytics import oracles_movement as oracles

HOUR = 3600.0


def walk(fixes=300, seed=4):
    """A moose: a fix an hour, steps of some 150 m around a slow drift."""
    rng = np.random.default_rng(seed)
    x_m, y_m = np.cumsum(rng.normal(size=(2, fixes)) * 100, axis=1)
    return HOUR * np.arange(fixes), x_m, y_m


def test_plausible_walk_is_left_alone():
    flags = flag_fixes(*walk(), rules=MOOSE)
    assert flags.keep.all()
    assert flags.counts() == dict.fromkeys(
        ["MISSING", "DOP", "DUPLICATE", "FAR", "SPIKE", "SPEED"], 0
    )


def test_two_fixes_far_off_are_flagged():
    t, x, y = walk()
    x[5:7] += 500_000
    assert np.flatnonzero(flag_fixes(t, x, y, rules=MOOSE).values).tolist() == [5, 6]


def test_fix_beyond_the_mean_only_is_flagged():
    t, x, y = walk()
    y[150] -= 30_000
    flags = flag_fixes(t, x, y, rules=Rules(far_median_m=100_000, far_mean_m=10_000))
    assert np.flatnonzero(flags.values == Flag.FAR).tolist() == [150]


def test_spike_is_flagged_and_a_journey_is_not():
    t, x, y = walk()
    x[50] = x[49] + 4000
    x[51:] += x[49] - x[51]  # back where it came from
    x[200:] += np.minimum(np.arange(100), 5) * 3000  # fast, but not back
    flags = flag_fixes(t, x, y, rules=MOOSE)
    assert np.flatnonzero(flags.values == Flag.SPIKE).tolist() == [50]
    assert flags.counts()["SPIKE"] == 1


def test_fastest_fixes_are_flagged_even_at_the_start():
    t, x, y = walk()
    x[:3] += 90_000  # worn in the office, say
    y[100:104] += 90_000
    flags = flag_fixes(t, x, y, rules=Rules(max_speed_mps=2.0))
    assert np.flatnonzero(flags.values == Flag.SPEED).tolist() == [0, 1, 2, 100, 101, 102, 103]


def test_error_at_short_intervals_is_forgiven():
    t, x, y = np.arange(10.0), np.array([0.0, 8.0] * 5), np.zeros(10)
    assert not flag_fixes(t, x, y, rules=Rules(max_speed_mps=2.0, error_m=20.0)).values.any()
    assert flag_fixes(t, x, y, rules=Rules(max_speed_mps=2.0)).values.any()


def test_missing_and_imprecise_fixes_are_flagged():
    t, x, y = walk(6)
    x[1], t[2] = np.nan, np.inf
    dop = [1.0, 1.0, 1.0, np.nan, 12.0, 2.0]
    flags = flag_fixes(t, x, y, dop, Rules(max_dop=10))
    assert flags.values.tolist() == [0, Flag.MISSING, Flag.MISSING, 0, Flag.DOP, 0]


def test_most_precise_of_repeated_fixes_is_kept():
    t, x, y = [0.0, 5.0, 5.0, 5.0, 9.0], np.arange(5.0), np.zeros(5)
    first = flag_fixes(t, x, y).values
    assert first.tolist() == [0, 0, Flag.DUPLICATE, Flag.DUPLICATE, 0]
    best = flag_fixes(t, x, y, dop=[1, 5, 2, np.nan, 1]).values
    assert best.tolist() == [0, Flag.DUPLICATE, 0, Flag.DUPLICATE, 0]


def test_order_of_fixes_does_not_matter():
    t, x, y = walk()
    x[20] += 1e6
    y[77] += 4000
    mixed = np.random.default_rng(1).permutation(t.size)
    rules = Rules(far_median_m=100_000, far_mean_m=10_000, spike_speed_mps=0.4, max_speed_mps=5.0)
    straight = flag_fixes(t, x, y, rules=rules)
    shuffled = flag_fixes(t[mixed], x[mixed], y[mixed], rules=rules)
    assert (shuffled.values == straight.values[mixed]).all()
    assert (t[mixed][shuffled.order] == t[straight.order]).all()


def test_what_is_left_makes_a_track():
    t, x, y = walk()
    t[3], x[9] = t[2], np.nan
    flags = flag_fixes(t[::-1], x[::-1], y[::-1])
    track = Track(*(column[::-1][flags.order] for column in (t, x, y)))
    assert len(track) == 298


def test_flags_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        flag_fixes(*walk(5)).values[0] = 1


def test_result_tells_how_it_was_made():
    estimate = flag_fixes(*walk(30), rules=MOOSE).estimate
    assert estimate.parameters["far_mean_m"] == 10_000
    assert (estimate.fixes, estimate.to_time_s) == (30, 29 * HOUR)


@pytest.mark.parametrize("fixes", [1, 2, 3, 4, 20, 21, 22])
def test_few_fixes_are_no_trouble(fixes):
    flags = flag_fixes(*walk(fixes), rules=Rules(1e5, 1e5, 1e4, 1.0, -0.97, 5.0), dop=[1] * fixes)
    assert not flags.values.any()


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    x=st.lists(st.integers(-9, 9), min_size=7, max_size=40),
    width=st.sampled_from([3, 5, 7]),
)
def test_windows_agree_with_the_plain_form(x, width):
    x_m = np.array(x, np.float64)
    y_m = x_m[::-1].copy()
    for kernel, middle in (
        (kernels.median_distance, statistics.median),
        (kernels.mean_distance, statistics.fmean),
    ):
        out_m = np.empty(x_m.size)
        kernel(x_m, y_m, width, out_m)
        plain = [
            np.hypot(
                x_m[i] - middle(oracles.window(x_m, i, width)),
                y_m[i] - middle(oracles.window(y_m, i, width)),
            )
            for i in range(x_m.size)
        ]
        np.testing.assert_allclose(out_m, plain, rtol=1e-12, atol=1e-12)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    fixes=st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 6), st.integers(0, 6)),
        min_size=1,
        max_size=11,
    ),
    error_m=st.sampled_from([0.0, 0.5]),
)
def test_speed_flags_as_few_as_the_plain_form(fixes, error_m):
    gaps, x_m, y_m = np.array(fixes, np.float64).T.copy()
    times_s = np.cumsum(gaps)
    out = np.zeros(times_s.size, np.bool_)
    kernels.unreachable(times_s, x_m, y_m, 1.1, error_m, out)
    longest = oracles.longest_chain(times_s, x_m, y_m, 1.1, error_m)
    assert np.sum(~out) == longest
    left = ~out
    moved_m = np.hypot(np.diff(x_m[left]), np.diff(y_m[left]))
    assert (moved_m <= 1.1 * np.diff(times_s[left]) + error_m).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_dop": 0}, "max_dop is 0, expected a number above 0, or None"),
        ({"far_mean_m": float("nan")}, "far_mean_m is nan"),
        ({"spike_cosine": -2}, "spike_cosine is -2, expected -1..1"),
        ({"error_m": -1.0}, "error_m is -1.0"),
    ],
)
def test_wrong_limit_is_named(arguments, message):
    with pytest.raises(ParameterError, match=message):
        Rules(**arguments)


def test_limit_of_dop_needs_dop():
    with pytest.raises(ParameterError, match="max_dop is 10, expected dop for every fix"):
        flag_fixes(*walk(5), rules=Rules(max_dop=10))


def test_every_fault_of_the_columns_is_named():
    with pytest.raises(TrackError) as caught:
        flag_fixes(["a"], [[1.0]], [1.0, 2.0])
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["times_s", "x_m"]
    with pytest.raises(TrackError, match="lengths differ: times_s 1, x_m 2, y_m 1"):
        flag_fixes([1], [1, 2], [1])
    with pytest.raises(TrackError, match="no fixes"):
        flag_fixes([], [], [])
