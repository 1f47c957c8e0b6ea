"""Where the animal is and how much it moves: a simulated ibex, or a real track replayed.

Model of the simulated animal: an Ornstein-Uhlenbeck process with autocorrelated velocity and
attraction to a home ("OUF"; Fleming et al. 2014, The American Naturalist 183:E154,
doi:10.1086/675504; the velocity part goes back to Johnson et al. 2008, Ecology 89:1208,
doi:10.1890/07-1032.1), run on the animal's *operational time*: its clock advances in proportion to
activity. While the animal rests it hardly moves, when it grazes it goes fast, and the stationary
distribution stays the Gaussian of the plain process, so that the true area of the home range is
known: 2 pi ln(20) sigma_x sigma_y encloses 95 % of it.

Activity = a crepuscular daily rhythm (two bumps, at dawn and at dusk) x bouts of movement and rest
(a stationary Ornstein-Uhlenbeck process through a logistic function), the days differing where
`day_spread` says so. Alpine ibex are most active
around sunrise and sunset and rest at midday and at night; the form is assumed, see `Rhythm`.

Everything is laid down on a grid of five minutes, day after day, from a random stream of that day,
and interpolated: the same answer whatever is asked first.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from hardware.twin.errors import ScenarioError
from hardware.twin.landscape import elevation_m, metres_per_degree

_STEP_S = 300
_STEPS_PER_DAY = 86_400 // _STEP_S


class Animal(Protocol):
    """What a collar needs to know of its wearer; `t_s` counts from the start of the scenario."""

    @property
    def mean_activity(self) -> float:
        """Activity averaged over a long time, 0..1; the generator is calibrated with it."""
        ...

    def position(self, t_s: float) -> tuple[float, float, float]:
        """Latitude [deg], longitude [deg], altitude above sea level [m]."""
        ...

    def activity(self, t_s: float) -> float:
        """Intensity of movement, 0 (at rest) to 1."""
        ...


@dataclass(frozen=True)
class Rhythm:
    """Daily rhythm of activity in local solar hours; values assumed, form crepuscular."""

    dawn_h: float = 6.5
    dusk_h: float = 18.5
    width_h: float = 1.6
    night: float = 0.10
    midday: float = 0.25
    peak: float = 0.95

    def level(self, hour: float) -> float:
        """Activity 0..1 expected at a local solar hour 0..24."""
        day = 0.5 - 0.5 * math.cos(2 * math.pi * hour / 24.0)
        base = self.night + (self.midday - self.night) * day
        bump = 0.0
        for centre in (self.dawn_h, self.dusk_h):
            apart = (hour - centre + 12.0) % 24.0 - 12.0
            bump = max(bump, math.exp(-0.5 * (apart / self.width_h) ** 2))
        return base + (self.peak - base) * bump


@dataclass
class Ibex:
    """A simulated animal with a home range.

    Args:
        seed: Random seed of this animal.
        home: Latitude and longitude of the centre of attraction [deg].
        start_utc_s: Unix time of scenario second 0 (gives the hour of the day).
        sigma_m: Standard deviations of the stationary distribution along its two axes [m].
        axis_deg: Direction of the first axis, anticlockwise from east [deg].
        tau_position_s: Time to come home [operational s].
        tau_velocity_s: Time a direction is kept [operational s].
        bout_tau_s: Correlation time of bouts of movement and rest [s].
        day_spread: How much days differ: sigma of what the day adds before the logistic function;
            half of it stays from one day to the next.
    """

    seed: int
    home: tuple[float, float] = (46.66, 10.20)
    start_utc_s: int = 0
    sigma_m: tuple[float, float] = (610.0, 440.0)
    axis_deg: float = 35.0
    tau_position_s: float = 86_400.0
    tau_velocity_s: float = 2_400.0
    bout_tau_s: float = 2_700.0
    day_spread: float = 0.0
    rhythm: Rhythm = field(default_factory=Rhythm)

    def __post_init__(self) -> None:
        for name in ("tau_position_s", "tau_velocity_s", "bout_tau_s"):
            if getattr(self, name) <= 0:
                raise ScenarioError(name, getattr(self, name), "a time above 0 s")
        if min(self.sigma_m) <= 0:
            raise ScenarioError("sigma_m", self.sigma_m, "two lengths above 0 m")
        if self.tau_position_s <= self.tau_velocity_s:
            raise ScenarioError("tau_position_s", self.tau_position_s, "more than tau_velocity_s")
        self._metres = metres_per_degree(self.home[0])
        self._solar_shift_s = (self.start_utc_s + self.home[1] * 240.0) % 86_400.0
        self._mean_bout = 0.5  # a symmetric process through a logistic function
        self._mean_rhythm = sum(self.rhythm.level(h / 10) for h in range(240)) / 240
        self._x_m: list[float] = []
        self._y_m: list[float] = []
        self._activity: list[float] = []
        # stationary start, in units of sigma: position and velocity-like component of both axes
        first = random.Random(f"ibex/{self.seed}/start")
        self._state = [v for _ in range(2) for v in self._stationary(first)]
        self._bout = first.gauss(0.0, 1.0)
        self._mood = 0.0

    @property
    def mean_activity(self) -> float:
        """Expected activity over days, from the rhythm and the bouts."""
        return self._mean_rhythm * self._mean_bout

    @property
    def area95_km2(self) -> float:
        """Area of the smallest region that holds 95 % of the stationary distribution [km2]."""
        return 2 * math.pi * math.log(20) * self.sigma_m[0] * self.sigma_m[1] / 1e6

    def position(self, t_s: float) -> tuple[float, float, float]:
        """Latitude [deg], longitude [deg], altitude [m] at scenario second `t_s` >= 0."""
        index, share = self._locate(t_s)
        x = self._x_m[index] + share * (self._x_m[index + 1] - self._x_m[index])
        y = self._y_m[index] + share * (self._y_m[index + 1] - self._y_m[index])
        lat = self.home[0] + y / self._metres[0]
        lon = self.home[1] + x / self._metres[1]
        return lat, lon, elevation_m(lat, lon)

    def activity(self, t_s: float) -> float:
        """Activity 0..1 at scenario second `t_s` >= 0."""
        index, share = self._locate(t_s)
        here, there = self._activity[index : index + 2]
        return here + share * (there - here)

    def _locate(self, t_s: float) -> tuple[int, float]:
        if t_s < 0:
            raise ScenarioError("t_s", t_s, "a scenario second of at least 0")
        index = int(t_s // _STEP_S)
        while len(self._x_m) < index + 2:
            self._add_day(len(self._x_m) // _STEPS_PER_DAY)
        return index, t_s / _STEP_S - index

    def _stationary(self, source: random.Random) -> tuple[float, float]:
        rate_p, rate_v = 1 / self.tau_position_s, 1 / self.tau_velocity_s
        x = source.gauss(0.0, 1.0)
        # Cov(x, w) = rate_p, Var w = rate_p (rate_p + rate_v) for unit variance of x
        w = rate_p * x + math.sqrt(rate_p * rate_v) * source.gauss(0.0, 1.0)
        return x, w

    def _add_day(self, day: int) -> None:
        source = random.Random(f"ibex/{self.seed}/day/{day}")
        cosine = math.cos(math.radians(self.axis_deg))
        sine = math.sin(math.radians(self.axis_deg))
        keep = math.exp(-_STEP_S / self.bout_tau_s)
        stir = math.sqrt(1.0 - keep * keep)
        if self.day_spread:
            mood = random.Random(f"ibex/{self.seed}/mood/{day}").gauss(0.0, 1.0)
            self._mood = 0.5 * self._mood + math.sqrt(0.75) * mood
        for step in range(_STEPS_PER_DAY):
            t_s = day * 86_400 + step * _STEP_S
            a, b = self._state[0] * self.sigma_m[0], self._state[2] * self.sigma_m[1]
            self._x_m.append(a * cosine - b * sine)
            self._y_m.append(a * sine + b * cosine)
            activity = self._level(t_s)
            self._activity.append(activity)
            self._bout = keep * self._bout + stir * source.gauss(0.0, 1.0)
            self._advance(_STEP_S * activity / self.mean_activity, source)

    def _level(self, t_s: float) -> float:
        """Activity of the step that begins at `t_s`."""
        hour = (t_s + self._solar_shift_s) % 86_400 / 3600.0
        bout = 1.0 / (1.0 + math.exp(-2.5 * self._bout - self.day_spread * self._mood))
        return self.rhythm.level(hour) * bout

    def _advance(self, dt_s: float, source: random.Random) -> None:
        """Exact Gaussian transition of both axes over an operational time step.

        With dx = (w - x / tau_p) dt and dw = -w / tau_v dt + noise the pair (x, w) is Markov; its
        covariance after dt is P - F P F', P the stationary covariance, F the matrix exponential.
        """
        rate_p, rate_v = 1 / self.tau_position_s, 1 / self.tau_velocity_s
        e_p, e_v = math.exp(-rate_p * dt_s), math.exp(-rate_v * dt_s)
        f = (e_p - e_v) / (rate_v - rate_p)
        p_xw, p_ww = rate_p, rate_p * (rate_p + rate_v)
        q_xx = 1.0 - (e_p * e_p + 2 * e_p * f * p_xw + f * f * p_ww)
        q_xw = p_xw - e_v * (e_p * p_xw + f * p_ww)
        q_ww = p_ww * (1.0 - e_v * e_v)
        l_xx = math.sqrt(max(q_xx, 0.0))
        l_wx = q_xw / l_xx if l_xx > 0 else 0.0
        l_ww = math.sqrt(max(q_ww - l_wx * l_wx, 0.0))
        for axis in (0, 2):
            one, two = source.gauss(0.0, 1.0), source.gauss(0.0, 1.0)
            x, w = self._state[axis], self._state[axis + 1]
            self._state[axis] = e_p * x + f * w + l_xx * one
            self._state[axis + 1] = e_v * w + l_wx * one + l_ww * two


class Track:
    """A real track replayed: linear between its points, at rest before and after it.

    Args:
        times_s: Scenario seconds of the points, strictly ascending.
        lat_deg: Latitudes [deg].
        lon_deg: Longitudes [deg].
        altitude_m: Altitudes [m]; the analytic landscape when absent.
        walk_mps: Speed at which activity reaches one half [m/s].
    """

    def __init__(
        self,
        times_s: Sequence[float],
        lat_deg: Sequence[float],
        lon_deg: Sequence[float],
        altitude_m: Sequence[float] | None = None,
        walk_mps: float = 0.1,
    ) -> None:
        if not (len(times_s) == len(lat_deg) == len(lon_deg)):
            raise ScenarioError(
                "track", (len(times_s), len(lat_deg), len(lon_deg)), "equal lengths"
            )
        if altitude_m is not None and len(altitude_m) != len(times_s):
            raise ScenarioError("altitude_m", len(altitude_m), f"{len(times_s)} values")
        if len(times_s) < 2:
            raise ScenarioError("track", len(times_s), "at least 2 points")
        for before, after in pairwise(times_s):
            if not after > before:
                raise ScenarioError("times_s", (before, after), "strictly ascending times")
        for name, values, limit in (("lat_deg", lat_deg, 90.0), ("lon_deg", lon_deg, 180.0)):
            bad = [v for v in values if not abs(v) <= limit]
            if bad:
                raise ScenarioError(name, bad[0], f"a number between -{limit:g} and {limit:g}")
        self._t = [float(v) for v in times_s]
        self._lat = [float(v) for v in lat_deg]
        self._lon = [float(lon_deg[0])]
        for lon in lon_deg[1:]:  # the short way round, also over the 180th meridian
            self._lon.append(self._lon[-1] + (lon - self._lon[-1] + 180.0) % 360.0 - 180.0)
        self._alt = None if altitude_m is None else [float(v) for v in altitude_m]
        self._legs = [self._leg_activity(i, walk_mps) for i in range(len(self._t) - 1)]
        weights = [b - a for a, b in pairwise(self._t)]
        total = sum(w * a for w, a in zip(weights, self._legs, strict=True))
        self._mean = max(total / (self._t[-1] - self._t[0]), 1e-6)

    @property
    def mean_activity(self) -> float:
        """Activity averaged over the duration of the track."""
        return self._mean

    def position(self, t_s: float) -> tuple[float, float, float]:
        """Latitude [deg], longitude [deg], altitude [m] at scenario second `t_s`."""
        index, share = self._locate(t_s)
        lat = self._lat[index] + share * (self._lat[index + 1] - self._lat[index])
        lon = self._lon[index] + share * (self._lon[index + 1] - self._lon[index])
        lon = (lon + 180.0) % 360.0 - 180.0
        if self._alt is None:
            return lat, lon, elevation_m(lat, lon)
        return lat, lon, self._alt[index] + share * (self._alt[index + 1] - self._alt[index])

    def activity(self, t_s: float) -> float:
        """Activity 0..1 of the leg that holds `t_s`; 0 outside the track."""
        if not self._t[0] <= t_s < self._t[-1]:
            return 0.0
        return self._legs[self._locate(t_s)[0]]

    def _locate(self, t_s: float) -> tuple[int, float]:
        index = min(max(bisect_right(self._t, t_s) - 1, 0), len(self._t) - 2)
        share = (t_s - self._t[index]) / (self._t[index + 1] - self._t[index])
        return index, min(max(share, 0.0), 1.0)

    def _leg_activity(self, index: int, walk_mps: float) -> float:
        per_lat_m, per_lon_m = metres_per_degree(self._lat[index])
        dx = (self._lon[index + 1] - self._lon[index]) * per_lon_m
        dy = (self._lat[index + 1] - self._lat[index]) * per_lat_m
        speed_mps = math.hypot(dx, dy) / (self._t[index + 1] - self._t[index])
        return speed_mps / (speed_mps + walk_mps)
