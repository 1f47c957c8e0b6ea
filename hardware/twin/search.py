"""How long a search for a position takes: by what the receiver knows, and by the sky above it.

One model for the receiver that speaks UBX (`hardware.twin.gnss`) and for the fast simulator
(`hardware.budget`), so that both pay the same.

    knows nothing            cold start: time, place and orbits must come from the signals
    knows time and place,    the fewer of the satellites in view it has orbits of, the longer:
    and orbits               hot x (full / usable)^2 from `full` down to `least`, below that cold
    closed sky               everything takes `closed_factor` times as long, few signals are heard

A search hears orbits anew (`hears`) when it must, from cold, or when the receiver stays on for as
long as that takes; what a shorter one uses keeps its age. Orbits lose their worth in two ways: a
satellite sends the same set for `renew_s`, which holds for `valid_s` from its first sending (GPS:
2 h and 4 h, IS-GPS-200), so what is heard holds for what is left of that, each satellite's for
another while; and satellites set, all within `pass_s`.
"""

import math
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from hardware.twin.seeded import normal, uniform

_SATELLITES = 32  # of GPS


@dataclass(frozen=True)
class SearchParts:
    """Facts of a receiver's searches.

    Attributes:
        cold_s: Median time to fix of a receiver that knows nothing [s].
        hot_s: Median with the orbits of `full` or more satellites in view, time and place [s].
        spread: Sigma of the logarithm of both.
        full, least: Satellites with usable orbits: more than `full` gain nothing, fewer than
            `least` help nothing.
        decoded: Satellites whose orbits a cold start has collected when it has its fix.
        renew_s, valid_s: A satellite sends one orbit for so long; it holds from then for [s].
        pass_s: Satellites in view set within [s].
        closed_share: Share of hours under closed sky.  closed_factor: how much longer there.
        sky_s: The sky stays open or closed for so long [s].
        heard_open, heard_closed: Satellites heard once the search has settled.  heard_spread:
            sigma of the logarithm of both.
        hear_s: Time constant in which they are heard [s].
    """

    cold_s: float
    hot_s: float
    spread: float
    full: int
    least: int
    decoded: int
    renew_s: float
    valid_s: float
    pass_s: float
    closed_share: float
    closed_factor: float
    sky_s: float
    heard_open: int
    heard_closed: int
    heard_spread: float
    hear_s: float

    @property
    def download_s(self) -> float:
        """Time to hear orbits [s]: what a cold start takes longer than a hot one.

        A GPS satellite repeats its own in frames of 30 s (IS-GPS-200): under open sky they are
        there after 18 to 36 s, whatever the frame's phase.
        """
        return self.cold_s - self.hot_s

    @property
    def mean_factor(self) -> float:
        """Mean of a time to fix over its median, under open sky."""
        return math.exp(0.5 * self.spread**2)


def overhead(utc_s: float, count: int) -> list[int]:
    """Numbers of the satellites in view; an hour later some others are."""
    first = int(utc_s // 3600) * 3
    return [(first + number) % _SATELLITES + 1 for number in range(count)]


def void_s(parts: SearchParts, satellite: int, utc_s: float) -> float:
    """Unix time at which what a satellite sends at `utc_s` no longer holds."""
    sent_s = (utc_s + _phase(satellite) * parts.renew_s) % parts.renew_s
    return utc_s - sent_s + parts.valid_s


@cache
def _phase(satellite: int) -> float:
    return uniform(satellite, "orbit")


def worth(parts: SearchParts, age_s: float) -> float:
    """Of an orbit that holds: how likely its satellite has not set."""
    return max(0.0, 1.0 - age_s / parts.pass_s)


def usable(parts: SearchParts, utc_s: float, orbits: Iterable[tuple[float, float]]) -> float:
    """Orbits worth having: of each (when it was heard, when it is void) [Unix s]."""
    return sum(
        worth(parts, utc_s - heard_s) for heard_s, until_s in orbits if heard_s <= utc_s <= until_s
    )


@dataclass(frozen=True)
class Heard:
    """Orbits heard at one time.

    Attributes:
        utc_s: When [Unix s].
        until_s: When each is void, ascending.
    """

    utc_s: float
    until_s: list[float]

    def usable(self, parts: SearchParts, utc_s: float) -> float:
        """Orbits worth having now."""
        hold = len(self.until_s) - bisect_left(self.until_s, utc_s)
        return hold * worth(parts, utc_s - self.utc_s) if hold else 0.0


def heard_at(parts: SearchParts, utc_s: float, count: int) -> Heard:
    """The orbits of `count` satellites in view."""
    return Heard(utc_s, sorted(void_s(parts, number, utc_s) for number in overhead(utc_s, count)))


def holding(parts: SearchParts, age_s: float) -> float:
    """Share of the orbits heard `age_s` ago that hold, satellites of all phases."""
    return min(max((parts.valid_s - age_s) / parts.renew_s, 0.0), 1.0)


def median_s(parts: SearchParts, orbits: float) -> float:
    """Median time to fix [s] with time, place and so many usable orbits; cold below `least`."""
    if orbits < parts.least:
        return parts.cold_s
    return min(parts.hot_s * (parts.full / min(orbits, parts.full)) ** 2, parts.cold_s)


def hears(parts: SearchParts, orbits: float, on_s: float) -> bool:
    """Whether a search that gave a fix has heard new orbits.

    Args:
        parts: Facts.
        orbits: Usable at its start.
        on_s: How long the receiver has been on [s].
    """
    return orbits < parts.least or on_s >= parts.download_s


def is_closed(parts: SearchParts, seed: int, t_s: float) -> bool:
    """Whether the sky is closed (rock, trees, a lying animal) at scenario second `t_s`."""
    return uniform(seed, "sky", int(t_s // parts.sky_s)) < parts.closed_share


def draw_s(parts: SearchParts, seed: int, t_s: float, orbits: float) -> float:
    """Time to fix [s] of the search that starts at `t_s`."""
    factor = math.exp(parts.spread * normal(seed, "ttff", round(t_s * 1e6)))
    if is_closed(parts, seed, t_s):
        factor *= parts.closed_factor
    return median_s(parts, orbits) * factor


def heard(parts: SearchParts, seed: int, on_s: float, age_s: float) -> int:
    """Satellites heard `age_s` after the start of the search that began at `on_s`."""
    closed = is_closed(parts, seed, on_s)
    top = parts.heard_closed if closed else parts.heard_open
    drawn = top * math.exp(parts.heard_spread * normal(seed, "heard", round(on_s * 1e6)))
    return round(drawn * (1.0 - math.exp(-max(age_s, 0.0) / parts.hear_s)))
