"""The station's totals: counters, kept in the spool, shown by `station status`."""

from threading import Lock


class Totals:
    """Counts by name; threads may share one.

    Args:
        start: totals to go on from.
    """

    def __init__(self, start: dict[str, int] | None = None) -> None:
        self._totals = dict(start or {})
        self._lock = Lock()

    def add(self, name: str, amount: int = 1) -> None:
        """Add to the total of a name."""
        with self._lock:
            self._totals[name] = self._totals.get(name, 0) + amount

    def get(self, name: str) -> int:
        """Return the total of a name, 0 for one never counted."""
        return self._totals.get(name, 0)

    def snapshot(self) -> dict[str, int]:
        """Return all totals as they are now."""
        with self._lock:
            return dict(self._totals)
