"""A recorded track through the whole chain, as its user would run it."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import psycopg
import pyproj
import pytest

from analytics.track_file import RecordedTrack, read_track

pytestmark = [pytest.mark.system, pytest.mark.db]

_ROUNDING_M = 1.1  # positions are rounded to 1e-5 degrees
_TRACKS = [("adehabitatLT_ibex.csv", "A153", 5.0), ("ctmm_buffalo.csv", "Gabs", 12.0)]


@pytest.mark.parametrize(("file", "animal", "fixes_per_day"), _TRACKS)
def test_every_fix_of_a_replay_is_stored_once_and_lies_on_the_track(
    reference_data: Path,
    tmp_path: Path,
    database_url: str,
    file: str,
    animal: str,
    fixes_per_day: float,
) -> None:
    path = reference_data / "tracks" / file
    outcome = _replay(path, animal, tmp_path, database_url)
    rows = _fixes(database_url)
    track = read_track(path, animal)
    taken = {
        (fix["generation"], fix["record"])
        for fix in outcome["taken"]
        if fix["kind"] == "fix" and fix["recorded_at_s"] <= track.times_s[-1]
    }

    stored = Counter(row[:2] for row in rows if row[2] <= track.times_s[-1])
    assert stored == Counter(taken)
    days = (track.times_s[-1] - track.times_s[0]) / 86_400
    assert len(rows) > fixes_per_day * days
    away_m = _distances_m(track, np.array([row[2:] for row in rows]))
    assert away_m.max() <= outcome["noise_bound_m"] + _ROUNDING_M


def _replay(path: Path, animal: str, folder: Path, dsn: str) -> dict:
    report = folder / "report.json"
    variables = os.environ | {"CAPRA_DATABASE_URL": dsn, "CAPRA_DATA": str(folder)}
    command = [sys.executable, "-m", "capra", "replay", str(path), "--animal", animal]
    done = subprocess.run(
        [*command, "--no-serve", "--report", str(report)],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (outcome,) = json.loads(report.read_text())
    return outcome


def _fixes(dsn: str) -> list[tuple]:
    query = "select generation, record, extract(epoch from recorded_at)::float8, lat, lon from fix"
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchall()


def _distances_m(track: RecordedTrack, fixes: np.ndarray) -> np.ndarray:
    """How far fixes (time, lat, lon) are from the straight line between the track's points."""
    times_s, lat_deg, lon_deg = fixes.T
    true_lat = np.interp(times_s, track.times_s, track.lat_deg)
    true_lon = np.interp(times_s, track.times_s, track.lon_deg)
    _, _, away_m = pyproj.Geod(ellps="WGS84").inv(true_lon, true_lat, lon_deg, lat_deg)
    return away_m
