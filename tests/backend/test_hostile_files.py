"""Twelve hostile files through the API: twelve right refusals or reports."""

import pytest
from httpx import Client

from tests.backend import hostile


@pytest.mark.parametrize("case", hostile.cases(), ids=lambda case: case.name)
def test_a_hostile_file_gets_its_exact_answer(client: Client, case: hostile.Case) -> None:
    study = client.post("/api/v1/studies", json={"name": "Hostile"}).json()["study"]
    answer = client.post(
        f"/api/v1/studies/{study}/events", content=case.content,
        headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    assert case.fault(answer.status_code, answer.json()) is None
