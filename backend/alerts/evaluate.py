"""Alerts kept equal to what the data say: on arrival, whatever the order, once each.

Episodes are computed anew from the data that new arrivals can have changed. One that overlaps an
alert is that alert, with better times; one that overlaps none is a new alert, told once; an alert
that the data no longer bear out is withdrawn, not deleted. So any order of arrival ends in the
same alerts, and nobody is told twice.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import namedtuple_row
from psycopg.types.json import Jsonb

from backend.alerts import rules
from backend.alerts.episodes import Episode
from backend.db.queries import query

log = logging.getLogger(__name__)

TELL_WITHIN = timedelta(days=7)
"""What ended longer ago is recorded and told to nobody: last year's fixes are no news."""


def evaluate(connection: Connection[Any], now: datetime, of_time: bool = True) -> int | None:
    """Look at everything that came since the last time.

    Args:
        connection: idle; transactions are made here.
        now: the present, for what lasts.
        of_time: also at what time itself brings about (silence of collars and of stations).

    Returns:
        how many alerts are new; None where another evaluation is under way.
    """
    with connection.transaction():
        if not _held(connection):
            return None
        connection.execute(query("take_arrivals"))
    with connection.transaction():
        if not _held(connection):
            return None
        came = connection.execute(query("arrivals_taken")).fetchall()
        values = {"collars": [row[0] for row in came], "times": [row[1] for row in came]}
        wanted: list[Any] = []
        with connection.cursor(row_factory=namedtuple_row) as cursor:
            if came:
                wanted += cursor.execute(query("rules_of_arrivals"), values).fetchall()
            if of_time:
                wanted += cursor.execute(query("rules_of_time")).fetchall()
        return sum(_apply(connection, rule, now) for rule in wanted)


def _held(connection: Connection[Any]) -> bool:
    row = connection.execute(query("lock_alerts")).fetchone()
    return row is not None and bool(row[0])


def _apply(connection: Connection[Any], rule: Any, now: datetime) -> int:
    return sum(
        _reconcile(connection, rule, found, now) for found in rules.find(connection, rule, now)
    )


def _reconcile(connection: Connection[Any], rule: Any, found: rules.Found, now: datetime) -> int:
    """Make the alerts of one subject those that were found; returns how many are new."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        values = {"rule": rule.alert_rule, "subject": found.subject, "since": found.since}
        known: list[Any] = list(cursor.execute(query("alerts_of_subject"), values))
    new = 0
    for episode, records in found.episodes:
        same = next((alert for alert in known if _overlap(alert, episode)), None)
        if same is None:
            new += _add(connection, rule, found, episode, records, now)
            continue
        known.remove(same)
        began = _time(episode.began_s)
        if same.began_at < found.since:  # its beginning lies before what was looked at
            began = same.began_at
        connection.execute(query("change_alert"), {
            "alert": same.alert, "began_at": began, "ended_at": _time(episode.ended_s),
            "fixes": Jsonb(records), "details": Jsonb(episode.details),
        })  # fmt: skip
    for alert in known:
        if alert.began_at >= found.since:
            connection.execute(query("withdraw_alert"), {"alert": alert.alert})
        else:  # it was over when what was looked at began
            values = {"alert": alert.alert, "ended_at": found.since}
            connection.execute(query("end_alert"), values)
    return new


def _add(
    connection: Connection[Any], rule: Any, found: rules.Found, episode: Episode,
    records: list[list[int]], now: datetime,
) -> int:  # fmt: skip
    first = "-".join(map(str, records[0])) if records else str(round(episode.began_s))
    row = connection.execute(query("add_alert"), {
        "rule": rule.alert_rule, "kind": rule.kind, "study": rule.study, "collar": found.collar,
        "animal": found.animal, "station": found.station, "began_at": _time(episode.began_s),
        "ended_at": _time(episode.ended_s), "fixes": Jsonb(records),
        "details": Jsonb(episode.details), "subject": found.subject,
        "identity": f"{rule.alert_rule} {found.subject} {first}",
    }).fetchone()  # fmt: skip
    assert row is not None
    alert, new = row
    if not new:
        return 0
    ended = _time(episode.ended_s)
    if ended is None or ended > now - TELL_WITHIN:
        values = {"alert": alert, "rule": rule.alert_rule}
        connection.execute(query("add_deliveries"), values)
        connection.execute(query("tell_alert"), {"alert": alert})
    return 1


def _overlap(alert: Any, episode: Episode) -> bool:
    began, ended = _time(episode.began_s), _time(episode.ended_s)
    assert began is not None
    return (alert.ended_at is None or began <= alert.ended_at) and (
        ended is None or alert.began_at <= ended
    )


def _time(at_s: float | None) -> datetime | None:
    return None if at_s is None else datetime.fromtimestamp(at_s, UTC)
