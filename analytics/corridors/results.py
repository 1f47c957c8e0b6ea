"""What corridor analyses hand back: polygons by use, with their widths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
from analytics.results import Estimate, UtilizationDistribution

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analytics.track import Track

_DEGREES = 1e-7  # resolution of written coordinates: 1 cm


@dataclass(frozen=True)
class Widths:
    """How wide a corridor is, across the animals' direction of travel.

    Attributes:
        narrowest_m: the bottleneck.
        median_m: of the sections, which lie evenly along the animals' ways.
        widest_m: the widest section.
        sections: number of places where it was measured.
        bottleneck_x_m: where the narrowest section is crossed.
        bottleneck_y_m: the same, y.
    """

    narrowest_m: float
    median_m: float
    widest_m: float
    sections: int
    bottleneck_x_m: float
    bottleneck_y_m: float


@dataclass(frozen=True)
class UseLevel:
    """The land that at least so many animals use.

    Attributes:
        animals: that number.
        share_percent: the same as part of the herd.
        polygon: the land in projected metres; valid; may have several parts, and holes.
        area_km2: area of the polygon.
        area_grid_km2: area of the grid cells whose nodes belong to it.
        widths: None where no animal's way crosses it.
        projection: the plane of the polygon.
    """

    animals: int
    share_percent: float
    polygon: MultiPolygon
    area_km2: float
    area_grid_km2: float
    widths: Widths | None
    projection: Plane | None

    def to_geographic(self) -> MultiPolygon:
        """Returns the polygon in (longitude, latitude) degrees, valid, cut at the antimeridian.

        Raises:
            ProjectionError: the plane lies nowhere on the globe, or the land is at a pole.
        """
        if self.projection is None:
            raise ProjectionError(
                "the tracks have no projection: their metres lie nowhere on the globe"
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
            "properties": self.properties,
        }

    @property
    def properties(self) -> dict[str, object]:
        """What is written beside the polygon; widths are None where there are none."""
        names = ("narrowest_m", "median_m", "widest_m", "sections")
        sizes = {f"width_{n}": getattr(self.widths, n) if self.widths else None for n in names}
        bottleneck = None
        if self.widths is not None and self.projection is not None:
            at = self.projection.inverse(self.widths.bottleneck_x_m, self.widths.bottleneck_y_m)
            bottleneck = [round(float(at[1]), 7), round(float(at[0]), 7)]
        return {
            "animals": self.animals,
            "share_percent": self.share_percent,
            "area_km2": self.area_km2,
            "area_grid_km2": self.area_grid_km2,
            **sizes,
            "width_bottleneck_lon_lat": bottleneck,
        }


@dataclass(frozen=True, eq=False)
class ObservedCorridors:
    """Where a herd moves: its mean density, and how many of its animals use which land.

    Attributes:
        population: mean of the animals' utilization distributions.
        animals_using: (rows, columns) int64, read-only: at each node, animals whose own range
            holds it.
        levels: the land used by at least so many animals, fewest first.
        estimate: how it was made.
        left_out: why animals' tracks have no part in it, by animal.
    """

    population: UtilizationDistribution
    animals_using: NDArray[np.int64]
    levels: tuple[UseLevel, ...]
    estimate: Estimate
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def grid(self) -> Grid:
        """Where the nodes are."""
        return self.population.grid

    def to_geojson(self) -> dict[str, object]:
        """Returns a GeoJSON FeatureCollection; how it was made is its member `estimate`.

        Raises:
            ProjectionError: as `UseLevel.to_geographic`.
        """
        return {
            "type": "FeatureCollection",
            "features": [level.to_geojson() for level in self.levels],
            "estimate": self.estimate.to_json(),
        }

    def to_geoparquet(self, path: Path) -> None:
        """Writes the levels of use: see `analytics.export.write_features`."""
        from analytics.export import corridor_features, write_features

        write_features(path, corridor_features(self))

    def plot(self, tracks: "Sequence[Track]") -> "Figure":
        """Returns a map of the levels and the herd's tracks: see `plot.corridor_figure`."""
        from analytics.plot import corridor_figure

        return corridor_figure(self, tracks)
