"""What can go wrong in the backend, without a word of HTTP (that table is in `problems.py`).

```
BackendError
├── NotFound                no such animal, collar, home range, corridor
├── BadRequest              input that cannot be meant: name, value, what was expected
│   └── UnknownParameter    a query parameter this operation does not have
├── CannotCompute           the data do not allow what was asked (too few fixes, ...)
├── Unauthenticated         no credential, or one that is not good
├── Forbidden               known, but not allowed to do this
├── TooMany                 more requests than allowed; says when to come again
│   └── TooManyWaiting      more computations asked for than one may have waiting
├── Busy                    too many of such requests are under way
├── Conflict                it contradicts what is stored (overlap, a name taken)
├── Changed                 another changed it since it was read (If-Match)
└── NotReady                the database has no tables yet
```
"""

from __future__ import annotations


class BackendError(Exception):
    """Base of everything the backend raises itself."""


class NotFound(BackendError):
    """No such thing."""

    def __init__(self, kind: str, value: object) -> None:
        self.kind = kind
        self.value = value
        super().__init__(f"no {kind} {value}")


class BadRequest(BackendError):
    """Input that cannot be meant."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        self.name = name
        self.value = value
        self.expected = expected
        super().__init__(f"{name} = {_shown(value)}: expected {expected}")


class UnknownParameter(BadRequest):
    """A query parameter this operation does not have."""

    def __init__(self, name: str, value: object, known: list[str]) -> None:
        names = ", ".join(known) if known else "no parameters"
        super().__init__(name, value, names)
        self.args = (f"unknown parameter {name!r}: expected {names}",)


class CannotCompute(BackendError):
    """The stored data do not allow what was asked; the message says why."""


class Unauthenticated(BackendError):
    """No credential where one is needed, or one that is not good."""


class Forbidden(BackendError):
    """Who asks is known, and may not do this."""


class TooMany(BackendError):
    """More requests than allowed."""

    def __init__(self, per_minute: int, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            f"more than {per_minute} requests a minute: expected the next after {retry_after_s} s"
        )


class TooManyWaiting(TooMany):
    """More computations asked for than one caller may have waiting."""

    def __init__(self, most: int, retry_after_s: int) -> None:
        self.retry_after_s = retry_after_s
        BackendError.__init__(
            self, f"{most} computations wait for this caller: expected one of them to end first"
        )


class Busy(BackendError):
    """Too many of such requests are under way; the message says which."""


class TooLarge(BackendError):
    """A body of more bytes than are taken."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(f"the body is too large: expected at most {most_bytes} bytes, unpacked")


class Conflict(BackendError):
    """It contradicts what is stored; the message says what."""


class Changed(BackendError):
    """Another changed it since it was read."""

    def __init__(self, etag: str) -> None:
        super().__init__(f"it changed since it was read: its ETag is now {etag}")


class NotReady(BackendError):
    """The database has no tables yet."""


def _shown(value: object) -> str:
    """The value as its sender will know it again, however long."""
    text = repr(value)
    return text if len(text) <= 100 else text[:80] + "…"
