"""What a collar's log really holds, read from its memory: the measure of all behind it."""

from collections.abc import Iterator
from typing import NamedTuple

from firmware import log, state
from firmware.wire.fix import Fix
from hardware.twin.fram import Memory


class Record(NamedTuple):
    """One record of a log; the position is None for anything but a fix.

    `acknowledged`: the collar knows that a station holds it.
    """

    generation: int
    record: int
    kind: int
    recorded_at_s: int
    lat_e5: int | None
    lon_e5: int | None
    acknowledged: bool


def read_records(memory: Memory) -> Iterator[Record]:
    """Yield the records of the running generation, oldest first; works on a copy of the memory."""
    copy = Memory(bytearray(memory.cells))
    known = state.State()
    known.load(copy)
    generation = state.read_generation(copy, known.generation)
    held = log.Log(copy, generation)
    waiting = set(held.pending(log.SLOTS))
    for number in range(held.oldest, held.newest + 1):
        slot = held.read(number)
        if slot is None:
            continue
        value = log.decode(slot)
        lat_e5, lon_e5 = (value.lat_e5, value.lon_e5) if isinstance(value, Fix) else (None, None)
        yield Record(
            generation,
            number,
            slot.kind,
            slot.recorded_at_s,
            lat_e5,
            lon_e5,
            number not in waiting,
        )
