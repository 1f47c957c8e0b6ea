"""One request of one forwarder: what is next, what was said, what that means for the fixes.

A fix is marked in the same transaction that notes the answer. What was sent and not marked (a
crash, a lost answer) is sent again as the same observation, which the other side knows by source
and time.

A refused batch is halved until one fix is left, which is then at fault and marked with the error;
what is taken doubles the batch again. Where several in a row are refused, the newest of all is
tried: if that is refused too, it is not the fixes, and nothing more is marked until it goes again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from psycopg import Connection
from psycopg.rows import namedtuple_row

from backend.db import audit
from backend.db.queries import query
from backend.forward import remote
from backend.worker import Crew

log = logging.getLogger(__name__)

_LOCK = 0x466F7277  # first half of the advisory locks of forwarders
_FIRST_WAIT = timedelta(seconds=10)
_LONGEST_WAIT = timedelta(hours=1)
_IN_A_ROW = 3


def worker(dsn: str) -> Crew:
    """The threads that forward, one for each forwarder, for as long as the API runs."""
    return Crew(dsn, "forwarding", "capra_forward", _LOCK, due, step)


def due(connection: Connection[Any]) -> list[int]:
    """The forwarders that may try now, or whose settings changed; who waits longest first."""
    return [one.forwarder for one in _rows(connection, "forwarders_due", forwarder=None)]


def step(connection: Connection[Any], number: int) -> bool:
    """Let a forwarder send one batch, if it is due; returns whether to go on at once.

    Args:
        connection: idle, autocommit; no transaction is open while a request is under way.
        number: of the forwarder.
    """
    found = _rows(connection, "forwarders_due", forwarder=number)
    return bool(found) and _step(connection, found[0])


def _step(connection: Connection[Any], forwarder: Any) -> bool:
    viewer = json.dumps([{"study": forwarder.study, "role": forwarder.role}])
    values = {"forwarder": forwarder.forwarder, "study": forwarder.study, "viewer": viewer}
    if forwarder.settings != forwarder.planned_as:
        renewed = values | {"settings": forwarder.settings}
        with connection.transaction():
            connection.execute(query("renew_forwarder"), renewed)
            connection.execute(query("plan_forwarder"), values)
        return True
    if forwarder.to_plan:
        connection.execute(query("plan_forwarder"), values)
    marks = _rows(connection, "forward_due", **values)
    if not marks:
        return False
    newest = forwarder.refusals >= _IN_A_ROW
    size = 1 if newest else forwarder.size
    asked = {"collars": [mark.collar for mark in marks], "since": forwarder.since}
    fixes = _rows(connection, "forward_batch", **values, **asked, size=size, newest=newest)
    if not fixes:
        _move_marks(connection, forwarder, marks, done=True)
        return True
    audit.append(connection, [_entry(forwarder, fixes)])
    outcome = remote.post(forwarder, fixes)
    with connection.transaction():
        if _note(connection, forwarder, fixes, outcome) and not newest:
            last = {fix.collar: fix.recorded_at for fix in fixes}
            moved = [
                m._replace(bound=min(m.bound, last[m.collar])) for m in marks if m.collar in last
            ]
            _move_marks(connection, forwarder, moved, done=False)
            if len(fixes) < size:
                _move_marks(connection, forwarder, marks, done=True)
    return outcome.verdict != "later"


def _note(
    connection: Connection[Any], forwarder: Any, fixes: Sequence[Any], outcome: remote.Outcome
) -> bool:
    """Mark the fixes and say how to go on; returns whether they are done with.

    A duplicate among several is sought like one at fault: EarthRanger says 409 also where another
    request stored some of a batch at the same time, and then none of this one.
    """
    size, refusals, attempts = forwarder.size, forwarder.refusals, 0
    wait, sent, error = timedelta(seconds=forwarder.every_s), 0, outcome.error
    done = True
    if outcome.verdict == "taken":
        _mark(connection, forwarder, fixes, None)
        size, refusals, sent = min(2 * len(fixes), forwarder.batch), 0, len(fixes)
        size = max(size, forwarder.size)
    elif outcome.verdict != "later" and len(fixes) > 1:
        size, error, done = len(fixes) // 2, None, False
    elif outcome.verdict == "known":
        _mark(connection, forwarder, fixes, None)
        sent, error = 1, None
    elif outcome.verdict == "refused" and refusals < _IN_A_ROW:
        _mark(connection, forwarder, fixes, error)
        refusals += 1
    else:
        attempts, done = forwarder.attempts + 1, False
        wait = outcome.wait or min(_FIRST_WAIT * 2 ** min(attempts - 1, 12), _LONGEST_WAIT)
        log.warning("forwarder %d: %s", forwarder.forwarder, error)
    connection.execute(query("note_forwarder"), {
        "forwarder": forwarder.forwarder, "size": size, "refusals": refusals,
        "attempts": attempts, "wait": wait, "sent": sent, "error": error,
    })  # fmt: skip
    return done


def _mark(
    connection: Connection[Any], forwarder: Any, fixes: Sequence[Any], error: str | None
) -> None:
    connection.execute(query("note_forwarded"), {
        "forwarder": forwarder.forwarder, "error": error,
        "collars": [fix.collar for fix in fixes], "times": [fix.recorded_at for fix in fixes],
        "generations": [fix.generation for fix in fixes],
        "records": [fix.record for fix in fixes],
    })  # fmt: skip


def _move_marks(
    connection: Connection[Any], forwarder: Any, marks: Sequence[Any], done: bool
) -> None:
    """Nothing is left before the bounds of marks; or nothing at all of what they knew of."""
    connection.execute(query("move_marks"), {
        "forwarder": forwarder.forwarder, "done": done,
        "collars": [mark.collar for mark in marks],
        "arrivals": [mark.arrivals for mark in marks], "bounds": [mark.bound for mark in marks],
    })  # fmt: skip


def _entry(forwarder: Any, fixes: Sequence[Any]) -> audit.Entry:
    """Who is told how much: it is written before it is said."""
    return audit.Entry(f"forwarder {forwarder.forwarder}", "read", {
        "study": forwarder.study, "role": forwarder.role, "to": forwarder.address,
        "fixes": len(fixes), "exact": sum(fix.cells_per_degree == 0 for fix in fixes),
    })  # fmt: skip


def _rows(connection: Connection[Any], name: str, **values: object) -> list[Any]:
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return list(cursor.execute(query(name), values))
