"""Ready-made worlds, for the demo and the bench: ibex in an alpine valley, a station in a hut."""

from hardware.twin.animal import Ibex
from hardware.twin.errors import ScenarioError
from hardware.twin.landscape import metres_per_degree
from hardware.twin.seeded import uniform

ORIGIN = (46.66, 10.20)
"""Latitude and longitude [deg] of the middle of the landscape: near the Swiss National Park."""

STATION = (46.662, 10.215)
"""Where the hut with the station stands."""

START_UTC_S = 1_780_272_000
"""2026-06-01T00:00:00Z."""

_NAMED = {  # home, extent and direction of its range; a few kilometres apart, two of them overlap
    "Alva": ((46.672, 10.190), (610.0, 440.0), 35.0),
    "Bruna": ((46.655, 10.180), (520.0, 480.0), 110.0),
    "Corsin": ((46.648, 10.235), (700.0, 380.0), 150.0),
}
_SPREAD_M = 2500.0  # homes lie within this of the origin


def named_ibexes(seed: int, start_utc_s: int = START_UTC_S) -> dict[str, Ibex]:
    """Return the three animals of the demo by name."""
    return {
        name: Ibex(
            seed=seed * 1000 + number,
            home=home,
            start_utc_s=start_utc_s,
            sigma_m=sigma_m,
            axis_deg=axis_deg,
        )
        for number, (name, (home, sigma_m, axis_deg)) in enumerate(_NAMED.items())
    }


def ibexes(
    seed: int, count: int, start_utc_s: int = START_UTC_S, origin: tuple[float, float] = ORIGIN
) -> list[Ibex]:
    """Return `count` animals with homes of their own around the origin, 3 to 10 km2 each."""
    if count < 1:
        raise ScenarioError("count", count, "at least 1 animal")
    per_lat_m, per_lon_m = metres_per_degree(origin[0])
    animals = []
    for number in range(count):
        east = (2 * uniform(seed, "home", number, "east") - 1) * _SPREAD_M
        north = (2 * uniform(seed, "home", number, "north") - 1) * _SPREAD_M
        size = 0.85 + 0.4 * uniform(seed, "home", number, "size")
        animals.append(
            Ibex(
                seed=int(uniform(seed, "ibex", number) * 2**53),
                home=(origin[0] + north / per_lat_m, origin[1] + east / per_lon_m),
                start_utc_s=start_utc_s,
                sigma_m=(610.0 * size, 440.0 * size),
                axis_deg=180.0 * uniform(seed, "home", number, "axis"),
            )
        )
    return animals
