"""A study: many animals by many methods, through an executor, resumable.

Each finished result goes into a folder at once, under a key that is the hash of everything it
depends on: fixes, parameters, software version. A run that was cut is started again and does only
what is missing; a result whose input has changed is missing.
"""

import hashlib
import json
import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from analytics.ctmm.intervals import Interval
from analytics.errors import AnalyticsError, AnalyticsWarning, ParameterError
from analytics.executor import Executor, ExecutorError
from analytics.geometry import to_multipolygon
from analytics.grid import Grid
from analytics.methods import FROM_FILE, Method, RangeResult, method
from analytics.project import LocalProjection
from analytics.results import (
    Estimate,
    HomeRange,
    Isopleth,
    UtilizationDistribution,
    software_version,
)
from analytics.track import Track
from analytics.track_file import AnimalTrack

Floats = NDArray[np.float64]
By = Literal["all", "year", "month"]


@dataclass(frozen=True, eq=False)
class Job:
    """One home range to estimate.

    Attributes:
        animal: whose.
        track: its fixes.
        method: name of the estimator.
        levels_percent: isopleths; None: those of the method.
        options: of the estimator, by name.
        period: which part of the animal's fixes, in words; empty for all.
        keep_ud: whether the density is wanted too.
    """

    animal: str
    track: Track
    method: str
    levels_percent: tuple[float, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    period: str = ""
    keep_ud: bool = False

    @cached_property
    def key(self) -> str:
        """Hash of all that the result depends on, 32 hexadecimal digits."""
        given = method(self.method).complete(self.options)
        arrays = {name: v for name, v in given.items() if hasattr(v, "shape")}
        words = {name: v for name, v in given.items() if name not in arrays}
        plane = self.track.projection
        question = [
            self.animal,
            self.period,
            self.method,
            self.levels_percent,
            self.keep_ud,
            sorted(words.items()),
            sorted(arrays),
            None if plane is None else asdict(plane),
            software_version(),
        ]
        digest = hashlib.sha256(json.dumps(question).encode())
        columns = [self.track.times_s, self.track.x_m, self.track.y_m]
        for column in (*columns, *(arrays[name] for name in sorted(arrays))):
            digest.update(np.ascontiguousarray(column, "<f8").tobytes())
        return digest.hexdigest()[:32]


def jobs_of(
    animal: AnimalTrack,
    estimator: Method,
    options: Mapping[str, Any],
    levels_percent: tuple[float, ...] | None = None,
    from_s: float | None = None,
    to_s: float | None = None,
    by: By = "all",
    uere_m: float | None = None,
    keep_ud: bool = False,
) -> list[Job]:
    """Returns the jobs of one animal: one for all its fixes, or one for each year or month.

    Args:
        animal: from a track file.
        estimator: which.
        options: of it.
        levels_percent: isopleths; by default those of the method.
        from_s: use fixes from this Unix time.
        to_s: use fixes before this Unix time.
        by: how to part the fixes (UTC).
        uere_m: location error per unit of HDOP [m], used with error_m "file" where the file states
            no error in metres.
        keep_ud: whether densities are wanted.

    Raises:
        ParameterError: as `Method.complete`, or an error "file" that the file does not have.
    """
    values = estimator.complete(options)
    error_m = _errors(animal, uere_m) if values.get("error_m") == FROM_FILE else None
    times_s = animal.track.times_s
    inside = np.ones(times_s.size, bool)
    if from_s is not None:
        inside &= times_s >= from_s
    if to_s is not None:
        inside &= times_s < to_s
    unit = {"all": None, "year": "Y", "month": "M"}[by]
    periods = np.zeros(times_s.size, int).astype(str)
    if unit is not None:
        periods = times_s.astype("datetime64[s]").astype(f"datetime64[{unit}]").astype(str)
    jobs = []
    for period in np.unique(periods[inside]).tolist():
        part = inside & (periods == period)
        track = animal.track
        if not part.all():
            times_s, x_m, y_m = track.times_s[part], track.x_m[part], track.y_m[part]
            track = Track(times_s, x_m, y_m, track.projection)
        own = dict(options) if error_m is None else {**options, "error_m": error_m[part]}
        name = "" if unit is None else period
        jobs.append(Job(animal.animal, track, estimator.name, levels_percent, own, name, keep_ud))
    return jobs


def _errors(animal: AnimalTrack, uere_m: float | None) -> Floats:
    """Returns the location errors that a file states [m]."""
    errors = animal.error_m
    if errors is None and animal.hdop is not None and uere_m is not None:
        errors = animal.hdop * uere_m
    if errors is None:
        hint = ", or --uere METRES: it has HDOP" if animal.hdop is not None else ""
        expected = f"a number of metres: the file has no column of location error{hint}"
        raise ParameterError("error_m", FROM_FILE, expected)
    wrong = int((~(errors > 0)).sum())
    if wrong:
        expected = f"an error above 0 for every fix: {animal.animal} lacks {wrong}"
        raise ParameterError("error_m", FROM_FILE, f"{expected} of {errors.size}")
    return errors


@dataclass(frozen=True, eq=False)
class Done:
    """The end of one job.

    Attributes:
        job: what was asked.
        result: the home range.
        failure: or why there is none.
        reused: it was there from an earlier run.
    """

    job: Job
    result: RangeResult | None
    failure: str | None = None
    reused: bool = False


def run_study(
    jobs: Sequence[Job], executor: Executor, store: "Store | None" = None
) -> Iterator[Done]:
    """Yields the end of each job as it comes: first what is in the store, then what is computed.

    A track that an estimator refuses, and a job that kills its workers, are failures of that job
    alone. They are not stored: another run tries them again.

    Raises:
        ExecutorError: jobs cannot be run on.
    """
    missing = []
    for job in jobs:
        known = store.get(job) if store else None
        if known is None:
            missing.append(job)
        else:
            yield Done(job, known, reused=True)
    for finished in executor.run(compute, missing):
        job, error = missing[finished.index], finished.error
        if error is None:
            assert finished.value is not None
            if store:
                store.put(job, finished.value)
            yield Done(job, finished.value)
        elif isinstance(error, AnalyticsError | MemoryError):
            yield Done(job, None, str(error) or type(error).__name__)
        elif type(error).__name__ == "KilledWorker":  # distributed's
            yield Done(job, None, "the workers that took it died, one after the other")
        else:
            raise error


def compute(job: Job) -> RangeResult:
    """Returns the home range of a job; here, in a thread, or on a worker of a cluster.

    Raises:
        AnalyticsError: as the estimator.
    """
    track = replace(job.track)  # read-only again after its journey: what kernels are compiled for
    with _collected() as said:
        result = method(job.method)(track, job.levels_percent, **job.options)
    result = replace(result, warnings=tuple(dict.fromkeys(said)))
    return result if job.keep_ud else replace(result, ud=None)


_heard = threading.local()
_listening = threading.Lock()
_listeners = 0
_before: list[Any] = []


@contextmanager
def _collected() -> Iterator[list[str]]:
    """Collects what estimators warn of in this thread.

    `warnings.catch_warnings` is for one thread: the first to come installs one listener for all,
    the last to go takes it away.
    """
    global _listeners
    with _listening:
        _listeners += 1
        if _listeners == 1:
            catching = warnings.catch_warnings()
            catching.__enter__()
            warnings.simplefilter("always", AnalyticsWarning)
            _before[:] = [catching, warnings.showwarning]
            warnings.showwarning = _hear
    said: list[str] = []
    _heard.said = said
    try:
        yield said
    finally:
        _heard.said = None
        with _listening:
            _listeners -= 1
            if _listeners == 0:
                _before[0].__exit__(None, None, None)


def _hear(message: Any, category: type[Warning], *place: Any, **more: Any) -> None:
    said = getattr(_heard, "said", None)
    if said is not None and issubclass(category, AnalyticsWarning):
        said.append(str(message))
    else:
        _before[1](message, category, *place, **more)


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

    def get(self, job: Job) -> RangeResult | None:
        """Returns the stored result, or None; a file that cannot be read counts as none."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            members = json.loads(self._path(job, ".json").read_text(encoding="utf-8"))
            density = None
            if job.keep_ud and members["grid"] is not None:
                with np.load(self._path(job, ".npz")) as arrays:
                    density = arrays["density_per_m2"]
            return _from_json(members, density)
        return None

    def put(self, job: Job, result: RangeResult) -> None:
        """Stores a result."""
        if result.ud is not None:
            with _whole(self._path(job, ".npz")) as file:
                np.savez_compressed(file, density_per_m2=result.ud.density_per_m2)
        members = {"animal": job.animal, "period": job.period, "method": job.method}
        with _whole(self._path(job, ".json")) as file:
            file.write(json.dumps(members | _to_json(result), indent=1).encode())

    def _path(self, job: Job, suffix: str) -> Path:
        return self.folder / (job.key + suffix)


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
    projection = None if plane is None else LocalProjection(**plane)
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
