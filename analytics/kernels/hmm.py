"""Hidden Markov chain over given densities: forward-backward and Viterbi."""

import numpy as np
from numpy.typing import NDArray

from analytics.kernels._jit import jit

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]


# n steps, m rows
@jit
def step_statistics(
    distance_m: Floats,
    turning_rad: Floats,
    usual: Flags,
    slots: Integers,
    out: Floats,
) -> None:
    """Fills rows of `out` (m, 7), zeros before, at the `slots` (n) of the steps.

    Has a length above 0, its logarithm, itself; has a turning angle, its cosine, its sine; has
    length 0. An angle counts if this step and the one before are `usual` (n) and have a length.
    """
    for i in range(distance_m.size):
        row = out[slots[i]]
        if not usual[i]:
            continue
        if distance_m[i] == 0.0:
            row[6] = 1.0
            continue
        row[0], row[1], row[2] = 1.0, np.log(distance_m[i]), distance_m[i]
        if i > 0 and usual[i - 1] and not np.isnan(turning_rad[i]):
            row[3], row[4], row[5] = 1.0, np.cos(turning_rad[i]), np.sin(turning_rad[i])


# n observations, k states
@jit
def _forward(
    log_density: Floats,
    begins: Flags,
    initial: Floats,
    transition: Floats,
    probability: Floats,
    scale: Floats,
) -> float:
    """Fills `probability` (n, k) given what came before, and the `scale` (n) of each observation.

    `log_density` is left as density over the greatest of its row.
    """
    n, k = log_density.shape
    likelihood = 0.0
    for t in range(n):
        top = log_density[t].max()
        scale[t] = 0.0
        for j in range(k):
            log_density[t, j] = np.exp(log_density[t, j] - top)
            ahead = initial[j]
            if not begins[t]:
                ahead = 0.0
                for i in range(k):
                    ahead += probability[t - 1, i] * transition[i, j]
            probability[t, j] = ahead * log_density[t, j]
            scale[t] += probability[t, j]
        for j in range(k):
            probability[t, j] /= scale[t]
        likelihood += np.log(scale[t]) + top
    return likelihood


@jit
def _backward(
    density: Floats,
    begins: Flags,
    transition: Floats,
    scale: Floats,
    probability: Floats,
    moves: Floats,
) -> None:
    """Brings what comes after into `probability` (n, k); adds expected transitions to `moves`."""
    n, k = density.shape
    after = np.ones(k)  # density of what follows, per state, over its own scale
    weighted = np.empty(k)
    for t in range(n - 1, -1, -1):
        if t == n - 1 or begins[t + 1]:
            after[:] = 1.0
        else:
            for j in range(k):
                weighted[j] = after[j] * density[t + 1, j] / scale[t + 1]
            for i in range(k):
                after[i] = 0.0
                for j in range(k):
                    step = transition[i, j] * weighted[j]
                    moves[i, j] += probability[t, i] * step
                    after[i] += step
        total = 0.0
        for j in range(k):
            probability[t, j] *= after[j]
            total += probability[t, j]
        for j in range(k):
            probability[t, j] /= total


@jit
def forward_backward(
    log_density: Floats,
    begins: Flags,
    initial: Floats,
    transition: Floats,
    probability: Floats,
    moves: Floats,
    first: Floats,
) -> float:
    """Returns the log-likelihood of observations under a hidden Markov chain.

    `log_density` (n, k) is overwritten. `begins` (n) marks observations at which a sequence of
    its own begins, from `initial` (k); all others follow by `transition` (k, k), rows from,
    columns to. Fills `probability` (n, k), that of each state given all observations, `moves`
    (k, k), the expected number of transitions, and `first` (k), that of beginnings.

    Scaled at every observation: nothing underflows, however long the sequence. Both passes take
    n k^2; memory beyond the arguments is n.

    Source: Rabiner 1989, doi:10.1109/5.18626, section V.A.
    """
    scale = np.empty(log_density.shape[0])
    likelihood = _forward(log_density, begins, initial, transition, probability, scale)
    moves[:] = 0.0
    _backward(log_density, begins, transition, scale, probability, moves)
    first[:] = 0.0
    for t in range(begins.size):
        if begins[t]:
            first += probability[t]
    return likelihood


# n observations, k states
@jit
def viterbi(
    log_density: Floats, begins: Flags, log_initial: Floats, log_transition: Floats
) -> NDArray[np.int8]:
    """Returns (n,) the likeliest sequence of states, 0 to k - 1. One byte per state and fix.

    Source: Rabiner 1989, doi:10.1109/5.18626, section III.B.
    """
    n, k = log_density.shape
    came = np.zeros((n, k), np.int8)
    score, before = np.empty(k), np.empty(k)
    for t in range(n):
        before[:] = score
        for j in range(k):
            if t == 0:
                score[j] = log_initial[j] + log_density[t, j]
                continue
            best, source = -np.inf, 0
            for i in range(k):
                value = before[i] + (log_initial[j] if begins[t] else log_transition[i, j])
                if value > best:
                    best, source = value, i
            came[t, j] = source
            score[j] = best + log_density[t, j]
    states = np.empty(n, np.int8)
    states[n - 1] = np.argmax(score)
    for t in range(n - 1, 0, -1):
        states[t - 1] = came[t, states[t]]
    return states
