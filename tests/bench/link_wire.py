"""The wire and the collar's side of the link: packing, sealing, catching up, torture."""

import csv
import os
import random
import statistics
import subprocess
from pathlib import Path

from analytics.track_file import read_track
from firmware.wire import data, frame
from firmware.wire.fix import Fix
from tests import on_micropython
from tests.bench.rows import row
from tests.firmware.wire import torture

TRACKS = {
    "buffalo": "ctmm_buffalo.csv",
    "coati": "ctmm_coati.csv",
    "leroy": "move_leroy.csv",
    "ibex": "adehabitatLT_ibex.csv",
    "roe deer": "adehabitatLT_capreotf.csv",
    "albatross": "adehabitatLT_albatross.csv",
}
CARRIED = ("time and position", "+ accuracy class", "+ altitude")
BARS = {51: (7.5, 6.5, 5.0), 222: (50.0, 45.0, 35.0)}
STARTS = 40
CLASSES = (2, 3, 3, 3, 4, 4, 5, 6)
ALTITUDE_SD_M = 15.0


def tracks(folder: Path) -> dict[str, list[list[tuple[int, int, int]]]]:
    """Return by species the animals' (time, latitude, longitude) [s, 1e-5 deg]."""
    found = {}
    for species, name in TRACKS.items():
        with (folder / name).open() as file:
            animals = dict.fromkeys(line["individual"].strip() for line in csv.DictReader(file))
        found[species] = [_rounded(folder / name, animal) for animal in animals]
    return found


def _rounded(path: Path, animal: str) -> list[tuple[int, int, int]]:
    track = read_track(path, animal)
    places = zip(track.times_s, track.lat_deg, track.lon_deg, strict=True)
    return [(round(t), round(lat * 1e5), round(lon * 1e5)) for t, lat, lon in places]


def fixes_per_frame(animals: list[list[tuple[int, int, int]]], size: int, carried: int) -> float:
    """Return the mean over frames that begin all along the tracks and do not reach their end."""
    counts = []
    for places in animals:
        dice = random.Random(5)
        fixes = [
            Fix(
                n, *place,
                1500 + round(dice.gauss(0, ALTITUDE_SD_M)) if carried == 2 else None,
                dice.choice(CLASSES) if carried else 15,
                0,
            )
            for n, place in enumerate(places, 1)
        ]  # fmt: skip
        for start in range(0, len(fixes) - 1, max(1, len(fixes) // STARTS)):
            some = fixes[start : start + 600]
            payload, used = data.encode(torture.GENERATION, some, size - frame.OVERHEAD_UPLINK)
            assert data.decode(payload).records == some[:used]
            if used < len(some):
                counts.append(used)
    return statistics.mean(counts)


def packing() -> list[dict]:
    """Fixes per frame, the median over the species, and each species."""
    folder = Path(os.environ.get("CAPRA_REFERENCE_DATA", "../shared/data")) / "tracks"
    by_species = tracks(folder)
    rows = []
    for size, bars in BARS.items():
        for carried, bar in enumerate(bars):
            each = {s: fixes_per_frame(a, size, carried) for s, a in by_species.items()}
            median = statistics.median(each.values())
            given = ", ".join(f"{species} {value:.1f}" for species, value in each.items())
            figure = f"fixes in {size} B, {CARRIED[carried]}"
            rows.append(row(figure, median, "fixes", f">= {bar}", median >= bar, given))
    return rows


_MICROPYTHON = """
import gc, time
from firmware.wire import aes, data, frame
from firmware.wire.fix import Fix
def take():
    seed, lat, lon, fixes = 12345, 4666000, 1020000, []
    for n in range(1, 51):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        lat += (seed >> 8) %% 400 - 200
        lon += (seed >> 16) %% 400 - 200
        fixes.append(Fix(n, 1790000000 + 3600 * n, lat, lon, 1500 + seed %% 30, 2 + seed %% 4, 0))
    return fixes
encrypt = %s(bytes(range(16)))
header = frame.Header(frame.VERSION, frame.DATA, 7, 1)
def work(fixes):
    payload, used = data.encode(257, fixes, 243)
    assert used == 50
    payload = (payload + bytes(210))[:210]
    assert len(frame.seal_frame(encrypt, frame.UPLINK, 1, header, payload)) == 222
leave = %d
gc.collect()
if leave:
    room, ballast = bytearray(leave), None
    try:
        while True:
            ballast = (bytearray(200), ballast)
    except MemoryError:
        room = None
        gc.collect()
fixes = take()
best = 1 << 30
for _ in range(1 if leave else 40):
    gc.collect()
    start = time.ticks_us()
    work(fixes)
    best = min(best, time.ticks_diff(time.ticks_us(), start))
print(best)
"""


def _on_micropython(cipher: str, leave_bytes: int = 0) -> int | None:
    """Return the shortest time [us]; None if `leave_bytes` of heap (0: plenty) are too few."""
    code = _MICROPYTHON % (cipher, leave_bytes)
    done = subprocess.run(
        [on_micropython.interpreter(), "-X", "heapsize=256k", "-c", code],
        cwd=on_micropython.CHECKOUT,
        env={**os.environ, "MICROPYPATH": ".:.frozen"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "MemoryError" not in done.stderr + done.stdout:
        raise RuntimeError(done.stderr or done.stdout)
    return None if done.returncode else int(done.stdout)


def sealing() -> list[dict]:
    """Time and heap of 50 fixes into a frame of 222 bytes, by MicroPython's unix port."""
    given = "50 hourly fixes with altitude and class, MicroPython unix port, best of 40"
    viper = f"{given}; AES by viper, as on the board; by plain tables"
    whole_us, bare_us = (
        _on_micropython("aes.native_cipher"),
        _on_micropython("(lambda key: bytes)"),
    )
    plain_us = _on_micropython("aes.table_cipher")
    assert whole_us is not None and bare_us is not None and plain_us is not None
    few, enough = 0, 64 * 1024
    while enough - few > 256:
        middle = (few + enough) // 2
        fits = _on_micropython("aes.native_cipher", middle) is not None
        few, enough = (few, middle) if fits else (middle, enough)
    return [
        row(
            "encode and seal",
            whole_us / 1000,
            "ms",
            "<= 5",
            whole_us <= 5000,
            f"{viper} {plain_us / 1000:.1f} ms",
        ),
        row("the same without the AES", bare_us / 1000, "ms", "<= 2", bare_us <= 2000, given),
        row("heap of it, fixes included", enough / 1024, "KiB", "<= 16", enough <= 16_384, given),
    ]


def catching_up(seeds: int) -> list[dict]:
    """720 hourly fixes over 30 % loss each way, against the same frames without loss."""
    rows = []
    for bw_hz in (125_000, 250_000):
        free = torture.month(0, 0.0, bw_hz)
        lossy = [torture.month(seed, 0.3, bw_hz) for seed in range(seeds)]
        mean_s = statistics.mean(one.airtime_us for one in lossy) / 1e6
        ratio = mean_s * 1e6 / free.airtime_us
        missing = sum(one.missing for one in lossy)
        name = f"720 fixes, 30 % loss each way, SF7/{bw_hz // 1000}"
        given = (
            f"{seeds} seeds: {mean_s:.2f} s of airtime, {free.airtime_us / 1e6:.2f} s in "
            f"{free.frames} frames without loss, {missing} fixes missing"
        )
        holds = ratio <= 1.6 and not missing
        rows.append(row(name, ratio, "x loss-free", "<= 1.6", holds, given))
    return rows


def hardships(reboots: int, inputs: int, days: int) -> list[dict]:
    """Reboots, hostile bytes, duty cycle."""
    done = torture.reboot(reboots)
    bad = done.nonces_twice + done.replays_accepted + done.valid_refused
    given = f"{done.reboots} reboots at random bytes, {done.frames} frames, each then a replay"
    rows = [row("nonces twice, replays taken, valid frames refused", bad, "", "0", not bad, given)]
    crashes = torture.fuzz(inputs)
    given = f"{inputs} mutated or random inputs for each of 8 parsers"
    rows.append(row("crashes of parsers", crashes, "", "0", not crashes, given))
    wrong = sum(torture.forge(inputs))
    given = f"{inputs} forged frames through the session"
    rows.append(row("forged frames taken or crashing", wrong, "", "0", not wrong, given))
    for name, worst_us, limit_us in (
        ("collar", *torture.greedy_collar(days)),
        ("station", *torture.greedy_station(days)),
    ):
        share, given = worst_us / limit_us, f"{days} days as greedy as the ledger allows, reboots"
        figure = f"most airtime in any hour, {name}"
        rows.append(row(figure, share, "of the limit", "<= 1", worst_us <= limit_us, given))
    return rows


def figures(quick: bool = False) -> list[dict]:
    """All rows; `quick` takes a minute."""
    return [
        *packing(),
        *sealing(),
        *catching_up(50 if quick else 1000),
        *hardships(500 if quick else 10_000, 20_000 if quick else 1_000_000, 2 if quick else 30),
    ]
