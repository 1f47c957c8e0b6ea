"""Fixes as GeoJSON text, written by compiled code: some fifty times what dictionaries give.

One feature after the other into a buffer, separated by commas. Numbers have as many decimals as
they need, at most nine for degrees (0.1 mm) and three for metres; NaN is null.

Places in the buffer are unsigned: a signed index costs a branch at every byte, for Python's
negative ones. Tried and slower: tables of digits, two at a time.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Place = np.uint64

LONGEST = 400
"""Bytes of the longest feature without its name."""


def _text(text: str) -> Bytes:
    return np.frombuffer(text.encode(), np.uint8)


_ID = _text('{"type":"Feature","id":"')
_POINT = _text('","geometry":{"type":"Point","coordinates":[')
_COLLAR = _text(']},"properties":{"collar":')
_GENERATION = _text(',"generation":')
_RECORD = _text(',"record":')
_TIME = _text(',"recorded_at":"')
_ANIMAL = _text('","animal":')
_ACCURACY = _text(',"accuracy_m":')
_ALTITUDE = _text(',"altitude_m":')
_REASON = _text(',"reason":')
_VISIBLE = _text(',"visible":')
_PRECISION = _text(',"precision_deg":')
_NAME = _text(',"name":')
_TRUE = _text("true")
_FALSE = _text("false")
_NULL = _text("null")
_STORED = _text("0.00001")
_EPOCH_DAYS = 730_425  # from 0000-03-01 to 2000-01-01, where PostgreSQL counts from
_DAY_US = 86_400_000_000
_U00 = _text("\\u00")
_HEX = _text("0123456789abcdef")
_U = np.uint64
_ONE = _U(1)


@njit(cache=True)
def _put(out: Bytes, at: Place, text: Bytes) -> Place:
    for i in range(text.size):
        out[at + _U(i)] = text[i]
    return at + _U(text.size)


@njit(cache=True)
def _put_again(out: Bytes, at: Place, begin: Place, end: Place) -> Place:
    """What is written from `begin` to `end`, once more."""
    for i in range(begin, end):
        out[at] = out[i]
        at += _ONE
    return at


@njit(cache=True)
def _put_padded(out: Bytes, at: Place, value: np.uint64, digits: int) -> Place:
    end = at + _U(digits)
    i = end
    while i > at:
        i -= _ONE
        less = value // _U(10)
        out[i] = _U(48) + (value - less * _U(10))
        value = less
    return end


@njit(cache=True)
def _put_whole(out: Bytes, at: Place, value: np.uint64) -> Place:
    digits, bound = 1, _U(10)
    while digits < 19 and value >= bound:
        digits, bound = digits + 1, bound * _U(10)
    return _put_padded(out, at, value, digits)


@njit(cache=True)
def _put_int(out: Bytes, at: Place, value: int) -> Place:
    if value < 0:
        out[at] = 45
        at, value = at + _ONE, -value
    return _put_whole(out, at, _U(value))


@njit(cache=True)
def _put_decimal(out: Bytes, at: Place, value: float, decimals: int) -> Place:
    if not np.isfinite(value):
        return _put(out, at, _NULL)
    scale = _ONE
    for _ in range(decimals):
        scale *= _U(10)
    units = _U(np.rint(abs(value) * np.float64(scale)))
    if value < 0 and units:
        out[at] = 45
        at += _ONE
    whole = units // scale
    at, rest = _put_whole(out, at, whole), units - whole * scale
    if rest:
        out[at] = 46
        less = rest // _U(10)
        while less * _U(10) == rest:
            rest, decimals = less, decimals - 1
            less = rest // _U(10)
        at = _put_padded(out, at + _ONE, rest, decimals)
    return at


@njit(cache=True)
def _put_time(out: Bytes, at: Place, time_us: int) -> Place:
    """Days to a date by counting years from March, so that leap days come last."""
    days, us = time_us // _DAY_US + _EPOCH_DAYS, _U(time_us % _DAY_US)
    era, of_era = days // 146_097, days % 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    at = _put_padded(out, at, _U(year + era * 400 + (month <= 2)), 4)
    for mark, value in ((45, _U(month)), (45, _U(day)), (84, us // _U(3_600_000_000))):
        out[at] = mark
        at = _put_padded(out, at + _ONE, value, 2)
    for value in (us // _U(60_000_000) % _U(60), us // _U(1_000_000) % _U(60)):
        out[at] = 58
        at = _put_padded(out, at + _ONE, value, 2)
    if us % _U(1_000_000):
        out[at] = 46
        at = _put_padded(out, at + _ONE, us % _U(1_000_000), 6)
    out[at] = 90
    return at + _ONE


@njit(cache=True)
def _put_string(out: Bytes, at: Place, text: Bytes) -> Place:
    out[at] = 34
    at += _ONE
    for byte in text:
        if byte < 32:
            at = _put(out, at, _U00)
            out[at], out[at + _ONE] = _HEX[byte >> 4], _HEX[byte & 15]
            at += _U(2)
            continue
        if byte == 34 or byte == 92:
            out[at] = 92
            at += _ONE
        out[at] = byte
        at += _ONE
    out[at] = 34
    return at + _ONE


@njit(cache=True, nogil=True)
def write_fixes(
    out: Bytes,
    collar: NDArray[np.int32],
    generation: NDArray[np.int32],
    record: NDArray[np.int64],
    time_us: NDArray[np.int64],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    altitude_m: NDArray[np.float32],
    accuracy_m: NDArray[np.float32],
    reason: NDArray[np.int16],
    outlier: NDArray[np.int16],
    animal: NDArray[np.int64],
    cells_per_degree: NDArray[np.int32],
    reasons: Bytes,
    reason_ends: NDArray[np.int64],
    names: Bytes,
    name_sizes: NDArray[np.int32],
) -> int:
    """Write n features; returns the bytes written.

    Args:
        out: at least n * LONGEST + 6 * names.size bytes.
        collar: (n,), as all columns of `seen_fix`
        generation: (n,)
        record: (n,)
        time_us: (n,) [us] since 2000
        lat: (n,) [deg]
        lon: (n,) [deg]
        altitude_m: (n,), NaN for null
        accuracy_m: (n,), NaN for null
        reason: (n,), -1 for null
        outlier: (n,)
        animal: (n,), 0 for null
        cells_per_degree: (n,)
        reasons: JSON texts of the reasons 0..15 one behind the other
        reason_ends: (16,) where each ends
        names: the animals' names, of each row, in UTF-8 one behind the other
        name_sizes: (n,) bytes of each, -1 for null; or (0,) for no names
    """
    at, named, time_from, time_to = _U(0), 0, _U(0), _U(0)
    for i in range(collar.size):
        if i:
            out[at] = 44
            at += _ONE
        collar_from = _put(out, at, _ID)
        collar_to = _put_int(out, collar_from, collar[i])
        out[collar_to] = 45
        generation_to = _put_int(out, collar_to + _ONE, generation[i])
        out[generation_to] = 45
        record_to = _put_int(out, generation_to + _ONE, record[i])
        at = _put_decimal(out, _put(out, record_to, _POINT), lon[i], 9)
        out[at] = 44
        at = _put_decimal(out, at + _ONE, lat[i], 9)
        at = _put_again(out, _put(out, at, _COLLAR), collar_from, collar_to)
        at = _put_again(out, _put(out, at, _GENERATION), collar_to + _ONE, generation_to)
        at = _put_again(out, _put(out, at, _RECORD), generation_to + _ONE, record_to)
        begin = _put(out, at, _TIME)
        if i and time_us[i] == time_us[i - 1]:  # as when a herd's collars wake together
            at = _put_again(out, begin, time_from, time_to)
        else:
            at = _put_time(out, begin, time_us[i])
        time_from, time_to = begin, at
        at = _put(out, at, _ANIMAL)
        at = _put_int(out, at, animal[i]) if animal[i] else _put(out, at, _NULL)
        at = _put_decimal(out, _put(out, at, _ACCURACY), accuracy_m[i], 3)
        at = _put_decimal(out, _put(out, at, _ALTITUDE), altitude_m[i], 3)
        at = _put(out, at, _REASON)
        if 0 <= reason[i] < reason_ends.size:
            text_from = reason_ends[reason[i] - 1] if reason[i] else 0
            at = _put(out, at, reasons[text_from : reason_ends[reason[i]]])
        else:
            at = _put(out, at, _NULL)
        hidden = outlier[i] & 8 == 0 and outlier[i] & 7 != 0
        at = _put(out, _put(out, at, _VISIBLE), _FALSE if hidden else _TRUE)
        at = _put(out, at, _PRECISION)
        if cells_per_degree[i]:
            at = _put_decimal(out, at, 1.0 / cells_per_degree[i], 5)
        else:
            at = _put(out, at, _STORED)
        if name_sizes.size:
            at = _put(out, at, _NAME)
            if name_sizes[i] < 0:
                at = _put(out, at, _NULL)
            else:
                at = _put_string(out, at, names[named : named + name_sizes[i]])
                named += name_sizes[i]
        out[at] = 125
        out[at + _ONE] = 125
        at += _U(2)
    return int(at)
