"""Every list of the API comes a page at a time, and the pages together are the list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from backend.app import create_app
from backend.db import ingest
from backend.settings import Settings
from tests.backend.conftest import migrated_database, settle
from tests.backend.factories import key_for, reception_row, serving, status_row
from tests.backend.furnished import POLYGON, furnish

pytestmark = pytest.mark.db
DOCUMENT = create_app(Settings(database_url="host=/nowhere")).openapi()
MEMBERS = ("type", "links", "timeStamp", "numberReturned", "precisionStored")


def lists() -> dict[str, str]:
    """Paths of the description that answer many of something, and the member that holds them."""
    found = {}
    for path, operations in DOCUMENT["paths"].items():
        if "get" not in operations or path.endswith("}"):
            continue
        content = operations["get"]["responses"]["200"].get("content", {})
        for media in content.values():
            name = media["schema"].get("$ref", "").rpartition("/")[2]
            members = DOCUMENT["components"]["schemas"].get(name, {}).get("properties", {})
            arrays = [m for m, s in members.items() if _of_things(s) and m not in MEMBERS]
            if arrays and path != "/api/v1/session":  # one thing, which holds its roles
                (found[path],) = arrays
    return found


def _of_things(schema: dict[str, Any]) -> bool:
    return schema.get("type") == "array" and "$ref" in schema["items"]


LISTS = lists()


def test_lists_are_found() -> None:
    assert {f"/api/v1/{name}" for name in ("fixes", "latest", "tracks", "taxa")} < set(LISTS)
    assert len(LISTS) > 20


@pytest.mark.parametrize("path", LISTS)
def test_every_list_is_described_with_pages(path: str) -> None:
    get = DOCUMENT["paths"][path]["get"]
    assert {"limit", "after"} <= {parameter["name"] for parameter in get["parameters"]}
    (media,) = get["responses"]["200"]["content"].values()
    answer = DOCUMENT["components"]["schemas"][media["schema"]["$ref"].rpartition("/")[2]]
    assert "links" in answer["required"]


ROWS = """
insert into study (name) values ('one'), ('two');
insert into taxon_sensitivity values ('Aquila', 'high'), ('Rupicapra', 'low');
insert into alert (kind, collar, began_at, identity)
select 'silence', 1, '2026-06-01', n from generate_series(1, 2) n;
insert into overlap
    (animals, method, parameters, matrices, from_time, to_time, fixes, software_version,
        input_hash)
select array[1, 2], 'kde', '{"affinity_intervals": null}', '{}', '2026-06-01', '2026-06-02', 9,
    'test', n
from generate_series(1, 2) n;
insert into analysis (kind, question, input_hash, animals, accounts, state)
select 'overlap', '{"asked": {}}', n, array[1, 2], array[account], 'cancelled'
from account cross join generate_series(1, 2) n;
insert into corridor (herd, parameters, from_time, to_time, fixes, software_version, input_hash)
select array[1, 2], '{"left_out": [], "warnings": []}', '2026-06-01', '2026-06-02', 9, 'test', 'x';
insert into corridor_level (corridor, animals, share_percent, area_km2, area_grid_km2)
values (2, 2, 100, 1, 1);
"""
"""Two of everything that a furnished herd does not have"""


@pytest.fixture(scope="module")
def client(postgres_server: str) -> Iterator[httpx.Client]:
    url = migrated_database(postgres_server, "paged")
    herd = settle(url)
    furnish(url, (herd.flurina, herd.gian))
    for role in ("guest", "ecologist"):
        key_for(url, role)
    statuses = [status_row(10_001), status_row(10_002, collar=2)]
    receptions = [reception_row(1), reception_row(2)]
    with serving(url) as client:
        with psycopg.connect(url) as connection:
            ingest.load(connection, ingest.Batch([], statuses, receptions=receptions))
            connection.execute(ROWS)
        client.post("/api/v1/fences", json={"name": "other", "geometry": POLYGON})
        for name in ("one", "two"):
            rule = {"kind": "silence", "name": name}
            client.post("/api/v1/alert-rules", json=rule).raise_for_status()
            sent = {"study": 1, "name": name, "kind": "gundi", "token": "x", "active": False}
            sent["address"] = "https://gundi.invalid"
            client.post("/api/v1/forwarders", json=sent).raise_for_status()
        yield client


@pytest.mark.parametrize("path", LISTS)
def test_pages_of_one_are_the_list(client: httpx.Client, path: str) -> None:
    whole = things(client.get(path).raise_for_status(), path)
    assert len(whole) > 1
    paged: list[Any] = []
    url: str | None = f"{path}?limit=1"
    while url and len(paged) <= len(whole):
        answer = client.get(url).raise_for_status()
        paged += things(answer, path)
        url = next((one["href"] for one in answer.json()["links"] if one["rel"] == "next"), None)
    assert url is None and paged == whole


def things(answer: httpx.Response, path: str) -> list[Any]:
    found: list[Any] = answer.json()[LISTS[path]]
    return found
