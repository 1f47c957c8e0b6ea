"""The ground station as the chain sees it: a process with a serial port, a key file and a log."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_READY = "station ready"
_START_LIMIT_S = 60.0
_STOP_LIMIT_S = 120.0
_TAIL_LINES = 12


class StationError(RuntimeError):
    """The ground station did not start, or ended with an error; the message ends with its log."""


def make_keys(key_file: Path, collars: list[int]) -> dict[int, tuple[int, bytes]]:
    """Have the station make a key for each collar, and read what the collars are flashed with.

    Args:
        key_file: the station's key file; made, or added to.
        collars: collar numbers without a key in that file.

    Returns:
        For each collar its key epoch and its 16-byte key.

    Raises:
        StationError: the station's key command failed.
    """
    for collar in collars:
        command = ["keys", "add", "--keys", str(key_file), "--collar", str(collar)]
        done = subprocess.run(_program(*command), capture_output=True, text=True, check=False)
        if done.returncode:
            raise StationError(f"no key for collar {collar}: {done.stderr.strip()}")
    entries = json.loads(key_file.read_text())["collars"]
    return {
        collar: (entries[str(collar)]["epoch"], bytes.fromhex(entries[str(collar)]["key"]))
        for collar in collars
    }


class Station:
    """A running station; see `running_station`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    def check(self) -> None:
        """Raise StationError if it has ended by itself."""
        code = self._process.poll()
        if code is not None:
            raise self._error(f"the station ended with code {code}")

    def wait_until_ready(self) -> None:
        """Wait until it listens; raises StationError if it does not come to that."""
        end = time.monotonic() + _START_LIMIT_S
        while _READY not in self._log.read_text(errors="replace"):
            self.check()
            if time.monotonic() > end:
                raise self._error(f"the station is not ready after {_START_LIMIT_S:.0f} s")
            time.sleep(0.05)

    def stop(self) -> None:
        """Have it load what it holds and end; raises StationError if that fails."""
        self.check()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise self._error(f"the station did not stop within {_STOP_LIMIT_S:.0f} s") from None
        if code:
            raise self._error(f"the station ended with code {code}")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def _error(self, what: str) -> StationError:
        lines = self._log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return StationError("\n".join([what, *lines]))


@contextmanager
def running_station(
    *, name: str, port: str, key_file: Path, spool: Path, log: Path, dsn: str
) -> Iterator[Station]:
    """Run the ground station; on leaving, stop it and wait until it has loaded what it holds.

    The station takes its time from the bridge, since the bridge of a twin lives in virtual time.
    It ends with this process, however that ends: its standard input is a pipe from here.

    Raises:
        StationError: it did not become ready, or ended with an error.
    """
    command = ["run", "--port", port, "--keys", str(key_file), "--spool", str(spool)]
    command += ["--station", name, "--clock", "bridge", "--until-eof"]
    variables = {**os.environ, "CAPRA_DATABASE_URL": dsn}  # it may hold a password: no argument
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            _program(*command), stdin=subprocess.PIPE, stdout=output, stderr=output, env=variables
        )
    finally:
        os.close(output)
    with process:
        station = Station(process, log)
        try:
            station.wait_until_ready()
            yield station
            station.stop()
        finally:
            if process.poll() is None:
                station.kill()


def _program(*words: str) -> list[str]:
    return [sys.executable, "-m", "ground_station", *words]
