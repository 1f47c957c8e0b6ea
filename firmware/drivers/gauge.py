"""Storage voltage and temperature through the processor's own converter."""

try:
    from typing import Protocol
except ImportError:  # MicroPython
    Protocol = object  # type: ignore[assignment]

from .fram import Output


class Converter(Protocol):
    """One channel of an analogue converter."""

    def read_u16(self) -> int:
        """Return a sample, 0..65535 for 0 V to the reference."""
        ...


class Gauge:
    """The divider on the storage, and the processor's temperature sensor.

    Args:
        channel: converter on the divider's middle.
        power: switch of the divider, on only to read.
        settle: called once after switching on, returns when the divider has settled.
        reference_uv: returns the converter's reference, from so many conversions of its own.
        permille: of the divider, middle over storage.
        counts: conversions averaged for a short and for a long reading.
        temperature: returns degrees Celsius.
    """

    def __init__(  # type: ignore[no-untyped-def]
        self,
        channel: Converter,
        power: Output,
        settle,
        reference_uv,
        permille: int,
        counts: "tuple[int, int]",
        temperature,
    ) -> None:
        self._channel = channel
        self._power = power
        self._settle = settle
        self._reference_uv = reference_uv
        self._permille = permille
        self._counts = counts
        self._temperature = temperature

    def voltage_uv(self, long: bool = False) -> int:
        """Return the storage voltage [uV], averaged; the divider is on only meanwhile."""
        count = self._counts[1 if long else 0]
        self._power(1)
        try:
            self._settle()
            total = 0
            for _ in range(count):
                total += self._channel.read_u16()
        finally:
            self._power(0)
        middle_uv = total * self._reference_uv(count) // (count * 65535)
        return int(middle_uv * 1000 // self._permille)

    def temperature_c(self) -> int:
        """Return the processor's temperature [degrees Celsius]."""
        return int(self._temperature())
