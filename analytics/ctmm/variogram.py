"""How far an animal moves within a time, seen without a model: the empirical variogram."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.errors import ParameterError
from analytics.track import Track, check_spread

Floats = NDArray[np.float64]

MAX_LAGS = 4_000_000
"""Slots of the regular grid of times on which pairs are counted."""


@dataclass(frozen=True, eq=False)
class Variogram:
    """Half the mean squared change of a coordinate over each lag, mean of x and y.

    Attributes:
        lag_s: (k,) lags that occur, multiples of `step_s`, 0 first.
        semivariance_m2: (k,) [m2].
        dof: (k,) number of independent squares each value rests on.
        pairs: (k,) number of pairs of fixes.
        step_s: width of a lag.
    """

    lag_s: Floats
    semivariance_m2: Floats
    dof: Floats
    pairs: Floats
    step_s: float

    def interval_m2(self, confidence_percent: float = 95.0) -> tuple[Floats, Floats]:
        """Returns the limits (k,), (k,) of each value, by quantiles of chi square."""
        from scipy.special import gammaincinv  # not needed to import analytics

        if not 0 < confidence_percent < 100:
            expected = "more than 0 and less than 100"
            raise ParameterError("confidence_percent", confidence_percent, expected)
        tail = (1 - confidence_percent / 100) / 2
        low, high = (
            self.semivariance_m2 * gammaincinv(self.dof / 2, p) * 2 / self.dof
            for p in (tail, 1 - tail)
        )
        return np.asarray(low), np.asarray(high)


def variogram(track: Track, step_s: float | None = None) -> Variogram:
    """Returns the empirical variogram of a track.

    Times are rounded to multiples of `step_s`, which is exact for regular sampling with gaps; all
    pairs are counted in O(n log n). Pairs over a lag t overlap in time, so only about one per t
    and coordinate is independent: intervals rest on those.

    Args:
        track: at least 5 fixes, not all on one line.
        step_s: width of a lag [s]; by default the median interval between fixes.

    Raises:
        TrackError: too few fixes, or fixes without spread.
        ParameterError: a step that is not positive, or so short that the track has more than
            `MAX_LAGS` of them.

    Source: Fleming et al. 2014, doi:10.1086/675504.
    """
    from scipy import fft

    check_spread(track)
    step = float(np.median(np.diff(track.times_s))) if step_s is None else float(step_s)
    since = track.times_s - track.times_s[0]
    if not (np.isfinite(step) and step > 0 and since[-1] / step < MAX_LAGS):
        expected = f"more than {since[-1] / MAX_LAGS:g} s for {since[-1]:g} s of track"
        raise ParameterError("step_s", step, expected)
    slot = np.rint(since / step).astype(np.int64)
    slots = int(slot[-1]) + 1
    size = fft.next_fast_len(2 * slots, real=True)
    count = np.bincount(slot, minlength=slots).astype(np.float64)
    x_m, y_m = track.x_m - track.x_m.mean(), track.y_m - track.y_m.mean()
    seen = fft.rfft(count, size)
    both = np.real(fft.rfft(np.bincount(slot, x_m**2 + y_m**2, slots), size) * np.conj(seen))
    for values in (x_m, y_m):
        both -= _power(fft.rfft(np.bincount(slot, values, slots), size))
    squares = 2 * fft.irfft(both, size)[:slots]
    pairs = np.rint(fft.irfft(_power(seen), size)[:slots])
    pairs[0] = len(track)
    squares[0] = 0.0  # fixes in one slot are not compared
    found = np.flatnonzero(pairs > 0)
    lags, pairs = np.asarray(found * step, np.float64), pairs[found]
    apart = np.divide(slots - 1, found, out=np.full(found.size, np.inf), where=found > 0)
    dof = 2 * np.minimum(pairs, apart)
    semivariance = np.maximum(squares[found], 0.0) / (4 * pairs)
    return Variogram(lags, semivariance, np.asarray(dof, np.float64), pairs, step)


def _power(spectrum: NDArray[np.complex128]) -> Floats:
    return np.asarray(spectrum.real**2 + spectrum.imag**2)
