"""Commands of the backend: `serve` and `migrate` here, the others in modules of their own."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import TYPE_CHECKING, Any

from backend import admin_command, database_command, files_command

if TYPE_CHECKING:
    from backend.settings import Settings

_DATABASE_HELP = (
    "libpq URL or DSN of a PostgreSQL server (default: CAPRA_DATABASE_URL, else the embedded "
    "one). Everybody on this machine can read it in the list of processes: give a password by "
    "CAPRA_DATABASE_URL, or in the file that PGPASSFILE names"
)


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add the backend's commands to a command line."""
    serve = subparsers.add_parser(
        "serve",
        help="serve the API and the map page",
        description="Serve the API and the map page; brings the database to the present schema "
        "first. The very first start prints the administrator's key, once. In a terminal each "
        "start prints a link that signs a browser in, once.",
        epilog="example: capra serve --port 8080 --database postgresql://capra@db.example/capra; "
        "after a demo: capra serve --name capra_demo",
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    serve.add_argument("--port", type=int, default=8000, help="0: any free port (%(default)s)")
    serve.add_argument("--database", metavar="URL", help=_DATABASE_HELP)
    serve.add_argument(
        "--name", metavar="NAME", help="which database of the embedded server (default: capra)"
    )
    serve.add_argument("--no-migrate", action="store_true", help="leave the schema as it is")
    serve.add_argument(
        "--link",
        action=argparse.BooleanOptionalAction,
        help="print a link that signs a browser in, once (default: in a terminal)",
    )
    serve.set_defaults(run=_serve)

    migrate = subparsers.add_parser(
        "migrate",
        help="bring the database to the present schema",
        description="Create or update the tables. Safe to run again, and by several at once.",
        epilog="example: capra migrate --database postgresql://capra@db.example/capra",
    )
    migrate.add_argument("--database", metavar="URL", help=_DATABASE_HELP)
    migrate.add_argument(
        "--pre",
        action="store_true",
        help="leave for later what servers of an older version that still run would miss",
    )
    migrate.set_defaults(run=_migrate)

    files_command.add_commands(subparsers)
    database_command.add_command(subparsers)
    admin_command.add_commands(subparsers)


def _migrate(args: argparse.Namespace) -> int:
    import psycopg

    from backend.db.embedded import EmbeddedError, resolve
    from backend.db.errors import BadAddress, MigrationError, describe
    from backend.db.migrate import migrate
    from backend.settings import Settings

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        new = migrate(resolve(args.database or Settings().database_url), post=not args.pre)
    except BadAddress as error:
        return _fail(str(error), 2)
    except (MigrationError, EmbeddedError) as error:
        return _fail(str(error))
    except psycopg.Error as error:
        return _fail(f"the database does not answer: {describe(error)}")
    print(f"applied {', '.join(new)}" if new else "nothing to do: the schema is up to date")
    return 0


def _serve(args: argparse.Namespace) -> int:
    from backend.db.embedded import EmbeddedError
    from backend.db.errors import BadAddress
    from backend.serve import CannotListen, serve
    from backend.settings import Settings

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    settings = Settings(**({"database_url": args.database} if args.database else {}))
    if args.name and settings.database_url:
        given = "--database" if args.database else "CAPRA_DATABASE_URL"
        return _fail(
            f"--name is of the embedded server, and {given} names another: expected one", 2
        )
    try:
        dsn = _database(settings, args.name)
        settings = settings.model_copy(update={"database_url": dsn})
        if not args.no_migrate:
            _migrate_before(dsn)
        wanted = sys.stdout.isatty() if args.link is None else args.link
        serve(settings, args.host, args.port, lambda url: _say_ready(dsn, url, wanted))
    except BadAddress as error:
        return _fail(str(error), 2)
    except (CannotListen, EmbeddedError) as error:
        return _fail(str(error))
    except KeyboardInterrupt:
        pass
    return 0


def _database(settings: Settings, name: str | None) -> str:
    from backend.db.embedded import find_database, resolve

    return find_database(name) if name else resolve(settings.database_url)


def _migrate_before(dsn: str) -> None:
    """Update the schema; where that fails (away, read-only), reading may still work."""
    import psycopg

    from backend.db.errors import MigrationError, describe
    from backend.db.migrate import migrate

    try:
        migrate(dsn)
    except (psycopg.Error, MigrationError) as error:
        print(f"schema not updated, serving all the same: {describe(error)}", file=sys.stderr)


def _say_ready(dsn: str, url: str, link: bool) -> None:
    """Say where it is; the first start of all also who administers."""
    import psycopg

    from backend.db import accounts

    print(f"serving {url} (Ctrl-C ends)", flush=True)
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=3) as connection:
            if key := accounts.first_key(connection):
                print(f"the administrator's key, shown this once: {key}", flush=True)
            if link:
                place = accounts.link(url, accounts.admin_ticket(connection))
                print(f"sign in, once and within 15 minutes: {place}", flush=True)
    except psycopg.Error:
        pass  # away, or without tables: requests say so


def _fail(message: str, code: int = 1) -> int:
    print(f"capra: {message.strip()}", file=sys.stderr)
    return code


def main(argv: list[str] | None = None) -> int:
    """Run `python -m backend`."""
    parser = argparse.ArgumentParser(prog="python -m backend", description=__doc__)
    add_commands(parser.add_subparsers(required=True, metavar="COMMAND"))
    args = parser.parse_args(argv)
    return int(args.run(args))


if __name__ == "__main__":
    sys.exit(main())
