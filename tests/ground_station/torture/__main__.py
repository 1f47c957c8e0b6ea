"""Torture the station: `make torture`. Ends with 1 if anything was lost or doubled."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from backend.db import embedded
from backend.db.migrate import migrate
from tests.ground_station.torture import kills, powercut

DURABLE = ("full", "normal")
CARELESS = ("off", "off")


def main() -> int:
    """Run both tortures and print what they found."""
    parser = argparse.ArgumentParser(prog="python -m tests.ground_station.torture")
    parser.add_argument("--kills", type=int, default=1000, metavar="N")
    parser.add_argument("--cuts", type=int, default=1000, metavar="N")
    parser.add_argument("--seed", type=int, default=20261122, metavar="N")
    args = parser.parse_args()
    print(f"seed {args.seed}", flush=True)
    good = _cut(args.cuts, args.seed, DURABLE) == 0
    careless = _cut(min(args.cuts, 100), args.seed, CARELESS)
    if not careless:
        print("the power cuts find nothing with synchronous=OFF: they prove nothing")
    start_s = time.monotonic()
    with embedded.temporary_server() as dsn, tempfile.TemporaryDirectory() as folder:
        migrate(dsn)
        outcome = kills.kill(Path(folder), dsn, args.kills, args.seed)
    fault = outcome.fault()
    print(
        f"{args.kills} kill -9: {len(outcome.sent)} records sent, {fault or '0 lost, 0 twice'} "
        f"({time.monotonic() - start_s:.0f} s)"
    )
    return 0 if good and careless and fault is None else 1


def _cut(number: int, seed: int, modes: tuple[str, str]) -> int:
    start_s, wrong, steps = time.monotonic(), [], 0
    for turn in range(0, number, 100):  # a record of its own for each hundred cuts
        with tempfile.TemporaryDirectory() as folder:
            record = powercut.record(Path(folder), seed + turn, 40, modes)
            wrong += record.cuts(Path(folder), min(100, number - turn), seed + turn)
            steps += len(record.steps)
    print(
        f"{number} power cuts, synchronous={modes[0].upper()}: {len(wrong)} wrong, in {steps} "
        f"steps ({time.monotonic() - start_s:.0f} s)",
        *wrong[:3],
        sep="\n  ",
        flush=True,
    )
    return len(wrong)


if __name__ == "__main__":
    sys.exit(main())
