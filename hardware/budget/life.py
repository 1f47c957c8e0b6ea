"""A collar's year as sums of joules: no bytes, no processor, but the twin's parts and searches.

Whoever plans (`ours`, `rules`) owns the time: it asks for a voltage, searches, sends, sleeps, and
every call moves the stored energy by what the same act costs in the full twin; the two are
compared by a test. Energies are joules at the storage above its lower limit.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from hardware.budget.years import GRID_S, Year
from hardware.twin import search
from hardware.twin.lis2dw12 import wake_chance
from hardware.twin.parts import Parts
from hardware.twin.scenario import START_UTC_S
from hardware.twin.search import Heard, SearchParts
from hardware.twin.seeded import normal, uniform

COUNT_S = 1800  # fixes count once in each half hour of UTC
RESTORE_S = 0.4  # from power until the receiver has been told what the collar saved
SAVE_S = 0.4  # to read its data back after it heard orbits
POLL_S = 1.0  # a fix is noticed at the next poll
WAKE_UP_MG = 62.5  # threshold of the accelerometer's flag
_HEARD_LEAST = 5  # fewer satellites and the search is hopeless
SETTLED = 2.0  # time constants of hearing satellites before that is judged


@dataclass(frozen=True)
class Hardships:
    """What a collar may have against it.

    Attributes:
        capacity: Of the storage, over the tabled one.  esr: series resistance, likewise.
        gauge: What the voltage reads, over what it is.
    """

    capacity: float = 1.0
    esr: float = 1.0
    gauge: float = 1.0


@dataclass
class Diary:
    """What happened in a life; times are scenario seconds, energies joules."""

    fixes_s: list[float] = field(default_factory=list)
    failed: int = 0
    frames: int = 0
    wakes: int = 0
    aids: int = 0
    brownouts: int = 0
    wasted_j: float = 0.0
    quiescent_j: float = 0.0
    spent_j: float = 0.0  # with the quiescent
    searched_j: float = 0.0
    processor_s: float = 0.0
    alarms_s: list[float] = field(default_factory=list)  # noted
    heard_s: list[float] = field(default_factory=list)  # and heard by a station
    stored: list[tuple[float, float]] = field(default_factory=list)  # (time, energy), some a day

    def counted(self) -> int:
        """Fixes, once in each half hour of UTC."""
        return len({int((START_UTC_S + at_s) // COUNT_S) for at_s in self.fixes_s})


class Life:
    """One collar on one animal for one year.

    Args:
        year: Income and movement.
        parts: The hardware.
        receiver: Its searches.
        aid_j: What asking a station for ephemerides costs [J]; None: none that aids is in reach.
        start_v: Voltage of the storage at the start.
        hardships: What is worse than the table says.
    """

    def __init__(
        self,
        year: Year,
        parts: Parts,
        receiver: SearchParts,
        aid_j: float | None = None,
        start_v: float = 2.9,
        hardships: Hardships | None = None,
    ) -> None:
        self.year, self.parts, self.receiver, self.aid_j = year, parts, receiver, aid_j
        self.hard = hard = hardships or Hardships()
        self.diary = Diary()
        storage, costs = parts.storage, parts.costs
        self._farads = storage.capacitance_f * hard.capacity
        self.zero_j = 0.5 * self._farads * (costs.empty_uv / 1e6) ** 2
        self.full_j = 0.5 * self._farads * storage.full_v**2 - self.zero_j
        self.leak_per_s = 2.0 * storage.leakage_a / storage.full_v / self._farads
        names = ("standby", "accelerometer", "radio_sleep", "fram_sleep")
        self.asleep_w = sum(parts.power_w[name] for name in names) / parts.efficiency
        self.asleep_w += parts.quiescent_a * 3.0
        self.search_w = costs.gnss_search_uw / 1e6 + costs.processor_stop_uw / 1e6
        self.boot_j = costs.boot_uj / 1e6
        self._income: list[float] = np.concatenate([[0.0], np.cumsum(year.income_w)]).tolist()
        self._power: list[float] = year.income_w.tolist()
        self._shaken = _shaken(year, parts)
        self.end_s = float(len(self._power) * GRID_S)
        self.t_s = 0.0
        self.energy_j = 0.5 * self._farads * start_v**2 - self.zero_j
        self.start_j = self.energy_j
        self._own = self._aid = Heard(-math.inf, [])
        self._noted_s = 0.0
        self._looked = 0

    # --- time and energy ------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether the year is over."""
        return self.t_s >= self.end_s

    @property
    def neutral(self) -> bool:
        """Whether it ended with no less than it began with, and without a brown-out."""
        return self.energy_j >= self.start_j and not self.diary.brownouts

    @property
    def now_s(self) -> int:
        """Unix time."""
        return START_UTC_S + int(self.t_s)

    @property
    def voltage_v(self) -> float:
        """Voltage at rest [V]."""
        return self.volts(self.energy_j)

    def volts(self, energy_j: float) -> float:
        """Voltage at rest with so much stored above the lower limit [V]."""
        return math.sqrt(2.0 * max(energy_j + self.zero_j, 0.0) / self._farads)

    def read_uv(self, long: bool = False) -> int:
        """What the gauge says [uV]."""
        costs = self.parts.costs
        if long:
            self._spend(costs.gauge_long_uj / 1e6, costs.processor_uw / 1e6)
        sigma_uv = costs.gauge_long_uv if long else costs.gauge_short_uv
        noise_uv = sigma_uv * normal(self.year.seed, "gauge", round(self.t_s * 1e3))
        return int(self.voltage_v * self.hard.gauge * 1e6 + noise_uv + 0.5)

    def income_j(self, from_s: float, to_s: float) -> float:
        """What the animal delivers between two times."""
        return (self._harvest(to_s) - self._harvest(from_s)) * GRID_S

    def sleep(self, seconds: float) -> None:
        """Standby."""
        left_s = seconds
        while left_s > 0:  # pieces over which the leakage hardly changes
            piece_s = min(left_s, 21_600.0)
            self._pass(piece_s)
            left_s -= piece_s

    def boot(self) -> None:
        """A wake: its boot, its computing, the voltage read."""
        self.diary.wakes += 1
        us = self.parts.duration_us
        self.diary.processor_s += (us["boot"] + us["wake"] + us["gauge"]) / 1e6
        self._spend(self.boot_j, self.parts.costs.processor_uw / 1e6)

    def search(
        self, limit_s: float, restored: bool = True, stay_s: float = 0.0
    ) -> tuple[float, bool]:
        """Receiver on until a fix, until it is hopeless, or for `limit_s`.

        Args:
            limit_s: Patience.
            restored: Whether what the collar saved, or a station gave, is told to the receiver.
            stay_s: At the earliest it ends so long after its begin when there is a fix, so that
                orbits are heard anew.

        Returns:
            Seconds it was on, and whether there was a fix.
        """
        orbits = self.orbits() if restored else 0.0
        warm = orbits >= self.receiver.least
        start_s = self.parts.gnss.startup_s + (RESTORE_S if warm else 0.0)
        seed = self.year.seed
        needs_s = start_s + search.draw_s(self.receiver, seed, self.t_s, orbits)
        needs_s = math.ceil(needs_s / POLL_S) * POLL_S
        settled_s = start_s + SETTLED * self.receiver.hear_s
        heard = search.heard(self.receiver, seed, self.t_s, settled_s)
        if heard < _HEARD_LEAST:
            limit_s = min(limit_s, math.ceil(settled_s))
        fixed = needs_s <= limit_s
        on_s = max(needs_s, stay_s) if fixed else limit_s
        if fixed and search.hears(self.receiver, orbits, on_s):
            on_s += SAVE_S
            self._own = self._hear(self.t_s + on_s, self.receiver.decoded)
        began_s = self.t_s
        self._pass(on_s)
        self._spend(self.search_w * on_s, self.search_w)
        self.diary.searched_j += self.search_w * on_s
        if fixed:
            self.diary.fixes_s.append(began_s + needs_s)
        else:
            self.diary.failed += 1
        return on_s, fixed

    def orbits(self) -> float:
        """Usable orbits the collar could tell the receiver of now."""
        utc_s = START_UTC_S + self.t_s
        own, aid = (known.usable(self.receiver, utc_s) for known in (self._own, self._aid))
        return max(own, aid)

    def _hear(self, at_s: float, count: int) -> Heard:
        return search.heard_at(self.receiver, START_UTC_S + at_s, count)

    def send(self, cost_j: float) -> None:
        """One frame and its window."""
        self.diary.frames += 1
        self.diary.processor_s += self.parts.duration_us["frame"] / 1e6
        self._pass(2.0)
        self._spend(cost_j, self.parts.costs.radio_tx_uw / 1e6)

    def ask_for_aid(self) -> None:
        """Ask the station in reach for ephemerides, and get them."""
        assert self.aid_j is not None
        self.diary.aids += 1
        self._pass(6.0)
        self._spend(self.aid_j, self.parts.costs.radio_rx_uw / 1e6)
        self._aid = self._hear(self.t_s, self.parts.gnss.view)

    def moved(self) -> bool:
        """The accelerometer's flag: whether the animal moved since it was last read."""
        slot = min(int(self.t_s // GRID_S), len(self._shaken) - 1)
        before, self._looked = self._looked, slot
        return self._shaken[slot] > self._shaken[before]

    def gone_m(self) -> float:
        """Distance between the last two fixes."""
        places = [self._place(at_s) for at_s in self.diary.fixes_s[-2:]]
        return math.dist(places[0], places[-1])

    def _place(self, t_s: float) -> tuple[float, float]:
        slot = min(int(t_s // GRID_S), len(self._power) - 1)
        share = t_s / GRID_S - slot
        x_m, y_m = self.year.x_m, self.year.y_m
        return (
            float(x_m[slot] + share * (x_m[slot + 1] - x_m[slot])),
            float(y_m[slot] + share * (y_m[slot + 1] - y_m[slot])),
        )

    def activity(self) -> float:
        """Of the animal, now."""
        return float(self.year.activity[min(int(self.t_s // GRID_S), len(self._power) - 1)])

    # --- inside ---------------------------------------------------------------------------------

    def _harvest(self, t_s: float) -> float:
        slot = min(int(t_s // GRID_S), len(self._power) - 1)
        return self._income[slot] + self._power[slot] * (t_s / GRID_S - slot)

    def _pass(self, seconds: float) -> None:
        """Time passes: income, what is always on, leakage, a full storage."""
        leak_j = (self.energy_j + self.zero_j) * self.leak_per_s * seconds
        quiet_j = self.asleep_w * seconds + leak_j
        came_j = self.income_j(self.t_s, self.t_s + seconds)
        self.diary.quiescent_j += quiet_j
        self.diary.spent_j += quiet_j
        self.t_s += seconds
        self.energy_j += came_j - quiet_j
        if self.energy_j > self.full_j:
            self.diary.wasted_j += self.energy_j - self.full_j
            self.energy_j = self.full_j
        if self.t_s >= self._noted_s:
            self.diary.stored.append((self.t_s, self.energy_j))
            self._noted_s = self.t_s + 21_600
        self._check(0.0)

    def _spend(self, joules: float, load_w: float) -> None:
        self.energy_j -= joules
        self.diary.spent_j += joules
        self._check(load_w)

    def _check(self, load_w: float) -> None:
        """A brown-out when the voltage under load meets the limit; then wait for the restart."""
        esr_ohm = self.parts.storage.esr_ohm * self.hard.esr
        limit_v = self.parts.brownout_v
        if self.voltage_v - esr_ohm * load_w / limit_v > limit_v:
            return
        self.diary.brownouts += 1
        enough_j = 0.5 * self._farads * self.parts.restart_v**2 - self.zero_j
        while self.energy_j < enough_j and self.t_s < self.end_s:
            self.energy_j += self.income_j(self.t_s, self.t_s + GRID_S)
            self.t_s += GRID_S


def _shaken(year: Year, parts: Parts) -> list[int]:
    """How many slots before each one had a wake-up of the accelerometer."""
    samples = GRID_S * parts.accelerometer.rate_hz
    levels = np.linspace(0.0, 1.0, 201)
    still = [
        (1.0 - wake_chance(parts.accelerometer, float(level), WAKE_UP_MG)) ** samples
        for level in levels
    ]
    source = np.random.default_rng(int(uniform(year.seed, "shaken") * 2**32))
    woken = source.random(len(year.activity)) >= np.interp(year.activity, levels, still)
    counts: list[int] = np.concatenate([[0], np.cumsum(woken)]).tolist()
    return counts
