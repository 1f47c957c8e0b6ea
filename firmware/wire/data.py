"""DATA payload: records of a collar's log, as many as fit, decodable alone.

    generation      unsigned varint, 0 .. 2^31 - 1: counts resets of the log
    first record    unsigned varint, 1 .. 2^32 - 1: number of the first record
    sections        one or more, to the end of the payload:
      head          u8: kind (low nibble) | flags (high nibble)
      gap           unsigned varint, at least 1: record numbers skipped; only with FLAG_GAP
      count         unsigned varint, at least 1
      records       `count` of them, with consecutive numbers (fix.py, status.py)

    kind   1 fix, 2 status
    flags  bit 4 fixes carry quality, bit 5 fixes carry altitude, bit 7 a gap goes before

Differences between records run on through the whole payload (chain.py).

To add a kind: a file with its layout, a constant here, and a line in `_append` and `_read`.
"""

from collections import namedtuple

from . import fix as _fix
from . import status as _status
from . import varint
from .chain import Chain
from .errors import BadValue, Truncated, check_range
from .identity import MAX_RECORD, check_generation, check_record

try:
    from typing import Any as _Any
except ImportError:  # MicroPython, which ignores annotations
    pass

KIND_FIX = 1
KIND_STATUS = 2
KIND_ACTIVITY = 3
KIND_ALARM = 4
KIND_HEALTH = 5
FLAG_GAP = 0x80

# What a payload holds. records: Fix, Status, Activity, Alarm, Health, with their time, ascending.
# undated: (era, record), whose recorded_at_s counts the seconds of that era of the collar's clock:
# to be shown, but neither acknowledged nor stored; the collar sends them again with their time.
Data = namedtuple("Data", ("generation", "records", "undated"))


def _head(record: "_fix.Fix | _status.Status") -> int:
    """Return kind and flags of the section that `record` starts, without the gap."""
    if isinstance(record, _fix.Fix):
        return KIND_FIX | _fix.flags(record)
    if isinstance(record, _status.Status):
        return KIND_STATUS
    raise BadValue("record", record, "a Fix or a Status")


def _joins(head: int, section_head: int) -> bool:
    """Whether a record that needs `head` can go on in a section: it may carry quality unasked."""
    return head | section_head & _fix.FLAG_QUALITY == section_head


def _append(buf: bytearray, head: int, record: _Any, chain: Chain) -> None:
    if head & 0x0F == KIND_FIX:
        _fix.append(buf, record, head & _fix.FLAGS, chain)
    else:
        _status.append(buf, record, chain)


def _section(head: int, gap: int, count: int, body: bytearray) -> bytearray:
    """Return the bytes of a section of `count` records; `body` holds them."""
    buf = bytearray((head,))
    if gap:
        buf[0] |= FLAG_GAP
        varint.append_unsigned(buf, gap)
    varint.append_unsigned(buf, count)
    buf.extend(body)
    return buf


def encode(
    generation: int, records: "list[_fix.Fix | _status.Status]", limit: int
) -> tuple[bytes, int]:
    """Pack as many of `records` as fit into `limit` bytes, from the first on.

    Args:
        generation: of the log, 0 .. 2^31 - 1.
        records: Fix and Status with ascending record numbers; gaps are allowed.
        limit: bytes for the payload.

    Returns:
        The payload and how many records it holds; `(b"", 0)` if not even one fits.

    Raises:
        BadValue: a field out of range, or numbers that do not ascend.
    """
    check_generation(generation)
    done = bytearray()
    varint.append_unsigned(done, generation)
    payload = b""
    used = expected = 0
    chain = Chain()
    section_head = section_gap = count = 0
    body = bytearray()
    for record in records:
        head = _head(record)
        if not used:
            expected = record.record
            check_record(expected)
            varint.append_unsigned(done, expected)
        if record.record < expected:
            raise BadValue("record", record.record, f"at least {expected}: numbers ascend")
        gap = record.record - expected
        if gap or not _joins(head, section_head):
            done = bytearray(payload) if used else done
            section_head, section_gap, count = head, gap, 0
            body = bytearray()
        _append(body, section_head, record, chain)
        count += 1
        section = _section(section_head, section_gap, count, body)
        if len(done) + len(section) > limit:
            break
        payload = bytes(done + section)
        used += 1
        expected = record.record + 1
    return payload, used


def _read(
    data: bytes, pos: int, head: int, record: int, chain: Chain
) -> "tuple[_fix.Fix | _status.Status, int]":
    if head & 0x0F == KIND_FIX:
        return _fix.read(data, pos, record, head & _fix.FLAGS, chain)
    return _status.read(data, pos, record, chain)


def _read_opening(data: bytes, pos: int) -> tuple[int, int, int, int]:
    """Return head, gap and count of the section at `pos`, and the position of its records."""
    head = data[pos]
    pos += 1
    kind = head & 0x0F
    allowed = _fix.FLAGS | FLAG_GAP if kind == KIND_FIX else FLAG_GAP
    if kind not in (KIND_FIX, KIND_STATUS) or head & 0xF0 & ~allowed:
        raise BadValue("section head", head, "a kind and flags of this version")
    gap = 0
    if head & FLAG_GAP:
        gap, pos = varint.read_unsigned(data, pos)
        check_range("gap", gap, 1, MAX_RECORD)
    count, pos = varint.read_unsigned(data, pos)
    # Every record takes 3 bytes or more: a false count costs no memory.
    check_range("count", count, 1, (len(data) - pos) // 3)
    return head, gap, count, pos


def decode(payload: bytes) -> Data:
    """Return the generation and the records of a DATA payload.

    Raises:
        WireError: the bytes are no such payload, whole or in part.
    """
    generation, pos = varint.read_unsigned(payload, 0)
    check_generation(generation)
    record, pos = varint.read_unsigned(payload, pos)
    if pos == len(payload):
        raise Truncated("DATA payload", pos, "a section")
    chain = Chain()
    records = []
    while pos < len(payload):
        head, gap, count, pos = _read_opening(payload, pos)
        record += gap
        check_range("record", record, 1, MAX_RECORD - count + 1)
        for _ in range(count):
            item, pos = _read(payload, pos, head, record, chain)
            records.append(item)
            record += 1
    return Data(generation, records, [])
