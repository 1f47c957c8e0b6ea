"""The optimum found another way, exactly: no grid of energies, no prices.

More stored energy is never worse, so for each state of knowledge and each number of fixes it is
enough to keep the most energy that can be left. Slow for many fixes, and without the plan itself.
"""

import numba
import numpy as np

from hardware.budget.optimum import SLOT_S, Moves, Store


def most_fixes(income_j: np.ndarray, moves: Moves, store: Store, most: int) -> int:
    """The most fixes (up to `most`) that end with no less energy than at the start."""
    leak0 = store.leak_w + store.leak_per_s * store.low_j
    best = _frontier(
        income_j - (store.always_w + leak0) * SLOT_S,
        1.0 - store.leak_per_s * SLOT_S,
        moves.idle,
        moves.cost_j,
        moves.then,
        store.start_j - store.low_j,
        store.high_j - store.low_j,
        most,
    )
    return int(np.flatnonzero(best.max(axis=0) >= store.start_j - store.low_j).max())


@numba.njit(cache=True)
def _frontier(net_j, keep, idle, cost_j, then, start_j, high_j, most):
    states, ways = cost_j.shape
    energy = np.full((states, most + 1), -np.inf)
    energy[0, 0] = start_j
    for t in range(len(net_j)):
        after = np.full((states, most + 1), -np.inf)
        for s in range(states):
            for fixes in range(min(t, most) + 1):
                if energy[s, fixes] < 0.0:
                    continue
                rest = energy[s, fixes] * keep + net_j[t]
                slept = min(rest, high_j)
                after[idle[s], fixes] = max(after[idle[s], fixes], slept)
                for w in range(ways):
                    left = min(rest - cost_j[s, w], high_j)
                    if left >= 0.0 and fixes < most:
                        there = then[s, w]
                        after[there, fixes + 1] = max(after[there, fixes + 1], left)
        energy = after
    return energy
