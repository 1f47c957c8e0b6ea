"""What the station hears, on a terminal, anew every two seconds."""

import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ground_station import inventory, report

_EVERY_S = 2.0


def watch(spool: Path, console: Console | None = None, turns: int | None = None) -> None:
    """Show the state of a spool until interrupted.

    Raises:
        SpoolError: there is no spool of this version.
    """
    with Live(render(report.read_status(spool)), console=console, auto_refresh=False) as view:
        while turns is None or turns > 0:
            view.update(render(report.read_status(spool)), refresh=True)
            time.sleep(_EVERY_S if turns is None else 0)
            turns = None if turns is None else turns - 1


def render(status: dict[str, Any]) -> Group:
    """Return the picture of a status."""
    table = Table(title=f"station {status['spool']}", title_justify="left")
    columns = ("collar", "last heard", "frames", "SNR dB", "records", "waiting", "not here")
    for name in columns:
        table.add_column(name, justify="right")
    for one in status["collars"]:
        cells = ("collar", "heard_at", "frames", "snr_db", "records_held", "waiting")
        said = one["inventory"]
        lost = str(inventory.count(said["missing"])) if said else "-"
        values = [*(str(one[name]) for name in cells), lost]
        table.add_row(*values, style="" if one["waiting"] else "dim")
    frames, used_ms = status["frames"], status["airtime_last_hour_ms"]
    backlog = f"backlog {frames['waiting']} frames"
    if status["oldest_waiting"]:
        backlog += f", oldest of {status['oldest_waiting']}"
    aside = {name: frames[name] for name in ("undecodable", "no_key", "rejected") if frames[name]}
    lines = [
        Text(backlog, style="yellow" if frames["waiting"] else "green"),
        Text(f"duty cycle {used_ms / 1000:.1f} s on the air in the last hour, {_share(used_ms)}"),
    ]
    if aside:
        said = ", ".join(f"{count} {name}" for name, count in aside.items())
        lines.append(Text(f"set aside: {said}", style="red"))
    refused = {k: v for k, v in status["totals"].items() if k.startswith("refused_") and v}
    if refused:
        said = ", ".join(f"{count} {name[8:]}" for name, count in refused.items())
        lines.append(Text(f"refused: {said}", style="dim"))
    return Group(table, *lines)


def _share(used_ms: float) -> str:
    return f"{used_ms / report.limit_ms():.0%} of what the rules allow"
