"""Who a collar is and its key: two copies, written on the bench; and the key it may get next.

NoIdentity(StateError)   not provisioned, or both copies damaged
"""

import struct
from collections import namedtuple

from ._typing import TYPE_CHECKING
from .layout import ADDRESS_IDENTITY, ADDRESS_NEXT_IDENTITY
from .store import StateError
from .wire.crc import crc16
from .wire.identity import MAX_EPOCH

if TYPE_CHECKING:
    from .board import Fram

_MAGIC = b"CAP1"
_BYTES = 28  # magic 4, collar u16, epoch u32, key 16, crc u16
_STRIDE = 32

Identity = namedtuple("Identity", ("collar", "epoch", "key"))


class NoIdentity(StateError):
    """No whole copy of the identity."""

    def __init__(self) -> None:
        super().__init__("no identity in FRAM, expected a collar provisioned with write_identity")


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
        found = _read_copy(fram, ADDRESS_IDENTITY + copy * _STRIDE)
        if found is not None:
            return found
    raise NoIdentity()


def _read_copy(fram: "Fram", address: int) -> "Identity | None":
    data = fram.read(address, _BYTES)
    crc = struct.unpack_from("<H", data, _BYTES - 2)[0]
    if data[:4] != _MAGIC or crc16(data[: _BYTES - 2]) != crc:
        return None
    collar, epoch = struct.unpack_from("<HI", data, 4)
    return Identity(collar, epoch, data[10:26])


def _write_copy(fram: "Fram", address: int, identity: bytes) -> None:
    fram.write(address, bytes(len(_MAGIC)))
    fram.write(address + len(_MAGIC), identity[len(_MAGIC) :])
    fram.write(address, _MAGIC)  # last: before, it would revive the old identity


def hold_identity(fram: "Fram", collar: int, epoch: int, key: bytes) -> None:
    """Provision the key that an order may put in force later (`advance_identity`).

    Raises:
        StateError: a value out of range.
    """
    write_copies(fram, pack_identity(collar, epoch, key), ADDRESS_NEXT_IDENTITY)


def advance_identity(fram: "Fram", epoch: int) -> bool:
    """Put the held key in force from the next wake on; False when there is none of this epoch.

    At every moment a whole copy of the old or of the new identity is there. Log, generation and
    nonce counter go on as they are.
    """
    old = read_identity(fram)
    held = None
    for copy in (0, 1):
        held = held or _read_copy(fram, ADDRESS_NEXT_IDENTITY + copy * _STRIDE)
    if held is None or held.collar != old.collar or not old.epoch < held.epoch == epoch:
        return False
    second = ADDRESS_IDENTITY + _STRIDE
    if _read_copy(fram, second) != old:
        _write_copy(fram, second, pack_identity(*old))
    write_copies(fram, pack_identity(*held))
    return True


def invalidate(fram: "Fram") -> None:
    """Take the identity away."""
    for copy in (0, 1):
        fram.write(ADDRESS_IDENTITY + copy * _STRIDE, bytes(len(_MAGIC)))


def write_copies(fram: "Fram", identity: bytes, address: int = ADDRESS_IDENTITY) -> None:
    """Write both copies, one after the other."""
    for copy in (0, 1):
        _write_copy(fram, address + copy * _STRIDE, identity)
