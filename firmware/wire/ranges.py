"""Sets of record numbers as ranges: who holds what.

A set is a list of `(first, last)`, both included, ascending, with at least one number
missing between neighbours. Functions return a new list and leave their arguments alone.
"""


def add(ranges: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """Return the set with all numbers from `first` to `last` added; nothing if last < first."""
    if last < first:
        return list(ranges)
    before = []
    after = []
    for low, high in ranges:
        if high + 1 < first:
            before.append((low, high))
        elif last + 1 < low:
            after.append((low, high))
        else:
            first = min(first, low)
            last = max(last, high)
    return before + [(first, last)] + after


def merge(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the union of two sets."""
    out: list[tuple[int, int]] = []
    for first, last in sorted(a + b):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def from_numbers(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the set of `numbers`, in any order, doubles allowed."""
    return merge([(n, n) for n in numbers], [])
