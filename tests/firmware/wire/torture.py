"""What the link is put through: reboots, hostile bytes, a lossy month, a greedy month.

The real modules of both ends, without the twin's hardware between them; seeds are fixed. The short
versions are tests, the long ones `make bench-link`.
"""

import bisect
import itertools
import random
from collections.abc import Callable
from typing import NamedTuple

from firmware import block, link, log, outbox, uplink
from firmware.payload import pack_fix
from firmware.state import Identity, write_identity
from firmware.wire import (
    ack,
    airtime,
    bridge,
    cobs,
    command,
    config,
    data,
    frame,
    hello,
    kind,
    region,
)
from firmware.wire.errors import WireError
from firmware.wire.fix import Fix
from firmware.wire.status import Status
from ground_station.duty import DutyLedger
from ground_station.keys import CollarKey, KeyRing, block_cipher
from ground_station.memory import Airtime, Frame, Memory
from ground_station.session import Accepted, Refusal, Session, TokenBucket

from ..memory import Memory as Fram
from ..memory import PowerCut

KEY = bytes(range(16))
COLLAR, EPOCH, GENERATION = 7, 1, 257
START_S = 1_790_000_000
_HOUR_US = 3_600_000_000


class Station:
    """A real session over a dictionary; hears from one bridge."""

    def __init__(self) -> None:
        self.spool: dict[tuple[int, int, int], Frame] = {}
        keys = KeyRing([CollarKey(COLLAR, EPOCH, KEY)])
        never = TokenBucket(1 << 40, 1)
        self.session = Session(Memory(), keys, lambda *name: self.spool.get(name), never)
        self.heard = 0

    def hear(self, sealed: bytes) -> "Accepted | None":
        """Judge and keep a frame; returns None for one that is refused."""
        self.heard += 1
        received = bridge.Received(
            self.heard, 1000 * self.heard, 0, 868_100_000, 7, 125_000, -90, 20, sealed
        )
        verdict = self.session.judge(received, "b")
        if not isinstance(verdict, Accepted):
            return None
        change = self.session.change_for(verdict, received, "hut", "b", 0)
        if change.frame is not None:
            self.spool[change.frame[:3]] = change.frame
        self.session.remember(change)
        return verdict


class Reboots(NamedTuple):
    """What a collar did that lost its power at random moments."""

    reboots: int
    frames: int
    nonces_twice: int
    replays_accepted: int
    valid_refused: int


def reboot(count: int, seed: int = 1) -> Reboots:
    """Cut a collar's power at random bytes of its memory while it sends, `count` times."""
    dice = random.Random(seed)
    fram = Fram()
    write_identity(fram, COLLAR, EPOCH, KEY)
    identity, station = Identity(COLLAR, EPOCH, KEY), Station()
    payload = data.encode(GENERATION, [Fix(1, START_S, 1, 2, 3, 4, 0)], 99)[0]
    sent: list[bytes] = []
    counters: set[int] = set()
    reboots = twice = replays = refused = 0
    now_s = START_S
    while reboots < count:
        now_s += 60
        fram.cut_after = dice.randrange(260)
        try:
            sealed = uplink.seal(fram, identity, 215, 14, now_s, 7, payload).data
        except PowerCut:
            reboots += 1
            continue
        except link.DutyCycleFull:  # a ledger torn before it was ever whole counts as used up
            fram.cut_after = None
            for ledger in link.uplink_ledgers(fram):
                ledger.settle(now_s)
            now_s += 4200
            continue
        finally:
            fram.cut_after = None
        counter = frame.parse_header(sealed).counter
        twice += counter in counters
        counters.add(counter)
        sent.append(sealed)
        refused += station.hear(sealed) is None
        replays += station.hear(dice.choice(sent)) is not None
    return Reboots(reboots, len(sent), twice, replays, refused)


def _samples() -> dict[str, tuple[Callable[[bytes], object], list[bytes]]]:
    """Return each parser of the wire with payloads it accepts."""
    fixes = [
        Fix(n, START_S + 3600 * n, 4_666_000 + n, n, 2000 + n, n % 9, n % 3) for n in range(1, 9)
    ]
    status = Status(9, START_S, 3310, 9, -9, 1, 2, 3, 4, -5)
    inventory = hello.Hello(GENERATION, 2, START_S, 1, 2, 1, 1, 900, [(3, 9), (20, 21)])
    received = bridge.Received(1, 2, 3, 868_100_000, 7, 125_000, -90, 20, b"frame")
    header = frame.Header(frame.VERSION, frame.DATA, COLLAR, 1)
    return {
        "data": (data.decode, [data.encode(GENERATION, [*fixes, status], 99)[0]]),
        "ack": (ack.decode, [ack.encode(ack.Ack(GENERATION, START_S, 9, [(1, 9), (12, 70)]), 48)]),
        "hello": (hello.decode, [hello.encode(inventory, 48)]),
        "config": (config.decode, [config.encode(config.Config(1, START_S, [(0, 900), (4, 1)]))]),
        "command": (command.decode, [command.encode(command.Command(1, START_S, 7, 1, 70_000))]),
        "header": (frame.parse_header, [frame.pack_header(header)]),
        "bridge": (bridge.decode, [bridge.encode(received)[:-1]]),
        "cobs": (cobs.decode, [cobs.encode(b"some\x00bytes")]),
    }


def mutated(dice: random.Random, good: bytes) -> bytes:
    """Return random bytes, or `good` with some bytes changed, cut, doubled or put in."""
    if dice.random() < 0.3:
        return dice.randbytes(dice.randrange(64))
    out = bytearray(good)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(out) + 1)
        if dice.random() < 0.7 and at < len(out):
            out[at] = dice.randrange(256)
        elif dice.random() < 0.5:
            del out[at : at + dice.randrange(4)]
        else:
            out[at:at] = dice.randbytes(dice.randrange(4))
    return bytes(out)


def fuzz(count: int, seed: int = 2) -> int:
    """Give every parser `count` hostile inputs; returns how many ended in no WireError."""
    crashes = 0
    for parse, samples in _samples().values():
        dice = random.Random(seed)
        for _ in range(count):
            try:
                parse(mutated(dice, dice.choice(samples)))
            except WireError:
                continue
            except Exception:
                crashes += 1
    return crashes


def forge(count: int, seed: int = 3) -> tuple[int, int]:
    """Give the session forged frames; returns how many were accepted, and how many crashed it."""
    dice, station = random.Random(seed), Station()
    encrypt = block_cipher(KEY)
    payload = data.encode(GENERATION, [Fix(1, START_S, 1, 2, 3, 4, 0)], 99)[0]
    header = frame.Header(frame.VERSION, frame.DATA, COLLAR, 1)
    good = frame.seal_frame(encrypt, frame.UPLINK, EPOCH, header, payload)
    accepted = crashed = 0
    for _ in range(count):
        forged = mutated(dice, good)
        if forged == good:
            continue
        if dice.random() < 0.5:  # so that most get as far as the tag
            forged = good[:8] + forged[8:]
        if forged == good:
            continue
        try:
            accepted += not isinstance(
                station.session.judge(
                    bridge.Received(1, 1, 0, 868_100_000, 7, 125_000, -90, 20, forged), "b"
                ),
                Refusal,
            )
        except Exception:
            crashed += 1
    return accepted, crashed


class Month(NamedTuple):
    """One catch-up of 720 hourly fixes."""

    frames: int
    airtime_us: int
    missing: int


def month(seed: int, loss: float, bw_hz: int = 125_000, count: int = 720) -> Month:
    """Send `count` hourly fixes by the collar's outbox to a session, losing frames both ways."""
    dice, walk = random.Random(seed), random.Random(5)
    fram, station = Fram(), Station()
    held = log.Log(fram, GENERATION)
    lat_e5, lon_e5 = 4_666_000, 1_020_000
    for hour in range(count):
        lat_e5 += round(walk.gauss(0, 120))
        lon_e5 += round(walk.gauss(0, 170))
        altitude_m, quality = 2000 + round(walk.gauss(0, 15)), walk.choice((2, 3, 3, 4, 5))
        slot = pack_fix(lat_e5, lon_e5, altitude_m, quality, 0)
        held.append(kind.KIND_FIX, START_S + 3600 * hour, slot)
    state = block.State()
    state.generation, state.sf = GENERATION, 7
    box = outbox.Outbox(held, state)
    encrypt = block_cipher(KEY)
    frames = spent_us = 0
    now_s = START_S + 3600 * count
    while held.pending(1) and frames < 1000:
        now_s += 60
        first, alone = box.choose(now_s)
        state.misses = min(state.misses + 1, 255)
        payload = box.pack(first, alone, link.frame_room(7))
        frames += 1
        header = frame.Header(frame.VERSION, frame.DATA, COLLAR, frames)
        sealed = frame.seal_frame(encrypt, frame.UPLINK, EPOCH, header, payload)
        spent_us += airtime.airtime_us(7, bw_hz, len(sealed))
        if dice.random() < loss:
            continue
        accepted = station.hear(sealed)
        assert accepted is not None
        named = station.session.named_after(accepted)
        answer = ack.decode(ack.encode(ack.Ack(GENERATION, now_s, 9, named), 48))
        if dice.random() < loss:
            continue
        held.acknowledge(answer.ranges)
        state.misses = 0
        box.answered(first, alone, now_s)
    known = station.session.memory.held.get((COLLAR, GENERATION), [])
    return Month(frames, spent_us, count - sum(last - first + 1 for first, last in known))


def worst_hour_us(sent: list[tuple[int, int]]) -> int:
    """Return the most airtime in any hour; `sent` holds (start, length) in us, by start.

    The airtime in a sliding hour is greatest where an hour begins or ends with a transmission.
    """
    starts = [start for start, _ in sent]
    ends = [start + length for start, length in sent]
    until = [0, *itertools.accumulate(length for _, length in sent)]
    worst = 0
    for edge in [*starts, *(end - _HOUR_US for end in ends)]:
        i, j = bisect.bisect_right(ends, edge), bisect.bisect_left(starts, edge + _HOUR_US)
        if i < j:
            before, after = max(0, edge - starts[i]), max(0, ends[j - 1] - edge - _HOUR_US)
            worst = max(worst, until[j] - until[i] - before - after)
    return worst


def greedy_collar(days: int, seed: int = 4) -> tuple[int, int]:
    """Send whenever the collar's ledger allows, reboots and cuts in between.

    Returns:
        The most airtime in any hour and what the law allows, in us.
    """
    dice, fram = random.Random(seed), Fram()
    freq_hz = region.UPLINK_CHANNELS[0].freq_hz
    limit_us = link.Ledger(fram, freq_hz).limit_us
    sent: list[tuple[int, int]] = []
    now_s = START_S
    end_s = now_s + 86_400 * days
    while now_s < end_s:
        length_us = airtime.airtime_us(dice.choice((7, 8, 9, 10)), 125_000, dice.randint(20, 234))
        ledger = link.Ledger(fram, freq_hz)  # every wake is a reboot
        wait_s = ledger.wait_s(now_s, length_us)
        if wait_s:
            now_s += wait_s
            continue
        fram.cut_after = dice.randrange(60) if dice.random() < 0.05 else None
        try:
            ledger.charge(now_s, length_us)
            sent.append((1_000_000 * now_s, length_us))
        except PowerCut:
            pass
        fram.cut_after = None
        now_s += dice.choice((2, 5, 30, 61)) if dice.random() < 0.99 else dice.randrange(7200)
    return worst_hour_us(sent), limit_us


def greedy_station(days: int, seed: int = 6) -> tuple[int, int]:
    """Answer whenever the station's ledger allows; station and bridge start again now and then."""
    dice = random.Random(seed)
    permille = region.sub_band(region.ACK_CHANNEL.freq_hz).duty_permille
    ledger = DutyLedger(permille, [])
    ledger.connect("b", 0)
    sent: list[tuple[int, int]] = []
    now_us = started_us = 0
    while now_us < 86_400_000_000 * days:
        now_us += dice.randrange(2_000_000, 20_000_000)
        if dice.random() < 0.002:  # the bridge's ticks begin again
            started_us = now_us
        if dice.random() < 0.004 or started_us == now_us:  # the station, from its disk
            ledger = DutyLedger(permille, ledger.airtimes)
            ledger.connect("b", now_us - started_us)
        length_us = airtime.airtime_us(dice.choice((10, 11, 12)), 125_000, 64)
        planned = Airtime(now_us - started_us + region.RX_DELAY_US, length_us, "b")
        if ledger.allows(planned):
            ledger.book(planned)
            sent.append((now_us + region.RX_DELAY_US, length_us))
    return worst_hour_us(sent), _HOUR_US * permille // 1000
