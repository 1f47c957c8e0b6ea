"""Two copies of a small block in FRAM, so that a power cut at any byte leaves one of them whole.

Copy layout: sequence u32 | payload | crc16 over both, seeded per block.

A store goes to the older copy in three writes: the sequence becomes 0 (the copy is void), payload
and CRC are written, then the new sequence. While the sequence is being cleared or written it is
smaller than the other copy's, whichever byte the cut falls on, so a torn copy loses by its number
already; the CRC only has to catch what wears out.

    StateError(ValueError)   the FRAM does not hold what the collar needs; subclasses say what
"""

import struct

from ._typing import TYPE_CHECKING
from .wire.crc import crc16

if TYPE_CHECKING:
    from .board import Fram

_OVERHEAD = 6


class StateError(ValueError):
    """The FRAM does not hold what the collar needs."""


class Pair:
    """A block of `size` payload bytes at `address`, held twice.

    Args:
        fram: the memory.
        address: of the first copy; the second follows it directly.
        size: payload bytes.
        seed: start value of the CRC, different for each block so that none is taken for another.
    """

    def __init__(self, fram: "Fram", address: int, size: int, seed: int) -> None:
        self._fram = fram
        self._address = address
        self._size = size
        self._seed = seed
        self.valid_copies = 0

    @property
    def length(self) -> int:
        """Bytes of FRAM both copies take."""
        return 2 * (self._size + _OVERHEAD)

    def load(self) -> "bytes | None":
        """Return the newest whole payload, None when neither copy is whole.

        Sets `valid_copies` to 0, 1 or 2.
        """
        return self._newest()[0]

    def previous(self) -> "bytes | None":
        """Return the older payload when both copies are whole, else None."""
        _, _, copy = self._newest()
        if self.valid_copies < 2:
            return None
        address = self._address + (1 - copy) * (self._size + _OVERHEAD)
        return self._fram.read(address + 4, self._size)

    def store(self, payload: bytes) -> None:
        """Replace the older copy; the newer one stays until this one is complete.

        Raises:
            ValueError: the payload has not the block's size.
        """
        if len(payload) != self._size:
            raise ValueError("block holds %d bytes, got %d" % (self._size, len(payload)))
        _, sequence, copy = self._newest()
        sequence += 1
        address = self._address + (1 - copy) * (self._size + _OVERHEAD)
        head = struct.pack("<I", sequence)
        crc = crc16(head + payload, self._seed)
        self._fram.write(address, b"\x00\x00\x00\x00")
        self._fram.write(address + 4, payload + struct.pack("<H", crc))
        self._fram.write(address, head)

    def undo(self) -> bool:
        """Make the older payload the newest again; returns False when it is not whole.

        It stays where it is: the newer one is void from the first byte written.
        """
        _, _, copy = self._newest()
        if self.valid_copies < 2:
            return False
        address = self._address + copy * (self._size + _OVERHEAD)
        self._fram.write(address, b"\x00\x00\x00\x00")
        return True

    def _newest(self) -> "tuple[bytes | None, int, int]":
        """Return payload, sequence and index (0, 1) of the newest whole copy."""
        best: "tuple[bytes | None, int, int]" = (None, 0, 1)
        self.valid_copies = 0
        for copy in (0, 1):
            data = self._fram.read(
                self._address + copy * (self._size + _OVERHEAD), self._size + _OVERHEAD
            )
            sequence = struct.unpack_from("<I", data, 0)[0]
            crc = struct.unpack_from("<H", data, self._size + 4)[0]
            if sequence == 0 or crc16(data[: self._size + 4], self._seed) != crc:
                continue
            self.valid_copies += 1
            if sequence > best[1]:
                best = (data[4 : self._size + 4], sequence, copy)
        return best
