"""One way to run many jobs: in threads here, or on a cluster of machines by its address.

Kernels release the interpreter's lock, so threads use all processors. A cluster is
`dask.distributed`'s: its scheduler gives a job to another worker where one dies.
"""

import os
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar
from urllib.parse import urlsplit

Item = TypeVar("Item")
Value = TypeVar("Value")

_AHEAD = 2  # jobs handed out per worker: one to do, one waiting
_ANSWER_S = 20.0  # for a scheduler to answer, and for a first worker to be there


class ExecutorError(RuntimeError):
    """Jobs cannot be run, or not on; the message says why."""


@dataclass(frozen=True)
class Finished(Generic[Value]):
    """The end of one job: its value, or what it raised.

    Attributes:
        index: which of the jobs given.
        value: what it returned.
        error: what it raised instead.
    """

    index: int
    value: Value | None
    error: Exception | None = None


class Executor(Protocol):
    """Runs jobs; a context manager that ends what it started."""

    def run(
        self, function: Callable[[Item], Value], items: Sequence[Item]
    ) -> Iterator[Finished[Value]]:
        """Yields each job's end as it comes, whatever the order; each once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def executor(scheduler: str | None = None, workers: int | None = None) -> Executor:
    """Returns threads of this process, or the cluster at a scheduler's address.

    Args:
        scheduler: address such as tcp://10.0.0.1:8786.
        workers: number of threads; by default one per processor. Not used with a scheduler.

    Raises:
        ExecutorError: as `Cluster`.
    """
    return Threads(workers) if scheduler is None else Cluster(scheduler)


class Threads:
    """Threads of this process."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or len(os.sched_getaffinity(0))
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="capra")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def run(
        self, function: Callable[[Item], Value], items: Sequence[Item]
    ) -> Iterator[Finished[Value]]:
        """Yields each job's end as it comes."""
        numbered = enumerate(items)
        running: dict[Future[Value], int] = {}
        while True:
            for index, item in islice(numbered, _AHEAD * self.workers - len(running)):
                running[self._pool.submit(function, item)] = index
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                yield _finished(running.pop(future), future)


class Cluster:
    """A `dask.distributed` cluster.

    Jobs and their input travel with the task, so that a worker that dies takes nothing with it.

    Args:
        address: of the scheduler.

    Raises:
        ExecutorError: the package is not installed, no scheduler answers, there are no workers,
            or they run another version of this software.
    """

    def __init__(self, address: str) -> None:
        try:
            import distributed
        except ImportError as error:
            raise ExecutorError(
                "a scheduler needs the package distributed: pip install 'capra[cluster]'"
            ) from error
        self.address = address
        _knock(address)
        try:
            self._client = distributed.Client(address, timeout=_ANSWER_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise ExecutorError(f"no scheduler answers at {address}: {error}") from error
        try:
            self._check_workers()
        except BaseException:
            self._client.close()
            raise

    def _check_workers(self) -> None:
        self.wait_for(1)
        from analytics.results import software_version

        try:
            theirs = self._client.run(software_version)
        except Exception as error:
            raise ExecutorError(f"workers of {self.address} cannot run capra: {error}") from error
        for worker, version in theirs.items():
            if version != software_version():
                raise ExecutorError(
                    f"worker {worker} runs {version}, this is {software_version()}: "
                    "results would not say which made them"
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def wait_for(self, workers: int) -> None:
        """Waits until there are so many workers.

        Raises:
            ExecutorError: they do not come.
        """
        try:
            self._client.wait_for_workers(workers, timeout=_ANSWER_S)
        except TimeoutError as error:
            there = len(self._client.nthreads()) or "no"
            raise ExecutorError(f"the scheduler at {self.address} has {there} workers") from error

    def run(
        self, function: Callable[[Item], Value], items: Sequence[Item]
    ) -> Iterator[Finished[Value]]:
        """Yields each job's end as it comes.

        Raises:
            ExecutorError: the scheduler is gone.
        """
        from distributed import as_completed

        numbered = enumerate(items)
        running: dict[Any, int] = {}
        ahead = _AHEAD * max(1, sum(self._client.nthreads().values()))

        def hand_out(count: int) -> list[Any]:
            new = {self._submit(function, item): index for index, item in islice(numbered, count)}
            running.update(new)
            return list(new)

        first = hand_out(ahead)
        for future in (done := as_completed(first, loop=self._client.loop)):
            try:
                finished = _finished(running.pop(future), future)
            except (OSError, CancelledError) as error:  # not the job's own, which are values
                raise ExecutorError(f"the scheduler at {self.address} is gone: {error}") from error
            future.release()
            for new in hand_out(1):
                done.add(new)
            yield finished

    def _submit(self, function: Callable[[Item], Value], item: Item) -> Any:
        with warnings.catch_warnings():
            # a track of a million fixes is large, and belongs to its job
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            return self._client.submit(function, item, pure=False)


def _knock(address: str) -> None:
    """Proves that something listens there; a client asks for long, and does not go quietly."""
    place = urlsplit(address if "://" in address else f"tcp://{address}")
    if place.hostname is None or place.port is None:
        raise ExecutorError(f"{address!r} is no scheduler's address: expected tcp://HOST:PORT")
    try:
        socket.create_connection((place.hostname, place.port), timeout=_ANSWER_S).close()
    except OSError as error:
        raise ExecutorError(f"no scheduler answers at {address}: {error}") from error


def _finished(index: int, future: Any) -> Finished[Any]:
    error = future.exception()
    if error is None:
        return Finished(index, future.result())
    if not isinstance(error, Exception):
        raise error
    return Finished(index, None, error)
