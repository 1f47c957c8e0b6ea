"""Speed of bridges against plain baselines, the machine's own rates, and R.

`python -m tests.bench.analytics_bridges` prints the figures. Times are CPU seconds of one thread,
baselines and ours in turn, compilation before. The denominator for R is the CPU time recorded in
CAPRA_REFERENCE_DATA.
"""

import json
import math
import os
import statistics
import sys
import time
import tracemalloc
from pathlib import Path

import numba
import numpy as np

from analytics.grid import Grid
from analytics.kernels._exp2 import exp2
from analytics.ranges.bridge_density import even_rule
from analytics.ranges.bridges import brownian_bridge_ud
from analytics.ranges.dynamic_bridge import dynamic_bridge_ud, dynamic_motion_variance
from analytics.track import Track
from tests.bench.rows import row as _row

STEPS = 10
SUPPORT_SD = 5.5
CELL_M = 25.0
GRID = Grid(-250 * CELL_M, -250 * CELL_M, CELL_M, 500, 500)
STEP_S = 600.0
ERROR_M = CELL_M * math.sqrt(0.75)
RATE = CELL_M**2 * 2.5 / STEP_S
"""With this error and rate a hill has a standard deviation of 0.87 cells at a fix, 1 halfway."""

_jit = numba.njit(error_model="numpy", nogil=True)  # no cache: it would miss changes of exp2


@_jit
def plain_density(x_m, y_m, sd_m, weight, x0_m, y0_m, cell_m, support_sd, out):
    """Adds round normal hills to a grid as one would write it first: one exp() per cell."""
    rows, columns = out.shape
    for k in range(x_m.size):
        reach = support_sd * sd_m[k]
        left = max(0, int(np.ceil((x_m[k] - reach - x0_m) / cell_m)))
        right = min(columns, int(np.floor((x_m[k] + reach - x0_m) / cell_m)) + 1)
        bottom = max(0, int(np.ceil((y_m[k] - reach - y0_m) / cell_m)))
        top = min(rows, int(np.floor((y_m[k] + reach - y0_m) / cell_m)) + 1)
        peak, falloff = weight[k] / (2 * np.pi * sd_m[k] ** 2), -0.5 / sd_m[k] ** 2
        for j in range(bottom, top):
            dy = y0_m + j * cell_m - y_m[k]
            for i in range(left, right):
                dx = x0_m + i * cell_m - x_m[k]
                out[j, i] += peak * np.exp(falloff * (dx * dx + dy * dy))


@_jit
def count_work(x_m, y_m, sd_m, x0_m, y0_m, cell_m, support_sd, columns, rows):
    """Returns cells to add to, and exponentials needed for their rows and columns."""
    cells, exponentials = 0, 0
    for k in range(x_m.size):
        reach = support_sd * sd_m[k]
        left = max(0, int(np.ceil((x_m[k] - reach - x0_m) / cell_m)))
        right = min(columns, int(np.floor((x_m[k] + reach - x0_m) / cell_m)) + 1)
        bottom = max(0, int(np.ceil((y_m[k] - reach - y0_m) / cell_m)))
        top = min(rows, int(np.floor((y_m[k] + reach - y0_m) / cell_m)) + 1)
        cells += max(0, right - left) * max(0, top - bottom)
        exponentials += max(0, right - left) + max(0, top - bottom)
    return cells, exponentials


@_jit
def _add_scaled(out, row, factor, times):
    for _ in range(times):
        for i in range(out.size):
            out[i] += factor * row[i]


@_jit
def _exponentials(z, out, times):
    for _ in range(times):
        for i in range(z.size):
            out[i] = exp2(z[i])


@_jit
def _copy(source, out):
    for i in range(source.size):
        out[i] = source[i]


def _cpu_s(*functions, repeats=5):
    """Median CPU seconds of functions run in turn."""
    spent = [[] for _ in functions]
    for function in functions:
        function()
    for _ in range(repeats):
        for times, function in zip(spent, functions, strict=True):
            before = time.process_time()
            function()
            times.append(time.process_time() - before)
    return [statistics.median(times) for times in spent]


def _machine():
    """Returns what runs at the machine's own rates, and how much each does.

    Cells added to in the fastest cache, exponentials, bytes copied. Arrays lie at odd distances:
    at multiples of 4096 bytes loads would wait for unrelated stores.
    """
    memory = np.ones(4096)
    cells, row = memory[:1000], memory[1500:2500]
    z, values = memory[2600:3100], memory[3333:3833]
    z[:] = np.linspace(-20, 0, 500)
    large, copy = np.ones(4_000_000), np.zeros(4_000_000)
    return (
        (lambda: _add_scaled(cells, row, 1e-9, 20_000), 20_000 * cells.size),
        (lambda: _exponentials(z, values, 20_000), 20_000 * z.size),
        (lambda: _copy(large, copy), 2 * large.nbytes),
    )


def moving(fixes, seed=1):
    """A range-resident animal, ten minutes between fixes, in the middle of the grid."""
    rng = np.random.default_rng(seed)
    position, pull = np.zeros((fixes, 2)), math.exp(-1 / 100)
    noise = rng.normal(size=(fixes, 2)) * math.sqrt(1 - pull * pull) * 60 * CELL_M
    _follow(noise, pull, position)
    return Track(STEP_S * np.arange(fixes), position[:, 0], position[:, 1])


@_jit
def _follow(noise, pull, position):
    for i in range(1, noise.shape[0]):
        for k in range(2):
            position[i, k] = pull * position[i - 1, k] + noise[i, k]


def _hills(track):
    """The same hills as the method's, as flat arrays for the plain baseline."""
    part, share = even_rule(STEPS)
    x_m, y_m = (
        (v[:-1, None] + part * np.diff(v)[:, None]).ravel() for v in (track.x_m, track.y_m)
    )
    variance = RATE * STEP_S * part * (1 - part) + ERROR_M**2 * ((1 - part) ** 2 + part**2)
    bridges = len(track) - 1
    return x_m, y_m, np.tile(np.sqrt(variance), bridges), np.tile(share / bridges, bridges)


def _density_rows(fixes):
    track = moving(fixes)
    hills = _hills(track)
    place = (GRID.x0_m, GRID.y0_m, GRID.cell_m, SUPPORT_SD)
    out, found = np.zeros((GRID.rows, GRID.columns)), []

    def ours():
        ud = brownian_bridge_ud(
            track, ERROR_M, RATE, grid=GRID, steps=STEPS, support_sd=SUPPORT_SD
        )
        found.append(ud.density_per_m2)

    def plain():
        out[:] = 0
        plain_density(*hills, *place, out)

    machine = _machine()
    # in turn: other load on the machine then slows all of them alike
    ours_s, plain_s, *machine_s = _cpu_s(
        ours, plain, *(run for run, _ in machine), repeats=9 if fixes <= 100_000 else 3
    )
    cells, exponentials = count_work(*hills[:3], *place, GRID.columns, GRID.rows)
    add_rate, exp_rate, copy_rate = (
        done / spent_s for (_, done), spent_s in zip(machine, machine_s, strict=True)
    )
    floor_s = cells / add_rate + exponentials / exp_rate
    floor_s += (len(track) * 24 + out.nbytes * 2) / copy_rate
    error = np.abs(found[-1] - out).max() / out.max()
    given = f"{fixes:,} fixes, 500 x 500, 10 steps, {cells / hills[0].size:.0f} cells per step"
    name = f"Brownian bridge UD, {fixes:,} fixes"
    ratio, over = plain_s / ours_s, ours_s / floor_s
    return [
        _row(f"{name}: time", 1000 * ours_s, "ms", None, True, given),
        _row(
            f"{name}: floor",
            1000 * floor_s,
            "ms",
            None,
            True,
            f"add {add_rate / 1e9:.1f}, exp {exp_rate / 1e9:.1f}, copy {copy_rate / 1e9:.0f} G/s",
        ),
        _row(f"{name}: plain numba over ours", ratio, "x", ">= 8", ratio >= 8, given),
        _row(f"{name}: ours over floor", over, "x", "<= 3", over <= 3, given),
        _row(f"{name}: error over peak", error, "", "<= 1e-6", error <= 1e-6, given),
    ]


def _dynamic_rows(folder):
    rng = np.random.default_rng(5)
    x_m, y_m = np.cumsum(rng.normal(size=(2, 10_000)) * 50, axis=1)
    track = Track(STEP_S * np.arange(10_000), x_m, y_m)
    grid = Grid.around(track.x_m, track.y_m, np.ptp(track.x_m) / 300, 500.0)
    variance_s, whole_s = _cpu_s(
        lambda: dynamic_motion_variance(track, 20.0),
        lambda: dynamic_bridge_ud(track, 20.0, grid=grid, convention="move"),
    )
    rows = [_row("dBBMM variances and UD: time", whole_s, "s", None, True, "10,000 fixes")]
    if folder:
        stored = json.loads((folder / "reference" / "timing_dbbmm.json").read_text())["results"]
        move = {r["op"].split(" ")[0]: r["t"]["median_cpu_s"] for r in stored if r["n"] == 10_000}
        theirs_s = move["brownian.motion.variance.dyn"]
        for name, ours_s, recorded_s in (
            ("variances", variance_s, theirs_s),
            ("variances and UD", whole_s, theirs_s + move["brownian.bridge.dyn"]),
        ):
            ratio = recorded_s / ours_s
            figure = f"dBBMM {name}: move over ours"
            rows.append(_row(figure, ratio, "x", ">= 200", ratio >= 200, "10,000 fixes"))
    return rows


def _growth_rows():
    def per_fix(fixes):
        track = moving(fixes)

        def run():
            brownian_bridge_ud(track, ERROR_M, RATE, grid=GRID, steps=STEPS)

        return _cpu_s(run, repeats=3)[0] / fixes

    growth = per_fix(1_000_000) / per_fix(10_000)
    track = moving(1_000_000)
    tracemalloc.start()
    brownian_bridge_ud(track, ERROR_M, grid=GRID)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    bytes_per_fix = (peak - 4 * 8 * GRID.rows * GRID.columns) / 1_000_000 + 24
    given = "Brownian bridge UD, 10,000 to 1,000,000 fixes"
    return [
        _row("growth of the time per fix", growth, "x", "<= 1.3", growth <= 1.3, given),
        _row(
            "memory beside grids",
            bytes_per_fix,
            "bytes per fix",
            "<= 200",
            bytes_per_fix <= 200,
            "1,000,000 fixes, likelihood, adaptive, track included",
        ),
    ]


def figures() -> list[dict]:
    """Returns a row per figure: what, how much, the bar, whether it holds, on what."""
    folder = os.environ.get("CAPRA_REFERENCE_DATA")
    rows = _density_rows(100_000) + _density_rows(1_000_000)
    return rows + _dynamic_rows(Path(folder) if folder else None) + _growth_rows()


if __name__ == "__main__":
    from tests.bench.__main__ import main

    sys.exit(main(["analytics", "bridges"]))
