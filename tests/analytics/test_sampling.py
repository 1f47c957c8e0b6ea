"""Sampling that follows movement is told; sampling that does not is left in peace."""

import warnings

import numpy as np
import pytest

from analytics.ctmm.model import MovementModel
from analytics.ctmm.simulate import simulate
from analytics.errors import TriggeredSamplingWarning
from analytics.methods import METHODS
from analytics.sampling import parse_reason, sampling_bias, warn_of_sampling
from analytics.track import Track
from analytics.track_file import read_tracks
from tests.analytics.tracks import cloud

HOUR_S = 3600.0
RESIDENT = MovementModel(3 * 86_400.0, HOUR_S, 1e6, 1e6)


def restless(seed=1, days=20):
    """An animal that rests and moves by turns of two hours, a fix every five minutes; moving."""
    rng = np.random.default_rng(seed)
    free = simulate(RESIDENT, np.arange(0, days * 86_400.0, 300.0), seed=seed)
    moving = np.cumsum(rng.random(len(free)) < 1 / 24) % 2 == 0
    x_m, y_m = (
        np.cumsum(np.where(moving, np.diff(v, prepend=v[0]), 0)) + rng.normal(0, 10, v.size)
        for v in (free.x_m, free.y_m)
    )
    return Track(free.times_s, x_m, y_m), moving


def triggered():
    """The same, as a collar sees it that takes a fix an hour, and every fix while it moves."""
    track, moving = restless()
    return track.select((track.times_s % HOUR_S == 0) | moving)


def test_a_collar_that_wakes_with_its_animal_is_found_out():
    bias = sampling_bias(triggered())
    assert bias.lag_s == pytest.approx(HOUR_S, rel=0.3)
    assert bias.chance > 0.9 and bias.ratio > 5
    assert min(bias.steps, bias.ways) >= 100


def test_a_regular_schedule_of_the_same_animal_is_not():
    track, _ = restless()
    assert sampling_bias(track.select(track.times_s % HOUR_S == 0)) is None


@pytest.mark.parametrize("seed", range(12))
def test_irregular_times_that_know_nothing_of_the_animal_are_not(seed):
    rng = np.random.default_rng(seed)
    every = np.arange(0, 20 * 86_400.0, 600.0)
    times_s = {
        0: np.cumsum(rng.exponential(1800.0, 600)),
        1: np.cumsum(np.where(rng.random(600) < 0.8, 600.0, 7200.0)),
        2: every[(every % 86_400 < 43_200) | (every % 14_400 == 0)],
    }[seed % 3]
    assert sampling_bias(simulate(RESIDENT, times_s, seed=seed)) is None


def test_the_finding_does_not_hang_on_place_direction_or_scale():
    track = triggered()
    turned = Track(track.times_s + 1e6, 3 * track.y_m - 7e5, -3 * track.x_m + 9e5)
    one, other = sampling_bias(track), sampling_bias(turned)
    assert (one.chance, one.ways) == (other.chance, other.ways)
    assert one.ratio == pytest.approx(other.ratio)


def test_a_real_collar_that_slept_with_its_fisher_is_found(reference_data):
    (leroy,) = read_tracks(reference_data / "tracks" / "move_leroy.csv").animals
    assert sampling_bias(leroy.track).ratio > 3


def test_hourly_buffalo_are_not(reference_data):
    herd = read_tracks(reference_data / "tracks" / "ctmm_buffalo.csv").animals
    assert [sampling_bias(one.track) for one in herd] == [None] * 4


def with_reasons(*codes):
    fixes = cloud(fixes=40)
    reason = np.zeros(40, np.uint8)
    reason[: len(codes)] = codes
    return Track(fixes.times_s, fixes.x_m, fixes.y_m, reason=reason)


@pytest.mark.parametrize("name", ["mcp", "kde", "locoh-k"])
def test_every_method_names_triggered_fixes_and_the_remedy(name):
    message = r"movement-triggered sample: 3 of 40 .*\(2 motion, 1 cluster\); use the backbone"
    with pytest.warns(TriggeredSamplingWarning, match=message):
        METHODS[name](with_reasons(2, 2, 3))


def test_first_fixes_and_commanded_ones_are_not_triggered():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_sampling(with_reasons(1, 6, 7))


def test_optimal_weights_are_the_remedy_and_are_not_warned_of():
    with pytest.warns(TriggeredSamplingWarning, match="use akde with weights=optimal"):
        warn_of_sampling(triggered())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a short track
        warnings.simplefilter("error", TriggeredSamplingWarning)
        METHODS["akde"](triggered().select(np.arange(len(triggered())) < 300), weights="optimal")


@pytest.mark.parametrize(
    ("text", "reason"),
    [("0", 0), ("2", 2), ("Motion", 2), ("schedule", 0), ("", None), ("?", None)],
)
def test_reasons_are_numbers_or_words(text, reason):
    assert parse_reason(text) == reason
