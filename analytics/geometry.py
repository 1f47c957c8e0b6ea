"""One shape for every area: a valid MultiPolygon with counter-clockwise outer rings."""

import shapely
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.geometry.polygon import orient


def to_multipolygon(geometry: BaseGeometry) -> MultiPolygon:
    """Returns the polygons of a geometry, repaired where rings touch or cross; lines are dropped.

    Outer rings run counter-clockwise and holes clockwise. Source: RFC 7946, section 3.1.6.
    """
    if not geometry.is_valid:
        geometry = shapely.make_valid(geometry)
    parts = shapely.get_parts(shapely.get_parts(geometry))  # a collection may hold MultiPolygons
    return MultiPolygon([orient(p, 1.0) for p in parts if isinstance(p, Polygon) and p.area > 0])
