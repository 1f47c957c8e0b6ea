"""How the other side is spoken to, and what its answer means.

EarthRanger (`sensors/generic/PROVIDER/status`) stores an observation once for a source and a time,
Gundi (`v2/observations`) drops what says the same again and its destinations keep to source and
time. So a source is the same for ever (collar and animal), an observation always says the same,
and repeating one after a lost answer adds nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from backend import outgoing

_LONGEST_WAIT = timedelta(days=1)
_LATER = (408, 425, 429)
_REFUSED = (400, 413, 422)


class Outcome(NamedTuple):
    """What became of a request."""

    verdict: Literal["taken", "known", "refused", "later"]
    """`known`: a duplicate is among them; `refused`: one of them is at fault, or their number;
    `later`: nothing is said about the fixes"""
    error: str | None = None
    wait: timedelta | None = None
    """As the other side asks"""


def post(forwarder: Any, fixes: Sequence[Any]) -> Outcome:
    """Send fixes (rows of `forward_batch`) to the server of a forwarder."""
    base = forwarder.address.rstrip("/")
    if forwarder.kind == "earthranger":
        url = f"{base}/api/v1.0/sensors/generic/{quote(forwarder.provider, safe='')}/status"
        headers = {"Authorization": f"Bearer {forwarder.token}"}
        said = [_for_earthranger(fix, forwarder.subject_type) for fix in fixes]
    else:
        url = f"{base}/v2/observations/"
        headers = {"apikey": forwarder.token}
        said = [_for_gundi(fix, forwarder.subject_type) for fix in fixes]
    try:
        answer = outgoing.post(url, json.dumps(said).encode(), headers)
    except outgoing.Unreached as error:
        return Outcome("later", str(error))
    who = f"{outgoing.host_of(url)} answered {answer.status}"
    if answer.good:
        if _is_an_answer(forwarder.kind, answer.body, len(fixes)):
            return Outcome("taken")
        return Outcome("later", f"{who}, but not as {forwarder.kind} does")
    if answer.status == 409:
        return Outcome("known", who)
    if answer.status in _REFUSED:
        return Outcome("refused", who)
    wait = None
    if answer.status in _LATER or answer.status >= 500:
        wait = _retry_after(answer.headers.get("retry-after"))
    return Outcome("later", who, wait)


def _for_earthranger(fix: Any, subject_type: str | None) -> dict[str, Any]:
    subject = {"subject_subtype": subject_type} if subject_type else {}
    return {
        "manufacturer_id": _source(fix),
        "source_type": "tracking-device",
        "subject_name": fix.name,
        **subject,
        "recorded_at": _time(fix),
        "location": {"lat": fix.lat, "lon": fix.lon},
        "additional": _additional(fix),
    }


def _for_gundi(fix: Any, subject_type: str | None) -> dict[str, Any]:
    subject = {"subject_type": subject_type} if subject_type else {}
    return {
        "source": _source(fix),
        "source_name": fix.name,
        "type": "tracking-device",
        **subject,
        "recorded_at": _time(fix),
        "location": {"lat": fix.lat, "lon": fix.lon},
        "additional": _additional(fix),
    }


def _source(fix: Any) -> str:
    """A collar on an animal: their servers tie a source to one subject."""
    return f"capra-{fix.collar}-{fix.animal}"


def _time(fix: Any) -> str:
    text: str = fix.recorded_at.astimezone(UTC).isoformat()
    return text


def _additional(fix: Any) -> dict[str, Any]:
    """What else is known of a fix; `precision_deg` is there where it is given coarsely."""
    said = {
        "record": f"{fix.collar}-{fix.generation}-{fix.record}",
        "altitude_m": fix.altitude_m,
        "accuracy_m": fix.accuracy_m,
        "precision_deg": 1 / fix.cells_per_degree if fix.cells_per_degree else None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _is_an_answer(kind: str, body: bytes, fixes: int) -> bool:
    """Whether it is one of such a server: a page of something in between is no receipt."""
    try:
        said = json.loads(body)
    except ValueError:
        return False
    if kind == "earthranger":
        return isinstance(said, dict)
    told = said if isinstance(said, list) else [said]
    ids = [isinstance(one, dict) and "object_id" in one for one in told]
    return len(ids) == fixes and all(ids)


def _retry_after(text: str | None) -> timedelta | None:
    """Out of seconds or a date; within bounds."""
    try:
        if text is None:
            return None
        if text.isascii() and text.isdigit():
            wait = timedelta(seconds=min(int(text), 10**6))
        else:
            wait = parsedate_to_datetime(text) - datetime.now(UTC)
    except (ValueError, TypeError):
        return None
    return min(max(wait, timedelta(seconds=1)), _LONGEST_WAIT)
