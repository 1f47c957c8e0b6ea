"""The collar's settings: one table, the fences, and their copy in FRAM.

To add one: a line at the end of the table; an older copy in FRAM then gives its default. A collar
without a copy, or with a damaged one, runs on the defaults. The position in the table is the
setting's number in orders. From 64 on numbers are fences: 64 + 33 f is the count of vertices of
fence f (0: no fence), followed by latitude and longitude [1e-5 degrees] of each.

An order is applied whole or not at all. The fences lie in a block of their own, twice, told apart
by an even or odd version; the new one is written to the place not in use, and comes into force
together with the settings that name its version. Settings under which no wake has ever been
completed are rolled back (`roll_back`) when wakes keep breaking, and such under which no station
has ever answered when none does (wake.py).

    ConfigError(ValueError)   a value outside its limits: `.name`, `.value`, `.limits`
    └── UnknownSetting        a name or number that does not exist
"""

import struct

from ._typing import TYPE_CHECKING
from .layout import ADDRESS_FENCES, ADDRESS_SETTINGS
from .store import Pair
from .wire.crc import crc16

if TYPE_CHECKING:
    from .board import Fram

#: name (its unit at the end), least, most, default, what it is.
TABLE = (
    ("fix_interval_min_s", 60, 604800, 900, "no two searches closer together"),
    ("fix_interval_max_s", 60, 2592000, 2592000, "a fix at least so often, if it can be paid"),
    ("gnss_timeout_s", 10, 600, 120, "longest search"),
    ("accuracy_limit_m", 5, 1000, 50, "of a fix, 68 %"),
    ("pdop_limit_tenths", 10, 500, 60, "of a fix, 0.1"),
    ("send_records", 1, 64, 8, "send when so many wait"),
    ("send_age_s", 60, 604800, 43200, "or when the oldest has waited so long"),
    ("status_interval_s", 3600, 604800, 86400, "between status records"),
    ("send_age_max_s", 3600, 2592000, 604800, "longest pause a small budget makes of send_age_s"),
    ("target_permille", 0, 1000, 270, "charge to hold, of the full storage; less leaks less"),
    ("horizon_days", 1, 365, 20, "to bring the storage to the target"),
    ("reserve_days", 10, 365, 90, "of sleep, that only alarms may touch"),
    ("income_days", 1, 60, 5, "memory of the learned income"),
    ("tx_power_dbm", 0, 14, 14, "of the radio"),
    ("wake_max_s", 600, 21600, 21600, "longest sleep"),
    ("margin_mv", 0, 500, 30, "above the brown-out line, under load"),
    ("year_least", 1980, 2099, 2025, "a receiver that says an earlier one has the week wrong"),
    ("group_interval_s", 300, 21600, 1800, "between the fixes of a group"),
    ("group_fixes", 1, 16, 9, "most fixes in a group; fewer spread them over more time"),
    ("grid_h", 0, 720, 0, "hours between the fixes of the backbone; 0: as the budget allows"),
    ("mortality_s", 3600, 1209600, 86400, "still so long is dead"),
    ("activity_interval_s", 1800, 604800, 21600, "between activity records"),
    ("motion_threshold_mg", 31, 1000, 62, "acceleration that counts as motion"),
    ("fence_margin_m", 0, 1000, 30, "so far over a fence to have crossed it"),
    ("region", 1, 4, 1, "radio rules: 1 EU868, 2 US915, 3 AS923, 4 IN865"),
    ("channel", 0, 9, 0, "of the region, to send on alone for a bridge of one radio; 0: all"),
    ("sf", 0, 12, 0, "spreading factor to send with alone, likewise; 0: as the link needs"),
    ("spread_permille", 0, 9000, 50, "fixes may cost so much more one by one than in groups"),
)
YEAR_LEAST = 16  # its number
#: With one of these wrong no station hears the collar.
OF_THE_LINK = ("tx_power_dbm", "region", "channel", "sf")
_ROOM = 64  # words of the block in FRAM: settings, the order they come from, the two versions
_ORDER, _VERSION, _FENCE_VERSION = 61, 62, 63
_UNSET = 0xFFFFFFFF
_SEED = 0x1D04

FENCES, VERTICES = 4, 16
FIRST_FENCE = 64
_PER_FENCE = 1 + 2 * VERTICES
_FENCE_VALUES = FENCES * _PER_FENCE
_FENCE_FORMAT = "<%di" % _FENCE_VALUES
_FENCE_BYTES = 4 * _FENCE_VALUES
_FENCE_STRIDE = _FENCE_BYTES + 6
_FENCE_SEED = 0x1D05
_LAT_MOST_E5, _LON_MOST_E5 = 9000000, 36000000


class ConfigError(ValueError):
    """A value a setting cannot have."""

    def __init__(self, name: str, value: int, limits: str, text: str = "") -> None:
        super().__init__(text or "%s is %r, expected %s" % (name, value, limits))
        self.name, self.value, self.limits = name, value, limits


class UnknownSetting(ConfigError):
    """A setting that does not exist."""

    def __init__(self, name: "str | int") -> None:
        super().__init__(str(name), 0, "", "setting %r does not exist" % (name,))


class Settings:
    """All settings as attributes, valid from the start.

    Attributes:
        version: of the configuration, 0 for one that no order has changed.
        order: sequence of the order that made it, 0 for none.

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
    send_age_max_s: int
    target_permille: int
    horizon_days: int
    reserve_days: int
    income_days: int
    tx_power_dbm: int
    wake_max_s: int
    margin_mv: int
    year_least: int
    region: int
    group_interval_s: int
    group_fixes: int
    grid_h: int
    mortality_s: int
    activity_interval_s: int
    motion_threshold_mg: int
    fence_margin_m: int
    channel: int
    spread_permille: int
    sf: int

    def __init__(self, **values: int) -> None:
        self.version = self.fence_version = self.order = 0
        for name, least, most, default, _ in TABLE:
            value = values.pop(name, default)
            if not least <= value <= most:
                raise ConfigError(name, value, "%d..%d" % (least, most))
            setattr(self, name, value)
        for name in values:
            raise UnknownSetting(name)


def store(fram: "Fram", settings: Settings) -> None:
    """Keep `settings` in FRAM, all of them or none."""
    values = [getattr(settings, row[0]) for row in TABLE]
    values += [_UNSET] * (_ORDER - len(values))
    values += [settings.order, settings.version, settings.fence_version]
    _pair(fram).store(struct.pack("<%dI" % _ROOM, *values))


def load(fram: "Fram") -> Settings:
    """Return the settings kept in FRAM; a default for each that is not kept or not valid."""
    data = _pair(fram).load()
    return Settings() if data is None else _unpack(data)


def earlier(fram: "Fram") -> "Settings | None":
    """Return the settings before the last change, None when there are none."""
    data = _pair(fram).previous()
    return None if data is None else _unpack(data)


def _unpack(data: bytes) -> Settings:
    kept = struct.unpack("<%dI" % _ROOM, data)
    values = {}
    for i in range(len(TABLE)):
        name, least, most = TABLE[i][:3]
        if least <= kept[i] <= most:
            values[name] = kept[i]
    settings = Settings(**values)
    settings.version, settings.fence_version = kept[_VERSION], kept[_FENCE_VERSION]
    settings.order = kept[_ORDER] if kept[_ORDER] != _UNSET else 0
    return settings


def apply(fram: "Fram", changes: "list[tuple[int, int]]", order: int = 0) -> None:
    """Change settings and fences by number, all of them or none; `order` is the order's sequence.

    Raises:
        ConfigError: a number that does not exist or a value outside its limits; nothing changes.
    """
    settings = load(fram)
    values = {row[0]: getattr(settings, row[0]) for row in TABLE}
    fences = None
    for number, value in changes:
        if 0 <= number < len(TABLE):
            values[TABLE[number][0]] = value
        elif 0 <= number - FIRST_FENCE < _FENCE_VALUES:
            if fences is None:
                fences = _fence_values(fram, settings)
            fences[number - FIRST_FENCE] = value
        else:
            raise UnknownSetting(number)
    new = Settings(**values)
    new.version, new.fence_version = settings.version + 1, settings.fence_version
    new.order = order
    if fences is not None:
        _check_fences(fences)
        new.fence_version += 1
        _store_fences(fram, new.fence_version, fences)
    if _pair(fram).load() is None:
        store(fram, settings)  # the defaults, to come back to
    store(fram, new)


def roll_back(fram: "Fram") -> bool:
    """Return to the settings before the last change; returns whether there were any."""
    return _pair(fram).undo()


def fence_of(number: int) -> int:
    """Return to which fence the value with this number in orders belongs."""
    return (number - FIRST_FENCE) // _PER_FENCE


def fences(fram: "Fram", settings: Settings) -> "list[list[tuple[int, int]]]":
    """Return the fences in force, each as (lat_e5, lon_e5) of its vertices; none: []."""
    if not settings.fence_version:
        return [[] for _ in range(FENCES)]
    values = _fence_values(fram, settings)
    found = []
    for first in range(0, _FENCE_VALUES, _PER_FENCE):
        count = values[first]
        rest = values[first + 1 : first + 1 + 2 * count]
        found.append([(rest[i], rest[i + 1]) for i in range(0, 2 * count, 2)])
    return found


def _fence_values(fram: "Fram", settings: Settings) -> "list[int]":
    """Return the fences in force as numbers; none when the block is damaged."""
    version = settings.fence_version
    data = fram.read(_fence_address(version), _FENCE_STRIDE)
    crc = struct.unpack_from("<H", data, _FENCE_BYTES + 4)[0]
    whole = crc16(data[: _FENCE_BYTES + 4], _FENCE_SEED) == crc
    if not version or not whole or struct.unpack_from("<I", data)[0] != version:
        return [0] * _FENCE_VALUES
    return list(struct.unpack_from(_FENCE_FORMAT, data, 4))


def _store_fences(fram: "Fram", version: int, values: "list[int]") -> None:
    """Write fences to the place not in use; the settings bring them into force."""
    data = struct.pack("<I", version) + struct.pack(_FENCE_FORMAT, *values)
    fram.write(_fence_address(version), data + struct.pack("<H", crc16(data, _FENCE_SEED)))


def _fence_address(version: int) -> int:
    return ADDRESS_FENCES + version % 2 * _FENCE_STRIDE


def _check_fences(values: "list[int]") -> None:
    for at in range(_FENCE_VALUES):
        fence, part = divmod(at, _PER_FENCE)
        value = values[at]
        if part == 0:
            if value and not 3 <= value <= VERTICES:
                raise ConfigError("fence %d vertices" % fence, value, "0, or 3..%d" % VERTICES)
            continue
        most = _LAT_MOST_E5 if part % 2 else _LON_MOST_E5
        if not -most <= value <= most:
            name = "fence %d %s_e5" % (fence, "lat" if part % 2 else "lon")
            raise ConfigError(name, value, "-%d..%d" % (most, most))


def _pair(fram: "Fram") -> Pair:
    return Pair(fram, ADDRESS_SETTINGS, 4 * _ROOM, _SEED)
