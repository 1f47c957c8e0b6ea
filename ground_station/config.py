"""The station's configuration: one TOML file. `capra station config` prints it with every key."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ground_station.errors import SettingsError


class Key(NamedTuple):
    """One key of the file."""

    name: str
    example: object
    """Its default; an example for one that has none"""
    meaning: str
    required: bool = False


KEYS = (
    Key("keys", "/etc/capra/keys.json", "The collars' keys, mode 0600.", True),
    Key("spool", "/var/lib/capra/spool.sqlite", "What was heard; made if there is none.", True),
    Key("station", "hut", "Name in the database; without it this host's name."),
    Key(
        "database", "postgresql://capra@server/capra",
        "PostgreSQL to load; without it CAPRA_DATABASE_URL, else the embedded server. A password "
        "belongs into the file that PGPASSFILE names.",
    ),
    Key("load", True, "false: only hear and spool; load no database."),
    Key("clock", "system", "Whose UTC to believe: system or bridge."),
    Key("drain_s", 60.0, "Longest time for loading what waits when the station is stopped [s]."),
    Key("keep_days", 400, "How long loaded frames stay in the spool [days]."),
    Key("tx_power_dbm", 22, "What the transmitter feeds to its antenna [dBm]."),
    Key("antenna_gain_dbi", 2.0, "Gain of that antenna less the loss of its cable [dBi]."),
    Key("region", "EU868", "Whose radio rules are in force: EU868, US915, AS923 or IN865."),
    Key("metrics", "", "ADDRESS:PORT to serve Prometheus metrics at, as 127.0.0.1:9745."),
)  # fmt: skip

_RECEIVERS = """
# One table for each receiver. Kinds and their keys:
{kinds}
[[receiver]]
kind = "bridge"
port = "/dev/serial/by-id/usb-Capra_bridge-if00"
"""


def default_text() -> str:
    """Return a configuration with every key, its default and its meaning."""
    from ground_station import receivers

    lines = ["# A ground station of Capra. Keys that are commented out show their default."]
    for key in KEYS:
        value = _toml(key.example)
        lines += ["", f"# {key.meaning}", f"{'' if key.required else '# '}{key.name} = {value}"]
    described = (receivers.__doc__ or "").split("\n\n")[1].splitlines()
    kinds = "\n".join(f"#{line}" for line in described)
    return "\n".join(lines) + "\n" + _RECEIVERS.format(kinds=kinds)


def read(path: Path) -> dict[str, Any]:
    """Return the values of a configuration file, `receivers` among them.

    Raises:
        SettingsError: it cannot be read, or is no TOML, or has a key nobody knows or a value of
            the wrong kind; all of these are named.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"configuration {path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"configuration {path}: not TOML: {error}") from error
    tables = found.pop("receiver", [])
    faults = []
    if not isinstance(tables, list) or not all(isinstance(one, Mapping) for one in tables):
        faults.append("receiver: expected tables [[receiver]]")
    known = {key.name: key for key in KEYS}
    for name, value in found.items():
        if name not in known:
            faults.append(f"{name} is not known, expected {', '.join(known)}, [[receiver]]")
        elif not _fits(value, known[name].example):
            kind = type(known[name].example).__name__
            faults.append(f"{name} is {value!r}, expected a {_WORDS[kind]}")
    if faults:
        raise SettingsError(f"configuration {path}: {'; '.join(faults)}")
    values: dict[str, Any] = {**found, "receivers": tuple(tables)}
    for name in ("keys", "spool"):
        if name in values:
            values[name] = Path(values[name])
    return values


_WORDS = {"str": "text", "bool": "true or false", "int": "whole number", "float": "number"}


def _fits(value: object, example: object) -> bool:
    if isinstance(example, bool) or isinstance(value, bool):
        return isinstance(example, bool) and isinstance(value, bool)
    if isinstance(example, float):
        return isinstance(value, int | float)
    return isinstance(value, type(example))


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
