"""Something for every collection: ranges, a corridor, stations, a fence."""

from __future__ import annotations

import psycopg
from psycopg.types.json import Jsonb

from backend.db.queries import query
from tests.backend.factories import START, serving

POLYGON = {
    "type": "Polygon",
    "coordinates": [[[10.1, 46.6], [10.3, 46.6], [10.2, 46.8], [10.1, 46.6]]],
}


def furnish(url: str, animals: tuple[int, int]) -> None:
    """Make of a herd what can be made of it."""
    with serving(url) as client:
        for animal in animals:
            body = {"animal": animal, "method": "mcp", "levels_percent": [50, 95]}
            client.post("/api/v1/home-ranges", json=body).raise_for_status()
        fence = {"name": "Val Trupchun", "geometry": POLYGON}
        client.post("/api/v1/fences", json=fence).raise_for_status()
    with psycopg.connect(url) as connection:
        stations = [("hut", 46.65, 10.2), ("new/one", None, None)]
        connection.cursor().executemany("insert into station values (%s, %s, %s)", stations)
        connection.execute(query("add_corridor"), {
            "herd": list(animals), "fixes": 100, "software_version": "test",
            "parameters": '{"left_out": [], "warnings": []}', "input_hash": "0" * 64,
            "from_time_s": START.timestamp(), "to_time_s": START.timestamp() + 400_000,
        })  # fmt: skip
        connection.execute(query("add_corridor_level"), {
            "corridor": 1, "animals": 2, "share_percent": 100.0, "area_km2": 1.0,
            "area_grid_km2": 1.0, "width_narrowest_m": 100.0, "width_median_m": 200.0,
            "width_widest_m": 300.0, "width_sections": 9,
            "width_bottleneck_lon_lat": [10.2, 46.7],
            "geometry": Jsonb(POLYGON),
        })  # fmt: skip
