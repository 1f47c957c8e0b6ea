"""What to make of a frame that was heard: pure decisions, from memory alone.

A frame is refused (and the bridge forgets it) or accepted; an accepted one yields a
`Change`, and only when that is on the disk may the session `remember` it. So memory is
never ahead of the disk.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firmware.wire import data, frame, hello, ranges, region
from firmware.wire.bridge import Received
from firmware.wire.errors import BadTag, BadVersion, Truncated, WireError
from firmware.wire.identity import MAX_RECORD
from ground_station.keys import KeyRing
from ground_station.memory import Change, Frame, Held, Memory, Reception, Window

_SAME_TRANSMISSION_US = 10_000_000  # two stations' bridges tell of one within that

WINDOW = 64
"""Counters that a replay window remembers, the highest included"""

NAMED_RANGES = 16
"""Ranges of records that an acknowledgement names at most"""

_WINDOW_MASK = (1 << WINDOW) - 1

FOREIGN = "foreign"
VERSION = "version"
TRUNCATED = "truncated"
HEADER = "header"
KIND = "kind"
SPREADING = "spreading_factor"
UNKNOWN_COLLAR = "unknown_collar"
TAG_LIMIT = "tag_limit"
TAG = "tag"
REPLAYED = "replayed"
REASONS = (
    FOREIGN,
    VERSION,
    TRUNCATED,
    HEADER,
    KIND,
    SPREADING,
    UNKNOWN_COLLAR,
    TAG_LIMIT,
    TAG,
    REPLAYED,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A frame that is not wanted: one of REASONS, and what to tell people about it."""

    reason: str
    fields: dict[str, object]


@dataclass(frozen=True, slots=True)
class Accepted:
    """An authentic frame with something new in it, or one that the bridge sends again."""

    collar: int
    epoch: int
    counter: int
    generation: int | None
    """None where the payload could not be decoded"""
    records: list[tuple[int, int]]
    """Ranges of the records in this frame"""
    window: Window | None
    """The replay window with this frame in it; None for a frame that is spooled already"""
    fault: str | None = None
    """Why the payload could not be decoded"""
    newest_s: int | None = None
    """Unix time of the newest record in it, by the collar [s]"""
    undated: tuple[tuple[int, Any], ...] = ()
    """Era and record without a time: to be shown, never kept"""
    inventory: hello.Hello | None = None
    """What the collar says of its log, where it says that"""


@dataclass(frozen=True, slots=True)
class HeardAgain:
    """A frame that is spooled already, as another bridge or gateway has heard it."""

    collar: int
    epoch: int
    counter: int


class TokenBucket:
    """Limits how often something may happen.

    Args:
        capacity: how often at once.
        refill_us: time after which it may happen once more [us].
    """

    def __init__(self, capacity: int, refill_us: int) -> None:
        self._capacity_us = capacity * refill_us
        self._refill_us = refill_us
        self._level_us = self._capacity_us
        self._at_us = 0

    def has(self, now_us: int) -> bool:
        """Return whether it may happen now. A time that was passed before refills nothing."""
        if now_us > self._at_us:
            self._level_us = min(self._capacity_us, self._level_us + now_us - self._at_us)
            self._at_us = now_us
        return self._level_us >= self._refill_us

    def restart(self, now_us: int) -> None:
        """Go on with a clock that shows this time now; what is left stays."""
        self._at_us = now_us

    def take(self, now_us: int) -> None:
        """Note that it happened."""
        if self.has(now_us):
            self._level_us -= self._refill_us


def open_window(window: Window | None, counter: int) -> Window | None:
    """Return the window with a counter in it, or None if it was seen or is too old to tell."""
    if window is None:
        return Window(counter, 1)
    ahead = counter - window.highest
    if ahead > 0:
        seen = (window.seen << ahead) if ahead < WINDOW else 0
        return Window(counter, seen & _WINDOW_MASK | 1)
    bit = 1 << -ahead
    if -ahead >= WINDOW or window.seen & bit:
        return None
    return Window(window.highest, window.seen | bit)


class Session:
    """Decides about frames of one receiver.

    Args:
        memory: restored from the spool; this session keeps it up to date.
        keys: the collars' keys; may be replaced while running.
        find: looks a spooled frame up by collar, epoch and counter.
        failed_tags: limit on frames that fail authentication. While it is used up no frame is
            opened: a guess at a
            4-byte tag then takes centuries, and an honest collar sends its records again later.
        heard_at_us: tells the Unix time of a reception [us].
    """

    def __init__(
        self,
        memory: Memory,
        keys: KeyRing,
        find: Callable[[int, int, int], Frame | None],
        failed_tags: TokenBucket | None = None,
        heard_at_us: Callable[[Received], int] = lambda received: received.utc_us,
    ) -> None:
        self.memory = memory
        self.heard_at_us = heard_at_us
        self.keys = keys
        self._find = find
        self._failed_tags = failed_tags or TokenBucket(capacity=100, refill_us=6_000_000)

    def connect(self, ticks_us: int) -> None:
        """Go on with a bridge that may have started again; its ticks are at this now."""
        self._failed_tags.restart(ticks_us)

    def judge(self, received: Received, bridge: str) -> Accepted | HeardAgain | Refusal:
        """Decide about a frame; changes nothing but the limit of failed tags."""
        try:
            header = frame.parse_header(received.data)
        except WireError as error:
            return _refuse_header(received.data, error)
        who: dict[str, object] = {"collar": header.collar, "counter": header.counter}
        if header.kind not in (frame.DATA, frame.HELLO):
            expected = f"{frame.DATA} or {frame.HELLO}"
            return Refusal(KIND, {**who, "kind": header.kind, "expected": expected})
        if received.sf not in region.SNR_LIMIT_QDB:
            return Refusal(SPREADING, {**who, "sf": received.sf, "expected": "7..12"})
        newest = self.keys.epoch(header.collar)
        if newest is None:
            return Refusal(UNKNOWN_COLLAR, {**who, "expected": "a collar of the key file"})
        if not self._failed_tags.has(received.ticks_us):
            return Refusal(TAG_LIMIT, {**who, "expected": "fewer frames with a wrong key"})
        try:
            epoch, payload = self._open(header.collar, received.data)
        except BadTag as error:
            self._failed_tags.take(received.ticks_us)
            fields = {"epoch": newest, "tag": _hex(error.value), "expected": error.expected}
            return Refusal(TAG, {**who, **fields})
        except WireError as error:
            return Refusal(TRUNCATED, {**who, "fault": error})
        return self._judge_authentic(received, bridge, header, epoch, payload)

    def change_for(
        self,
        accepted: Accepted,
        received: Received,
        station: str,
        bridge: str,
        heard_at_us: int,
        clock: int = 0,
    ) -> Change:
        """Return what an accepted frame changes, acknowledgement not included."""
        if accepted.window is None:
            return Change(accepted.collar, accepted.epoch)
        heard = reception(received, station, bridge, heard_at_us, clock)
        row = Frame(
            accepted.collar, accepted.epoch, accepted.counter, received.data, heard, accepted.fault
        )
        held: tuple[Held, ...] = ()
        if accepted.generation is not None:
            held = tuple(
                Held(accepted.collar, accepted.generation, first, last)
                for first, last in self.held_after(accepted)
            )
        return Change(accepted.collar, accepted.epoch, row, accepted.window, held)

    def held_after(self, accepted: Accepted) -> list[tuple[int, int]]:
        """Return the whole held ranges that the frame's records will lie in.

        Whole ranges, not only the frame's own records: so an acknowledgement that was lost is
        made good by the next.
        """
        assert accepted.generation is not None
        known = self.memory.held.get((accepted.collar, accepted.generation), [])
        return _components(ranges.merge(known, accepted.records), accepted.records)

    def named_after(self, accepted: Accepted) -> list[tuple[int, int]]:
        """Return the held ranges to name in the acknowledgement: the frame's and those before it.

        A collar that gets no answer goes on with later records; what arrived meanwhile it learns
        from the next answer it hears.
        """
        assert accepted.generation is not None
        known = self.memory.held.get((accepted.collar, accepted.generation), [])
        held = ranges.merge(known, accepted.records)
        last = accepted.records[-1][1] if accepted.records else MAX_RECORD
        count = sum(first <= last for first, _ in held)
        return held[max(0, count - NAMED_RANGES) :][:NAMED_RANGES]

    def newer_generation(self, accepted: Accepted) -> int | None:
        """Return the newest generation held of a collar that has sent of an older one, else None.

        A collar never goes back by itself: a log that is reset counts up, a new key too. So this
        is another board under an old key, or one that was put away and taken out again.
        """
        assert accepted.generation is not None
        held = [gen for collar, gen in self.memory.held if collar == accepted.collar]
        newest = max(held, default=accepted.generation)
        return newest if newest > accepted.generation else None

    def remember(self, change: Change) -> None:
        """Take over a change that is on the disk."""
        key = (change.collar, change.epoch)
        if change.window is not None:
            self.memory.windows[key] = change.window
        for held in change.held:
            group = (held.collar, held.generation)
            known = self.memory.held.get(group, [])
            self.memory.held[group] = ranges.add(known, held.first, held.last)
        if change.next_counter is not None:
            number, following = change.next_counter
            self.memory.counters[(*key, number)] = following
        if change.stretch is not None:
            self.memory.stretches[change.stretch.clock] = change.stretch

    def _open(self, collar: int, sealed: bytes) -> tuple[int, bytes]:
        """Return epoch and payload of a frame: of any key not older than the last one heard.

        Raises:
            WireError: it is no frame under any of them.
        """
        for epoch in self.keys.epochs(collar):
            encrypt = self.keys.cipher(collar, epoch)
            assert encrypt is not None
            try:
                return epoch, frame.open_frame(encrypt, frame.UPLINK, epoch, sealed)[1]
            except BadTag as error:
                failed = error
            if (collar, epoch) in self.memory.windows:
                break
        raise failed

    def _judge_authentic(
        self, received: Received, bridge: str, header: frame.Header, epoch: int, payload: bytes
    ) -> Accepted | HeardAgain | Refusal:
        collar, counter = header.collar, header.counter
        known = self.memory.windows.get((collar, epoch))
        window = open_window(known, counter)
        if window is None:
            spooled = self._find(collar, epoch, counter)
            if spooled is None or spooled.sealed != received.data:
                return _refuse_replay(header, known)
            if not _is_resent(received, bridge, spooled.heard):
                if self._is_replay(received, bridge, spooled):
                    return _refuse_replay(header, known)
                return HeardAgain(collar, epoch, counter)
        try:
            generation, records, undated = read_payload(header.kind, payload)
            inventory = hello.decode(payload) if header.kind == frame.HELLO else None
        except WireError as error:  # without the value: it may be half a position
            fault = f"{error.what}: expected {error.expected}"
            return Accepted(collar, epoch, counter, None, [], window, fault)
        numbers = ranges.from_numbers([record.record for record in records])
        newest_s = max((record.recorded_at_s for record in records), default=None)
        return Accepted(
            collar,
            epoch,
            counter,
            generation,
            numbers,
            window,
            None,
            newest_s,
            tuple(undated),
            inventory,
        )

    def _is_replay(self, received: Received, bridge: str, spooled: Frame) -> bool:
        """Whether a spooled frame comes too late to be the same transmission, or from one ear."""
        if any(one.bridge == bridge for one in (spooled.heard, *spooled.again)):
            return True
        at_us = self.heard_at_us(received)
        return abs(at_us - spooled.heard.received_at_us) > _SAME_TRANSMISSION_US


def reception(
    received: Received, station: str, bridge: str, heard_at_us: int, clock: int = 0
) -> Reception:
    """Return where, when and how well a frame was heard."""
    return Reception(
        station, bridge, received.reception, received.ticks_us, heard_at_us, received.freq_hz,
        received.sf, received.bw_hz, received.rssi_dbm, received.snr_qdb, clock,
    )  # fmt: skip


def read_payload(kind: int, payload: bytes) -> data.Data:
    """Return the records of an uplink frame; an inventory has none.

    Raises:
        WireError: it is no payload of this kind.
    """
    if kind == frame.HELLO:
        return data.Data(hello.decode(payload).generation, [], [])
    return data.decode(payload)


def _components(
    held: list[tuple[int, int]], records: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return the ranges of `held` that hold any of `records`; both ascending."""
    out: list[tuple[int, int]] = []
    position = 0
    for first, last in records:
        while position < len(held) and held[position][1] < first:
            position += 1
        if held[position][0] <= last and (not out or out[-1] != held[position]):
            out.append(held[position])
    return out


def _is_resent(received: Received, bridge: str, heard: Reception) -> bool:
    """Whether the bridge sends again, for want of an answer, what is spooled."""
    return (heard.bridge, heard.reception, heard.ticks_us) == (
        bridge,
        received.reception,
        received.ticks_us,
    )


def _refuse_replay(header: frame.Header, known: Window | None) -> Refusal:
    assert known is not None
    fields = {"collar": header.collar, "counter": header.counter, "highest": known.highest}
    return Refusal(REPLAYED, {**fields, "expected": "a counter not seen yet"})


def _hex(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _refuse_header(received: bytes, error: WireError) -> Refusal:
    if not received or received[0] != frame.FIRST_BYTE:
        first = f"0x{received[0]:02x}" if received else "none"
        fields = {"first_byte": first, "expected": f"0x{frame.FIRST_BYTE:02x}"}
        return Refusal(FOREIGN, {**fields, "length": len(received)})
    if isinstance(error, BadVersion):
        return Refusal(VERSION, {"version": error.value, "expected": error.expected})
    reason = TRUNCATED if isinstance(error, Truncated) else HEADER
    return Refusal(reason, {"fault": error})
