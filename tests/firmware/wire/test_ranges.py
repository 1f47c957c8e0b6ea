from firmware.wire import ranges


def numbers(held):
    return [n for first, last in held for n in range(first, last + 1)]


def test_add_fills_joins_and_swallows():
    held = ranges.add([], 5, 7)
    assert held == [(5, 7)]
    assert ranges.add(held, 8, 8) == [(5, 8)]
    assert ranges.add(held, 4, 4) == [(4, 7)]
    assert ranges.add(held, 9, 9) == [(5, 7), (9, 9)]
    assert ranges.add(held, 1, 3) == [(1, 3), (5, 7)]
    assert ranges.add([(1, 2), (5, 7), (9, 9)], 2, 8) == [(1, 9)]


def test_add_of_nothing_changes_nothing():
    assert ranges.add([(1, 2)], 5, 4) == [(1, 2)]


def test_arguments_are_left_alone():
    a, b = [(1, 2)], [(3, 4)]
    ranges.add(a, 3, 3)
    ranges.merge(a, b)
    ranges.missing(a, 0, 9)
    assert (a, b) == ([(1, 2)], [(3, 4)])


def test_contains_agrees_with_the_list_of_numbers():
    held = [(2, 2), (4, 7), (10, 20), (22, 30)]
    inside = numbers(held)
    for n in range(0, 35):
        assert ranges.contains(held, n) == (n in inside)
    assert not ranges.contains([], 1)


def test_merge_is_the_union():
    assert ranges.merge([(1, 3), (8, 9)], [(4, 5), (7, 7), (20, 21)]) == [
        (1, 5),
        (7, 9),
        (20, 21),
    ]
    assert ranges.merge([], []) == []


def test_missing_is_the_complement_inside_a_span():
    held = [(2, 3), (6, 6)]
    assert ranges.missing(held, 1, 8) == [(1, 1), (4, 5), (7, 8)]
    assert ranges.missing(held, 2, 6) == [(4, 5)]
    assert ranges.missing(held, 3, 3) == []
    assert ranges.missing([], 4, 6) == [(4, 6)]
    assert ranges.missing(held, 9, 8) == []


def test_every_small_set_obeys_the_definition():
    for bits in range(256):
        members = [n for n in range(1, 9) if bits >> (n - 1) & 1]
        held = ranges.from_numbers(members)
        assert numbers(held) == members
        assert numbers(ranges.missing(held, 1, 8)) == [n for n in range(1, 9) if n not in members]
        assert ranges.merge(held, ranges.missing(held, 1, 8)) == [(1, 8)]


def test_from_numbers_takes_any_order_and_doubles():
    assert ranges.from_numbers([9, 2, 1, 3, 2, 7]) == [(1, 3), (7, 7), (9, 9)]


def test_overlapping_gives_whole_ranges():
    held = [(1, 4), (6, 9), (12, 12)]
    assert ranges.overlapping(held, 4, 6) == [(1, 4), (6, 9)]
    assert ranges.overlapping(held, 5, 5) == []
    assert ranges.overlapping(held, 3, 2) == []
    assert ranges.overlapping(held, 9, 100) == [(6, 9), (12, 12)]
