"""Pages of a collection: features as text, and where the page before ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from backend.errors import BadRequest

T = TypeVar("T")


class Page(NamedTuple):
    """Features as text, separated by commas, and where the next page begins."""

    features: bytes
    returned: int
    onward: str | None = None


def natural(text: str) -> int:
    """The number of a key; 0, which no key is, for anything else."""
    fits = text.isascii() and text.isdigit() and len(text) < 19
    return int(text) if fits else 0


def parsed(text: str, parse: Callable[[str], T]) -> T:
    """Where the page before ended.

    Raises:
        BadRequest: it is no value that a link has.
    """
    try:
        return parse(text)
    except ValueError:
        raise BadRequest("after", text, "the value out of a next link") from None


def number(text: str) -> int:
    """A number.

    Raises:
        ValueError: anything else.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ValueError(text)
    return int(text)


def collar(text: str) -> int:
    """The number of a collar.

    Raises:
        ValueError: anything else.
    """
    if (found := number(text)) >= 2**31:
        raise ValueError(text)
    return found


def pair(text: str) -> tuple[int, float]:
    """A number and what of it came last, such as 7.95.0.

    Raises:
        ValueError: anything else.
    """
    first, _, level = text.partition(".")
    if not level.replace(".", "", 1).isdigit() or not level.isascii():
        raise ValueError(text)
    return number(first), float(level)
