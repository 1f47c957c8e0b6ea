"""The umbrella command: gathers the commands of each folder under one name.

Each folder keeps its own commands; this module only knows where they are. It imports no folder
until one of its commands is asked for, so that `capra --help` answers at once.
"""

import argparse
import importlib
import sys

_FOLDERS = ("hardware.chain.__main__", "backend.__main__", "analytics.__main__")
_STATION = "ground_station.__main__"  # run, status, keys: one word deeper


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="capra",
        description="Capra: tracking of wild animals, from the collar to the map.",
        epilog="Each command explains itself: capra demo --help",
    )
    parser.add_argument("--version", action="version", version=f"capra {_version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for folder in _FOLDERS:
        importlib.import_module(folder).add_commands(commands)
    station = commands.add_parser(
        "station",
        help="the ground station: hear collars, keep and load what they say",
        description="The ground station, from the serial port to the database.",
        epilog="Each command explains itself: capra station run --help",
    )
    importlib.import_module(_STATION).add_commands(
        station.add_subparsers(title="commands", metavar="COMMAND", required=True)
    )
    return parser


def _version() -> str:
    from importlib.metadata import version

    return version("capra")


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: the words after `capra`; those of the process by default.
    """
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main())
