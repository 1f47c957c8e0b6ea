"""What can go wrong between Capra and its database, in one place.

```
DatabaseError
├── BadAddress              a database URL that can never work
├── MigrationError          a migration cannot be applied
├── UnknownQuery            no named query of that name
└── IngestError
    ├── BadRow              one row can never be stored: field, value, what was expected
    └── BusyConnection      the connection is already inside a transaction
```

Errors of the driver (`psycopg.Error`) pass through unchanged: they say best whether trying again
helps. `describe` says any of them in one line that may be shown and logged.
"""

import difflib
import re

import psycopg
from psycopg import pq

_QUOTED = re.compile(
    r"\".*\"|'.*'", re.DOTALL
)  # from the first to the last: a value may hold quotes
_KEYWORD = re.compile(r"(?:connection option|URI query parameter:?) \"(.*)\"")
_PREFIX = re.compile(r"^(- host: .*?: )?(connection failed|connection is bad|consuming.*?): ")
_MALFORMED = {
    'missing "=" after': "neither a URL nor keyword=value pairs",
    "IPv6 host": "an address in [ ] that is not whole",
    "percent-encoded token": "a % that begins no %XX (% itself is %25)",
    "forbidden value %00": "a %00, which nothing may hold",
    "unexpected spaces": "a blank (it is %20)",
    "unterminated quoted string": "a quote that is never closed",
    "query parameter": "a parameter after the ? that is not name=value",
}


class DatabaseError(Exception):
    """Base of everything this folder raises itself."""


class BadAddress(DatabaseError, ValueError):
    """A database URL or DSN that can never work; the message holds nothing of it but what is safe.

    Args:
        fault: what is wrong, without any value: it may be part of a password.
    """

    def __init__(self, fault: str) -> None:
        self.fault = fault
        super().__init__(
            f"the database URL cannot be used: {fault}; expected one like "
            "postgresql://USER@HOST:5432/DATABASE, with @ : / ? % in its parts written as %XX"
        )


class MigrationError(DatabaseError):
    """A migration cannot be applied."""


class UnknownQuery(DatabaseError):
    """No named query of that name."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name = name
        super().__init__(f"no query named {name!r}; known: {', '.join(sorted(known))}")


class RegistryError(DatabaseError, ValueError):
    """The registry of collars, animals and deployments refuses an entry."""


class IngestError(DatabaseError):
    """A batch cannot be loaded."""


class BadRow(IngestError, ValueError):
    """One row can never be stored; nothing of its batch was.

    Attributes:
        row: the row itself, so that the caller can drop the frame it came from.
        field: name of the field at fault.
        value: its value.
        expected: what would have been accepted.
    """

    def __init__(self, row: tuple[object, ...], field: str, value: object, expected: str) -> None:
        self.row = row
        self.field = field
        self.value = value
        self.expected = expected
        super().__init__(f"{type(row).__name__}.{field} = {value!r}: expected {expected}")


class BusyConnection(IngestError):
    """The connection is already inside a transaction; loading needs one of its own."""


def describe(error: BaseException) -> str:
    """Say in one line what went wrong, without a password, a URL or an advice of several lines.

    What libpq says of a URL it cannot read quotes that URL, password and all: of such an error
    only the kind of the fault is told.
    """
    if not isinstance(error, psycopg.Error):
        return _first_line(str(error)) or type(error).__name__
    if error.diag.message_primary:
        return _first_line(error.diag.message_primary)
    text = str(error)
    if isinstance(error, psycopg.ProgrammingError):  # not a word of a server: of a URL, mostly
        fault = _kind(text)
        return str(BadAddress(fault)) if fault else _first_line(_QUOTED.sub("...", text))
    line = _first_line(text) or type(error).__name__
    if line.startswith(("invalid ", "could not match")):  # a value of the URL
        return str(BadAddress(_QUOTED.sub("...", line)))
    return line


def malformed(text: str) -> str:
    """Say what libpq finds wrong in a URL, in words that hold nothing of it."""
    return _kind(text) or _QUOTED.sub("...", text).strip()


def _kind(text: str) -> str | None:
    if keyword := _KEYWORD.search(text):
        known = [option.keyword.decode() for option in pq.Conninfo.get_defaults()]
        close = difflib.get_close_matches(keyword[1], known, 1)
        return "an unknown keyword" + (f" (is {close[0]} meant?)" if close else "")
    return next((words for part, words in _MALFORMED.items() if part in text), None)


def _first_line(text: str) -> str:
    """The first line; where several servers were tried, what each of them said."""
    lines = text.strip().splitlines()
    tried = [line for line in lines[1:] if line.startswith("- host: ")] or lines[:1]
    return "; ".join(_PREFIX.sub("", line).strip() for line in tried)
