"""The same years with everything: the unmodified firmware in the full twin."""

from collections.abc import Mapping
from dataclasses import replace

from hardware.budget.life import Hardships
from hardware.budget.years import GRID_S, Year
from hardware.twin import CollarResult, CollarSpec, World, parts
from hardware.twin.landscape import elevation_m, metres_per_degree
from hardware.twin.parts import Parts
from hardware.twin.scenario import ORIGIN, START_UTC_S, STATION
from hardware.twin.search import SearchParts

_KEY = bytes(range(16))
_COLD_C = -20.0


class Wearer:
    """A year as an animal of the twin."""

    def __init__(self, year: Year) -> None:
        self._year = year
        self._per_lat_m, self._per_lon_m = metres_per_degree(ORIGIN[0])
        self._slots = len(year.activity)

    @property
    def mean_activity(self) -> float:
        """Over the year."""
        return float(self._year.activity.mean())

    def activity(self, t_s: float) -> float:
        """Intensity of movement; at rest after the year."""
        slot = int(t_s // GRID_S)
        return float(self._year.activity[slot]) if slot < self._slots else 0.0

    def position(self, t_s: float) -> tuple[float, float, float]:
        """Latitude [deg], longitude [deg], altitude [m]."""
        slot = min(int(t_s // GRID_S), self._slots - 1)
        share = min(t_s / GRID_S - slot, 1.0)
        year = self._year
        x_m = year.x_m[slot] + share * (year.x_m[slot + 1] - year.x_m[slot])
        y_m = year.y_m[slot] + share * (year.y_m[slot + 1] - year.y_m[slot])
        lat, lon = ORIGIN[0] + y_m / self._per_lat_m, ORIGIN[1] + x_m / self._per_lon_m
        return float(lat), float(lon), elevation_m(lat, lon)


def hard_parts(receiver: SearchParts, hardships: Hardships | None = None) -> Parts:
    """The twin's parts with another receiver, and with what a collar may have against it."""
    known = parts.load()
    gnss = replace(known.gnss, search=receiver)
    if hardships is None:
        return replace(known, gnss=gnss)
    storage = replace(
        known.storage, capacitance_f=known.storage.capacitance_f * hardships.capacity
    )
    cold = _COLD_C if hardships.esr > 1.0 else None
    return replace(known, gnss=gnss, storage=storage, climate_c=cold, gauge_gain=hardships.gauge)


def live(
    year: Year,
    made_of: Parts,
    start_v: float,
    days: float | None = None,
    settings: Mapping[str, int] | None = None,
) -> CollarResult:
    """Run the firmware through a year, out of reach of any station."""
    spec = CollarSpec(
        collar=year.seed % 65_535 + 1,
        key=_KEY,
        epoch=1,
        animal=Wearer(year),
        income_j_per_day=year.income_j_per_day,
        start_v=start_v,
        settings=settings or {},
    )
    with World(year.seed, START_UTC_S, STATION, [spec], bridge=False, parts=made_of) as world:
        return world.run(year.days if days is None else days)[0]
