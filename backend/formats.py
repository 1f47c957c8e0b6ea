"""Fixes as GeoJSON, CSV, Arrow and GeoParquet, a part at a time: memory stays flat."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Generator, Iterable
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from backend import geojson
from backend.fix_columns import POSTGRES_EPOCH_US, REASONS, FixColumns

Parts = Iterable[FixColumns]

_SCHEMA = pa.schema(
    [
        pa.field("collar", pa.int32(), nullable=False),
        pa.field("generation", pa.int32(), nullable=False),
        pa.field("record", pa.int64(), nullable=False),
        pa.field("recorded_at", pa.timestamp("us", "UTC"), nullable=False),
        pa.field("animal", pa.int64()),
        pa.field("lat", pa.float64(), nullable=False),
        pa.field("lon", pa.float64(), nullable=False),
        pa.field("altitude_m", pa.float32()),
        pa.field("accuracy_m", pa.float32()),
        pa.field("reason", pa.dictionary(pa.int8(), pa.string())),
        pa.field("visible", pa.bool_(), nullable=False),
        pa.field("precision_deg", pa.float64(), nullable=False),
    ]
)
_PARQUET_BYTES = 1 << 16


def write_geojson(parts: Parts) -> Generator[bytes | memoryview]:
    """A FeatureCollection."""
    yield b'{"type":"FeatureCollection","precisionStored":%g,"features":[' % geojson.STORED_DEG
    for number, part in enumerate(parts):
        yield part.text(b",\n" if number else b"\n")
    yield b"\n]}\n"


def write_csv(parts: Parts) -> Generator[bytes]:
    """Comma-separated values with a header; times RFC 3339."""
    yield (",".join(_SCHEMA.names) + "\n").encode()
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="needed")
    for part in parts:
        batch = record_batch(part)
        times = pyarrow.compute.strftime(batch["recorded_at"], "%Y-%m-%dT%H:%M:%SZ")
        place = _SCHEMA.get_field_index("recorded_at")
        out = io.BytesIO()
        pyarrow.csv.write_csv(batch.set_column(place, "recorded_at", times), out, options)
        yield out.getvalue()


def write_arrow(parts: Parts) -> Generator[bytes]:
    """An Arrow IPC stream."""
    out = io.BytesIO()
    with pa.ipc.new_stream(out, _SCHEMA) as stream:
        for part in parts:
            stream.write_batch(record_batch(part))
            yield _taken(out)
    yield _taken(out)


def write_parquet(parts: Parts) -> Generator[bytes]:
    """GeoParquet 1.1: the same columns and `geometry`, points as WKB."""
    column = {"encoding": "WKB", "geometry_types": ["Point"]}  # no crs: WGS84, longitude first
    about = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    schema = _SCHEMA.append(pa.field("geometry", pa.binary(), nullable=False))
    schema = schema.with_metadata({"geo": json.dumps(about)})
    with tempfile.TemporaryFile() as file:  # its index comes last: a file, then a stream
        with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            for part in parts:
                batch = record_batch(part).append_column(schema.field("geometry"), _wkb(part))
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))
        file.seek(0)
        while block := file.read(_PARQUET_BYTES):
            yield block


def record_batch(part: FixColumns) -> pa.RecordBatch:
    """The columns as Arrow has them."""
    unknown = part.reason < 0
    reason = pa.array(np.clip(part.reason, 0, 15).astype(np.int8), mask=unknown)
    visible = (part.outlier & 8 != 0) | (part.outlier & 7 == 0)
    cells = part.cells_per_degree
    precision = np.where(cells == 0, geojson.STORED_DEG, 1 / np.maximum(cells, 1))
    arrays = [
        pa.array(part.collar),
        pa.array(part.generation),
        pa.array(part.record),
        pa.array(part.time_us + POSTGRES_EPOCH_US, _SCHEMA.field("recorded_at").type),
        pa.array(part.animal, mask=part.animal == 0),
        pa.array(part.lat),
        pa.array(part.lon),
        pa.array(part.altitude_m, mask=np.isnan(part.altitude_m)),
        pa.array(part.accuracy_m, mask=np.isnan(part.accuracy_m)),
        pa.DictionaryArray.from_arrays(reason, _reason_names()),
        pa.array(visible),
        pa.array(precision),
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)


def _wkb(part: FixColumns) -> pa.Array:
    """Points as little-endian well-known binary: byte order, type 1, x, y."""
    points = np.empty(part.rows, np.dtype([("o", "u1"), ("t", "<u4"), ("x", "<f8"), ("y", "<f8")]))
    points["o"], points["t"], points["x"], points["y"] = 1, 1, part.lon, part.lat
    width = points.dtype.itemsize
    ends = pa.py_buffer(np.arange(0, (part.rows + 1) * width, width, dtype=np.int32).tobytes())
    buffers = [None, ends, pa.py_buffer(points.tobytes())]
    return pa.Array.from_buffers(pa.binary(), part.rows, buffers)


def _taken(out: io.BytesIO) -> bytes:
    """What was written since the last time."""
    written = out.getvalue()
    out.seek(0)
    out.truncate()
    return written


FORMATS: dict[str, tuple[str, Callable[[Parts], Generator[Any]]]] = {
    "geojson": ("application/geo+json", write_geojson),
    "csv": ("text/csv; charset=utf-8", write_csv),
    "arrow": ("application/vnd.apache.arrow.stream", write_arrow),
    "parquet": ("application/vnd.apache.parquet", write_parquet),
}
"""Media type and writer of each format."""


@cache
def _reason_names() -> Any:
    """Not at import: where pandas is installed, Arrow's first array loads it."""
    return pa.array([REASONS.get(n, f"reason {n}") for n in range(16)])
