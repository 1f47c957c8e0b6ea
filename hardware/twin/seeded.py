"""Random numbers that depend on what they are for, never on when they are asked.

Every draw is a hash of the seed and of a key that names the draw ("fading", collar, start of the
frame). So the order in which events happen to be worked off changes nothing, and one more draw in
one part shifts no other part.
"""

import hashlib
import math
from statistics import NormalDist

_SCALE = 2.0**-64
_INVERSE = NormalDist().inv_cdf


def uniform(seed: int, *key: object) -> float:
    """Uniform number in (0, 1) for this seed and key."""
    digest = hashlib.blake2b(repr((seed, *key)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "little") + 0.5) * _SCALE


def normal(seed: int, *key: object) -> float:
    """Standard normal number for this seed and key."""
    return _INVERSE(min(max(uniform(seed, *key), 1e-16), 1.0 - 1e-16))


def normals(count: int, seed: int, *key: object) -> list[float]:
    """A few independent standard normals (8 at most) for the price of one."""
    digest = hashlib.blake2b(repr((seed, *key)).encode(), digest_size=8 * count).digest()
    words = (digest[8 * i : 8 * i + 8] for i in range(count))
    shares = ((int.from_bytes(word, "little") + 0.5) * _SCALE for word in words)
    return [_INVERSE(min(max(share, 1e-16), 1.0 - 1e-16)) for share in shares]


def normal_pair_within(limit: float, seed: int, *key: object) -> tuple[float, float]:
    """Two independent standard normals, drawn again until their length is at most `limit`."""
    attempt = 0
    while True:
        east = normal(seed, *key, "east", attempt)
        north = normal(seed, *key, "north", attempt)
        if math.hypot(east, north) <= limit:
            return east, north
        attempt += 1
