"""Who a collar is, and the numbers it must never use twice; with `State`, all it remembers.

A nonce counter is taken by storing its successor before it is used; what else may be lost, no
counter comes twice. If both copies of it are lost the collar stays silent until it is given a new
key with a new epoch. The generation of its log is in generation.py.

    StateError(ValueError)
    ├── NoIdentity     not provisioned, or both copies damaged
    ├── NoCounter      the nonce counter is lost: nothing may be sealed under this key
    └── NoGeneration   nothing tells which log this is (generation.py)
"""

import struct
from collections import namedtuple

from . import generation
from ._typing import TYPE_CHECKING
from .block import State
from .generation import NoGeneration, read_generation
from .layout import (
    ADDRESS_ATTEMPTS,
    ADDRESS_BITMAP,
    ADDRESS_COUNTER,
    ADDRESS_IDENTITY,
    ADDRESS_LEDGER,
)
from .store import Pair, StateError
from .wire.crc import crc16
from .wire.identity import MAX_EPOCH

if TYPE_CHECKING:
    from .board import Fram

__all__ = [
    "Identity",
    "NoCounter",
    "NoGeneration",
    "NoIdentity",
    "State",
    "StateError",
    "begin_wake",
    "end_wake",
    "pack_identity",
    "read_generation",
    "read_identity",
    "take_counter",
    "write_identity",
]


_MAGIC = b"CAP1"
_IDENTITY_BYTES = 28  # magic 4, collar u16, epoch u32, key 16, crc u16
_IDENTITY_STRIDE = 32
_COUNTER_MAX = 0xFFFFFFFF
_SEED_COUNTER = 0x1D01
_COUNTER = "<II"
_COUNTER_BYTES = 8

Identity = namedtuple("Identity", ("collar", "epoch", "key"))
_Counted = namedtuple("_Counted", ("counter", "epoch"))


class NoIdentity(StateError):
    """No whole copy of the identity."""

    def __init__(self) -> None:
        super().__init__("no identity in FRAM, expected a collar provisioned with write_identity")


class NoCounter(StateError):
    """No whole copy of the nonce counter, or it is used up."""

    def __init__(self, what: str = "lost") -> None:
        super().__init__("nonce counter %s, expected a new key with a new epoch" % what)


def pack_identity(collar: int, epoch: int, key: bytes) -> bytes:
    """Return the 28 bytes of one copy of the identity.

    Args:
        collar: 1..65535.
        epoch: 0..8388607, raised with every new key.
        key: 16 bytes, AES-128.

    Raises:
        StateError: a value out of range (the key itself is never shown).
    """
    if not 1 <= collar <= 0xFFFF:
        raise StateError("collar is %r, expected 1..65535" % (collar,))
    if not 0 <= epoch <= MAX_EPOCH:
        raise StateError("epoch is %r, expected 0..%d" % (epoch, MAX_EPOCH))
    if len(key) != 16:
        raise StateError("key has %d bytes, expected 16" % len(key))
    data = _MAGIC + struct.pack("<HI", collar, epoch) + bytes(key)
    return data + struct.pack("<H", crc16(data))


def read_identity(fram: "Fram") -> Identity:
    """Return who this collar is.

    Raises:
        NoIdentity: neither copy is whole.
    """
    for copy in (0, 1):
        data = fram.read(ADDRESS_IDENTITY + copy * _IDENTITY_STRIDE, _IDENTITY_BYTES)
        crc = struct.unpack_from("<H", data, _IDENTITY_BYTES - 2)[0]
        if data[:4] == _MAGIC and crc16(data[: _IDENTITY_BYTES - 2]) == crc:
            collar, epoch = struct.unpack_from("<HI", data, 4)
            return Identity(collar, epoch, data[10:26])
    raise NoIdentity()


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
        _invalidate_identity(fram)
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
    for copy in (0, 1):
        address = ADDRESS_IDENTITY + copy * _IDENTITY_STRIDE
        fram.write(address + len(_MAGIC), identity[len(_MAGIC) :])
        fram.write(address, _MAGIC)  # last: before, it would revive the old identity


def _used_generation(fram: "Fram", opened: "generation.Opened | None") -> int:
    """Return the newest generation this memory has used, 0 when nothing tells of one."""
    state = State()
    state.load(fram)
    return max(state.generation, opened.generation if opened is not None else 0)


def _invalidate_identity(fram: "Fram") -> None:
    for copy in (0, 1):
        fram.write(ADDRESS_IDENTITY + copy * _IDENTITY_STRIDE, bytes(4))


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
