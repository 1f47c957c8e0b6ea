"""Jobs in threads and on a real cluster: each ends once, whatever dies."""

import math
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from analytics.executor import Cluster, ExecutorError, Threads, executor
from tests.analytics.dask_cluster import dask_cluster

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed")


def slow_square(job: tuple[Path, float]) -> tuple[float, int]:
    """The square, and who made it; says in a folder when it begins and ends."""
    folder, value = job
    (folder / f"{value}.{os.getpid()}.begun").touch()
    time.sleep(0.2)
    (folder / f"{value}.{os.getpid()}.ended").touch()
    return value * value, os.getpid()


def wait_until_busy(folder: Path, pid: int) -> str:
    """Returns the job that a worker is in the middle of."""
    for _ in range(1000):
        for begun in folder.glob(f"*.{pid}.begun"):
            if not begun.with_suffix(".ended").exists():
                return begun.name.removesuffix(f".{pid}.begun")
        time.sleep(0.01)
    raise AssertionError(f"worker {pid} did nothing")


def collect(runs, function, items):
    ends = list(runs.run(function, items))
    assert sorted(end.index for end in ends) == list(range(len(items)))
    return {end.index: end for end in ends}


def test_every_job_ends_once_whatever_the_order():
    def wait(seconds):
        time.sleep(seconds)
        return seconds

    with Threads(3) as threads:
        ends = collect(threads, wait, [0.05, 0.0, 0.02, 0.0, 0.01])
    assert [ends[k].value for k in range(5)] == [0.05, 0.0, 0.02, 0.0, 0.01]


def test_threads_run_at_the_same_time():
    both = threading.Barrier(2, timeout=30)
    with Threads(2) as threads:
        ends = collect(threads, lambda _: both.wait(), [1, 2])
    assert {end.value for end in ends.values()} == {0, 1}


def test_what_a_job_raises_is_its_end():
    with Threads(1) as threads:
        ends = collect(threads, math.sqrt, [4.0, -1.0, 9.0])
    assert (ends[0].value, ends[2].value) == (2.0, 3.0)
    assert isinstance(ends[1].error, ValueError)


def test_few_jobs_are_handed_out_ahead():
    taken = []

    class Items(list):
        def __iter__(self):
            for item in super().__iter__():
                taken.append(item)
                yield item

    with Threads(1) as threads:
        ends = threads.run(abs, Items(range(100)))
        next(ends)
        assert len(taken) < 10
        ends.close()


def test_threads_are_what_one_gets_without_a_scheduler():
    with executor(workers=2) as runs:
        assert isinstance(runs, Threads)
        assert runs.workers == 2


def test_a_killed_worker_takes_no_result_with_it(tmp_path):
    with dask_cluster(tmp_path) as processes, executor(processes.address) as cluster:
        assert isinstance(cluster, Cluster)
        cluster.wait_for(2)
        ends = cluster.run(slow_square, [(tmp_path, float(k)) for k in range(12)])
        done = [next(ends)]
        victim = done[0].value[1]
        cut = wait_until_busy(tmp_path, victim)
        processes.kill(victim)
        done += ends
    assert sorted((end.index, end.value[0]) for end in done) == [(k, k * k) for k in range(12)]
    assert not (tmp_path / f"{cut}.{victim}.ended").exists()
    assert {end.index for end in done if end.value[1] == victim}.isdisjoint({int(float(cut))})


@pytest.mark.parametrize("address", ["nowhere", "tcp://nowhere", "tcp://:8786", ""])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(ExecutorError, match="expected tcp://HOST:PORT"):
        executor(address)


def test_a_scheduler_that_is_not_there_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(ExecutorError, match=f"no scheduler answers at {address}"):
        executor(address)


def test_a_scheduler_without_workers_is_refused(tmp_path, monkeypatch):
    with dask_cluster(tmp_path, workers=0) as processes:
        monkeypatch.setattr("analytics.executor._ANSWER_S", 3.0)
        with pytest.raises(ExecutorError, match=f"{processes.address} has no workers"):
            executor(processes.address)


def test_a_scheduler_that_goes_away_ends_the_run(tmp_path):
    with dask_cluster(tmp_path) as processes, executor(processes.address) as cluster:
        ends = cluster.run(slow_square, [(tmp_path, 1.0)] * 20)
        next(ends)
        processes.scheduler.kill()
        with pytest.raises(ExecutorError, match="is gone"):
            list(ends)
