"""The processes that compute: started when first needed, kept warm, killed to stop them."""

from __future__ import annotations

import atexit
import contextlib
import json
import subprocess
import sys
import threading

_idle: list[Process] = []  # of this whole program: to start one takes longer than most analyses
_lock = threading.Lock()


class Process:
    """One process that computes one analysis at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "backend.jobs.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # an interrupt from the terminal is for who started it
        )

    def run(self, dsn: str, analysis: int) -> bool:
        """Compute an analysis, to its end; False: the process died over it."""
        orders, said = self._process.stdin, self._process.stdout
        assert orders is not None
        assert said is not None
        try:
            print(json.dumps({"dsn": dsn, "analysis": analysis}), file=orders, flush=True)
        except BrokenPipeError:
            return False
        return said.readline() == "over\n"

    def stop(self) -> None:
        """Kill it, whatever it does: who waits in `run` is told that it died."""
        self._process.kill()

    def end(self) -> None:
        """Have done with it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                assert pipe
                pipe.close()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None


def take() -> Process:
    """A process that waits for something to do."""
    with _lock:
        while _idle:
            process = _idle.pop()
            if process.alive:
                return process
    return Process()


def give_back(process: Process) -> None:
    """Keep a process for the next analysis."""
    with _lock:
        _idle.append(process)


@atexit.register
def _end() -> None:
    while _idle:
        _idle.pop().end()
