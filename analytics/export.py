"""Files for other programs: GeoJSON and GeoParquet of home ranges, GeoTIFF of a density.

Every row says how it was made, so that a file can be split and merged and stays true. Files
appear under their name when they are complete.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shapely

from analytics.corridors.results import ObservedCorridors, UseLevel
from analytics.errors import AnalyticsError
from analytics.methods import RangeResult
from analytics.results import Estimate, HomeRange, Isopleth, UtilizationDistribution
from analytics.study import Done

_GEOJSON = (".geojson", ".json")
_GEOPARQUET = (".parquet", ".geoparquet")
_GEOPARQUET_VERSION = "1.1.0"


class ExportError(AnalyticsError):
    """A file that cannot be written; the message says why."""


def check_target(path: Path, geographic: bool) -> None:
    """Proves, before anything is computed, that home ranges can be written to a path.

    Args:
        path: its ending says the format.
        geographic: whether the tracks lie on the globe.

    Raises:
        ExportError: an unknown ending, a folder that is not there, or metres as GeoJSON.
    """
    if path.suffix.lower() not in _GEOJSON + _GEOPARQUET:
        raise ExportError(f"{path}: expected a name ending in .geojson or .parquet")
    if not path.parent.is_dir():
        raise ExportError(f"{path}: there is no folder {path.parent}")
    if not geographic and path.suffix.lower() in _GEOJSON:
        raise ExportError(
            f"{path}: GeoJSON holds degrees, and the metres of this track lie nowhere on the "
            "globe: say where with --origin LAT,LON, or write .parquet, which keeps metres"
        )


@dataclass(frozen=True)
class Feature:
    """A polygon and what is written beside it.

    Attributes:
        source: the result it comes from.
        properties: in JSON's types; times as RFC 3339 in names that end in _time.
    """

    source: Isopleth | UseLevel
    properties: dict[str, Any]


def write_features(path: Path, features: Sequence[Feature]) -> None:
    """Writes features as the path's ending says.

    Raises:
        ExportError: as `check_target`.
        ProjectionError: an area that has no polygon in degrees.
    """
    check_target(path, all(one.source.projection is not None for one in features))
    if path.suffix.lower() in _GEOJSON:
        text = json.dumps(to_geojson(features))
        with whole(path) as part:
            part.write_text(text + "\n", encoding="utf-8")
    else:
        _write_geoparquet(path, features)


def to_geojson(features: Sequence[Feature]) -> dict[str, Any]:
    """Returns a GeoJSON FeatureCollection.

    Raises:
        ProjectionError: as `analytics.results.Isopleth.to_geographic`.
    """
    written = [one.source.to_geojson() | {"properties": one.properties} for one in features]
    return {"type": "FeatureCollection", "features": written}


def isopleth_features(found: HomeRange) -> list[Feature]:
    """Returns the isopleths of one home range, the widest first."""
    made = _of_estimate(found.estimate)
    areas = sorted(found.isopleths, key=lambda one: -one.level_percent)
    return [
        Feature(
            one,
            {
                "level_percent": one.level_percent,
                "area_km2": one.area_km2,
                "area_grid_km2": one.area_grid_km2,
                **made,
            },
        )
        for one in areas
    ]


def home_range_features(found: Sequence[Done]) -> list[Feature]:
    """Returns the isopleths of home ranges, the widest of each first, to be drawn like that."""
    features = []
    for done in found:
        if done.result:
            areas = sorted(done.result.home_range.isopleths, key=lambda one: -one.level_percent)
            features += [Feature(one, _of_isopleth(done, done.result, one)) for one in areas]
    return features


def corridor_features(found: ObservedCorridors) -> list[Feature]:
    """Returns the levels of use, the widest first."""
    made = _of_estimate(found.estimate)
    used = (one for one in found.levels if not one.polygon.is_empty)
    levels = sorted(used, key=lambda one: one.animals)
    return [Feature(one, one.properties | made) for one in levels]


def _of_isopleth(done: Done, result: RangeResult, isopleth: Isopleth) -> dict[str, Any]:
    interval = result.intervals.get(isopleth.level_percent)
    return {
        "animal": done.job.animal,
        "period": done.job.period or None,
        "method": done.job.method,
        "level_percent": isopleth.level_percent,
        "area_km2": isopleth.area_km2,
        "area_estimate_km2": interval.estimate if interval else None,
        "area_low_km2": interval.low if interval else None,
        "area_high_km2": interval.high if interval else None,
        "confidence_percent": interval.confidence_percent if interval else None,
        "area_grid_km2": isopleth.area_grid_km2,
        "effective_size": result.effective_size,
        **_of_estimate(result.home_range.estimate),
        "warnings": list(result.warnings),
    }


def _of_estimate(estimate: Estimate) -> dict[str, Any]:
    members = estimate.to_json()
    names = ("fixes", "from_time", "to_time", "parameters", "projection", "software_version")
    return {"estimator": members["method"]} | {name: members[name] for name in names}


def _write_geoparquet(path: Path, features: Sequence[Feature]) -> None:
    """Writes WKB polygons: longitude and latitude, or metres where a track lies nowhere.

    Source: GeoParquet specification 1.1.0.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    geographic = all(one.source.projection is not None for one in features)
    polygons = [
        one.source.to_geographic() if geographic else one.source.polygon for one in features
    ]
    rows = [
        {name: _flat(name, value) for name, value in one.properties.items()}
        | {"geometry": shapely.to_wkb(polygon, flavor="iso")}
        for one, polygon in zip(features, polygons, strict=True)
    ]
    schema = pa.schema([(name, _kind(name, [row[name] for row in rows])) for name in rows[0]])
    column: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": ["MultiPolygon"],
        "orientation": "counterclockwise",
        "bbox": list(shapely.total_bounds(polygons)),
    }
    if not geographic:
        column["crs"] = None  # undefined; left out it would mean longitude and latitude
    geo = {
        "version": _GEOPARQUET_VERSION,
        "primary_column": "geometry",
        "columns": {"geometry": column},
    }
    table = pa.Table.from_pylist(rows, schema.with_metadata({"geo": json.dumps(geo)}))
    with whole(path) as part:
        pq.write_table(table, part, compression="zstd")


def _flat(name: str, value: Any) -> Any:
    """A value as a table holds it."""
    if name.endswith("_time"):
        return datetime.fromisoformat(value)
    return json.dumps(value) if isinstance(value, dict | list) else value


def _kind(name: str, values: Sequence[object]) -> Any:
    """The type of a column, the same whether or not there are values in it."""
    import pyarrow as pa

    if name.endswith("_time"):
        return pa.timestamp("us", tz="UTC")
    if name.endswith(("_km2", "_m", "_percent", "_size")):
        return pa.float64()
    kinds = {bytes: pa.binary(), int: pa.int64()}
    return kinds.get(type(values[0]), pa.string())


def write_raster(path: Path, ud: UtilizationDistribution) -> None:
    """Writes a density [1/m2] as a GeoTIFF, north up, on the track's own plane.

    How it was made stands in the file's tags. A track in metres gives a raster without a
    reference system.

    Raises:
        ExportError: the folder is not there.
    """
    import numpy as np
    import rasterio
    from rasterio import Affine

    if not path.parent.is_dir():
        raise ExportError(f"{path}: there is no folder {path.parent}")
    grid, estimate = ud.grid, ud.estimate
    left = grid.x0_m - grid.cell_m / 2
    top = grid.y0_m + (grid.rows - 0.5) * grid.cell_m
    profile = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "float32",
        "width": grid.columns,
        "height": grid.rows,
        "crs": estimate.projection.crs if estimate.projection else None,
        "transform": Affine(grid.cell_m, 0.0, left, 0.0, -grid.cell_m, top),
        "compress": "deflate",
        "predictor": 3,
        "tiled": True,
    }
    tags = {
        "method": estimate.method,
        "parameters": json.dumps(estimate.parameters),
        "fixes": str(estimate.fixes),
        "from_time": datetime.fromtimestamp(estimate.from_time_s, UTC).isoformat(),
        "to_time": datetime.fromtimestamp(estimate.to_time_s, UTC).isoformat(),
        "software_version": estimate.software_version,
        "units": "1/m2",
    }
    with whole(path) as part, rasterio.open(part, "w", **profile) as file:
        file.write(np.flipud(ud.density_per_m2).astype(np.float32), 1)
        file.update_tags(**tags)
        file.set_band_description(1, "utilization density [1/m2]")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A path beside the given one, which takes its place when all has gone well."""
    part = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise ExportError(f"{path}: cannot be written: {error}") from error
    finally:
        part.unlink(missing_ok=True)
