"""DATA payload: records of a collar's log, as many as fit, decodable alone.

    field            code (bits.py)
    generation       g(1) of generation // 256, g(0) of (generation - 1) % 256
    first record     g(10) of its number - 1
    undated          u(1): the times count seconds of an era of the collar's clock, not Unix time
    era              g(3); only if undated
    sections         one or more; none where fewer than 8 bits are left
      kind           g(0) of kind - 1
      gap            u(1), then if set g(2) of the record numbers skipped - 1; not in the first
      count          fixes: g(3) of their number - 1; others: g(0)
      model          how fixes are written (model.py); only before the first fix of the payload
      records        `count` of them, with consecutive numbers

    kind   1 fix, 2 status, 3 activity, 4 alarm, 5 health: each has a file with its fields
    time   of records other than fixes: the first of a payload u(32), later s(10) of the difference
           from the record before

    Mean number of fixes in a frame: `make bench-link`.

To add a kind: a file with its fields, a number in kind.py, and a line in `_CODECS`.
"""

from collections import namedtuple

from . import activity, alarm, health, model, status
from . import fix as _fix
from .bits import Reader, Writer, golomb_bits
from .errors import BadValue, check_range
from .identity import MAX_RECORD, check_generation, check_record
from .kind import KIND_ACTIVITY as KIND_ACTIVITY
from .kind import KIND_ALARM as KIND_ALARM
from .kind import KIND_FIX as KIND_FIX
from .kind import KIND_HEALTH as KIND_HEALTH
from .kind import KIND_STATUS as KIND_STATUS

try:
    from typing import Any as _Any
except ImportError:  # MicroPython, which ignores annotations
    pass


# What a payload holds. records: Fix, Status, Activity, Alarm, Health, with their time, ascending.
# undated: (era, record), whose recorded_at_s counts the seconds of that era of the collar's clock:
# to be shown, but neither acknowledged nor stored; the collar sends them again with their time.
Data = namedtuple("Data", ("generation", "records", "undated"))

MAX_ERA = 0xFFFFFFFF
_LIKELY_BITS = 26  # of a fix, to guess how many will fit

_Codec = namedtuple("_Codec", ("kind", "cls", "module", "count_order"))
_CODECS = (
    _Codec(KIND_FIX, _fix.Fix, _fix, 3),
    _Codec(KIND_STATUS, status.Status, status, 0),
    _Codec(KIND_ACTIVITY, activity.Activity, activity, 0),
    _Codec(KIND_ALARM, alarm.Alarm, alarm, 0),
    _Codec(KIND_HEALTH, health.Health, health, 0),
)


def _codec(record: _Any) -> _Codec:
    for codec in _CODECS:
        if isinstance(record, codec.cls):
            return codec
    raise BadValue("record", record, "a Fix, Status, Activity, Alarm or Health")


class _Chain:
    """What a record is written relative to: the records before it in the payload."""

    def __init__(self) -> None:
        self.fix: _fix.Fix | None = None
        self.time_s: int | None = None
        self.model: _Any = None  # of the fixes


def _append(out: Writer, codec: _Codec, record: _Any, chain: _Chain) -> None:
    codec.module.check(record)
    if codec.kind == KIND_FIX:
        if chain.fix is None:
            model.write(out, chain.model)
        _fix.append(out, record, chain.fix, chain.model)
        chain.fix = record
    else:
        if chain.time_s is None:
            out.u(record.recorded_at_s, 32)
        else:
            out.s(record.recorded_at_s - chain.time_s, 10)
        codec.module.append(out, record)
    chain.time_s = record.recorded_at_s


def _read(data: Reader, codec: _Codec, record: int, chain: _Chain) -> _Any:
    if codec.kind == KIND_FIX:
        if chain.fix is None:
            chain.model = model.read(data)
        item: _Any = _fix.read(data, record, chain.fix, chain.model)
        chain.fix = item
    else:
        time_s = data.u(32) if chain.time_s is None else chain.time_s + data.s(10)
        item = codec.module.read(data, record, time_s)
        codec.module.check(item)
    chain.time_s = item.recorded_at_s
    return item


def _head(generation: int, record: int, era: "int | None") -> Writer:
    check_generation(generation)
    check_record(record)
    out = Writer()
    out.g(generation >> 8, 1)
    out.g((generation - 1) & 0xFF, 0)
    out.g(record - 1, 10)
    if era is None:
        out.u(0, 1)
    else:
        check_range("era", era, 0, MAX_ERA)
        out.u(1, 1)
        out.g(era, 3)
    return out


def _open(out: Writer, codec: _Codec, gap: int, first: bool) -> None:
    """Append the opening of a section, without the count."""
    out.g(codec.kind - 1, 0)
    if not first:
        out.u(1 if gap else 0, 1)
        if gap:
            out.g(gap - 1, 2)


def encode(
    generation: int, records: "list[_Any]", limit: int, era: "int | None" = None
) -> tuple[bytes, int]:
    """Pack as many of `records` as fit into `limit` bytes, from the first on.

    Args:
        generation: of the log, 0 .. 2^31 - 1.
        records: of any kind, with ascending record numbers; gaps are allowed.
        limit: bytes for the payload.
        era: None when their times are Unix times, else the era of the clock that they count in.

    Returns:
        The payload and how many records it holds; `(b"", 0)` if not even one fits.

    Raises:
        BadValue: a field out of range, or numbers that do not ascend.
    """
    codecs = [_codec(record) for record in records]
    if not records:
        return b"", 0
    out = _head(generation, records[0].record, era)
    chain = _Chain()
    fixes = [record for record in records if isinstance(record, _fix.Fix)]
    if fixes:
        chain.model = model.choose(fixes, max(1, 8 * limit // _LIKELY_BITS))
    section = Writer()
    used = count = kept = 0
    for record in records:
        codec = codecs[used]
        gap = record.record - records[used - 1].record - 1 if used else 0
        if gap < 0:
            raise BadValue("record", record.record, "more than the one before: numbers ascend")
        if not used or gap or codec is not codecs[used - 1]:
            if count:
                _close(out, codecs[used - 1], count, section)
            kept, count, section = out.bits, 0, Writer()
            _open(out, codec, gap, not used)
        before = section.bits
        _append(section, codec, record, chain)
        if out.bits + golomb_bits(count, codec.count_order) + section.bits > 8 * limit:
            section.cut(before)
            break
        used += 1
        count += 1
    if not used:
        return b"", 0
    if count:
        _close(out, codecs[used - 1], count, section)
    else:
        out.cut(kept)
    return out.to_bytes(), used


def _close(out: Writer, codec: _Codec, count: int, section: Writer) -> None:
    """Append the count and the records of a section."""
    out.g(count - 1, codec.count_order)
    out.extend(section)


def decode(payload: bytes) -> Data:
    """Return the generation and the records of a DATA payload.

    Raises:
        WireError: the bytes are no such payload, whole or in part.
    """
    data = Reader(payload)
    generation = data.g(1) << 8
    low = data.g(0)
    check_range("generation", low, 0, 0xFF)
    generation |= (low + 1) & 0xFF
    check_generation(generation)
    record = data.g(10) + 1
    era = None
    if data.u(1):
        era = data.g(3)
        check_range("era", era, 0, MAX_ERA)
    chain = _Chain()
    records: "list[_Any]" = []
    while not records or data.left() >= 8:
        kind = data.g(0)
        check_range("kind", kind, 0, len(_CODECS) - 1)
        codec = _CODECS[kind]
        if records and data.u(1):
            record += data.g(2) + 1
        count = data.g(codec.count_order) + 1
        check_range("last record", record + count - 1, 1, MAX_RECORD)
        for _ in range(count):
            records.append(_read(data, codec, record, chain))
            record += 1
    data.end()
    if era is None:
        return Data(generation, records, [])
    return Data(generation, [], [(era, record) for record in records])
