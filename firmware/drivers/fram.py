"""SPI FRAM of the FM25V20A / MB85RS2MT kind: opcode, three address bytes, data; no write delay.

Uses of the bus only `spi.write(bytes)` and `spi.write_readinto(out, in_)`, of the chip select only
`cs(0)` and `cs(1)`, so that the twin's chip can stand behind the same two wires.
Source: Infineon FM25V20A datasheet, "Command Structure" (opcodes WREN, WRITE, READ).
"""

try:
    from typing import Protocol
except ImportError:  # MicroPython
    Protocol = object  # type: ignore[assignment]

_WREN = b"\x06"
_OP_READ = 0x03
_OP_WRITE = 0x02


def _command(opcode: int, address: int) -> bytes:
    return bytes((opcode, address >> 16 & 0xFF, address >> 8 & 0xFF, address & 0xFF))


class Spi(Protocol):
    """What is asked of the bus."""

    def write(self, data: bytes) -> object:
        """Clock `data` out."""
        ...

    def write_readinto(self, out: bytearray, into: bytearray) -> object:
        """Clock `out` out and fill `into`, of the same length, with what comes back."""
        ...


class Output(Protocol):
    """An output pin."""

    def __call__(self, __level: int) -> object:
        """Drive the pin to 0 or 1."""
        ...


class Fram:
    """The memory chip behind `spi` and chip select `cs` (active low)."""

    def __init__(self, spi: Spi, cs: Output, size_bytes: int = 262144) -> None:
        self.size_bytes = size_bytes
        self._spi = spi
        self._cs = cs
        cs(1)

    def read(self, address: int, count: int) -> bytes:
        """Return `count` bytes from `address`.

        Raises:
            ValueError: the range leaves the memory.
        """
        self._check(address, count)
        data = bytearray(count)
        self._cs(0)
        try:
            self._spi.write(_command(_OP_READ, address))
            self._spi.write_readinto(data, data)
        finally:
            self._cs(1)
        return bytes(data)

    def write(self, address: int, data: bytes) -> None:
        """Write `data` at `address`; every byte is stored as it is clocked in.

        Raises:
            ValueError: the range leaves the memory.
        """
        self._check(address, len(data))
        self._cs(0)
        try:
            self._spi.write(_WREN)
        finally:
            self._cs(1)
        self._cs(0)
        try:
            self._spi.write(_command(_OP_WRITE, address))
            self._spi.write(data)
        finally:
            self._cs(1)

    def _check(self, address: int, count: int) -> None:
        if address < 0 or count < 0 or address + count > self.size_bytes:
            raise ValueError(
                "FRAM range %d+%d is outside 0..%d" % (address, count, self.size_bytes)
            )
