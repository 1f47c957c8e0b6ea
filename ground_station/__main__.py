"""The station's commands: `python -m ground_station`, also `capra station`."""

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path

from ground_station import operate

_Subparsers = argparse._SubParsersAction  # argparse has no public name for it

_EPILOGS = {
    "run": """example:
  capra station run --port /dev/serial/by-id/usb-Capra_bridge-if00 \\
      --keys keys.json --spool spool.sqlite --station cluozza

The port is a device path or a pyserial URL (socket://host:port); one that is missing or busy is
tried again until it is there. Without --database the station loads the database of
CAPRA_DATABASE_URL, else the embedded one. SIGTERM or Ctrl-C: load what waits, then exit 0.""",
    "status": """example:
  capra station status --spool spool.sqlite""",
    "keys": """example:
  capra station keys add --keys keys.json --collar 17""",
    "number": """example:
  capra station keys number --keys keys.json 2""",
    "list": """example:
  capra station keys list --keys keys.json""",
    "add": """example:
  capra station keys add --keys keys.json --collar 17 --replace

A collar whose memory chip or board was replaced starts with record 1 again, and with frame
counter 0. It needs --replace, before it is flashed: the epoch of its key is what its new
records and frames are told from the old ones by. The older keys are kept, for frames that
were heard under them.""",
}


def add_commands(subparsers: "_Subparsers[argparse.ArgumentParser]") -> None:
    """Add the station's commands to a command line."""
    run = _add(
        subparsers, "run", "hear collars, keep and acknowledge what they say, load the database"
    )
    run.add_argument(
        "--config", type=Path, metavar="FILE", help="TOML file; `capra station config` prints one"
    )
    run.add_argument("--port", metavar="PORT", help="device path or pyserial URL of the bridge")
    run.add_argument("--keys", type=Path, metavar="FILE", help="key file, mode 0600")
    run.add_argument("--spool", type=Path, metavar="FILE", help="spool; made if there is none")
    run.add_argument(
        "--station", metavar="NAME", help="name in the database (default: this host's)"
    )
    run.add_argument(
        "--database",
        metavar="URL",
        help="PostgreSQL to load (default: CAPRA_DATABASE_URL, else embedded). Everybody on this "
        "machine can read it in the list of processes: give a password by CAPRA_DATABASE_URL, or "
        "in the file that PGPASSFILE names",
    )
    run.add_argument(
        "--clock",
        choices=("system", "bridge"),
        help="whose UTC to believe (default: system)",
    )
    run.add_argument(
        "--no-load",
        dest="load",
        action="store_const",
        const=False,
        help="only hear and spool; load no database",
    )
    run.add_argument(
        "--until-eof",
        action="store_true",
        help="stop, as on SIGTERM, when standard input ends; for a program that runs a station "
        "and must not leave it behind",
    )
    run.add_argument(
        "--tx-power-dbm",
        type=int,
        metavar="DBM",
        help="what the bridge, its amplifier included, feeds to its antenna (default: 22)",
    )
    run.add_argument(
        "--antenna-gain-dbi",
        type=float,
        metavar="DBI",
        help="gain of that antenna less the loss of its cable (default: 2); "
        "power + gain - 2.15 may be 27 dBm at most",
    )
    run.set_defaults(run=_run)

    status = _add(subparsers, "status", "show who was heard and what waits in a spool")
    status.add_argument(
        "--spool",
        required=True,
        type=Path,
        metavar="FILE",
        help="the spool; its station may be running",
    )
    status.add_argument("--json", action="store_true", help="as JSON")
    status.add_argument("--watch", action="store_true", help="go on showing it, until Ctrl-C")
    status.set_defaults(run=_status)

    operate.add_commands(subparsers)
    keys = _add(subparsers, "keys", "make and list the collars' keys; no key is ever printed")
    actions = keys.add_subparsers(dest="action", required=True, metavar="add|list|number")
    add = actions.add_parser(
        "add",
        help="make a key for a collar",
        description="Make a key for a collar, or the next one with --replace. The key file is "
        "made if there is none, its folder is not.",
        epilog=_EPILOGS["add"],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument(
        "--keys", required=True, type=Path, metavar="FILE", help="key file; made if there is none"
    )
    add.add_argument(
        "--collar", required=True, type=int, metavar="N", help="collar number, 1..65535"
    )
    add.add_argument(
        "--replace",
        action="store_true",
        help="renew the key of a collar that has one: next epoch; "
        "needed whenever its memory or board was replaced",
    )
    add.set_defaults(run=_add_key)
    number = actions.add_parser(
        "number",
        help="give this station its number",
        description="Give this station its number. Stations that hold the same collar's key must "
        "differ in it: after copying a key file to a second station, number that one anew.",
        epilog=_EPILOGS["number"],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    number.add_argument("--keys", required=True, type=Path, metavar="FILE", help="key file")
    number.add_argument("number", type=int, metavar="N", help="0..4095, unlike any other station")
    number.set_defaults(run=_number_station)
    listing = actions.add_parser(
        "list",
        help="list the collars that have a key",
        description="List the collars that have a key, and the epoch of each one's newest. "
        "No key is printed.",
        epilog=_EPILOGS["list"],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    listing.add_argument("--keys", required=True, type=Path, metavar="FILE", help="key file")
    listing.set_defaults(run=_list_keys)


def _add(
    subparsers: "_Subparsers[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    return subparsers.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        epilog=_EPILOGS[name],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _run(args: argparse.Namespace) -> int:
    from ground_station import settings, station
    from ground_station.errors import LoaderFailed, StationError

    if args.until_eof:
        threading.Thread(target=_stop_at_eof, name="stdin", daemon=True).start()
    try:
        station.run(settings.from_arguments(args))
    except LoaderFailed as error:
        _fail(error)
        return 1
    except StationError as error:
        return _fail(error)
    return 0


def _stop_at_eof() -> None:
    """Wait for the end of standard input, then ask this process to stop."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _status(args: argparse.Namespace) -> int:
    from ground_station import live, report
    from ground_station.errors import StationError

    try:
        if args.watch:
            live.watch(args.spool)
        status = report.read_status(args.spool)
    except StationError as error:
        return _fail(error)
    print(json.dumps(status, indent=1) if args.json else report.format_status(status))
    return 0


def _add_key(args: argparse.Namespace) -> int:
    from ground_station import keys
    from ground_station.errors import StationError

    try:
        key = keys.add_key(args.keys, args.collar, replace=args.replace)
    except StationError as error:
        return _fail(error)
    print(f"collar {key.collar}: key of epoch {key.epoch} added to {args.keys}")
    return 0


def _number_station(args: argparse.Namespace) -> int:
    from ground_station import keys
    from ground_station.errors import StationError

    try:
        keys.set_station_number(args.keys, args.number)
    except StationError as error:
        return _fail(error)
    print(f"station number {args.number} written to {args.keys}")
    return 0


def _list_keys(args: argparse.Namespace) -> int:
    from ground_station import keys
    from ground_station.errors import StationError

    try:
        ring = keys.load_keys(args.keys)
    except StationError as error:
        return _fail(error)
    for collar in ring.collars():
        print(f"collar {collar}: epoch {ring.epoch(collar)}")
    return 0


def _fail(error: Exception) -> int:
    print(f"capra station: {error}", file=sys.stderr)
    return 2


def main(arguments: list[str] | None = None) -> int:
    """Run the station's command line and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ground_station", description="The ground station of Capra."
    )
    add_commands(parser.add_subparsers(dest="command", required=True, metavar="COMMAND"))
    args = parser.parse_args(arguments)
    code: int = args.run(args)
    return code


if __name__ == "__main__":
    sys.exit(main())
