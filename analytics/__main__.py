"""Commands of the analytics: `home-range` and `corridor`."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from analytics import arguments, corridor_command
from analytics.methods import DEFAULT_METHOD, METHODS, Method
from analytics.progress import console, fail

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from analytics.study import Done, Job
    from analytics.track_file import TrackFile


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `home-range` and `corridor` to a command line."""
    corridor_command.add_to(subparsers)
    command = subparsers.add_parser(
        "home-range",
        help="home ranges from a track file",
        description="Estimate home ranges of the animals of a track file. " + arguments.FORMATS,
        epilog=_methods_help()
        + "\n\nexample: capra home-range TRACK.csv --method akde -o out.geojson --plot out.png",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    arguments.add_input(command)
    command.add_argument(
        "--method",
        action="extend",
        nargs="+",
        choices=tuple(METHODS),
        metavar="METHOD",
        help=f"estimators, see below ({DEFAULT_METHOD})",
    )
    command.add_argument(
        "--levels",
        type=arguments.levels,
        metavar="50,95",
        help="isopleths [percent] (by the method)",
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        type=arguments.setting,
        metavar="NAME=VALUE",
        help="an option of the methods, see below",
    )
    command.add_argument(
        "--uere",
        type=arguments.positive,
        metavar="METRES",
        help="where error_m=file and the file has HDOP: root mean square distance from the truth "
        "of fixes of HDOP 1; in each direction it is 0.71 of that",
    )
    command.add_argument(
        "--max-gap-s",
        type=arguments.positive,
        metavar="SECONDS",
        help="the option max_gap_s: steps that take longer are left out",
    )
    arguments.add_output(command)
    command.add_argument(
        "--raster",
        type=Path,
        metavar="OUT.tif",
        help="write densities as GeoTIFF; of several, OUT.ANIMAL.METHOD.tif",
    )
    command.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT", help="run on this dask.distributed cluster"
    )
    command.add_argument(
        "--workers", type=arguments.whole, metavar="N", help="threads (one per processor)"
    )
    command.add_argument(
        "--resume", type=Path, metavar="DIR", help="keep results there; do only what is missing"
    )
    command.set_defaults(run=_home_range)


def _methods_help() -> str:
    lines = ["methods, and their options for --set:"]
    for each in METHODS.values():
        lines.append(f"  {each.name:17} {each.help}")
        for option in each.options:
            default = "" if option.default is None else f" ({option.default})"
            lines.append(f"  {'':17}   {option.name}: {option.help}{default}")
    return "\n".join(lines)


def _home_range(args: argparse.Namespace) -> int:
    from analytics.errors import AnalyticsError
    from analytics.executor import ExecutorError
    from analytics.track_file import TrackFileError

    try:
        return _estimate(args, console())
    except (AnalyticsError, ExecutorError, TrackFileError) as error:
        return fail(str(error))


def _estimate(args: argparse.Namespace, out: "Console") -> int:
    from analytics import plot
    from analytics.executor import executor
    from analytics.export import check_target, home_range_features, write_features
    from analytics.progress import Progress, say_left_out
    from analytics.store import Store
    from analytics.study import run_study
    from analytics.table import print_table

    file = arguments.read(args)
    jobs = _jobs(args, file)
    geographic = jobs[0].track.projection is not None
    if args.output:
        check_target(args.output, geographic)
    if args.plot:
        plot.check_target(args.plot)
    if args.raster:
        _check_rasters(args.raster, jobs)
    say_left_out(out, file)
    store = Store(args.resume) if args.resume else None
    found: list[Done] = []
    with executor(args.scheduler, args.workers) as runs, Progress(out, len(jobs)) as progress:
        for done in run_study(jobs, runs, store):
            progress.step(_name(done.job))
            found.append(done)
    if kept := sum(done.reused for done in found):
        out.print(f"{kept} of {len(found)} from before, in {args.resume}", highlight=False)
    place = {job: number for number, job in enumerate(jobs)}
    found.sort(key=lambda done: place[done.job])
    good = [done for done in found if done.result]
    if good:
        print_table(out, good)
        if args.output:
            write_features(args.output, home_range_features(good))
        _write_rasters(args.raster, good)
        if args.plot:
            plot.draw(args.plot, good)
    return _say_failures([done for done in found if not done.result], len(found))


def _jobs(args: argparse.Namespace, file: "TrackFile") -> "list[Job]":
    from analytics.errors import TrackError
    from analytics.study import jobs_of

    methods = [METHODS[name] for name in dict.fromkeys(args.method or [DEFAULT_METHOD])]
    settings = dict(args.set)
    if args.max_gap_s is not None:
        settings["max_gap_s"] = args.max_gap_s
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


def _check_rasters(path: Path, jobs: "list[Job]") -> None:
    from analytics.export import ExportError

    if not any(METHODS[job.method].density for job in jobs):
        raise ExportError(f"{path}: none of these methods makes a density")
    if not path.parent.is_dir():
        raise ExportError(f"{path}: there is no folder {path.parent}")


def _write_rasters(path: Path | None, good: "list[Done]") -> None:
    from analytics.export import write_raster

    if path is None:
        return
    dense = [(done.job, done.result.ud) for done in good if done.result and done.result.ud]
    for job, ud in dense:
        name = ".".join(part for part in (job.animal, job.period, job.method) if part)
        plain = "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
        target = path if len(dense) == 1 else path.with_suffix(f".{plain}{path.suffix}")
        write_raster(target, ud)


def _name(job: "Job") -> str:
    return " ".join(part for part in (job.animal, job.period, job.method) if part)


def _say_failures(failed: "list[Done]", all_jobs: int) -> int:
    for done in failed:
        fail(f"{_name(done.job)}: {done.failure}")
    if failed and all_jobs > 1:
        fail(f"{len(failed)} of {all_jobs} home ranges failed, see above")
    return 1 if failed else 0


def main(argv: list[str] | None = None) -> int:
    """Run `python -m analytics`."""
    parser = argparse.ArgumentParser(prog="python -m analytics", description=__doc__)
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    args = parser.parse_args(argv)
    return int(args.run(args))


if __name__ == "__main__":
    sys.exit(main())
