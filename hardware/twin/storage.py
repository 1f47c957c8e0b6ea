"""The lithium-ion capacitor and the book of every joule that passes it.

An ideal capacitor behind a series resistance that grows in the cold, with a parallel resistance
that leaks and an upper limit where the harvester stops charging. Powers are constant over
a step, so the energy moves linearly, and the moment at which the voltage under load meets a limit
is computed, not searched.

The book closes by construction and is tested to do so: start + in - out = end, `out` by name of
the load, with the leakage, the loss in the series resistance and what a full storage had to refuse
("overflow").
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StorageParts:
    """Facts of the storage.

    Attributes:
        capacitance_f: Capacitance [F].
        esr_ohm: Series resistance at 20 degrees Celsius [ohm].
        leakage_a: Leakage current at the full voltage, falling with the voltage [A].
        full_v: Voltage at which charging ends [V].
        esr_cold: Series resistance at -20 degrees over that at 20, exponential between.
    """

    capacitance_f: float
    esr_ohm: float
    leakage_a: float
    full_v: float
    esr_cold: float = 1.0

    def leakage_w(self, energy_j: float) -> float:
        """Leakage [W] with `energy_j` stored, counted from 0 V: V^2 / R is linear in it."""
        return 2.0 * energy_j / self.capacitance_f * self.leakage_a / self.full_v


class Storage:
    """A capacitor that books what flows.

    Attributes:
        esr_ohm: Series resistance at the present temperature [ohm].

    Energies are counted from 0 V: the book is about joules, what can be used is the firmware's
    matter.
    """

    def __init__(self, parts: StorageParts, start_v: float) -> None:
        self.parts = parts
        self.esr_ohm = parts.esr_ohm
        self.energy_j = 0.5 * parts.capacitance_f * start_v * start_v
        self.start_j = self.energy_j
        self.in_j = 0.0
        self.out_j: dict[str, float] = {}
        self._full_j = 0.5 * parts.capacitance_f * parts.full_v**2

    @property
    def voltage_v(self) -> float:
        """Voltage of the ideal capacitor: what rests at the terminals without load [V]."""
        return math.sqrt(2.0 * self.energy_j / self.parts.capacitance_f)

    def feel(self, temperature_c: float) -> None:
        """Set the temperature."""
        cold = min(max((20.0 - temperature_c) / 40.0, 0.0), 2.0)
        self.esr_ohm = self.parts.esr_ohm * self.parts.esr_cold**cold

    def voltage_under_v(self, load_w: float) -> float:
        """Terminal voltage [V] while `load_w` [W] is drawn; 0 when that cannot be."""
        half = 0.5 * self.voltage_v
        root = half * half - self.esr_ohm * load_w
        return half + math.sqrt(root) if root >= 0.0 else 0.0

    def energy_at_j(self, terminal_v: float, load_w: float) -> float:
        """Stored energy [J] at which the terminals stand at `terminal_v` under `load_w`."""
        inner_v = terminal_v + self.esr_ohm * load_w / terminal_v
        return 0.5 * self.parts.capacitance_f * inner_v * inner_v

    def slope_w(self, income_w: float, load_w: float) -> float:
        """Change of the stored energy [W] at this income and load, now."""
        return income_w - load_w - self._esr_w(load_w) - self.parts.leakage_w(self.energy_j)

    def advance(self, dt_s: float, income_w: float, loads_w: Mapping[str, float]) -> None:
        """Let `dt_s` seconds pass at constant powers and book them.

        Steps are short against the change of voltage (ten minutes at most), so loss in the series
        resistance and leakage are taken at the voltage of the start.
        """
        load_w = math.fsum(loads_w.values())
        esr_w = self._esr_w(load_w)
        leak_w = self.parts.leakage_w(self.energy_j)
        self.in_j += income_w * dt_s
        energy_j = self.energy_j + income_w * dt_s
        drawn_j = (load_w + esr_w + leak_w) * dt_s
        scale = 1.0
        if drawn_j > energy_j:  # an empty storage gives no more
            scale = energy_j / drawn_j
        self.energy_j = max(energy_j - drawn_j * scale, 0.0)
        for name, power_w in (*loads_w.items(), ("esr", esr_w), ("leakage", leak_w)):
            self._book(name, power_w * dt_s * scale)
        if self.energy_j > self._full_j:
            self._book("overflow", self.energy_j - self._full_j)
            self.energy_j = self._full_j

    def imbalance(self) -> float:
        """Error of the book relative to all energy that was ever there; 0 but for rounding."""
        out_j = math.fsum(self.out_j.values())
        error_j = self.start_j + self.in_j - out_j - self.energy_j
        return abs(error_j) / max(self.start_j + self.in_j, 1e-12)

    def _book(self, name: str, joules: float) -> None:
        self.out_j[name] = self.out_j.get(name, 0.0) + joules

    def _esr_w(self, load_w: float) -> float:
        terminal_v = self.voltage_under_v(load_w)
        if terminal_v <= 0.0:
            return 0.0
        current_a = load_w / terminal_v
        return current_a * current_a * self.esr_ohm
