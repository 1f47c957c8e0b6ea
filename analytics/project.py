"""Between the globe and a plane in metres around one animal."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyproj
import shapely
from numpy.typing import ArrayLike, NDArray
from shapely import affinity
from shapely.geometry import LineString, MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from analytics.errors import ParameterError, ProjectionError
from analytics.geometry import to_multipolygon

Floats = NDArray[np.float64]

MAX_DISTANCE_M = 1_500_000.0
"""Distance from the centre up to which areas are within 1 % (see `LocalProjection`)."""

_SOME_M = 2.0e7  # half of the globe's circumference: past everything on the plane


@lru_cache(maxsize=256)
def _proj(lat0_deg: float, lon0_deg: float) -> pyproj.Proj:
    return pyproj.Proj(proj="aeqd", lat_0=lat0_deg, lon_0=lon0_deg, ellps="WGS84", units="m")


@dataclass(frozen=True)
class LocalProjection:
    """Azimuthal equidistant plane around a centre, on the WGS84 ellipsoid.

    Distances and directions from the centre are true. Areas at distance d from it are too large
    by (d / R)^2 / 6, R = 6371 km: 4e-5 at 100 km, 0.9 % at 1500 km.

    Raises:
        ParameterError: a centre that is not on the globe.

    Source: Snyder 1987, USGS Professional Paper 1395, chapter 25; computed by PROJ on geodesics.
    """

    lat0_deg: float
    lon0_deg: float

    def __post_init__(self) -> None:
        for name, limit in (("lat0_deg", 90), ("lon0_deg", 180)):
            if not abs(getattr(self, name)) <= limit:
                raise ParameterError(name, getattr(self, name), f"-{limit}..{limit} degrees")

    @classmethod
    def around(cls, lat_deg: ArrayLike, lon_deg: ArrayLike) -> "LocalProjection":
        """Returns the plane centred on the mean direction of positions, rounded to 1e-6 degrees.

        The mean is taken of unit vectors, so positions on both sides of the antimeridian are fine.

        Raises:
            ProjectionError: no positions, or positions spread so evenly over the globe that they
                have no middle.
        """
        lat, lon = np.radians(lat_deg), np.radians(lon_deg)
        x, y = np.sum(np.cos(lat) * np.cos(lon)), np.sum(np.cos(lat) * np.sin(lon))
        z = np.sum(np.sin(lat))
        if not np.hypot(np.hypot(x, y), z) > 1e-6 * np.size(lat):
            raise ProjectionError(f"{np.size(lat)} positions have no middle on the globe")
        lat0, lon0 = np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))
        return cls(round(float(lat0), 6), round(float(lon0), 6))

    @property
    def crs(self) -> str:
        """PROJ string of the plane."""
        return f"+proj=aeqd +lat_0={self.lat0_deg} +lon_0={self.lon0_deg} +datum=WGS84 +units=m"

    def forward(self, lat_deg: ArrayLike, lon_deg: ArrayLike) -> tuple[Floats, Floats]:
        """Returns x (east) and y (north) in metres of positions in degrees."""
        lat, lon = np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64)
        x_m, y_m = _proj(self.lat0_deg, self.lon0_deg)(lon, lat)
        return np.asarray(x_m), np.asarray(y_m)

    def inverse(self, x_m: ArrayLike, y_m: ArrayLike) -> tuple[Floats, Floats]:
        """Returns latitude and longitude (-180..180) in degrees of points in metres."""
        x, y = np.asarray(x_m, np.float64), np.asarray(y_m, np.float64)
        lon, lat = _proj(self.lat0_deg, self.lon0_deg)(x, y, inverse=True)
        return np.asarray(lat), np.asarray(lon)

    def to_geographic(self, geometry: BaseGeometry) -> MultiPolygon:
        """Returns areas of the plane in (longitude, latitude) degrees, valid on -180..180.

        An area across the antimeridian is cut there into parts on either side (RFC 7946, section
        3.1.9).

        Raises:
            ProjectionError: an area holds or surrounds a pole, or lies across the meridian behind
                it: no polygon in longitude and latitude describes it.
        """
        self._refuse_poles(geometry)

        def unwrapped(points: Floats) -> Floats:
            lat, lon = self.inverse(points[:, 0], points[:, 1])
            return np.column_stack((self.lon0_deg + (lon - self.lon0_deg + 180) % 360 - 180, lat))

        degrees = to_multipolygon(shapely.transform(geometry, unwrapped))
        if degrees.is_empty or (degrees.bounds[0] >= -180 and degrees.bounds[2] <= 180):
            return degrees
        parts: list[Polygon] = []
        for turn in (-360.0, 0.0, 360.0):
            inside = degrees.intersection(box(turn - 180, -90, turn + 180, 90))
            parts += to_multipolygon(affinity.translate(inside, xoff=-turn)).geoms
        return to_multipolygon(MultiPolygon(parts))

    def _refuse_poles(self, geometry: BaseGeometry) -> None:
        for pole_deg in (-90.0, 90.0):
            y_m = float(self.forward(pole_deg, self.lon0_deg)[1])
            behind = LineString([(0.0, y_m), (0.0, np.sign(pole_deg) * _SOME_M)])
            for part in shapely.get_parts(geometry):
                if Polygon(part.exterior).intersects(behind):
                    raise ProjectionError(
                        f"an area {part.bounds} [m] around latitude {self.lat0_deg}, longitude "
                        f"{self.lon0_deg} lies at or behind the pole {pole_deg:g}: it has no "
                        "polygon in longitude and latitude"
                    )
