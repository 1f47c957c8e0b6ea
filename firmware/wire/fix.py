"""A fix: where the animal was, and when.

    field            in a DATA payload (codes: bits.py)
    recorded_at_s    the first u(32); later: [g(0) of s: whole intervals passed over] s(k_time):
                     what the time since the fix before it differs from the interval(s)
    lat_e5           the first u(25): + 90e5; later s(k_position): difference, 1e-5 degrees
    lon_e5           the first u(26): + 180e5; later s(k_position): difference the short way round
    altitude_m       0: None; else 1 more than s of the difference, the first from 0;
                     g(11), later g(k_altitude); only if the model has it
    accuracy_class   g(k_class) of what it is above class_least; only if the model has it
    reason           g(0); only if the model has it

Ranges, the same on encode and decode: recorded_at_s u32 (Unix time, UTC); lat_e5 -90e5 .. 90e5,
both ends included; lon_e5 -180e5 .. 180e5, the upper end excluded (it is written as -180e5);
altitude_m i16 above mean sea level, or None: not known. accuracy_class 0..15: the horizontal
accuracy is not worse than ACCURACY_M[class]. reason 0..15: why the fix was taken. A fix of a
payload without them is of class 15 and reason 0.
"""

from collections import namedtuple

from .bits import Reader, Writer, signed
from .errors import check_range
from .identity import check_record

# record u32 from 1, recorded_at_s, lat_e5, lon_e5, altitude_m, accuracy_class, reason
Fix = namedtuple(
    "Fix",
    ("record", "recorded_at_s", "lat_e5", "lon_e5", "altitude_m", "accuracy_class", "reason"),
)

# How the fixes of one payload are written (model.py). class_least, interval_s None: not carried.
Model = namedtuple(
    "Model",
    (
        "altitude",
        "class_least",
        "k_class",
        "reason",
        "interval_s",
        "skips",
        "k_time",
        "k_position",
        "k_altitude",
    ),
)

# Metres by accuracy class; class 15: unknown or worse.
_KNOWN_M = (1, 2, 3, 4, 5, 7, 10, 14, 20, 30, 50, 70, 100, 200, 500)
ACCURACY_M = _KNOWN_M + (None,)
ACCURACY_UNKNOWN = 15

REASON_BACKBONE = 0  # the regular schedule
REASON_FIRST = 1
REASON_MOTION = 2
REASON_CLUSTER = 3  # a cheap one soon after another
REASON_MORTALITY = 4
REASON_FENCE = 5
REASON_COMMAND = 6
REASON_OTHER = 7

LAT_MAX_E5 = 9_000_000
LON_END_E5 = 18_000_000
_TURN_E5 = 36_000_000


def accuracy_class(accuracy_mm: int) -> int:
    """Return the class of a horizontal accuracy in mm, as receivers give it."""
    for i, limit_m in enumerate(_KNOWN_M):
        if accuracy_mm <= 1000 * limit_m:
            return i
    return ACCURACY_UNKNOWN


def position_e5(lat_e7: int, lon_e7: int) -> tuple[int, int]:
    """Round a position from 1e-7 to 1e-5 degrees, half up; +180 degrees becomes -180."""
    lon_e5 = (lon_e7 + 50) // 100
    return (lat_e7 + 50) // 100, lon_e5 - _TURN_E5 if lon_e5 >= LON_END_E5 else lon_e5


def check(fix: Fix) -> None:
    """Require that every field is in its range.

    Raises:
        BadValue: one is not; names it.
    """
    check_record(fix.record)
    check_range("recorded_at_s", fix.recorded_at_s, 0, 0xFFFFFFFF)
    check_range("lat_e5", fix.lat_e5, -LAT_MAX_E5, LAT_MAX_E5)
    check_range("lon_e5", fix.lon_e5, -LON_END_E5, LON_END_E5 - 1)
    if fix.altitude_m is not None:
        check_range("altitude_m", fix.altitude_m, -0x8000, 0x7FFF)
    check_range("accuracy_class", fix.accuracy_class, 0, 15)
    check_range("reason", fix.reason, 0, 15)


def wrap(lon_e5: int) -> int:
    """Return a longitude, or a difference of two, within -180 .. 180 degrees."""
    return (lon_e5 + LON_END_E5) % _TURN_E5 - LON_END_E5


def altitude_code(fix: Fix, before: "Fix | None") -> int:
    """Return the number that stands for the altitude after that of the fix `before`."""
    if fix.altitude_m is None:
        return 0
    return 1 + signed(fix.altitude_m - (before.altitude_m or 0 if before else 0))


def skipped(interval_s: int, since_s: int) -> int:
    """Return how many intervals fewer than one, or more, `since_s` is, to the nearest."""
    return (since_s + interval_s // 2) // interval_s - 1


def append(out: Writer, fix: Fix, before: "Fix | None", model: Model) -> None:
    """Append `fix`, which follows the fix `before`, None for the first of a payload."""
    if before is None:
        out.u(fix.recorded_at_s, 32)
        out.u(fix.lat_e5 + LAT_MAX_E5, 25)
        out.u(fix.lon_e5 + LON_END_E5, 26)
    else:
        since_s = fix.recorded_at_s - before.recorded_at_s - model.interval_s
        if model.skips:
            missed = skipped(model.interval_s, since_s + model.interval_s)
            out.s(missed, 0)
            since_s -= missed * model.interval_s
        out.s(since_s, model.k_time)
        out.s(fix.lat_e5 - before.lat_e5, model.k_position)
        out.s(wrap(fix.lon_e5 - before.lon_e5), model.k_position)
    if model.altitude:
        out.g(altitude_code(fix, before), 11 if before is None else model.k_altitude)
    if model.class_least is not None:
        out.g(fix.accuracy_class - model.class_least, model.k_class)
    if model.reason:
        out.g(fix.reason, 0)


def read(data: Reader, record: int, before: "Fix | None", model: Model) -> Fix:
    """Take the fix number `record`, which follows the fix `before`.

    Raises:
        WireError: the bits end, or a field is out of range.
    """
    if before is None:
        time_s = data.u(32)
        lat_e5 = data.u(25) - LAT_MAX_E5
        lon_e5 = data.u(26) - LON_END_E5
    else:
        check_range("fixes", 2, 1, 1 if model.interval_s is None else 2)
        intervals = 1 + data.s(0) if model.skips else 1
        time_s = before.recorded_at_s + intervals * model.interval_s + data.s(model.k_time)
        lat_e5 = before.lat_e5 + data.s(model.k_position)
        step_e5 = data.s(model.k_position)
        check_range("lon_e5 difference", step_e5, -LON_END_E5, LON_END_E5 - 1)
        lon_e5 = wrap(before.lon_e5 + step_e5)
    altitude_m = None
    if model.altitude:
        n = data.g(11 if before is None else model.k_altitude) - 1
        if n >= 0:
            altitude_m = (n >> 1 ^ -(n & 1)) + (before.altitude_m or 0 if before else 0)
    quality = ACCURACY_UNKNOWN
    if model.class_least is not None:
        quality = model.class_least + data.g(model.k_class)
    reason = data.g(0) if model.reason else REASON_BACKBONE
    fix = Fix(record, time_s, lat_e5, lon_e5, altitude_m, quality, reason)
    check(fix)
    return fix
