"""Trajectory metrics against the R package adehabitatLT 0.3.29.

`as.ltraj(xy, date, id, typeII = TRUE)` and `fpt(ltraj, radii)`; its border between two fixes is
where the distance, taken to change linearly, is the radius.
"""

import json

import numpy as np
import pytest

from analytics.movement import first_passage_time, net_squared_displacement, steps
from tests.analytics.tracks import GOLDEN, stored_track

REAL = [
    ("leroy", "move_leroy.csv", None),
    *((b, "ctmm_buffalo.csv", b) for b in ("Pepper", "Cilla")),
]
QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]


def check_summary(values, figures):
    values = values[np.isfinite(values)]
    scale = np.abs(values).max()
    assert values.size == figures["n"]
    assert values.sum() == pytest.approx(figures["sum"], rel=1e-9, abs=1e-12 * scale * values.size)
    assert np.std(values, ddof=1) == pytest.approx(figures["sd"], rel=1e-9)
    assert (values.min(), values.max()) == pytest.approx(
        (figures["min"], figures["max"]), rel=1e-9
    )


def nan(values):
    return np.array([np.nan if v is None else v for v in values])


@pytest.fixture(scope="module", params=REAL, ids=[r[0] for r in REAL])
def real(request, reference_data):
    name, file, individual = request.param
    results = json.loads((reference_data / "reference/trajectory_metrics.json").read_text())
    figures = next(r for r in results["results"] if r["dataset"] == name)
    return stored_track(reference_data / "tracks" / file, individual), figures


def test_steps_of_real_tracks_are_the_packages(real):
    track, figures = real
    found = steps(track)
    check_summary(found.distance_m, figures["step"])
    check_summary(found.duration_s, figures["dt"])
    check_summary(found.absolute_angle_rad, figures["abs_angle"])
    check_summary(found.turning_angle_rad, figures["rel_angle"])
    turns = found.turning_angle_rad
    assert np.nanmean(np.cos(turns)) == pytest.approx(figures["mean_cos_rel"], rel=1e-9)
    assert np.nanmean(np.sin(turns)) == pytest.approx(figures["mean_sin_rel"], rel=1e-9)
    head = figures["head"]
    np.testing.assert_allclose(turns[:40], nan(head["rel.angle"]), rtol=1e-9)
    np.testing.assert_allclose(found.distance_m[:40], head["dist"], rtol=1e-9)


def test_displacement_of_real_tracks_is_the_packages(real):
    track, figures = real
    squared_m2 = net_squared_displacement(track)
    check_summary(squared_m2, figures["R2n"])
    np.testing.assert_allclose(squared_m2[:40], figures["head"]["R2n"], rtol=1e-9)


def test_first_passage_of_real_tracks_is_the_packages(real):
    track, figures = real
    radii = [f["radius"] for f in figures["fpt"]]
    found = first_passage_time(track, radii, crossing="distance")
    for times_s, figure in zip(found.times_s, figures["fpt"], strict=True):
        assert np.isfinite(times_s).sum() == figure["n"]
        assert np.nanmean(times_s) == pytest.approx(figure["mean_s"], rel=1e-9)
        np.testing.assert_allclose(times_s[:60], nan(figure["head"]), rtol=1e-8)
    np.testing.assert_allclose(found.log_variance, figures["varlogfpt"], rtol=1e-9)


@pytest.mark.parametrize("name", ["ouf_1000", "ouf_irregular_600"])
def test_simulated_tracks_have_the_packages_metrics(name):
    results = json.loads((GOLDEN / "sim_ouf_ranges.json").read_text())["results"]
    figures = next(r for r in results if r["track"] == name)
    track = stored_track(GOLDEN / f"sim_{name}.csv")
    found = steps(track)
    traj = figures["traj"]
    assert found.distance_m.sum() == pytest.approx(traj["sum_dist"], rel=1e-10)
    assert net_squared_displacement(track).mean() == pytest.approx(traj["mean_R2n"], rel=1e-10)
    turns = found.turning_angle_rad
    assert np.isfinite(turns).sum() == traj["n_rel"]
    assert np.nansum(np.abs(turns)) == pytest.approx(traj["sum_abs_rel_angle"], rel=1e-10)
    passages = first_passage_time(track, [500.0, 1000.0, 2000.0], crossing="distance")
    expected = list(figures["fpt_mean_s"].values())
    assert np.nanmean(passages.times_s, axis=1) == pytest.approx(expected, rel=1e-9)


def test_straight_crossing_takes_longer_than_the_packages():
    track = stored_track(GOLDEN / "sim_ouf_1000.csv")
    ours, theirs = (
        np.nanmean(first_passage_time(track, 1000.0, crossing=crossing).times_s)
        for crossing in ("path", "distance")
    )
    assert 1.0 < ours / theirs < 1.02
