"""Ready-made worlds: a few ibex in an alpine valley and one station in a hut."""

from hardware.twin.animal import Ibex
from hardware.twin.errors import ScenarioError
from hardware.twin.landscape import metres_per_degree
from hardware.twin.seeded import uniform

ORIGIN = (46.66, 10.20)
"""Latitude and longitude [deg] of the middle of the landscape: near the Swiss National Park."""

STATION = (46.665, 10.215)
"""Where the hut with the station stands."""

START_UTC_S = 1_780_272_000
"""2026-06-01T00:00:00Z."""

_SPREAD_M = 2500.0  # homes lie within this of the origin


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
