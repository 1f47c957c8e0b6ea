"""Files for other programs: GeoJSON and GeoParquet of home ranges, GeoTIFF of a density.

Every row says how it was made, so that a file can be split and merged and stays true. Files
appear under their name when they are complete.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import shapely

from analytics.errors import AnalyticsError
from analytics.results import Isopleth, UtilizationDistribution
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


def write_home_ranges(path: Path, found: Sequence[Done]) -> None:
    """Writes home ranges as the path's ending says.

    Raises:
        ExportError: as `check_target`.
        ProjectionError: an area that has no polygon in degrees.
    """
    estimates = [one.result.home_range.estimate for one in found if one.result]
    check_target(path, all(one.projection is not None for one in estimates))
    if path.suffix.lower() in _GEOJSON:
        with whole(path) as part:
            part.write_text(json.dumps(to_geojson(found)) + "\n", encoding="utf-8")
    else:
        _write_geoparquet(path, found)


def to_geojson(found: Sequence[Done]) -> dict[str, object]:
    """Returns a GeoJSON FeatureCollection, a feature per isopleth.

    Raises:
        ProjectionError: as `analytics.results.Isopleth.to_geographic`.
    """
    features = []
    for done, isopleth in _isopleths(found):
        feature = isopleth.to_geojson()
        feature["properties"] = properties(done, isopleth)
        features.append(feature)
    return {"type": "FeatureCollection", "features": features}


def properties(done: Done, isopleth: Isopleth) -> dict[str, Any]:
    """Returns what is written beside a polygon: areas, their interval, and how it was made."""
    assert done.result is not None
    estimate = done.result.home_range.estimate.to_json()
    interval = done.result.intervals.get(isopleth.level_percent)
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
        "effective_size": done.result.effective_size,
        "fixes": estimate["fixes"],
        "from_time": estimate["from_time"],
        "to_time": estimate["to_time"],
        "estimator": estimate["method"],
        "parameters": estimate["parameters"],
        "projection": estimate["projection"],
        "software_version": estimate["software_version"],
        "warnings": list(done.result.warnings),
    }


def _isopleths(found: Sequence[Done]) -> Iterator[tuple[Done, Isopleth]]:
    """Yields isopleths, the widest of each home range first: to be drawn in this order."""
    for done in found:
        if done.result:
            areas = done.result.home_range.isopleths
            for one in sorted(areas, key=lambda one: -one.level_percent):
                yield done, one


def _write_geoparquet(path: Path, found: Sequence[Done]) -> None:
    """Writes WKB polygons: longitude and latitude, or metres where a track lies nowhere.

    Source: GeoParquet specification 1.1.0.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows, polygons = [], []
    for done, isopleth in _isopleths(found):
        geographic = isopleth.projection is not None
        polygons.append(isopleth.to_geographic() if geographic else isopleth.polygon)
        row = properties(done, isopleth)
        for name in ("from_time", "to_time"):
            row[name] = datetime.fromisoformat(row[name])
        for name in ("parameters", "warnings"):
            row[name] = json.dumps(row[name])
        rows.append(row | {"geometry": shapely.to_wkb(polygons[-1], flavor="iso")})
    times, numbers = pa.timestamp("us", tz="UTC"), pa.float64()
    kinds = {"fixes": pa.int64(), "from_time": times, "to_time": times, "geometry": pa.binary()}
    kinds |= {name: numbers for name in rows[0] if name.endswith(("_km2", "_percent", "_size"))}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in rows[0]])
    column: dict[str, object] = {
        "encoding": "WKB",
        "geometry_types": ["MultiPolygon"],
        "orientation": "counterclockwise",
        "bbox": list(shapely.total_bounds(polygons)),
    }
    if any(isopleth.projection is None for _, isopleth in _isopleths(found)):
        column["crs"] = None  # undefined; left out it would mean longitude and latitude
    geo = {
        "version": _GEOPARQUET_VERSION,
        "primary_column": "geometry",
        "columns": {"geometry": column},
    }
    table = pa.Table.from_pylist(rows, schema.with_metadata({"geo": json.dumps(geo)}))
    with whole(path) as part:
        pq.write_table(table, part, compression="zstd")


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
