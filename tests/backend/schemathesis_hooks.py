"""What Schemathesis is told beside the description: how to sign in, and what a 400 may be for."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import schemathesis

from tests.backend.factories import bearer, key_for

RULES = (
    "'from' before 'to'",
    "a time before 'to' (",
    "'animal' or 'collar', not both",
    "'animals' or 'study', one of them",
    "the value out of a next link",
    "west,south,east,north in degrees",
    "collar-generation-record, such as",
    "an RFC 3339 time such as",
    "a time such as 2026-06-01T06:00:00Z, or two with / between",
    "a header line, then a row a line",
    "the number of a fence, for kind 'fence' only",
    "of kind '",
    "one value, in plain characters",
    "no character U+0000",
    "the provider key, of kind 'earthranger' only",
    "for ",
    "String should match pattern",
    "an address that begins with https://",
    "an address without a password",
)
"""What descriptions cannot say: rules between members, and forms of text that no pattern holds.

A request that is good by the description may be refused with 400 for these alone; `expected` of
the problem document begins with one of them.
"""


_OF_A_FILE = re.compile(r"line \d+: ")
"""What is wrong with rows, which the description calls text"""
_WHOLE = re.compile(r"= -?[\de.+]*\.0?(e\+?\d+)?: expected a valid integer")
"""Bodies take 1 for a whole number and not 1.0, as JSON Schema would"""


@schemathesis.hook
def before_load_schema(context: Any, schema: dict[str, Any]) -> None:
    """OGC API - Features wants a maximum described, and more than it served as the maximum."""
    limit = schema["components"].get("parameters", {}).get("limit")
    if limit:
        del limit["schema"]["maximum"]


@schemathesis.auth(refresh_interval=5, retry_on=[401])
class Administrator:
    """A new administrator every few seconds: requests revoke keys and take roles away."""

    def get(self, case: Any, context: Any) -> str:
        """Their key."""
        return key_for(os.environ["CAPRA_ASKED_DATABASE"])

    def set(self, case: Any, data: str, context: Any) -> None:
        """Show it."""
        case.headers = {**(case.headers or {}), **bearer(data)}


@schemathesis.check
def refusals_of_good_requests_follow_a_rule(ctx: Any, response: Any, case: Any) -> None:
    """A 400 to a request that is good by the description names one of `RULES`."""
    meta = case.meta
    if response.status_code != 400 or meta is None or not meta.generation.mode.is_positive:
        return
    if "unexpected" in type(meta.phase.data).__name__.lower():
        return
    problem = json.loads(response.content)
    if _OF_A_FILE.match(problem["detail"]) or _WHOLE.search(problem["detail"]):
        return
    expected = problem.get("expected") or ""
    assert expected.startswith(RULES), f"refused for a rule that no list has: {response.text}"
