"""Finished results of a study in a folder: each one whole or not there, found by its key."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from analytics.ctmm.intervals import Interval
from analytics.executor import ExecutorError
from analytics.geometry import to_multipolygon
from analytics.grid import Grid
from analytics.methods import RangeResult
from analytics.project import LocalProjection, Plane, UtmProjection
from analytics.results import Estimate, HomeRange, Isopleth, UtilizationDistribution


class Store:
    """A folder of finished results.

    A result is one JSON file, put in place whole or not at all; its density, where it was wanted,
    lies beside it and is there first.

    Args:
        folder: made where it is missing.

    Raises:
        ExecutorError: it cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ExecutorError(f"{folder}: results cannot be kept there: {error}") from error

    def get(self, key: str, with_ud: bool = False) -> RangeResult | None:
        """Returns the stored result, or None; a file that cannot be read counts as none."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            members = json.loads(self._path(key, ".json").read_text(encoding="utf-8"))
            density = None
            if with_ud and members["grid"] is not None:
                with np.load(self._path(key, ".npz")) as arrays:
                    density = arrays["density_per_m2"]
            return _from_json(members, density)
        return None

    def put(self, key: str, result: RangeResult, **names: str) -> None:
        """Stores a result.

        Args:
            key: hash of all that it depends on.
            result: the result.
            names: said beside it, for people.
        """
        if result.ud is not None:
            with _whole(self._path(key, ".npz")) as file:
                np.savez_compressed(file, density_per_m2=result.ud.density_per_m2)
        with _whole(self._path(key, ".json")) as file:
            file.write(json.dumps(names | _to_json(result), indent=1).encode())

    def _path(self, key: str, suffix: str) -> Path:
        return self.folder / (key + suffix)


@contextmanager
def _whole(path: Path) -> Iterator[Any]:
    """A file that appears under its name when it is complete and on the disk."""
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _to_json(result: RangeResult) -> dict[str, Any]:
    estimate = result.home_range.estimate
    return {
        "about": result.about,
        "effective_size": result.effective_size,
        "warnings": list(result.warnings),
        "estimate": asdict(estimate),
        "intervals": [[level, asdict(i)] for level, i in result.intervals.items()],
        "isopleths": [
            {
                "level_percent": one.level_percent,
                "area_km2": one.area_km2,
                "area_grid_km2": one.area_grid_km2,
                "polygon": one.polygon.wkb_hex,
            }
            for one in result.home_range.isopleths
        ],
        "grid": None if result.ud is None else asdict(result.ud.grid),
    }


def _from_json(members: dict[str, Any], density: Any) -> RangeResult:
    plane = members["estimate"]["projection"]
    kind: Any = UtmProjection if plane and "zone" in plane else LocalProjection
    projection: Plane | None = None if plane is None else kind(**plane)
    estimate = Estimate(**(members["estimate"] | {"projection": projection}))
    isopleths = tuple(
        Isopleth(
            polygon=to_multipolygon(shapely.from_wkb(one.pop("polygon"))),
            projection=projection,
            **one,
        )
        for one in members["isopleths"]
    )
    ud = None
    if density is not None:
        density.flags.writeable = False
        ud = UtilizationDistribution(Grid(**members["grid"]), density, estimate)
    return RangeResult(
        HomeRange(isopleths, estimate),
        ud,
        {level: Interval(**interval) for level, interval in members["intervals"]},
        members["effective_size"],
        members["about"],
        tuple(members["warnings"]),
    )
