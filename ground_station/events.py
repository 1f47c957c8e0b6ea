"""One line per event on standard error, `what happened key=value ...`.

Lines never hold a position or a key. Whatever a stranger's transmitter can provoke goes through a
`Throttle`, so that a flood of foreign frames does not fill a disk.
"""

import json
import re
import sys
import time
from collections.abc import Callable, Hashable

_PLAIN = re.compile(r"[\w.:/+@%-]+")
_MEMORY = 512


def format_line(event: str, **fields: object) -> str:
    """Return the line of an event; values that are not one plain word are quoted as in JSON."""
    return " ".join([event, *(f"{name}={_word(value)}" for name, value in fields.items())])


def log(event: str, **fields: object) -> None:
    """Write the line of an event to standard error at once."""
    print(format_line(event, **fields), file=sys.stderr, flush=True)


class Throttle:
    """Writes the first line of each kind at once, and the same kind again only after a pause.

    The next line that is written tells how many like it were `suppressed`.

    Args:
        pause_s: least time between two lines of one kind [s].
        clock: monotonic seconds.
        write: takes an event and its fields.
    """

    def __init__(
        self,
        pause_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        write: Callable[..., None] = log,
    ) -> None:
        self._pause_s = pause_s
        self._clock = clock
        self._write = write
        self._seen: dict[Hashable, tuple[float, int]] = {}

    def log(self, kind: Hashable, event: str, **fields: object) -> None:
        """Write the event unless one of the same kind was written within the pause."""
        now = self._clock()
        last, suppressed = self._seen.get(kind, (now - self._pause_s, 0))
        if now - last < self._pause_s:
            self._seen[kind] = (last, suppressed + 1)
            return
        if len(self._seen) >= _MEMORY:  # kinds come from the air: never let them grow for ever
            self._seen.clear()
        self._seen[kind] = (now, 0)
        extra = {"suppressed": suppressed} if suppressed else {}
        self._write(event, **fields, **extra)


def _word(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
