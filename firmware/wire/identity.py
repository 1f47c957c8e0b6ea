"""Who a record is, everywhere: (collar, generation, record).

collar       1 .. 65,535
generation   0 .. 2^31 - 1: counts logs of this collar that began anew with record 1
record       1 .. 2^32 - 1: number within the log of that generation

The same limits hold in the collar's log, on the wire and in the database.

A generation follows from the epoch of the collar's key: epoch * 256 + 1 is the first of an epoch,
epoch * 256 + 255 the last. So a collar whose memory or board was replaced must get a new key with
a new epoch: it has forgotten its nonce counter and its log, and under the old epoch would use both
again. Renewing a key on a memory that keeps its log keeps the generation.
"""

from .errors import check_range

MAX_COLLAR = 0xFFFF
MAX_GENERATION = 0x7FFFFFFF
MAX_RECORD = 0xFFFFFFFF
MAX_EPOCH = 0x7FFFFF  # of a collar's key, so that its generations have room
_PER_EPOCH = 256


def check_collar(collar: int) -> None:
    """Require a collar's number; raises BadValue."""
    check_range("collar", collar, 1, MAX_COLLAR)


def check_generation(generation: int) -> None:
    """Require a number of a generation; raises BadValue."""
    check_range("generation", generation, 0, MAX_GENERATION)


def check_record(record: int) -> None:
    """Require a record's number; raises BadValue."""
    check_range("record", record, 1, MAX_RECORD)


def check_epoch(epoch: int) -> None:
    """Require the epoch of a collar's key; raises BadValue."""
    check_range("epoch", epoch, 0, MAX_EPOCH)


def first_generation(epoch: int) -> int:
    """Return the first generation of a key's epoch."""
    check_epoch(epoch)
    return epoch * _PER_EPOCH + 1


def last_generation(epoch: int) -> int:
    """Return the last generation of a key's epoch."""
    check_epoch(epoch)
    return epoch * _PER_EPOCH + _PER_EPOCH - 1


def epoch_of(generation: int) -> int:
    """Return the epoch a generation was opened in."""
    return generation // _PER_EPOCH
