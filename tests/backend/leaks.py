"""A world whose every place is a secret of its own, and requests that try to learn it."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote

import httpx
import psycopg
from psycopg.types.json import Jsonb

from backend.app import create_app
from backend.compat.identity import to_uuid
from backend.db import ingest, registry
from backend.db.queries import query
from backend.ogc.collections import COLLECTIONS
from backend.settings import Settings
from tests.backend.factories import bearer, fix_row, key_for, reception_row, serving, status_row
from tests.backend.leak_rows import EXPENDABLE, body_of, file_of, fill
from tests.backend.tile_reader import address_of, read_tile

API = "/api/v1"
SENSITIVITIES = ("open", "low", "medium", "high", "extreme")
ROLES = ("public", "guest", "ecologist", "operator", "admin")
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
FIXES = 30
NEAR_DEG = 0.03
"""Everything of a collar is nearer than this, and nothing of another."""
_PERIODS = ("fixes", "fixes/export", "tracks", "alerts", "status", "receptions")
_MOVEBANK, _EARTHRANGER = "/movebank/service/direct-read?entity_type=", "/api/v1.0/"
COMPAT = (
    *(f"{_MOVEBANK}{entity}&study_id=1" for entity in ("individual", "tag", "deployment")),
    f"{_MOVEBANK}study",
    f"{_MOVEBANK}event&study_id=1&attributes=all",
    *(f"{_EARTHRANGER}{path}" for path in (
        "subjects", "subjectgroups", "sources", "sourceproviders", "subjectsources",
        "observations?include_details=true&filter=null&page_size=10000",
        "observations?include_details=true&subject_id={subject}",
        "observations?source_id={source}", "observations?page=1&page_size=100",
        "trackingdata/export?format=json&filter=null", "trackingdata/export?filter=null",
        "subject/{subject}", "subject/{subject}/sources", "subject/{subject}/subjectsources",
        "subject/{subject}/tracks", "subject/{subject}/source/{source}/tracks",
        "source/{source}", "source/{source}/subjects",
    )),
)  # fmt: skip
"""Reads of other systems' clients, which the descriptions leave out"""
_CSV = {"Content-Type": "text/csv"}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


class Rule(NamedTuple):
    """What a role may know."""

    cells_per_degree: int | None
    delay_h: int

    def reaches(self, at: datetime) -> bool:
        """Whether the delay is over; a second of the clock is forgiven."""
        return at < datetime.now(UTC) - timedelta(hours=self.delay_h)


class World(NamedTuple):
    """A study with an animal of each sensitivity, on collars of one number each."""

    database_url: str
    keys: dict[str, str | None]
    rules: dict[tuple[str, str], Rule]
    secrets: dict[int, list[tuple[datetime, float, float]]]
    """By collar: all fixes; collar 6 is on no animal"""

    def headers(self, role: str) -> dict[str, str]:
        """What a role shows."""
        key = self.keys[role]
        return bearer(key) if key else {}

    def rule(self, role: str, collar: int) -> Rule:
        """The better of what a role and the public may know of a collar, worked out here."""
        sensitivity = SENSITIVITIES[collar - 1] if collar < 6 else "extreme"
        roles = {{"stranger": "public", "root": "admin"}.get(role, role), "public"}
        rules = [self.rules[one, sensitivity] for one in roles]
        given = [rule for rule in rules if rule.cells_per_degree is not None]
        if not given:
            return Rule(None, 0)
        return min(
            given, key=lambda r: (r.cells_per_degree != 0, -(r.cells_per_degree or 0), r.delay_h)
        )


def make_world(url: str, seed: int) -> World:
    """Rules are drawn at random, so that every pair of grid and delay comes up."""
    rng = random.Random(seed)
    secrets: dict[int, list[tuple[datetime, float, float]]] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("insert into study (name, public) values ('leaks', true)")
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
            secrets[collar] = wander(rng, collar)
            for n, (at, lat, lon) in enumerate(secrets[collar], start=1):
                us = int(at.timestamp()) * 1_000_000
                fixes.append(
                    fix_row(n, collar=collar, recorded_at_us=us, lat_deg=lat, lon_deg=lon)
                )
                receptions.append(reception_row(n, collar=collar, received_at_us=us))
            statuses.append(status_row(500, collar=collar))
        ingest.load(connection, ingest.Batch(fixes, statuses, receptions=receptions))
        derive(connection, secrets)
        fill(connection)
        rules = {}
        for role in ROLES:
            for sensitivity in SENSITIVITIES:
                trusted = role == "admin"
                cells = 0 if trusted else rng.choice((None, 1, 10, 100, 1000, 0))
                delay = 0 if trusted else rng.choice((0, 1, 13, 24, 100))
                rules[role, sensitivity] = Rule(cells, delay)
                connection.execute(
                    "insert into location_policy values (1, %s, %s, %s, %s)",
                    (role, sensitivity, cells, timedelta(hours=delay)),
                )
    keys: dict[str, str | None] = {role: key_for(url, role, 1) for role in ROLES[1:]}
    keys["public"] = None
    keys["root"] = key_for(url, "admin")  # of all studies
    keys["stranger"] = key_for(url, "admin", 2)  # of another study: no more than public here
    with serving(url) as client:
        for animal in range(1, 6):
            body = {"animal": animal, "method": "mcp", "levels_percent": [95]}
            client.post(f"{API}/home-ranges", json=body).raise_for_status()
            pair = {"animals": [animal, 1 + animal % 5], "method": "kde"}
            client.post(f"{API}/overlaps", json=pair).raise_for_status()
    return World(url, keys, rules, secrets)


def wander(rng: random.Random, collar: int) -> list[tuple[datetime, float, float]]:
    """Fixes at places and times that no other collar has, on a way to the north-east."""
    lat, lon = 46.0 + collar * 0.7 + 0.012345, 10.0 + collar * 1.3 + 0.054321
    ways: list[set[float]] = [set(), set()]  # a coordinate twice would look like a leak
    for way, about in zip(ways, (lat, lon), strict=True):
        while len(way) < FIXES:
            way.add(place(rng, about))
    return [
        (NOW - timedelta(hours=8 * n, seconds=61 * collar), y, x)
        for n, (y, x) in enumerate(zip(*map(sorted, ways), strict=True), start=1)
    ]


def place(rng: random.Random, about: float) -> float:
    """A coordinate of five decimals, the last not 0: no centre or edge of a cell is like it."""
    away = max(-0.02, min(0.02, rng.gauss(0, 0.004)))
    return (10 * math.floor((about + away) * 10_000) + rng.randint(1, 9)) / 100_000


def derive(
    connection: psycopg.Connection[Any], secrets: dict[int, list[tuple[datetime, float, float]]]
) -> None:
    """Corridors of two animals through the very fixes; an alert of each collar."""
    for number, herd in enumerate(((1, 2), (2, 3), (3, 4), (4, 5), (5, 1), (1, 4)), start=1):
        ways = [secrets[animal] for animal in herd]
        rings = [[[lon, lat] for _, lat, lon in way[:9]] for way in ways]
        times = [at.timestamp() for way in ways for at, _, _ in way]
        connection.execute(query("add_corridor"), {
            "herd": list(herd), "fixes": FIXES, "software_version": "test",
            "parameters": '{"left_out": [], "warnings": []}', "input_hash": f"{number:064}",
            "from_time_s": min(times), "to_time_s": max(times),
        })  # fmt: skip
        connection.execute(query("add_corridor_level"), {
            "corridor": number, "animals": len(herd), "share_percent": 100.0, "area_km2": 1.0,
            "area_grid_km2": 1.0, "width_narrowest_m": 100.0, "width_median_m": 200.0,
            "width_widest_m": 300.0, "width_sections": 9,
            "width_bottleneck_lon_lat": rings[0][3],
            "geometry": Jsonb({
                "type": "MultiPolygon", "coordinates": [[[*ring, ring[0]]] for ring in rings],
            }),
        })  # fmt: skip
    for collar, way in secrets.items():
        at, lat, lon = way[5]
        connection.execute(
            "insert into alert (kind, study, collar, animal, began_at, ended_at, raised_at,"
            " fixes, details, identity) values ('immobility', 1, %s, %s, %s, %s, %s, %s, %s, %s)",
            (collar, collar if collar < 6 else None, at, at, at, Jsonb([[collar, 0, 6]]),
             Jsonb({"lat": lat, "lon": lon}), f"leak {collar}"),
        )  # fmt: skip


def operations() -> list[tuple[str, str]]:
    """Every operation of both descriptions and beside them, with parameters still to fill."""
    document = create_app(Settings(database_url="host=/nowhere")).openapi()
    found = [(m, p) for p, methods in document["paths"].items() for m in methods]
    for name in COLLECTIONS:
        found += [("get", f"/ogc/collections/{name}/items{rest}") for rest in ("", "/{item}")]
        found.append(("get", f"/ogc/collections/{name}"))
    return [*found, *(("get", path) for path in COMPAT)]


def question(
    rng: random.Random, world: World, method: str, path: str, collar: int | None = None
) -> dict[str, Any]:
    """A request of an operation that asks for as much as it can and changes no secret."""
    collar = collar or rng.randint(1, 6)
    at, lat, lon = rng.choice(world.secrets[collar])
    fix = f"{collar}-0-{rng.randint(1, FIXES)}"
    item = {"tracks": f"{collar}", "home-ranges": f"{collar}-95", "corridors": f"{collar}-2",
            "stations": "hut", "fences": f"{collar}", "latest": f"{collar}-0-1"}  # fmt: skip
    filled = path.replace("{item}", item.get(path.split("/")[3], fix)).replace("{fix}", fix)
    filled = filled.replace("{study}", "1").replace("stations/{key}", "stations/hut")
    filled = filled.replace("{subject}", to_uuid("subject", collar))
    filled = filled.replace("{source}", to_uuid("source", collar))
    tile = address_of(rng.choice((14, 18, 22)), lon, lat)
    for name, number in zip(("{zoom}", "{column}", "{row}"), tile, strict=True):
        filled = filled.replace(name, str(number))
    number = rng.choice(EXPENDABLE) if method == "delete" else collar
    if "/studies/" in path and "{key}" in path:
        number = 1
    filled = re.sub(r"\{\w+\}", str(number), filled)
    filled, _, asked = filled.partition("?")
    sent: dict[str, Any] = {"method": method.upper(), "url": filled}
    if path.startswith(f"{API}/studies/") and method == "post":
        return sent | {"params": {"dry_run": True}, "content": file_of(path), "headers": _CSV}
    params: dict[str, Any] = dict(parse_qsl(asked)) | _params(rng, path, collar, at, lat, lon)
    body = None if method in ("get", "delete") else body_of(rng, world, method, path, collar)
    return sent | {"params": params, "json": body, "headers": {}}


def _params(
    rng: random.Random, path: str, collar: int, at: datetime, lat: float, lon: float
) -> dict[str, Any]:
    half = rng.choice((1e-5, 1e-4, 0.001, 0.01, 1))
    params: dict[str, Any] = {}
    boxes = path in (f"{API}/fixes", f"{API}/fixes/export") or path.endswith("/items")
    if boxes and rng.random() < 0.5:
        params["bbox"] = f"{lon - half:.6f},{lat - half:.6f},{lon + half:.6f},{lat + half:.6f}"
    if path in (f"{API}/fixes", f"{API}/fixes/export") and rng.random() < 0.5:
        params["collar"] = collar
    if path.removeprefix(f"{API}/") in _PERIODS and rng.random() < 0.3:
        params["from"] = (at - timedelta(minutes=1)).isoformat()
    if path.endswith("/items") and rng.random() < 0.3:
        params["datetime"] = f"{at - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}/.."
    if path.startswith("/ogc"):
        params["f"] = rng.choice(("json", "html"))
    if path.endswith("export"):
        params["format"] = rng.choice(("geojson", "csv"))
    return params


def ask(client: httpx.Client, asked: dict[str, Any], headers: dict[str, str]) -> tuple[int, str]:
    """Status and text of an answer; of a stream what comes at once."""
    if not asked["url"].endswith("/stream"):
        answer = client.request(**asked | {"headers": asked.get("headers", {}) | headers})
        client.cookies.clear()  # of a session that was begun: who asks is told by headers alone
        if answer.is_success and asked["url"].endswith(".mvt"):
            return answer.status_code, _text_of_tile(answer)
        return answer.status_code, answer.text
    parts: list[str] = []
    with client.stream("GET", asked["url"], headers=headers | {"Last-Event-ID": "0"}) as stream:
        stream.request.extensions["timeout"]["read"] = 1.0  # from here on: it would never end
        try:
            parts.extend(stream.iter_text())
        except httpx.ReadTimeout:
            pass
    return stream.status_code, "".join(parts)


def _text_of_tile(answer: httpx.Response) -> str:
    """What a tile says, as the API writes it: at the zooms asked for, five decimals are right."""
    column, row = answer.url.path.removesuffix(".mvt").split("/")[-2:]
    zoom = int(answer.url.path.split("/")[-3])
    read = read_tile(answer.content, zoom, int(column), int(row))
    words = [
        f"[{round(lon, 5)}, {round(lat, 5)}] {one.properties}"
        for layer in read.values()
        for one in layer
        for lon, lat in one.positions
    ]
    return "\n".join(words)


def leaks(world: World, role: str, text: str) -> list[str]:
    """What of an answer is nearer to a secret than the role may come: places, cells and times."""
    return [*_exact(world, role, text), *_fine(world, role, text), *_early(world, role, text)]


def _exact(world: World, role: str, text: str) -> Iterator[str]:
    """Coordinates as they are stored."""
    numbers = {float(word) for word in _NUMBER.findall(text) if "." in word}
    for collar, secrets in world.secrets.items():
        rule = world.rule(role, collar)
        for at, lat, lon in secrets:
            if (lat in numbers or lon in numbers) and (
                rule.cells_per_degree or not _knows(rule, at)
            ):
                yield f"collar {collar} at {at}: {lat}, {lon} to {role}, {rule}"


def _knows(rule: Rule, at: datetime) -> bool:
    return rule.cells_per_degree == 0 and rule.reaches(at)


def _fine(world: World, role: str, text: str) -> Iterator[str]:
    """Places, two numbers behind each other, on no corner or centre of the cells allowed."""
    for first, second in pairwise(_NUMBER.findall(text)):
        for collar, secrets in world.secrets.items():
            _, lat, lon = secrets[0]
            for y, x in ((float(first), float(second)), (float(second), float(first))):
                if abs(y - lat) < NEAR_DEG and abs(x - lon) < NEAR_DEG:
                    cells = world.rule(role, collar).cells_per_degree
                    if cells is None or (
                        cells and not (_on_grid(x, cells) and _on_grid(y, cells))
                    ):
                        yield f"collar {collar}: {y}, {x} to {role}, {cells} cells per degree"


def _on_grid(deg: float, cells: int) -> bool:
    halves = deg * cells * 2
    return abs(halves - round(halves)) < 1e-6 * cells


def _early(world: World, role: str, text: str) -> Iterator[str]:
    """Times of fixes that the delay still covers, or of what is withheld."""
    times = {datetime.fromisoformat(word).replace(tzinfo=UTC) for word in _TIME.findall(text)}
    epochs = {int(word) for word in _NUMBER.findall(text) if len(word) == 10 and word.isdigit()}
    for collar, secrets in world.secrets.items():
        rule = world.rule(role, collar)
        for at, _, _ in secrets:
            told = at in times or int(at.timestamp()) in epochs
            if told and (rule.cells_per_degree is None or not rule.reaches(at)):
                yield f"collar {collar}: the fix at {at} to {role}, {rule}"


def fuzz(world: World, client: httpx.Client, requests: int, seed: int) -> Iterator[list[str]]:
    """What leaked of each of so many requests, over every operation and role in turn.

    Raises:
        AssertionError: an answer is a fault of the server.
    """
    rng = random.Random(seed)
    asked_of, roles = operations(), list(world.keys)
    for number in range(requests):
        method, path = asked_of[number % len(asked_of)]
        role = rng.choice(roles)
        asked = question(rng, world, method, path)
        status, text = ask(client, asked, world.headers(role))
        assert status < 500, (asked, text)
        if box := asked["params"].get("bbox", ""):  # a link to itself says what the asker said
            text = text.replace(box, "").replace(quote(box), "")
        yield [
            f"{method} {asked['url']} {asked['params']}: {leak}"
            for leak in leaks(world, role, text)
        ]
