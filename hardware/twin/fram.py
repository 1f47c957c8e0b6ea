"""The FRAM chip at the level of its SPI pins, so that the collar's own driver talks to it.

Commands as on serial FRAMs of the CY15B102Q class: WREN 06h, WRDI 04h, RDSR 05h, WRSR 01h, READ
03h, WRITE 02h, SLEEP B9h, RDID 9Fh; three address bytes, upper bits ignored, addresses wrap at the
end; write-enable latch set by WREN and cleared when chip select rises after a write. Every byte is
permanent the moment its last bit is in, so a power cut falls between bytes and never inside one.
"""

from collections.abc import Callable
from typing import Protocol

_WREN, _WRDI, _RDSR, _WRSR, _READ, _WRITE = 0x06, 0x04, 0x05, 0x01, 0x03, 0x02
_SLEEP, _RDID = 0xB9, 0x9F
_ID = bytes.fromhex("7f7f7f7f7f7fc22508")  # CY15B102Q; not used by the collar


class FramChip:
    """Memory behind a chip select.

    Attributes:
        memory: The cells; survives everything.
        cut_after_bytes: Test hook: after this many more written bytes `on_cut` is called (once).
        on_cut: Called then; raises what a power cut raises.
        written: Bytes written since the start.
    """

    def __init__(self, size_bytes: int = 262_144) -> None:
        self.memory = bytearray(size_bytes)
        self.written = 0
        self.cut_after_bytes: int | None = None
        self.on_cut: Callable[[], None] | None = None
        self._selected = False
        self._enabled = False
        self._command: int | None = None
        self._address = 0
        self._position = 0
        self._status = 0

    def power_off(self) -> None:
        """Forget the state of the interface; the cells stay."""
        self._selected = self._enabled = False
        self._command = None

    def select(self, low: bool) -> None:
        """Chip select goes low (start of a command) or high (its end)."""
        if self._selected and not low:
            if self._command == _WREN:
                self._enabled = True
            elif self._command in (_WRDI, _WRITE, _WRSR):
                self._enabled = False
        self._selected = low
        self._command = None
        self._position = 0
        self._address = 0

    def exchange(self, out: bytes | bytearray | memoryview) -> bytes:
        """Clock bytes in; returns the bytes clocked out meanwhile (same length)."""
        if not self._selected:
            return b"\xff" * len(out)
        answer = bytearray(len(out))
        index = 0
        while index < len(out):
            if self._command is None:
                self._command = out[index]
                self._position = 0
                index += 1
            elif self._command in (_READ, _WRITE) and self._position < 3:
                self._address = (self._address << 8 | out[index]) % len(self.memory)
                self._position += 1
                index += 1
            else:
                data = bytes(out[index:])
                answer[index:] = self._data(data)
                index = len(out)
        return bytes(answer)

    def _data(self, data: bytes) -> bytes:
        if self._command == _READ:
            return self._read(len(data))
        if self._command == _WRITE:
            if self._enabled:
                self._write(data)
        elif self._command == _RDSR:
            return bytes((self._status | (2 if self._enabled else 0),)) * len(data)
        elif self._command == _WRSR and self._enabled:
            self._status = data[0] & 0x8C
        elif self._command == _RDID:
            return (_ID[self._position :] + bytes(len(data)))[: len(data)]
        return bytes(len(data))

    def _read(self, count: int) -> bytes:
        size, start = len(self.memory), self._address
        self._address = (start + count) % size
        if start + count <= size:
            return bytes(self.memory[start : start + count])
        return bytes(self.memory[(start + i) % size] for i in range(count))

    def _write(self, data: bytes) -> None:
        cut = self.cut_after_bytes
        kept = data if cut is None else data[:cut]
        size = len(self.memory)
        for byte in kept:
            self.memory[self._address] = byte
            self._address = (self._address + 1) % size
        self.written += len(kept)
        if cut is not None:
            self.cut_after_bytes = cut - len(kept)
            if len(kept) < len(data) or self.cut_after_bytes == 0:
                self.cut_after_bytes = None
                if self.on_cut is not None:
                    self.on_cut()


class Memory:
    """The cells alone, without bus, power or time; offers `firmware.board.Fram`."""

    def __init__(self, cells: bytearray) -> None:
        self.cells = cells
        self.size_bytes = len(cells)

    def read(self, address: int, count: int) -> bytes:
        """Return `count` bytes from `address`."""
        return bytes(self.cells[address : address + count])

    def write(self, address: int, data: bytes) -> None:
        """Write `data` at `address`."""
        self.cells[address : address + len(data)] = data


class Chip(Protocol):
    """A part on the bus."""

    def select(self, low: bool) -> None:
        """Chip select goes low or high."""
        ...

    def exchange(self, out: bytes | bytearray | memoryview) -> bytes:
        """Clock bytes in; returns the bytes clocked out meanwhile."""
        ...


class SpiBus:
    """`machine.SPI` with one chip on it; `spent` is told the bytes of each transfer."""

    def __init__(self, chip: Chip, spent: Callable[[int], None]) -> None:
        self._chip = chip
        self._spent = spent

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Clock bytes out, drop what comes in."""
        self._spent(len(data))
        self._chip.exchange(data)

    def readinto(self, buffer: bytearray | memoryview, write: int = 0) -> None:
        """Fill the buffer while sending `write`."""
        self._spent(len(buffer))
        buffer[:] = self._chip.exchange(bytes((write,)) * len(buffer))

    def read(self, count: int, write: int = 0) -> bytes:
        """Return `count` bytes while sending `write`."""
        self._spent(count)
        return self._chip.exchange(bytes((write,)) * count)

    def write_readinto(
        self, data: bytes | bytearray | memoryview, buffer: bytearray | memoryview
    ) -> None:
        """Clock `data` out and fill `buffer`, of the same length, with what comes in."""
        self._spent(len(data))
        buffer[:] = self._chip.exchange(data)


class ChipSelect:
    """`machine.Pin` of the chip select: 0 selects."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self._level = 1

    def value(self, level: int | None = None) -> int | None:
        """Set the level, or return it when called without one."""
        if level is None:
            return self._level
        self._level = int(level)
        self._chip.select(low=not level)
        return None

    __call__ = value

    def on(self) -> None:
        """Set the pin high."""
        self.value(1)

    def off(self) -> None:
        """Set the pin low."""
        self.value(0)
