"""A collar whose power is cut again and again, at random bytes of what it writes to its memory."""

import random

from firmware import config, log
from firmware.wire.data import KIND_FIX

from .desk import GENERATION, START_S, Desk

_LONGEST = 3000  # bytes a wake writes, and some more
_LOOKED_AT = 24  # newest records read again after every wake
_OLDER = 4  # and some of the older ones


class Life:
    """One collar's life, from a log that is about to come round.

    Attributes:
        cuts: power cuts so far.
        newest: number of the newest record.
        lost: what was wrong: numbers of records lost, changed or repeated.
    """

    def __init__(self, seed, newest=log.SLOTS - 40):
        self._random = random.Random(seed)
        self.cuts = 0
        self.lost = []
        self.desk = Desk().provision()
        config.store(self.desk.memory, config.Settings(send_records=2, fix_interval_max_s=7200))
        held = log.Log(self.desk.memory, GENERATION)
        for number in range(newest):
            held.append(KIND_FIX, START_S - newest + number, log.pack_fix(number, 0, None, 1, 0))
        held.acknowledge([(1, newest)])
        self.newest = self._oldest = 0
        self._known = {}
        self._look()

    def go_on(self):
        """One wake, most of them cut short; then everything committed must still be there."""
        desk = self.desk
        if self._random.random() < 0.9:
            desk.memory.cut_after = self._random.randrange(_LONGEST)
        desk.hears = self._random.random() < 0.8
        desk.answers = desk.hears and self._random.random() < 0.8
        if desk.wake() is None:
            self.cuts += 1
            if self._random.random() < 0.1:
                desk.clock_offset_s = None  # the clock went with the power
        desk.memory.cut_after = None
        self._look()

    def _look(self):
        """Read the log as the next wake will, and as one that remembers nothing."""
        held = log.Log(self.desk.memory, GENERATION)
        if held.newest < self.newest:
            self.lost.append(("newest", self.newest, held.newest))
        for record in range(self.newest + 1, held.newest + 1):
            self._known[record] = held.read(record)
        self.newest = held.newest
        for record in range(self._oldest, held.oldest):
            self._known.pop(record, None)
        self._oldest = held.oldest
        numbers = list(range(max(held.oldest, held.newest - _LOOKED_AT), held.newest + 1))
        numbers += [self._random.randint(held.oldest, held.newest) for _ in range(_OLDER)]
        for record in numbers:
            if held.read(record) is None or held.read(record) != self._known[record]:
                self.lost.append(("record", record))


def live(seed, cuts, newest=log.SLOTS - 40):
    """Return a life with so many power cuts, and all its records looked at once more."""
    life = Life(seed, newest)
    while life.cuts < cuts:
        life.go_on()
    held = log.Log(life.desk.memory, GENERATION)
    for record, slot in life._known.items():
        if held.read(record) != slot:
            life.lost.append(("at the end", record))
    return life
