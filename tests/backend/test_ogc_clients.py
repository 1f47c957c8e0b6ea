"""Clients of other projects, unmodified, read the same features of every collection."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import shapely
from owslib.ogcapi.features import Features

from tests.backend.factories import bearer, key_for, serving

pytestmark = pytest.mark.db

HERE = Path(__file__).parent
SETUP = HERE.parents[1] / ".ci" / "setup" / "clients.sh"
COLLECTIONS = ("fixes", "tracks", "latest", "home-ranges", "corridors", "stations", "fences")
BOX = (10.18, 46.645, 10.2, 46.7)


class Service(NamedTuple):
    address: str
    key: str


@pytest.fixture(scope="module")
def service(furnished: str) -> Iterator[Service]:
    with serving(furnished, key=None) as client:
        yield Service(f"{client.base_url}/ogc".replace("//ogc", "/ogc"), key_for(furnished))


def by_owslib(service: Service, name: str, **wanted: Any) -> dict[str, Any]:
    """Geometry of each feature by id, as OWSLib reads it, page by page."""
    client = Features(service.address, headers=bearer(service.key))
    found: dict[str, Any] = {}
    after: dict[str, str] = {}
    while True:
        page = client.collection_items(name, limit=40, **wanted, **after)
        for one in page["features"]:
            geometry = one["geometry"]
            shape = shapely.geometry.shape(geometry) if geometry else None
            found[str(one["id"])] = (shape, one["properties"])
        onward = [one["href"] for one in page["links"] if one["rel"] == "next"]
        if not onward:
            return found
        after = {"after": onward[0].partition("after=")[2].partition("&")[0]}


def by_gdal(service: Service, name: str, box: tuple[float, ...] = ()) -> dict[str, Any]:
    """Geometry of each feature by id, as GDAL's OAPIF driver reads it, page by page."""
    arguments = [HERE / "clients" / "read_layer.py", *service, name]
    run = subprocess.run(
        [sys.executable, *arguments, *([",".join(map(str, box))] if box else [])],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return {
        one: (shapely.from_wkb(wkb) if wkb else None, fields)
        for one, wkb, fields in json.loads(run.stdout)
    }


def by_javascript(service: Service, box: tuple[float, ...] | None = None) -> dict[str, list[str]]:
    """Ids of the features of every collection, as @ogcapi-js/features reads them."""
    home = subprocess.run([SETUP, "--path"], check=True, capture_output=True, text=True)
    folder = Path(home.stdout.strip())
    arguments = [
        HERE / "clients" / "read_collections.js", *service, folder / "node_modules",
        ",".join(map(str, box or ())), *COLLECTIONS,
    ]  # fmt: skip
    run = subprocess.run(
        [folder / "bin" / "node", *arguments], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


def test_three_clients_read_the_same_features(service: Service) -> None:
    by_js = by_javascript(service)
    for name in COLLECTIONS:
        owslib, gdal = by_owslib(service, name), by_gdal(service, name)
        assert list(owslib) == list(gdal) == by_js[name]
        for one, (shape, _) in owslib.items():
            assert shape is gdal[one][0] is None or shape.equals(gdal[one][0]), (name, one)
    assert [len(by_js[name]) for name in COLLECTIONS] == [105, 2, 3, 4, 1, 2, 1]


def test_three_clients_read_the_same_box(service: Service) -> None:
    by_js = by_javascript(service, BOX)
    for name in COLLECTIONS:
        owslib = by_owslib(service, name, bbox=list(BOX))
        gdal = by_gdal(service, name, BOX)
        assert list(owslib) == list(gdal) == by_js[name], name
        assert owslib, name


def test_gdal_and_owslib_agree_on_what_a_fix_is(service: Service) -> None:
    _, owslib = by_owslib(service, "fixes")["1-0-1"]
    _, gdal = by_gdal(service, "fixes")["1-0-1"]
    for name in ("collar", "record", "animal", "altitude_m", "reason", "precision_deg"):
        assert gdal[name] == owslib[name], name


def test_who_shows_no_key_reads_nothing_of_a_herd_that_is_not_public(service: Service) -> None:
    for name in COLLECTIONS:
        path = f"{service.address}/collections/{name}/items"
        assert httpx.get(path, trust_env=False).json()["features"] == []
