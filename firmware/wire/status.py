"""A status: how the collar is doing, about once a day.

    field               in a DATA payload (data.py)
    recorded_at_s       signed varint: s since the fix before it in the frame (chain.py)
    voltage_mv          unsigned varint
    stored_mj           unsigned varint
    income_mj_per_day   signed varint
    fixes               unsigned varint
    failed_fixes        unsigned varint
    frames              unsigned varint
    brownouts           unsigned varint
    temperature_c       i8, -128: not known (None)

Ranges: recorded_at_s u32 (Unix time, UTC); voltage of the storage u16, mV; energy in the
storage above its lower limit u32, mJ; income of energy as the collar sees it i32, mJ/day;
counters u32, since the start of the generation; temperature -127 .. 127 degrees Celsius or None.
"""

from collections import namedtuple

from . import varint
from .chain import Chain
from .errors import Truncated, check_range
from .identity import check_record

Status = namedtuple(
    "Status",
    (
        "record",
        "recorded_at_s",
        "voltage_mv",
        "stored_mj",
        "income_mj_per_day",
        "fixes",
        "failed_fixes",
        "frames",
        "brownouts",
        "temperature_c",
    ),
)

_NO_TEMPERATURE = 0x80


def check(status: Status) -> None:
    """Require that every field is in its range.

    Raises:
        BadValue: one is not; names it.
    """
    check_record(status.record)
    check_range("recorded_at_s", status.recorded_at_s, 0, 0xFFFFFFFF)
    check_range("voltage_mv", status.voltage_mv, 0, 0xFFFF)
    check_range("stored_mj", status.stored_mj, 0, 0xFFFFFFFF)
    check_range("income_mj_per_day", status.income_mj_per_day, -0x80000000, 0x7FFFFFFF)
    check_range("fixes", status.fixes, 0, 0xFFFFFFFF)
    check_range("failed_fixes", status.failed_fixes, 0, 0xFFFFFFFF)
    check_range("frames", status.frames, 0, 0xFFFFFFFF)
    check_range("brownouts", status.brownouts, 0, 0xFFFFFFFF)
    if status.temperature_c is not None:
        check_range("temperature_c", status.temperature_c, -127, 127)


def append(buf: bytearray, status: Status, chain: Chain) -> None:
    """Append `status` to `buf`; moves `chain` on.

    Raises:
        BadValue: a field out of range.
    """
    check(status)
    varint.append_signed(buf, status.recorded_at_s - chain.time_s)
    varint.append_unsigned(buf, status.voltage_mv)
    varint.append_unsigned(buf, status.stored_mj)
    varint.append_signed(buf, status.income_mj_per_day)
    varint.append_unsigned(buf, status.fixes)
    varint.append_unsigned(buf, status.failed_fixes)
    varint.append_unsigned(buf, status.frames)
    varint.append_unsigned(buf, status.brownouts)
    temperature_c = status.temperature_c
    buf.append(_NO_TEMPERATURE if temperature_c is None else temperature_c & 0xFF)
    chain.other_at(status.recorded_at_s)


def read(data: bytes, pos: int, record: int, chain: Chain) -> tuple[Status, int]:
    """Read the status at `pos`, number `record`; returns it and the position behind it.

    Raises:
        WireError: the bytes end, or a field is out of range.
    """
    time_s, pos = varint.read_signed(data, pos)
    voltage_mv, pos = varint.read_unsigned(data, pos)
    stored_mj, pos = varint.read_unsigned(data, pos)
    income_mj_per_day, pos = varint.read_signed(data, pos)
    fixes, pos = varint.read_unsigned(data, pos)
    failed_fixes, pos = varint.read_unsigned(data, pos)
    frames, pos = varint.read_unsigned(data, pos)
    brownouts, pos = varint.read_unsigned(data, pos)
    if pos >= len(data):
        raise Truncated("status", len(data), "more bytes")
    byte = data[pos]
    status = Status(
        record,
        chain.time_s + time_s,
        voltage_mv,
        stored_mj,
        income_mj_per_day,
        fixes,
        failed_fixes,
        frames,
        brownouts,
        None if byte == _NO_TEMPERATURE else byte - 256 if byte > 127 else byte,
    )
    check(status)
    chain.other_at(status.recorded_at_s)
    return status, pos + 1
