"""Sixteen writers over chunk borders while the API, the database or a process of it is killed."""

import tempfile
from pathlib import Path
from typing import Any

from tests.backend.killing import WRITERS, kill
from tests.bench.rows import row

KILLS = 100


def figures(quick: bool = False, seed: int = 20261122) -> list[dict[str, Any]]:
    """What became of rows that were acknowledged, and of the writers' locks."""
    number = 4 if quick else KILLS
    with tempfile.TemporaryDirectory(prefix="capra-", ignore_cleanup_errors=True) as parent:
        Path(parent).chmod(0o711)  # the server's user must pass through
        outcome = kill(Path(parent) / "server", number, seed)
    given = (
        f"{number} kill -9, {WRITERS} writers, {len(outcome.acknowledged):,} rows acknowledged, "
        f"seed {seed}"
    )
    lost = len(outcome.acknowledged - outcome.stored.keys())
    twice = sum(times != 2 for times in outcome.stored.values())
    return [
        row("acknowledged rows lost", lost, "rows", "0", lost == 0, given),
        row("rows not stored exactly once", twice, "rows", "0", twice == 0, given),
        row("deadlocks that the server resolved", outcome.deadlocks, "", None, True, given),
        row("deadlocks and faults that a writer saw", len(outcome.odd), "answers", "0",
            not outcome.odd, given),
    ]  # fmt: skip
