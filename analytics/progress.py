"""What a run tells people: how far it is, what it left out, why it ended."""

import sys
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console

    from analytics.track_file import TrackFile

_WIDE = 240  # columns where there is no terminal: nobody looks at them through a window
_QUIET_S = 10.0  # between lines where there is no terminal


class Progress:
    """Counts finished jobs for people.

    Args:
        console: where to; its being a terminal decides the form.
        total: number of jobs.
        what: what they are, in the plural.
    """

    def __init__(self, console: "Console", total: int, what: str = "home ranges") -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._console = console
        self._total = total
        self._what = what
        self._done = 0
        self._said_s = time.monotonic()
        self._bar = Progress(
            TextColumn(what),
            BarColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f}"),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def step(self, name: str) -> None:
        """Counts one more.

        Args:
            name: what was finished.
        """
        self._done += 1
        self._bar.update(self._task, advance=1, description=name)
        now = time.monotonic()
        last = self._done == self._total
        if not self._console.is_terminal and (last or now - self._said_s >= _QUIET_S):
            self._said_s = now
            self._console.print(f"{self._done} of {self._total} {self._what}")


def console() -> "Console":
    """Returns where lines for people go."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _WIDE, soft_wrap=True)


def say_left_out(out: "Console", file: "TrackFile") -> None:
    """Says where the tracks lie, and which rows and animals of a file were not used, and why.

    Swapped columns of less than 90 degrees show in nothing but the place.
    """
    first = file.animals[0]
    if first.track.projection is not None:
        at = first.track.projection.inverse(first.track.x_m[0], first.track.y_m[0])
        lat, lon = float(at[0]), float(at[1])
        place = f"{abs(lat):.2f}° {'NS'[lat < 0]}, {abs(lon):.2f}° {'EW'[lon < 0]}"
        out.print(f"{first.animal} begins at {place}", highlight=False, markup=False)
    for animal in file.animals:
        if animal.left_out:
            reasons = ", ".join(f"{count} {reason}" for reason, count in animal.left_out.items())
            out.print(f"{animal.animal}: left out: {reasons}", highlight=False, markup=False)
    for name, reason in file.refused.items():
        out.print(f"{name}: not used: {reason}", highlight=False, markup=False)


def fail(message: str) -> int:
    """Says what went wrong and returns the exit code for it."""
    print(f"capra: {message.strip()}", file=sys.stderr)
    return 1
