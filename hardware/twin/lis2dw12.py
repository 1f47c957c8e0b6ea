"""The accelerometer at the level of its registers: it goes on while the processor is off.

ST LIS2DW12: SPI with the read flag in bit 7 of the address byte, registers counted up within a
transfer (CTRL2 IF_ADD_INC). What survives the collar's Standby is what the collar lives by: the
latched wake-up flag (CTRL3 LIR; reading WAKE_UP_SRC clears it) and the FIFO, in continuous mode
the last 32 samples, 20 s at 1.6 Hz. Accelerations are gravity in a posture that changes with the
hour, plus noise, plus motion in proportion to the animal's activity.
Source: LIS2DW12 datasheet (DocID030824), sections 6 (SPI), 8 (registers).
"""

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

from hardware.twin.seeded import normals, uniform

_WHO_AM_I, _CTRL1, _CTRL2, _CTRL3, _CTRL6, _CTRL7 = 0x0F, 0x20, 0x21, 0x22, 0x25, 0x3F
_STATUS, _OUT, _FIFO_CTRL, _FIFO_SAMPLES = 0x27, 0x28, 0x2E, 0x2F
_WAKE_UP_THS, _WAKE_UP_SRC = 0x34, 0x38
_ID = 0x44
_RESET, _INCREMENT, _LATCH, _INTERRUPTS = 0x40, 0x04, 0x10, 0x20
_FIFO_DEPTH = 32
_WRITABLE = (*range(0x20, 0x26), 0x2E, *range(0x30, 0x38), 0x3C, 0x3D, 0x3E, 0x3F)
_POSTURE_S = 3600
_SLOT_S = 600  # wake-ups are decided for ten minutes at a time
_MG_PER_COUNT = 0.061  # +-2 g over 16 bits, left-justified


@dataclass(frozen=True)
class AccelerometerParts:
    """Facts of the sensor and of how an animal shakes it.

    Attributes:
        rate_hz: Lowest output data rate [Hz].
        noise_mg: Of one sample and axis [mg].
        active_mg: Standard deviation per axis at full activity [mg].
    """

    rate_hz: float
    noise_mg: float
    active_mg: float


def wake_chance(parts: AccelerometerParts, activity: float, threshold_mg: float) -> float:
    """Chance that one sample differs from the one before by the threshold, on any axis."""
    sigma_mg = math.hypot(parts.noise_mg, parts.active_mg * activity) * math.sqrt(2.0)
    return 1.0 - (1.0 - math.erfc(threshold_mg / sigma_mg / math.sqrt(2.0))) ** 3


def moved(
    parts: AccelerometerParts,
    seed: int,
    activity: Callable[[float], float],
    threshold_mg: float,
    from_s: float,
    to_s: float,
) -> bool:
    """Whether a sample between two scenario seconds passes the wake-up threshold."""
    while from_s < to_s:
        slot = int(from_s // _SLOT_S)
        end_s = min(to_s, (slot + 1.0) * _SLOT_S)
        chance = wake_chance(parts, activity((slot + 0.5) * _SLOT_S), threshold_mg)
        still = (1.0 - chance) ** ((end_s - from_s) * parts.rate_hz)
        if uniform(seed, "wake-up", round(from_s * 1e6)) >= still:
            return True
        from_s = end_s
    return False


class Lis2dw12:
    """The chip behind its chip select; offers what `hardware.twin.fram.SpiBus` talks to.

    Args:
        parts: Facts.
        seed: Random seed of this sensor.
        activity: Of the wearer, at a scenario second.
        now_us: The time.
    """

    def __init__(
        self,
        parts: AccelerometerParts,
        seed: int,
        activity: Callable[[float], float],
        now_us: Callable[[], int],
    ) -> None:
        self._parts, self._seed, self._activity, self._now_us = parts, seed, activity, now_us
        self._selected = False
        self._address: int | None = None
        self._read = False
        self.missing = False  # test hook: nobody answers
        self._posture_hour = -1
        self._gravity_mg = (0.0, 0.0, 1000.0)
        self.power_on()

    def power_on(self) -> None:
        """Power comes: registers at their defaults."""
        self._registers = {_WHO_AM_I: _ID, _CTRL2: _INCREMENT}
        self._since_us = self._now_us()  # samples since then are in the FIFO
        self._looked_us = self._now_us()  # the wake-up flag was last read then
        self._flag = False
        self._sample = b"\0" * 6

    def select(self, low: bool) -> None:
        """Chip select goes low (start of a transfer) or high (its end)."""
        self._selected = low
        self._address = None

    def exchange(self, out: bytes | bytearray | memoryview) -> bytes:
        """Clock bytes in; returns the bytes clocked out meanwhile (same length)."""
        answer = bytearray(b"\xff" * len(out))
        if not self._selected or self.missing:
            return bytes(answer)
        for index, byte in enumerate(bytes(out)):
            if self._address is None:
                self._read, self._address = bool(byte & 0x80), byte & 0x7F
                continue
            if self._read:
                answer[index] = self._get(self._address)
            else:
                self._set(self._address, byte)
            if self._registers[_CTRL2] & _INCREMENT:
                at_end = self._address == _OUT + 5 and self._fifo_on()
                self._address = _OUT if at_end else self._address + 1 & 0x7F
        return bytes(answer)

    @property
    def _rate_hz(self) -> float:
        """Output data rate: off, 1.6 Hz, then 12.5 Hz and its doubles."""
        code = self._registers.get(_CTRL1, 0) >> 4
        return 0.0 if not code else self._parts.rate_hz if code == 1 else 12.5 * 2 ** (code - 2)

    def _fifo_on(self) -> bool:
        return self._registers.get(_FIFO_CTRL, 0) >> 5 != 0

    def _stored(self) -> int:
        if not self._fifo_on():
            return 0
        count = int((self._now_us() - self._since_us) / 1e6 * self._rate_hz)
        return min(count, _FIFO_DEPTH)

    def _get(self, register: int) -> int:
        if register == _FIFO_SAMPLES:
            count = self._stored()
            return count | (0x40 if count == _FIFO_DEPTH else 0)
        if register == _STATUS:
            return 1 if self._rate_hz else 0
        if register == _WAKE_UP_SRC:
            return self._wake_up()
        if _OUT <= register < _OUT + 6:
            if register == _OUT:
                self._sample = self._next_sample()
            return self._sample[register - _OUT]
        return self._registers.get(register, 0)

    def _set(self, register: int, value: int) -> None:
        if register == _CTRL2 and value & _RESET:
            self.power_on()
        elif register in _WRITABLE:
            if register in (_CTRL1, _FIFO_CTRL) and value != self._registers.get(register, 0):
                self._since_us = self._now_us()
            if register in (_CTRL1, _CTRL7, _WAKE_UP_THS):
                self._look()  # what was seen so far was seen with the old settings
            self._registers[register] = value

    def _look(self) -> None:
        """Bring the wake-up flag up to now."""
        now_us, since_us = self._now_us(), self._looked_us
        self._looked_us = now_us
        enabled = self._registers.get(_CTRL7, 0) & _INTERRUPTS and self._rate_hz
        if not enabled or self._flag:
            return
        full_mg = 2000 << (self._registers.get(_CTRL6, 0) >> 4 & 3)
        threshold_mg = (self._registers.get(_WAKE_UP_THS, 0) & 0x3F) * full_mg / 64
        self._flag = moved(
            self._parts, self._seed, self._activity, threshold_mg, since_us / 1e6, now_us / 1e6
        )

    def _wake_up(self) -> int:
        self._look()
        flag = self._flag
        latched = self._registers.get(_CTRL3, 0) & _LATCH
        self._flag = False
        return 0x0F if flag and latched else 0

    def _next_sample(self) -> bytes:
        """Oldest sample of the FIFO, or the newest one when it is empty or off."""
        count = self._stored()
        period_us = 1e6 / (self._rate_hz or 1.0)
        newest = int(self._now_us() // period_us)
        number = newest - max(count - 1, 0)
        if count:  # it leaves the FIFO
            self._since_us = self._now_us() - round((count - 1) * period_us)
        t_s = number * period_us / 1e6
        sigma_mg = math.hypot(self._parts.noise_mg, self._parts.active_mg * self._activity(t_s))
        gravity = self._posture(t_s)
        counts = []
        for axis, shake in enumerate(normals(3, self._seed, "shake", number)):
            mg = gravity[axis] + sigma_mg * shake
            counts.append(max(-32_768, min(round(mg / _MG_PER_COUNT) & ~0xF, 32_767)))
        return struct.pack("<3h", *counts)

    def _posture(self, t_s: float) -> tuple[float, float, float]:
        """Gravity on the axes [mg]: another posture every hour, unless the animal lies still."""
        hour = int(t_s // _POSTURE_S)
        if hour != self._posture_hour:
            self._posture_hour = hour
            moves = self._activity((hour + 0.5) * _POSTURE_S)
            self._gravity_mg = self._drawn_posture(hour if moves else -1)
        return self._gravity_mg

    def _drawn_posture(self, hour: int) -> tuple[float, float, float]:
        roll = 2 * math.pi * uniform(self._seed, "roll", hour)
        pitch = 0.5 * math.pi * (uniform(self._seed, "pitch", hour) - 0.5)
        across = math.cos(pitch)
        return (
            1000 * math.sin(pitch),
            1000 * across * math.sin(roll),
            1000 * across * math.cos(roll),
        )
