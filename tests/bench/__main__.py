"""Run the benchmarks of a subject: `python -m tests.bench NAME [ROOM ...]`.

A subject gathers the modules `tests/bench/NAME_ROOM.py`. Each offers `figures()`: rows of figure,
value, unit, bar, holds and input, peers measured beside ours in the same run. The table goes to
the terminal, the rows to `build/bench/NAME.json`. The word `quick` among the rooms asks for less
work where a subject offers it: `figures(quick=True)`.
"""

import argparse
import importlib
import inspect
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

_HERE = Path(__file__).parent
_OUT = _HERE.parent.parent / "build" / "bench"


def rooms(name: str) -> list[str]:
    """The rooms that have benchmarks of this subject."""
    return sorted(path.stem.removeprefix(f"{name}_") for path in _HERE.glob(f"{name}_*.py"))


def print_rows(console: Console, title: str, rows: list[dict]) -> None:
    """Print one row per figure."""
    table = Table(title=title)
    for heading in ("figure", "value", "unit", "bar", "holds", "input"):
        table.add_column(heading, justify="right" if heading == "value" else "left")
    for row in rows:
        holds = "-" if row["bar"] in (None, "") else "yes" if row["holds"] else "[red]no[/]"
        value = f"{row['value']:.4g}"
        table.add_row(row["figure"], value, row["unit"], row["bar"] or "", holds, row["input"])
    console.print(table)


def main(argv: list[str] | None = None) -> int:
    """Run the rooms asked for, all by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("name", help="the subject, such as analytics")
    parser.add_argument("rooms", nargs="*", help="only these rooms (default: all)")
    args = parser.parse_args(argv)
    known = rooms(args.name)
    quick = "quick" in args.rooms
    args.rooms = [room for room in args.rooms if room != "quick"]
    if not known or set(args.rooms) - set(known):
        parser.error(f"rooms of {args.name!r}: {', '.join(known) or 'none'}")
    # a pipe has no width of its own: rows stay rows
    console = Console(width=None if sys.stdout.isatty() else 180)
    gathered: list[dict] = []
    for room in args.rooms or known:
        console.print(f"{args.name}: {room} ...")
        figures = importlib.import_module(f"tests.bench.{args.name}_{room}").figures
        offered = quick and "quick" in inspect.signature(figures).parameters
        rows = figures(quick=True) if offered else figures()
        print_rows(console, room, rows)
        gathered += rows
    _OUT.mkdir(parents=True, exist_ok=True)
    out = _OUT / f"{args.name}.json"
    out.write_text(json.dumps(gathered, indent=1))
    missed = [row["figure"] for row in gathered if row["bar"] and not row["holds"]]
    console.print(f"wrote {out}; {len(gathered)} figures, {len(missed)} miss their bar")
    return 0


if __name__ == "__main__":
    sys.exit(main())
