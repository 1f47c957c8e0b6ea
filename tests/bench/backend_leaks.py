"""Requests over every route by every role against worlds of random rules: what leaks."""

from typing import Any

from tests.backend.factories import serving
from tests.backend.leaks import fuzz, make_world
from tests.bench.backend_reading import database
from tests.bench.rows import row

WORLDS = 10
REQUESTS = 10_000


def figures(quick: bool = False) -> list[dict[str, Any]]:
    """The row of leaks, over worlds that differ in all their rules."""
    worlds = 1 if quick else WORLDS
    asked, leaked = 0, []
    for seed in range(worlds):
        with database(0, 0) as dsn:
            world = make_world(dsn, seed)
            with serving(dsn, key=None) as client:
                client.timeout = 120  # there are computations, and other work
                for found in fuzz(world, client, REQUESTS // WORLDS, seed):
                    asked += 1
                    leaked += found[:1]
    for leak in leaked:
        print(leak)
    given = f"{asked:,} requests, every route x 7 roles, {worlds} x 25 random rules and delays"
    return [row("answers that tell more than the policy", len(leaked), "", "0", not leaked, given)]
