"""Speed and coverage of movement models and autocorrelated kernel density.

`python -m tests.bench.analytics_ctmm` prints the figures, coverage of intervals among them;
`... coverage` the whole study behind `calibrated_interval`, `... coverage 200` that of the
bootstrap, too, which takes an hour. Denominators for R are the CPU seconds recorded in
CAPRA_REFERENCE_DATA.
"""

import json
import os
import statistics
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from analytics.ctmm.bandwidth import optimal
from analytics.ctmm.fit import fit
from analytics.ctmm.model import MovementModel
from analytics.ctmm.simulate import simulate
from analytics.ctmm.variogram import variogram
from analytics.errors import FitError
from analytics.ranges.akde import autocorrelated_ud
from analytics.ranges.akde_bootstrap import bootstrap_areas
from tests.analytics.tracks import stored_track
from tests.bench.rows import row as _row

GOLDEN = Path(__file__).parent.parent / "golden"
REAL = {
    "buffalo_Cilla": ("ctmm_buffalo.csv", "Cilla"),
    "buffalo_Pepper": ("ctmm_buffalo.csv", "Pepper"),
    "coati_Aleja": ("ctmm_coati.csv", "Aleja"),
}
HOUR_S = 3600.0
DAY_S = 86400.0
SIMULATED = MovementModel(6 * DAY_S, HOUR_S, 2e7, 2e7, isotropic=True)
CROSSED_DAILY = MovementModel(DAY_S, 2 * HOUR_S, 2e6, 2e6, isotropic=True)
LONG = MovementModel(DAY_S, 0.0, 4e6, 1e6)
FIXES = MovementModel(0.0, 0.0, 2e6, 2e6, isotropic=True)
STUDY = (  # what to draw from, days of track, hours between fixes
    (CROSSED_DAILY, 14, 2),
    (CROSSED_DAILY, 30, 2),
    (CROSSED_DAILY, 100, 2),
    (CROSSED_DAILY, 400, 2),
    (SIMULATED, 40, 1),
    (SIMULATED, 80, 1),
    (LONG, 25, 6),
    (LONG, 150, 6),
    (FIXES, 40, 24),
    (FIXES, 300, 24),
)
SHORT_STUDY = (STUDY[1], STUDY[4])


def _cpu_s(function, repeats=5):
    """Median CPU seconds; what R's figures are, and what other load disturbs least."""
    function()  # compiles
    spent = []
    for _ in range(repeats):
        before = time.process_time()
        function()
        spent.append(time.process_time() - before)
    return statistics.median(spent)


def figures() -> list[dict]:
    """The rows of the table."""
    rows = []
    folder = os.environ.get("CAPRA_REFERENCE_DATA")
    if folder:
        rows += [_against_ctmm(Path(folder), name) for name in REAL]
        rows.append(_weights(Path(folder)))
    return rows + coverage(study=SHORT_STUDY) + _many_fixes()


def _against_ctmm(folder, name):
    reference = json.loads((folder / "reference" / "ctmm" / f"{name}.json").read_text())
    file, individual = REAL[name]
    track = stored_track(folder / "tracks" / file, individual)
    seconds = _cpu_s(lambda: autocorrelated_ud(track).area_km2())
    timings, first = reference["timings_s"], reference["akde"][0]
    theirs = timings.get("select_cpu", timings["select"]) + first.get("cpu_s", first["elapsed_s"])
    ratio = theirs / seconds
    given = f"{name}, {len(track)} fixes: {seconds * 1e3:.0f} ms, ctmm {theirs:.0f} s"
    return _row("selection + AKDE over ctmm", ratio, "x", ">= 100", ratio >= 100, given)


def _weights(folder):
    timing = json.loads((folder / "reference" / "timing_ctmm.json").read_text())["results"]
    theirs = next(r for r in timing if r["op"] == "akde weights=TRUE")["t"]["median_cpu_s"]
    track = stored_track(GOLDEN / "sim_ouf_1000.csv")
    fitted = fit(track, "OUF", isotropic=True)
    seconds = _cpu_s(lambda: autocorrelated_ud(track, fitted, weights="optimal").area_km2())
    given = f"1000 fixes: {seconds * 1e3:.0f} ms, ctmm {theirs:.0f} s"
    ratio = theirs / seconds
    return _row("AKDE, optimal weights, over ctmm", ratio, "x", ">= 100", ratio >= 100, given)


def _irregular(fixes):
    gaps_s = 60 + np.random.default_rng(1).exponential(1800, fixes)
    return simulate(SIMULATED, np.cumsum(gaps_s), seed=2)


def _many_fixes():
    """CPU seconds that 100,000 fixes take; growth with the fixes is in the room `growth`."""
    track = _irregular(100_000)
    fitted = fit(track, "OUF", isotropic=True)
    works = {
        "optimal weights": lambda: optimal(track.times_s, fitted.model),
        "variogram of all pairs, O(n log n)": lambda: variogram(track),
    }
    rows = []
    for name, work in works.items():
        seconds = _cpu_s(work, repeats=1)
        rows.append(_row(name, seconds, "s", "finishes", True, "100,000 irregular fixes"))
    return rows


def coverage(tracks: int = 200, replicates: int = 0, study=STUDY) -> list[dict]:
    """How often intervals of the 95 % area hold the truth, the model selected for each track.

    A track that no model fits is a miss.

    Args:
        tracks: how many to draw from each model.
        replicates: of `bootstrap_areas`; 0 leaves it out.
        study: models, days of track and hours between fixes.
    """
    rows = []
    for model, days, step_h in study:
        truth, times_s = model.gaussian_area_km2(), np.arange(0, days * DAY_S, step_h * HOUR_S)
        hits = dict.fromkeys(("calibrated", "chi-square", "bootstrap")[: 2 + bool(replicates)], 0)
        sizes = []
        for seed in range(tracks):
            track = simulate(model, times_s, seed=100_000 * (seed + 1))
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of few crossings: they are what is studied
                    found = autocorrelated_ud(track)
                sizes.append(found.area_dof)
                for kind in ("calibrated", "chi-square"):
                    hits[kind] += _holds(found.area_km2(interval=kind), truth)
                if replicates:
                    drawn = bootstrap_areas(track, found, replicates=replicates, seed=seed)
                    hits["bootstrap"] += _holds(drawn[95.0].area_km2, truth)
            except FitError:
                continue
        for kind, held in hits.items():
            share, size = 100 * held / tracks, statistics.median(sizes)
            given = f"{tracks} tracks, {model.name}, {days} days, worth {size:.0f} crossings"
            bar = None if kind == "chi-square" else "90..98"  # as ctmm has it
            name = f"coverage of the 95 % interval, {kind}"
            rows.append(_row(name, share, "%", bar, 90 <= share <= 98, given))
    return rows


def _holds(interval, truth):
    return interval.low <= truth <= interval.high


def _print(rows):
    for row in rows:
        mark = "-  " if not row["bar"] else "ok " if row["holds"] else "OFF"
        print(
            f"{mark} {row['figure']:<48} {row['value']:>9.3g} {row['unit']:<2} "
            f"bar {row['bar'] or '-':<9} {row['input']}",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["coverage"]:
        _print(coverage(replicates=int(sys.argv[2]) if sys.argv[2:] else 0))
    else:
        _print(figures())
