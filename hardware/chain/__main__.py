"""Commands of the chain: `demo` and `replay`."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from analytics.arguments import origin

if TYPE_CHECKING:
    from rich.console import Console

    from hardware.chain.run import Plan

_DATABASE_HELP = (
    "Set CAPRA_DATABASE_URL to use a PostgreSQL server of your own; the run then adds its collars "
    "to that database. Otherwise it makes a database of its own on the embedded server, anew each "
    "time."
)


_WIDTH = 100  # of the output where there is no terminal


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `demo` and `replay` to a command line."""
    demo = subparsers.add_parser(
        "demo",
        help="three ibex on the twin, from the moving animal to the map",
        description="Let three simulated ibex carry collars through the whole chain: twin, "
        "firmware, ground station, database, home ranges, map. " + _DATABASE_HELP,
        epilog="example: capra demo --days 10 --no-serve",
    )
    demo.add_argument("--days", type=_days, default=30.0, help="virtual days (%(default)g)")
    demo.set_defaults(run=_demo)

    replay = subparsers.add_parser(
        "replay",
        help="a collar on the twin follows a recorded track through the same chain",
        description="Let one collar follow an animal of a recorded track through the whole "
        "chain. Reads Movebank event files, and tables with the columns individual, timestamp "
        "(or t_s) and lon, lat (or x_m, y_m in metres). " + _DATABASE_HELP,
        epilog="example: capra replay ibex.csv --animal A153 --origin 46.66,10.20",
    )
    replay.add_argument("track", type=Path, metavar="TRACK.csv")
    replay.add_argument("--animal", required=True, metavar="ID", help="which animal of the file")
    replay.add_argument(
        "--origin",
        type=origin,
        default=(46.66, 10.20),
        metavar="LAT,LON",
        help="where the middle of a track in metres is laid [deg] (46.66,10.20)",
    )
    replay.set_defaults(run=_replay)

    for command in (demo, replay):
        command.add_argument("--seed", type=int, default=1, help="of everything random (1)")
        command.add_argument(
            "--serve",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="serve the map afterwards until Ctrl-C (default: on a terminal, unless SERVE=0)",
        )
        command.add_argument(
            "--port", type=_port, default=0, help="port of the map on loopback (any free one)"
        )
        command.add_argument(
            "--report", type=Path, metavar="FILE", help="also write outcome and logs as JSON"
        )


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days <= 3650:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of days, up to 3650")
    return days


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a port, 0 to 65535")
    return int(text)


def _demo(args: argparse.Namespace) -> int:
    from hardware.chain.plans import demo_plan

    return _run(args, "demo", demo_plan(args.seed, args.days))


def _replay(args: argparse.Namespace) -> int:
    from analytics.track_file import TrackFileError, read_track
    from hardware.chain.plans import replay_plan
    from hardware.chain.run import ChainError

    try:
        track = read_track(args.track, args.animal, args.origin)
        plan = replay_plan(track, args.seed)
    except (TrackFileError, ChainError) as error:
        return _fail(str(error))
    left_out = ", ".join(f"{count} {reason}" for reason, count in track.left_out.items())
    print(f"{track.animal}: {len(track.times_s)} positions; left out: {left_out or 'none'}")
    return _run(args, "replay", plan)


def _run(args: argparse.Namespace, name: str, plan: "Plan") -> int:
    import psycopg
    from rich.console import Console

    from backend.db.embedded import EmbeddedError, data_dir
    from backend.db.errors import BadAddress, DatabaseError, describe
    from backend.serve import CannotListen, listen
    from hardware.chain import report
    from hardware.chain.run import ChainError, run, work_directory
    from hardware.chain.station import StationError
    from hardware.twin.errors import TwinError

    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGHUP, _end)
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    started = time.monotonic()
    try:
        if args.port and _serves(args.serve):
            listen("127.0.0.1", args.port).close()  # now, not after the run
        if args.report:
            args.report.touch()
        with work_directory(data_dir() / name) as directory:
            dsn = _database(console, name)
            with _Progress(console, plan.days) as progress:
                outcomes = run(plan, directory, dsn, progress.say, progress)
    except BadAddress as error:
        return _fail(str(error), 2)
    except (
        ChainError,
        EmbeddedError,
        StationError,
        TwinError,
        DatabaseError,
        CannotListen,
    ) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}")
    except psycopg.Error as error:
        return _fail(f"the database does not answer: {describe(error)}")
    report.print_table(console, outcomes, plan.days)
    own, children = report.peak_memory_mb()
    console.print(
        f"{time.monotonic() - started:.0f} s; peak memory {own:.0f} MB (twin), "
        f"{children:.0f} MB (largest of the processes it started)"
    )
    if args.report:
        report.write_json(args.report, outcomes)
    if faults := [fault for outcome in outcomes for fault in outcome.faults]:
        return _fail(f"{len(faults)} fault{'s' * (len(faults) > 1)}, see above")
    when = "in these days" if plan.to_the_last else "before the last contact"
    console.print(f"every record taken {when} is in the database, once")
    if _serves(args.serve):
        return _serve(dsn, args.port)
    if not os.environ.get("CAPRA_DATABASE_URL"):
        console.print(f"see the map with: .venv/bin/capra serve --name capra_{name}")
        console.print("the embedded PostgreSQL goes on running: .venv/bin/capra database stop")
    return 0


def _end(signal_number: int, _: object) -> None:
    """End in order, so that the station ends too."""
    raise SystemExit(128 + signal_number)


def _database(console: "Console", name: str) -> str:
    """The user's own database, else one of this run's own on the embedded server."""
    import psycopg
    from psycopg import sql

    from backend.db import address, embedded

    if url := os.environ.get("CAPRA_DATABASE_URL"):
        address.check(url)
        console.print("using the database of CAPRA_DATABASE_URL")
        return url
    console.print("starting the embedded PostgreSQL")
    database = f"capra_{name}"
    with psycopg.connect(embedded.start("postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database))
        )
    return embedded.start(database)


class _Progress:
    """Says what is going on: a bar on a terminal, a line now and then elsewhere."""

    def __init__(self, console: "Console", days: float) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = console
        self._days = days
        self._said_day = 0.0
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("day {task.completed:.0f} of {task.total:.0f}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("virtual time", total=days)

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, virtual_s: float) -> None:
        day = virtual_s / 86_400
        self._bar.update(self._task, completed=min(day, self._days))
        if not self._console.is_terminal and day - self._said_day >= self._days / 6:
            self._said_day = day
            decimals = 0 if self._days >= 10 else 1
            self._console.print(f"  day {day:.{decimals}f} of {self._days:.{decimals}f}")

    def say(self, line: str) -> None:
        self._console.print(line)


def _serves(wanted: bool | None) -> bool:
    if wanted is not None:
        return wanted
    return os.environ.get("SERVE", "1") != "0" and sys.stdout.isatty()


def _serve(dsn: str, port: int) -> int:
    from backend.serve import CannotListen, serve, signed_in
    from backend.settings import Settings

    try:
        serve(
            Settings(database_url=dsn),
            port=port,
            ready=lambda url: print(
                f"the map is at {signed_in(dsn, url)} (Ctrl-C ends)", flush=True
            ),
        )
    except CannotListen as error:
        return _fail(str(error))
    except KeyboardInterrupt:  # the way it is meant to end
        pass
    return 0


def _fail(message: str, code: int = 1) -> int:
    print(f"capra: {message.strip()}", file=sys.stderr)
    return code


def main(argv: list[str] | None = None) -> int:
    """Run `python -m hardware.chain`."""
    parser = argparse.ArgumentParser(prog="python -m hardware.chain", description=__doc__)
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    args = parser.parse_args(argv)
    return int(args.run(args))


if __name__ == "__main__":
    sys.exit(main())
