"""Migration told from residence, dispersal and nomadism by how far the animal is from its start.

Five shapes of net squared displacement over time are fitted and compared by AICc: with sigmoids
S(t; theta, phi) = 1 / (1 + exp((theta - t) / phi)),

* `resident`: c (1 - exp(-t / tau)), a range that is soon filled
* `nomadic`: b t, wandering without end
* `dispersal`: d S(t; theta, phi), one journey to stay
* `migration`: d S(t; theta1, phi1) - d S(t; theta2, phi2), a journey and the whole way back
* `mixed migration`: d1 S(t; theta1, phi1) - d2 S(t; theta2, phi2), back to some other place: the
  square falls by a quarter or more

theta is the middle of a journey, phi the time from there to three quarters of the way (times
1.1). Displacements in a row resemble each other; taken as independent, as in the paper, AICc finds
mixed migrants among residents. A name is a suggestion: of simulated years not used to set the
limits, 99 of 100 migrants were named rightly, but only 32 of 50 dispersers and 16 of 25 residents,
the rest mostly as migrants of some kind. Look at distances and times before believing one.

Source: Bunnefeld et al. 2011, doi:10.1111/j.1365-2656.2010.01776.x; the resident shape, Boerger &
Fryxell 2012, doi:10.1093/acprof:oso/9780199608898.003.0017.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analytics.displacement import (
    FORMS,
    HALF_JOURNEY,
    MIN_RETURN,
    aicc,
    correlation,
    fit,
    return_middle,
)
from analytics.errors import ParameterError, TrackError
from analytics.movement import DAY_S, describe, net_squared_displacement, read_only
from analytics.results import Estimate
from analytics.track import Track

Floats = NDArray[np.float64]

MAX_POINTS = 20_000
"""Displacements that one fit may take; more belong into wider intervals."""

_MIN_POINTS = 12  # so that AICc exists for seven parameters and means something
_ROUNDS = 3  # of fitting the richest shape and the correlation of its residuals


@dataclass(frozen=True)
class Journey:
    """One sigmoid of a fitted shape.

    Attributes:
        middle_s: Unix time at which half of the displacement squared is done.
        from_time_s: Unix time at which 5 % of it is done.
        to_time_s: Unix time at which 95 % of it is done.
        distance_m: distance from the start, of which it makes (or takes back) the square [m].
    """

    middle_s: float
    from_time_s: float
    to_time_s: float
    distance_m: float


@dataclass(frozen=True, eq=False)
class Shape:
    """One fitted shape of net squared displacement.

    Attributes:
        name: which, as in the module's text.
        parameters: of the shape, with units in the names; times from the first fix.
        journeys: those that it has, in order of time.
        residual_m4: mean squared residual, autocorrelation taken out [m4].
        free_parameters: number of parameters, those of the residuals included.
        aicc: Akaike's criterion with its correction for small samples.
        weight: of the shape among all, 0 to 1 (Akaike weight).
        fitted_m2: (m,) float64 [m2], at the times of `MovementType.times_s`.
    """

    name: str
    parameters: dict[str, float]
    journeys: tuple[Journey, ...]
    residual_m4: float
    free_parameters: int
    aicc: float
    weight: float
    fitted_m2: Floats


@dataclass(frozen=True, eq=False)
class MovementType:
    """The shapes fitted to one track, best first.

    Attributes:
        shapes: every shape, by ascending AICc.
        times_s: (m,) float64 [s], Unix time of the displacements used.
        displacement_m2: (m,) float64 [m2], mean net squared displacement per interval.
        estimate: how they were made.
    """

    shapes: tuple[Shape, ...]
    times_s: Floats
    displacement_m2: Floats
    estimate: Estimate

    @property
    def best(self) -> Shape:
        """The shape of least AICc."""
        return self.shapes[0]


def classify(
    track: Track,
    interval_s: float | None = DAY_S,
    residuals: Literal["autocorrelated", "independent"] = "autocorrelated",
) -> MovementType:
    """Returns the five shapes of net squared displacement fitted to a track, best first.

    The track should begin before a journey could: displacement is counted from its first fix, and
    a year from late winter on is usual. Least squares: weights of the sigmoids are solved for
    exactly, times and widths searched from a grid of starting values.

    Args:
        track: fixes over at least 12 intervals.
        interval_s: displacements are averaged over intervals of this length from the first fix on
            [s]; None takes every fix.
        residuals: "independent" takes them as the paper does; "autocorrelated" takes each to
            resemble the one before, as in an autoregression of first order, with one correlation
            for all shapes, that of the residuals of the richest.

    Raises:
        TrackError: too few intervals with fixes, more than `MAX_POINTS`, or an animal that never
            moves.
        ParameterError: `interval_s` is not above 0, or `residuals` is unknown.
    """
    if residuals not in ("autocorrelated", "independent"):
        raise ParameterError("residuals", residuals, '"autocorrelated" or "independent"')
    times_s, squared_m2 = _averaged(track, interval_s)
    span_s, scale_m2 = float(times_s[-1] - times_s[0]), float(squared_m2.max())
    if scale_m2 == 0:
        raise TrackError([f"all {len(track)} fixes are equal: nothing moves"])
    t, z = (times_s - times_s[0]) / span_s, squared_m2 / scale_m2
    gaps = np.diff(times_s) / np.median(np.diff(times_s))
    keep = np.zeros(gaps.size)  # how much of a residual the next one keeps
    for _ in range(0 if residuals == "independent" else _ROUNDS):
        q, w, _ = fit(FORMS[-1], t, z, keep)
        keep = correlation(FORMS[-1].columns(t, q) @ w - z) ** gaps
    fits = [fit(form, t, z, keep) for form in FORMS]
    # determinant of the whitening, and displacements as such, not over their greatest
    constant = 2 * t.size * math.log(scale_m2) + float(np.sum(np.log1p(-(keep**2))))
    shared = 1 if residuals == "independent" else 2  # variance of residuals, their correlation
    shapes = []
    for form, (q, w, cost) in zip(FORMS, fits, strict=True):
        parameters, journeys = _named(form.name, q, w * scale_m2, span_s, float(times_s[0]))
        free = q.size + w.size + shared
        shapes.append(
            Shape(
                name=form.name,
                parameters=parameters,
                journeys=journeys,
                residual_m4=cost * scale_m2**2,
                free_parameters=free,
                aicc=aicc(cost, t.size, free) + constant,
                weight=0.0,
                fitted_m2=read_only(form.columns(t, q) @ w * scale_m2),
            )
        )
    least = min(shape.aicc for shape in shapes)
    total = sum(math.exp((least - shape.aicc) / 2) for shape in shapes)
    shapes = [replace(s, weight=math.exp((least - s.aicc) / 2) / total) for s in shapes]
    shapes.sort(key=lambda shape: shape.aicc)
    estimate = describe(
        track,
        "net squared displacement shapes",
        {"interval_s": interval_s, "residuals": residuals},
    )
    return MovementType(tuple(shapes), read_only(times_s), read_only(squared_m2), estimate)


def _averaged(track: Track, interval_s: float | None) -> tuple[Floats, Floats]:
    """Returns mean times and mean squared displacements by interval."""
    if interval_s is not None and not (math.isfinite(interval_s) and interval_s > 0):
        raise ParameterError("interval_s", interval_s, "a finite number above 0, or None")
    if len(track) < 2:
        raise TrackError([f"{len(track)} fixes, at least {_MIN_POINTS} are needed"])
    times_s, squared_m2 = track.times_s, net_squared_displacement(track)
    if interval_s is not None:
        number = np.floor((times_s - times_s[0]) / interval_s)
        first = np.flatnonzero(np.diff(number, prepend=-1))
        fixes = np.diff(np.append(first, times_s.size))
        since_s = np.add.reduceat(times_s - times_s[0], first) / fixes
        times_s, squared_m2 = times_s[0] + since_s, np.add.reduceat(squared_m2, first) / fixes
    if not _MIN_POINTS <= times_s.size <= MAX_POINTS:
        every = "fixes" if interval_s is None else f"intervals of {interval_s:g} s with fixes"
        raise TrackError([f"{times_s.size} {every}, {_MIN_POINTS} to {MAX_POINTS} are needed"])
    return np.array(times_s), np.array(squared_m2)


def _named(
    name: str, q: Floats, weights_m2: Floats, span_s: float, start_s: float
) -> tuple[dict[str, float], tuple[Journey, ...]]:
    """Returns the parameters under their names and units, and the journeys they describe."""
    if name == "resident":
        return {"c_m2": float(weights_m2[0]), "tau_s": float(q[0]) * span_s}, ()
    if name == "nomadic":
        return {"b_m2_per_s": float(weights_m2[0]) / span_s}, ()
    theta, phi = float(q[0]) * span_s, float(q[1]) * span_s
    there_m2 = float(weights_m2.sum())
    if name == "dispersal":
        values = {"d_m2": there_m2, "theta_s": theta, "phi_s": phi}
        return values, (_journey(start_s, theta, phi, there_m2),)
    back_m2 = float(weights_m2[-1] + MIN_RETURN * (there_m2 - weights_m2[-1]))
    later, wide = return_middle(q) * span_s, float(q[3]) * span_s
    values = {"theta1_s": theta, "phi1_s": phi, "theta2_s": later, "phi2_s": wide}
    heights = {"d_m2": there_m2} if name == "migration" else {"d1_m2": there_m2, "d2_m2": back_m2}
    journeys = (
        _journey(start_s, theta, phi, there_m2),
        _journey(start_s, later, wide, back_m2),
    )
    return heights | values, journeys


def _journey(start_s: float, theta_s: float, phi_s: float, squared_m2: float) -> Journey:
    half_s = phi_s * HALF_JOURNEY
    middle_s = start_s + theta_s
    return Journey(middle_s, middle_s - half_s, middle_s + half_s, math.sqrt(squared_m2))
