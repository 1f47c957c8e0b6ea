"""The commands `capra database`: where the embedded server answers, and how it is stopped."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import Any

_URL_EPILOG = """example:
  psql "$(capra database url capra_demo)"

Programs that are told this by CAPRA_DATABASE_URL use the same database:
  CAPRA_DATABASE_URL="$(capra database url)" capra migrate"""


def add_command(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `database` to a command line."""
    database = subparsers.add_parser(
        "database",
        help="the embedded PostgreSQL server: where it answers, stop it",
        description="The PostgreSQL server that starts by itself where no CAPRA_DATABASE_URL is "
        "set. It outlives the command that started it; its data lie in CAPRA_DATA.",
        epilog="example: capra database stop",
    )
    actions = database.add_subparsers(required=True, metavar="url|stop")
    url = actions.add_parser(
        "url",
        help="print how to connect to it; starts it",
        description="Print the DSN of a database on the embedded server, which is started if it "
        "is not running. The DSN works for its user and for root, on this machine alone.",
        epilog=_URL_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    url.add_argument("name", nargs="?", default="capra", metavar="NAME", help="(%(default)s)")
    url.set_defaults(run=_url)
    stop = actions.add_parser(
        "stop",
        help="stop it",
        description="Stop the embedded server, ending whatever is connected to it. What is stored "
        "stays; the next command that needs the server starts it again.",
        epilog="example: capra database stop",
    )
    stop.set_defaults(run=_stop)


def _url(args: argparse.Namespace) -> int:
    from backend.db import embedded

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        print(embedded.find_database(args.name))
    except embedded.EmbeddedError as error:
        return _fail(str(error))
    return 0


def _stop(_: argparse.Namespace) -> int:
    from backend.db import embedded

    directory = embedded.data_dir() / "postgresql"
    try:
        stopped = embedded.stop()
    except embedded.EmbeddedError as error:
        return _fail(str(error))
    print(f"stopped: {directory}" if stopped else f"no server was running: {directory}")
    return 0


def _fail(message: str) -> int:
    print(f"capra: {message.strip()}", file=sys.stderr)
    return 1
