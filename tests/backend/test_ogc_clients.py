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


def by_gdal(service: Service, box: tuple[float, ...] = ()) -> dict[str, dict[str, Any]]:
    """The same of every collection, as GDAL's OAPIF driver reads them."""
    script, edges = HERE / "clients" / "read_layers.py", ",".join(map(str, box))
    run = subprocess.run(
        [sys.executable, script, *service, edges, *COLLECTIONS],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return {
        name: {one: (shapely.from_wkb(wkb) if wkb else None, row) for one, wkb, row in features}
        for name, features in json.loads(run.stdout).items()
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
    by_js, gdal = by_javascript(service), by_gdal(service)
    for name in COLLECTIONS:
        owslib = by_owslib(service, name)
        assert list(owslib) == list(gdal[name]) == by_js[name]
        for one, (shape, _) in owslib.items():
            other = gdal[name][one][0]
            assert shape is other is None or shape.equals(other), (name, one)
    assert [len(by_js[name]) for name in COLLECTIONS] == [105, 2, 3, 4, 1, 2, 1]
    properties = by_owslib(service, "fixes")["1-0-1"][1]
    for name in ("collar", "record", "animal", "altitude_m", "reason", "precision_deg"):
        assert gdal["fixes"]["1-0-1"][1][name] == properties[name], name


def test_three_clients_read_the_same_box(service: Service) -> None:
    by_js, gdal = by_javascript(service, BOX), by_gdal(service, BOX)
    for name in COLLECTIONS:
        owslib = by_owslib(service, name, bbox=list(BOX))
        assert list(owslib) == list(gdal[name]) == by_js[name], name
        assert owslib, name


def test_who_shows_no_key_reads_nothing_of_a_herd_that_is_not_public(service: Service) -> None:
    for name in COLLECTIONS:
        path = f"{service.address}/collections/{name}/items"
        assert httpx.get(path, trust_env=False).json()["features"] == []
