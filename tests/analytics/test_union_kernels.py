"""Sides of lines against fractions, unions of polygons against shapely."""

from fractions import Fraction

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.kernels.turn import turn
from analytics.kernels.union import union_growth

ANYWHERE = st.floats(-1e6, 1e6).map(lambda v: v if abs(v) > 1e-100 else 0.0)
NEAR_A_LINE = st.integers(0, 40).map(lambda k: 500000.1 + k * 0.3)


def exact_turn(ax, ay, bx, by, cx, cy):
    ax, ay, bx, by, cx, cy = map(Fraction, (ax, ay, bx, by, cx, cy))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.lists(st.one_of(ANYWHERE, NEAR_A_LINE), min_size=6, max_size=6))
def test_turn_has_the_sign_and_the_value_of_exact_arithmetic(corners):
    found, exact = turn(*corners), exact_turn(*corners)
    assert np.sign(found) == (exact > 0) - (exact < 0)
    assert found == pytest.approx(float(exact), rel=1e-7, abs=0)


def test_turn_sees_the_last_bit():
    """Three points on a line in the plane of a projection, one of them moved by its last bit."""
    line = [(500000.1 + k * 0.3, 4100000.7 + k * 0.7) for k in (0, 10, 20)]
    for moved in (np.inf, -np.inf):
        (ax, ay), (bx, by), (cx, cy) = line
        corners = (ax, ay, bx, by, cx, np.nextafter(cy, moved))
        assert np.sign(turn(*corners)) == np.sign(float(exact_turn(*corners)))


def grown(hulls, room=10_000):
    """What each hull adds to those before, as the kernel finds it."""
    corners = [shapely.get_coordinates(shapely.normalize(h).exterior)[:-1][::-1] for h in hulls]
    points = np.concatenate(corners)
    starts = np.concatenate(([0], np.cumsum([len(c) for c in corners])))
    added = np.empty(len(hulls))
    x, y = np.ascontiguousarray(points[:, 0]), np.ascontiguousarray(points[:, 1])
    if not union_growth(x, y, starts, np.empty((room, 2)), np.empty(room, np.int64), added):
        return None
    return added


def hulls_of(points, count, generator):
    hulls = [
        shapely.MultiPoint(points[generator.choice(len(points), 5)]).convex_hull
        for _ in range(count)
    ]
    return [hull for hull in hulls if hull.geom_type == "Polygon"]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.sampled_from([3, 5, 12, 1000]))
def test_union_grows_as_shapelys_however_many_edges_coincide(seed, lattice):
    """On a lattice of few points most edges are shared, collinear, or meet at corners."""
    generator = np.random.default_rng(seed)
    points = generator.integers(0, lattice, (60, 2)) * 1.0
    hulls = hulls_of(points, 25, generator)
    total = np.cumsum(grown(hulls))
    expected = [shapely.union_all(hulls[: k + 1]).area for k in range(len(hulls))]
    np.testing.assert_allclose(total, expected, rtol=1e-9, atol=1e-9 * lattice**2)


def test_growth_moves_turns_and_scales_with_the_polygons():
    hulls = hulls_of(np.random.default_rng(2).normal(size=(40, 2)), 30, np.random.default_rng(3))
    there = [shapely.affinity.affine_transform(h, (0, -3, 3, 0, 5e5, 4e6)) for h in hulls]
    np.testing.assert_allclose(grown(there), 9 * grown(hulls), rtol=1e-6, atol=1e-8)


def test_too_little_room_is_told():
    hulls = hulls_of(np.random.default_rng(2).normal(size=(40, 2)), 30, np.random.default_rng(3))
    assert grown(hulls, room=len(hulls)) is None
