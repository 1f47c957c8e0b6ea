"""A small analytic mountain landscape, so that tracks have plausible altitudes without a map.

A main valley, two ridges and side valleys as sums of sines: smooth, everywhere defined, no data
file. It resembles no real place; heights stay within 1,500 m to 3,100 m as in the ranges of alpine
ibex.
"""

import math

# Radii of curvature change by 0.1 % over 100 km: one value per landscape is enough.
_A_M = 6_378_137.0  # WGS 84 semi-major axis
_E2 = 6.694379990141e-3  # WGS 84 first eccentricity squared


def metres_per_degree(lat_deg: float) -> tuple[float, float]:
    """Metres per degree of latitude and of longitude at a latitude.

    Source: radii of curvature of the meridian and of the prime vertical of the WGS 84 ellipsoid.
    """
    sine2 = math.sin(math.radians(lat_deg)) ** 2
    prime_m = _A_M / math.sqrt(1.0 - _E2 * sine2)
    meridian_m = prime_m * (1.0 - _E2) / (1.0 - _E2 * sine2)
    return math.radians(meridian_m), math.radians(prime_m * math.cos(math.radians(lat_deg)))


def elevation_m(lat_deg: float, lon_deg: float) -> float:
    """Height above mean sea level [m] at a place; 1,500 to 3,100 m."""
    y_km = lat_deg * 111.2
    x_km = lon_deg * 76.3
    ridge = math.sin(2 * math.pi * (0.83 * y_km + 0.42 * x_km) / 9.0)
    side = math.sin(2 * math.pi * (0.35 * y_km - 0.91 * x_km) / 3.7)
    rough = math.sin(2 * math.pi * x_km / 1.3) * math.sin(2 * math.pi * y_km / 1.7)
    return 2300.0 + 480.0 * ridge + 220.0 * side + 100.0 * rough


def air_temperature_c(utc_s: float, altitude_m: float) -> float:
    """Air temperature [degrees Celsius]: smooth year and day, 6.5 K per km; assumed."""
    year = math.cos(2 * math.pi * (utc_s / 86_400 / 365.25 - 0.55))
    day = math.cos(2 * math.pi * (utc_s / 86_400 - 0.6))
    return 15.0 + 9.0 * year + 4.0 * day - 6.5 * altitude_m / 1000.0


def distance_m(
    a: tuple[float, float, float],
    b: tuple[float, float, float],
) -> float:
    """Straight-line distance [m] between two (lat_deg, lon_deg, altitude_m) some km apart."""
    per_lat_m, per_lon_m = metres_per_degree(0.5 * (a[0] + b[0]))
    dx = (a[1] - b[1]) * per_lon_m
    dy = (a[0] - b[0]) * per_lat_m
    return math.sqrt(dx * dx + dy * dy + (a[2] - b[2]) ** 2)
