"""The receiver's own navigation data in FRAM, from one search to the next.

Block: saved_at_s u32 | length u16 | crc16 of the data | data: UBX frames as the receiver gave
them.
Before new data are written the length becomes 0, after them comes the head; so a power cut leaves
the old data, none, or the new.
"""

import struct

from ._typing import TYPE_CHECKING
from .layout import ADDRESS_NAVIGATION, NAVIGATION_BYTES
from .wire.crc import crc16

if TYPE_CHECKING:
    from .board import Fram

_HEAD = "<IHH"
_HEAD_BYTES = 8
_CHUNK = 128
_SEED = 0x1D06


class Writer:
    """Takes messages one by one; `end` makes them count."""

    def __init__(self, fram: "Fram") -> None:
        self._fram = fram
        self._length = 0
        self._crc = _SEED

    def keep(self, message: bytes) -> None:
        """Add a message, unless there is no room."""
        if not self._length:
            self._fram.write(ADDRESS_NAVIGATION, bytes(_HEAD_BYTES))
        if self._length + len(message) <= NAVIGATION_BYTES - _HEAD_BYTES:
            self._fram.write(ADDRESS_NAVIGATION + _HEAD_BYTES + self._length, message)
            self._crc = crc16(message, self._crc)
            self._length += len(message)

    def end(self, now_s: int) -> bool:
        """Make what was kept count; returns whether there was anything."""
        if self._length:
            head = struct.pack(_HEAD, now_s, self._length, self._crc)
            self._fram.write(ADDRESS_NAVIGATION, head)
        return self._length > 0


class Reader:
    """Gives back what was kept, in pieces; nothing when it is not whole."""

    def __init__(self, fram: "Fram") -> None:
        self._fram = fram
        self._at = 0
        _, self._length, crc = struct.unpack(_HEAD, fram.read(ADDRESS_NAVIGATION, _HEAD_BYTES))
        if self._length > NAVIGATION_BYTES - _HEAD_BYTES:
            self._length = 0
        value = _SEED
        while self._at < self._length:
            value = crc16(self.next(), value)
        self._at = 0
        if value != crc:
            self._length = 0

    def next(self) -> bytes:
        """Return the next piece, b"" at the end."""
        count = min(_CHUNK, self._length - self._at)
        data = self._fram.read(ADDRESS_NAVIGATION + _HEAD_BYTES + self._at, count)
        self._at += count
        return data
