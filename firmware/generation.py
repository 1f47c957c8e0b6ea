"""Which log the records belong to: its generation, and whose log it is.

Block, two copies in each of two places: generation u32 | collar u16 | epoch u32. On one memory
generations only go up, so a slot of an older log never counts as one of the present log; for one
collar none comes twice, because each lies within the range of the key's epoch (wire/identity.py).
A new one is opened on the bench only, when the memory gets another collar's number or its history
is not known; a collar that has lost it everywhere waits for a new key.

    NoGeneration(StateError)   nothing tells which log this is
"""

import struct
from collections import namedtuple

from ._typing import TYPE_CHECKING
from .layout import (
    ADDRESS_GENERATION,
    ADDRESS_GENERATION_AGAIN,
    ADDRESS_LOG,
    SLOT_BYTES,
    SLOTS,
)
from .store import Pair, StateError
from .wire import identity

if TYPE_CHECKING:
    from .board import Fram

_FORMAT = "<IHI"
_BYTES = 10
_PLACES = (ADDRESS_GENERATION, ADDRESS_GENERATION_AGAIN)
_SEED = 0x1D02
_ERASED = 8  # slots read at once

#: The log in use: its generation, the collar it belongs to, the epoch of the key it was given.
Opened = namedtuple("Opened", ("generation", "collar", "epoch"))


class NoGeneration(StateError):
    """No whole copy of the generation."""

    def __init__(self) -> None:
        super().__init__("generation of the log is lost, expected a new key with a new epoch")


def load(fram: "Fram") -> "Opened | None":
    """Return the log in use, None when no copy in either place is whole."""
    found = [pair.load() for pair in _pairs(fram)]
    opened = [Opened(*struct.unpack(_FORMAT, data)) for data in found if data is not None]
    return max(opened) if opened else None


def store(fram: "Fram", opened: Opened) -> None:
    """Keep the log in use in all four copies."""
    data = struct.pack(_FORMAT, *opened)
    for pair in _pairs(fram):
        for _ in (0, 1):
            pair.store(data)


def read_generation(fram: "Fram", known: int) -> int:
    """Return the generation of the record log.

    Args:
        fram: the memory; a lost place is written again from the other one.
        known: the generation the state block remembers, 0 when it remembers none.

    Raises:
        NoGeneration: it is lost everywhere.
    """
    opened = load(fram)
    if opened is None:
        if not known:
            raise NoGeneration()
        return known
    for pair in _pairs(fram):
        if pair.load() is None:
            store(fram, opened)
    return int(max(known, opened.generation))


def following(generation: int, epoch: int) -> int:
    """Return the generation to open behind `generation` (0: none was ever used).

    Raises:
        StateError: the epoch has none left.
    """
    new = max(generation + 1, identity.first_generation(epoch))
    if new > identity.last_generation(epoch):
        raise StateError(
            "epoch is %d, expected at least %d: the memory has used generations up to %d"
            % (epoch, max(identity.epoch_of(generation), epoch + 1), generation)
        )
    return new


def erase_log(fram: "Fram") -> None:
    """Make every slot void, whatever its generation; for a memory whose history is not known."""
    void = bytes(4)
    for first in range(0, SLOTS, _ERASED):
        address = ADDRESS_LOG + first * SLOT_BYTES
        data = fram.read(address, _ERASED * SLOT_BYTES)
        for at in range(0, len(data), SLOT_BYTES):
            if data[at : at + 4] != void:
                fram.write(address + at, void)


def _pairs(fram: "Fram") -> "list[Pair]":
    return [Pair(fram, address, _BYTES, _SEED) for address in _PLACES]
