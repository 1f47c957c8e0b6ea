"""What to make of a frame that was heard: pure decisions, from memory alone.

A frame is refused (and the bridge forgets it) or accepted; an accepted one yields a
`Change`, and only when that is on the disk may the session `remember` it. So memory is
never ahead of the disk.
"""

from collections.abc import Callable
from dataclasses import dataclass

from firmware.wire import data, frame, ranges, region
from firmware.wire.bridge import Received
from firmware.wire.errors import BadTag, BadVersion, Truncated, WireError
from ground_station.keys import KeyRing
from ground_station.memory import Change, Frame, Held, Memory, Reception, Window

WINDOW = 64
"""Counters that a replay window remembers, the highest included"""

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
    """

    def __init__(
        self,
        memory: Memory,
        keys: KeyRing,
        find: Callable[[int, int, int], Frame | None],
        failed_tags: TokenBucket | None = None,
    ) -> None:
        self.memory = memory
        self.keys = keys
        self._find = find
        self._failed_tags = failed_tags or TokenBucket(capacity=100, refill_us=6_000_000)

    def connect(self, ticks_us: int) -> None:
        """Go on with a bridge that may have started again; its ticks are at this now."""
        self._failed_tags.restart(ticks_us)

    def judge(self, received: Received, bridge: str) -> Accepted | Refusal:
        """Decide about a frame; changes nothing but the limit of failed tags."""
        try:
            header = frame.parse_header(received.data)
        except WireError as error:
            return _refuse_header(received.data, error)
        who: dict[str, object] = {"collar": header.collar, "counter": header.counter}
        if header.kind != frame.DATA:
            return Refusal(KIND, {**who, "kind": header.kind, "expected": frame.DATA})
        if received.sf not in region.SNR_LIMIT_QDB:
            return Refusal(SPREADING, {**who, "sf": received.sf, "expected": "7..12"})
        epoch = self.keys.epoch(header.collar)
        encrypt = None if epoch is None else self.keys.cipher(header.collar, epoch)
        if epoch is None or encrypt is None:
            return Refusal(UNKNOWN_COLLAR, {**who, "expected": "a collar of the key file"})
        if not self._failed_tags.has(received.ticks_us):
            return Refusal(TAG_LIMIT, {**who, "expected": "fewer frames with a wrong key"})
        try:
            _, payload = frame.open_frame(encrypt, frame.UPLINK, epoch, received.data)
        except BadTag as error:
            self._failed_tags.take(received.ticks_us)
            fields = {"epoch": epoch, "tag": _hex(error.value), "expected": error.expected}
            return Refusal(TAG, {**who, **fields})
        except WireError as error:
            return Refusal(TRUNCATED, {**who, "fault": error})
        return self._judge_authentic(received, bridge, header, epoch, payload)

    def change_for(
        self, accepted: Accepted, received: Received, station: str, bridge: str, heard_at_us: int
    ) -> Change:
        """Return what an accepted frame changes, acknowledgement not included."""
        if accepted.window is None:
            return Change(accepted.collar, accepted.epoch)
        heard = Reception(
            station, bridge, received.reception, received.ticks_us, heard_at_us, received.freq_hz,
            received.sf, received.bw_hz, received.rssi_dbm, received.snr_qdb,
        )  # fmt: skip
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

    def _judge_authentic(
        self, received: Received, bridge: str, header: frame.Header, epoch: int, payload: bytes
    ) -> Accepted | Refusal:
        collar, counter = header.collar, header.counter
        known = self.memory.windows.get((collar, epoch))
        window = open_window(known, counter)
        if window is None and not self._is_resent(received, bridge, collar, epoch, counter):
            assert known is not None
            fields = {"collar": collar, "counter": counter, "highest": known.highest}
            return Refusal(REPLAYED, {**fields, "expected": "a counter not seen yet"})
        try:
            generation, records, _ = data.decode(payload)
        except WireError as error:  # without the value: it may be half a position
            fault = f"{error.what}: expected {error.expected}"
            return Accepted(collar, epoch, counter, None, [], window, fault)
        numbers = ranges.from_numbers([record.record for record in records])
        return Accepted(collar, epoch, counter, generation, numbers, window)

    def _is_resent(
        self, received: Received, bridge: str, collar: int, epoch: int, counter: int
    ) -> bool:
        """Whether the bridge sends again, for want of an answer, what is spooled."""
        spooled = self._find(collar, epoch, counter)
        return (
            spooled is not None
            and spooled.sealed == received.data
            and spooled.heard.bridge == bridge
            and spooled.heard.reception == received.reception
            and spooled.heard.ticks_us == received.ticks_us
        )


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
