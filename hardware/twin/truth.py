"""What a collar's memory really holds, read without the collar: the measure of all behind it."""

from typing import NamedTuple

from firmware import log, moment, state
from firmware.wire.fix import Fix
from hardware.twin.fram import Memory


class Record(NamedTuple):
    """One record of a log.

    Attributes:
        generation, record: its identity within the collar.
        kind: of `firmware.wire.data`.
        recorded_at_s: Unix time the collar gave it [s]; its stamp while it has no date.
        lat_e5, lon_e5: position [1e-5 deg]; None for anything but a fix.
        acknowledged: whether the collar knows that a station holds it.
    """

    generation: int
    record: int
    kind: int
    recorded_at_s: int
    lat_e5: int | None
    lon_e5: int | None
    acknowledged: bool


class Truth(NamedTuple):
    """Records of the running generation, oldest first; how many wait; what went wrong."""

    records: tuple[Record, ...]
    waiting: int
    errors: int
    last_error: str


def read_truth(memory: Memory) -> Truth:
    """Read a collar's memory; works on a copy, so nothing is repaired or changed."""
    copy = Memory(bytearray(memory.cells))
    known = state.State()
    known.load(copy)
    generation = state.read_generation(copy, known.generation)
    held = log.Log(copy, generation)
    waiting = set(held.pending(log.SLOTS))
    records = []
    for number in range(held.oldest, held.newest + 1):
        slot = held.read(number)
        if slot is None:
            continue
        at_s = moment.date(known, slot.recorded_at_s)
        value = log.decode(slot, at_s)
        lat_e5, lon_e5 = (value.lat_e5, value.lon_e5) if isinstance(value, Fix) else (None, None)
        records.append(
            Record(
                generation,
                number,
                slot.kind,
                slot.recorded_at_s if at_s is None else at_s,
                lat_e5,
                lon_e5,
                number not in waiting,
            )
        )
    name = known.error_name.rstrip(b"\0").decode("ascii", "replace")
    return Truth(tuple(records), len(waiting), known.errors, name)
