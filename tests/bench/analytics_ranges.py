"""Speed, growth and memory of home ranges: polygons, kernel densities, local hulls, ellipses.

`python -m tests.bench.analytics_ranges` prints the figures. Peers run in the same process: scipy,
shapely, plain numpy, and KDEpy where it is installed (extra `bench`); what R took is read from
CAPRA_REFERENCE_DATA. The floor of a kernel density: `_floors_s`.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numba
import numpy as np
import shapely
from scipy.signal import lfilter
from scipy.spatial import ConvexHull
from scipy.stats import gaussian_kde

from analytics.grid import Grid
from analytics.ranges.bandwidth import cross_validate, plug_in_bandwidth, reference_bandwidth
from analytics.ranges.etd import elliptical_ud
from analytics.ranges.kde import kernel_ud
from analytics.ranges.locoh import local_convex_hull, local_hulls
from analytics.ranges.mcp import minimum_convex_polygon
from analytics.track import Track
from tests.bench.rows import row as _row

MILLION = 1_000_000
NODES = 500
ECOSCOPE_S, ECOSCOPE_MB = 8.4, 1660.0  # elliptical time density of 1e5 fixes, recorded before
RECORDED_S = {"kde": 59.769, "locoh": 17.928}  # R's CPU seconds, where its file is not at hand


def _seconds(function, repeats=7):
    """Median CPU seconds of a call after one that compiles."""
    function()
    spent = []
    for _ in range(repeats):
        before = time.process_time()
        function()
        spent.append(time.process_time() - before)
    return statistics.median(spent)


def _at_least(figure, ratio, bar, given):
    return _row(figure, ratio, "x", f">= {bar}", ratio >= bar, given)


def roaming(fixes: int, relaxation: float = 24.0, seed: int = 1) -> Track:
    """An Ornstein-Uhlenbeck walk of 1 km around the origin, a fix every hour."""
    stays = np.exp(-1 / relaxation)
    noise = np.random.default_rng(seed).normal(size=(2, fixes)) * 1000
    noise[:, 1:] *= np.sqrt(1 - stays**2)
    return Track(3600.0 * np.arange(fixes), *lfilter([1.0], [1.0, -stays], noise))


def square(track: Track, margin_m: float) -> Grid:
    """500 x 500 nodes around a track."""
    low = min(track.x_m.min(), track.y_m.min()) - margin_m
    high = max(track.x_m.max(), track.y_m.max()) + margin_m
    return Grid(float(low), float(low), float(high - low) / (NODES - 1), NODES, NODES)


def _recorded_s(name, operation, fixes):
    folder = os.environ.get("CAPRA_REFERENCE_DATA")
    if not folder:
        return RECORDED_S[name]
    rows = json.loads((Path(folder) / "reference" / f"timing_{name}.json").read_text())["results"]
    return next(
        r["t"]["median_cpu_s"] for r in rows if r["n"] == fixes and r["op"].startswith(operation)
    )


@numba.njit(error_model="numpy", nogil=True)
def _add_here_and_there(out, at, part):
    """Adds each part at its own place: what no vector instruction does."""
    for k in range(at.size):
        out[at[k]] += part[k]


def _floors_s(fixes, taps):
    """Seconds that a binned density takes at the machine's own rates: two readings of them.

    Fixes are read once, and each is added at four places; the sums of the smoothing, `taps` per
    node and direction, are multiply-adds; the grid is written and read three times. The rate of
    multiply-adds is the fastest there is: that of a product of matrices which fit a cache. The
    rate of additions is that of single ones to places in the fastest cache, none waiting for
    another; in the second reading, which nothing can reach, they run like the products.
    """
    block = np.ones(8 * MILLION)
    other = np.empty_like(block)
    bytes_per_s = 2 * block.nbytes / _seconds(lambda: np.copyto(other, block))
    side = 256
    matrix, product = np.ones((side, side)), np.empty((side, side))
    products_per_s = side**3 / _seconds(lambda: np.matmul(matrix, matrix, out=product), 50)
    at = np.tile(np.random.default_rng(1).permutation(1024).astype(np.uint32), 1024)
    part, cache = np.ones(at.size), np.zeros(1024)
    adds_per_s = at.size / _seconds(lambda: _add_here_and_there(cache, at, part), 15)
    moved_s = (16 * fixes + 6 * 8 * NODES**2) / bytes_per_s
    smoothed_s = 2 * taps * NODES**2 / products_per_s
    return [moved_s + smoothed_s + 4 * fixes / rate for rate in (adds_per_s, products_per_s)]


def _numpy_binned(x, y, grid, bandwidth_m):
    """Linear binning and a Fourier transform, as one would write them with arrays."""
    u, v = (x - grid.x0_m) / grid.cell_m, (y - grid.y0_m) / grid.cell_m
    i, j = u.astype(np.int64), v.astype(np.int64)
    right, up = u - i, v - j
    counts = np.zeros(NODES * NODES)
    for step_y, part_y in ((0, 1 - up), (1, up)):
        for step_x, part_x in ((0, 1 - right), (1, right)):
            at = (j + step_y) * NODES + i + step_x
            counts += np.bincount(at, part_x * part_y, NODES * NODES)
    size = 2 * NODES
    waves = 2 * np.pi * np.fft.fftfreq(size, grid.cell_m)
    damped = np.exp(-0.5 * (bandwidth_m * waves) ** 2)
    spectrum = np.fft.rfft2(counts.reshape(NODES, NODES), (size, size))
    spectrum *= damped[:, None] * damped[: size // 2 + 1]
    return np.fft.irfft2(spectrum)[:NODES, :NODES] / (x.size * grid.cell_m**2)


def _kernel_density():
    track = roaming(MILLION)
    x, y = track.x_m, track.y_m
    h_m = reference_bandwidth(x, y)
    grid = square(track, 3 * h_m)
    given = f"1e6 fixes, 500 x 500, bandwidth {h_m / grid.cell_m:.1f} cells"
    ours = _seconds(lambda: kernel_ud(track, grid=grid, mode="binned"), 15)
    exact = kernel_ud(track, grid=grid).density_per_m2
    binned = kernel_ud(track, grid=grid, mode="binned").density_per_m2
    error = np.abs(binned - exact).max() / exact.max()
    rows = [_row("kernel density", ours * 1e3, "ms", None, True, given)]
    if importlib.util.find_spec("KDEpy"):
        from KDEpy import FFTKDE

        points = np.column_stack((x, y))
        peer = _seconds(lambda: FFTKDE(bw=h_m).fit(points).evaluate((NODES, NODES)), 3)
        rows.append(_at_least("kernel density: KDEpy / ours", peer / ours, 8, given))
    peer = _seconds(lambda: _numpy_binned(x, y, grid, h_m), 3)
    rows.append(_at_least("kernel density: numpy FFT / ours", peer / ours, 3, given))
    floor_s, lowest_s = _floors_s(MILLION, 11 * h_m / grid.cell_m)
    ratio = ours / floor_s
    floors = f"{given}; floor {1e3 * floor_s:.2f} ms"
    rows.append(_row("kernel density: ours / floor", ratio, "x", "<= 2.5", ratio <= 2.5, floors))
    name = "kernel density: ours / floor, scattered additions as fast as products"
    rows.append(_row(name, ours / lowest_s, "x", None, True, f"floor {1e3 * lowest_s:.2f} ms"))
    rows.append(_row("kernel density: error", error, "peak", "<= 3e-4", error <= 3e-4, given))
    every = _seconds(lambda: kernel_ud(track, grid=grid), 3)
    rows.append(_row("kernel density, exact", every * 1e3, "ms", None, True, given))
    return rows


def _exact_density():
    track = roaming(10_000)
    h_m = reference_bandwidth(track.x_m, track.y_m)
    grid = square(track, 3 * h_m)
    ours = _seconds(lambda: kernel_ud(track, grid=grid))
    points = np.stack((track.x_m, track.y_m))
    peer = gaussian_kde(points, bw_method=1.0)
    some = 20  # rows of nodes: time grows with nodes
    nodes = np.stack([v.ravel() for v in np.meshgrid(grid.x_m, grid.y_m[:some])])
    before = time.process_time()
    peer(nodes)
    scipys = (time.process_time() - before) * NODES / some
    given = "1e4 fixes, 500 x 500, scipy from 20 rows of nodes"
    return [
        _row("kernel density, exact", ours * 1e3, "ms", None, True, given),
        _at_least("kernel density, exact: scipy / ours", scipys / ours, 500, given),
    ]


def _bandwidths():
    track = roaming(10_000)
    grid = Grid.around(track.x_m, track.y_m, float(np.ptp(track.x_m)) / 100, 2000.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the walk is sampled densely: no minimum
        lscv = _seconds(lambda: kernel_ud(track, bandwidth="lscv", cell_m=grid.cell_m / 4))
    plug_in = _seconds(lambda: plug_in_bandwidth(track.x_m, track.y_m))
    recorded = _recorded_s("kde", "kernelUD LSCV", 10_000)
    given = "1e4 fixes, R as recorded"
    return [
        _row("LSCV and density", lscv * 1e3, "ms", None, True, given),
        _at_least("LSCV: adehabitatHR / ours", recorded / lscv, 500, given),
        _row("plug-in bandwidth", plug_in * 1e3, "ms", None, True, "1e4 fixes"),
    ]


def _local_hulls():
    track = roaming(1000)
    levels = _seconds(lambda: local_convex_hull(track, k=15, levels_percent=(50, 95, 100)))
    rows = _seconds(lambda: local_hulls(track, k=15).union_areas_m2())
    recorded = _recorded_s("locoh", "LoCoH.k k=15", 1000)
    many_s, many_mb = _alone("local hulls, 1e5")
    given = "k = 15, 1e5 fixes, levels 50 and 95, whole process"
    return [
        _row("k-LoCoH, polygons", levels * 1e3, "ms", None, True, "1e3 fixes, three levels"),
        _at_least("k-LoCoH, polygons: adehabitatHR / ours", recorded / levels, 200, "1e3 fixes"),
        _row("k-LoCoH, every row", rows * 1e3, "ms", None, True, "1e3 fixes, all unions' areas"),
        _at_least("k-LoCoH, every row: adehabitatHR / ours", recorded / rows, 200, "1e3 fixes"),
        _row("k-LoCoH", many_s, "s", "finishes", True, given),
        _row("k-LoCoH: memory", many_mb, "MB", "<= 1000", many_mb <= 1000, given),
    ]


def ecoscopes(fixes: int) -> tuple[Track, Grid]:
    """A walk and a grid on which the highest speed covers 18 cells in a step.

    Ecoscope's recorded memory tells of 11: about 400 nodes within reach of each fix.
    """
    track = roaming(fixes, relaxation=850.0)
    return track, square(track, 200.0)


def _ellipses():
    track, grid = ecoscopes(100_000)
    ud = elliptical_ud(track, grid=grid)
    reach = ud.estimate.parameters["highest_mps"] * 3600 / grid.cell_m
    ours = _seconds(lambda: elliptical_ud(track, grid=grid))
    given = f"1e5 fixes, 500 x 500, {reach:.0f} cells a step, ecoscope as recorded"
    _, megabytes = _alone("ellipses, 1e5")
    wide, wide_grid = roaming(100_000), square(roaming(100_000), 500.0)
    wide_s = _seconds(lambda: elliptical_ud(wide, grid=wide_grid), 3)
    share = ECOSCOPE_MB / 5
    return [
        _row("elliptical time density", ours * 1e3, "ms", None, True, given),
        _at_least("elliptical time density: ecoscope / ours", ECOSCOPE_S / ours, 20, given),
        _row(
            "elliptical time density: memory",
            megabytes,
            "MB",
            f"<= {share:.0f}",
            megabytes <= share,
            "whole process",
        ),
        _row("elliptical time density", wide_s, "s", None, True, "1e5 fixes, ~65 cells a step"),
    ]


def _polygons():
    track = roaming(MILLION)
    points = np.column_stack((track.x_m, track.y_m))
    ours = _seconds(lambda: minimum_convex_polygon(track, [100]), 15)
    scipys = _seconds(lambda: ConvexHull(points), 5)
    shapelys = _seconds(lambda: shapely.MultiPoint(points).convex_hull, 3)
    given = "1e6 fixes"
    return [
        _row("MCP 100 %", ours * 1e3, "ms", None, True, given),
        _at_least("MCP: scipy / ours", scipys / ours, 2.5, given),
        _at_least("MCP: shapely / ours", shapelys / ours, 9, given),
    ]


def _jobs(fixes):
    """Every method whose time should grow with the fixes, ready to run."""
    track = roaming(fixes)
    grid = Grid(-6000.0, -6000.0, 24.0, NODES, NODES)
    x, y = track.x_m, track.y_m
    return {
        "MCP 100 %": lambda: minimum_convex_polygon(track, [100]),
        "MCP 95 %": lambda: minimum_convex_polygon(track, [95]),
        "reference bandwidth": lambda: reference_bandwidth(x, y),
        "LSCV": lambda: cross_validate(x, y),
        "plug-in": lambda: plug_in_bandwidth(x, y),
        "kernel density, binned": lambda: kernel_ud(track, grid=grid, mode="binned"),
        "kernel density, exact": lambda: kernel_ud(track, grid=grid),
        "Epanechnikov": lambda: kernel_ud(track, 200.0, grid=grid, kernel="epanechnikov"),
        "elliptical time density": lambda: elliptical_ud(track, cell_m=100.0),
    }


def _growth():
    times = {n: {k: _seconds(f, 3) for k, f in _jobs(n).items()} for n in (10_000, MILLION)}
    rows = []
    for name, small in times[10_000].items():
        large = times[MILLION][name]
        rows.append(_row(name, large, "s", None, True, "1e6 fixes"))
        growth = large / small / 100
        given = "time per fix, 1e6 over 1e4"
        rows.append(_row(f"{name}: growth", growth, "x", "<= 1.3", growth <= 1.3, given))
    return rows


def _memory():
    rows = []
    for name in _jobs(1000):
        code = f"from tests.bench.analytics_ranges import peak_bytes; print(peak_bytes({name!r}))"
        each = float(_run(code)) / MILLION
        given = "peak over what was there, and the track: 1e6 fixes"
        rows.append(_row(f"{name}: memory", each, "B/fix", "<= 200", each <= 200, given))
    return rows


def peak_bytes(name: str) -> int:
    """Bytes by which resident memory rises at most while a job runs, and those of its track."""
    _jobs(1000)[name]()  # compiles
    job = _jobs(MILLION)[name]
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    before = _kilobytes("VmRSS")
    job()
    return 1024 * (_kilobytes("VmHWM") - before) + 24 * MILLION


def _kilobytes(key):
    status = Path("/proc/self/status").read_text()
    return int(next(x for x in status.splitlines() if x.startswith(key)).split()[1])


def run_alone(name: str) -> None:
    """Prints the seconds and the megabytes of a process that does one job of 1e5 fixes."""
    if name.startswith("local"):
        track = roaming(100_000)
        local_convex_hull(roaming(1000), k=15)  # compiles
        job = lambda: local_convex_hull(track, k=15)  # noqa: E731
    else:
        track, grid = ecoscopes(100_000)
        job = lambda: elliptical_ud(track, grid=grid)  # noqa: E731
    before = time.process_time()
    job()
    print(time.process_time() - before, _kilobytes("VmHWM") / 1000)


def _alone(name):
    """Seconds and megabytes of a job in a process of its own."""
    code = f"from tests.bench.analytics_ranges import run_alone; run_alone({name!r})"
    seconds, megabytes = _run(code).split()
    return float(seconds), float(megabytes)


def _run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return done.stdout


def figures() -> list[dict]:
    """All rows, peers measured beside ours."""
    parts = (
        _kernel_density,
        _exact_density,
        _bandwidths,
        _local_hulls,
        _ellipses,
        _polygons,
        _growth,
        _memory,
    )
    return [row for part in parts for row in part()]


if __name__ == "__main__":
    from rich.console import Console

    from tests.bench.__main__ import print_rows

    print_rows(Console(width=160), "ranges", figures())
