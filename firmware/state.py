"""Who a collar is, and the numbers it must never use twice; with `State`, all it remembers.

A nonce counter is taken by storing its successor before it is used; what else may be lost, no
counter comes twice. If both copies of it are lost the collar stays silent until it is given a new
key. A generation number is given up only when it is lost or the collar gets another number; the
new one is taken from the nonce counter, so that it has never been used before.

    StateError(ValueError)
    ├── NoIdentity   not provisioned, or both copies damaged
    └── NoCounter    the nonce counter is lost: nothing may be sealed under this key
"""

import struct
from collections import namedtuple

from ._typing import TYPE_CHECKING
from .block import State
from .layout import (
    ADDRESS_ATTEMPTS,
    ADDRESS_BITMAP,
    ADDRESS_COUNTER,
    ADDRESS_GENERATION,
    ADDRESS_IDENTITY,
    ADDRESS_LEDGER,
)
from .store import Pair
from .wire.crc import crc16

if TYPE_CHECKING:
    from .board import Fram

__all__ = [
    "Identity",
    "NoCounter",
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
_SEED_GENERATION = 0x1D02

Identity = namedtuple("Identity", ("collar", "epoch", "key"))


class StateError(ValueError):
    """The FRAM does not hold what the collar needs."""


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
        epoch: u32, raised with every new key.
        key: 16 bytes, AES-128.

    Raises:
        StateError: a value out of range (the key itself is never shown).
    """
    if not 1 <= collar <= 0xFFFF:
        raise StateError("collar is %r, expected 1..65535" % (collar,))
    if not 0 <= epoch <= 0xFFFFFFFF:
        raise StateError("epoch is %r, expected 0..4294967295" % (epoch,))
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

    The nonce counter goes on where it was, and starts at 1 on a blank chip. The log is kept,
    unless the collar's number changes: then a new generation begins. Until the last byte is
    written the collar has no identity and only sleeps. Giving the same identity again changes
    nothing.

    Raises:
        StateError: a value out of range.
        NoCounter: the same key and epoch are given again, but their counter is lost.
    """
    identity = pack_identity(collar, epoch, key)
    try:
        old: "Identity | None" = read_identity(fram)
    except NoIdentity:
        old = None
    counter = _counter_pair(fram)
    if counter.load() is None:
        if old is not None and old.epoch == epoch and old.key == bytes(key):
            raise NoCounter()
        _invalidate_identity(fram)
        _clear(fram, ADDRESS_ATTEMPTS, 1)  # what a new chip is delivered with
        _clear(fram, ADDRESS_LEDGER, ADDRESS_BITMAP - ADDRESS_LEDGER)
        for _ in (0, 1):
            counter.store(struct.pack("<I", 1))
    generation = _generation_pair(fram)
    if generation.load() is None:
        for _ in (0, 1):
            generation.store(struct.pack("<I", 1))
    elif old is not None and old.collar != collar:
        generation.store(struct.pack("<I", take_counter(fram) + 1))
    if old is None or pack_identity(*old) != identity:
        _invalidate_identity(fram)
    for copy in (0, 1):
        fram.write(ADDRESS_IDENTITY + copy * _IDENTITY_STRIDE, identity)


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
    return Pair(fram, ADDRESS_COUNTER, 4, _SEED_COUNTER)


def _generation_pair(fram: "Fram") -> Pair:
    return Pair(fram, ADDRESS_GENERATION, 4, _SEED_GENERATION)


def take_counter(fram: "Fram") -> int:
    """Return a nonce counter that was never returned before; its successor is stored first.

    When one copy is not whole it may have been the newer one, so one number is passed over.

    Raises:
        NoCounter: both copies are lost, or all numbers are used.
    """
    pair = _counter_pair(fram)
    data = pair.load()
    if data is None:
        raise NoCounter()
    counter: int = struct.unpack("<I", data)[0]
    if pair.valid_copies < 2:
        counter += 1
    if counter >= _COUNTER_MAX:
        raise NoCounter("used up")
    pair.store(struct.pack("<I", counter + 1))
    return counter


def read_generation(fram: "Fram", known: int) -> int:
    """Return the generation of the record log; restores it or opens a new one when it is lost.

    Args:
        fram: the memory.
        known: the generation the state block remembers, 0 when it remembers none.

    Raises:
        NoCounter: a new generation is needed and no unused number is left to name it.
    """
    pair = _generation_pair(fram)
    data = pair.load()
    if data is not None:
        generation: int = struct.unpack("<I", data)[0]
        return generation
    generation = known if known else take_counter(fram) + 1
    pair.store(struct.pack("<I", generation))
    return generation


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
