"""How the client speaks: parameters as the service names them, answers checked, streams read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from geopandas import GeoDataFrame

Time = datetime | str
Progress = Callable[[int], object]
"""Is told how many rows have come so far"""

_CRS = "OGC:CRS84"
_BLOCK_BYTES = 1 << 18


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


class Streamed:
    """A streamed answer, checked before it is used."""

    def __init__(self, opening: Any) -> None:
        self._opening = opening

    def __enter__(self) -> httpx.Response:
        answer: httpx.Response = self._opening.__enter__()
        if answer.is_error:
            answer.read()
            self._opening.__exit__(None, None, None)
            checked(answer)
        return answer

    def __exit__(self, *error: Any) -> None:
        self._opening.__exit__(*error)


class Stream:
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


def query(
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


def checked(answer: httpx.Response) -> httpx.Response:
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


def told_of(file: IO[bytes], progress: Progress | None) -> Iterator[bytes]:
    """The blocks of a file; `progress` is told the bytes so far."""
    sent = 0
    while block := file.read(_BLOCK_BYTES):
        yield block
        sent += len(block)
        if progress:
            progress(sent)


def frame_of(features: list[dict[str, Any]]) -> GeoDataFrame:
    """Features as a frame."""
    from geopandas import GeoDataFrame

    if not features:
        return GeoDataFrame({"id": []}, geometry=[], crs=_CRS)
    frame = GeoDataFrame.from_features(features, crs=_CRS)
    frame.insert(0, "id", [one["id"] for one in features])
    return frame
