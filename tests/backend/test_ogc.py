"""OGC API - Features 1.0: the abstract tests of OGC 17-069r4, annex A, one each, by their names.

Core (34), GeoJSON (2), HTML (2) and OpenAPI 3.0 (6), over a real socket and a real database.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from typing import Any

import httpx
import psycopg
import pytest
import shapely
from shapely.geometry import shape

from backend.db import ingest, registry
from backend.params import LIMIT_MAX
from tests.backend.conftest import migrated_database
from tests.backend.factories import START, fix_row, serving

pytestmark = pytest.mark.db

ROOT = "/ogc"
CONF = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
COLLECTIONS = ("fixes", "tracks", "latest", "home-ranges", "corridors", "stations", "fences")
FEATURES = {
    "fixes": 105, "tracks": 2, "latest": 3, "home-ranges": 4, "corridors": 1, "stations": 2,
    "fences": 1,
}  # fmt: skip
ALPS = (10.1, 46.6, 10.3, 46.8)


@pytest.fixture(scope="module")
def client(furnished: str) -> Iterator[httpx.Client]:
    with serving(furnished) as client:
        yield client


def get(client: httpx.Client, path: str, status: int = 200, **params: Any) -> Any:
    answer = client.get(path if path.startswith("http") else ROOT + path, params=params or None)
    assert answer.status_code == status, (path, params, answer.text)
    return answer.json()


def items(client: httpx.Client, name: str, **params: Any) -> list[dict[str, Any]]:
    return list(get(client, f"/collections/{name}/items", **params)["features"])


def everything(client: httpx.Client, name: str, **params: Any) -> list[dict[str, Any]]:
    """All features, over all pages."""
    page = get(client, f"/collections/{name}/items", **params)
    found = list(page["features"])
    while onward := links(page, "next"):
        page = get(client, onward[0]["href"])
        found += page["features"]
    return found


def links(content: dict[str, Any], rel: str) -> list[dict[str, Any]]:
    return [one for one in content["links"] if one["rel"] == rel]


def kinds(content: dict[str, Any], rel: str) -> set[str]:
    return {one["type"] for one in links(content, rel)}


def parameter(client: httpx.Client, name: str) -> dict[str, Any]:
    """A parameter as the definition has it, of the operation that lists fixes."""
    document = get(client, "/api")
    listed = document["paths"]["/collections/fixes/items"]["get"]["parameters"]
    known = [document["components"]["parameters"][one["$ref"].split("/")[-1]] for one in listed]
    return next(one for one in known if one["name"] == name)


# Core


def test_http(client: httpx.Client) -> None:
    answer = client.get(ROOT)
    assert (answer.http_version, answer.status_code) == ("HTTP/1.1", 200)


def test_root_op(client: httpx.Client) -> None:
    assert client.get(f"{ROOT}/", follow_redirects=True).status_code == 200


def test_root_success(client: httpx.Client) -> None:
    content = get(client, "")
    for rel in ("service-desc", "service-doc", "conformance", "data"):
        for one in links(content, rel):
            assert client.get(one["href"]).headers["content-type"].startswith(one["type"])
    assert links(content, "service-desc") and links(content, "conformance")
    assert links(content, "data")


def test_api_definition_op(client: httpx.Client) -> None:
    for rel in ("service-desc", "service-doc"):
        for one in links(get(client, ""), rel):
            assert client.get(one["href"], headers={"Accept": one["type"]}).status_code == 200


def test_api_definition_success(client: httpx.Client) -> None:
    (one,) = links(get(client, ""), "service-desc")
    assert one["type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert get(client, one["href"])["openapi"] == "3.0.3"


def test_conformance_op(client: httpx.Client) -> None:
    (one,) = links(get(client, ""), "conformance")
    assert client.get(one["href"]).status_code == 200


def test_conformance_success(client: httpx.Client) -> None:
    kept = get(client, "/conformance")["conformsTo"]
    assert set(kept) == {CONF + name for name in ("core", "oas30", "html", "geojson")}


def test_fc_md_op(client: httpx.Client) -> None:
    (one,) = links(get(client, ""), "data")
    assert client.get(one["href"]).status_code == 200


def test_fc_md_success(client: httpx.Client) -> None:
    content = get(client, "/collections")
    assert isinstance(content["links"], list)
    assert tuple(one["id"] for one in content["collections"]) == COLLECTIONS


def test_fc_md_links(client: httpx.Client) -> None:
    content = get(client, "/collections")
    assert kinds(content, "self") == {"application/json"}
    assert kinds(content, "alternate") == {"text/html"}


def test_fc_md_items(client: httpx.Client) -> None:
    for one in get(client, "/collections")["collections"]:
        assert one["id"] and one["title"] and one["description"]
        assert one["itemType"] == "feature"


def test_fc_md_items_links(client: httpx.Client) -> None:
    for one in get(client, "/collections")["collections"]:
        assert kinds(one, "items") == {"application/geo+json", "text/html"}
        for link in links(one, "items"):
            assert client.get(link["href"]).headers["content-type"].startswith(link["type"])


def test_fc_md_extent(client: httpx.Client) -> None:
    for one in get(client, "/collections")["collections"]:
        (box,) = one["extent"]["spatial"]["bbox"]
        for feature in items(client, one["id"]):
            if feature["geometry"]:
                assert shapely.box(*box).contains(shape(feature["geometry"]))
        assert one["extent"]["temporal"]["interval"] == [[None, None]]


def test_fc_md_extent_multi(client: httpx.Client) -> None:
    for one in get(client, "/collections")["collections"]:
        assert len(one["extent"]["spatial"]["bbox"]) == 1  # one: there is nothing to contain
        assert len(one["extent"]["temporal"]["interval"]) == 1


def test_sfc_md_op(client: httpx.Client) -> None:
    for name in COLLECTIONS:
        assert client.get(f"{ROOT}/collections/{name}").status_code == 200


def test_sfc_md_success(client: httpx.Client) -> None:
    for listed in get(client, "/collections")["collections"]:
        alone = get(client, f"/collections/{listed['id']}")
        for member in ("id", "title", "description", "extent", "itemType", "crs"):
            assert alone[member] == listed[member]
        assert all(link in alone["links"] for link in listed["links"])


def test_crs84(client: httpx.Client) -> None:
    for name in COLLECTIONS:
        assert CRS84 in get(client, f"/collections/{name}")["crs"]
        assert all("crs" not in feature for feature in items(client, name))


def test_fc_op(client: httpx.Client) -> None:
    for name in COLLECTIONS:
        for link in links(get(client, f"/collections/{name}"), "items"):
            assert client.get(link["href"]).status_code == 200


def test_fc_bbox_definition(client: httpx.Client) -> None:
    box = parameter(client, "bbox")
    assert (box["in"], box["required"], box["style"], box["explode"]) == (
        "query",
        False,
        "form",
        False,
    )
    assert box["schema"]["type"] == "array" and box["schema"]["items"] == {"type": "number"}
    assert {(one["minItems"], one["maxItems"]) for one in box["schema"]["oneOf"]} == {
        (4, 4),
        (6, 6),
    }


@pytest.mark.parametrize("name", COLLECTIONS)
def test_fc_bbox_response(client: httpx.Client, name: str) -> None:
    box = shapely.box(10.18, 46.645, 10.2, 46.7)
    expected = [
        one["id"]
        for one in everything(client, name)
        if one["geometry"] and box.intersects(shape(one["geometry"]))
    ]
    for text in ("10.18,46.645,10.2,46.7", "10.18,46.645,-99,10.2,46.7,9999"):
        assert [one["id"] for one in everything(client, name, bbox=text)] == expected
    assert expected  # or nothing is shown by it


def test_fc_limit_definition(client: httpx.Client) -> None:
    limit = parameter(client, "limit")
    assert (limit["in"], limit["required"], limit["style"], limit["explode"]) == (
        "query", False, "form", False,
    )  # fmt: skip
    schema = limit["schema"]
    assert (schema["type"], schema["minimum"], schema["maximum"]) == ("integer", 1, LIMIT_MAX)
    assert schema["default"] <= schema["maximum"]


@pytest.mark.parametrize("name", COLLECTIONS)
def test_fc_limit_response(client: httpx.Client, name: str) -> None:
    for limit, given in (
        (1, 1),
        (3, 3),
        (LIMIT_MAX + 1, FEATURES[name]),
        (10**15, FEATURES[name]),
    ):
        assert len(items(client, name, limit=limit)) == min(given, FEATURES[name])


def test_fc_time_definition(client: httpx.Client) -> None:
    time = parameter(client, "datetime")
    assert (time["in"], time["required"], time["style"], time["explode"]) == (
        "query", False, "form", False,
    )  # fmt: skip
    assert time["schema"] == {"type": "string"}


def test_fc_time_response(client: httpx.Client) -> None:
    found = {
        text: [one["id"] for one in items(client, "fixes", collar=1, datetime=text)]
        for text in (
            "2026-06-01T04:00:00Z", "2026-06-01T04:00:00Z/2026-06-01T08:00:00Z",
            "../2026-06-01T02:00:00Z", "/2026-06-01T02:00:00Z", "2026-06-05T22:00:00Z/..",
            "2026-06-05T22:00:00Z/", "2026-06-01T05:00:00+01:00", "2030-01-01T00:00:00Z/..",
        )
    }  # fmt: skip
    assert list(found.values()) == [
        ["1-0-3"], ["1-0-3", "1-0-4", "1-0-5"], ["1-0-1", "1-0-2"], ["1-0-1", "1-0-2"],
        ["1-0-60"], ["1-0-60"], ["1-0-3"], [],
    ]  # fmt: skip


def test_fc_response(client: httpx.Client) -> None:
    for name in COLLECTIONS:
        content = get(client, f"/collections/{name}/items", limit=2)
        assert content["type"] == "FeatureCollection"
        assert all(one["type"] == "Feature" and "id" in one for one in content["features"])


def test_fc_links(client: httpx.Client) -> None:
    for name, count in FEATURES.items():
        content = get(client, f"/collections/{name}/items", limit=1)
        assert kinds(content, "self") == {"application/geo+json"}
        assert kinds(content, "alternate") == {"text/html"}
        assert bool(links(content, "next")) == (count > 1)
        ids = [one["id"] for one in everything(client, name, limit=1)]
        assert len(ids) == len(set(ids)) == count


def test_fc_timestamp(client: httpx.Client) -> None:
    for name in COLLECTIONS:
        stamp = datetime.fromisoformat(get(client, f"/collections/{name}/items")["timeStamp"])
        assert abs((datetime.now(UTC) - stamp).total_seconds()) < 3600


def test_fc_number_matched(client: httpx.Client) -> None:
    for name in COLLECTIONS:  # left out, as it may be: counting would read all there is
        assert "numberMatched" not in get(client, f"/collections/{name}/items")


def test_fc_number_returned(client: httpx.Client) -> None:
    for name, limit in product(COLLECTIONS, (1, 2, 1000)):
        content = get(client, f"/collections/{name}/items", limit=limit)
        assert content["numberReturned"] == len(content["features"])


def test_f_op(client: httpx.Client) -> None:
    for name in COLLECTIONS:
        for feature in items(client, name):
            place = str(feature["id"]).replace("/", "%2F")
            assert client.get(f"{ROOT}/collections/{name}/items/{place}").status_code == 200


def test_f_success(client: httpx.Client) -> None:
    for name in COLLECTIONS:
        for listed in items(client, name, limit=3):
            alone = get(
                client, f"/collections/{name}/items/{str(listed['id']).replace('/', '%2F')}"
            )
            assert {member: alone[member] for member in listed} == listed


def test_f_links(client: httpx.Client) -> None:
    for name in COLLECTIONS:
        (feature, *_) = items(client, name, limit=1)
        alone = get(client, f"/collections/{name}/items/{feature['id']}")
        assert kinds(alone, "self") == {"application/geo+json"}
        assert kinds(alone, "alternate") == {"text/html"}
        (up,) = links(alone, "collection")
        assert get(client, up["href"])["id"] == name


def test_query_param_unknown(client: httpx.Client) -> None:
    paths = ["", "/api", "/conformance", "/collections", "/collections/fixes"]
    for path in (*paths, "/collections/fixes/items", "/collections/fixes/items/1-0-1"):
        problem = get(client, path, status=400, anyone="1")
        assert problem["parameter"] == "anyone"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *product(("limit",), ("0", "-1", "ten", "1.5", "", "１")),
        *product(("bbox",), ("1,2,3", "1,2,3,4,5", "a,b,c,d", "0,50,1,40", "0,0,0,100")),
        *product(("bbox",), ("nan,0,1,1", "1,2,x,3,4,5", "0,0,0,400,1,1")),
        *product(("datetime",), ("yesterday", "2026-06-01", "2026-13-01T00:00:00Z", "..", "")),
        ("datetime", "2026-06-02T00:00:00Z/2026-06-01T00:00:00Z"),
        ("datetime", "2026-06-01T00:00:00Z/../.."),
        *product(("f",), ("xml", "")),
        *product(("after",), ("x", "1", "1.2.3.12345678901234567")),
        *product(("collar",), ("0", "x", "9999999999")),
    ],
)  # fmt: skip
def test_query_param_invalid(client: httpx.Client, name: str, value: str) -> None:
    problem = get(client, "/collections/fixes/items", status=400, **{name: value})
    assert problem["parameter"] == name


# GeoJSON


def test_geojson_definition(client: httpx.Client) -> None:
    for name in COLLECTIONS:
        for path in (f"/collections/{name}/items", f"/collections/{name}/items/none-such"):
            answer = client.get(ROOT + path, headers={"Accept": "application/geo+json"})
            assert answer.headers["content-type"] in (
                "application/geo+json",
                "application/problem+json",
            )


def test_geojson_content(client: httpx.Client) -> None:
    for name in COLLECTIONS:
        for feature in items(client, name):
            assert isinstance(feature["properties"], dict)
            if feature["geometry"]:
                assert shape(feature["geometry"]).is_valid
                assert shapely.box(*ALPS).intersects(shape(feature["geometry"]))


# HTML


def test_html_definition(client: httpx.Client) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    for path in ("", "/api", "/conformance", "/collections", "/collections/fixes"):
        assert (
            client.get(ROOT + path, headers=browser)
            .headers["content-type"]
            .startswith("text/html")
        )


def test_html_content(client: httpx.Client) -> None:
    text = client.get(f"{ROOT}/collections/fixes/items", params={"f": "html", "limit": 2}).text
    for expected in ("<title>Fixes · Capra</title>", "1-0-1", "2-0-1", 'rel="next"', "<svg"):
        assert expected in text
    assert "<script" not in text and "style=" not in text


# OpenAPI 3.0


def test_oas30_definition_1(client: httpx.Client) -> None:
    (one,) = links(get(client, ""), "service-desc")
    answer = client.get(one["href"])
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"


def test_oas30_definition_2(client: httpx.Client) -> None:
    document = get(client, "/api")
    assert document["openapi"].startswith("3.0.")
    text = str(document)
    for newer in ("'const'", "'examples'", "'null'", "'prefixItems'", "'webhooks'"):
        assert newer not in text  # words of 3.1


def test_oas30_oas_impl(client: httpx.Client) -> None:
    document = get(client, "/api")
    (server,) = document["servers"]
    for path in document["paths"]:
        if "{" not in path:
            assert client.get(server["url"] + path).status_code == 200


def test_oas30_completeness(client: httpx.Client) -> None:
    document = get(client, "/api")
    for path, methods in document["paths"].items():
        assert methods["get"]["responses"]["200"]["content"], path
        assert {"400", "401", "503"} <= set(methods["get"]["responses"])
    for name in COLLECTIONS:
        assert f"/collections/{name}/items" in document["paths"]


def test_oas30_exception_codes(client: httpx.Client) -> None:
    document = get(client, "/api")
    known = document["paths"]["/collections/fixes/items/{item}"]["get"]["responses"]
    for path in ("/collections/fixes/items/9-9-9", "/collections/fixes/items/no"):
        answer = client.get(ROOT + path)
        assert str(answer.status_code) in known
        assert answer.headers["content-type"] == "application/problem+json"


def test_oas30_security(client: httpx.Client) -> None:
    document = get(client, "/api")
    assert set(document["components"]["securitySchemes"]) == {"bearer", "apikey"}
    bad = client.get(ROOT, headers={"Authorization": "Bearer capra_no"})
    assert bad.status_code == 401


# Beyond the abstract tests


def test_a_box_over_the_antimeridian_has_both_its_sides(postgres_server: str) -> None:
    url = migrated_database(postgres_server, "ogc_edge")
    with psycopg.connect(url) as connection:
        for collar, lon in ((1, 179.9), (2, -179.9), (3, 0.0)):
            registry.add_collar(connection, f"collar {collar}")
            animal = registry.add_animal(connection, f"Whale {collar}")
            registry.deploy(connection, collar, animal, START)
            rows = [fix_row(n, collar=collar, lon_deg=lon, lat_deg=n / 100) for n in (1, 2, 3)]
            ingest.load(connection, ingest.Batch(rows))
    with serving(url) as client:
        for name in ("latest", "tracks"):
            ids = [
                one["properties"]["animal"] for one in items(client, name, bbox="179,-1,-179,1")
            ]
            assert ids == [1, 2]


def test_an_unknown_collection_is_not_there(client: httpx.Client) -> None:
    for path in ("/collections/wolves", "/collections/wolves/items", "/collections/fixes/items/1"):
        assert get(client, path, status=404)["type"] == "urn:capra:problem:not-found"
