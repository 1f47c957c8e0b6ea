"""Commands of the analytics: `home-range`."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from analytics.methods import METHODS, Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from analytics.study import Done, Job
    from analytics.track_file import TrackFile

_FORMATS = (
    "Reads Movebank event files, and tables with the columns individual, timestamp (or t_s) and "
    "lon, lat (or x_m, y_m in metres). Needs no database."
)


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `home-range` to a command line."""
    command = subparsers.add_parser(
        "home-range",
        help="home ranges from a track file",
        description="Estimate home ranges of the animals of a track file. " + _FORMATS,
        epilog=_methods_help()
        + "\n\nexample: capra home-range TRACK.csv --method akde -o out.geojson --plot out.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("track", type=Path, metavar="TRACK.csv")
    _add_input(command)
    command.add_argument(
        "--method",
        action="extend",
        nargs="+",
        choices=tuple(METHODS),
        metavar="METHOD",
        help="estimators, see below (akde)",
    )
    command.add_argument(
        "--levels", type=_levels, metavar="50,95", help="isopleths [percent] (by the method)"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        type=_setting,
        metavar="NAME=VALUE",
        help="an option of the methods, see below",
    )
    command.add_argument(
        "--uere",
        type=_positive,
        metavar="METRES",
        help="location error per unit of HDOP, where error_m=file and the file has HDOP",
    )
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write .geojson or .parquet"
    )
    command.add_argument("--plot", type=Path, metavar="FILE", help="draw .png, .svg or .pdf")
    command.add_argument(
        "--raster",
        type=Path,
        metavar="OUT.tif",
        help="write densities as GeoTIFF; of several, OUT.ANIMAL.METHOD.tif",
    )
    command.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT", help="run on this dask.distributed cluster"
    )
    command.add_argument("--workers", type=_whole, metavar="N", help="threads (one per processor)")
    command.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep results there; do only what is missing"
    )
    command.set_defaults(run=_home_range)


def _add_input(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--animal", action="extend", nargs="+", metavar="ID", help="which of them (all)"
    )
    command.add_argument(
        "--origin",
        type=_origin,
        metavar="LAT,LON",
        help="where the middle of tracks in metres lies [deg] (nowhere)",
    )
    command.add_argument(
        "--from", dest="from_s", type=_time, metavar="TIME", help="fixes from, UTC"
    )
    command.add_argument("--to", dest="to_s", type=_time, metavar="TIME", help="fixes before, UTC")
    command.add_argument(
        "--by",
        choices=("all", "year", "month"),
        default="all",
        help="a range for each (%(default)s)",
    )


def _methods_help() -> str:
    lines = ["methods, and their options for --set:"]
    for each in METHODS.values():
        lines.append(f"  {each.name:17} {each.help}")
        for option in each.options:
            default = "" if option.default is None else f" ({option.default})"
            lines.append(f"  {'':17}   {option.name}: {option.help}{default}")
    return "\n".join(lines)


def _levels(text: str) -> tuple[float, ...]:
    try:
        levels = tuple(float(part) for part in text.split(","))
    except ValueError:
        levels = ()
    if not levels or not all(0 < level <= 100 for level in levels):
        raise argparse.ArgumentTypeError(f"{text!r}: expected percentages such as 50,95")
    return tuple(sorted(set(levels)))


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=VALUE")
    return name.strip(), value.strip()


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return value


def _whole(text: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number above 0")
    return int(text)


def _origin(text: str) -> tuple[float, float]:
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected LAT,LON such as 46.66,10.20"
        ) from None
    if not (-90 < latitude < 90 and -180 <= longitude <= 180):
        raise argparse.ArgumentTypeError(f"{text!r}: expected degrees within -90..90,-180..180")
    return latitude, longitude


def _time(text: str) -> float:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        expected = "expected a time such as 2026-06-01 or 2026-06-01T06:00:00Z"
        raise argparse.ArgumentTypeError(f"{text!r}: {expected}") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _home_range(args: argparse.Namespace) -> int:
    from rich.console import Console

    from analytics.errors import AnalyticsError
    from analytics.executor import ExecutorError
    from analytics.track_file import TrackFileError

    # nothing to cut lines at where nobody looks through a window
    console = Console(width=None if sys.stdout.isatty() else 240, soft_wrap=True)
    try:
        return _estimate(args, console)
    except (AnalyticsError, ExecutorError, TrackFileError) as error:
        return _fail(str(error))


def _estimate(args: argparse.Namespace, console: "Console") -> int:
    from analytics import plot
    from analytics.executor import executor
    from analytics.export import check_target, write_home_ranges
    from analytics.progress import Progress
    from analytics.store import Store
    from analytics.study import run_study
    from analytics.table import print_table
    from analytics.track_file import read_tracks

    file = read_tracks(args.track, args.animal or (), args.origin)
    jobs = _jobs(args, file)
    geographic = jobs[0].track.projection is not None
    if args.output:
        check_target(args.output, geographic)
    if args.plot:
        plot.check_target(args.plot)
    _say_left_out(console, file)
    store = Store(args.resume) if args.resume else None
    found: list[Done] = []
    with executor(args.scheduler, args.workers) as runs, Progress(console, len(jobs)) as progress:
        for done in run_study(jobs, runs, store):
            progress.step(_name(done.job))
            found.append(done)
    place = {job: number for number, job in enumerate(jobs)}
    found.sort(key=lambda done: place[done.job])
    good = [done for done in found if done.result]
    if good:
        print_table(console, good)
        if args.output:
            write_home_ranges(args.output, good)
        _write_rasters(args.raster, good)
        if args.plot:
            plot.draw(args.plot, good)
    return _say_failures([done for done in found if not done.result], len(found))


def _jobs(args: argparse.Namespace, file: "TrackFile") -> "list[Job]":
    from analytics.errors import TrackError
    from analytics.study import jobs_of

    methods = [METHODS[name] for name in dict.fromkeys(args.method or ["akde"])]
    settings = dict(args.set)
    _check_settings(methods, settings)
    jobs = []
    for each in methods:
        known = {option.name for option in each.options}
        options = {name: value for name, value in settings.items() if name in known}
        each.complete(options)
        for animal in file.animals:
            jobs += jobs_of(
                animal,
                each,
                options,
                levels_percent=args.levels,
                from_s=args.from_s,
                to_s=args.to_s,
                by=args.by,
                uere_m=args.uere,
                keep_ud=args.raster is not None,
            )
    if not jobs:
        raise TrackError([f"{args.track}: no fixes between --from and --to"])
    return sorted(jobs, key=lambda job: (job.animal, job.period))


def _check_settings(methods: "Sequence[Method]", settings: dict[str, str]) -> None:
    from analytics.errors import ParameterError

    known = {option.name for each in methods for option in each.options}
    for name, value in settings.items():
        if name not in known:
            which = ", ".join(each.name for each in methods)
            expected = ", ".join(sorted(known)) or "no options"
            raise ParameterError(name, value, f"for {which}: {expected}")


def _say_left_out(console: "Console", file: "TrackFile") -> None:
    for animal in file.animals:
        if animal.left_out:
            reasons = ", ".join(f"{count} {reason}" for reason, count in animal.left_out.items())
            console.print(f"{animal.animal}: left out: {reasons}", highlight=False, markup=False)
    for name, reason in file.refused.items():
        console.print(f"{name}: not used: {reason}", highlight=False, markup=False)


def _write_rasters(path: Path | None, good: "list[Done]") -> None:
    from analytics.errors import AnalyticsError
    from analytics.export import write_raster

    if path is None:
        return
    dense = [(done.job, done.result.ud) for done in good if done.result and done.result.ud]
    if not dense:
        raise AnalyticsError(f"{path}: none of these methods makes a density")
    for job, ud in dense:
        parts = [job.animal, job.period, job.method]
        plain = "".join(
            c if c.isalnum() or c in "-_." else "_"
            for c in ".".join(part for part in parts if part)
        )
        target = path if len(dense) == 1 else path.with_suffix(f".{plain}{path.suffix}")
        write_raster(target, ud)


def _name(job: "Job") -> str:
    return " ".join(part for part in (job.animal, job.period, job.method) if part)


def _say_failures(failed: "list[Done]", all_jobs: int) -> int:
    for done in failed:
        _fail(f"{_name(done.job)}: {done.failure}")
    if failed and all_jobs > 1:
        _fail(f"{len(failed)} of {all_jobs} home ranges failed, see above")
    return 1 if failed else 0


def _fail(message: str) -> int:
    print(f"capra: {message.strip()}", file=sys.stderr)
    return 1


def main(argv: list[str] | None = None) -> int:
    """Run `python -m analytics`."""
    parser = argparse.ArgumentParser(prog="python -m analytics", description=__doc__)
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    args = parser.parse_args(argv)
    return int(args.run(args))


if __name__ == "__main__":
    sys.exit(main())
