"""What analytics hand back: frozen values with units, parameters and software version."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon

from analytics.errors import ProjectionError
from analytics.geometry import to_multipolygon
from analytics.grid import Grid
from analytics.project import Plane
from analytics.track import Track

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DEGREES = 1e-7  # resolution of written coordinates: 1 cm


@cache
def software_version() -> str:
    """Returns the name and version of this software, as stored with every result."""
    return "capra " + version("capra")


@dataclass(frozen=True)
class Estimate:
    """How a result was made: common to all results of one estimation.

    Attributes:
        method: name of the estimator.
        parameters: everything that fixes the result, in JSON's types, units in the names.
        fixes: number of fixes used.
        from_time_s: Unix time of the first fix.
        to_time_s: Unix time of the last fix.
        projection: the plane of all metres; None if it lies nowhere on the globe.
        software_version: what computed it.
    """

    method: str
    parameters: dict[str, object]
    fixes: int
    from_time_s: float
    to_time_s: float
    projection: Plane | None
    software_version: str

    @classmethod
    def of(cls, track: Track, method: str, parameters: dict[str, object]) -> "Estimate":
        """Returns what is said of an estimate from a track."""
        return cls(
            method=method,
            parameters=parameters,
            fixes=len(track),
            from_time_s=float(track.times_s[0]),
            to_time_s=float(track.times_s[-1]),
            projection=track.projection,
            software_version=software_version(),
        )

    def to_json(self) -> dict[str, object]:
        """Returns the same in JSON's types, times as RFC 3339 in UTC."""
        times = {
            "from_time": datetime.fromtimestamp(self.from_time_s, UTC).isoformat(),
            "to_time": datetime.fromtimestamp(self.to_time_s, UTC).isoformat(),
        }
        plane = None if self.projection is None else self.projection.crs
        members: dict[str, object] = asdict(self) | times | {"projection": plane}
        del members["from_time_s"], members["to_time_s"]
        return members


@dataclass(frozen=True, eq=False)
class UtilizationDistribution:
    """Density of an animal's use of space at the nodes of a grid.

    Attributes:
        grid: where the nodes are.
        density_per_m2: (rows, columns) float64 [1/m2], read-only, first row = smallest y. Its
            volume (sum times cell area) is below 1 by what lies outside the grid.
        estimate: how it was made.
    """

    grid: Grid
    density_per_m2: NDArray[np.float64]
    estimate: Estimate

    def to_geotiff(self, path: Path) -> None:
        """Writes the density as a raster: see `analytics.export.write_raster`."""
        from analytics.export import write_raster

        write_raster(path, self)


@dataclass(frozen=True)
class Isopleth:
    """The smallest area that holds a given part of an animal's use.

    Attributes:
        level_percent: that part, above 0; below 100 for a utilization distribution, which has no
            end, at most 100 where an estimator works on the fixes themselves.
        polygon: the area in projected metres; valid; may have several parts, and holes.
        area_km2: area of the polygon.
        area_grid_km2: area of the grid cells whose nodes belong to it; None for estimators
            without a grid.
        projection: the plane of the polygon.
    """

    level_percent: float
    polygon: MultiPolygon
    area_km2: float
    area_grid_km2: float | None
    projection: Plane | None

    def to_geographic(self) -> MultiPolygon:
        """Returns the polygon in (longitude, latitude) degrees, valid, cut at the antimeridian.

        Raises:
            ProjectionError: the plane lies nowhere on the globe, or the area is at a pole.
        """
        if self.projection is None:
            raise ProjectionError(
                "the track has no projection: its metres lie nowhere on the globe"
            )
        return self.projection.to_geographic(self.polygon)

    def to_geojson(self) -> dict[str, object]:
        """Returns a GeoJSON Feature (RFC 7946), coordinates in 1e-7 degrees.

        Raises:
            ProjectionError: as `to_geographic`.
        """
        rounded = to_multipolygon(shapely.set_precision(self.to_geographic(), _DEGREES))
        return {
            "type": "Feature",
            "geometry": shapely.geometry.mapping(rounded),
            "properties": {
                "level_percent": self.level_percent,
                "area_km2": self.area_km2,
                "area_grid_km2": self.area_grid_km2,
            },
        }


@dataclass(frozen=True)
class HomeRange:
    """Isopleths of one estimate, in the order they were asked for."""

    isopleths: tuple[Isopleth, ...]
    estimate: Estimate

    def to_geojson(self) -> dict[str, object]:
        """Returns a GeoJSON FeatureCollection; how it was made is its member `estimate`.

        Raises:
            ProjectionError: as `Isopleth.to_geographic`.
        """
        return {
            "type": "FeatureCollection",
            "features": [isopleth.to_geojson() for isopleth in self.isopleths],
            "estimate": self.estimate.to_json(),
        }

    def to_geoparquet(self, path: Path) -> None:
        """Writes the isopleths, widest first: see `analytics.export.write_features`."""
        from analytics.export import isopleth_features, write_features

        write_features(path, isopleth_features(self))

    def plot(self, track: Track, name: str = "animal") -> "Figure":
        """Returns a map of the isopleths and the track they are of, to be changed or saved.

        Args:
            track: the fixes.
            name: of the animal, for the title.
        """
        from analytics.plot import range_figure

        return range_figure(self, track, name)
