"""The policy on MicroPython's unix port: time of a decision, heap of a wake; random power cuts."""

import os
import subprocess
from concurrent.futures import ProcessPoolExecutor

from firmware import log
from tests.bench.rows import row
from tests.firmware.torture import live
from tests.on_micropython import CHECKOUT, interpreter

# A collar with a history decides; then it wakes on, and at every touch of its memory or a part the
# heap is swept and what is alive is noted. The code itself is frozen on the board; here it is
# compiled before, and the desk around the collar is not counted.
_DEVICE = """
import gc, time
from firmware import block, config, energy, schedule
from tests.firmware.desk import Desk, START_S
desk = Desk().provision()
config.store(desk.memory, config.Settings(send_records=4))
while desk.now_ms < (START_S + %(days)d * 86400) * 1000:
    desk.wake()
def remembered():
    state = block.State()
    state.load(desk.memory)
    return state
state = remembered()
settings, costs = config.load(desk.memory), desk.costs
now_s = desk.now_s()
times = []
for n in range(400):
    seen = schedule.Seen(now_s + n, True, 71000000, 2, now_s - 4000, False, 60000, 0, 0, 0)
    gc.collect()
    begun = time.ticks_us()
    for _ in range(5):
        schedule.decide(state, costs, settings, seen)
    times.append(time.ticks_diff(time.ticks_us(), begun) // 5)
times.sort()
print("DECISION", times[len(times) // 2], times[-len(times) // 20])
top = [0]
def watched(call):
    def looking(*what):
        gc.collect()
        top[0] = max(top[0], gc.mem_alloc())
        return call(*what)
    return looking
desk.hears = False
for owner, names in ((desk.memory, ("read", "write")), (desk, ("ticks_ms", "voltage_uv", "sky"))):
    for name in names:
        setattr(owner, name, watched(getattr(owner, name)))
peaks = {}
for _ in range(%(wakes)d):
    gc.collect()
    before = top[0] = gc.mem_alloc()
    task = desk.wake()
    peaks[task] = max(peaks.get(task, 0), top[0] - before)
print("ALIVE", peaks[0], peaks[1], peaks[2])
"""


def figures(quick: bool = False) -> list[dict]:
    """All of it; with `quick` a fiftieth of the power cuts."""
    said = _on_micropython(3 if quick else 20, 60 if quick else 300)
    typical, slow = said["DECISION"]
    rows = [
        row(
            "one decision on MicroPython",
            typical / 1000,
            "ms",
            "<= 0.5",
            typical <= 500,
            f"unix port, median of 400 x 5; 95 % within {slow / 1000:.2f} ms",
        )
    ]
    looks, fixes, frames = (value / 1024 for value in said["ALIVE"])
    peak = max(looks, fixes, frames)
    rows.append(
        row(
            "peak heap of a whole wake",
            peak,
            "KiB",
            "<= 48",
            peak <= 48,
            f"alive, 64-bit objects; looking {looks:.1f}, fix {fixes:.1f}, frame {frames:.1f}",
        )
    )
    return [*rows, _power_cuts(500 if quick else 25_000)]


def _power_cuts(each: int) -> dict:
    """Four lives with so many cuts each."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        lives = list(pool.map(_cut, range(1, 5), [each] * 4))
    lost, records = (sum(counts) for counts in zip(*lives, strict=True))
    given = f"{4 * each} cuts at random bytes of what wakes write, seeds 1 to 4;"
    given += f" {records} records in rings of {log.SLOTS}"
    figure = "committed records lost or changed by power cuts"
    return row(figure, lost, "", "0", not lost, given)


def _cut(seed: int, cuts: int) -> tuple[int, int]:
    """What a life with so many cuts lost, and how many records it had."""
    life = live(seed, cuts)
    return len(life.lost), life.newest


def _on_micropython(days: int, wakes: int) -> dict[str, list[int]]:
    """Run the measurement there; returns the numbers behind each word."""
    code = _DEVICE % {"days": days, "wakes": wakes}
    done = subprocess.run(
        [str(interpreter()), "-X", "heapsize=1m", "-c", code],
        cwd=CHECKOUT,
        env={"MICROPYPATH": ".:.frozen"},
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    said = [line.split() for line in done.stdout.splitlines()]
    found = {words[0]: [int(word) for word in words[1:]] for words in said if words}
    if "ALIVE" not in found:
        raise RuntimeError(f"MicroPython said {done.stdout!r} {done.stderr!r}")
    return found
