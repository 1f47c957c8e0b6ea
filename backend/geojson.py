"""Rows to GeoJSON (RFC 7946): WGS84, longitude first, lines cut at the antimeridian."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from fastapi.responses import JSONResponse
from starlette.datastructures import URL

from backend.params import format_time

Position = tuple[float, float]
STORED_DEG = 0.00001


class GeoJSONResponse(JSONResponse):
    """JSON with the media type of GeoJSON."""

    media_type = "application/geo+json"


def feature(
    identity: object, geometry: dict[str, Any] | None, properties: dict[str, Any]
) -> dict[str, Any]:
    """A Feature; times among the properties become RFC 3339."""
    for name, value in properties.items():
        if isinstance(value, datetime):
            properties[name] = format_time(value)
    return {"type": "Feature", "id": identity, "geometry": geometry, "properties": properties}


def collection(
    features: list[dict[str, Any]], links: Sequence[dict[str, str]] = ()
) -> dict[str, Any]:
    """A FeatureCollection with its links and the time it was made."""
    return {
        "type": "FeatureCollection",
        "timeStamp": format_time(datetime.now(UTC).replace(microsecond=0)),
        "numberReturned": len(features),
        "precisionStored": STORED_DEG,
        "links": list(links),
        "features": features,
    }


def collection_of_text(
    features: bytes | memoryview, returned: int, links: Sequence[dict[str, str]]
) -> bytes:
    """The same around features that are text already."""
    empty = collection([], links) | {"numberReturned": returned}
    head = json.dumps(empty, ensure_ascii=False, separators=(",", ":")).encode()
    return b"".join((head.removesuffix(b"]}"), features, b"]}"))


def link(rel: str, href: object, media_type: str = GeoJSONResponse.media_type) -> dict[str, str]:
    """A link as OGC API - Features writes it."""
    return {"rel": rel, "type": media_type, "href": str(href)}


def page_links(
    url: URL, onward: object | None, media_type: str = GeoJSONResponse.media_type
) -> list[dict[str, str]]:
    """Links of a page: itself, and the one behind `onward` where there is more."""
    links = [link("self", url, media_type)]
    if onward is not None:
        links.append(link("next", url.include_query_params(after=onward), media_type))
    return links


def point(lon: float, lat: float) -> dict[str, Any]:
    """A Point geometry [degrees]."""
    return {"type": "Point", "coordinates": [lon, lat]}


def line(positions: Sequence[Position]) -> dict[str, Any] | None:
    """A line through (lon, lat) positions, in order; None for fewer than two.

    A step of more than 180 degrees of longitude is taken the short way round and cut at the
    antimeridian, which makes a MultiLineString (RFC 7946 section 3.1.9).
    """
    if len(positions) < 2:
        return None
    parts = [[positions[0]]]
    for (lon_a, lat_a), (lon_b, lat_b) in pairwise(positions):
        if abs(lon_b - lon_a) > 180:
            edge = 180.0 if lon_a > 0 else -180.0
            turned = lon_b + 2 * edge
            share = (edge - lon_a) / (turned - lon_a) if turned != lon_a else 0.0
            lat = round(lat_a + share * (lat_b - lat_a), 7)
            parts[-1].append((edge, lat))
            parts.append([(-edge, lat)])
        parts[-1].append((lon_b, lat_b))
    if len(parts) == 1:
        return {"type": "LineString", "coordinates": parts[0]}
    return {"type": "MultiLineString", "coordinates": parts}
