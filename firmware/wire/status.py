"""A status: how the collar is doing, about once a day.

    field               in a DATA payload (codes: bits.py), after the time (data.py)
    voltage_mv          g(12)
    stored_mj           g(16)
    income_mj_per_day   s(12)
    fixes               g(8)
    failed_fixes        g(5)
    frames              g(7)
    brownouts           g(0)
    temperature_c       u(8): + 128; 0: not known (None)

Ranges: recorded_at_s u32 (Unix time, UTC); voltage of the storage u16, mV; energy in the
storage above its lower limit u32, mJ; income of energy as the collar sees it i32, mJ/day;
counters u32, since the start of the generation; temperature -127 .. 127 degrees Celsius or None.
"""

from collections import namedtuple

from .bits import Reader, Writer
from .errors import check_range
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


def append(out: Writer, status: Status) -> None:
    """Append the fields of `status` behind its time."""
    out.g(status.voltage_mv, 12)
    out.g(status.stored_mj, 16)
    out.s(status.income_mj_per_day, 12)
    out.g(status.fixes, 8)
    out.g(status.failed_fixes, 5)
    out.g(status.frames, 7)
    out.g(status.brownouts, 0)
    out.u(0 if status.temperature_c is None else status.temperature_c + 128, 8)


def read(data: Reader, record: int, recorded_at_s: int) -> Status:
    """Take the fields of status number `record` behind its time; none is checked.

    Raises:
        WireError: the bits end.
    """
    fields = (
        data.g(12),
        data.g(16),
        data.s(12),
        data.g(8),
        data.g(5),
        data.g(7),
        data.g(0),
    )
    temperature = data.u(8)
    return Status(record, recorded_at_s, *fields, temperature - 128 if temperature else None)
