"""Any request at all: Schemathesis over both descriptions, and twelve hostile files."""

import time
from typing import Any

import psycopg
from psycopg import sql

from tests.backend import any_request, hostile
from tests.backend.conftest import settle
from tests.backend.factories import serving
from tests.backend.furnished import furnish
from tests.bench.backend_reading import API, database
from tests.bench.rows import row

CASES = 20_000
_EACH = {f"{API}/openapi.json": 100, "/ogc/api": 360}
"""Generated requests of an operation, beside those of the phases that count by themselves"""


def _world(dsn: str) -> None:
    """Something of everything; requests by the thousand need not wait for the disk."""
    herd = settle(dsn)
    furnish(dsn, (herd.flurina, herd.gian))
    with psycopg.connect(dsn, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        change = sql.SQL("alter database {} set synchronous_commit = off").format(name)
        connection.execute(change)


def documents(quick: bool, seed: int = 1) -> list[dict[str, Any]]:
    """All phases over every operation that a document describes."""
    found, cases = [], 0
    for path, each in _EACH.items():
        with database(0, 0) as dsn:
            _world(dsn)
            with serving(dsn, key=None) as client:
                operations = sum(map(len, client.get(path).json()["paths"].values()))
                said = any_request.ask(
                    str(client.base_url.join(path)), dsn,
                    *("--seed", str(seed), "--max-examples", str(1 if quick else each)),
                )  # fmt: skip
        cases += said.requests
        given = f"{path}, {operations} operations, seed {seed}"
        found += [
            row("Schemathesis, all phases: requests", said.requests, "", None, True, given),
            row("failures", said.failures, "", "0", said.failures == 0, given),
            row("answers of 5xx", said.server_errors, "", "0", said.server_errors == 0, given),
        ]  # fmt: skip
        if said.failures:
            print(said.text)
    enough = None if quick else f">= {CASES:,}"
    return [*found, row("requests of both", cases, "", enough, cases >= CASES, "")]


def hostile_files() -> list[dict[str, Any]]:
    """Files as they come, each with its exact refusal or report."""
    cases = hostile.cases()
    headers = {"Content-Type": "text/csv"}
    with database(0, 0) as dsn, serving(dsn) as client:
        right = 0
        for case in cases:
            study = client.post(f"{API}/studies", json={"name": f"study {time.monotonic_ns()}"})
            path = f"{API}/studies/{study.raise_for_status().json()['study']}/events"
            answer = client.post(path, content=case.content, headers=headers)
            fault = case.fault(answer.status_code, answer.json())
            right += fault is None
            if fault:
                print(f"{case.name}: {fault}")
    given = "; ".join(case.name for case in cases)
    bar = f"{len(cases)}"
    return [row("hostile files, right answers", right, "files", bar, right == len(cases), given)]


def figures(quick: bool = False) -> list[dict[str, Any]]:
    """Every row of what may be asked."""
    return [*hostile_files(), *documents(quick)]
