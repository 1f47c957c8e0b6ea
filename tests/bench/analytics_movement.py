"""Speed, growth and memory of movement, cleaning, segmentation and contacts.

`python -m tests.bench.analytics_movement` prints the figures. Peers (extra `bench`) run in the
same process where they are installed; what R took is read from CAPRA_REFERENCE_DATA. One thread
(`OPENBLAS_NUM_THREADS=1`, as the Makefile sets): a waiting second one counts as CPU time.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from analytics import clean, movement
from analytics.contacts import find_contacts
from analytics.migration import classify
from analytics.segmentation import Behaviour, segment, simulate
from analytics.track import Track
from tests.bench.rows import row as _row

MILLION = 1_000_000
MOVINGPANDAS_S = 60.7  # speed, direction and angle of 1e6 fixes, recorded before, one run
HOUR_S, DAY_S = 3600.0, 86400.0
TWO = (Behaviour(30.0, 25.0, 3.0, 0.4), Behaviour(400.0, 250.0, 0.0, 2.0))
STAY = np.array([[0.9, 0.1], [0.15, 0.85]])
RULES = clean.Rules(
    max_dop=10.0,
    far_median_m=100_000.0,
    far_mean_m=10_000.0,
    spike_speed_mps=0.4,
    max_speed_mps=5.0,
)


def _sample(function, calls):
    before = time.process_time()
    for _ in range(calls):
        function()
    return (time.process_time() - before) / calls


def _calls(function):
    """How many calls make a sample of 30 ms, after one that compiles."""
    function()
    return max(1, int(0.03 / max(_sample(function, 1), 1e-7)))


def _seconds(function, repeats=7):
    """Median CPU seconds of a call."""
    calls = _calls(function)
    return statistics.median(_sample(function, calls) for _ in range(repeats))


def _grown(small, large, repeats=7):
    """Median ratio of CPU seconds, and median seconds of `large`; samples taken in turns.

    In turns, so that what else the machine does falls on both.
    """
    few, many = _calls(small), _calls(large)
    pairs = [(_sample(small, few), _sample(large, many)) for _ in range(repeats)]
    return statistics.median(b / a for a, b in pairs), statistics.median(b for _, b in pairs)


def herd_track(fixes: int, seed: int = 1) -> Track:
    """An animal that rests and travels around a home of some 10 km, a fix every hour."""
    walk, _ = simulate(TWO, STAY, fixes - 1, seed=seed)
    keep = np.exp(-np.arange(400) / 60)  # pulled home within days: a moving mean taken off
    home = [np.convolve(axis, keep / keep.sum())[:fixes] for axis in (walk.x_m, walk.y_m)]
    return Track(walk.times_s, walk.x_m - home[0], walk.y_m - home[1])


def _pandas(frame):
    """Speed, heading and turning angle as one would write them with columns."""
    dx, dy, dt = frame.x_m.diff(), frame.y_m.diff(), frame.times_s.diff()
    speed = np.hypot(dx, dy) / dt
    heading = np.arctan2(dy, dx)
    turning = (heading.diff() + np.pi) % (2 * np.pi) - np.pi
    return speed, heading, turning


def _movingpandas_s(fixes):
    """Seconds of the same by movingpandas, on a plane."""
    import movingpandas
    import pandas

    track = herd_track(fixes)
    frame = pandas.DataFrame({"x": track.x_m, "y": track.y_m, "id": 1})
    frame["t"] = pandas.to_datetime(track.times_s, unit="s")

    def run():
        path = movingpandas.Trajectory(frame, 1, t="t", x="x", y="y", crs="EPSG:3857")
        path.add_speed()
        path.add_direction()
        path.add_angular_difference()

    return _seconds(run, repeats=1)


def _against_peers():
    track = herd_track(MILLION)
    ours = _seconds(lambda: movement.steps(track))
    rows = [_row("steps and angles", ours * 1e3, "ms", None, True, "1e6 fixes")]
    if importlib.util.find_spec("pandas"):
        import pandas

        frame = pandas.DataFrame(
            {"times_s": track.times_s, "x_m": track.x_m, "y_m": track.y_m}, copy=True
        )
        ratio = _seconds(lambda: _pandas(frame)) / ours
        given = "1e6 fixes, vectorised pandas beside"
        rows.append(_row("steps: pandas / ours", ratio, "x", ">= 2", ratio >= 2, given))
    ratio = MOVINGPANDAS_S / ours
    given = "1e6 fixes, movingpandas as recorded"
    rows.append(_row("steps: movingpandas / ours", ratio, "x", ">= 1000", ratio >= 1000, given))
    if importlib.util.find_spec("movingpandas"):
        small = herd_track(100_000)
        ratio = _movingpandas_s(100_000) / _seconds(lambda: movement.steps(small))
        given = "1e5 fixes, movingpandas beside"
        rows.append(
            _row("steps: movingpandas / ours", ratio, "x", ">= 1000", ratio >= 1000, given)
        )
    return rows


def _against_r():
    folder = os.environ.get("CAPRA_REFERENCE_DATA")
    if not folder:
        return []
    text = (Path(folder) / "reference" / "timing_fpt.json").read_text()
    recorded = {(r["op"], r["n"]): r["t"]["median_cpu_s"] for r in json.loads(text)["results"]}
    track = herd_track(10_000)
    ours = {
        "as.ltraj": lambda: (movement.steps(track), movement.net_squared_displacement(track)),
        "fpt 3 radii": lambda: movement.first_passage_time(track, [100.0, 300.0, 1000.0]),
    }
    rows = []
    for name, function in ours.items():
        ratio = recorded[name, 10_000] / _seconds(function)
        rows.append(_row(f"{name}: R / ours", ratio, "x", None, True, "1e4 fixes, as recorded"))
    return rows


def _jobs(fixes):
    """Every method whose time should grow with the fixes, ready to run."""
    track = herd_track(fixes)
    other = herd_track(fixes, seed=2)
    columns, dop = (track.times_s, track.x_m, track.y_m), np.full(fixes, 2.0)
    few = {"max_iterations": 5, "starts": 1, "relative_tolerance": -1.0}
    return {
        "steps": lambda: movement.steps(track),
        "net squared displacement": lambda: movement.net_squared_displacement(track),
        "first-passage time": lambda: movement.first_passage_time(track, 1000.0),
        "first-passage time, wide": lambda: movement.first_passage_time(track, 20_000.0),
        "residence time": lambda: movement.residence_time(track, 1000.0, 12 * HOUR_S),
        "daily distance": lambda: movement.daily_distance(track),
        "flags": lambda: clean.flag_fixes(*columns, dop, RULES),
        "segmentation, 5 rounds": lambda: segment(track, 3, **few),
        "contacts": lambda: find_contacts(track, other, 200.0, 60.0),
    }


def _parts(fixes):
    """The growing parts of methods that also do work of a fixed size, which would hide growth."""
    from analytics.hidden_markov import fit, starting_values
    from analytics.kernels.contacts import simultaneous
    from analytics.segmentation import _statistics

    track, other = herd_track(fixes), herd_track(fixes, seed=2)
    statistics_, begins, _ = _statistics(track, HOUR_S, 0.25, 3)
    model = starting_values(statistics_, 3, np.random.default_rng(1))
    return {
        "segmentation, statistics": lambda: _statistics(track, HOUR_S, 0.25, 3),
        "segmentation, one round": lambda: fit(model, statistics_, begins, 1, -1.0),
        "contacts, pairs": lambda: simultaneous(track.times_s, other.times_s, 60.0),
    }


_CAPPED = ("segmentation, 5 rounds", "contacts")  # see `_parts`


def _growth():
    # caches and new pages without arithmetic: what no method that reads and writes can be under
    copied, _ = _grown(*(np.ones((3, n)).copy for n in (10_000, MILLION)))
    given = "time per byte, 24 MB over 240 kB"
    rows = [_row("numpy copy: growth", copied / 100, "x", None, True, given)]
    small, large = (_jobs(n) | _parts(n) for n in (10_000, MILLION))
    for name in small:
        ratio, seconds = _grown(small[name], large[name])
        rows.append(_row(name, seconds, "s", None, True, "1e6 fixes"))
        if name not in _CAPPED:
            growth, given = ratio / 100, "time per fix, 1e6 over 1e4"
            rows.append(_row(f"{name}: growth", growth, "x", "<= 1.3", growth <= 1.3, given))
            if name == "steps":  # writes more than it computes
                given, over = "its growth over that of a copy", ratio / copied
                rows.append(_row("steps: growth beside a copy", over, "x", None, True, given))
    return rows


def _memory():
    rows = []
    for name in _jobs(1000):
        code = f"from tests.bench import analytics_movement as b; print(b.peak_bytes({name!r}))"
        # what is freed goes back at once, so that it does not hide what is taken later
        limits = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            check=True,
            env=os.environ | limits,
        )
        each = float(done.stdout) / MILLION
        given = "peak over what was there, and the track: 1e6 fixes"
        rows.append(_row(f"{name}: memory", each, "B/fix", "<= 200", each <= 200, given))
    return rows


def peak_bytes(name: str) -> int:
    """Bytes by which resident memory rises while a job of 1e6 fixes runs, plus the track."""
    _jobs(1000)[name]()  # compiles
    job = _jobs(MILLION)[name]
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")

    def kilobytes(key):
        lines = status.read_text().splitlines()
        return int(next(line for line in lines if line.startswith(key)).split()[1])

    reset.write_text("5")  # the peak starts anew from here
    before = kilobytes("VmRSS")
    job()
    return 1024 * (kilobytes("VmHWM") - before) + 24 * MILLION


def _segmentation():
    rows = []
    for fixes in (1000, 100_000):
        track, truth = simulate(TWO, STAY, fixes, seed=3)
        seconds = _seconds(lambda track=track: segment(track, 2), 3)
        right = float(np.mean(segment(track, 2).states == truth))
        given = f"{fixes} simulated steps, fit from 8 starts and Viterbi"
        rows.append(_row("segmentation, 2 states", seconds, "s", None, True, given))
        rows.append(_row("segmentation: states right", 100 * right, "%", None, True, given))
    year = herd_track(24 * 365)
    seconds = _seconds(lambda: classify(year), 3)
    rows.append(_row("migration shapes", seconds, "s", None, True, "a year of hourly fixes"))
    return rows


def figures() -> list[dict]:
    """The rows of the table."""
    return _against_peers() + _against_r() + _segmentation() + _growth() + _memory()


if __name__ == "__main__":
    from tests.bench.__main__ import main

    sys.exit(main(["analytics", "movement"]))
