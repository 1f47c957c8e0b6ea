"""ACK payload: which records of a collar's log this station holds.

    generation        unsigned varint, 0 .. 2^31 - 1: of the log, as the collar sent it
    station_time_s    u32, Unix time, UTC; 0: the station does not know the time
    snr_margin_db     i8: SNR of the frame heard, above the limit of its spreading factor
    count             unsigned varint
    ranges            `count` times:
      start           unsigned varint: numbers since the last range ended (the first: since 1)
      length          unsigned varint: length - 1

A collar frees nothing that is not named here, and joins what all stations name.
"""

import struct
from collections import namedtuple

from . import varint
from .errors import BadValue, Truncated, check_range
from .identity import MAX_RECORD, check_generation

# ranges: list of (first, last), both included, ascending, disjoint, 1 .. 2^32 - 1
Ack = namedtuple("Ack", ("generation", "station_time_s", "snr_margin_db", "ranges"))

_CLOCK = "<Ib"


def encode(ack: Ack, limit: int) -> bytes:
    """Pack `ack` into at most `limit` bytes; ranges that do not fit are left off the end.

    Raises:
        BadValue: a field out of range, ranges not ascending and disjoint, or a limit that
            has no room for an acknowledgement without ranges.
    """
    check_generation(ack.generation)
    check_range("station_time_s", ack.station_time_s, 0, 0xFFFFFFFF)
    check_range("snr_margin_db", ack.snr_margin_db, -128, 127)
    head = bytearray()
    varint.append_unsigned(head, ack.generation)
    head.extend(struct.pack(_CLOCK, ack.station_time_s, ack.snr_margin_db))
    return bytes(head) + encode_ranges(ack.ranges, limit - len(head))


def encode_ranges(ranges: list[tuple[int, int]], limit: int) -> bytes:
    """Pack count and ranges into at most `limit` bytes; those without room are left off the end.

    Raises:
        BadValue: ranges not ascending and disjoint, or no room even for a count.
    """
    if limit < 1:
        raise BadValue("room for ranges", limit, "at least 1")
    body = bytearray()
    count = 0
    start = 1
    for first, last in ranges:
        check_range("first record of a range", first, start, MAX_RECORD)
        check_range("last record of a range", last, first, MAX_RECORD)
        size = len(body)
        varint.append_unsigned(body, first - start)
        varint.append_unsigned(body, last - first)
        if len(body) + (1 if count < 0x7F else 2) > limit:
            body = body[:size]
            break
        count += 1
        start = last + 1
    head = bytearray()
    varint.append_unsigned(head, count)
    return bytes(head + body)


def decode(payload: bytes) -> Ack:
    """Return the acknowledgement in an ACK payload.

    Raises:
        WireError: the bytes are no such payload, whole or in part.
    """
    generation, pos = varint.read_unsigned(payload, 0)
    check_generation(generation)
    if len(payload) < pos + 5:
        raise Truncated("ACK payload", len(payload), f"at least {pos + 6} bytes")
    station_time_s, snr_margin_db = struct.unpack(_CLOCK, payload[pos : pos + 5])
    return Ack(generation, station_time_s, snr_margin_db, decode_ranges(payload, pos + 5))


def decode_ranges(payload: bytes, pos: int) -> list[tuple[int, int]]:
    """Return the ranges whose count stands at `pos`, and which end the payload.

    Raises:
        WireError: they are no ranges, or do not end there.
    """
    count, pos = varint.read_unsigned(payload, pos)
    # Every range takes 2 bytes or more: a false count costs no memory.
    check_range("count", count, 0, (len(payload) - pos) // 2)
    ranges = []
    start = 1
    for _ in range(count):
        skipped, pos = varint.read_unsigned(payload, pos)
        more, pos = varint.read_unsigned(payload, pos)
        first = start + skipped
        check_range("first record of a range", first, 1, MAX_RECORD)
        check_range("last record of a range", first + more, first, MAX_RECORD)
        ranges.append((first, first + more))
        start = first + more + 1
    if pos != len(payload):
        raise BadValue("payload length", len(payload), pos)
    return ranges
