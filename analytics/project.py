"""Between the globe and a plane in metres around one animal."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

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
def _proj(definition: str) -> pyproj.Proj:
    return pyproj.Proj(definition)


class Plane(ABC):
    """Metres east and north on a part of the globe (WGS84)."""

    reach_m: ClassVar[float]
    """How far from its middle fixes may lie: there areas are off by 1 %."""

    @property
    @abstractmethod
    def crs(self) -> str:
        """PROJ string of the plane."""

    @property
    @abstractmethod
    def middle_lon_deg(self) -> float:
        """Longitude along which y is north."""

    @abstractmethod
    def distance_m(self, x_m: Floats, y_m: Floats) -> Floats:
        """Returns how far points lie from where the plane is true."""

    def forward(self, lat_deg: ArrayLike, lon_deg: ArrayLike) -> tuple[Floats, Floats]:
        """Returns x (east) and y (north) in metres of positions in degrees."""
        lat, lon = np.asarray(lat_deg, np.float64), np.asarray(lon_deg, np.float64)
        x_m, y_m = _proj(self.crs)(lon, lat)
        return np.asarray(x_m), np.asarray(y_m)

    def inverse(self, x_m: ArrayLike, y_m: ArrayLike) -> tuple[Floats, Floats]:
        """Returns latitude and longitude (-180..180) in degrees of points in metres."""
        x, y = np.asarray(x_m, np.float64), np.asarray(y_m, np.float64)
        lon, lat = _proj(self.crs)(x, y, inverse=True)
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
            west = self.middle_lon_deg - 180
            return np.column_stack((west + (lon - west) % 360, lat))

        degrees = to_multipolygon(shapely.transform(geometry, unwrapped))
        if degrees.is_empty or (degrees.bounds[0] >= -180 and degrees.bounds[2] <= 180):
            return degrees
        parts: list[Polygon] = []
        for turn in (-360.0, 0.0, 360.0):
            inside = degrees.intersection(box(turn - 180, -90, turn + 180, 90))
            parts += to_multipolygon(affinity.translate(inside, xoff=-turn)).geoms
        return to_multipolygon(MultiPolygon(parts))

    def _refuse_poles(self, geometry: BaseGeometry) -> None:  # noqa: B027 - most have none
        """Raises ProjectionError for areas that have no polygon in degrees."""


@dataclass(frozen=True)
class LocalProjection(Plane):
    """Azimuthal equidistant plane around a centre, on the WGS84 ellipsoid.

    Distances and directions from the centre are true. Areas at distance d from it are too large
    by (d / R)^2 / 6, R = 6371 km: 4e-5 at 100 km, 0.9 % at 1500 km.

    Raises:
        ParameterError: a centre that is not on the globe.

    Source: Snyder 1987, USGS Professional Paper 1395, chapter 25; computed by PROJ on geodesics.
    """

    reach_m = MAX_DISTANCE_M

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

    @property
    def middle_lon_deg(self) -> float:
        """Longitude of the centre."""
        return self.lon0_deg

    def distance_m(self, x_m: Floats, y_m: Floats) -> Floats:
        """Returns how far points lie from the centre."""
        return np.asarray(np.hypot(x_m, y_m))

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


_EASTING_M = 500_000.0


@dataclass(frozen=True)
class UtmProjection(Plane):
    """A zone of the Universal Transverse Mercator grid: the metres of maps and other programs.

    Lengths are too small by 4e-4 on the zone's middle line and true 180 km from it; areas are off
    by -8e-4 there and by +7e-3 at 600 km. Zones are 6 degrees wide, but a plane goes on past the
    edge of its zone.

    Attributes:
        zone: 1..60, from 180 degrees west.
        south: whether y counts from 10,000 km south of the equator.

    Raises:
        ParameterError: there is no such zone.

    Source: Snyder 1987, USGS Professional Paper 1395, chapter 8; computed by PROJ.
    """

    reach_m = 600_000.0

    zone: int
    south: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.zone <= 60:
            raise ParameterError("zone", self.zone, "1..60")

    @classmethod
    def around(cls, lat_deg: ArrayLike, lon_deg: ArrayLike) -> "UtmProjection":
        """Returns the zone in which the middle of positions lies.

        Raises:
            ProjectionError: as `LocalProjection.around`, or a middle beyond 84 north or 80 south,
                where there are no zones.
        """
        middle = LocalProjection.around(lat_deg, lon_deg)
        if not -80 <= middle.lat0_deg <= 84:
            raise ProjectionError(f"latitude {middle.lat0_deg}: UTM goes from -80 to 84 degrees")
        return cls(int((middle.lon0_deg + 180) // 6) % 60 + 1, middle.lat0_deg < 0)

    @property
    def crs(self) -> str:
        """PROJ string of the plane."""
        south = " +south" if self.south else ""
        return f"+proj=utm +zone={self.zone}{south} +datum=WGS84 +units=m"

    @property
    def middle_lon_deg(self) -> float:
        """Longitude of the zone's middle line."""
        return 6.0 * self.zone - 183.0

    def distance_m(self, x_m: Floats, y_m: Floats) -> Floats:
        """Returns how far points lie from the zone's middle line."""
        return np.abs(np.asarray(x_m) - _EASTING_M)
