"""Numbers of ours as the UUIDs that EarthRanger's clients expect, and back.

UUIDs of version 8 (RFC 9562, section 5.8) that hold what they stand for: nothing has to be stored.
"""

from __future__ import annotations

from typing import Literal
from uuid import NAMESPACE_URL, UUID, uuid5

from backend.errors import NotFound

Kind = Literal["subject", "source", "assignment", "group", "user"]
_KINDS: tuple[Kind, ...] = ("subject", "source", "assignment", "group", "user")
_NAME = int.from_bytes(b"capra\0", "big")
_VERSION, _VARIANT = 8, 2
_NUMBERS = 1 << 62


def to_uuid(kind: Kind, number: int) -> str:
    """The UUID of a number (0 to 2^62 - 1)."""
    high = _NAME << 16 | _VERSION << 12 | _KINDS.index(kind) + 1
    return str(UUID(int=high << 64 | _VARIANT << 62 | number))


def from_uuid(kind: Kind, text: str) -> int:
    """The number of a UUID.

    Raises:
        NotFound: it is none of this kind.
    """
    try:
        number = UUID(text).int % _NUMBERS
        in_range = kind != "source" or number < 1 << 31  # as collars have
        if in_range and to_uuid(kind, number) == str(UUID(text)):
            return number
    except ValueError:
        pass
    raise NotFound(kind, text)


def of_fix(collar: int, generation: int, record: int) -> str:
    """The UUID of a fix, the same for ever; it does not lead back."""
    return str(uuid5(NAMESPACE_URL, f"capra:fix:{collar}-{generation}-{record}"))
