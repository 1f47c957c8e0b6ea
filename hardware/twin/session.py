"""One stretch of the receiver's power: what chance decides about it, and how far the search is.

Times are microseconds of the scenario.
"""

import math
from dataclasses import dataclass

from hardware.twin import search
from hardware.twin.assist import Knowledge
from hardware.twin.landscape import metres_per_degree
from hardware.twin.seeded import normal_pair_within, uniform

SIGMA_LIMIT = 4.0
Place = tuple[float, float, float]


@dataclass(frozen=True)
class GnssParts:
    """Facts of the receiver and its sky.

    Attributes:
        startup_s: From power to the first byte it understands [s].
        latency_s: From an epoch or a poll to the first byte of the answer on an idle line [s].
        baud: Of the line.
        backlog_bytes: Output that may wait for the line before messages are dropped.
        buffer_bytes: What the collar's UART keeps between two reads.
        search: How long searches take.
        view: Satellites an aiding answer has orbits of.
        in_view: Satellites of all systems under open sky.
        cno_open, cno_closed: Signal of what is heard [dB-Hz].
        early_s: Least and most by which the time is valid before the position [s].
        claims: Least and most of the accuracy it claims over the true one.
        sigma_first_m: Noise per axis at the first fix [m].
        sigma_settled_m: Noise per axis after a long time [m].
        settle_s: Time constant between the two [s].
    """

    startup_s: float
    latency_s: float
    baud: int
    backlog_bytes: int
    buffer_bytes: int
    search: search.SearchParts
    view: int
    in_view: int
    cno_open: int
    cno_closed: int
    early_s: tuple[float, float]
    claims: tuple[float, float]
    sigma_first_m: float
    sigma_settled_m: float
    settle_s: float


class Session:
    """From power on to power off.

    The search has done a share of its way; what is left takes that share of the time a whole one
    takes with what is known since. Noise is one error vector, truncated at four sigma, and shrinks
    as the filter settles.

    Args:
        parts: Facts.
        seed: Random seed of the receiver.
        now_us: When power comes.

    Attributes:
        on_us: When power came.  ttff_us: from then to the first fix, as things stand.
        knowledge: What it was told and has heard.
    """

    def __init__(self, parts: GnssParts, seed: int, now_us: int) -> None:
        ready_us = now_us + round(parts.startup_s * 1e6)
        ttff_s = search.draw_s(parts.search, seed, now_us / 1e6, 0.0)
        least_s, most_s = parts.early_s
        least, most = parts.claims
        self._parts, self._seed = parts, seed
        self.on_us, self._done_us, self._done = now_us, ready_us, 0.0
        self.ttff_us = ready_us - now_us + round(ttff_s * 1e6)
        early_s = least_s + (most_s - least_s) * uniform(seed, "time", now_us)
        self._early_us = round(early_s * 1e6)
        self._error_sigma = normal_pair_within(SIGMA_LIMIT, seed, "noise", now_us)
        self._height_sigma, _ = normal_pair_within(SIGMA_LIMIT, seed, "height", now_us)
        self.claims = least + (most - least) * uniform(seed, "accuracy", now_us)
        self.knowledge = Knowledge(parts.search, seed)
        self._decoded = False

    @property
    def time_us(self) -> int:
        """When the time is valid, after power."""
        return self.ttff_us - min(self._early_us, self.ttff_us // 4)

    def is_ready(self, now_us: int) -> bool:
        """Whether it has started and understands bytes."""
        return now_us >= self.on_us + round(self._parts.startup_s * 1e6)

    def learn(self, now_us: int, utc_s: float) -> None:
        """Something was told: what is left of the search takes as long as it now does."""
        end_us = self.on_us + self.ttff_us
        if now_us >= end_us:
            return
        if now_us < self._done_us:
            utc_s += (self._done_us - now_us) / 1e6
            now_us = self._done_us
        if end_us > self._done_us:
            left = (end_us - now_us) / (end_us - self._done_us)
            self._done = 1.0 - (1.0 - self._done) * left
        self._done_us = now_us
        orbits = self.knowledge.orbits(utc_s)
        whole_s = search.draw_s(self._parts.search, self._seed, self.on_us / 1e6, orbits)
        rest_us = round((1.0 - self._done) * whole_s * 1e6)
        self.ttff_us = now_us - self.on_us + rest_us

    def hear(self, now_us: int, utc_s: float) -> None:
        """With a cold start's fix, or some time later, the receiver has orbits of its own."""
        on_us = now_us - self.on_us
        if on_us < self.ttff_us or self._decoded:
            return
        parts = self._parts.search
        if search.hears(parts, self.knowledge.orbits(utc_s), on_us / 1e6):
            self._decoded = True
            self.knowledge.decode(utc_s, parts.decoded)

    def satellites(self, now_us: int) -> tuple[int, int]:
        """How many are heard, and their signal [dB-Hz]."""
        parts, on_s = self._parts, self.on_us / 1e6
        age_s = (now_us - self.on_us) / 1e6 - parts.startup_s
        closed = search.is_closed(parts.search, self._seed, on_s)
        count = search.heard(parts.search, self._seed, on_s, age_s)
        return count, parts.cno_closed if closed else parts.cno_open

    def sigma_m(self, age_us: int) -> float:
        """Noise per axis of an epoch so long after power [m]."""
        parts = self._parts
        if age_us < self.ttff_us:
            return parts.sigma_settled_m
        share = math.exp(-(age_us - self.ttff_us) / 1e6 / parts.settle_s)
        return parts.sigma_settled_m + (parts.sigma_first_m - parts.sigma_settled_m) * share

    def noisy(self, place: Place, sigma_m: float) -> Place:
        """What it says of a place."""
        lat, lon, altitude_m = place
        per_lat_m, per_lon_m = metres_per_degree(lat)
        east, north = self._error_sigma
        return (
            lat + north * sigma_m / per_lat_m,
            lon + east * sigma_m / per_lon_m,
            altitude_m + 1.7 * self._height_sigma * sigma_m,
        )
