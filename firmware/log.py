"""The collar's record log: a ring of fixed slots in FRAM that no power cut can tear.

Slot, 24 bytes: record u32 | recorded_at_s u32 | kind u8 | payload 13 | crc16.

The CRC starts from the generation, so slots of another generation are empty slots. A record is
appended in four writes: its slot's number becomes 0, its acknowledged bit is cleared, the rest of
the slot is written, then the number. Until the last byte of the number the slot is void; from then
on it is committed, and its bit cannot be stale. Record r lies in slot (r - 1) mod slots: after a
reset the newest is found by binary search, or from the last committed number on when the state
remembers one.

A bit that is cut short is a record sent once more; bits are only set for what a station named.

What the payload holds, per kind, is in payload.py.
"""

import struct

from ._typing import TYPE_CHECKING
from .layout import ADDRESS_BITMAP, ADDRESS_LOG, SLOT_BYTES
from .layout import SLOTS as SLOTS
from .payload import PAYLOAD_BYTES, Slot
from .payload import decode as decode
from .payload import known as known
from .payload import pack_fix as pack_fix
from .payload import pack_status as pack_status
from .wire.crc import crc16

if TYPE_CHECKING:
    from .board import Fram

_CHUNK = 32  # bytes of the bitmap read at once
_ALL = b"\xff" * _CHUNK


class Log:
    """The records of one generation.

    Args:
        fram: the memory.
        generation: of the log; slots of others do not exist.
        newest: a record number known to be committed, 0 when none is known.
        slots: size of the ring, a multiple of 8; smaller ones are for tests.
    """

    def __init__(self, fram: "Fram", generation: int, newest: int = 0, slots: int = SLOTS) -> None:
        self._fram = fram
        self._seed = crc16(struct.pack("<I", generation))
        self._slots = slots
        self._chunk = b""
        self._chunk_at = -1
        self.dropped = 0  # records that left the ring before any station had them
        self.newest = self._advance(newest) if newest else self._search()

    @property
    def oldest(self) -> int:
        """Oldest record still held; one slot is kept free for the record being written."""
        return max(1, self.newest - self._slots + 2)

    def append(self, kind: int, recorded_at_s: int, payload: bytes) -> int:
        """Commit a record; returns its number, the first is 1.

        Raises:
            ValueError: the payload has not 13 bytes.
        """
        if len(payload) != PAYLOAD_BYTES:
            raise ValueError("payload has %d bytes, expected %d" % (len(payload), PAYLOAD_BYTES))
        record = self.newest + 1
        leaving = record - self._slots + 1
        if leaving >= 1 and not self._acknowledged(leaving):
            self.dropped += 1
        address = self._address(record)
        head = struct.pack("<I", record)
        body = struct.pack("<IB", recorded_at_s, kind) + payload
        crc = crc16(head + body, self._seed)
        self._fram.write(address, b"\x00\x00\x00\x00")
        self._set_bits(record, 1, 0)
        self._fram.write(address + 4, body + struct.pack("<H", crc))
        self._fram.write(address, head)
        self.newest = record
        return record

    def read(self, record: int) -> "Slot | None":
        """Return a record, None when it is not held or its slot is damaged."""
        if not self.oldest <= record <= self.newest:
            return None
        return self._read(record)

    def pending(self, limit: int, first: int = 0) -> "list[int]":
        """Return at most `limit` numbers of records no station has acknowledged.

        Ascending from `first` on, or from the oldest.
        """
        found: "list[int]" = []
        record, newest = max(first, self.oldest), self.newest
        while record <= newest and len(found) < limit:
            index = (record - 1) % self._slots
            byte = self._bitmap_byte(index // 8)
            if byte == 0xFF:  # eight at once, or all the memory has just given
                whole = index // 8 == self._chunk_at and self._chunk == _ALL[: len(self._chunk)]
                record += (8 * len(self._chunk) if whole else 8) - index % 8
                continue
            if not byte >> index % 8 & 1:
                found.append(record)
            record += 1
        return found

    def gaps(self, limit: int) -> "list[tuple[int, int]]":
        """Return at most `limit` ranges of records no station has acknowledged, the oldest first.

        With `limit` 0 all of them.
        """
        found: "list[tuple[int, int]]" = []
        start = 0
        record = self.oldest
        while record <= self.newest:
            index = (record - 1) % self._slots
            byte = self._bitmap_byte(index // 8)
            span = min(8, self.newest - record + 1) if index % 8 == 0 and byte in (0, 0xFF) else 1
            if byte >> index % 8 & 1:
                if start:
                    found.append((start, record - 1))
                    if len(found) == limit:
                        return found
                start = 0
            elif not start:
                start = record
            record += span
        if start:
            found.append((start, self.newest))
        return found

    def acknowledge(self, ranges: "list[tuple[int, int]]") -> int:
        """Mark the records in `ranges` (first, last) as held by a station.

        Numbers this log does not hold are passed over. Returns how many are new.
        """
        return self._mark(ranges, 1)

    def reopen(self, first: int, last: int) -> int:
        """Let these records wait again, as far as they are held; returns how many are new."""
        return self._mark([(first, last)], 0)

    def _mark(self, ranges: "list[tuple[int, int]]", value: int) -> int:
        count = 0
        for first, last in ranges:
            record = max(first, self.oldest)
            last = min(last, self.newest)
            while record <= last:
                span = min(8 - (record - 1) % 8, last - record + 1)
                count += self._set_bits(record, span, value)
                record += span
        return count

    def _address(self, record: int) -> int:
        return ADDRESS_LOG + (record - 1) % self._slots * SLOT_BYTES

    def _read(self, record: int) -> "Slot | None":
        """Return the record if its slot holds it, whole, in this generation."""
        data = self._fram.read(self._address(record), SLOT_BYTES)
        number, recorded_at_s, kind = struct.unpack_from("<IIB", data, 0)
        if number != record or crc16(data[:22], self._seed) != data[22] | data[23] << 8:
            return None
        return Slot(number, recorded_at_s, kind, data[9:22])

    def waits(self, record: int) -> bool:
        """Return whether a record is held and no station has it."""
        return self.oldest <= record <= self.newest and not self._acknowledged(record)

    def _acknowledged(self, record: int) -> int:
        index = (record - 1) % self._slots
        return self._bitmap_byte(index // 8) >> index % 8 & 1

    def _bitmap_byte(self, index: int) -> int:
        if not 0 <= index - self._chunk_at < len(self._chunk):
            self._chunk_at = index - index % _CHUNK
            count = min(_CHUNK, self._slots // 8 - self._chunk_at)
            self._chunk = self._fram.read(ADDRESS_BITMAP + self._chunk_at, count)
        return self._chunk[index - self._chunk_at]

    def _set_bits(self, record: int, span: int, value: int) -> int:
        """Set `span` bits of one byte from `record` on; returns how many changed."""
        index = (record - 1) % self._slots
        mask = ((1 << span) - 1) << index % 8
        old = self._bitmap_byte(index // 8)
        new = old | mask if value else old & ~mask
        changed = old ^ new
        if changed:
            self._fram.write(ADDRESS_BITMAP + index // 8, bytes((new,)))
            self._chunk = b""
        count = 0
        while changed:
            count += changed & 1
            changed >>= 1
        return count

    def _advance(self, newest: int) -> int:
        """Return the newest record, from a committed one on."""
        while self._read(newest + 1) is not None:
            newest += 1
        return newest

    def _search(self) -> int:
        """Return the newest record by binary search over the ring, 0 when it is empty.

        Slots 0..h hold the present lap, the ones behind h the lap before or nothing; one damaged
        slot on the way is passed over.
        """
        base = self._lap(0) or self._lap(1)
        if not base:
            return 0
        low, high = 0, self._slots - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self._holds(base, middle) or self._holds(base, middle + 1):
                low = middle
            else:
                high = middle - 1
        return base + low

    def _lap(self, index: int) -> int:
        """Return the number slot 0 would have in the lap of slot `index`, 0 when it is void."""
        data = self._fram.read(ADDRESS_LOG + index * SLOT_BYTES, 4)
        number: int = struct.unpack("<I", data)[0]
        if number <= index or (number - 1) % self._slots != index or self._read(number) is None:
            return 0
        return number - index

    def _holds(self, base: int, index: int) -> bool:
        return index < self._slots and self._read(base + index) is not None
