"""Whether fixes were taken at times that have nothing to do with what the animal did.

Every estimator here takes them so. A collar that wakes when its animal moves takes more fixes of
moving than of rest: densities of fixes then tell of ways, not of use, and bridges take the pace of
moving for that of rest. Such samples are told by the reasons that a collar gives for its fixes,
and, where there are none, by the track itself: at equal lags, fixes taken densely lie further
apart (or nearer) than fixes that the collar left a gap between.
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.errors import TriggeredSamplingWarning
from analytics.track import Track

Floats = NDArray[np.float64]

REASONS = ("backbone", "first", "motion", "cluster", "mortality", "fence", "command", "other")
"""What the values of `Track.reason` mean. Only the backbone is the regular schedule."""

BACKBONE = 0
TRIGGERED = (2, 3, 4, 5)
"""Reasons that what the animal did had a part in."""

_DOUBTFUL_PART = 0.01  # of the fixes: less changes no range to speak of

_ALONE = "use the backbone alone (--backbone-only, in the API backbone_only)"
_WEIGHTS = "use akde with weights=optimal, which evens dense times out"

_LONG = 2.5  # times the shortest quarter's interval: steps over which dense fixes may be compared
_BIN = 1.6  # ratio of the lags that count as equal
_LEAST = 5  # steps, and ways, of one lag
_MOST = 2000  # ways, evenly over the track
_CHANCE = 0.75  # that a way is longer than a step: 0.5 where nothing depends on movement
_SCORE = 3.5  # standard deviations: once in 4000 regular tracks and lags


@dataclass(frozen=True)
class SamplingBias:
    """A lag at which dense and sparse sampling tell different stories.

    Attributes:
        lag_s: how far apart in time the fixes lie.
        steps: number of steps of that lag, with no fix between.
        ways: number of ways of that lag with fixes between, one after the other.
        chance: that a way is longer than a step; 0.5 where sampling is independent of movement.
        ratio: root mean square length of ways over that of steps.
    """

    lag_s: float
    steps: int
    ways: int
    chance: float
    ratio: float


def sampling_bias(track: Track) -> SamplingBias | None:
    """Returns the lag at which sampling follows movement most clearly, or None.

    Where fixes are taken independently of movement, the squared distance of two fixes depends on
    their lag alone (on the semivariance), not on whether there were fixes between them. Steps are
    compared with ways through denser fixes by Mann and Whitney's test; ways do not overlap.

    A regular track, one of few gaps, and one of gaps that nothing dense can be compared with give
    None. A schedule by the time of day counts too, if the animal keeps to the same hours: it
    biases alike.
    """
    duration_s = np.diff(track.times_s)
    if duration_s.size < 2 * _LEAST:
        return None
    long = np.flatnonzero(duration_s >= _LONG * np.quantile(duration_s, 0.25))
    if long.size < _LEAST:
        return None
    length_m = np.hypot(np.diff(track.x_m), np.diff(track.y_m))
    found: list[tuple[float, SamplingBias]] = []
    order = long[np.argsort(duration_s[long], kind="stable")]
    lags_s = duration_s[order]
    start_s = float(lags_s[0])
    while start_s <= lags_s[-1]:  # bins overlap by half
        first, last = np.searchsorted(lags_s, (start_s * (1 - 1e-9), start_s * _BIN))
        steps, start_s = order[first:last], start_s * math.sqrt(_BIN)
        if steps.size < _LEAST:
            continue
        lag_s = float(np.median(duration_s[steps]))
        ways_m = _ways(track, duration_s, lag_s)
        if ways_m.size < _LEAST:
            continue
        steps_m = np.sort(length_m[steps])
        below = np.searchsorted(steps_m, ways_m) + np.searchsorted(steps_m, ways_m, "right")
        chance = float(below.mean() / 2 / steps_m.size)
        pairs = ways_m.size * steps_m.size
        score = abs(chance - 0.5) * math.sqrt(12 * pairs / (ways_m.size + steps_m.size + 1))
        if max(chance, 1 - chance) >= _CHANCE and score >= _SCORE:
            ratio = math.sqrt(float((ways_m**2).mean() / max((steps_m**2).mean(), 1e-12)))
            bias = SamplingBias(lag_s, steps_m.size, ways_m.size, chance, ratio)
            found.append((score, bias))
    return max(found, key=lambda one: one[0])[1] if found else None


def _ways(track: Track, duration_s: Floats, lag_s: float) -> Floats:
    """Returns the distances between fixes so far apart, all steps between them much shorter."""
    t, x, y = track.times_s, track.x_m, track.y_m
    start = np.arange(0, t.size, -(-t.size // (10 * _MOST)))
    end = np.searchsorted(t, t[start] + lag_s * (1 - 1e-9))
    start, end = start[end < t.size], end[end < t.size]
    long = np.concatenate(([0], np.cumsum(duration_s > lag_s / _LONG)))
    good = (t[end] - t[start] <= 1.25 * lag_s) & (long[end] == long[start])
    start, end = start[good], end[good]
    ways, k, apart = [], 0, t.size // _MOST
    while k < start.size:
        ways.append(k)
        k = int(np.searchsorted(start, max(int(end[k]), int(start[k]) + apart)))
    first, last = start[ways], end[ways]
    return np.asarray(np.hypot(x[last] - x[first], y[last] - y[first]))


def warn_of_sampling(track: Track, name: str = "") -> None:
    """Warns where fixes were taken because of what the animal did.

    Args:
        track: with reasons, or without.
        name: put before messages, for one track of several.

    Warns:
        TriggeredSamplingWarning: a hundredth of the fixes were triggered, or `sampling_bias` finds
            that they must have been.
    """
    prefix = f"{name}: " if name else ""
    if track.reason is not None:
        count = {REASONS[code]: int((track.reason == code).sum()) for code in TRIGGERED}
        triggered = sum(count.values())
        if triggered >= _DOUBTFUL_PART * len(track):
            each = ", ".join(f"{number} {name}" for name, number in count.items() if number)
            told = (
                f"{prefix}movement-triggered sample: {triggered} of {len(track)} fixes were taken "
                f"because of what the animal did ({each})"
            )
            warnings.warn(TriggeredSamplingWarning(f"{told}; {_ALONE}"), stacklevel=3)
            return
    bias = sampling_bias(track)
    if bias is not None:
        how = f"{bias.ratio:.2g} times as far"
        told = (
            f"{prefix}sampling follows movement: at equal lags ({bias.lag_s / 3600:.3g} h) fixes "
            f"lie {how} apart where they were taken densely ({bias.ways} ways, {bias.steps} gaps)"
        )
        warnings.warn(TriggeredSamplingWarning(f"{told}; {_WEIGHTS}"), stacklevel=3)


def parse_reason(text: str) -> int | None:
    """Returns the value of a reason given as a number or a word; None where it is neither."""
    word = text.strip().lower()
    if word.isdecimal():
        return int(word) if int(word) < 256 else None
    word = {"schedule": "backbone", "scheduled": "backbone", "regular": "backbone"}.get(word, word)
    return REASONS.index(word) if word in REASONS else None
