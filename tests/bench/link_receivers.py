"""The receivers: a million bad inputs each, 500 datagrams/s, unplugged 500 times."""

import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from firmware.wire import bridge as wire
from firmware.wire.errors import WireError
from ground_station.errors import Malformed
from ground_station.receivers import (
    chirpstack_frames,
    replay,
    rnode,
    semtech_acks,
    semtech_udp,
    virtual,
)
from ground_station.receivers.attached import Channel
from ground_station.receivers.lora_e5 import LoraE5Receiver
from ground_station.receivers.modem import LineSplitter
from ground_station.receivers.rui3 import Rui3Receiver
from tests.bench.rows import row
from tests.ground_station import test_chirpstack, test_modems, test_receivers, test_semtech_udp
from tests.ground_station.scripted import Collar, PtyBridge, StationProcess, write_keys

SEED = 20261122
INPUTS = 1_000_000
DATAGRAMS = 10_000
PER_SECOND = 500
UNPLUGGED = 500
STATION = """
from pathlib import Path
from ground_station import station
from ground_station.settings import Settings
table = {{"kind": "semtech_udp", "listen": "127.0.0.1:{1}"}}
keys, spool = Path("{0}/keys.json"), Path("{0}/spool.sqlite")
station.run(Settings("", keys, spool, "hut", load=False, receivers=(table,)))
"""
CHANNEL = Channel(868_100_000, 7, 125_000)

ECHO = """
import socket
with socket.socket(type=socket.SOCK_DGRAM) as echo:
    echo.bind(("127.0.0.1", {0}))
    while True:
        datagram, sender = echo.recvfrom(65535)
        echo.sendto(datagram[:3] + b"\\1", sender)
"""

Check = Callable[[bytes], bool]
"""Takes bad bytes; returns whether the good frame after them was read, raises on a crash"""


def mutate(dice: random.Random, whole: bytes) -> bytes:
    """Random bytes, or the whole with some of it changed, cut out, doubled or cut short."""
    kind = dice.randrange(6)
    if kind == 0 or not whole:
        return dice.randbytes(dice.randrange(64))
    at, length = dice.randrange(len(whole)), dice.randrange(1, 5)
    if kind == 1:
        return whole[:at]
    if kind == 2:
        return whole[:at] + whole[at + length :]
    if kind == 3:
        return whole[: at + length] + whole[at:]
    if kind == 4:
        return whole[:at] + dice.randbytes(length) + whole[at + length :]
    changed = bytearray(whole)
    for _ in range(length):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def one_by_one(read: Callable[[bytes], Any], good: bytes, *errors: type[Exception]) -> Check:
    """For inputs that come whole: datagrams, messages of a broker, lines of a file."""
    expected = read(good)

    def check(bad: bytes) -> bool:
        try:
            read(bad)
        except errors:
            pass
        return bool(read(good) == expected)

    return check


def bridge_stream(bad: bytes) -> bool:
    """The bridge's line: a frame that noise runs into is lost, the next one is not."""
    splitter = wire.Splitter()
    good = wire.encode(test_receivers.RECEIVED)
    found = []
    for chunk in splitter.feed(bad) + splitter.feed(good) + splitter.feed(good):
        try:
            found.append(wire.decode(chunk))
        except WireError:
            found.append(None)
    return bool(found and found[-1] == test_receivers.RECEIVED)


def kiss_stream(bad: bytes) -> bool:
    splitter = rnode.KissSplitter()
    receiver = rnode.RnodeReceiver("never opened", CHANNEL)
    for part in (bad, test_modems.RNODE_PACKET, test_modems.RNODE_PACKET):
        for frame in splitter.feed(part):
            receiver._take(frame[0], frame[1:])
    return bool(receiver._events and receiver._events[-1].data == test_modems.DATA)


def line_stream(make: Callable[[], Any], good: str) -> Check:
    """A modem's line; a line that noise runs into is lost, the next one is not."""

    def check(bad: bytes) -> bool:
        splitter, receiver = LineSplitter(), make()
        for part in (bad, b"\r\n", good.encode(), good.encode()):
            for line in splitter.feed(part, 0):
                receiver._take_line(line)
        last = receiver._events[-1] if receiver._events else None
        return bool(isinstance(last, wire.Received) and last.data == test_modems.DATA)

    return check


def read_datagram(data: bytes) -> Any:
    head = semtech_udp.parse(data)
    if head.kind == semtech_udp.TX_ACK:
        return semtech_udp.read_refusal(head.body)
    return semtech_udp.read_packets(head.body, head.gateway)[0]


def parsers() -> dict[str, tuple[Check, list[bytes]]]:
    """By name: how it is checked, and what is mutated."""
    rxpk, rxpk_v1 = (
        test_semtech_udp.push(test_semtech_udp.rxpk(template=one))
        for one in (test_semtech_udp.RXPK, test_semtech_udp.RXPK_V1)
    )
    tx_ack = test_semtech_udp.datagram(semtech_udp.TX_ACK, '{"txpk_ack":{"error":"TOO_LATE"}}')
    up = [test_chirpstack.up_json(), test_chirpstack.UP_PROTOBUF]

    def read_up(payload: bytes) -> Any:
        return chirpstack_frames.read_uplink(payload, test_chirpstack.GATEWAY)

    rui3 = [said for make, _, said, _ in test_modems.RECEPTIONS if make is test_modems.rui3]
    lora_e5 = test_modems.RECEPTIONS[-1][2]
    message = wire.encode(test_receivers.RECEIVED)
    packed = virtual.pack(test_receivers.RECEIVED)
    report = test_chirpstack.ACK_PROTOBUF
    return {
        "bridge": (bridge_stream, [message]),
        "Semtech UDP": (one_by_one(read_datagram, rxpk, Malformed), [rxpk, rxpk_v1, tx_ack]),
        "ChirpStack up": (one_by_one(read_up, up[1], Malformed), up),
        "ChirpStack ack": (
            one_by_one(chirpstack_frames.read_report, report, Malformed),
            [report, b'{"downlinkId":77,"items":[{"status":"OK"}]}'],
        ),
        "RUI3": (
            line_stream(lambda: _QuietRui3("never opened", CHANNEL), rui3[0]),
            [one.encode() for one in rui3],
        ),
        "LoRa-E5": (
            line_stream(lambda: LoraE5Receiver("never opened", CHANNEL), lora_e5),
            [lora_e5.encode()],
        ),
        "RNode": (kiss_stream, [test_modems.RNODE_PACKET]),
        "replay": (
            one_by_one(replay.read_line, test_receivers.OPENCOLLAR.encode(), Malformed),
            [test_receivers.OPENCOLLAR.encode()],
        ),
        "virtual": (one_by_one(virtual.unpack, packed, WireError), [packed]),
    }


class _QuietRui3(Rui3Receiver):
    """Without a line to write to, where a module says that its reception ended."""

    def _write(self, command: str) -> None:
        pass


def fuzz_figures(inputs: int) -> list[dict]:
    """Crashes, and inputs after which the next frame but one was not read."""
    found = []
    for name, (check, wholes) in parsers().items():
        dice = random.Random(f"{SEED} {name}")
        crashes = lost = 0
        for _ in range(inputs):
            bad = mutate(dice, dice.choice(wholes))
            try:
                lost += not check(bad)
            except Exception:  # what the receiver did not expect is what is counted here
                crashes += 1
        given = f"{inputs:,} mutated or random inputs, seed {SEED}"
        found += [
            row(f"{name}: crashes", crashes, "inputs", "0", crashes == 0, given),
            row(f"{name}: not back in step", lost, "inputs", "0", lost == 0, given),
        ]
    return found


def udp_figures(datagrams: int) -> list[dict]:
    """PUSH_ACK latency of the real station as a process; every datagram holds a new frame."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        collars = [Collar(number) for number in range(1, 51)]
        write_keys(folder / "keys.json", *collars)
        port = _free_port()
        frames = [collars[i % 50].send(i // 50 + 1, i // 50 + 1) for i in range(datagrams)]
        with StationProcess(folder, command=("-c", STATION.format(folder, port))) as station:
            station.wait_log("station ready")
            times_ms, lost = _time_pushes(port, frames)
            slowest_ms = statistics.quantiles(times_ms, n=100)[98]
            end_s = time.monotonic() + 60
            while not _spooled(folder) >= datagrams and time.monotonic() < end_s:
                time.sleep(0.2)
            kept = _spooled(folder)
    bare_ms = statistics.quantiles(_time_echo(frames), n=100)[98]
    given = f"{datagrams:,} datagrams at {PER_SECOND}/s, a frame each, spool on disk"
    median_ms = statistics.median(times_ms)
    return [
        row("PUSH_ACK latency, p99", slowest_ms, "ms", "< 20", slowest_ms < 20, given),
        row("the same of a bare echo, p99", bare_ms, "ms", None, True, given),
        row("PUSH_ACK latency, median", median_ms, "ms", None, True, given),
        row("datagrams not acknowledged", lost, "", "0", lost == 0, given),
        row("frames not in the spool", datagrams - kept, "", "0", kept == datagrams, given),
    ]


def _time_echo(frames: list[bytes]) -> list[float]:
    """What the machine itself takes now: a process that does nothing but answer."""
    port = _free_port()
    with subprocess.Popen([sys.executable, "-c", ECHO.format(port)]) as echo:
        time.sleep(0.5)
        times_ms, _ = _time_pushes(port, frames)
        echo.kill()
    return times_ms


def _time_pushes(port: int, frames: list[bytes]) -> tuple[list[float], int]:
    times_ms, waiting = [], {}
    with socket.socket(type=socket.SOCK_DGRAM) as gateway:
        gateway.connect(("127.0.0.1", port))
        start_s = time.perf_counter()
        for i, frame in enumerate(frames):
            due_s = start_s + i / PER_SECOND
            _take_acks(gateway, waiting, times_ms, due_s)
            body = test_semtech_udp.push(test_semtech_udp.rxpk(frame))
            token = (i & 0xFFFF).to_bytes(2)
            waiting[token] = time.perf_counter()
            gateway.send(body[:1] + token + body[3:])
        _take_acks(gateway, waiting, times_ms, time.perf_counter() + 2)
    return times_ms, len(waiting)


def _take_acks(
    gateway: socket.socket, waiting: dict[bytes, float], times_ms: list[float], until_s: float
) -> None:
    while (left_s := until_s - time.perf_counter()) > 0 and (waiting or left_s > 0):
        gateway.settimeout(left_s)
        try:
            ack = gateway.recv(100)
        except TimeoutError:
            return
        sent_s = waiting.pop(ack[1:3], None)
        if sent_s is not None and ack[3] == semtech_acks.PUSH_ACK:
            times_ms.append(1000 * (time.perf_counter() - sent_s))


def _spooled(folder: Path) -> int:
    from ground_station.report import read_status

    status = read_status(folder / "spool.sqlite")
    return int(json.loads(json.dumps(status))["totals"].get("frames", 0))


def _free_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


def unplug_figures(times: int) -> list[dict]:
    """The real station as a process, its bridge unplugged and back under another name."""
    dice = random.Random(SEED)
    took_s, moved = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        collar = Collar(1)
        write_keys(folder / "keys.json", collar)
        link = folder / "port"
        with PtyBridge(link) as bridge, StationProcess(folder, "--no-load") as station:
            station.wait_log("station ready")
            for number in range(1, times + 1):
                bridge.unplug()
                old = str(link.readlink())
                link.unlink()
                time.sleep(dice.random() * 0.5)
                before = bridge.configured
                with _taken(old):
                    bridge.plug()
                    start_s = time.monotonic()
                moved += str(link.readlink()) != old
                while bridge.configured == before and time.monotonic() < start_s + 10:
                    time.sleep(0.002)
                took_s.append(time.monotonic() - start_s)
                bridge.hear(collar.send(number, number))
                bridge.wait_answered()
            lost = times - len(bridge.answers)
    given = f"{times} times, away up to 0.5 s, {moved} times back under another name"
    slow = sum(one >= 5 for one in took_s)
    return [
        row("not in use again within 5 s", slow, "times", "0", slow == 0, given),
        row("slowest reconnection", max(took_s), "s", "< 5", max(took_s) < 5, given),
        row("frames heard after it and not answered", lost, "", "0", lost == 0, given),
    ]


@contextlib.contextmanager
def _taken(name: str) -> Iterator[None]:
    """Hold a name of a pseudo-terminal, so that the next one has another."""
    master, slave = os.openpty()
    held = os.ttyname(slave) == name
    if not held:
        os.close(master)
        os.close(slave)
    yield
    if held:
        os.close(master)
        os.close(slave)


def rows(quick: bool = False) -> list[dict]:
    """All rows; `quick` for a test of the benchmark itself."""
    found = fuzz_figures(1000 if quick else INPUTS)
    found += udp_figures(500 if quick else DATAGRAMS)
    return found + unplug_figures(3 if quick else UNPLUGGED)


def figures(quick: bool = False) -> list[dict]:
    """What `python -m tests.bench link` asks for."""
    return rows(quick)
