"""Who a record is, everywhere: (collar, generation, record).

collar       1 .. 65,535
generation   0 .. 2^31 - 1: counts resets of the collar's log
record       1 .. 2^32 - 1: number within the log of that generation

The same limits hold in the collar's log, on the wire and in the database.
"""

from .errors import check_range

MAX_COLLAR = 0xFFFF
MAX_GENERATION = 0x7FFFFFFF
MAX_RECORD = 0xFFFFFFFF


def check_collar(collar: int) -> None:
    """Require a collar's number; raises BadValue."""
    check_range("collar", collar, 1, MAX_COLLAR)


def check_generation(generation: int) -> None:
    """Require a number of a generation; raises BadValue."""
    check_range("generation", generation, 0, MAX_GENERATION)


def check_record(record: int) -> None:
    """Require a record's number; raises BadValue."""
    check_range("record", record, 1, MAX_RECORD)
