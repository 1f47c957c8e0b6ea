"""What a run of the chain leaves behind for people: the closing table, and the same as JSON."""

import json
import resource
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from hardware.chain.verify import Taken


@dataclass(frozen=True)
class CollarOutcome:
    """One row of the closing table.

    Attributes:
        collar: the collar's number.
        animal: the animal's name.
        fixes_taken: fixes in the collar's own log.
        fixes_delivered: of these, acknowledged by the station as far as the collar knows.
        fixes_loaded: of these, in the database.
        joules_in: generated and stored [J].
        joules_out: spent, leaked and lost in conversion [J].
        joules_stored: what the storage holds at the end beyond what it held at the start [J].
        brown_outs: times the supply failed under load.
        area_km2: area of the 95 % kernel home range [km2]; None: too few fixes for one.
        noise_bound_m: no fix of the twin's receiver is further from the animal than this [m].
        faults: what is wrong with the records in the database, one line each.
        taken: every record of the collar's log.
    """

    collar: int
    animal: str
    fixes_taken: int
    fixes_delivered: int
    fixes_loaded: int
    joules_in: float
    joules_out: float
    joules_stored: float
    brown_outs: int
    area_km2: float | None
    noise_bound_m: float
    faults: list[str]
    taken: list[Taken]


def print_table(console: Console, outcomes: list[CollarOutcome], days: float) -> None:
    """Print one row per collar, and below it every fault."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("\ncollar", justify="right", no_wrap=True)
    table.add_column("\nanimal", overflow="fold")
    for heading in (
        "fixes\ntaken",
        "deliv-\nered",
        "in data-\nbase",
        "joules\nin",
        "joules\nout",
        "change\nof store",
        "brown-\nouts",
        "95 % area\nkm2",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for outcome in outcomes:
        table.add_row(
            str(outcome.collar),
            outcome.animal,
            str(outcome.fixes_taken),
            str(outcome.fixes_delivered),
            str(outcome.fixes_loaded),
            f"{outcome.joules_in:.1f}",
            f"{outcome.joules_out:.1f}",
            f"{outcome.joules_stored:+.1f}",
            str(outcome.brown_outs),
            "-" if outcome.area_km2 is None else f"{outcome.area_km2:.2f}",
        )
    console.print(f"\n{days:.0f} days, from the moving animal to the database:")
    console.print(table)
    for outcome in outcomes:
        for fault in outcome.faults:
            console.print(f"[bold red]collar {outcome.collar}:[/] {fault}")


def write_json(path: Path, outcomes: list[CollarOutcome]) -> None:
    """Write the outcomes, each collar's log included, for other programs."""
    rows = [
        asdict(outcome) | {"taken": [record._asdict() for record in outcome.taken]}
        for outcome in outcomes
    ]
    path.write_text(json.dumps(rows, indent=1))


def peak_memory_mb() -> tuple[float, float]:
    """Largest resident size [MB] of this process, and of the largest process it started."""
    kilobytes = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    own, children = (value / 1024 for value in kilobytes)
    return own, children
