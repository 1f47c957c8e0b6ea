"""Who a collar is, and the numbers it must never use twice; with `State`, all it remembers.

A nonce counter is taken by storing its successor before it is used; what else may be lost, no
counter comes twice. If both copies of it are lost the collar stays silent until it is given a new
key with a new epoch. The generation of its log is in generation.py.

    StateError(ValueError)
    ├── NoIdentity     not provisioned, or both copies damaged (identity.py)
    ├── NoCounter      the nonce counter is lost: nothing may be sealed under this key
    └── NoGeneration   nothing tells which log this is (generation.py)
"""

import struct
from collections import namedtuple

from . import generation
from ._typing import TYPE_CHECKING
from .block import State
from .generation import NoGeneration, read_generation
from .identity import (
    Identity,
    NoIdentity,
    advance_identity,
    hold_identity,
    invalidate,
    pack_identity,
    read_identity,
    write_copies,
)
from .layout import (
    ADDRESS_ATTEMPTS,
    ADDRESS_BITMAP,
    ADDRESS_COUNTER,
    ADDRESS_LEDGER,
)
from .store import Pair, StateError

if TYPE_CHECKING:
    from .board import Fram

__all__ = [
    "Identity",
    "NoCounter",
    "NoGeneration",
    "NoIdentity",
    "State",
    "StateError",
    "advance_identity",
    "begin_wake",
    "end_wake",
    "hold_identity",
    "pack_identity",
    "read_generation",
    "read_identity",
    "take_counter",
    "write_identity",
]


_COUNTER_MAX = 0xFFFFFFFF
_SEED_COUNTER = 0x1D01
_COUNTER = "<II"
_COUNTER_BYTES = 8

_Counted = namedtuple("_Counted", ("counter", "epoch"))


class NoCounter(StateError):
    """No whole copy of the nonce counter, or it is used up."""

    def __init__(self, what: str = "lost") -> None:
        super().__init__("nonce counter %s, expected a new key with a new epoch" % what)


def write_identity(fram: "Fram", collar: int, epoch: int, key: bytes) -> None:
    """Provision: make this FRAM the memory of `collar` under `key`.

    The nonce counter goes on where it was, and starts at 1 on a blank chip. The log is kept while
    the collar's number stays; another number opens another generation. A blank chip starts with
    the first generation of the epoch, so a collar whose memory or board was replaced must be given
    a new key with a new epoch; what a blank chip was delivered with is cleared. Until the last
    byte is written the collar has no identity and only sleeps. Giving the same identity again
    changes nothing.

    Raises:
        StateError: a value out of range, an epoch older than the memory's, or one that has no
            generation left.
        NoCounter: the memory has lost its counter, and the epoch is not a new one.
    """
    identity = pack_identity(collar, epoch, key)
    try:
        old: "Identity | None" = read_identity(fram)
    except NoIdentity:
        old = None
    opened = generation.load(fram)
    counted = _load_counter(fram)
    epochs = [known.epoch for known in (old, opened, counted) if known is not None]
    if epochs and epoch < max(epochs):
        raise StateError(
            "epoch is %d, expected at least %d, the memory's present one" % (epoch, max(epochs))
        )
    if counted is None and epoch in epochs:
        raise NoCounter()
    used = _used_generation(fram, opened)
    owner = opened or old  # whose log it is
    kept = used and owner is not None and owner.collar == collar
    new = used if kept else generation.following(used, epoch)
    if old is None or pack_identity(*old) != identity:
        invalidate(fram)
    if counted is None and not epochs and not used:
        _clear(fram, ADDRESS_ATTEMPTS, 1)
        _clear(fram, ADDRESS_LEDGER, ADDRESS_BITMAP - ADDRESS_LEDGER)
    if counted is None or counted.epoch != epoch:
        next_counter = 1 if counted is None else counted.counter
        for _ in (0, 1):
            _counter_pair(fram).store(struct.pack(_COUNTER, next_counter, epoch))
    if not used:
        generation.erase_log(fram)
    generation.store(fram, generation.Opened(new, collar, epoch))
    write_copies(fram, identity)


def _used_generation(fram: "Fram", opened: "generation.Opened | None") -> int:
    """Return the newest generation this memory has used, 0 when nothing tells of one."""
    state = State()
    state.load(fram)
    return max(state.generation, opened.generation if opened is not None else 0)


def _clear(fram: "Fram", address: int, count: int) -> None:
    """Make `count` bytes zero, in pieces a small heap can hold."""
    while count:
        piece = min(count, 64)
        if fram.read(address, piece) != bytes(piece):
            fram.write(address, bytes(piece))
        address += piece
        count -= piece


def _counter_pair(fram: "Fram") -> Pair:
    return Pair(fram, ADDRESS_COUNTER, _COUNTER_BYTES, _SEED_COUNTER)


def _load_counter(fram: "Fram") -> "_Counted | None":
    """Return the next counter; when one copy is not whole it may have been the newer: one on."""
    pair = _counter_pair(fram)
    data = pair.load()
    if data is None:
        return None
    counter, epoch = struct.unpack(_COUNTER, data)
    return _Counted(counter + (0 if pair.valid_copies == 2 else 1), epoch)


def take_counter(fram: "Fram") -> int:
    """Return a nonce counter that was never returned before; its successor is stored first.

    Raises:
        NoCounter: both copies are lost, or all numbers are used.
    """
    counted = _load_counter(fram)
    if counted is None:
        raise NoCounter()
    counter: int = counted.counter
    if counter >= _COUNTER_MAX:
        raise NoCounter("used up")
    _counter_pair(fram).store(struct.pack(_COUNTER, counter + 1, counted.epoch))
    return counter


def begin_wake(fram: "Fram") -> int:
    """Count this wake as begun; returns how many in a row are not completed, with this one.

    After 255 comes 254: who looks for even numbers goes on finding them.
    """
    attempts = fram.read(ADDRESS_ATTEMPTS, 1)[0] + 1
    if attempts > 255:
        attempts = 254
    fram.write(ADDRESS_ATTEMPTS, bytes((attempts,)))
    return attempts


def end_wake(fram: "Fram") -> None:
    """Count the wake as completed."""
    fram.write(ADDRESS_ATTEMPTS, b"\x00")
