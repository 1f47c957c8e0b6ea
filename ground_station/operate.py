"""The operator's commands beside `run`, `status` and `keys`."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

_Subparsers = argparse._SubParsersAction  # argparse has no public name for it

_EPILOGS = {
    "config": """example:
  capra station config > station.toml""",
    "doctor": """example:
  capra station doctor --config station.toml""",
    "replay": """example:
  capra station replay frames.jsonl --keys keys.json --spool spool.sqlite

Frames that the spool holds already are refused as replayed; nothing is sent.""",
    "export": """example:
  capra station export /media/stick/hut.sqlite --spool spool.sqlite

The frames stay sealed: without the key file nobody can read them.""",
    "import": """example:
  capra station import /media/stick/hut.sqlite --spool spool.sqlite

The station of this spool must not run. Importing the same file twice changes nothing.""",
    "order": """example:
  capra station order 17 locate --spool spool.sqlite
  capra station order 17 set fix_interval_min_s=3600 --spool spool.sqlite

Orders: locate; mortality-clear; set NAME=VALUE ...; send-again FIRST LAST; hibernate SECONDS;
arm, which prints a number; fire NUMBER, within a day; next-epoch EPOCH. The running station sends
it in the collar's next window, again until the collar has said what became of it.""",
    "backup": """example:
  capra station backup /backup/hut-2026-06-01 --spool spool.sqlite --keys keys.json

The station may run meanwhile. The folder holds the keys: keep it as well as the key file.""",
    "restore": """example:
  capra station restore /backup/hut-2026-06-01 --spool spool.sqlite --keys keys.json

What was heard after the backup is not in it: collars that greet the station are asked again.""",
}


def add_commands(subparsers: "_Subparsers[argparse.ArgumentParser]") -> None:
    """Add the commands to a command line."""
    _add(subparsers, "config", "print a configuration file with every key", _config)
    doctor = _add(subparsers, "doctor", "look for whatever keeps a station from working", _doctor)
    doctor.add_argument("--config", required=True, type=Path, metavar="FILE")
    replay = _add(subparsers, "replay", "hear recorded frames again, as if by a radio", _replay)
    replay.add_argument("file", type=Path, metavar="FILE", help="receptions, one JSON a line")
    replay.add_argument("--config", type=Path, metavar="FILE", help="instead of what follows")
    replay.add_argument("--station", metavar="NAME", help="who is said to have heard them")
    replay.add_argument("--database", metavar="URL", help="as for `run`")
    replay.add_argument("--no-load", dest="load", action="store_const", const=False)
    backup = _add(subparsers, "backup", "copy spool and keys into a new folder", _backup)
    restore = _add(subparsers, "restore", "put spool and keys back from a backup", _restore)
    for one in (backup, restore):
        one.add_argument("folder", type=Path, metavar="FOLDER")
    export = _add(subparsers, "export", "copy what was heard, as to a USB stick", _export)
    take_in = _add(subparsers, "import", "add what another station heard", _import)
    for one in (export, take_in):
        one.add_argument("file", type=Path, metavar="FILE")
    order = _add(subparsers, "order", "queue an order to a collar, or list them", _order)
    order.add_argument("collar", type=int, nargs="?", metavar="COLLAR", help="all, if left out")
    order.add_argument("words", nargs="*", metavar="ORDER", help="its orders, if left out")
    order.add_argument("--days", type=float, default=7.0, help="when it expires (default: 7)")
    for one in (replay, backup, restore, export, take_in, order):
        one.add_argument("--spool", required=one is not replay, type=Path, metavar="FILE")
    for one in (replay, backup, restore):
        one.add_argument("--keys", required=one is not replay, type=Path, metavar="FILE")


def _add(
    subparsers: "_Subparsers[argparse.ArgumentParser]",
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], str | None],
) -> argparse.ArgumentParser:
    parser = subparsers.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=_EPILOGS[name],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=lambda args: _guarded(run, args))
    return parser


def _guarded(run: Callable[[argparse.Namespace], str | None], args: argparse.Namespace) -> int:
    from ground_station.errors import LineFailed, LoaderFailed, StationError

    try:
        said = run(args)
    except StationError as error:
        print(f"capra station: {error}", file=sys.stderr)
        return 1 if isinstance(error, LoaderFailed | LineFailed) else 2
    if said is not None:
        print(said)
    return 0


def _config(args: argparse.Namespace) -> str:
    from ground_station import config

    return config.default_text().rstrip()


def _doctor(args: argparse.Namespace) -> None:
    from ground_station import doctor, settings
    from ground_station.errors import StationError

    findings = doctor.examine(settings.from_arguments(args))
    for finding in findings:
        print(f"{'good' if finding.good else 'BAD '}  {finding.what}: {finding.said}")
    bad = sum(not finding.good for finding in findings)
    if bad:
        raise StationError(f"{bad} of {len(findings)} checks are bad")


def _replay(args: argparse.Namespace) -> None:
    from ground_station import settings, station
    from ground_station.errors import SettingsError

    if not args.file.is_file():
        raise SettingsError(
            f"file {args.file}: no such file, expected receptions, one JSON a line"
        )
    args.receivers = ({"kind": "replay", "file": str(args.file)},)
    station.run(settings.from_arguments(args))


def _order(args: argparse.Namespace) -> str:
    from ground_station import orders
    from ground_station.report import reading
    from ground_station.spool import Spool

    with reading(args.spool):  # never make one by a slip of the pen
        pass
    with Spool(args.spool) as spool:
        if args.words:
            made = spool.add_order(args.collar, args.words, args.days)
            return f"collar {made.collar}: order {made.sequence} ({made.words}) is queued"
        lines = [
            f"collar {one.collar}: order {one.sequence} ({one.words}): {one.state(orders.now_s())}"
            for one in spool.orders(args.collar)
        ]
    return "\n".join(lines) or "no orders"


def _backup(args: argparse.Namespace) -> str:
    from ground_station import keep

    frames = keep.backup(args.spool, args.keys, args.folder)
    return f"{frames} frames and the keys copied to {args.folder}"


def _restore(args: argparse.Namespace) -> str:
    from ground_station import keep

    frames = keep.restore(args.folder, args.spool, args.keys)
    return f"{frames} frames and the keys restored from {args.folder}"


def _export(args: argparse.Namespace) -> str:
    from ground_station import keep

    return f"{keep.export(args.spool, args.file)} frames copied to {args.file}"


def _import(args: argparse.Namespace) -> str:
    from ground_station import keep

    frames, receptions = keep.take_in(args.spool, args.file)
    return f"{frames} frames and {receptions} receptions were new"
