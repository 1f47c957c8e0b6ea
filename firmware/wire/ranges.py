"""Sets of record numbers as ranges: who holds what.

A set is a list of `(first, last)`, both included, ascending, with at least one number
missing between neighbours. Functions return a new list and leave their arguments alone.
"""


def contains(ranges: list[tuple[int, int]], number: int) -> bool:
    """Whether `number` is in the set; binary search."""
    low, high = 0, len(ranges)
    while low < high:
        middle = (low + high) // 2
        if ranges[middle][1] < number:
            low = middle + 1
        else:
            high = middle
    return low < len(ranges) and ranges[low][0] <= number


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


def missing(ranges: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """Return the numbers from `first` to `last` that are not in the set."""
    out = []
    for low, high in ranges:
        if high < first:
            continue
        if low > last:
            break
        if first < low:
            out.append((first, low - 1))
        first = high + 1
    if first <= last:
        out.append((first, last))
    return out


def from_numbers(numbers: list[int]) -> list[tuple[int, int]]:
    """Return the set of `numbers`, in any order, doubles allowed."""
    return merge([(n, n) for n in numbers], [])


def overlapping(ranges: list[tuple[int, int]], first: int, last: int) -> list[tuple[int, int]]:
    """Return the whole ranges of the set that hold a number from `first` to `last`."""
    return [(low, high) for low, high in ranges if max(low, first) <= min(high, last)]
