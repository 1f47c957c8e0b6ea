"""How long a search for a position takes: by what the receiver knows, and by the sky above it.

One model for the receiver that speaks UBX (`hardware.twin.gnss`) and for the fast simulator
(`hardware.budget`), so that both pay the same.

    knows nothing            cold start: time, place and orbits must come from the signals
    knows time and place,    the fewer of the satellites in view it has orbits of, the longer:
    and orbits               hot x (full / usable)^2 from `full` down to `least`, below that cold
    closed sky               everything takes `closed_factor` times as long, few signals are heard

A search hears orbits anew (`hears`) when it must, from cold, or when the receiver stays on for as
long as that takes; what a shorter one uses keeps its age. Orbits lose their worth in two ways:
they hold for `valid_s` (curve fit interval of broadcast GPS ephemerides, IS-GPS-200), and the
satellites they belong to set, all within `pass_s`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from hardware.twin.seeded import normal, uniform


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
        valid_s, pass_s: Orbits older than this are void; satellites in view set within [s].
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


def usable(parts: SearchParts, ages_s: Iterable[float]) -> float:
    """Orbits worth having, from the age of each; a satellite that has set counts for nothing."""
    return sum(max(0.0, 1.0 - age / parts.pass_s) for age in ages_s if 0 <= age <= parts.valid_s)


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
