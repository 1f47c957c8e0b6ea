"""Which records the next frame carries: oldest first, unless that gets no answer.

A record that cannot be sent must not stop those behind it. One whose kind this firmware does not
know (a newer one wrote it) is passed over and kept; one whose slot is damaged is given up. One
that the station cannot read shows only as silence; so after four frames without an answer the
outbox goes round: it sends one record alone, a later one each time, until an answer comes, and
then whole frames from there on. What was passed by is tried again once a day. It is back to normal
when a whole frame that begins with the oldest waiting record is answered, or nothing waits.

`state.send_from` is where the round stands, 0 in normal times; `state.round_at_s` when it began.
"""

from . import log
from ._typing import TYPE_CHECKING
from .wire import data

if TYPE_CHECKING:
    from .block import State
    from .wire.fix import Fix
    from .wire.status import Status

_MISSES_ROUND = 4  # frames without an answer before the outbox goes round
_ROUND_S = 86400
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

    def choose(self, now_s: int) -> "tuple[int, bool]":
        """Return the record the next frame starts with (0: none) and whether it goes alone.

        Moves the round on, as if there were no answer; `State.misses` still counts the frames
        before this one. Commit the state before sending.
        """
        state = self._state
        found = self.waiting(1, now_s)
        if not found:
            return 0, False
        first = found[0]
        if not state.send_from and state.misses < _MISSES_ROUND:
            return first, False
        if first < state.send_from or not state.send_from:
            state.round_at_s = now_s
        alone = state.misses > 0
        state.send_from = first + 1 if alone else first
        return first, alone

    def pack(self, first: int, alone: bool, room: int) -> bytes:
        """Return a DATA payload of at most `room` bytes from record `first` on, b"" for none.

        Damaged records are given up and counted.
        """
        records: "list[Fix | Status]" = []
        most = 1 if alone else room // _RECORD_LEAST
        for record in self._numbers(first):
            slot = self._log.read(record)
            if slot is None:
                self._state.lost_records += 1
                self._log.acknowledge([(record, record)])
            elif log.known(slot):
                records.append(log.decode(slot))
                if len(records) == most:
                    break
        payload, _ = data.encode(self._state.generation, records, room)
        return bytes(payload)

    def answered(self, first: int, alone: bool, now_s: int) -> bool:
        """Enter that a frame from `first` on was answered; returns whether more are to send."""
        oldest = self._sendable(1, 0)
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
            if slot is None or log.known(slot):
                found.append(record)
                if len(found) == limit:
                    break
        return found

    def _numbers(self, first: int):  # type: ignore[no-untyped-def]
        """Yield the numbers of the waiting records from `first` on."""
        while True:
            found = self._log.pending(16, first)
            for record in found:
                yield record
            if len(found) < 16:
                return
            first = found[-1] + 1
