"""The umbrella command: gathers the commands of each folder under one name.

Each folder keeps its own commands; this module only knows where they are. It imports no folder
until one of its commands is asked for, so that `capra --help` answers at once.
"""

import argparse
import importlib
import sys

_FOLDERS = (
    "hardware.chain.__main__",  # demo, replay
    "ground_station.__main__",  # station
    "backend.__main__",  # serve, migrate
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="capra",
        description="Capra: tracking of wild animals, from the collar to the map.",
        epilog="Each command explains itself: capra demo --help",
    )
    parser.add_argument("--version", action="version", version=f"capra {_version()}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for folder in _FOLDERS:
        importlib.import_module(folder).add_commands(subparsers)
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
