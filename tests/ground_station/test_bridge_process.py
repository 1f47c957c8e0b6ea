"""The bridge's own firmware on a real line against the receiver, on both interpreters."""

import os
import pty
import subprocess
import sys
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.wire import bridge as wire
from ground_station.receivers.bridge import BridgeReceiver
from tests import on_micropython
from tests.ground_station.receiving import next_of

SCRIPT = "tests/firmware/bridge_process.py"
NUMBER = 0xE6614C311B4A9B2F
DATA = bytes.fromhex("e021110005000000") + bytes(range(214))
# What MicroPython has and CPython has not.
SHIM = f"""
import runpy, sys, time
class Standard:
    def __init__(self, number, mode):
        self.buffer = open(number, mode, buffering=0)
        self.fileno = self.buffer.fileno
time.ticks_us = lambda: time.monotonic_ns() // 1000
time.ticks_ms = lambda: time.monotonic_ns() // 1000000
time.ticks_diff = lambda a, b: a - b
time.sleep_ms = lambda ms: time.sleep(ms / 1000)
sys.stdin, sys.stdout = Standard(0, "rb"), Standard(1, "wb")
runpy.run_path({SCRIPT!r}, run_name="__main__")
"""


class BridgeProcess:
    """The firmware as a process on one end of a pseudo-terminal."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self._air = [folder / "heard", folder / "sent"]
        for path in self._air:
            os.mkfifo(path)
        self._fds = [os.open(path, os.O_RDWR) for path in self._air]
        self._process = subprocess.Popen(
            [*command, *map(str, self._air)],
            cwd=on_micropython.CHECKOUT,
            env={**os.environ, "MICROPYPATH": ".:.frozen", "PYTHONPATH": "."},
            stdin=master,
            stdout=master,
        )
        os.close(master)

    def hear(self, data: bytes, rssi_dbm: int = -101, snr_qdb: int = 10) -> None:
        os.write(self._fds[0], f"{rssi_dbm} {snr_qdb} {data.hex()}\n".encode())

    def read_sent(self) -> tuple[int, bytes]:
        """When the next transmission began, in the bridge's ticks, and what it was."""
        at_us, digits = os.read(self._fds[1], 4096).decode().split()
        return int(at_us), bytes.fromhex(digits)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for fd in (self._slave, *self._fds):
            os.close(fd)


@pytest.fixture(
    params=[
        pytest.param("cpython", id="cpython"),
        pytest.param("micropython", id="micropython", marks=pytest.mark.micropython),
    ]
)
def bridge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BridgeProcess]:
    command = [sys.executable, "-c", SHIM]
    if request.param == "micropython":
        command = [str(on_micropython.interpreter()), "-X", "heapsize=128k", SCRIPT]
    bridge = BridgeProcess(tmp_path, command)
    yield bridge
    bridge.close()


def test_frame_is_heard_and_answered_in_the_collars_window(bridge: BridgeProcess) -> None:
    with BridgeReceiver(bridge.port, NUMBER) as receiver:
        hello = next_of(receiver, wire.Hello)
        assert isinstance(hello, wire.Hello) and hello.bridge == NUMBER
        bridge.hear(DATA)
        received = next_of(receiver, wire.Received)
        assert received.data == DATA and (received.rssi_dbm, received.snr_qdb) == (-101, 10)
        at_us = received.ticks_us + 1_000_000
        receiver.transmit(
            wire.Transmit(7, received.reception, at_us, 869_525_000, 7, 125_000, 14, b"ack")
        )
        assert next_of(receiver, wire.Transmitted)[:2] == (7, wire.SENT)
        began_us, data = bridge.read_sent()
        assert data == b"ack" and began_us >= at_us


def test_frames_wait_for_the_station_through_text_on_the_line(bridge: BridgeProcess) -> None:
    for number in range(20):
        bridge.hear(DATA + bytes([number]))
    with BridgeReceiver(bridge.port) as receiver:
        assert receiver._line is not None
        receiver._line.write(b"print('hello')\r\n\x03\x00\x00")
        heard = [next_of(receiver, wire.Received) for _ in range(20)]
        assert [one.data[-1] for one in heard] == list(range(20))
        for one in heard:
            receiver.release(one.reception)
    with BridgeReceiver(bridge.port) as receiver:
        next_of(receiver, wire.Hello)
        assert receiver.receive(0.3) is None
