"""Power from the storage to the loads: who draws how much, and when the rail collapses.

Time passes only here: whoever waits in a collar waits on its supply, which lets the hub advance in
pieces of constant power, books each piece, and raises `PowerCut` at the moment the voltage under
load meets the brown-out limit.
"""

from collections.abc import Iterable

from hardware.twin.errors import PowerCut
from hardware.twin.generator import SLOT_S, Generator
from hardware.twin.hub import Hub
from hardware.twin.parts import Parts
from hardware.twin.storage import Storage

_SLOT_US = SLOT_S * 1_000_000


class Supply:
    """Storage, generator and converter of one collar.

    Args:
        hub: Owner of the time.
        parts: Facts.
        storage: What is drained and charged.
        generator: What charges it.
    """

    def __init__(self, hub: Hub, parts: Parts, storage: Storage, generator: Generator) -> None:
        self.storage = storage
        self._hub = hub
        self._parts = parts
        self._generator = generator
        self._at_us = hub.now_us
        self._loads: dict[str, float] = {}
        self._load_w = 0.0
        self._cut_j = 0.0

    @property
    def voltage_v(self) -> float:
        """Voltage at the storage's terminals under the present load [V]."""
        self.settle()
        return self.storage.voltage_under_v(self._load_w)

    def draw(self, names: Iterable[str]) -> None:
        """From now on these loads are on, all others off; none at all means the rail is dead."""
        self.settle()
        loads = {name: self._parts.power_w[name] for name in names}
        rail_w = sum(loads.values())
        loads["conversion"] = rail_w * (1.0 / self._parts.efficiency - 1.0)
        loads["converter"] = self._parts.quiescent_a * self.storage.voltage_v
        self._loads = loads
        self._load_w = sum(loads.values())
        self._cut_j = self.storage.energy_at_j(self._parts.brownout_v, self._load_w)

    def settle(self) -> None:
        """Book what has flowed until now."""
        now_us = self._hub.now_us
        while self._at_us < now_us:
            end_us = min(now_us, (self._at_us // _SLOT_US + 1) * _SLOT_US)
            income_w = self._generator.power_w(self._at_us / 1e6)
            self.storage.advance((end_us - self._at_us) / 1e6, income_w, self._loads)
            self._at_us = end_us

    def wait_until(self, target_us: int) -> None:
        """Let time pass with the present loads.

        Raises:
            PowerCut: At the moment the voltage under load falls to the brown-out limit.
        """
        self.settle()
        self._check()
        while self._hub.now_us < target_us:
            end_us = self._next(target_us, self._cut_j, falling=True)
            self._hub.sleep_until(end_us)
            self.settle()
            self._check()

    def wait_for_restart(self) -> None:
        """Let time pass, with nothing on, until the storage carries the converter again."""
        self.draw(())
        enough_j = self.storage.energy_at_j(self._parts.restart_v, 0.0)
        while self.storage.energy_j < enough_j:
            slot_us = (self._hub.now_us // _SLOT_US + 1) * _SLOT_US
            self._hub.sleep_until(self._next(slot_us, enough_j, falling=False))
            self.settle()

    def _check(self) -> None:
        if self.storage.energy_j <= self._cut_j:
            volts = self.storage.voltage_under_v(self._load_w)
            names = ", ".join(sorted(self._loads))
            raise PowerCut(self._hub.now_us / 1e6, f"{volts:.3f} V under {names}")

    def _next(self, target_us: int, limit_j: float, falling: bool) -> int:
        """End of the piece: the target, the end of the generator's slot, or the limit met."""
        now_us = self._hub.now_us
        end_us = min(target_us, (now_us // _SLOT_US + 1) * _SLOT_US)
        income_w = self._generator.power_w(now_us / 1e6)
        slope_w = self.storage.slope_w(income_w, self._load_w)
        if (slope_w < 0.0) == falling and slope_w != 0.0:
            meets_us = now_us + int((limit_j - self.storage.energy_j) / slope_w * 1e6) + 1
            end_us = min(end_us, max(meets_us, now_us + 1))
        return end_us
