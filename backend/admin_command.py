"""The commands of who keeps the server: `capra doctor`, `capra keys`, `capra audit`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

_DATABASE = "libpq URL or DSN (default: CAPRA_DATABASE_URL, else the embedded server)"


def add_commands(subparsers: argparse._SubParsersAction[Any]) -> None:
    """Add `doctor`, `keys` and `audit` to a command line."""
    doctor = subparsers.add_parser(
        "doctor",
        help="say what the server's database can do and what is wrong with it",
        description="Look at the database: its version, the edition of TimescaleDB, the schema, "
        "what is stored, who administers. Ends with 1 where something needs doing.",
        epilog="example: capra doctor",
    )
    _finish(doctor, _doctor)

    keys = subparsers.add_parser(
        "keys",
        help="make, list and revoke keys of the API",
        description="Keys of the API. Whoever reaches the database may do this.",
        epilog="example: capra keys add 'QGIS of Anna' --role ecologist",
    ).add_subparsers(required=True, metavar="add|list|revoke|link")
    add = keys.add_parser(
        "add",
        help="make a key for a new account; it is shown once",
        epilog="example: capra keys add 'QGIS of Anna' --role ecologist --study 1 --scopes read",
    )
    add.add_argument("name", help="of the account: a person or a program")
    add.add_argument("--role", choices=("guest", "ecologist", "operator", "admin"))
    add.add_argument(
        "--study", type=int, metavar="N", help="the role is in this one (default: all)"
    )
    add.add_argument("--scopes", default="read", help="of read,write,ingest,admin (%(default)s)")
    add.add_argument("--days", type=int, default=365, help="until it expires (%(default)s)")
    _finish(add, _add_key)
    _finish(
        keys.add_parser("list", help="list keys", epilog="example: capra keys list"), _list_keys
    )
    revoke = keys.add_parser(
        "revoke",
        help="make a key open nothing more",
        epilog="example: capra keys revoke k3jm5xw2ab",
    )
    revoke.add_argument("prefix", help="the part of the key between the two _")
    _finish(revoke, _revoke_key)
    link = keys.add_parser(
        "link",
        help="print a link that signs a browser in as administrator, once",
        epilog="example: capra keys link http://127.0.0.1:8000/",
    )
    link.add_argument("url", nargs="?", default="http://127.0.0.1:8000/", help="of the page")
    _finish(link, _link)

    audit = subparsers.add_parser(
        "audit",
        help="check the audit",
        description="Who read exact positions, and who changed what.",
        epilog="example: capra audit verify",
    ).add_subparsers(required=True, metavar="verify")
    verify = audit.add_parser(
        "verify",
        help="compute every hash of the chain anew",
        description="Prints the head of the chain: write it down elsewhere, and whoever removes "
        "rows from the end is found too.",
        epilog="example: capra audit verify --head 5f1c...",
    )
    verify.add_argument("--head", help="a head printed before, which must still be in the chain")
    _finish(verify, _verify)


def _finish(parser: argparse.ArgumentParser, run: Callable[..., int]) -> None:
    parser.add_argument("--database", metavar="URL", help=_DATABASE)
    parser.set_defaults(run=lambda args: _run(args, run))


def _run(args: argparse.Namespace, run: Callable[..., int]) -> int:
    import psycopg

    from backend.db.embedded import EmbeddedError
    from backend.db.errors import DatabaseError, describe

    try:
        with _connected(args.database) as connection:
            return run(connection, args)
    except psycopg.errors.UndefinedTable:
        return _fail("the database has no tables yet, or older ones: run 'capra migrate'")
    except psycopg.Error as error:
        return _fail(f"the database does not answer: {describe(error)}")
    except (DatabaseError, EmbeddedError) as error:
        return _fail(str(error))


@contextmanager
def _connected(url: str | None) -> Iterator[psycopg.Connection[Any]]:
    import psycopg

    from backend.db.embedded import resolve
    from backend.settings import Settings

    with psycopg.connect(resolve(url or Settings().database_url), autocommit=True) as connection:
        yield connection


def _doctor(connection: psycopg.Connection[Any], args: argparse.Namespace) -> int:
    from backend.db.examine import examine

    findings = examine(connection)
    for finding in findings:
        print(f"{'ok  ' if finding.good else 'LOOK'}  {finding.what}")
        if finding.remedy:
            print(f"      {finding.remedy}")
    return 0 if all(finding.good for finding in findings) else 1


def _add_key(connection: psycopg.Connection[Any], args: argparse.Namespace) -> int:
    from backend.db import accounts

    scopes = [scope.strip() for scope in args.scopes.split(",")]
    if unknown := set(scopes) - set(accounts.SCOPES):
        return _fail(f"--scopes {sorted(unknown)[0]!r}: expected {', '.join(accounts.SCOPES)}", 2)
    known = "select study from study where study = %s"
    if args.study is not None and not connection.execute(known, (args.study,)).fetchone():
        return _fail(f"--study {args.study}: there is no such study", 2)
    with connection.transaction():
        account = accounts.add_account(connection, args.name)
        if args.role:
            accounts.set_role(connection, account, args.role, args.study)
        lasts = timedelta(days=args.days)
        made = accounts.add_key(connection, account, args.name, scopes, lasts)
    _note(connection, added=f"key {made.api_key}", account=account)
    print(made.text)
    return 0


def _list_keys(connection: psycopg.Connection[Any], args: argparse.Namespace) -> int:
    from backend.db.queries import query

    values = {"account": None, "api_key": None, "after": None, "limit": 100_000}
    for row in connection.execute(query("keys"), values):
        _, account, name, _, key, prefix, scopes, _, expires, used, revoked = row
        state = "revoked" if revoked else f"until {expires:%Y-%m-%d}" if expires else "for ever"
        last = f"last used {used:%Y-%m-%d %H:%M}" if used else "never used"
        print(f"{prefix}  #{account} {name}: {key}; {','.join(scopes)}; {state}; {last}")
    return 0


def _revoke_key(connection: psycopg.Connection[Any], args: argparse.Namespace) -> int:
    from backend.db.queries import query

    values = {"api_key": None, "prefix": args.prefix, "account": None}
    if not connection.execute(query("revoke_key"), values).fetchone():
        return _fail(f"no key {args.prefix!r} that is not revoked: see capra keys list")
    _note(connection, removed=f"key {args.prefix}")
    print(f"revoked: {args.prefix}")
    return 0


def _link(connection: psycopg.Connection[Any], args: argparse.Namespace) -> int:
    from backend.db import accounts

    print(accounts.link(args.url, accounts.admin_ticket(connection)))
    return 0


def _verify(connection: psycopg.Connection[Any], args: argparse.Namespace) -> int:
    from backend.db.audit import verify

    found = verify(connection)
    if found.broken_at is not None:
        return _fail(
            f"the audit is broken at row {found.broken_at}: it was changed, or rows before it"
        )
    if args.head:
        known = "select audit from audit where encode(hash, 'hex') = %s"
        if connection.execute(known, (args.head,)).fetchone() is None:  # found: an empty row
            return _fail(f"the audit no longer holds the head {args.head}: rows were removed")
    print(f"{found.rows} rows, the chain is whole; head {found.head}")
    return 0


def _note(connection: psycopg.Connection[Any], **what: Any) -> None:
    from backend.db.audit import Entry, append

    append(connection, [Entry("command line", "change", what)])


def _fail(message: str, code: int = 1) -> int:
    print(f"capra: {message.strip()}", file=sys.stderr)
    return code
