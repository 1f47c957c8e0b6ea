"""A study: many animals by many methods, through an executor, resumable.

Each finished result goes into a folder at once, under a key that is the hash of everything it
depends on: fixes, parameters, software version. A run that was cut is started again and does only
what is missing; a result whose input has changed is missing.
"""

import hashlib
import json
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analytics.errors import AnalyticsError, AnalyticsWarning, ParameterError
from analytics.executor import Executor
from analytics.location_error import LocationError
from analytics.methods import FROM_FILE, Method, RangeResult, method
from analytics.results import software_version
from analytics.store import Store
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
        selection: how the fixes were chosen from what was recorded, for the result's parameters.
    """

    animal: str
    track: Track
    method: str
    levels_percent: tuple[float, ...] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    period: str = ""
    keep_ud: bool = False
    selection: Mapping[str, Any] = field(default_factory=dict)

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
            sorted(self.selection.items()),
            None if plane is None else plane.crs,
            software_version(),
        ]
        digest = hashlib.sha256(json.dumps(question).encode())
        columns = [self.track.times_s, self.track.x_m, self.track.y_m]
        if self.track.error is not None:
            columns.append(self.track.error.axis_m)
        if self.track.reason is not None:
            columns.append(self.track.reason.astype(np.float64))
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
        uere_m: error of a pseudorange [m]: with it the location error follows from HDOP, where
            the file states none in metres (`analytics.location_error.LocationError.of_hdop`).
        keep_ud: whether densities are wanted.

    Raises:
        ParameterError: as `Method.complete`, or an error "file" that the file does not have.
    """
    values = estimator.complete(options)
    track = animal.track
    if values.get("error_m") == FROM_FILE:
        if track.error is None and animal.hdop is not None and uere_m is not None:
            track = replace(track, error=LocationError.of_hdop(animal.hdop, uere_m))
        _check_errors(animal, track, estimator.name)
    return [
        Job(
            animal.animal,
            track.select(part),
            estimator.name,
            levels_percent,
            options,
            name,
            keep_ud,
            animal.selection,
        )
        for name, part in parts(track.times_s, from_s, to_s, by)
    ]


def _check_errors(animal: AnimalTrack, track: Track, method_name: str) -> None:
    """Proves, before anything is computed, that a file states location errors."""
    if track.error is None:
        hint = ", or --uere METRES: it has HDOP" if animal.hdop is not None else ""
        expected = (
            f"for {method_name} a number of metres: the file has no column of location error{hint}"
        )
        raise ParameterError("error_m", FROM_FILE, expected)
    if wrong := int((~(track.error.axis_m > 0)).sum()):
        expected = f"for {method_name} one above 0 at every fix: {animal.animal} lacks {wrong}"
        raise ParameterError("error_m", FROM_FILE, f"{expected} of {len(track)}")


def parts(
    times_s: Floats, from_s: float | None = None, to_s: float | None = None, by: By = "all"
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Returns the name of each period and which fixes are in it; without those that have none.

    Args:
        times_s: (n,) Unix times.
        from_s: no fixes before.
        to_s: no fixes from then on.
        by: years or months (UTC); the name of all in one is empty.
    """
    inside = np.ones(times_s.size, bool)
    if from_s is not None:
        inside &= times_s >= from_s
    if to_s is not None:
        inside &= times_s < to_s
    if by == "all":
        return [("", inside)] if inside.any() else []
    unit = {"year": "Y", "month": "M"}[by]
    names = times_s.astype("datetime64[s]").astype(f"datetime64[{unit}]").astype(str)
    return [(name, inside & (names == name)) for name in np.unique(names[inside]).tolist()]


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
    jobs: Sequence[Job], executor: Executor, store: Store | None = None
) -> Iterator[Done]:
    """Yields the end of each job as it comes: first what is in the store, then what is computed.

    A track that an estimator refuses, and a job that kills its workers, are failures of that job
    alone. They are not stored: another run tries them again.

    Raises:
        ExecutorError: jobs cannot be run on.
    """
    missing = []
    for job in jobs:
        known = store.get(job.key, job.keep_ud) if store else None
        if known is None:
            missing.append(job)
        else:
            yield Done(job, known, reused=True)
    for finished in executor.run(compute, missing):
        job, error = missing[finished.index], finished.error
        if error is None:
            assert finished.value is not None
            if store:
                names = {"animal": job.animal, "period": job.period, "method": job.method}
                store.put(job.key, finished.value, **names)
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
    with collected_warnings() as said:
        result = method(job.method)(track, job.levels_percent, **job.options)
    result = _with_provenance(replace(result, warnings=tuple(dict.fromkeys(said))), job)
    return result if job.keep_ud else replace(result, ud=None)


def _with_provenance(result: RangeResult, job: Job) -> RangeResult:
    """Adds to the parameters how fixes were chosen and what was warned of."""
    more: dict[str, object] = dict(job.selection)
    if result.warnings:
        more["warnings"] = list(result.warnings)
    ranges = result.home_range
    estimate = replace(ranges.estimate, parameters=ranges.estimate.parameters | more)
    ud = None if result.ud is None else replace(result.ud, estimate=estimate)
    return replace(result, home_range=replace(ranges, estimate=estimate), ud=ud)


_heard = threading.local()
_listening = threading.Lock()
_listeners = 0
_before: list[Any] = []


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
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
