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


@contextmanager
def running_station(
    *, name: str, port: str, key_file: Path, spool: Path, log: Path, dsn: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the ground station; on leaving, stop it and wait until it has loaded what it holds.

    The station takes its time from the bridge, since the bridge of a twin lives in virtual time.

    Raises:
        StationError: it did not become ready, or ended with an error.
    """
    command = ["run", "--port", port, "--keys", str(key_file), "--spool", str(spool)]
    command += ["--station", name, "--clock", "bridge"]
    variables = {**os.environ, "CAPRA_DATABASE_URL": dsn}  # it may hold a password: no argument
    with log.open("wb") as output:
        process = subprocess.Popen(_program(*command), stdout=output, stderr=output, env=variables)
    try:
        _wait_until_ready(process, log)
        yield process
    except BaseException:
        process.kill()
        process.wait()
        raise
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise StationError(
            f"the station did not stop within {_STOP_LIMIT_S:.0f} s\n{_tail(log)}"
        ) from None
    if code:
        raise StationError(f"the station ended with code {code}\n{_tail(log)}")


def _program(*words: str) -> list[str]:
    return [sys.executable, "-m", "ground_station", *words]


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_LIMIT_S
    while _READY not in log.read_text(errors="replace"):
        if process.poll() is not None:
            raise StationError(f"the station ended with code {process.returncode}\n{_tail(log)}")
        if time.monotonic() > end:
            raise StationError(f"not ready after {_START_LIMIT_S:.0f} s\n{_tail(log)}")
        time.sleep(0.05)


def _tail(log: Path) -> str:
    return "".join(log.read_text(errors="replace").splitlines(keepends=True)[-12:])
