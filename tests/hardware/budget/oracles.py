"""The optimum found another way: as a mixed-integer linear programme of every move of every slot.

Without whole numbers it is the linear relaxation. Slow: for some days.
"""

import numpy as np
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import lil_array

from hardware.budget.optimum import SLOT_S, Moves, Store


def most_fixes(income_j: np.ndarray, moves: Moves, store: Store, *, whole: bool = True) -> float:
    """The most fixes that end with no less energy than at the start; -1 when there is no way.

    Variables: whether a way is taken in a state in a slot (idle is way 0), then the energy after
    each slot. Equations: one state follows the other, and the balance; what is wasted leaves it.
    """
    slots, states = len(income_j), len(moves.idle)
    ways = [
        (s, 0.0, there, 0) if w < 0 else (s, moves.cost_j[s, w], there, 1)
        for s in range(states)
        for w, there in enumerate([moves.idle[s], *moves.then[s]], -1)
        if w < 0 or np.isfinite(moves.cost_j[s, w])
    ]
    many = len(ways)
    flow = lil_array((slots * states, slots * many + slots))
    balance = lil_array((slots, slots * many + slots))
    keep = 1.0 - store.leak_per_s * SLOT_S
    for t in range(slots):
        for number, (s, cost_j, there, _) in enumerate(ways):
            flow[t * states + s, t * many + number] = 1.0
            if t + 1 < slots:
                flow[(t + 1) * states + there, t * many + number] -= 1.0
            balance[t, t * many + number] = cost_j
        balance[t, slots * many + t] = 1.0
        if t:
            balance[t, slots * many + t - 1] = -keep
    starts = np.zeros(slots * states)
    starts[0] = 1.0
    came_j = income_j - (store.always_w + store.leak_w) * SLOT_S
    came_j[0] += keep * store.start_j
    low_j = np.full(slots, store.low_j)
    low_j[-1] = store.start_j
    found = milp(
        np.concatenate([np.tile([-float(way[3]) for way in ways], slots), np.zeros(slots)]),
        constraints=[
            LinearConstraint(flow.tocsr(), starts, starts),
            LinearConstraint(balance.tocsr(), -np.inf, came_j),
        ],
        bounds=(
            np.concatenate([np.zeros(slots * many), low_j]),
            np.concatenate([np.ones(slots * many), np.full(slots, store.high_j)]),
        ),
        integrality=np.concatenate([np.full(slots * many, int(whole)), np.zeros(slots)]),
    )
    return -1.0 if found.x is None else float(-found.fun)
