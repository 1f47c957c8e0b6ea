"""What a station is told at its start: checked once, then passed down."""

import argparse
import math
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.db.address import check
from backend.db.errors import BadAddress
from firmware.wire import region
from firmware.wire.errors import WireError
from ground_station import config
from ground_station.errors import SettingsError

CLOCKS = ("system", "bridge")
_FIELDS = (
    "port", "keys", "spool", "station", "database", "clock", "load", "tx_power_dbm",
    "antenna_gain_dbi", "metrics", "region",
)  # fmt: skip
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}")
_NAME = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a running station needs to know."""

    port: str
    """Device path, /dev/serial/by-id/... or pyserial URL of the bridge"""
    keys: Path
    spool: Path
    station: str
    """Name of this station in the database"""
    database: str | None = None
    """libpq URL or DSN; None: the embedded server"""
    clock: str = "system"
    """One of CLOCKS"""
    load: bool = True
    """Whether this process loads the database"""
    drain_s: float = 60.0
    """Longest time for loading what waits when the station is stopped [s]"""
    keep_days: int = 400
    """How long loaded frames stay in the spool [days]"""
    tx_power_dbm: int = 22
    """What the bridge, its amplifier included, feeds to the antenna"""
    antenna_gain_dbi: float = 2.0
    """Of the bridge's antenna over the isotropic radiator, cable loss taken off"""
    region: str = "EU868"
    """Whose radio rules are in force: a name of firmware.wire.region"""
    receivers: tuple[Mapping[str, object], ...] = ()
    """Tables of receivers (ground_station.receivers); without any, the bridge at `port`"""
    metrics: str = ""
    """ADDRESS:PORT to serve Prometheus metrics at; empty: none"""

    def tables(self) -> tuple[Mapping[str, object], ...]:
        """Return the tables of all receivers."""
        bridge = {"kind": "bridge", "port": self.port, "antenna_gain_dbi": self.antenna_gain_dbi}
        return self.receivers or (bridge,)

    def __post_init__(self) -> None:
        faults = []
        if not self.port and not self.receivers:
            faults.append("port is empty, expected a path or URL")
        if not _NAME.fullmatch(self.station):
            faults.append(
                f"station name {self.station!r}: expected 1 to 64 letters, digits or one of . _ -"
            )
        if self.clock not in CLOCKS:
            faults.append(f"clock {self.clock!r}: expected one of {', '.join(CLOCKS)}")
        if self.database and self.load:
            faults += _address_faults(self.database)
        if self.metrics and not _ADDRESS.fullmatch(self.metrics):
            faults.append(f"metrics is {self.metrics!r}, expected ADDRESS:PORT as 127.0.0.1:9745")
        if self.region in region.NUMBERS:
            region.use(region.NUMBERS[self.region])
            faults += _power_faults(self.tx_power_dbm, self.antenna_gain_dbi)
        else:
            expected = ", ".join(region.NUMBERS)
            faults.append(f"region is {self.region!r}, expected one of {expected}")
        if faults:
            raise SettingsError("; ".join(faults))


def _address_faults(database: str) -> list[str]:
    """Return what is wrong with a database URL that can never work, without a value of it."""
    try:
        check(database)
    except BadAddress as error:
        return [str(error)]
    return []


def _power_faults(tx_power_dbm: int, antenna_gain_dbi: float) -> list[str]:
    """Return what is wrong with a power and an antenna; nothing if the law lets them be used."""
    given = f"transmit power {tx_power_dbm} dBm into an antenna of {antenna_gain_dbi:g} dBi"
    if not math.isfinite(antenna_gain_dbi):
        return [f"{given}: expected a number"]
    channel = region.ACK_CHANNEL
    gain_cdbi = math.ceil(round(100 * antenna_gain_dbi, 6))  # never rounded beyond the law
    try:
        region.check_power(channel.freq_hz, channel.bw_hz, tx_power_dbm, gain_cdbi)
    except WireError as error:
        return [f"{given}: {error}"]
    return []


def from_arguments(args: argparse.Namespace) -> Settings:
    """Build the settings of a running station: its arguments, over its file, over the defaults.

    Raises:
        SettingsError: a value cannot be used, or one is missing.
    """
    values: dict[str, Any] = {} if args.config is None else config.read(args.config)
    given = {key: getattr(args, key, None) for key in (*_FIELDS, "receivers")}
    values |= {key: value for key, value in given.items() if value is not None}
    for key in ("keys", "spool"):
        if key not in values:
            raise SettingsError(f"{key} is missing: expected --{key} FILE, or {key} in --config")
    if not values.get("port") and not values.get("receivers"):
        raise SettingsError("port is missing: expected --port PORT, or [[receiver]] in --config")
    values.setdefault("port", "")
    values["station"] = values.get("station") or socket.gethostname()
    values["database"] = values.get("database") or os.environ.get("CAPRA_DATABASE_URL") or None
    return Settings(**values)
