"""Calendar dates and Unix seconds, both ways, in integers (proleptic Gregorian, UTC).

Source: the day count from a March-based year, as in Howard Hinnant's "chrono-compatible low-level
date algorithms" (days_from_civil, civil_from_days).
"""


def unix_from_civil(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    """Return Unix seconds of a UTC date and time; fields are not checked."""
    if month <= 2:
        year -= 1
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    days = year * 365 + year // 4 - year // 100 + year // 400 + day_of_year - 719468
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def civil_from_unix(unix_s: int) -> "tuple[int, int, int, int, int, int, int]":
    """Return (year, month, day, weekday, hour, minute, second); weekday 0 is Monday."""
    days, rest = divmod(unix_s, 86400)
    weekday = (days + 3) % 7
    days += 719468
    era, of_era = divmod(days, 146097)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += era * 400 + (1 if month <= 2 else 0)
    return year, month, day, weekday, rest // 3600, rest // 60 % 60, rest % 60
