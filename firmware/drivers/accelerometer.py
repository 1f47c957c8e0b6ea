"""ST LIS2DW12 by SPI: moved or not since last asked, and the last twenty seconds.

It runs on through the collar's Standby at 1.6 Hz in low-power mode 1 (0.38 uA), with the wake-up
event latched and the FIFO in continuous mode: whatever happens while the processor is off is there
at the next wake. Uses of the bus what the memory's driver uses (fram.py).
Source: LIS2DW12 datasheet (DocID030824), section 8; application note AN5038, "Wake-up interrupt".
"""

import struct

from .fram import Output, Spi

_WHO_AM_I = 0x0F
_ID = 0x44
_CTRL1 = 0x20  # rate, mode
_CTRL2 = 0x21
_CTRL3 = 0x22
_CTRL6 = 0x25  # full scale
_OUT_X_L = 0x28
_FIFO_CTRL = 0x2E
_FIFO_SAMPLES = 0x2F
_WAKE_UP_THS = 0x34
_WAKE_UP_DUR = 0x35
_WAKE_UP_SRC = 0x38
_CTRL7 = 0x3F
_READ = 0x80
_RATE_1_6_HZ = 0x10  # ODR 0001, low-power mode 1
_INCREMENT = 0x0C  # BDU, IF_ADD_INC: power-on value and whole samples
_LATCH = 0x10  # LIR
_INTERRUPTS = 0x20
_CONTINUOUS = 0xC0
_WOKEN = 0x08  # WU_IA
_DEPTH = 32
_FULL_MG = 2000
_STEP_MG = _FULL_MG // 64  # of the threshold: 1/64 of the full scale


class Missing(OSError):
    """The accelerometer does not answer."""


class Accelerometer:
    """The chip behind `spi` and chip select `cs` (active low)."""

    def __init__(self, spi: Spi, cs: Output) -> None:
        self._spi = spi
        self._cs = cs
        cs(1)

    def start(self, threshold_mg: int) -> None:
        """Let it run with this threshold, unless it does already; what it holds is then kept.

        Raises:
            Missing: it does not answer, or not as this part.
        """
        if self._read(_WHO_AM_I, 1)[0] != _ID:
            raise Missing("accelerometer")
        threshold = max(1, min(threshold_mg // _STEP_MG, 63))
        running = self._read(_CTRL1, 1)[0] == _RATE_1_6_HZ
        if running and self._read(_WAKE_UP_THS, 1)[0] == threshold:
            return
        for register, value in (
            (_CTRL1, 0),
            (_CTRL2, _INCREMENT),
            (_CTRL3, _LATCH),
            (_CTRL6, 0),
            (_WAKE_UP_THS, threshold),
            (_WAKE_UP_DUR, 0),
            (_CTRL7, _INTERRUPTS),
            (_FIFO_CTRL, 0),  # empties it
            (_FIFO_CTRL, _CONTINUOUS),
            (_CTRL1, _RATE_1_6_HZ),
        ):
            self._write(register, value)

    def moved(self) -> bool:
        """Return whether the threshold was passed since this was last asked."""
        return bool(self._read(_WAKE_UP_SRC, 1)[0] & _WOKEN)

    def samples(self) -> "list[tuple[int, int, int]]":
        """Return what the FIFO holds, the oldest first: (x, y, z) in mg, and empty it."""
        count = min(self._read(_FIFO_SAMPLES, 1)[0] & 0x3F, _DEPTH)
        found = []
        for _ in range(count):
            x, y, z = struct.unpack("<3h", self._read(_OUT_X_L, 6))
            found.append((_mg(x), _mg(y), _mg(z)))
        return found

    def _read(self, register: int, count: int) -> bytes:
        data = bytearray(count)
        self._cs(0)
        try:
            self._spi.write(bytes((_READ | register,)))
            self._spi.write_readinto(data, data)
        finally:
            self._cs(1)
        return bytes(data)

    def _write(self, register: int, value: int) -> None:
        self._cs(0)
        try:
            self._spi.write(bytes((register, value)))
        finally:
            self._cs(1)


def _mg(raw: int) -> int:
    """Return a left-justified 12-bit sample at +-2 g in mg."""
    return (raw >> 4) * _FULL_MG // 2048
