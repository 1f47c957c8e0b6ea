"""Geometry as RFC 7946 wants it."""

from backend.geojson import line


def test_one_position_is_no_line() -> None:
    assert line([]) is line([(10.2, 46.6)]) is None


def test_positions_keep_their_order() -> None:
    assert line([(1, 2), (3, 4)]) == {"type": "LineString", "coordinates": [(1, 2), (3, 4)]}


def test_a_line_is_cut_at_the_antimeridian() -> None:
    assert line([(179.0, 10.0), (-179.0, 12.0), (-178.0, 12.0)]) == {
        "type": "MultiLineString",
        "coordinates": [
            [(179.0, 10.0), (180.0, 11.0)],
            [(-180.0, 11.0), (-179.0, 12.0), (-178.0, 12.0)],
        ],
    }


def test_a_line_that_comes_back_is_cut_twice() -> None:
    cut = line([(-179.5, 0.0), (179.5, 0.0), (-179.5, 0.0)])
    assert cut is not None
    assert [part[0][0] for part in cut["coordinates"]] == [-179.5, 180.0, -180.0]
