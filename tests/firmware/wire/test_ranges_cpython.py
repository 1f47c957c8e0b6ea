"""Ranges obey the laws of sets of numbers; Python's `set` is the judge."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from firmware.wire import ranges

from .strategies import RANGES, repeatable

NUMBER = st.integers(1, 220)


def numbers(held):
    return {n for first, last in held for n in range(first, last + 1)}


def is_normal(held):
    return all(first <= last for first, last in held) and all(
        a[1] + 1 < b[0] for a, b in pairwise(held)
    )


@repeatable
@given(RANGES, NUMBER, NUMBER)
def test_add_is_union_with_a_span(held, first, last):
    added = ranges.add(held, first, last)
    assert is_normal(added)
    assert numbers(added) == numbers(held) | set(range(first, last + 1))


@repeatable
@given(RANGES, RANGES)
def test_merge_is_union(a, b):
    merged = ranges.merge(a, b)
    assert is_normal(merged)
    assert numbers(merged) == numbers(a) | numbers(b)
    assert merged == ranges.merge(b, a)


@repeatable
@given(RANGES, RANGES, RANGES)
def test_merge_does_not_care_about_the_order(a, b, c):
    left = ranges.merge(ranges.merge(a, b), c)
    assert left == ranges.merge(a, ranges.merge(b, c))
    assert ranges.merge(left, a) == left


@repeatable
@given(st.lists(NUMBER, max_size=60))
def test_from_numbers_is_the_set(members):
    held = ranges.from_numbers(members)
    assert is_normal(held)
    assert numbers(held) == set(members)
