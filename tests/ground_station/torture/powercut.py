"""Power cuts: the disk that each moment would have left, and a station that starts on it.

A real station runs with `cutter.c` preloaded, which records every write, sync and answer in order.
A cut is a place in this record: what was synced before it is on the disk, of what was only
written any part may be missing or torn, in sectors of 512 bytes. The station then starts on that
disk, with a bridge that tells again what it had no answer for.
"""

import contextlib
import io
import os
import random
import struct
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from firmware.wire import bridge, data, frame
from ground_station.errors import SpoolError
from ground_station.keys import block_cipher
from ground_station.spool import Spool
from tests.ground_station.in_process import Answered, serve
from tests.ground_station.scripted import (
    Collar,
    PtyBridge,
    StationProcess,
    write_keys,
)

WRITE, SYNC, TRUNCATE, UNLINK, ANSWER = range(1, 6)
SECTOR = 512
_HEAD = struct.Struct("<BHQI")
_RUN = """
import sys
from ground_station import __main__, spool
spool.CHECKPOINT_PAGES = (40, 40)  # often, to be cut in the midst of one
spool.SYNCHRONOUS = {modes!r}
sys.exit(__main__.main(sys.argv[1:]))
"""


class Step(NamedTuple):
    """One thing that the process asked of the system."""

    kind: int
    path: str
    offset: int
    data: bytes


@dataclass
class Disk:
    """What lies on the disk for certain, and what may."""

    synced: dict[str, bytearray] = field(default_factory=dict)
    pending: defaultdict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))

    def take(self, step: Step) -> None:
        if step.kind in (WRITE, TRUNCATE):
            self.pending[step.path].append(step)
        elif step.kind == SYNC:
            content = self.synced.setdefault(step.path, bytearray())
            for one in self.pending.pop(step.path, []):
                _apply(content, one)
        elif step.kind == UNLINK:
            self.synced.pop(step.path, None)
            self.pending.pop(step.path, None)

    def cut(self, dice: random.Random, folder: Path) -> None:
        """Write to a folder what is left when the power goes."""
        for path in {*self.synced, *self.pending}:
            content = bytearray(self.synced.get(path, b""))
            for step in self.pending.get(path, []):
                fate = dice.random()
                if fate < 0.4:
                    _apply(content, step)
                elif fate < 0.6 and step.kind == WRITE:
                    whole = dice.randrange(0, len(step.data) + 1, SECTOR)
                    _apply(content, step._replace(data=step.data[:whole]))
            (folder / Path(path).name).write_bytes(content)


def _apply(content: bytearray, step: Step) -> None:
    if step.kind == TRUNCATE:
        del content[step.offset :]
        content.extend(bytes(step.offset - len(content)))
    else:
        content.extend(bytes(max(0, step.offset - len(content))))
        content[step.offset : step.offset + len(step.data)] = step.data


@cache
def cutter() -> Path:
    """The recorder, compiled."""
    source = Path(__file__).with_name("cutter.c")
    built = Path(__file__).parents[3] / "build" / "cutter.so"
    built.parent.mkdir(exist_ok=True)
    part = built.with_suffix(f".{os.getpid()}")
    flags = ["-O2", "-Wall", "-shared", "-fPIC", "-o", str(part), str(source), "-ldl"]
    subprocess.run(["gcc", *flags], check=True)
    part.replace(built)
    return built


def record(folder: Path, seed: int, frames: int, modes: tuple[str, str]) -> "Record":
    """Let a station hear some frames of three collars; returns all that it did."""
    dice = random.Random(seed)
    collars = [Collar(number) for number in (1, 2, 700)]
    write_keys(folder / "keys.json", *collars)
    log = folder / "steps"
    environment = {
        **os.environ,
        "LD_PRELOAD": str(cutter()),
        "CAPRA_CUT_FOLDER": str(folder / "spool.sqlite"),
        "CAPRA_CUT_LOG": str(log),
    }
    with PtyBridge(folder / "port") as heard:
        environment["CAPRA_CUT_PORT"] = os.path.realpath(folder / "port")
        words = ("-c", _RUN.format(modes=modes))
        with StationProcess(folder, "--no-load", command=words, environment=environment) as run:
            run.wait_log("station ready")
            first = 1
            for _ in range(frames):
                for _ in range(dice.randint(1, 3)):
                    collar = dice.choice(collars)
                    heard.hear(collar.send(first, first + 2))
                    first += 3
                heard.wait_answered()
            run.kill()
    return Record(_read(log.read_bytes()), collars, heard.received)


def _read(text: bytes) -> list[Step]:
    steps, at = [], 0
    while at < len(text):
        kind, path_length, offset, length = _HEAD.unpack_from(text, at)
        at += _HEAD.size
        path = text[at : at + path_length].decode()
        at += path_length
        size = length if kind in (WRITE, ANSWER) else 0
        steps.append(Step(kind, path, offset, text[at : at + size]))
        at += size
    return steps


@dataclass
class Record:
    """All that a station did, and what its bridge told it."""

    steps: list[Step]
    collars: list[Collar]
    told: dict[int, bridge.Received]

    def cuts(self, folder: Path, number: int, seed: int) -> list[str]:
        """Cut the power at random steps; returns what was found wrong after each."""
        dice = random.Random(seed)
        places = sorted(dice.choices(range(len(self.steps) + 1), k=number))
        disk, splitter, answered, wrong = Disk(), bridge.Splitter(), {}, []
        step = 0
        for turn, place in enumerate(places):
            for one in self.steps[step:place]:
                disk.take(one)
                if one.kind == ANSWER:
                    for message in map(bridge.decode, splitter.feed(one.data)):
                        if isinstance(message, bridge.Transmit):
                            answered[message.in_reply_to] = message.data
            step = max(step, place)
            left = folder / str(turn)
            left.mkdir()
            disk.cut(dice, left)
            fault = self._fault(left, answered)
            if fault:
                wrong.append(f"cut before step {place} of {len(self.steps)}: {fault}")
        return wrong

    def _fault(self, folder: Path, answered: dict[int, bytes]) -> str | None:
        path = folder / "spool.sqlite"
        try:
            return self._fault_of(path, answered)
        except SpoolError as error:
            return error.fault
        except Exception as error:  # a damaged file may hold anything
            return f"{type(error).__name__}: {error}"

    def _fault_of(self, path: Path, answered: dict[int, bytes]) -> str | None:
        with Spool(path) as spool:
            counters = spool.restore().counters
        by_number = {collar.collar: collar for collar in self.collars}
        named = set()
        for answer in answered.values():
            header = frame.parse_header(answer)
            if counters.get((header.collar, 0, header.counter >> 20), 0) <= header.counter:
                return f"downlink counter {header.counter} would be used again"
            for first, last in by_number[header.collar].hear(answer).ranges:
                named |= {(header.collar, record) for record in range(first, last + 1)}
        lost = named - set(self._records(path))
        if lost:
            return f"{len(lost)} acknowledged records lost"
        if not self._go_on(path, answered):
            return "a frame that had no answer gets none"
        found = self._records(path)
        sent = {name for one in self.told.values() for name in self._names(one.data)}
        if sorted(found) != sorted(sent):
            return f"{len(found)} records after going on, {len(sent)} were sent"
        return None

    def _go_on(self, path: Path, answered: dict[int, bytes]) -> bool:
        """Start a station on what is left; returns whether all that had no answer get one."""
        keys = write_keys(path.with_name("keys.json"), *self.collars)
        receiver = Answered(one for n, one in self.told.items() if n not in answered)
        waiting = len(receiver.events) - 1  # the first is its Hello
        with contextlib.redirect_stderr(io.StringIO()):
            serve(receiver, path, keys)
        return len(receiver.sent) == waiting

    def _names(self, sealed: bytes) -> list[tuple[int, int]]:
        collar = frame.parse_header(sealed).collar
        key = next(one.key for one in self.collars if one.collar == collar)
        _, payload = frame.open_frame(block_cipher(key), frame.UPLINK, 0, sealed)
        return [(collar, record.record) for record in data.decode(payload).records]

    def _records(self, path: Path) -> list[tuple[int, int]]:
        with Spool(path) as spool:
            return [name for one in spool.peek(100_000) for name in self._names(one.sealed)]
