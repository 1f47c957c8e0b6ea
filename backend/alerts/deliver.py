"""Telling people of alerts: webhooks, signed, and e-mail; tried again until it was taken.

A delivery is marked in the database after the other side took it, so a crash in between can repeat
one: every message names its alert (`Capra-Alert`, `Message-ID`), by which the other side knows.
Messages say what, who and when, never where: whoever is told asks the API, as who they are.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import smtplib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any, NamedTuple

from psycopg import Connection
from psycopg.rows import namedtuple_row

from backend import outgoing
from backend.db.queries import query

log = logging.getLogger(__name__)

_TIMEOUT_S = 10
_MOST_TRIES = 12  # the waits add up to about two days
_LONGEST_WAIT = timedelta(hours=6)
_SAID = ("speed_kmh", "distance_m", "share", "least", "other_animal", "entered", "left")
"""Members of an alert's details that tell no place."""


class Mail(NamedTuple):
    """The server that takes e-mail."""

    host: str
    port: int
    sender: str
    user: str | None = None
    password: str | None = None
    tls: bool = True


class DeliveryFailed(Exception):
    """The other side did not take it; the text says why, without any secret."""


def receivers_due(connection: Connection[Any]) -> list[int]:
    """Numbers of those who are to be told of something."""
    return [number for (number,) in connection.execute(query("receivers_due"))]


def deliver_next(
    connection: Connection[Any], receiver: int, mail: Mail | None, now: datetime
) -> bool:
    """Try what a receiver waits for longest; returns whether there was something.

    Args:
        connection: idle, autocommit; no transaction is open while the other side is spoken to.
        receiver: one of `receivers_due`, to whom nobody else delivers.
        mail: None: e-mail cannot be sent, and says so in the delivery.
        now: the time of signatures.
    """
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        row: Any = cursor.execute(query("next_delivery"), {"receiver": receiver}).fetchone()
        if row is None:
            return False
        try:
            if row.halted:
                raise DeliveryFailed("who set the rule may not see its animals exactly any more")
            _deliver(row, mail, now)
            error, wait = None, None
        except DeliveryFailed as failure:
            error = str(failure)
            wait = _wait(row.attempts + 1)
            log.warning("alert %d, channel %s: %s", row.alert, row.channel, error)
        cursor.execute(query("mark_delivery"), {
            "alert": row.alert, "channel": row.channel, "error": error, "wait": wait,
        })  # fmt: skip
    return True


def signature(secret: str, at_s: int, body: bytes) -> str:
    """What a webhook carries in `Capra-Signature`: `t=` and HMAC-SHA-256 of time and body."""
    digest = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={digest}"


def message(alert: Any) -> dict[str, Any]:
    """What is told of an alert."""
    return {
        "alert": alert.alert,
        "kind": alert.kind,
        "rule": alert.rule,
        "study": alert.study,
        "animal": alert.animal_name,
        "collar": alert.collar,
        "station": alert.station,
        "began_at": _text(alert.began_at),
        "ended_at": _text(alert.ended_at),
        "withdrawn": alert.withdrawn_at is not None,
        "fixes": ["-".join(map(str, one)) for one in alert.fixes],
        "details": {k: v for k, v in alert.details.items() if k in _SAID},
    }


def _wait(attempts: int) -> timedelta | None:
    if attempts >= _MOST_TRIES:
        return None
    wait: timedelta = timedelta(seconds=30) * 2**attempts
    return min(wait, _LONGEST_WAIT)


def _deliver(row: Any, mail: Mail | None, now: datetime) -> None:
    channel = row.receiver
    if channel is None:
        raise DeliveryFailed("the rule has no such channel any more")
    if channel.get("kind") == "webhook":
        _post(channel, message(row), now)
    elif mail is None:
        raise DeliveryFailed("no server for e-mail is set (CAPRA_SMTP_HOST)")
    else:
        _send(channel, message(row), mail)


def _post(channel: Mapping[str, str], what: dict[str, Any], now: datetime) -> None:
    body = json.dumps(what, sort_keys=True).encode()
    headers = {
        "Capra-Alert": str(what["alert"]),
        "Capra-Signature": signature(channel["secret"], int(now.timestamp()), body),
    }
    try:
        answer = outgoing.post(channel["url"], body, headers)
    except outgoing.Unreached as error:
        raise DeliveryFailed(str(error)) from error
    if not answer.good:
        raise DeliveryFailed(f"{outgoing.host_of(channel['url'])} answered {answer.status}")


def _send(channel: Mapping[str, str], what: dict[str, Any], mail: Mail) -> None:
    letter = EmailMessage()
    who = what["animal"] or what["station"] or f"collar {what['collar']}"
    letter["Subject"] = f"Capra: {what['rule'] or what['kind']}: {who}"
    letter["From"], letter["To"] = mail.sender, channel["to"]
    letter["Message-ID"] = f"<alert-{what['alert']}@capra.invalid>"
    lines = [f"{name}: {value}" for name, value in what.items() if value not in (None, [], {})]
    letter.set_content("\n".join(lines) + "\n")
    try:
        with smtplib.SMTP(mail.host, mail.port, timeout=_TIMEOUT_S) as server:
            if mail.tls:
                server.starttls()
            if mail.user is not None:
                server.login(mail.user, mail.password or "")
            server.send_message(letter)
    except (OSError, smtplib.SMTPException) as error:
        raise DeliveryFailed(f"{mail.host}: {type(error).__name__}") from error


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat().replace("+00:00", "Z")
