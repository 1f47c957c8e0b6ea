"""No route tells anybody more of a position than the location policy lets them know."""

import math
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import httpx
import psycopg
import pytest

from backend.app import create_app
from backend.db import ingest, registry
from backend.settings import Settings
from tests.backend.conftest import migrated_database
from tests.backend.factories import bearer, fix_row, key_for, reception_row, serving, status_row

pytestmark = pytest.mark.db
API = "/api/v1"
SENSITIVITIES = ("open", "low", "medium", "high", "extreme")
ROLES = ("public", "guest", "ecologist", "operator", "admin")
REQUESTS = 500
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
_NUMBER = re.compile(r"-?\d+\.\d{3,}")


class Rule(NamedTuple):
    """What a role may know."""

    cells_per_degree: int | None
    delay_h: int


class World(NamedTuple):
    """A study with an animal of each sensitivity, on collars of one number each."""

    database_url: str
    keys: dict[str, str | None]
    rules: dict[tuple[str, str], Rule]
    secrets: dict[int, list[tuple[datetime, float, float]]]
    """By collar: all fixes; collar 6 is on no animal"""


def make_world(url: str, seed: int) -> World:
    """Rules are drawn at random, so that every pair of grid and delay comes up."""
    rng = random.Random(seed)
    secrets: dict[int, list[tuple[datetime, float, float]]] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        study = connection.execute(
            "insert into study (name, public) values ('leaks', true) returning study"
        ).fetchone()
        assert study is not None
        connection.execute("insert into study (name) values ('of others')")
        fixes, receptions, statuses = [], [], []
        for collar, sensitivity in enumerate((*SENSITIVITIES, None), start=1):
            registry.add_collar(connection, f"collar {collar}")
            connection.execute("update collar set study = 1 where collar = %s", (collar,))
            if sensitivity:
                animal = registry.add_animal(connection, f"A {sensitivity}", "Capra ibex", None, 1)
                change = "update animal set sensitivity = %s where animal = %s"
                connection.execute(change, (sensitivity, animal))
                registry.deploy(connection, collar, animal, NOW - timedelta(days=400))
            # each collar has a place of its own, in digits that no other number has
            lat, lon = 46.0 + collar * 0.7 + 0.012345, 10.0 + collar * 1.3 + 0.054321
            secrets[collar] = []
            for n in range(1, 31):
                at = NOW - timedelta(hours=8 * n)
                here = (place(rng, lat), place(rng, lon))
                secrets[collar].append((at, *here))
                us = int(at.timestamp()) * 1_000_000
                fixes.append(
                    fix_row(n, collar=collar, recorded_at_us=us, lat_deg=here[0], lon_deg=here[1])
                )
                receptions.append(reception_row(n, collar=collar, received_at_us=us))
            statuses.append(status_row(500, collar=collar))
        ingest.load(connection, ingest.Batch(fixes, statuses, receptions=receptions))
        rules = {}
        for role in ROLES:
            for sensitivity in SENSITIVITIES:
                trusted = role in ("admin",)
                cells = 0 if trusted else rng.choice((None, 1, 10, 100, 1000, 0))
                delay = 0 if trusted else rng.choice((0, 1, 13, 24, 100))
                rules[role, sensitivity] = Rule(cells, delay)
                connection.execute(
                    "insert into location_policy values (1, %s, %s, %s, %s)",
                    (role, sensitivity, cells, timedelta(hours=delay)),
                )
    keys: dict[str, str | None] = {role: key_for(url, role, 1) for role in ROLES[1:]}
    keys["public"] = None
    keys["stranger"] = key_for(url, "admin", 2)  # of another study: no more than public here
    return World(url, keys, rules, secrets)


def place(rng: random.Random, about: float) -> float:
    """A coordinate of five decimals, the last not 0: no centre or edge of a cell is like it."""
    return (10 * math.floor((about + rng.gauss(0, 0.004)) * 10_000) + rng.randint(1, 9)) / 100_000


@pytest.fixture(scope="module")
def world(postgres_server: str) -> World:
    made = make_world(migrated_database(postgres_server, "leaks"), seed=5)
    with serving(made.database_url) as client:  # derived products of every animal, by an admin
        for animal in range(1, 6):
            body = {"animal": animal, "method": "mcp", "levels_percent": [95]}
            client.post(f"{API}/home-ranges", json=body).raise_for_status()
    return made


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[httpx.Client]:
    with serving(world.database_url, key=None) as client:
        yield client


def paths() -> list[tuple[str, str]]:
    """Every operation of the description, with path parameters filled at random later."""
    document = create_app(Settings(database_url="host=/nowhere")).openapi()
    return [(m, p) for p, operations in document["paths"].items() for m in operations]


def question(rng: random.Random, world: World, method: str, path: str) -> dict[str, Any]:
    """A request of an operation that asks for as much as it can."""
    collar = rng.randint(1, 6)
    at, lat, lon = rng.choice(world.secrets[collar])
    n = rng.randint(1, 30)
    filled = path.replace("{fix}", f"{collar}-0-{n}").replace("{station}", "hut")
    filled = re.sub(r"\{\w+\}", str(collar), filled)
    query: dict[str, Any] = {}
    if path in (f"{API}/fixes", f"{API}/fixes/export", f"{API}/tracks"):
        half = rng.choice((1e-5, 1e-4, 0.001, 0.01, 1))
        if path != f"{API}/tracks":
            if rng.random() < 0.5:
                query["bbox"] = f"{lon - half},{lat - half},{lon + half},{lat + half}"
            if rng.random() < 0.5:
                query["collar"] = collar
        if rng.random() < 0.3:
            query["from"] = (at - timedelta(minutes=1)).isoformat()
        if path.endswith("export"):
            query["format"] = rng.choice(("geojson", "csv"))
    body = None
    if method in ("post", "put", "patch"):
        body = (
            {"animal": collar, "method": "mcp"} if "home-ranges" in path else {"fixes": ["1-0-1"]}
        )
    return {"method": method.upper(), "url": filled, "params": query, "json": body}


def leaks(world: World, role: str, text: str) -> list[str]:
    """Every number of an answer that is nearer to a secret than the role may come."""
    found = []
    numbers = {float(word) for word in _NUMBER.findall(text)}
    for collar, secrets in world.secrets.items():
        sensitivity = SENSITIVITIES[collar - 1] if collar < 6 else "extreme"
        as_role = "public" if role == "stranger" else role
        rule = world.rules[as_role, sensitivity]
        public = world.rules["public", sensitivity]
        for at, lat, lon in secrets:
            for exact in (lat, lon):
                if exact in numbers and not knows(rule, at) and not knows(public, at):
                    found.append(f"collar {collar} at {at}: {exact} to {role}, {rule}")
    return found


def test_a_leak_would_be_found(world: World, client: httpx.Client) -> None:
    assert world.keys["admin"]
    exact = client.get(f"{API}/fixes", headers=bearer(world.keys["admin"])).text
    assert leaks(world, "public", exact)


def knows(rule: Rule, at: datetime) -> bool:
    """Whether a rule gives the exact position of a time; a second of the clock is forgiven."""
    return rule.cells_per_degree == 0 and at < datetime.now(UTC) - timedelta(hours=rule.delay_h)


def test_no_answer_holds_more_than_its_asker_may_know(world: World, client: httpx.Client) -> None:
    rng = random.Random(11)
    operations, roles = paths(), list(world.keys)
    for number in range(REQUESTS):
        method, path = operations[number % len(operations)]
        role = rng.choice(roles)
        headers = bearer(world.keys[role]) if world.keys[role] else {}  # type: ignore[arg-type]
        if method == "delete" or path.endswith(("/keys", "/policy", "/roles", "/session")):
            continue
        answer = client.request(**question(rng, world, method, path), headers=headers)
        assert answer.status_code < 500, (method, path, answer.text)
        assert not leaks(world, role, answer.text), (method, path, role)


def test_every_role_sees_the_grid_and_the_delay_of_its_rule(
    world: World, client: httpx.Client
) -> None:
    for role in ROLES:
        headers = bearer(world.keys[role]) if world.keys[role] else {}  # type: ignore[arg-type]
        given = client.get(f"{API}/fixes", headers=headers).json()["features"]
        for collar in range(1, 6):
            expected = expectation(world, role, collar)
            mine = [f for f in given if f["properties"]["collar"] == collar]
            found = [(f["properties"]["recorded_at"], *f["geometry"]["coordinates"]) for f in mine]
            assert found == expected, (role, SENSITIVITIES[collar - 1])


def expectation(world: World, role: str, collar: int) -> list[tuple[str, float, float]]:
    """What a role must see of a collar, worked out here: the better of its rule and public's."""
    rules = [world.rules[r, SENSITIVITIES[collar - 1]] for r in {role, "public"}]
    rules = [rule for rule in rules if rule.cells_per_degree is not None]
    if not rules:
        return []
    rule = min(rules, key=lambda r: (r.cells_per_degree != 0, -r.cells_per_degree, r.delay_h))  # type: ignore[operator]
    cells, end = rule.cells_per_degree, datetime.now(UTC) - timedelta(hours=rule.delay_h)
    seen = []
    for at, lat, lon in reversed(world.secrets[collar]):
        if at < end:
            place = (
                [lon, lat]
                if not cells
                else [(math.floor(v * cells) + 0.5) / cells for v in (lon, lat)]
            )
            seen.append((at.isoformat().replace("+00:00", "Z"), *place))
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
