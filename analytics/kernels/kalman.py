"""Whitening of fixes under a continuous-time movement model, in one pass: the Kalman filter.

Variances are in units of the model's own (sigma = 1 along each axis). The state of one axis is
position and velocity; a model without velocity has only its first half.
"""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]

_TERMS = 18  # of the series for short steps: 1^18 / 19! = 8e-18


@jit
def position_noise(a: float, b: float, t: float) -> float:
    """Returns the variance of position gained in a step t from known position and velocity.

    For rates a <= b (1/s): 2 a b (a + b) times the integral over s = 0..t of
    ((exp(-a s) - exp(-b s)) / (b - a))^2, which is of third order in t. Every branch is free of
    cancellation: the series in 2 b t by a recurrence of positive terms, the difference of
    exponentials where b is fast and a slow, the balance 1 = F P F' + Q where both are fast.
    """
    if 2.0 * b * t < 1.0:
        slow, fast, middle = 2.0 * a * t, 2.0 * b * t, (a + b) * t
        before, now = 0.0, 2.0  # second differences of the powers 1 and 2
        power, weight, total = middle, 1.0 / 6.0, 0.0
        for k in range(2, _TERMS):
            total += weight * now
            before, now = now, 2.0 * middle * now - slow * fast * before + 2.0 * power
            power *= middle
            weight /= -(k + 2.0)
        return float(2.0 * a * b * (a + b) * t**3 * total)
    if 4.0 * a * t < 1.0:
        parts = -np.expm1(-2.0 * a * t) / (2.0 * a) - np.expm1(-2.0 * b * t) / (2.0 * b)
        parts += 2.0 * np.expm1(-(a + b) * t) / (a + b)
        return float(2.0 * a * b * (a + b) / (b - a) ** 2 * parts)
    slow, along = np.exp(-a * t), carry(a, b, t)
    return float(1.0 - (slow + a * along) ** 2 - a * b * along**2)


@jit
def carry(a: float, b: float, t: float) -> float:
    """Returns (exp(-a t) - exp(-b t)) / (b - a) [s]: the metres one m/s carries within t."""
    gap = (b - a) * t
    if gap < 1e-8:
        return float(t * np.exp(-a * t) * (1.0 - 0.5 * gap))
    return float(-np.exp(-a * t) * np.expm1(-gap) / (b - a))


@jit
def transition(a: float, b: float, t: float) -> tuple[float, ...]:
    """Returns (f11, f12, f21, f22, q11, q12, q22): how position and velocity change within t.

    State [position, velocity] goes to F state + noise of covariance Q, for rates a <= b [1/s]; a
    rate of infinity has no memory. Source: Fleming et al. 2014, doi:10.1086/675504 (the process);
    the matrices are the solution of x'' + (a + b) x' + a b x = white noise with variance 1 of x.
    """
    if np.isinf(a):
        return 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0
    if np.isinf(b):
        return np.exp(-a * t), 0.0, 0.0, 0.0, -np.expm1(-2.0 * a * t), 0.0, 0.0
    slow, f12, ab = np.exp(-a * t), carry(a, b, t), a * b
    f22 = slow - b * f12
    q12 = ab * (a + b) * f12 * f12
    q22 = ab * (1.0 - f22 * f22 - ab * f12 * f12)
    return slow + a * f12, f12, -ab * f12, f22, position_noise(a, b, t), q12, q22


# n fixes, m columns
@jit
def whiten(
    times_s: Floats, columns: Floats, noise: Floats, a: float, b: float, gram: Floats
) -> float:
    """Adds up what the likelihood needs, and returns the log determinant of the covariance.

    The covariance C (n, n) is the model's autocorrelation plus `noise` on its diagonal; `gram`
    (m, m) receives columns' C^-1 columns. One pass, O(n m^2).

    Args:
        times_s: (n,) ascending.
        columns: (n, m), such as x, y and ones.
        noise: (n,) variance of telemetry error over the variance of the axis; (1,) 0 for none.
        a: 1 / time scale of position [1/s], infinite for independent fixes.
        b: 1 / time scale of velocity [1/s], at least a, infinite for no velocity.
        gram: (m, m), overwritten.
    """
    n, m = columns.shape
    position, velocity, innovation = np.zeros(m), np.zeros(m), np.empty(m)
    p11, p12, p22 = 1.0, 0.0, 0.0 if np.isinf(b) else a * b  # covariance of what is not known yet
    f11, f12, f21, f22, q11, q12, q22 = 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, p22
    step, log_determinant = -1.0, 0.0
    gram[:] = 0.0
    for k in range(n):
        if k > 0:
            t = times_s[k] - times_s[k - 1]
            if t != step:
                step = t
                f11, f12, f21, f22, q11, q12, q22 = transition(a, b, t)
            for j in range(m):
                ahead = f11 * position[j] + f12 * velocity[j]
                velocity[j] = f21 * position[j] + f22 * velocity[j]
                position[j] = ahead
            r11, r12 = f11 * p11 + f12 * p12, f11 * p12 + f12 * p22
            r21, r22 = f21 * p11 + f22 * p12, f21 * p12 + f22 * p22
            p11 = r11 * f11 + r12 * f12 + q11
            p12 = r11 * f21 + r12 * f22 + q12
            p22 = r21 * f21 + r22 * f22 + q22
        error = noise[min(k, noise.size - 1)]
        s = p11 + error
        log_determinant += np.log(s)
        for j in range(m):
            innovation[j] = columns[k, j] - position[j]
        for j in range(m):
            scaled = innovation[j] / s
            position[j] += p11 * scaled
            velocity[j] += p12 * scaled
            for i in range(j + 1):
                gram[i, j] += innovation[i] * scaled
        p22 -= p12 * p12 / s
        p12 *= error / s
        p11 *= error / s
    for j in range(m):
        for i in range(j):
            gram[j, i] = gram[i, j]
    return log_determinant


# n times, m columns; per time: 2 states, 3 covariances
@jit
def filter_forward(
    times_s: Floats,
    columns: Floats,
    noise: Floats,
    a: float,
    b: float,
    state: Floats,
    spread: Floats,
) -> None:
    """Fills in what is known at each time from the fixes up to it.

    Args:
        times_s: (n,) ascending.
        columns: (n, m); where `noise` is infinite there is no fix and the value does not count.
        noise: (n,) as in `whiten`.
        a: as in `whiten`.
        b: as in `whiten`.
        state: (n, 2, m) position and velocity, overwritten.
        spread: (n, 3) variance of position, covariance, variance of velocity, overwritten.
    """
    n, m = columns.shape
    position, velocity = np.zeros(m), np.zeros(m)
    p11, p12, p22 = 1.0, 0.0, 0.0 if np.isinf(b) else a * b
    for k in range(n):
        if k > 0:
            f11, f12, f21, f22, q11, q12, q22 = transition(a, b, times_s[k] - times_s[k - 1])
            for j in range(m):
                ahead = f11 * position[j] + f12 * velocity[j]
                velocity[j] = f21 * position[j] + f22 * velocity[j]
                position[j] = ahead
            r11, r12 = f11 * p11 + f12 * p12, f11 * p12 + f12 * p22
            r21, r22 = f21 * p11 + f22 * p12, f21 * p12 + f22 * p22
            p11 = r11 * f11 + r12 * f12 + q11
            p12 = r11 * f21 + r12 * f22 + q12
            p22 = r21 * f21 + r22 * f22 + q22
        if np.isfinite(noise[k]):
            s = p11 + noise[k]
            for j in range(m):
                scaled = (columns[k, j] - position[j]) / s
                position[j] += p11 * scaled
                velocity[j] += p12 * scaled
            p22 -= p12 * p12 / s
            p12 *= noise[k] / s
            p11 *= noise[k] / s
        state[k, 0], state[k, 1] = position, velocity
        spread[k, 0], spread[k, 1], spread[k, 2] = p11, p12, p22


@jit
def smooth_backward(times_s: Floats, a: float, b: float, state: Floats, spread: Floats) -> None:
    """Turns what `filter_forward` knew from the past into what is known from all fixes, in place.

    Source: Rauch, Tung & Striebel 1965, doi:10.2514/3.3166.
    """
    n, _, m = state.shape
    for k in range(n - 2, -1, -1):
        f11, f12, f21, f22, q11, q12, q22 = transition(a, b, times_s[k + 1] - times_s[k])
        p11, p12, p22 = spread[k]
        r11, r12 = f11 * p11 + f12 * p12, f11 * p12 + f12 * p22
        r21, r22 = f21 * p11 + f22 * p12, f21 * p12 + f22 * p22
        h11 = r11 * f11 + r12 * f12 + q11  # what was expected one step ahead
        h12 = r11 * f21 + r12 * f22 + q12
        h22 = r21 * f21 + r22 * f22 + q22
        if h22 > 0.0:
            det = h11 * h22 - h12 * h12
            c11, c12 = (r11 * h22 - r21 * h12) / det, (r21 * h11 - r11 * h12) / det
            c21, c22 = (r12 * h22 - r22 * h12) / det, (r22 * h11 - r12 * h12) / det
        else:
            c11, c12, c21, c22 = r11 / h11, 0.0, 0.0, 0.0
        for j in range(m):
            ahead = f11 * state[k, 0, j] + f12 * state[k, 1, j]
            speed = f21 * state[k, 0, j] + f22 * state[k, 1, j]
            d1, d2 = state[k + 1, 0, j] - ahead, state[k + 1, 1, j] - speed
            state[k, 0, j] += c11 * d1 + c12 * d2
            state[k, 1, j] += c21 * d1 + c22 * d2
        e11, e12 = spread[k + 1, 0] - h11, spread[k + 1, 1] - h12
        e22 = spread[k + 1, 2] - h22
        spread[k, 0] += c11 * (c11 * e11 + c12 * e12) + c12 * (c11 * e12 + c12 * e22)
        spread[k, 1] += c11 * (c21 * e11 + c22 * e12) + c12 * (c21 * e12 + c22 * e22)
        spread[k, 2] += c21 * (c21 * e11 + c22 * e12) + c22 * (c21 * e12 + c22 * e22)


@jit
def draw(times_s: Floats, a: float, b: float, normals: Floats, out: Floats) -> None:
    """Writes a path of variance 1 and mean 0 to `out` (n,) from `normals` (n, 2), in place.

    Starts in the stationary distribution.
    """
    x, v = normals[0, 0], 0.0
    if not np.isinf(b):
        v = np.sqrt(a * b) * normals[0, 1]
    out[0] = x
    for k in range(1, times_s.size):
        f11, f12, f21, f22, q11, q12, q22 = transition(a, b, times_s[k] - times_s[k - 1])
        along = np.sqrt(q11)
        tied = q12 / along
        ahead = f11 * x + f12 * v + along * normals[k, 0]
        free = np.sqrt(max(0.0, q22 - tied * tied))
        v = f21 * x + f22 * v + tied * normals[k, 0] + free * normals[k, 1]
        x = ahead
        out[k] = x
