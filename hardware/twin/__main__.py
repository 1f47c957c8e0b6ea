"""`python -m hardware.twin`: run collars on the bench and show where the joules went."""

import argparse
import secrets
import sys
import time

from hardware.twin import Air, CollarResult, CollarSpec, TwinError, World
from hardware.twin.scenario import START_UTC_S, STATION, ibexes


def main(arguments: list[str] | None = None) -> int:
    """Run a scenario and print each collar's energy book; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m hardware.twin",
        description="Run the real collar firmware on simulated collars; print their energy books.",
        epilog="example: python -m hardware.twin --days 3 --collars 1 --no-station",
    )
    parser.add_argument("--days", type=float, default=3.0, help="virtual days (default 3)")
    parser.add_argument("--collars", type=int, default=1, help="number of collars (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="random seed (default 1)")
    parser.add_argument("--income", type=float, help="mean income [J/day] (default: collar.toml)")
    parser.add_argument("--start-voltage", type=float, default=3.3, help="[V] (default 3.3)")
    parser.add_argument("--loss", type=float, default=0.0, help="share of frames lost, each way")
    parser.add_argument(
        "--no-station",
        action="store_true",
        help="nobody listens; without it a port is opened and a station is waited for (its keys"
        " are random and not shown, so it will hear the frames but open none)",
    )
    options = parser.parse_args(arguments)
    began_s = time.monotonic()
    try:
        with _world(options) as world:
            if world.bridge is not None:
                print(f"waiting for a station at {world.port}", file=sys.stderr)
            results = world.run(options.days)
            fates = ", ".join(
                f"{name} {count}" for name, count in sorted(world.ether.fates.items())
            )
    except TwinError as error:
        print(error, file=sys.stderr)
        return 1
    for result in results:
        print(book(result, options.days))
    print(f"frames: {fates or 'none'}")
    print(f"{options.days:g} virtual days in {time.monotonic() - began_s:.1f} s")
    return 0


def book(result: CollarResult, days: float) -> str:
    """The energy book of one collar as text: joules and joules per day, largest first."""
    lines = [
        f"collar {result.collar}: {result.wakes} wakes, {result.fixes_taken} fixes,"
        f" {result.failed_fixes} failed, {result.frames_sent} frames,"
        f" {result.acknowledged} acknowledged, {result.brownouts} brown-outs,"
        f" {result.errors} errors {result.last_error}".rstrip(),
        f"  {'':<18}{'J':>11}{'J/day':>11}",
        f"  {'stored at start':<18}{result.joules_start:>11.4f}",
        f"  {'in  generator':<18}{result.joules_in:>+11.4f}{result.joules_in / days:>11.4f}",
    ]
    for name, joules in sorted(result.joules_out.items(), key=lambda entry: -entry[1]):
        lines.append(f"  {'out ' + name:<18}{-joules:>+11.4f}{joules / days:>11.4f}")
    closing = result.joules_start + result.joules_in - sum(result.joules_out.values())
    lines.append(
        f"  {'stored at end':<18}{result.joules_end:>11.4f}   ({result.voltage_v:.3f} V;"
        f" the book is off by {closing - result.joules_end:+.1e} J)"
    )
    return "\n".join(lines)


def _world(options: argparse.Namespace) -> World:
    specs = [
        CollarSpec(
            collar=number,
            key=secrets.token_bytes(16),
            epoch=0,
            animal=animal,
            income_j_per_day=options.income,
            start_v=options.start_voltage,
        )
        for number, animal in enumerate(ibexes(options.seed, options.collars), start=1)
    ]
    air = Air(loss_up=options.loss, loss_down=options.loss)
    return World(options.seed, START_UTC_S, STATION, specs, bridge=not options.no_station, air=air)


if __name__ == "__main__":
    sys.exit(main())
