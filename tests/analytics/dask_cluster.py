"""A real scheduler and two worker processes on loopback."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]  # workers import the tests too
_QUIET = {"DASK_DISTRIBUTED__DASHBOARD__LINK": "", "OMP_NUM_THREADS": "1"}


class DaskCluster:
    """Processes with their logs in a folder."""

    def __init__(self, folder: Path, processes: ExitStack) -> None:
        self.folder = folder
        self._processes = processes
        self._file = folder / "scheduler.json"
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0")
        self.address = json.loads(self._wait_for(self._file))["address"]
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def add_worker(self, name: str) -> None:
        where = ["--host", "127.0.0.1", "--local-directory", str(self.folder / name)]
        one = ["--nthreads", "1", "--no-nanny", "--name", name]
        self.workers[name] = self._start("worker", *where, *one)

    def kill(self, pid: int) -> None:
        """Power off for one worker, as far as a process can tell."""
        (worker,) = (one for one in self.workers.values() if one.pid == pid)
        worker.send_signal(signal.SIGKILL)
        worker.wait(30)

    def _start(self, kind: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words]
        command += ["--scheduler-file", str(self._file), "--no-dashboard"]
        log = self._processes.enter_context((self.folder / f"{kind}.log").open("ab"))
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | _QUIET, stdout=log, stderr=log
        )
        self._processes.callback(_end, process)
        return process

    def _wait_for(self, file: Path) -> str:
        for _ in range(600):
            if file.exists() and (text := file.read_text()):
                return text
            assert self.scheduler.poll() is None, (self.folder / "scheduler.log").read_text()
            time.sleep(0.05)
        raise AssertionError("the scheduler did not come up")


@contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[DaskCluster]:
    """A cluster that ends with the block, its workers named w0, w1, ..."""
    with ExitStack() as processes:
        cluster = DaskCluster(folder, processes)
        for number in range(workers):
            cluster.add_worker(f"w{number}")
        yield cluster


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(30)
