"""What a doctor sees in a database: facts, and what to do where something is wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import Connection

from backend.db.migrate import migrations
from backend.db.queries import query

EDITIONS = {
    "none": "plain tables, no TimescaleDB: all answers are the same, large tables are slower",
    "apache": "TimescaleDB {version}, Apache-2 edition: chunks by time; no compression",
    "community": "TimescaleDB {version}, Community edition: chunks, compression, days kept ready",
}


class Finding(NamedTuple):
    """One line of the report."""

    what: str
    good: bool = True
    remedy: str = ""


def examine(connection: Connection[Any]) -> list[Finding]:
    """Look at everything; the first findings are of the server, the last of the data."""
    if connection.execute("select to_regclass('migration')").fetchone() == (None,):
        return [Finding("the database is empty", False, "run: capra migrate")]
    applied = {row[0] for row in connection.execute("select migration from migration")}
    missing = [one.name for one in migrations() if one.name not in applied]
    if missing:
        return [Finding(f"the schema lacks {', '.join(missing)}", False, "run: capra migrate")]
    row = connection.execute(query("examination")).fetchone()
    assert row is not None  # one row of facts
    server, edition, version, fsync, collars, fixes, waiting, letters, newest, admins = row
    found = [
        Finding(f"PostgreSQL {server}"),
        Finding(EDITIONS[edition].format(version=version)),
        Finding(f"schema {max(applied)}, {len(applied)} migrations"),
        Finding(
            f"fsync is {fsync}",
            fsync == "on",
            "" if fsync == "on" else "a power cut can lose stored records: set fsync = on",
        ),
        Finding(f"{collars} collars, about {fixes} fixes, the newest {newest or 'none yet'}"),
    ]
    if waiting:
        found.append(
            Finding(f"{waiting} fixes lie in the future", False, "look at those collars' clocks")
        )
    if letters:
        remedy = "see the table dead_letter"
        found.append(Finding(f"{letters} rows were refused by the tables", False, remedy))
    if not admins:
        found.append(
            Finding("nobody administers yet", False, "run: capra serve, or capra keys link")
        )
    else:
        found.append(Finding(f"{admins} administrators"))
    for name, error in connection.execute(query("troubled_forwarders")):
        what = f"the forwarder {name!r} does not get through: {error}"
        found.append(Finding(what, False, "see /api/v1/forwarders"))
    return found
