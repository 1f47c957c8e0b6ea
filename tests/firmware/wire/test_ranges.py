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
    assert (a, b) == ([(1, 2)], [(3, 4)])


def test_merge_is_the_union():
    assert ranges.merge([(1, 3), (8, 9)], [(4, 5), (7, 7), (20, 21)]) == [
        (1, 5),
        (7, 9),
        (20, 21),
    ]
    assert ranges.merge([], []) == []


def test_every_small_set_obeys_the_definition():
    for bits in range(256):
        members = [n for n in range(1, 9) if bits >> (n - 1) & 1]
        held = ranges.from_numbers(members)
        assert numbers(held) == members
        others = ranges.from_numbers([n for n in range(1, 9) if n not in members])
        assert ranges.merge(held, others) == [(1, 8)]


def test_from_numbers_takes_any_order_and_doubles():
    assert ranges.from_numbers([9, 2, 1, 3, 2, 7]) == [(1, 3), (7, 7), (9, 9)]
