"""The operations of OGC API - Features 1.0: landing page down to a single feature."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from backend.auth import Caller, Viewer
from backend.deps import Database
from backend.errors import NotFound
from backend.geojson import STORED_DEG, collection_of_text, link
from backend.ogc import html, openapi
from backend.ogc.asked import asked, only, wanted_format
from backend.ogc.collections import COLLECTIONS, Collection

PREFIX = "/ogc"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
CONFORMANCE = tuple(
    f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}"
    for name in ("core", "oas30", "html", "geojson")
)
_JSON = "application/json"
_GEOJSON = "application/geo+json"
_HTML = "text/html"
_OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
_TITLE = "Capra"
_ABOUT = "Positions of wild animals, and what was made of them."

router = APIRouter(prefix=PREFIX, include_in_schema=False)


class _Answer(NamedTuple):
    """Something to answer, as data; `html` makes a page of it."""

    title: str
    content: Any
    media_type: str = _JSON


@router.get("")
@router.get("/")
def landing(request: Request, caller: Caller) -> Response:
    """What there is."""
    only(request, ("f",))
    links = [
        *_selves(request, _JSON),
        link("service-desc", _place(request, "api", f="json"), _OPENAPI),
        link("service-doc", _place(request, "api", f="html"), _HTML),
        link("conformance", _place(request, "conformance"), _JSON),
        link("data", _place(request, "collections"), _JSON),
    ]
    content = {"title": _TITLE, "description": _ABOUT, "links": _titled(links)}
    return _answer(request, _Answer(_TITLE, content))


@router.get("/conformance")
def conformance(request: Request, caller: Caller) -> Response:
    """Which parts of the standard are kept."""
    only(request, ("f",))
    content = {"conformsTo": CONFORMANCE, "links": _titled(_selves(request, _JSON))}
    return _answer(request, _Answer("What this conforms to", content))


@router.get("/api")
def definition(request: Request, caller: Caller) -> Response:
    """The OpenAPI 3.0 document of these operations."""
    only(request, ("f",))
    document = openapi.document(_place(request))
    if wanted_format(request) == "html":
        return _page(request, html.operations(document))
    return Response(json.dumps(document), media_type=_OPENAPI, headers=_headers())


@router.get("/collections")
def collections(request: Request, caller: Caller) -> Response:
    """All collections."""
    only(request, ("f",))
    content = {
        "links": _titled(_selves(request, _JSON)),
        "collections": [_described(request, one) for one in COLLECTIONS.values()],
    }
    return _answer(request, _Answer("Collections", content))


@router.get("/collections/{collection}")
def collection(request: Request, caller: Caller, collection: str) -> Response:
    """What a collection is."""
    only(request, ("f",))
    one = _known(collection)
    content = _described(request, one)
    content["links"] = _titled(_selves(request, _JSON)) + content["links"]
    return _answer(request, _Answer(one.title, content))


@router.get("/collections/{collection}/items")
def items(database: Database, request: Request, viewer: Viewer, collection: str) -> Response:
    """A page of features."""
    one = _known(collection)
    kind = wanted_format(request)
    page = one.page(database, viewer, asked(request, one.filters))
    links = _selves(request, _GEOJSON)
    if page.onward:
        onward = request.url.include_query_params(after=page.onward, f=kind)
        links.append(link("next", onward, _HTML if kind == "html" else _GEOJSON))
    links.append(link("collection", _place(request, "collections", one.name), _JSON))
    text = collection_of_text(page.features, page.returned, _titled(links))
    if kind == "html":
        return _page(request, html.items(one.title, json.loads(text)))
    return Response(text, media_type=_GEOJSON, headers=_headers())


@router.get("/collections/{collection}/items/{item:path}")
def item(
    database: Database, request: Request, viewer: Viewer, collection: str, item: str
) -> Response:
    """One feature."""
    only(request, ("f",))
    one = _known(collection)
    feature = None if "\0" in item else one.one(database, viewer, item)
    if feature is None:
        raise NotFound(f"feature of {one.name}", item)
    up = link("collection", _place(request, "collections", one.name), _JSON)
    feature["links"] = _titled([*_selves(request, _GEOJSON), up])
    feature["precisionStored"] = STORED_DEG
    return _answer(request, _Answer(f"{one.title}: {feature['id']}", feature, _GEOJSON))


def _known(name: str) -> Collection:
    if name not in COLLECTIONS:
        raise NotFound("collection", name)
    return COLLECTIONS[name]


def _described(request: Request, one: Collection) -> dict[str, Any]:
    place = _place(request, "collections", one.name, "items")
    return {
        "id": one.name,
        "title": one.title,
        "description": one.description,
        "itemType": "feature",
        "crs": [CRS84],
        # of all there can be: the true one would tell where animals are before anybody may know
        "extent": {
            "spatial": {"bbox": [[-180, -90, 180, 90]], "crs": CRS84},
            "temporal": {"interval": [[None, None]]},
        },
        "links": _titled(
            [
                link("items", f"{place}?f=json", _GEOJSON),
                link("items", f"{place}?f=html", _HTML),
            ]
        ),
    }


def _place(request: Request, *path: str, **query: str) -> str:
    base = "/".join((str(request.base_url).rstrip("/") + PREFIX, *map(quote, path)))
    return base + "".join(f"?{name}={value}" for name, value in query.items())


def _selves(request: Request, media_type: str) -> list[dict[str, str]]:
    """This answer, and the same in the other format."""
    kinds = {"json": media_type, "html": _HTML}
    here = wanted_format(request)
    return [
        link(
            "self" if kind == here else "alternate",
            request.url.include_query_params(f=kind),
            kinds[kind],
        )
        for kind in sorted(kinds, key=lambda kind: kind != here)
    ]


_TITLES = {
    "self": "This document", "alternate": "This document as {}", "next": "Next page",
    "service-desc": "Definition of the API (OpenAPI 3.0)", "service-doc": "The API for people",
    "conformance": "Conformance", "data": "Collections", "items": "Features as {}",
    "collection": "The collection",
}  # fmt: skip


def _titled(links: list[dict[str, str]]) -> list[dict[str, str]]:
    """Links with a title for people."""
    kinds = {_HTML: "HTML", _JSON: "JSON", _GEOJSON: "GeoJSON"}
    return [
        one | {"title": _TITLES[one["rel"]].format(kinds.get(one["type"], one["type"]))}
        for one in links
    ]


def _answer(request: Request, answer: _Answer) -> Response:
    if wanted_format(request) == "html":
        return _page(request, html.document(answer.title, answer.content))
    text = json.dumps(answer.content, ensure_ascii=False)
    return Response(text, media_type=answer.media_type, headers=_headers())


def _page(request: Request, page: html.Page) -> Response:
    steps = request.url.path.removeprefix(PREFIX).strip("/").split("/")
    trail = [(_TITLE, _place(request, f="html"))]
    for end in range(1, len(steps)):
        trail.append((steps[end - 1], _place(request, *steps[:end], f="html")))
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = html.render(page, trail, str(request.url.include_query_params(f="json")), made)
    return Response(text, media_type=_HTML, headers=_headers())


def _headers() -> dict[str, str]:
    return {"Cache-Control": "no-store", "Vary": "Accept, Authorization, Cookie, apikey"}
