"""What analytics cost before and beside the work: import, compilation, growth, memory.

`python -m tests.bench.analytics_growth` prints the figures: of bridges and of AKDE here, of other
methods in their own rooms. CPU seconds of one thread; memory is that of a process of its own.
"""

import functools
import os
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from analytics.ctmm.bandwidth import optimal
from analytics.ctmm.fit import FittedModel, fit
from analytics.ctmm.model import MovementModel
from analytics.ctmm.simulate import simulate
from analytics.grid import Grid
from analytics.ranges.akde import autocorrelated_ud
from analytics.ranges.biased_bridge import biased_bridge_ud
from analytics.ranges.bridges import brownian_bridge_ud
from analytics.ranges.dynamic_bridge import dynamic_bridge_ud
from analytics.track import Track
from tests.bench.rows import row as _row

FEW, MANY = 10_000, 1_000_000
HOUR_S, DAY_S = 3600.0, 86400.0
MODEL = MovementModel(6 * DAY_S, HOUR_S, 2e7, 2e7, isotropic=True)
GRID = Grid(-25_000.0, -25_000.0, 200.0, 251, 251)
GRIDS_BYTES = 8 * 8 * GRID.rows * GRID.columns
"""What a few grids take, whatever the number of fixes: not counted per fix."""


@functools.cache
def _track(fixes: int) -> Track:
    gaps_s = 60 + np.random.default_rng(1).exponential(600, fixes)
    return simulate(MODEL, np.cumsum(gaps_s), seed=2)


@functools.cache
def _fitted(fixes: int) -> FittedModel:
    return fit(_track(fixes), "OUF", isotropic=True)


def jobs(fixes: int) -> dict:
    """Every method measured here, ready to run."""
    track, error_m = _track(fixes), 150.0
    return {
        "Brownian bridge": lambda: brownian_bridge_ud(track, error_m, grid=GRID),
        "dynamic Brownian bridge": lambda: dynamic_bridge_ud(track, error_m, grid=GRID),
        "biased random bridge": lambda: biased_bridge_ud(track, 150.0, 7200.0, grid=GRID),
        "fit of OUF": lambda: fit(track, "OUF", isotropic=True),
        "AKDE with a fitted model": lambda: autocorrelated_ud(track, _fitted(fixes)),
    }


def _cpu_s(function, repeats):
    function()  # compiles
    spent = []
    for _ in range(repeats):
        before = time.process_time()
        function()
        spent.append(time.process_time() - before)
    return statistics.median(spent)


def _growth():
    small, large = jobs(FEW), jobs(MANY)
    rows = []
    for name in small:
        seconds = _cpu_s(large[name], 1)
        growth = seconds / _cpu_s(small[name], 5) / (MANY / FEW)
        given = f"time per fix, 1e6 over 1e4: {seconds:.2f} s"
        rows.append(_row(f"{name}: growth", growth, "x", "<= 1.3", growth <= 1.3, given))
    models = {fixes: _fitted(fixes).model for fixes in (FEW, 10 * FEW)}
    spent = {
        fixes: _cpu_s(lambda n=fixes, m=model: optimal(_track(n).times_s, m), 1)
        for fixes, model in models.items()
    }
    growth = spent[10 * FEW] / spent[FEW] / 10
    bar = 1.3 * np.log(10 * FEW) / np.log(FEW)
    given = f"time per fix, 1e5 over 1e4: {spent[10 * FEW]:.2f} s; the bar is n log n times 1.3"
    name = "optimal weights: growth"
    return [*rows, _row(name, growth, "x", f"<= {bar:.3g}", growth <= bar, given)]


def _memory():
    rows = []
    for name in jobs(1000):
        code = f"from tests.bench.analytics_growth import peak_bytes; print(peak_bytes({name!r}))"
        each = float(_run(code)) / MANY
        given = "peak over what was there, and the track, without grids: 1e6 fixes"
        rows.append(_row(f"{name}: memory", each, "B/fix", "<= 200", each <= 200, given))
    return rows


def peak_bytes(name: str) -> int:
    """Bytes by which resident memory rises while a job runs, those of grids off, its track on."""
    jobs(1000)[name]()  # compiles
    job = jobs(MANY)[name]
    _fitted(MANY)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    before = _kilobytes("VmRSS")
    job()
    return 1024 * (_kilobytes("VmHWM") - before) - GRIDS_BYTES + 24 * MANY


def _kilobytes(key):
    status = Path("/proc/self/status").read_text()
    return int(next(x for x in status.splitlines() if x.startswith(key)).split()[1])


def _run(code, **environment):
    # what is freed goes back at once, so that it does not hide what is taken later
    limits = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        check=True,
        text=True,
        env=os.environ | limits | environment,
    )
    return done.stdout


def _imports():
    """Importing analytics and its table of methods against what it stands on, in turns."""
    timed = "import time; b = time.process_time(); import {}; print(time.process_time() - b)"
    peers, ours = "numpy, shapely, numba", "analytics, analytics.methods, analytics.study"
    pairs = [[float(_run(timed.format(names))) for names in (ours, peers)] for _ in range(5)]
    ratio = statistics.median(own / other for own, other in pairs)
    compiled = _run(f"import {ours}, sys; print('numba' in sys.modules)").strip()
    given = f"median of 5; numba loaded by it: {compiled}"
    return [_row("import over numpy + shapely + numba", ratio, "x", "<= 1.3", ratio <= 1.3, given)]


def compile_seconds(name: str) -> float:
    """Seconds that a method's first call takes over its second, on 200 fixes."""
    from analytics.methods import METHODS

    options = {
        "bridge": {"error_m": 150.0},
        "dynamic-bridge": {"error_m": 150.0},
        "biased-bridge": {"relocation_sd_m": 150.0, "max_gap_s": 7200.0},
    }.get(name, {})
    spent = []
    for _ in range(2):
        before = time.process_time()
        METHODS[name](_track(200), (95,), **options)
        spent.append(time.process_time() - before)
    return spent[0] - spent[1]


def _compilation():
    """Without the cache; with it, what reading the machine code takes."""
    rows = []
    for name in (
        "mcp",
        "kde",
        "locoh-k",
        "bridge",
        "dynamic-bridge",
        "biased-bridge",
        "etd",
        "akde",
    ):
        code = f"from tests.bench.analytics_growth import *; print(compile_seconds({name!r}))"
        anew, cached = (float(_run(code, CAPRA_JIT_CACHE=on)) for on in ("0", "1"))
        given = f"first call over second; with the cache on disk {cached:.2f} s"
        rows.append(_row(f"{name}: compilation", anew, "s", None, True, given))
    return rows


def figures() -> list[dict]:
    """The rows of the table."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sampling; the work is the same
        return _imports() + _compilation() + _growth() + _memory()


if __name__ == "__main__":
    from tests.bench.__main__ import main

    sys.exit(main(["analytics", "growth"]))
