"""No route tells anybody more of a position than the location policy lets them know."""

import math
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import psycopg
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path

from backend.app import create_app
from backend.compat.identity import to_uuid
from backend.db import ingest, registry
from backend.jobs.worker import LOCK
from backend.settings import Settings
from tests.backend.conftest import migrated_database
from tests.backend.factories import fix_row, serving
from tests.backend.leaks import (
    API,
    ROLES,
    SENSITIVITIES,
    World,
    ask,
    fuzz,
    leaks,
    make_world,
    operations,
    question,
)
from tests.backend.tile_reader import address_of

pytestmark = pytest.mark.db
REQUESTS = 500


@pytest.fixture(scope="module")
def world(postgres_server: str) -> World:
    return make_world(migrated_database(postgres_server, "leaks"), seed=5)


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[httpx.Client]:
    with serving(world.database_url, key=None) as client:
        yield client


PRODUCTS = (
    "fixes", "fixes/export", "fixes/5-0-30", "latest", "tracks", "home-ranges", "overlaps",
    "corridors", "alerts", "stream", "studies/1/events.csv", "receptions",
    "/movebank/service/direct-read?entity_type=event&study_id=1&attributes=all",
    "/api/v1.0/subjects", "/api/v1.0/observations?page_size=10000",
    f"/api/v1.0/subject/{to_uuid('subject', 5)}/tracks",
    "tiles/14/{}/{}.mvt".format(*address_of(14, 16.554321, 49.512345)[1:]),
)  # fmt: skip


WITHOUT_POSITIONS = {
    "", f"{API}/openapi.json", "/ogc", "/ogc/api", "/ogc/conformance", "/ogc/collections",
    "/api/v1.0/status", "/api/v1.0/user/me",
}  # fmt: skip


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_leak_would_be_found(world: World, client: httpx.Client, product: str) -> None:
    asked = {"method": "GET", "url": product if product[0] == "/" else f"{API}/{product}"}
    status, exact = ask(client, asked, world.headers("admin"))
    assert status == 200
    assert leaks(world, "public", exact)


def test_every_route_that_reads_is_asked() -> None:
    app = create_app(Settings(database_url="host=/nowhere"))
    asked = [re.sub(r"\{\w+\}", "1", path.partition("?")[0]) for _, path in operations()]
    reads = {
        r.path.rstrip("/") for r in iter_route_contexts(app.routes) if "GET" in (r.methods or ())
    }
    assert len(reads) > 60
    unasked = {r for r in reads if not any(compile_path(r)[0].match(path) for path in asked)}
    assert unasked == WITHOUT_POSITIONS


def test_every_operation_is_answered_to_somebody(world: World, client: httpx.Client) -> None:
    """So that no answer is left out of the search for leaks for want of anything to say."""
    rng = random.Random(3)
    left = operations()
    with psycopg.connect(world.database_url, autocommit=True) as computer:
        # an analysis under way: who computes it holds its lock
        computer.execute("select pg_advisory_lock(%s, 1050)", (LOCK,))
        computer.execute(
            "insert into analysis (analysis, kind, question, input_hash, animals, accounts, state)"
            " values (1050, 'overlap', '{\"asked\": {}}', 'x', array[1], array[1], 'running')"
        )
        for role in ("root", "ecologist"):
            left = [one for one in left if not answered(world, client, role, rng, *one)]
    assert left == []


def answered(
    world: World, client: httpx.Client, role: str, rng: random.Random, method: str, path: str
) -> bool:
    for collar in (1, 2):
        asked = question(rng, world, method, path, collar)
        if path.endswith("{analysis}") and method == "delete":
            asked["url"] = f"{API}/analyses/1050"
        status, text = ask(client, asked, world.headers(role))
        if 200 <= status < 300:
            return True
    print(method, asked["url"], status, text[:300])
    return False


def test_no_answer_holds_more_than_its_asker_may_know(world: World, client: httpx.Client) -> None:
    found = [leak for of_one in fuzz(world, client, REQUESTS, seed=11) for leak in of_one]
    assert found == []


def test_every_role_sees_the_grid_and_the_delay_of_its_rule(
    world: World, client: httpx.Client
) -> None:
    for role in ROLES:
        given = client.get(f"{API}/fixes", headers=world.headers(role)).json()["features"]
        for collar in range(1, 6):
            mine = [f for f in given if f["properties"]["collar"] == collar]
            found = [(f["properties"]["recorded_at"], *f["geometry"]["coordinates"]) for f in mine]
            assert found == expectation(world, role, collar), (role, SENSITIVITIES[collar - 1])


def expectation(world: World, role: str, collar: int) -> list[tuple[str, float, float]]:
    """What a role must see of a collar."""
    rule = world.rule(role, collar)
    cells = rule.cells_per_degree
    if cells is None:
        return []
    seen = []
    for at, lat, lon in reversed(world.secrets[collar]):
        if rule.reaches(at):
            x, y = ((math.floor(v * cells) + 0.5) / cells if cells else v for v in (lon, lat))
            seen.append((at.isoformat().replace("+00:00", "Z"), x, y))
    return seen


def test_asking_a_thousand_times_brings_nobody_nearer(world: World, client: httpx.Client) -> None:
    path = f"{API}/fixes"
    first = client.get(path).json()["features"]
    for _ in range(20):
        assert client.get(path).json()["features"] == first


def test_a_box_search_finds_the_cell_and_not_the_place(postgres_server: str) -> None:
    url = migrated_database(postgres_server, "leaks_box")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into study (name, public, sensitivity) values ('s', true, 'high')"
        )
        registry.add_collar(connection, "c")
        animal = registry.add_animal(connection, "A", study=1)
        registry.deploy(connection, 1, animal, datetime(2020, 1, 1, tzinfo=UTC))
        ingest.load(connection, ingest.Batch([fix_row(1, recorded_at_us=1_700_000_000_000_000)]))
    with serving(url, key=None) as client:
        exact = client.get(f"{API}/fixes", params={"bbox": "10.19,46.655,10.21,46.665"}).json()
        cell = client.get(f"{API}/fixes", params={"bbox": "10.24,46.64,10.26,46.66"}).json()
    assert exact.get("features") == [], exact
    (feature,) = cell["features"]
    assert feature["geometry"]["coordinates"] == [10.25, 46.65]
    assert feature["properties"]["precision_deg"] == 0.1
    assert feature["properties"]["altitude_m"] is feature["properties"]["reason"] is None
