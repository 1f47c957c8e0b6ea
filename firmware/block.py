"""The state block: what a collar remembers from wake to wake, rewritten at every wake."""

import struct

from ._typing import TYPE_CHECKING
from .layout import ADDRESS_STATE
from .store import Pair

if TYPE_CHECKING:
    from .board import Fram

_SEED_STATE = 0x1D03

#: Fields of the state block: name, struct code, value on a collar that remembers nothing. A field
#: is added at the end, in place of spare bytes, so that an older block still reads.
_FIELDS = (
    ("generation", "I", 0),
    ("newest", "I", 0),  # newest record when last committed: the log is searched from here
    ("tried_at_s", "I", 0),  # last attempt at a fix, 0 none
    ("failed_in_row", "B", 0),  # attempts without a fix since the last one
    ("sf", "B", 9),
    ("misses", "B", 0),  # frames without an answer since the last one
    ("draining", "B", 0),  # the last frame was answered and more records wait
    ("send_after_s", "I", 0),  # no frame before this time
    ("status_at_s", "I", 0),  # last status record, 0 none
    ("anchor_at_s", "I", 0),  # start of the running energy balance, 0 none
    ("anchor_uj", "i", 0),  # stored energy then
    ("spent_uj", "I", 0),  # booked since then
    ("income_uj", "I", 0),  # learned income per day
    ("learned_s", "I", 0),  # time the income was learned over
    ("fix_cost_uj", "I", 0),  # learned cost of one attempt at a fix, 0 unknown
    ("boots", "I", 0),
    ("fixes", "H", 0),
    ("failed_fixes", "H", 0),
    ("frames", "H", 0),
    ("answered", "H", 0),
    ("brownouts", "H", 0),
    ("watchdogs", "H", 0),
    ("broken_wakes", "H", 0),  # begun and not completed
    ("errors", "H", 0),
    ("lost_records", "H", 0),  # unreadable or overwritten before any station had them
    ("error_task", "B", 0),
    ("error_name", "15s", b""),
    ("send_from", "I", 0),  # record the next frame starts with, 0 the oldest (outbox.py)
    ("round_at_s", "I", 0),  # when such frames last began with the oldest
)
_PER_GENERATION = ("fixes", "failed_fixes", "frames", "answered", "brownouts", "lost_records")
_FORMAT = "<" + "".join(field[1] for field in _FIELDS)
_STATE_BYTES = 122  # of payload, the rest is spare
_LIMITS = {"B": 0xFF, "H": 0xFFFF, "I": 0xFFFFFFFF}


class State:
    """The state block as attributes, one per field of `_FIELDS`; unsigned ones saturate."""

    generation: int
    newest: int
    tried_at_s: int
    failed_in_row: int
    sf: int
    misses: int
    draining: int
    send_after_s: int
    status_at_s: int
    anchor_at_s: int
    anchor_uj: int
    spent_uj: int
    income_uj: int
    learned_s: int
    fix_cost_uj: int
    boots: int
    fixes: int
    failed_fixes: int
    frames: int
    answered: int
    brownouts: int
    watchdogs: int
    broken_wakes: int
    errors: int
    lost_records: int
    error_task: int
    error_name: bytes
    send_from: int
    round_at_s: int

    def __init__(self) -> None:
        for name, _, value in _FIELDS:
            setattr(self, name, value)

    def restart(self, generation: int) -> None:
        """Forget what counted in another generation; what was learned stays."""
        self.generation = generation
        self.newest = self.send_from = 0
        for name in _PER_GENERATION:
            setattr(self, name, 0)

    def pack(self) -> bytes:
        """Return the payload of the state block; values beyond a field's range saturate."""
        values = []
        for name, code, _ in _FIELDS:
            value = getattr(self, name)
            if code in _LIMITS:
                value = max(0, min(value, _LIMITS[code]))
            elif code == "i":
                value = max(-0x80000000, min(value, 0x7FFFFFFF))
            else:
                value = (value + bytes(15))[:15]
            values.append(value)
        data = struct.pack(_FORMAT, *values)
        return data + bytes(_STATE_BYTES - len(data))

    def unpack(self, payload: bytes) -> None:
        """Take all fields from a payload made by `pack`."""
        values = struct.unpack_from(_FORMAT, payload)
        for i in range(len(_FIELDS)):
            setattr(self, _FIELDS[i][0], values[i])

    def load(self, fram: "Fram") -> bool:
        """Take all fields from FRAM; returns False, and keeps the defaults, when none is whole."""
        payload = Pair(fram, ADDRESS_STATE, _STATE_BYTES, _SEED_STATE).load()
        if payload is None:
            return False
        self.unpack(payload)
        return True

    def commit(self, fram: "Fram") -> None:
        """Write all fields to FRAM, whole or not at all."""
        Pair(fram, ADDRESS_STATE, _STATE_BYTES, _SEED_STATE).store(self.pack())
