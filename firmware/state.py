"""What a collar remembers from wake to wake, and where it lies in FRAM.

    address  bytes    what
    0x00000  2 x 32   identity: who this collar is and its key; two copies, written once
    0x00080  2 x 10   counter: the next nonce counter
    0x000C0  2 x 10   generation of the record log
    0x00100  2 x 128  state: everything else, rewritten at every wake
    0x00280  1        attempts: wakes begun since one was last completed
    0x00300  2 x 70   settings (config.py)
    0x00400  ...      duty-cycle ledger (link.py)
    0x01000  1,024    acknowledged bitmap (log.py)
    0x02000           reserved
    0x10000  196,608  record log (log.py): 8,192 slots of 24 bytes

A nonce counter is taken by storing its successor before it is used; what else may be lost, no
counter comes twice. If both copies of it are lost the collar stays silent until it is given a new
key. A generation number is given up only when it is lost or the collar gets another number; the
new one is taken from the nonce counter, so that it has never been used before.

    StateError(ValueError)
    ├── NoIdentity   not provisioned, or both copies damaged
    └── NoCounter    the nonce counter is lost: nothing may be sealed under this key
"""

import struct
from collections import namedtuple

from .board import Fram
from .store import Pair
from .wire.crc import crc16

ADDRESS_IDENTITY = 0x00000
ADDRESS_COUNTER = 0x00080
ADDRESS_GENERATION = 0x000C0
ADDRESS_STATE = 0x00100
ADDRESS_ATTEMPTS = 0x00280
ADDRESS_SETTINGS = 0x00300
ADDRESS_LEDGER = 0x00400
ADDRESS_BITMAP = 0x01000
ADDRESS_LOG = 0x10000

_MAGIC = b"CAP1"
_IDENTITY_BYTES = 28  # magic 4, collar u16, epoch u32, key 16, crc u16
_IDENTITY_STRIDE = 32
_COUNTER_MAX = 0xFFFFFFFF
_SEED_COUNTER = 0x1D01
_SEED_GENERATION = 0x1D02
_SEED_STATE = 0x1D03

Identity = namedtuple("Identity", ("collar", "epoch", "key"))


class StateError(ValueError):
    """The FRAM does not hold what the collar needs."""


class NoIdentity(StateError):
    """No whole copy of the identity."""

    def __init__(self) -> None:
        super().__init__("no identity in FRAM, expected a collar provisioned with write_identity")


class NoCounter(StateError):
    """No whole copy of the nonce counter, or it is used up."""

    def __init__(self, what: str = "lost") -> None:
        super().__init__("nonce counter %s, expected a new key with a new epoch" % what)


def pack_identity(collar: int, epoch: int, key: bytes) -> bytes:
    """Return the 28 bytes of one copy of the identity.

    Args:
        collar: 1..65535.
        epoch: u32, raised with every new key.
        key: 16 bytes, AES-128.

    Raises:
        StateError: a value out of range (the key itself is never shown).
    """
    if not 1 <= collar <= 0xFFFF:
        raise StateError("collar is %r, expected 1..65535" % (collar,))
    if not 0 <= epoch <= 0xFFFFFFFF:
        raise StateError("epoch is %r, expected 0..4294967295" % (epoch,))
    if len(key) != 16:
        raise StateError("key has %d bytes, expected 16" % len(key))
    data = _MAGIC + struct.pack("<HI", collar, epoch) + bytes(key)
    return data + struct.pack("<H", crc16(data))


def read_identity(fram: Fram) -> Identity:
    """Return who this collar is.

    Raises:
        NoIdentity: neither copy is whole.
    """
    for copy in (0, 1):
        data = fram.read(ADDRESS_IDENTITY + copy * _IDENTITY_STRIDE, _IDENTITY_BYTES)
        crc = struct.unpack_from("<H", data, _IDENTITY_BYTES - 2)[0]
        if data[:4] == _MAGIC and crc16(data[: _IDENTITY_BYTES - 2]) == crc:
            collar, epoch = struct.unpack_from("<HI", data, 4)
            return Identity(collar, epoch, data[10:26])
    raise NoIdentity()


def write_identity(fram: Fram, collar: int, epoch: int, key: bytes) -> None:
    """Provision: make this FRAM the memory of `collar` under `key`.

    The nonce counter goes on where it was, and starts at 1 on a blank chip. The log is kept,
    unless the collar's number changes: then a new generation begins. Until the last byte is
    written the collar has no identity and only sleeps. Giving the same identity again changes
    nothing.

    Raises:
        StateError: a value out of range.
        NoCounter: the same key and epoch are given again, but their counter is lost.
    """
    identity = pack_identity(collar, epoch, key)
    try:
        old: "Identity | None" = read_identity(fram)
    except NoIdentity:
        old = None
    counter = _counter_pair(fram)
    if counter.load() is None:
        if old is not None and old.epoch == epoch and old.key == bytes(key):
            raise NoCounter()
        _invalidate_identity(fram)
        for _ in (0, 1):
            counter.store(struct.pack("<I", 1))
    generation = _generation_pair(fram)
    if generation.load() is None:
        for _ in (0, 1):
            generation.store(struct.pack("<I", 1))
    elif old is not None and old.collar != collar:
        generation.store(struct.pack("<I", take_counter(fram) + 1))
    if old is None or pack_identity(*old) != identity:
        _invalidate_identity(fram)
    for copy in (0, 1):
        fram.write(ADDRESS_IDENTITY + copy * _IDENTITY_STRIDE, identity)


def _invalidate_identity(fram: Fram) -> None:
    for copy in (0, 1):
        fram.write(ADDRESS_IDENTITY + copy * _IDENTITY_STRIDE, bytes(4))


def _counter_pair(fram: Fram) -> Pair:
    return Pair(fram, ADDRESS_COUNTER, 4, _SEED_COUNTER)


def _generation_pair(fram: Fram) -> Pair:
    return Pair(fram, ADDRESS_GENERATION, 4, _SEED_GENERATION)


def take_counter(fram: Fram) -> int:
    """Return a nonce counter that was never returned before; its successor is stored first.

    When one copy is not whole it may have been the newer one, so one number is passed over.

    Raises:
        NoCounter: both copies are lost, or all numbers are used.
    """
    pair = _counter_pair(fram)
    data = pair.load()
    if data is None:
        raise NoCounter()
    counter: int = struct.unpack("<I", data)[0]
    if pair.valid_copies < 2:
        counter += 1
    if counter >= _COUNTER_MAX:
        raise NoCounter("used up")
    pair.store(struct.pack("<I", counter + 1))
    return counter


def read_generation(fram: Fram, known: int) -> int:
    """Return the generation of the record log; restores it or opens a new one when it is lost.

    Args:
        fram: the memory.
        known: the generation the state block remembers, 0 when it remembers none.

    Raises:
        NoCounter: a new generation is needed and no unused number is left to name it.
    """
    pair = _generation_pair(fram)
    data = pair.load()
    if data is not None:
        generation: int = struct.unpack("<I", data)[0]
        return generation
    generation = known if known else take_counter(fram) + 1
    pair.store(struct.pack("<I", generation))
    return generation


def begin_wake(fram: Fram) -> int:
    """Count this wake as begun; returns how many in a row are not completed, with this one.

    After 255 comes 254: who looks for even numbers goes on finding them.
    """
    attempts = fram.read(ADDRESS_ATTEMPTS, 1)[0] + 1
    if attempts > 255:
        attempts = 254
    fram.write(ADDRESS_ATTEMPTS, bytes((attempts,)))
    return attempts


def end_wake(fram: Fram) -> None:
    """Count the wake as completed."""
    fram.write(ADDRESS_ATTEMPTS, b"\x00")


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

    def __init__(self) -> None:
        for name, _, value in _FIELDS:
            setattr(self, name, value)

    def restart(self, generation: int) -> None:
        """Forget what counted in another generation; what was learned stays."""
        self.generation = generation
        self.newest = 0
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

    def load(self, fram: Fram) -> bool:
        """Take all fields from FRAM; returns False, and keeps the defaults, when none is whole."""
        payload = Pair(fram, ADDRESS_STATE, _STATE_BYTES, _SEED_STATE).load()
        if payload is None:
            return False
        self.unpack(payload)
        return True

    def commit(self, fram: Fram) -> None:
        """Write all fields to FRAM, whole or not at all."""
        Pair(fram, ADDRESS_STATE, _STATE_BYTES, _SEED_STATE).store(self.pack())
