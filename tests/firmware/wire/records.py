"""Records for the tests of payloads: a plausible animal, without any randomness."""

from firmware.wire.fix import Fix
from firmware.wire.status import Status

START_S = 1_782_000_000


def fix(record, altitude_m=2_100, accuracy_class=4, reason=0):
    """Return the hourly fix number `record` of a slow zigzag uphill."""
    hour = record % 10_000
    zigzag = hour * 37 % 101
    return Fix(
        record,
        START_S + 3600 * hour + hour % 3,
        4_666_000 + 11 * hour - zigzag,
        1_020_000 - 7 * hour + 2 * zigzag,
        None if altitude_m is None else altitude_m + zigzag % 10,
        accuracy_class,
        reason,
    )


def status(record):
    """Return the status number `record`."""
    at_s = START_S + 3600 * (record % 10_000) + 60
    return Status(record, at_s, 3_310, 120_500, 3_900, record, 1, record // 4, 0, -11)
