"""Fixes per day, the same on every edition of TimescaleDB and without it."""

from typing import Any

from psycopg import Connection

from backend.db.queries import query


def bring_up_to_date(connection: Connection[Any]) -> None:
    """Count anew what came late, where days are kept ready; elsewhere they are counted as asked.

    A continuous aggregate shows late fixes only after its next refresh; the day in question is
    cheap to refresh, so that the answer is that of plain PostgreSQL.
    """
    row = connection.execute(query("edition")).fetchone()
    if row is not None and row[0] == "community":
        connection.execute("call refresh_continuous_aggregate('fix_day_kept', null, null)")
