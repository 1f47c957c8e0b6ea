"""The real-time clock: a crystal with an error, alive as long as the collar has power."""

from dataclasses import dataclass

_RESET_UNIX_S = 946_684_800  # 2000-01-01, where the clock of the processor starts again


@dataclass
class Rtc:
    """Seconds since power was applied, on a crystal that is a little off.

    Attributes:
        drift_ppm: Error of the crystal; positive runs fast.
    """

    drift_ppm: float = 0.0
    _since_us: int = 0
    _base_s: int = _RESET_UNIX_S
    _valid: bool = False

    def power_on(self, now_us: int) -> None:
        """Power comes back: time starts again and is not to be believed."""
        self._since_us = now_us
        self._base_s = _RESET_UNIX_S
        self._valid = False

    def now_s(self, now_us: int) -> int:
        """Unix time as the collar believes it [s]."""
        elapsed_us = (now_us - self._since_us) * (1.0 + self.drift_ppm * 1e-6)
        return self._base_s + int(elapsed_us // 1_000_000)

    def set_s(self, unix_s: int, now_us: int) -> None:
        """Set the clock; the second begins now."""
        self._since_us = now_us
        self._base_s = int(unix_s)
        self._valid = True

    def valid(self) -> bool:
        """Whether it was set since power was last lost."""
        return self._valid
