"""Every error is a problem document that names the value and what was expected."""

from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from backend import schemas
from backend.db import embedded
from backend.db.migrate import migrate
from tests.backend.conftest import Herd
from tests.backend.factories import serving

pytestmark = pytest.mark.db
API = "/api/v1"


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of a response, its form checked."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = dict(response.json())
    assert schemas.Problem.model_validate(document).status == status
    return document


@pytest.mark.parametrize(
    "path",
    ["/animals", "/animals/1", "/collars", "/collars/1", "/fixes", "/latest", "/tracks",
     "/home-ranges", "/home-ranges/1", "/corridors", "/corridors/1", "/health"],
)  # fmt: skip
def test_an_unknown_parameter_is_named_everywhere(reader: httpx.Client, path: str) -> None:
    document = problem(reader.get(API + path, params={"animall": "1"}), 400)
    assert document["type"] == "urn:capra:problem:unknown-parameter"
    assert document["detail"].startswith("unknown parameter 'animall': expected ")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "limit = '0': expected greater than or equal to 1"),
        ("limit=ten", "limit = 'ten': expected a valid integer"),
        ("collar=3000000000", "collar = '3000000000': expected less than or equal to 2147483647"),
        ("animal=x", "animal = 'x': expected a valid integer"),
        ("from=yesterday", "from = 'yesterday': expected an RFC 3339 time such as 2026-06-01T06"),
        ("after=1", "after = '1': expected the value out of a next link"),
        ("animal=1&collar=1", "'animal=1&collar=1': expected 'animal' or 'collar', not both"),
        ("from=2026-06-02T00:00:00Z&to=2026-06-01T00:00:00Z", "expected 'from' before 'to'"),
        ("limit=0&collar=0", "collar = '0': expected greater than or equal to 1; limit = '0'"),
    ],
)
def test_a_bad_value_is_named(reader: httpx.Client, query: str, detail: str) -> None:
    assert detail in problem(reader.get(f"{API}/fixes?{query}"), 400)["detail"]


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/animals/7", "no animal 7"),
        ("/collars/7", "no collar 7"),
        ("/fixes?animal=7", "no animal 7"),
        ("/tracks?animal=7", "no animal 7"),
        ("/home-ranges?animal=7", "no animal 7"),
        ("/home-ranges/7", "no home range 7"),
        ("/corridors?animal=7", "no animal 7"),
        ("/corridors/7", "no corridor 7"),
        ("/nosuch", "GET /api/v1/nosuch: Not Found"),
    ],
)
def test_what_is_not_there_is_named(reader: httpx.Client, path: str, detail: str) -> None:
    assert problem(reader.get(API + path), 404)["detail"] == detail


def test_another_method_is_a_problem_with_the_allowed_ones(reader: httpx.Client) -> None:
    response = reader.delete(API + "/animals")
    assert problem(response, 405)["title"] == "Method Not Allowed"
    assert response.headers["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "animal = None: expected a value, which is required here"),
        ({"animal": 1, "methd": "kde"}, "methd = 'kde': expected no member of this name"),
        ({"animal": 1, "method": "guess"}, "method = 'guess': expected 'mcp', 'kde'"),
        ({"animal": 1, "bandwidth_m": 0}, "bandwidth_m = 0: expected greater than 0"),
        ({"animal": 1, "levels_percent": [101]}, "levels_percent.0 = 101: expected less than"),
        ({"animal": 1, "options": {"k": 3}}, "options.k = 3: expected for akde: weights"),
        ({"animal": 1, "method": "mcp", "bandwidth_m": 9}, "options.bandwidth_m = 9.0: expected"),
        ({"animal": 1, "from": "2026-06-02T00:00:00Z", "to": "2026-06-01T00:00:00Z"},
         "expected a time before 'to'"),
    ],
)  # fmt: skip
def test_a_bad_member_of_a_body_is_named(
    reader: httpx.Client, herd: Herd, body: dict[str, Any], detail: str
) -> None:
    response = reader.post(API + "/home-ranges", json=body)
    assert detail in problem(response, 400)["detail"]


def test_a_body_that_is_not_json_is_a_problem(reader: httpx.Client) -> None:
    headers = {"Content-Type": "application/json"}
    response = reader.post(API + "/home-ranges", content="{", headers=headers)
    assert "expected valid JSON" in problem(response, 400)["detail"]


def test_too_few_fixes_are_a_conflict(reader: httpx.Client, herd: Herd) -> None:
    response = reader.post(API + "/home-ranges", json={"animal": herd.unseen})
    assert problem(response, 409)["detail"] == "animal 3 has no fixes in this time range"


def test_no_value_of_a_parameter_is_a_fault(reader: httpx.Client) -> None:
    """Every answer is a result, or a problem that lies with the request."""
    strange = ["", "-1", "1e3", "nan", "\0", "🐐", "9" * 30, "true", "' or 1=1 --", "a" * 3000]
    strange += ["0001-01-01T00:00:00+23:59", "2026-06-01T23:59:60Z", "0.0.0.0", "9.9.9.9999999999"]
    names = ("animal", "collar", "from", "to", "limit", "after", "history")
    for path in ("/fixes", "/tracks", "/home-ranges", "/corridors"):
        for name in names:
            for value in strange:
                response = reader.get(API + path, params={name: value})
                assert response.status_code in (200, 400), (path, name, value, response.text)
                assert len(response.text) < 1000 or response.status_code == 200


def test_a_fault_is_a_problem_that_tells_nothing_inside(database_url: str) -> None:
    migrate(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("alter table animal rename column taxon to species")
    with serving(database_url) as client:
        document = problem(client.get(API + "/animals"), 500)
    assert document["detail"] == "a fault in this service; its log says more"


def test_a_database_without_tables_says_what_to_do(database_url: str) -> None:
    with serving(database_url) as client:
        document = problem(client.get(API + "/animals"), 503)
        assert document["detail"].endswith("run 'capra migrate'")
        migrate(database_url)
        assert client.get(API + "/animals").json()["animals"] == []


def test_a_database_that_goes_away_and_comes_back(server_folder: Path) -> None:
    dsn = embedded.start("herd", server_folder)
    migrate(dsn)
    with serving(dsn, pool_wait_s=0.5) as client:
        assert client.get(API + "/health").status_code == 200
        embedded.stop(server_folder)
        for path in ("/health", "/fixes"):
            response = client.get(API + path)
            assert "the database does not answer" in problem(response, 503)["detail"]
            assert response.headers["retry-after"] == "5"
        embedded.start("herd", server_folder)
        assert client.get(API + "/health").status_code == 200


def test_a_service_may_start_before_its_database(server_folder: Path) -> None:
    dsn = embedded.start("herd", server_folder)
    migrate(dsn)
    embedded.stop(server_folder)
    with serving(dsn, pool_wait_s=0.5) as client:
        problem(client.get(API + "/latest"), 503)
        embedded.start("herd", server_folder)
        assert client.get(API + "/latest").status_code == 200


@pytest.mark.parametrize("after", ["1.0000-01-01", "1.2026-02-30", "3000000000.2026-01-01"])
def test_a_cursor_of_no_day_is_refused(reader: httpx.Client, after: str) -> None:
    problem(reader.get(f"{API}/days", params={"after": after}), 400)


@pytest.mark.parametrize("attributes", [{"a\0b": 1}, {"a": "\0"}])
def test_a_body_with_a_character_that_no_text_holds_is_refused(
    reader: httpx.Client, attributes: dict[str, Any]
) -> None:
    body = {"name": "of no text", "attributes": attributes}
    problem(reader.post(f"{API}/studies", json=body), 400)


@pytest.mark.parametrize("method", ["patch", "delete"])
def test_nobody_known_is_not_told_what_there_is_to_change(herd: Herd, method: str) -> None:
    with serving(herd.database_url, key=None) as public:
        body: dict[str, Any] = {"json": {}} if method == "patch" else {}
        for number in (1, 99):  # 99 is none
            problem(public.request(method, f"{API}/deployments/{number}", **body), 401)
