"""What a station is told at its start: checked once, then passed down."""

import argparse
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path

from ground_station.errors import SettingsError

CLOCKS = ("system", "bridge")
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

    def __post_init__(self) -> None:
        faults = []
        if not self.port:
            faults.append("port is empty, expected a path or URL")
        if not _NAME.fullmatch(self.station):
            faults.append(
                f"station name {self.station!r}: expected 1 to 64 letters, digits or one of . _ -"
            )
        if self.clock not in CLOCKS:
            faults.append(f"clock {self.clock!r}: expected one of {', '.join(CLOCKS)}")
        if faults:
            raise SettingsError("; ".join(faults))


def from_arguments(args: argparse.Namespace) -> Settings:
    """Build the settings of `station run` from its arguments and CAPRA_DATABASE_URL.

    Raises:
        SettingsError: a value cannot be used.
    """
    return Settings(
        port=args.port,
        keys=args.keys,
        spool=args.spool,
        station=args.station or socket.gethostname(),
        database=args.database or os.environ.get("CAPRA_DATABASE_URL") or None,
        clock=args.clock,
        load=not args.no_load,
    )
