"""Pages for people: the same content, readable, with a sketch of where the features are.

No script, no inline style: the pages keep to the service's content security policy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from math import cos, radians
from typing import Any, NamedTuple
from urllib.parse import quote

_WIDTH, _HEIGHT, _MARGIN = 640.0, 400.0, 12.0
_LONGEST = 200  # characters of a value in a table
_HIDDEN = ("links", "features", "type", "collections")


class Page(NamedTuple):
    """A page without what is around it; the body is HTML."""

    title: str
    body: str


def render(page: Page, trail: Sequence[tuple[str, str]], as_json: str, made: str) -> str:
    """The whole page.

    Args:
        page: what it says.
        trail: names and addresses of the pages above.
        as_json: where the same is as JSON.
        made: when this was.
    """
    above = " › ".join(_anchor(name, href) for name, href in trail)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(page.title)} · Capra</title>\n"
        '<link rel="icon" href="/static/icon.svg">\n'
        '<link rel="stylesheet" href="/static/ogc.css">\n</head>\n<body>\n'
        f'<nav aria-label="Where you are">{above}</nav>\n'
        f"<main>\n<h1>{escape(page.title)}</h1>\n{page.body}\n</main>\n"
        f"<footer>{escape(made)} · {_anchor('as JSON', as_json)} · OGC API - Features 1.0"
        "</footer>\n</body>\n</html>\n"
    )


def document(title: str, content: dict[str, Any]) -> Page:
    """A page of any answer: its members, its links, the collections or the feature it holds."""
    parts = [_sketch([content])] if content.get("type") == "Feature" else []
    if content.get("type") == "Feature":
        parts.append(_members(content["properties"]))
    else:
        if "description" in content:
            parts.append(f"<p>{escape(content['description'])}</p>")
        rest = {k: v for k, v in content.items() if k not in ("title", "description", *_HIDDEN)}
        parts.append(_members(rest))
    if "collections" in content:
        parts += [_collection(one) for one in content["collections"]]
    parts.append(_links(content["links"]))
    return Page(title, "\n".join(parts))


def items(title: str, content: dict[str, Any]) -> Page:
    """A page of features: a sketch, a table with a row each, and the way onward."""
    features = content["features"]
    onward = next((one["href"] for one in content["links"] if one["rel"] == "next"), None)
    more = f' · <a rel="next" href="{escape(onward)}">next page</a>' if onward else ""
    count = f"<p>{content['numberReturned']} features on this page{more}</p>"
    if not features:
        return Page(title, f"{count}\n{_links(content['links'])}")
    columns = list(dict.fromkeys(name for one in features for name in one["properties"]))
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in ("id", *columns))
    here = next(one["href"] for one in content["links"] if one["rel"] == "self").partition("?")[0]
    rows = "\n".join(
        f'<tr><th scope="row">{_anchor(one["id"], _below(here, one["id"]))}</th>'
        + "".join(f"<td>{_value(one['properties'].get(name))}</td>" for name in columns)
        + "</tr>"
        for one in features
    )
    table = (
        f'<div class="wide" tabindex="0" role="region" aria-label="Features"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )
    return Page(title, "\n".join((_sketch(features), count, table, _links(content["links"]))))


def operations(description: dict[str, Any]) -> Page:
    """A page of an OpenAPI document."""
    parts = [f"<p>{escape(description['info']['description'])}</p>"]
    parameters = description["components"]["parameters"]
    for path, methods in description["paths"].items():
        operation = methods["get"]
        rows = {}
        for one in operation.get("parameters", ()):
            one = parameters[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
            rows[one["name"]] = one["description"]
        parts.append(f"<h2><code>GET {escape(path)}</code></h2>")
        parts.append(f"<p>{escape(operation['summary'])}</p>{_members(rows)}")
    return Page("The API", "\n".join(parts))


def _collection(one: dict[str, Any]) -> str:
    href = next(link["href"] for link in one["links"] if link["type"] == "text/html")
    return f"<h2>{_anchor(one['title'], href)}</h2>\n<p>{escape(one['description'])}</p>"


def _members(content: dict[str, Any]) -> str:
    if not content:
        return ""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{_value(value)}</td></tr>'
        for name, value in content.items()
    )
    return f"<table>\n{rows}\n</table>"


def _links(links: Sequence[dict[str, str]]) -> str:
    entries = "\n".join(
        f"<li>{_anchor(one['title'], one['href'])}</li>" for one in links if one["rel"] != "self"
    )
    return f'<h2>Links</h2>\n<ul class="links">\n{entries}\n</ul>'


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return "<br>".join(_value(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
    if text.startswith(("http://", "https://")):
        return _anchor(text, text)
    return escape(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")


def _below(place: str, identity: object) -> str:
    return f"{place}/{quote(str(identity), safe='')}?f=html"


def _anchor(text: object, href: str) -> str:
    return f'<a href="{escape(href)}">{escape(str(text))}</a>'


def _sketch(features: Sequence[dict[str, Any]]) -> str:
    """The shapes, as far apart as they are; no map, for that needs a script."""
    shapes = [part for one in features for part in _parts(one["geometry"])]
    places = [place for _, places in shapes for place in places]
    if not places:
        return ""
    west, east = min(p[0] for p in places), max(p[0] for p in places)
    south, north = min(p[1] for p in places), max(p[1] for p in places)
    narrow = max(cos(radians((south + north) / 2)), 0.01)
    scale = min(
        (_WIDTH - 2 * _MARGIN) / max((east - west) * narrow, 1e-5),
        (_HEIGHT - 2 * _MARGIN) / max(north - south, 1e-5),
    )
    left = (_WIDTH - (east - west) * narrow * scale) / 2
    top = (_HEIGHT - (north - south) * scale) / 2

    def xy(place: Sequence[float]) -> str:
        x = left + (place[0] - west) * narrow * scale
        return f"{x:.1f},{top + (north - place[1]) * scale:.1f}"

    drawn = []
    for kind, positions in shapes:
        if kind == "point":
            x, y = xy(positions[0]).split(",")
            drawn.append(f'<circle cx="{x}" cy="{y}" r="3"/>')
        else:
            tag = "polygon" if kind == "area" else "polyline"
            drawn.append(f'<{tag} points="{" ".join(map(xy, positions))}"/>')
    said = (
        f"{len(features)} features between {_degrees(south, 'N', 'S')} and "
        f"{_degrees(north, 'N', 'S')}, {_degrees(west, 'E', 'W')} and {_degrees(east, 'E', 'W')}"
    )
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" aria-label="{said}">\n'
        + "\n".join(drawn)
        + f"\n</svg><figcaption>{said}</figcaption></figure>"
    )


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):.4f}° {positive if value >= 0 else negative}"


def _parts(geometry: dict[str, Any] | None) -> Iterator[tuple[str, list[Any]]]:
    """Points, lines and outer or inner rings of a geometry."""
    if geometry is None:
        return
    coordinates = geometry["coordinates"]
    match geometry["type"]:
        case "Point":
            yield "point", [coordinates]
        case "LineString":
            yield "line", coordinates
        case "MultiLineString":
            yield from (("line", line) for line in coordinates)
        case "Polygon":
            yield from (("area", ring) for ring in coordinates)
        case "MultiPolygon":
            yield from (("area", ring) for polygon in coordinates for ring in polygon)
