"""The commands `capra import` and `capra export`: Movebank files, without a browser or curl."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backend.client import Client

_KEY = "CAPRA_KEY"
_PATIENCE_S = 3600  # for the report of a large file


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add both to a command line."""
    taking = subparsers.add_parser(
        "import",
        help="import positions from a Movebank file",
        description="Import a Movebank event file (.csv) or lines of JSON (.ndjson), either as "
        f".gz too, over a service that runs. The key stands in {_KEY}. The same file again adds "
        "nothing. Ends with 1 where a row was rejected or the file refused.",
        epilog="example: capra import ibex-2026.csv.gz --study 1 --dry-run",
    )
    taking.add_argument("file", type=Path)
    taking.add_argument("--dry-run", action="store_true", help="only report what would be stored")
    giving = subparsers.add_parser(
        "export",
        help="export positions to a Movebank file",
        description="Write what may be seen of a study as a Movebank event file, from a service "
        f"that runs. The key stands in {_KEY}.",
        epilog="example: capra export ibex.csv --study 1 --since 2026-06-01T00:00:00Z",
    )
    giving.add_argument("file", type=Path)
    giving.add_argument("--since", metavar="TIME", help="from this time on (RFC 3339)")
    giving.add_argument("--until", metavar="TIME", help="before this time")
    for parser, run in ((taking, _import), (giving, _export)):
        parser.add_argument("--study", type=int, required=True, metavar="N", help="its number")
        parser.add_argument(
            "--server", metavar="URL", default="http://127.0.0.1:8000", help="(%(default)s)"
        )
        parser.set_defaults(run=_told(run))


def _told(run: Callable[[argparse.Namespace, Client], int]) -> Callable[[argparse.Namespace], int]:
    """A command that says in one line what went wrong."""

    def told(args: argparse.Namespace) -> int:
        import httpx

        from backend.client import Client, ServiceError

        key = os.environ.get(_KEY)
        if not key:
            return _fail(
                f"{_KEY} = '': expected a key; 'capra keys add NAME --role ecologist --scopes "
                "read,ingest' makes one"
            )
        try:
            with Client(args.server, key, timeout_s=_PATIENCE_S) as client:
                return run(args, client)
        except ServiceError as error:
            return _fail(error.detail)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _fail(f"{args.server} does not answer ({error}): expected a running service")
        except OSError as error:
            return _fail(f"{args.file}: {error.strerror or error}")

    return told


def _import(args: argparse.Namespace, client: Client) -> int:
    progress = _progress("sent")
    report = client.import_events(args.study, args.file, dry_run=args.dry_run, progress=progress)
    progress(None)
    print(
        f"{report['rows_in']} rows = {report['accepted']} accepted "
        f"({report['without_position']} without a position) + {report['duplicate']} known already "
        f"+ {report['rejected']} rejected"
    )
    for one in report["rejections"]:
        print(f"rejected: {one['reason']} (lines {one['lines']})")
    for warning in report["warnings"]:
        print(f"warning: {warning}")
    if report["dry_run"]:
        print("dry run: nothing was stored")
    return 1 if report["rejected"] else 0


def _export(args: argparse.Namespace, client: Client) -> int:
    progress = _progress("written")
    file = client.export_events(
        args.study, args.file, since=args.since, until=args.until, progress=progress
    )
    progress(None)
    print(f"{file}: {file.stat().st_size} bytes")
    return 0


def _progress(what: str) -> Callable[[int | None], None]:
    """Says how many megabytes, on a terminal alone; None ends the line."""
    shown = sys.stderr.isatty()

    def tell(done: int | None) -> None:
        if shown:
            text = "\n" if done is None else f"\r{what}: {done / 1e6:.1f} MB"
            print(text, end="", file=sys.stderr, flush=True)

    return tell


def _fail(message: str) -> int:
    print(f"capra: {message}", file=sys.stderr)
    return 1
