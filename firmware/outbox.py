"""Which records the next frame carries: oldest first, unless that gets no answer.

After a frame without an answer the next one goes on behind it: the answer that comes at last names
what arrived meanwhile, so that only what was really lost is sent twice.

A record that cannot be sent must not stop those behind it. One whose kind this firmware does not
know (a newer one wrote it) is passed over and kept; one whose slot is damaged is given up. One
that the station cannot read shows only as silence; so after four frames without an answer the
outbox goes round: it sends one record alone, a later one each time, until an answer comes, and
then whole frames from there on. What was passed by is tried again once a day. It is back to normal
when a whole frame that begins with the oldest waiting record is answered, or nothing waits.

While energy is short the newest records go first: what the animal does now is worth most, and the
rest is kept for better days.

`state.send_next` is where to go on, 0 at the oldest; `state.send_from` where the round stands,
0 in normal times; `state.round_at_s` when it began.
"""

from . import log, moment
from ._typing import TYPE_CHECKING
from .wire import data

if TYPE_CHECKING:
    from .block import State
    from .payload import Record, Slot

MISSES_ROUND = 4  # frames without an answer before the outbox goes round, a record a frame
_ROUND_S = 86400
_SHORT_RECORDS = 8  # in a frame while energy is short
_RECORD_LEAST = 2  # bytes a record takes in a frame, unless the animal lies still


class Outbox:
    """The waiting records of a log.

    Args:
        held: the log.
        state: where the round stands; changed in place.
    """

    def __init__(self, held: "log.Log", state: "State") -> None:
        self._log = held
        self._state = state

    def waiting(self, limit: int, now_s: int) -> "list[int]":
        """Return at most `limit` numbers of records to send, oldest first.

        What the round has passed by is left out for a day.
        """
        state = self._state
        found = self._sendable(limit, state.send_from)
        if not found and not 0 <= now_s - state.round_at_s < _ROUND_S:
            found = self._sendable(limit, 0)
        return found

    def choose(self, now_s: int, short: bool = False) -> "tuple[int, bool]":
        """Return the record the next frame starts with (0: none) and whether it goes alone.

        With `short` energy it is one of the newest.

        Moves the round on, as if there were no answer; `State.misses` still counts the frames
        before this one. Commit the state before sending.
        """
        state = self._state
        found = self.waiting(1, now_s)
        if not found:
            return 0, False
        first = found[0]
        if not state.send_from and state.misses < MISSES_ROUND:
            start = self.newest() if short else state.send_next
            further = self._sendable(1, start) if start else []
            return (further or found)[0], False
        if first < state.send_from or not state.send_from:
            state.round_at_s = now_s
        alone = state.misses > 0
        state.send_from = first + 1 if alone else first
        return first, alone

    def pack(self, first: int, alone: bool, room: int) -> bytes:
        """Return a DATA payload of at most `room` bytes from record `first` on, b"" for none.

        Damaged records are given up and counted.
        """
        records: "list[Record]" = []
        most = 1 if alone else room // _RECORD_LEAST
        for record in self._numbers(first):
            slot = self._log.read(record)
            if slot is None:
                self._state.lost_records += 1
                self._log.acknowledge([(record, record)])
            elif self._ready(slot):
                records.append(log.decode(slot, moment.date(self._state, slot.recorded_at_s)))
                if len(records) == most:
                    break
        payload, used = data.encode(self._state.generation, records, room)
        self._state.send_next = records[used - 1].record + 1 if used else 0
        return bytes(payload)

    def answered(self, first: int, alone: bool, now_s: int) -> bool:
        """Enter that a frame from `first` on was answered; returns whether more are to send."""
        oldest = self._sendable(1, 0)
        self._state.send_next = 0
        if not oldest or (oldest[0] > first and not alone):
            self._state.send_from = 0
        elif self._state.send_from:
            self._state.send_from = first
        return bool(self.waiting(1, now_s))

    def _sendable(self, limit: int, first: int) -> "list[int]":
        """Return numbers of waiting records from `first` on, those of unknown kind left out."""
        found: "list[int]" = []
        for record in self._numbers(first):
            slot = self._log.read(record)
            if slot is None or self._ready(slot):
                found.append(record)
                if len(found) == limit:
                    break
        return found

    def _ready(self, slot: "Slot") -> bool:
        """Return whether a record can go: its kind is known, and its date."""
        return log.known(slot) and moment.date(self._state, slot.recorded_at_s) is not None

    def pack_undated(self, record: int, room: int) -> bytes:
        """Return a DATA payload with one record that has no date, b"" when it has one.

        A station shows it and does not keep it; it goes again once it is dated.
        """
        slot = self._log.read(record)
        if slot is None or moment.date(self._state, slot.recorded_at_s) is not None:
            return b""
        era, uptime_s = moment.era_of(slot.recorded_at_s)
        one = log.decode(slot, uptime_s)
        return bytes(data.encode(self._state.generation, [one], room, era)[0])

    def newest(self) -> int:
        """Return where the newest waiting records begin, a small frame of them."""
        left = _SHORT_RECORDS
        first = 0
        for low, high in reversed(self._log.gaps(0)):
            first = max(low, high - left + 1)
            left -= high - first + 1
            if not left:
                break
        return first

    def _numbers(self, first: int):  # type: ignore[no-untyped-def]
        """Yield the numbers of the waiting records from `first` on."""
        while True:
            found = self._log.pending(16, first)
            for record in found:
                yield record
            if len(found) < 16:
                return
            first = found[-1] + 1
