from firmware import fence

SQUARE = [(4660000, 1010000), (4660000, 1020000), (4670000, 1020000), (4670000, 1010000)]
NOTCHED = SQUARE[:2] + [(4665000, 1012000)] + SQUARE[2:]


def test_inside_and_outside_of_a_square():
    assert fence.inside(4665000, 1015000, SQUARE)
    for lat, lon in (
        (4665000, 1009999),
        (4665000, 1020001),
        (4659999, 1015000),
        (4670001, 1015000),
    ):
        assert not fence.inside(lat, lon, SQUARE)


def test_a_notch_is_outside():
    assert fence.inside(4665000, 1011000, NOTCHED)
    assert not fence.inside(4665000, 1018000, NOTCHED)


def test_the_order_of_the_corners_does_not_matter():
    back = list(reversed(NOTCHED))
    for lat in range(4658000, 4672000, 700):
        for lon in range(1008000, 1022000, 700):
            assert fence.inside(lat, lon, NOTCHED) == fence.inside(lat, lon, back)


def test_a_fence_across_the_180th_meridian():
    far = [(0, 17990000), (0, 18010000), (10000, 18010000), (10000, 17990000)]
    assert fence.inside(5000, 18005000, far)
    assert not fence.inside(5000, 17985000, far)


def test_the_edge_is_as_far_as_it_is():
    # 0.05 degrees of latitude are 5,560 m; at 46.65 degrees north 0.05 of longitude are 3,817 m
    assert abs(fence.edge_m(4665000, 1015000, SQUARE) - 3817) < 20
    assert abs(fence.edge_m(4665000, 1021000, SQUARE) - 763) < 8
    assert fence.edge_m(4670000, 1015000, SQUARE) == 0


def test_a_corner_is_nearest_where_it_is():
    north, east = 1112, 763
    distance = fence.edge_m(4671000, 1021000, SQUARE)
    assert abs(distance * distance - north * north - east * east) < 20000


def test_crossing_takes_more_than_the_margin():
    just, far = (4665000, 1020020), (4665000, 1020100)  # 15 m, 76 m outside
    assert not fence.crossed(True, just[0], just[1], SQUARE, 30)
    assert fence.crossed(True, far[0], far[1], SQUARE, 30)
    assert not fence.crossed(False, far[0], far[1], SQUARE, 30)
    assert fence.crossed(False, 4665000, 1015000, SQUARE, 30)


def test_near_the_pole_no_cosine_fails():
    assert fence.edge_m(8999999, 0, [(8990000, 0), (8990000, 100), (8991000, 0)]) > 0
