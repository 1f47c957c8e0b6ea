"""The OpenAPI 3.0.3 document of these operations (class oas30 wants 3.0; the API's own is 3.1)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from backend.ogc.asked import FORMATS, LIMIT_DEFAULT
from backend.ogc.collections import COLLECTIONS, Collection
from backend.params import LIMIT_MAX
from backend.problems import MEDIA_TYPE

Json = dict[str, Any]

_ABOUT = (
    "Positions of wild animals by OGC API - Features 1.0: WGS84, longitude first. What of a "
    "position a caller sees depends on their role in the study and on how sensitive the species "
    "is; precision_deg says how exactly it is given."
)
_FILTERS = {
    "animal": ("Only of this animal", 2**63 - 1),
    "collar": ("Only of this collar", 2**31 - 1),
}
_REFUSALS = {
    "400": "A value that cannot be used, or a parameter that is not known here",
    "401": "A credential that is not good",
    "404": "No such thing, or none that may be seen",
    "429": "Too many requests; Retry-After says when to come again",
    "503": "The database does not answer",
}


def document(address: str) -> Json:
    """The document of the service at an address."""
    paths = {
        "/": _operation("landing", "What there is", "Landing"),
        "/conformance": _operation("conformance", "Which classes are kept", "Conformance"),
        "/api": _operation("definition", "This document", "Any"),
        "/collections": _operation("collections", "All collections", "Collections"),
    }
    for one in COLLECTIONS.values():
        name, here = one.name.replace("-", "_"), f"/collections/{one.name}"
        paths[here] = _operation(f"about_{name}", f"{one.title}: what they are", "Collection")
        paths[f"{here}/items"] = _operation(
            f"list_{name}", one.description, "Features", _parameters(one), geojson=True
        )
        paths[f"{here}/items/{{item}}"] = _operation(
            f"get_{name}", f"{one.title}: one by its id", "Feature", ["item"], geojson=True
        )
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Capra",
            "version": version("capra"),
            "description": _ABOUT,
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0.html",
            },
        },
        "servers": [{"url": address}],
        "security": [{}, {"bearer": []}, {"apikey": []}],
        "tags": [{"name": "Features", "description": "OGC API - Features 1.0"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "apikey": {"type": "apiKey", "in": "header", "name": "apikey"},
            },
            "parameters": _known_parameters(),
            "schemas": _schemas(),
            "responses": {
                f"refused{status}": _refusal(text) for status, text in _REFUSALS.items()
            },
        },
    }


def _operation(
    name: str, summary: str, schema: str, parameters: list[str] | None = None,
    geojson: bool = False,
) -> Json:  # fmt: skip
    media = "application/geo+json" if geojson else "application/json"
    if name == "definition":
        media = "application/vnd.oai.openapi+json;version=3.0"
    refusals = ["400", "401", "429", "503"] + (["404"] if schema == "Feature" else [])
    shown = {"$ref": f"#/components/schemas/{schema}"}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["Features"],
            "parameters": [_ref("parameters", one) for one in [*(parameters or []), "f"]],
            "responses": {
                "200": {
                    "description": "It",
                    "content": {
                        media: {"schema": shown},
                        "text/html": {"schema": {"type": "string"}},
                    },
                }
            }
            | {status: _ref("responses", f"refused{status}") for status in sorted(refusals)},
        }
    }


def _parameters(one: Collection) -> list[str]:
    return ["limit", "bbox", "datetime", *one.filters, "after"]


def _known_parameters() -> Json:
    def query(name: str, description: str, schema: Json, **more: Any) -> Json:
        plain = {"name": name, "in": "query", "required": False, "description": description}
        return plain | {"schema": schema, "style": "form"} | more

    number = {"type": "integer", "minimum": 1}
    box = {
        "type": "array", "items": {"type": "number"},
        "oneOf": [{"minItems": 4, "maxItems": 4}, {"minItems": 6, "maxItems": 6}],
    }  # fmt: skip
    made = {
        "f": query(
            "f", "The format, in place of the Accept header",
            {"type": "string", "enum": list(FORMATS)}, explode=False,
        ),
        "limit": query(
            "limit", f"Features on a page; more than {LIMIT_MAX} counts as {LIMIT_MAX}",
            number | {"maximum": LIMIT_MAX, "default": LIMIT_DEFAULT}, explode=False,
        ),
        "bbox": query(
            "bbox",
            "Only features with a point in the box: west, south, east, north in degrees; west "
            "greater than east crosses the antimeridian; heights, as third and sixth, count for "
            "nothing",
            box, explode=False,
        ),
        "datetime": query(
            "datetime",
            "Only features of a time, such as 2026-06-01T06:00:00Z, or of an interval, such as "
            "2026-06-01T00:00:00Z/2026-07-01T00:00:00Z, of which one end may be '..'; what has no "
            "time is of any",
            {"type": "string"}, explode=False,
        ),
        "after": query(
            "after", "Where a page begins: taken from a next link", {"type": "string"},
            explode=False,
        ),
        "item": {
            "name": "item", "in": "path", "required": True, "description": "The feature's id",
            "schema": {"type": "string"},
        },
    }  # fmt: skip
    for name, (description, most) in _FILTERS.items():
        made[name] = query(name, description, number | {"maximum": most}, explode=False)
    return made


def _schemas() -> Json:
    text, whole = {"type": "string"}, {"type": "integer", "minimum": 0}
    link = _object({"href": text, "rel": text, "type": text, "title": text}, "href", "rel")
    links = {"type": "array", "items": _ref("schemas", "Link")}
    feature = {
        "type": {"type": "string", "enum": ["Feature"]},
        "id": {"oneOf": [text, {"type": "integer"}]},
        "geometry": {"type": "object", "nullable": True},
        "properties": {"type": "object", "nullable": True},
        "links": links,
        "precisionStored": {"type": "number"},
    }
    features = {
        "type": {"type": "string", "enum": ["FeatureCollection"]},
        "features": {"type": "array", "items": _ref("schemas", "Feature")},
        "links": links,
        "timeStamp": {"type": "string", "format": "date-time"},
        "numberReturned": whole,
        "precisionStored": {"type": "number"},
    }
    collection = {
        "id": text, "title": text, "description": text, "links": links, "itemType": text,
        "extent": {"type": "object"}, "crs": {"type": "array", "items": text},
    }  # fmt: skip
    collections = {"links": links, "collections": _array("Collection")}
    conforms = {"conformsTo": {"type": "array", "items": text}, "links": links}
    problem = {"type": text, "title": text, "status": whole, "detail": text, "instance": text}
    return {
        "Any": {"type": "object"},
        "Link": link,
        "Landing": _object({"title": text, "description": text, "links": links}, "links"),
        "Conformance": _object(conforms, "conformsTo"),
        "Collection": _object(collection, "id", "links"),
        "Collections": _object(collections, "links", "collections"),
        "Feature": _object(feature, "type", "geometry", "properties"),
        "Features": _object(features, "type", "features"),
        "Problem": _object(problem, "type", "title", "status"),
    }


def _object(members: Json, *required: str) -> Json:
    return {"type": "object", "required": list(required), "properties": members}


def _array(of: str) -> Json:
    return {"type": "array", "items": _ref("schemas", of)}


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _refusal(text: str) -> Json:
    return {"description": text, "content": {MEDIA_TYPE: {"schema": _ref("schemas", "Problem")}}}
