"""What a collar says of its log, against what is held: which records this station lacks."""

from firmware.wire.hello import Hello

Ranges = list[tuple[int, int]]


def missing(said: Hello, held: Ranges) -> Ranges:
    """Return the records still in the collar's ring that it will not send by itself.

    Args:
        said: its inventory; what waits for an acknowledgement comes anyway.
        held: by this station, of the same generation.
    """
    found: Ranges = []
    first = said.oldest
    for low, high in [*sorted([*said.waiting, *held]), (said.newest + 1, said.newest + 1)]:
        last = min(low - 1, said.newest)
        if first <= last:
            found.append((first, last))
        first = max(first, high + 1)
    return found


def count(ranges: Ranges) -> int:
    """Return how many records there are in ranges."""
    return sum(last - first + 1 for first, last in ranges)
