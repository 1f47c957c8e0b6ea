"""The collar's settings: one table, and their copy in FRAM.

To add one: a line at the end of the table; an older copy in FRAM then gives its default. A collar
without a copy, or with a damaged one, runs on the defaults.

    ConfigError(ValueError)   an unknown name, or a value outside its limits
"""

import struct

from ._typing import TYPE_CHECKING
from .layout import ADDRESS_SETTINGS
from .store import Pair

if TYPE_CHECKING:
    from .board import Fram

#: name (its unit at the end), least, most, default.
TABLE = (
    ("fix_interval_min_s", 60, 604800, 900),
    ("fix_interval_max_s", 60, 2592000, 604800),
    ("gnss_timeout_s", 10, 600, 120),
    ("accuracy_limit_m", 5, 1000, 50),
    ("pdop_limit_tenths", 10, 500, 60),
    ("send_records", 1, 64, 8),  # send when so many wait
    ("send_age_s", 60, 604800, 43200),  # or when the oldest has waited so long
    ("status_interval_s", 3600, 604800, 86400),
    ("send_age_max_s", 3600, 2592000, 604800),  # or so long, if the budget is small
    ("target_permille", 0, 1000, 370),  # of the full storage
    ("horizon_days", 1, 365, 20),  # to bring the storage to the target
    ("reserve_days", 0, 365, 90),  # of sleep, never spent on tasks
    ("income_days", 1, 60, 5),  # memory of the learned income
    ("tx_power_dbm", 0, 14, 14),
    ("wake_max_s", 600, 21600, 21600),
    ("margin_mv", 0, 500, 30),  # above the brown-out line, under load
    ("year_least", 1980, 2099, 2025),  # a receiver that says an earlier one has the week wrong
    ("group_interval_s", 300, 21600, 1800),  # between the fixes of a group; slots of UTC
    ("group_fixes", 1, 16, 9),  # most in a group; fewer spread them over more time
    ("grid_h", 0, 720, 0),  # of the backbone, 0 as the budget allows
    ("mortality_s", 3600, 1209600, 86400),  # still so long is dead
)
_ROOM = 64  # settings the block in FRAM has room for
_UNSET = 0xFFFFFFFF
_SEED = 0x1D04


class ConfigError(ValueError):
    """A setting that does not exist or a value it cannot have."""


class Settings:
    """All settings as attributes, valid from the start.

    Raises:
        ConfigError: an unknown name, or a value outside its limits.
    """

    fix_interval_min_s: int
    fix_interval_max_s: int
    gnss_timeout_s: int
    accuracy_limit_m: int
    pdop_limit_tenths: int
    send_records: int
    send_age_s: int
    status_interval_s: int
    target_permille: int
    horizon_days: int
    reserve_days: int
    income_days: int
    tx_power_dbm: int
    wake_max_s: int
    margin_mv: int
    year_least: int
    send_age_max_s: int
    group_interval_s: int
    group_fixes: int
    grid_h: int
    mortality_s: int

    def __init__(self, **values: int) -> None:
        for name, least, most, default in TABLE:
            value = values.pop(name, default)
            if not least <= value <= most:
                raise ConfigError("%s is %r, expected %d..%d" % (name, value, least, most))
            setattr(self, name, value)
        for name in values:
            raise ConfigError("setting %r does not exist" % (name,))


def store(fram: "Fram", settings: Settings) -> None:
    """Keep `settings` in FRAM, all of them or none."""
    values = [getattr(settings, row[0]) for row in TABLE]
    values += [_UNSET] * (_ROOM - len(values))
    _pair(fram).store(struct.pack("<%dI" % _ROOM, *values))


def load(fram: "Fram") -> Settings:
    """Return the settings kept in FRAM; a default for each that is not kept or not valid."""
    data = _pair(fram).load()
    if data is None:
        return Settings()
    kept = struct.unpack("<%dI" % _ROOM, data)
    values = {}
    for i, (name, least, most, _) in enumerate(TABLE):
        if least <= kept[i] <= most:
            values[name] = kept[i]
    return Settings(**values)


def apply(fram: "Fram", changes: "list[tuple[int, int]]") -> None:
    """Change settings, given by their number in the table, all of them or none.

    Raises:
        ConfigError: a number or a value that does not exist.
    """
    settings = load(fram)
    values = {row[0]: getattr(settings, row[0]) for row in TABLE}
    for number, value in changes:
        if number >= len(TABLE):
            raise ConfigError(
                "setting %d does not exist, expected 0..%d" % (number, len(TABLE) - 1)
            )
        values[TABLE[number][0]] = value
    store(fram, Settings(**values))


def _pair(fram: "Fram") -> Pair:
    return Pair(fram, ADDRESS_SETTINGS, 4 * _ROOM, _SEED)
