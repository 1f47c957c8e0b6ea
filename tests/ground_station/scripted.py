"""A scripted collar, a scripted bridge on a real pseudo-terminal, and the station as a process."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

from firmware.wire import ack, bridge, data, fix, frame, status
from ground_station.keys import block_cipher

START_S = 1_772_000_000
BRIDGE = 0xC0FFEE
WAIT_S = 60.0


def make_fix(record: int, **overrides: int | None) -> fix.Fix:
    at_s = START_S + 3600 * record
    made = fix.Fix(record, at_s, 4_666_000 + record, 1_020_000 - record, 2400, 3, 0)
    return made._replace(**overrides)


def make_status(record: int) -> status.Status:
    return status.Status(record, START_S + 3600 * record, 3100, 90_000, 4000, 9, 1, 4, 0, -3)


class Collar:
    """Seals frames as a collar does: each under a new counter, whatever records are in it."""

    def __init__(self, collar: int, key: bytes | None = None, epoch: int = 0) -> None:
        self.collar = collar
        self.key = key or bytes([collar % 256]) * 16
        self.epoch = epoch
        self.counter = 0
        self._encrypt = block_cipher(self.key)

    def seal(self, payload: bytes, kind: int = frame.DATA) -> bytes:
        header = frame.Header(frame.VERSION, kind, self.collar, self.counter)
        self.counter += 1
        return frame.seal_frame(self._encrypt, frame.UPLINK, self.epoch, header, payload)

    def send(self, first: int, last: int, generation: int = 0) -> bytes:
        records = [make_fix(record) for record in range(first, last + 1)]
        payload, used = data.encode(generation, records, 222)
        assert used == len(records)
        return self.seal(payload)

    def hear(self, answer: bytes) -> ack.Ack:
        """Open an acknowledgement."""
        header, payload = frame.open_frame(self._encrypt, frame.DOWNLINK, self.epoch, answer)
        assert header.kind == frame.ACK
        return ack.decode(payload)


def write_keys(path: Path, *collars: Collar, **top: object) -> Path:
    entries = {str(c.collar): {"epoch": c.epoch, "key": c.key.hex()} for c in collars}
    path.write_text(json.dumps({"collars": entries, **top}))
    path.chmod(0o600)
    return path


def make_received(data: bytes, reception: int = 1, **overrides: int) -> bridge.Received:
    ticks_us = 5_000_000 * reception
    received = bridge.Received(reception, ticks_us, 0, 868_100_000, 7, 125_000, -101, 10, data)
    return received._replace(**overrides)


class PtyBridge:
    """A bridge on a pseudo-terminal behind a symbolic link, as udev makes one.

    Answers Configure and Ping, keeps every reception until it is answered, sends the unanswered
    again after Configure. What does not fit into the line is lost, as on a real one.
    """

    def __init__(
        self,
        link: Path,
        *,
        utc_us: int = 0,
        protocol: int = bridge.PROTOCOL,
        number: int = BRIDGE,
    ) -> None:
        self.link = link
        self.number = number
        self.utc_us = utc_us
        self.protocol = protocol
        self.mute = False
        self.held: dict[int, bridge.Received] = {}
        self.received: dict[int, bridge.Received] = {}
        self.answers: list[tuple[int, bytes]] = []
        self.released: list[int] = []
        self.configured = 0
        self._receptions = 0
        self._lock = threading.Condition()
        self._master = self._slave = -1
        self.plug()

    def plug(self) -> None:
        """Appear, under the same link and mostly another name."""
        master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(master, False)
        self._master = master
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(self._slave))
        self._stop_r, self._stop_w = os.pipe()
        self._thread = threading.Thread(
            target=self._serve, args=(master, self._stop_r), daemon=True
        )
        self._thread.start()

    def unplug(self) -> None:
        os.write(self._stop_w, b"x")
        self._thread.join()
        for fd in (self._master, self._slave, self._stop_r, self._stop_w):
            os.close(fd)
        self._master = -1

    def __enter__(self) -> "PtyBridge":
        return self

    def __exit__(self, *_: object) -> None:
        if self._master >= 0:
            self.unplug()

    def hear(self, frame_bytes: bytes, **overrides: int) -> int:
        """Receive a frame from the air and tell the station."""
        with self._lock:
            self._receptions += 1
            received = make_received(
                frame_bytes, self._receptions, ticks_us=_ticks_us(), utc_us=self.utc_us
            )._replace(**overrides)
            self.held[self._receptions] = self.received[self._receptions] = received
            self._send(received)
            return self._receptions

    def write(self, raw: bytes) -> None:
        """Put raw bytes on the line."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._master, raw)

    def wait(self, done: Callable[["PtyBridge"], bool]) -> None:
        with self._lock:
            assert self._lock.wait_for(lambda: done(self), WAIT_S), "the station did not answer"

    def wait_answered(self) -> None:
        self.wait(lambda self: not self.held)

    def _send(self, message: tuple) -> None:
        if self._master >= 0 and not self.mute:
            self.write(bridge.encode(message))

    def _serve(self, master: int, stop: int) -> None:
        import select

        splitter = bridge.Splitter()
        while True:
            ready, _, _ = select.select([master, stop], [], [])
            if stop in ready:
                return
            for chunk in splitter.feed(os.read(master, 4096)):
                with self._lock:
                    self._answer(bridge.decode(chunk))
                    self._lock.notify_all()

    def _answer(self, message: tuple) -> None:
        match message:
            case bridge.Configure():
                self.configured += 1
                self._send(bridge.Hello(self.protocol, self.number, 1, _ticks_us(), self.utc_us))
                for received in self.held.values():
                    self._send(received)
            case bridge.Ping(token):
                self._send(bridge.Pong(token, _ticks_us(), self.utc_us, len(self.held), 0))
            case bridge.Release(reception):
                self.held.pop(reception, None)
                self.released.append(reception)
            case bridge.Transmit():
                self.held.pop(message.in_reply_to, None)
                self.answers.append((message.in_reply_to, message.data))
                sent = bridge.Transmitted(message.transmission, bridge.SENT, _ticks_us(), 50_000)
                self._send(sent)


def _ticks_us() -> int:
    return time.monotonic_ns() // 1000


class StationProcess:
    """`python -m ground_station run`, its log in a file."""

    def __init__(
        self,
        folder: Path,
        *arguments: str,
        log: str = "station.log",
        command: tuple[str, ...] = ("-m", "ground_station"),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.log_path = folder / log
        self._command = command
        self._environment = environment
        self._arguments = [
            "run", "--port", str(folder / "port"), "--keys", str(folder / "keys.json"),
            "--spool", str(folder / "spool.sqlite"), "--station", "hut", *arguments,
        ]  # fmt: skip
        self._seen = 0
        self.start()

    def start(self) -> None:
        with self.log_path.open("ab") as log:
            self._seen = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, *self._command, *self._arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment,
            )  # fmt: skip

    @property
    def log(self) -> str:
        """The log since the last start."""
        return self.log_path.read_bytes()[self._seen :].decode()

    def wait_log(self, text: str, times: int = 1) -> None:
        end = time.monotonic() + WAIT_S
        while self.log.count(text) < times:
            assert time.monotonic() < end, f"no {text!r} in:\n{self.log}"
            assert self.process.poll() is None or text in self.log, f"ended:\n{self.log}"
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_S)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(WAIT_S)

    def __enter__(self) -> "StationProcess":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple[PtyBridge, StationProcess]]:
    """A bridge and a ready station on it."""
    with PtyBridge(folder / "port") as heard, StationProcess(folder, *arguments) as station:
        station.wait_log("station ready")
        yield heard, station
