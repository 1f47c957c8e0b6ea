"""One receiver's settings table, read key by key; all its faults are told at once."""

from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path

from ground_station.errors import SettingsError


class Table:
    """A table of settings, as TOML gives it.

    Each reader returns the value of a key, its default where the key is missing, and notes a fault
    otherwise; `done` raises what was noted, unknown keys included.

    Args:
        values: keys and values.
        name: how faults call the table.
    """

    def __init__(self, values: Mapping[str, object], name: str = "receiver") -> None:
        self._values = dict(values)
        self._name = name
        self._known: set[str] = set()
        self._faults: list[str] = []

    def text(self, key: str, default: str | None = None, expected: str = "a text") -> str:
        """Return a text that is not empty; without a default the key is required."""
        value = self._take(key, default)
        if isinstance(value, str) and value:
            return value
        self._refuse(key, value, expected)
        return ""

    def optional_text(self, key: str) -> str | None:
        """Return a text, which may be empty; None where the key is missing."""
        value = self._take(key, None)
        if value is None or isinstance(value, str):
            return value
        self._refuse(key, value, "a text")
        return None

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """Return one of some words."""
        value = self._take(key, default)
        if isinstance(value, str) and value in choices:
            return value
        self._refuse(key, value, f"one of {', '.join(choices)}")
        return choices[0]

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """Return an integer within limits."""
        value = self._take(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self._refuse(key, value, f"an integer from {low} to {high}")
        return low

    def number(self, key: str, low: float, high: float, default: float | None = None) -> float:
        """Return a number within limits."""
        value = self._take(key, default)
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        self._refuse(key, value, f"a number from {low:g} to {high:g}")
        return low

    def flag(self, key: str, default: bool) -> bool:
        """Return true or false."""
        value = self._take(key, default)
        if isinstance(value, bool):
            return value
        self._refuse(key, value, "true or false")
        return default

    def path(self, key: str) -> Path | None:
        """Return a path, None where the key is missing."""
        value = self._take(key, "")
        if isinstance(value, str):
            return Path(value) if value else None
        self._refuse(key, value, "a path")
        return None

    def hexadecimal(self, key: str, digits: int = 16) -> str | None:
        """Return hexadecimal digits in small letters, None where the key is missing."""
        if key not in self._values:
            self._known.add(key)
            return None
        value = self._take(key, None)
        if isinstance(value, str) and _is_hexadecimal(value, digits):
            return value.lower()
        self._refuse(key, value, f"{digits} hexadecimal digits")
        return None

    def hexadecimals(self, key: str, digits: int = 16) -> frozenset[str]:
        """Return a list of hexadecimal numbers in small letters, empty where it is missing."""
        value = self._take(key, ())
        if isinstance(value, list | tuple) and all(
            isinstance(one, str) and _is_hexadecimal(one, digits) for one in value
        ):
            return frozenset(one.lower() for one in value)
        self._refuse(key, value, f"a list of {digits} hexadecimal digits each")
        return frozenset()

    def address(self, key: str, default: str) -> tuple[str, int]:
        """Return IP address and port of an `ADDRESS:PORT`."""
        value = self._take(key, default)
        if isinstance(value, str):
            host, _, port = value.rpartition(":")
            try:
                ip_address(host.strip("[]"))
                number = int(port)
            except ValueError:
                number = -1
            if 0 <= number <= 0xFFFF:
                return host.strip("[]"), number
        self._refuse(key, value, f"ADDRESS:PORT such as {default}")
        return "", 0

    def refuse(self, key: str, expected: str) -> None:
        """Note that the value of a key that was read cannot be used."""
        self._refuse(key, self._values.get(key), expected)

    def done(self) -> None:
        """Raise what was noted.

        Raises:
            SettingsError: a value cannot be used, is missing, or has a key nobody knows.
        """
        known = ", ".join(sorted(self._known))
        for key in self._values:
            if key not in self._known:
                self._faults.append(f"{self._name}.{key} is not known, expected {known}")
        if self._faults:
            raise SettingsError("; ".join(self._faults))

    def _take(self, key: str, default: object) -> object:
        self._known.add(key)
        return self._values.get(key, default)

    def _refuse(self, key: str, value: object, expected: str) -> None:
        if value is None:
            self._faults.append(f"{self._name}.{key} is missing, expected {expected}")
        else:
            self._faults.append(f"{self._name}.{key} is {value!r}, expected {expected}")


def _is_hexadecimal(text: str, digits: int) -> bool:
    return len(text) == digits and all(one in "0123456789abcdefABCDEF" for one in text)
