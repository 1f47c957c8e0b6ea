"""Read a Capra service from Python: positions as GeoDataFrames, files in and out.

```python
from backend.client import Client

with Client("https://capra.example", key="capra_...") as capra:
    fixes = capra.fixes(animal=3, since="2026-06-01T00:00:00Z", progress=print)
    ranges = capra.home_ranges(animal=3)
```

Frames need the extra `client` (geopandas); what is given coarsely says so in `precision_deg`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx
import pyarrow as pa

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

Time = datetime | str
Progress = Callable[[int], object]
"""Is told how many rows have come so far"""
Format = Literal["geojson", "csv", "arrow", "parquet"]

_API = "/api/v1"
_CRS = "OGC:CRS84"


class ServiceError(Exception):
    """The service refused.

    Attributes:
        status: of HTTP.
        kind: what went wrong, such as `bad-parameter` or `not-found`.
        detail: the service's sentence, which names the value and what was expected.
    """

    def __init__(self, status: int, kind: str, detail: str) -> None:
        self.status, self.kind, self.detail = status, kind, detail
        super().__init__(f"{detail} ({status} {kind})")


class Client:
    """A connection to a service; a context manager, or closed by `close`."""

    def __init__(
        self, address: str, key: str | None = None, *, timeout_s: float = 60, **httpx_options: Any
    ) -> None:
        """Connect to the service at an address.

        Args:
            address: where the map page is, such as `http://127.0.0.1:8000`.
            key: shown with every request; None: what is public.
            timeout_s: how long to wait for the next bytes [s].
            httpx_options: for `httpx.Client`, such as `verify` or `transport`.
        """
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._http = httpx.Client(
            base_url=address.rstrip("/"), headers=headers, timeout=timeout_s, **httpx_options
        )

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def studies(self) -> list[dict[str, Any]]:
        """The studies that may be seen."""
        return list(self._listed("studies"))

    def animals(self, study: int | None = None) -> list[dict[str, Any]]:
        """The animals that may be seen, with their deployments."""
        return list(self._listed("animals", study=study))

    def alerts(
        self, *, study: int | None = None, animal: int | None = None, since: Time | None = None
    ) -> list[dict[str, Any]]:
        """Alerts, the oldest first; `since` is when they began."""
        return list(self._listed("alerts", study=study, animal=animal, **{"from": since}))

    def fixes(
        self, *, animal: int | None = None, collar: int | None = None, since: Time | None = None,
        until: Time | None = None, bbox: tuple[float, float, float, float] | None = None,
        visible: bool | None = None, progress: Progress | None = None,
    ) -> GeoDataFrame:  # fmt: skip
        """Fixes as points, in order of time; `until` is not among them.

        Args:
            animal: only of this animal, whichever collar it wore.
            collar: only of this collar; one of the two.
            since: from this time on; text is RFC 3339.
            until: before this time.
            bbox: west, south, east, north [deg]; west > east crosses the antimeridian.
            visible: True leaves outliers out, False leaves all else out.
            progress: is told how many fixes have come so far.
        """
        from geopandas import GeoDataFrame, points_from_xy

        table = self.fix_table(
            animal=animal, collar=collar, since=since, until=until, bbox=bbox, visible=visible,
            progress=progress,
        )  # fmt: skip
        frame = table.to_pandas()
        places = points_from_xy(frame.pop("lon"), frame.pop("lat"))
        return GeoDataFrame(frame, geometry=places, crs=_CRS)

    def fix_table(self, *, progress: Progress | None = None, **wanted: Any) -> pa.Table:
        """The same as an Arrow table, with `lat` and `lon` [deg]: as it streams in."""
        batches, rows = [], 0
        query = _query(**wanted, format="arrow")
        with (
            self._stream("fixes/export", query) as answer,
            pa.ipc.open_stream(_Stream(answer.iter_bytes())) as stream,
        ):
            schema = stream.schema
            for batch in stream:
                batches.append(batch)
                rows += batch.num_rows
                if progress:
                    progress(rows)
        return pa.Table.from_batches(batches, schema)

    def tracks(
        self, *, animal: int | None = None, since: Time | None = None, until: Time | None = None
    ) -> GeoDataFrame:
        """The way of each animal as a line through its newest fixes."""
        return self._frame("tracks", animal=animal, since=since, until=until)

    def latest(self, study: int | None = None) -> GeoDataFrame:
        """The newest fix of each collar."""
        return self._frame("latest", study=study)

    def home_ranges(self, animal: int | None = None, *, history: bool = False) -> GeoDataFrame:
        """Isopleths of home ranges: the newest of each animal and method, or all."""
        return self._frame("home-ranges", animal=animal, history=history)

    def corridors(self, animal: int | None = None) -> GeoDataFrame:
        """The land that animals of a herd pass through, of every computation."""
        return self._frame("corridors", animal=animal)

    def import_events(
        self, study: int, file: str | Path, *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Import a Movebank event file (.csv) or lines of JSON (.ndjson), either as .gz too.

        Returns the report: rows_in = accepted + duplicate + rejected.
        """
        path = Path(file)
        kind = "application/x-ndjson" if ".ndjson" in path.suffixes else "text/csv"
        headers = {"Content-Type": kind}
        if path.suffix == ".gz":
            headers["Content-Encoding"] = "gzip"
        with path.open("rb") as body:
            place = f"{_API}/studies/{study}/events"
            params = {"dry_run": dry_run}
            answer = self._http.post(place, content=body, headers=headers, params=params)
        return dict(_checked(answer).json())

    def export_events(
        self, study: int, file: str | Path, *, since: Time | None = None,
        until: Time | None = None, progress: Progress | None = None,
    ) -> Path:  # fmt: skip
        """Write a Movebank event file of a study; `progress` is told the bytes so far."""
        query = _query(since=since, until=until)
        return self._save(f"studies/{study}/events.csv", query, Path(file), progress)

    def export_fixes(
        self, file: str | Path, *, format: Format = "parquet", progress: Progress | None = None,
        **wanted: Any,
    ) -> Path:  # fmt: skip
        """Write fixes into a file; `wanted` as in `fixes`, `progress` is told the bytes so far."""
        query = _query(**wanted, format=format)
        return self._save("fixes/export", query, Path(file), progress)

    def _save(
        self, path: str, query: dict[str, Any], file: Path, progress: Progress | None
    ) -> Path:
        """Whole or not at all: into a file beside it, which then takes its name."""
        with (
            self._stream(path, query) as answer,
            tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part,
        ):
            try:
                written = 0
                for block in answer.iter_bytes():
                    written += part.write(block)
                    if progress:
                        progress(written)
            except BaseException:
                Path(part.name).unlink()
                raise
        return Path(part.name).replace(file)

    def _stream(self, path: str, query: dict[str, Any]) -> Any:
        return _Streamed(self._http.stream("GET", f"{_API}/{path}", params=query))

    def _frame(self, path: str, **wanted: Any) -> GeoDataFrame:
        from geopandas import GeoDataFrame

        features = list(self._pages(path, "features", _query(**wanted)))
        if not features:
            return GeoDataFrame({"id": []}, geometry=[], crs=_CRS)
        frame = GeoDataFrame.from_features(features, crs=_CRS)
        frame.insert(0, "id", [one["id"] for one in features])
        return frame

    def _listed(self, member: str, **wanted: Any) -> Iterator[dict[str, Any]]:
        return self._pages(member, member, _query(**wanted))

    def _pages(self, path: str, member: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Everything, over all pages."""
        answer = _checked(self._http.get(f"{_API}/{path}", params=query)).json()
        while True:
            yield from answer[member]
            links = answer.get("links", ())
            onward = next((one["href"] for one in links if one["rel"] == "next"), None)
            if onward is None:
                return
            # by its query alone: a service behind a proxy may know itself by another name
            after = httpx.URL(onward).params
            answer = _checked(self._http.get(f"{_API}/{path}", params=after)).json()


class _Streamed:
    """A streamed answer, checked before it is used."""

    def __init__(self, opening: Any) -> None:
        self._opening = opening

    def __enter__(self) -> httpx.Response:
        answer: httpx.Response = self._opening.__enter__()
        if answer.is_error:
            answer.read()
            self._opening.__exit__(None, None, None)
            _checked(answer)
        return answer

    def __exit__(self, *error: Any) -> None:
        self._opening.__exit__(*error)


class _Stream:
    """Bytes that come, as a file that pyarrow reads."""

    closed = False

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = bytearray()

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or what is left."""
        while size < 0 or len(self._rest) < size:
            block = next(self._blocks, None)
            if block is None:
                break
            self._rest += block
        size = len(self._rest) if size < 0 else size
        taken = bytes(self._rest[:size])
        del self._rest[:size]
        return taken

    def readable(self) -> bool:
        """It is."""
        return True

    def writable(self) -> bool:
        """It is not."""
        return False

    def seekable(self) -> bool:
        """It is not."""
        return False

    def close(self) -> None:
        """Nothing to do: the answer is closed by who opened it."""
        self.closed = True


def _query(
    since: Time | None = None, until: Time | None = None,
    bbox: tuple[float, float, float, float] | None = None, **wanted: Any,
) -> dict[str, Any]:  # fmt: skip
    """Parameters as the service names them; what is None is left out."""
    box = ",".join(f"{edge:.7f}" for edge in bbox) if bbox else None
    query = wanted | {"from": since or wanted.get("from"), "to": until, "bbox": box}
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in query.items()
        if value is not None
    }


def _checked(answer: httpx.Response) -> httpx.Response:
    """The answer.

    Raises:
        ServiceError: the service refused.
    """
    if answer.is_error:
        try:
            problem = answer.json()
            kind, detail = problem["type"].rpartition(":")[2], problem["detail"]
        except (ValueError, KeyError, TypeError):
            kind, detail = "unknown", re.sub(r"\s+", " ", answer.text)[:200]
        raise ServiceError(answer.status_code, kind, detail)
    return answer
