"""Overlap of home ranges: computed from fixes, stored once per question and data."""

from typing import Any

import httpx
import psycopg
import pytest

from analytics.steps import heard_by
from backend import analysis_models as models
from backend.db import ingest, registry
from backend.jobs import corridor, overlap
from backend.jobs.corridor import CORRIDOR
from backend.jobs.overlap import OVERLAP
from backend.jobs.question import answer
from tests.backend.conftest import Herd
from tests.backend.factories import START, bearer, key_for, walk

pytestmark = pytest.mark.db
URL = "/api/v1/overlaps"


@pytest.fixture
def neighbours(own_herd: Herd) -> Herd:
    """A third ibex that lives where Flurina does; all of one study."""
    with psycopg.connect(own_herd.database_url) as connection:
        collar = registry.add_collar(connection, "fourth")
        animal = registry.add_animal(connection, "Ladina", "Capra ibex")
        registry.deploy(connection, collar, animal, START, START.replace(year=2027))
        ingest.load(connection, ingest.Batch(walk(collar, 60, seed=4)))
        connection.execute("insert into study (name) values ('Trupchun')")
        connection.execute("update animal set study = 1")
    return own_herd


def post(client: httpx.Client, status: int = 201, **body: Any) -> models.Overlap:
    response = client.post(URL, json=body)
    assert response.status_code == status, response.text
    return models.Overlap.model_validate(response.json())


def test_neighbours_share_land_and_others_do_not(client: httpx.Client, neighbours: Herd) -> None:
    found = post(client, animals=[4, 2, 1], method="kde")
    assert (found.animals, found.names) == ([1, 2, 4], ["Flurina", "Gian", "Ladina"])
    affinity = found.matrices["BA"]
    assert affinity[0][2] == affinity[2][0] > 0.5 > 0.05 > affinity[0][1]
    assert [affinity[i][i] for i in range(3)] == pytest.approx([1, 1, 1], abs=0.001)
    assert set(found.matrices) == {"HR", "PHR", "VI", "BA", "UDOI", "HD"}
    assert found.fixes == 160


def test_akde_says_how_sure_it_is(client: httpx.Client, neighbours: Herd) -> None:
    found = post(client, animals=[1, 4])
    assert found.affinity_intervals is not None
    interval = found.affinity_intervals[0][1]
    assert interval is not None
    low, middle, high = interval
    assert 0 < low < middle < high <= 1
    assert found.affinity_intervals[0][0] is None


def test_the_same_question_is_answered_by_the_stored_result(
    client: httpx.Client, neighbours: Herd
) -> None:
    first = post(client, animals=[1, 4], method="kde")
    again = client.post(URL, json={"animals": [4, 1, 4], "method": "kde"})
    assert again.status_code == 200
    assert again.json() == client.get(again.headers["location"]).json()
    assert again.json()["overlap"] == first.overlap
    tag = client.get(again.headers["location"]).headers["etag"]
    cached = client.get(again.headers["location"], headers={"If-None-Match": tag})
    assert cached.status_code == 304


def test_flagged_fixes_and_other_parameters_make_another(
    client: httpx.Client, neighbours: Herd, connection: psycopg.Connection[Any]
) -> None:
    first = post(client, animals=[1, 4], method="kde")
    narrower = post(client, animals=[1, 4], method="kde", level_percent=50)
    connection.execute("update fix set outlier = 4 where collar = 1 and record = 7")
    flagged = post(client, animals=[1, 4], method="kde")
    assert len({first.overlap, narrower.overlap, flagged.overlap}) == 3
    assert flagged.fixes == first.fixes - 1


def test_a_study_is_all_animals_that_can_take_part(client: httpx.Client, neighbours: Herd) -> None:
    found = post(client, study=1, method="kde")
    assert found.animals == [1, 2, 4]
    assert client.get(URL, params={"animal": 2}).json()["overlaps"][0]["overlap"] == found.overlap
    assert client.get(URL, params={"animal": 3}).json()["overlaps"] == []


def test_it_is_for_those_who_see_all_of_its_animals_exactly(
    client: httpx.Client, neighbours: Herd, connection: psycopg.Connection[Any]
) -> None:
    place = f"{URL}/{post(client, animals=[1, 2], method='kde').overlap}"
    worker, guest = (
        bearer(key_for(neighbours.database_url, r, 1)) for r in ("ecologist", "guest")
    )
    assert client.get(place, headers=worker).status_code == 200
    assert client.get(place, headers=guest).status_code == 404
    connection.execute("insert into study (name) values ('of others')")
    connection.execute("update animal set study = 2 where animal = 2")
    assert client.get(place, headers=worker).status_code == 404
    assert client.get(URL, headers=worker).json()["overlaps"] == []
    asked = {"animals": [1, 2], "method": "kde"}
    assert client.post(URL, json=asked, headers=worker).status_code == 404
    assert client.post(URL, json={"study": 2}, headers=worker).status_code == 403


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "expected 'animals' or 'study', one of them"),
        ({"animals": [1, 2], "study": 1}, "expected 'animals' or 'study', one of them"),
        ({"animals": [1]}, "animals = [1]: expected List should have at least 2 items"),
        ({"animals": [1, 2], "method": "mcp"}, "expected 'akde', 'kde' or 'bridge'"),
        ({"animals": [1, 2], "options": {"k": 3}}, "options.k = 3: expected for akde: weights"),
        ({"animals": [1, 2], "level_percent": 100}, "expected less than 100"),
    ],
)
def test_a_bad_member_of_a_body_is_named(
    reader: httpx.Client, body: dict[str, Any], detail: str
) -> None:
    response = reader.post(URL, json=body)
    assert response.status_code == 400
    assert detail in response.json()["detail"]


def test_one_animal_without_fixes_is_named(client: httpx.Client, neighbours: Herd) -> None:
    response = client.post(URL, json={"animals": [1, neighbours.unseen], "method": "kde"})
    assert response.status_code == 409
    assert f"animal {neighbours.unseen}: no fixes in this time range" in response.json()["detail"]


def test_how_far_it_is_rises_by_the_steps_it_names(
    neighbours: Herd, connection: psycopg.Connection[Any]
) -> None:
    told: list[tuple[float, str]] = []
    with heard_by(lambda *one: told.append(one)):
        answer(connection, OVERLAP, overlap.ask([1, 4], method="kde"))
        answer(connection, CORRIDOR, corridor.ask([1, 4]))
    begins = [n for n, (_, step) in enumerate(told) if step == "reading fixes"]
    for steps in (told[: begins[1]], told[begins[1] :]):
        assert [part for part, _ in steps] == sorted(part for part, _ in steps)
        assert len({step for _, step in steps}) >= 5
        assert steps[-1][0] < 1
