"""Read a Capra service from Python: positions as GeoDataFrames, files in and out.

```python
from backend.client import Client

with Client("https://capra.example", key="capra_...") as capra:
    fixes = capra.fixes(animal=3, since="2026-06-01T00:00:00Z", progress=print)
    ranges = capra.home_ranges(animal=3)
    newer = capra.compute_home_range(3, method="akde", progress=print)
```

Frames need the extra `client` (geopandas); what is given coarsely says so in `precision_deg`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx
import pyarrow as pa

from backend.client_answers import (
    Progress,
    Stream,
    Streamed,
    Time,
    checked,
    frame_of,
    query,
    told_of,
)
from backend.client_answers import ServiceError as ServiceError

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

Share = Callable[[float, str], object]
"""Is told which part of a computation is done, 0 to 1, and what is being done"""
Format = Literal["geojson", "csv", "arrow", "parquet"]

_API = "/api/v1"
_CRS = "OGC:CRS84"
_AGAIN_S = 0.5


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
        asked = query(**wanted, format="arrow")
        with (
            self._stream("fixes/export", asked) as answer,
            pa.ipc.open_stream(Stream(answer.iter_bytes())) as stream,
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

    def compute_home_range(
        self, animal: int, *, method: str | None = None, since: Time | None = None,
        until: Time | None = None, levels_percent: Sequence[float] = (50, 95),
        options: Mapping[str, Any] | None = None, progress: Share | None = None,
    ) -> GeoDataFrame:  # fmt: skip
        """The home range of an animal: the stored one if the fixes are still the same, or anew.

        Args:
            animal: its number.
            method: such as `akde`, the default, or `kde`.
            since: fixes from this time on; text is RFC 3339.
            until: fixes before this time.
            levels_percent: isopleths.
            options: of the method, by name.
            progress: is told how far it is. An interrupt (Ctrl-C) stops the computation too.

        Raises:
            ServiceError: the fixes do not allow it, or it was cancelled.
        """
        asked: dict[str, Any] = {"animal": animal, "method": method, "options": options}
        asked |= {"levels_percent": list(levels_percent), "since": since, "until": until}
        return frame_of(self._compute("home-ranges", progress, **asked)["features"])

    def compute_corridors(
        self, animals: Sequence[int] | None = None, *, since: Time | None = None,
        until: Time | None = None, progress: Share | None = None, **asked: Any,
    ) -> GeoDataFrame:  # fmt: skip
        """The land that animals of a herd pass through; None: all there are.

        `asked` as the API names it, such as `error_m`; the rest as `compute_home_range`.
        """
        herd = None if animals is None else list(animals)
        asked |= {"animals": herd, "since": since, "until": until}
        return frame_of(self._compute("corridors", progress, **asked)["features"])

    def compute_overlap(
        self, animals: Sequence[int] | None = None, *, study: int | None = None,
        since: Time | None = None, until: Time | None = None, method: str | None = None,
        progress: Share | None = None, **asked: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """How far home ranges overlap, every pair by six indices; of animals, or of a study.

        `asked` as the API names it, such as `level_percent`; the rest as `compute_home_range`.
        """
        of = {"animals": animals and list(animals), "study": study, "method": method}
        found = self._compute("overlaps", progress, since=since, until=until, **of, **asked)
        return dict(found)

    def _compute(self, path: str, progress: Share | None, **asked: Any) -> Any:
        """What was computed, however long it took."""
        wait = {"Prefer": "respond-async" if progress else "wait=2"}
        begun = checked(self._http.post(f"{_API}/{path}", json=query(**asked), headers=wait))
        if begun.status_code != httpx.codes.ACCEPTED:
            return begun.json()
        now = begun.json()
        place = f"{_API}/analyses/{now['analysis']}"
        try:
            while now["state"] in ("queued", "running"):
                if progress:
                    progress(now["progress"], now["step"] or now["state"])
                time.sleep(_AGAIN_S)
                now = checked(self._http.get(place)).json()
        except BaseException:  # nobody waits for it any more
            self._http.delete(place)
            raise
        if now["state"] == "done":
            if progress:
                progress(1.0, "done")
            return checked(self._http.get(f"{_API}/{path}/{now['result']['number']}")).json()
        error = now["error"] or {"status": 409, "type": "cancelled", "detail": "it was cancelled"}
        raise ServiceError(error["status"], error["type"].rpartition(":")[2], error["detail"])

    def import_events(
        self, study: int, file: str | Path, *, dry_run: bool = False,
        progress: Progress | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Import a Movebank event file (.csv) or lines of JSON (.ndjson), either as .gz too.

        Returns the report: rows_in = accepted + duplicate + rejected. `progress` is told the bytes
        sent so far.
        """
        path = Path(file)
        kind = "application/x-ndjson" if ".ndjson" in path.suffixes else "text/csv"
        headers = {"Content-Type": kind}
        if path.suffix == ".gz":
            headers["Content-Encoding"] = "gzip"
        with path.open("rb") as body:
            place = f"{_API}/studies/{study}/events"
            params = {"dry_run": dry_run}
            content = told_of(body, progress)
            answer = self._http.post(place, content=content, headers=headers, params=params)
        return dict(checked(answer).json())

    def export_events(
        self, study: int, file: str | Path, *, since: Time | None = None,
        until: Time | None = None, progress: Progress | None = None,
    ) -> Path:  # fmt: skip
        """Write a Movebank event file of a study; `progress` is told the bytes so far."""
        asked = query(since=since, until=until)
        return self._save(f"studies/{study}/events.csv", asked, Path(file), progress)

    def export_fixes(
        self, file: str | Path, *, format: Format = "parquet", progress: Progress | None = None,
        **wanted: Any,
    ) -> Path:  # fmt: skip
        """Write fixes into a file; `wanted` as in `fixes`, `progress` is told the bytes so far."""
        asked = query(**wanted, format=format)
        return self._save("fixes/export", asked, Path(file), progress)

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
        return Streamed(self._http.stream("GET", f"{_API}/{path}", params=query))

    def _frame(self, path: str, **wanted: Any) -> GeoDataFrame:
        return frame_of(list(self._pages(path, "features", query(**wanted))))

    def _listed(self, member: str, **wanted: Any) -> Iterator[dict[str, Any]]:
        return self._pages(member, member, query(**wanted))

    def _pages(self, path: str, member: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Everything, over all pages."""
        answer = checked(self._http.get(f"{_API}/{path}", params=query)).json()
        while True:
            yield from answer[member]
            links = answer.get("links", ())
            onward = next((one["href"] for one in links if one["rel"] == "next"), None)
            if onward is None:
                return
            # by its query alone: a service behind a proxy may know itself by another name
            after = httpx.URL(onward).params
            answer = checked(self._http.get(f"{_API}/{path}", params=after)).json()
