"""The processor's calendar clock as Unix seconds, with a mark that says it was set.

The mark lives in a backup register, which loses power together with the clock.
"""

from ..civil import civil_from_unix, unix_from_civil

_MARK = 0x43617072


class Rtc:
    """Calendar clock behind three functions.

    Args:
        datetime: `machine.RTC().datetime`: returns, or with an argument sets, the tuple (year,
            month, day, weekday 1..7, hour, minute, second, subsecond).
        read_mark: returns the backup register.
        write_mark: writes it.
    """

    def __init__(self, datetime, read_mark, write_mark) -> None:  # type: ignore[no-untyped-def]
        self._datetime = datetime
        self._read_mark = read_mark
        self._write_mark = write_mark

    def now_s(self) -> int:
        """Return Unix seconds; without meaning while `valid()` is False."""
        year, month, day, _, hour, minute, second, _ = self._datetime()
        return unix_from_civil(year, month, day, hour, minute, second)

    def valid(self) -> bool:
        """Return whether the clock was set since it last lost power."""
        return bool(self._read_mark() == _MARK)

    def set_s(self, unix_s: int) -> None:
        """Set the clock; a reset on the way leaves it not valid."""
        year, month, day, weekday, hour, minute, second = civil_from_unix(unix_s)
        self._write_mark(0)
        self._datetime((year, month, day, weekday + 1, hour, minute, second, 0))
        self._write_mark(_MARK)
