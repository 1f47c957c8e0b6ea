"""What the clairvoyant optimum may do, at mean costs: from the twin's parts to a graph of moves.

The state of knowledge is the age of the orbits the receiver could be told, in half hours; a fix
with them keeps their age, a cold or aided one starts them anew. So does a fix with them whose
receiver stays on until it has heard new ones. Of old orbits some no longer hold: a fix costs the
mean over how many do. Under closed sky a search gives
nothing until it is recognised as hopeless; the mean cost of a fix carries its share of those.
"""

import math

import numpy as np

from hardware.budget import life
from hardware.budget.optimum import SLOT_S, Moves, Store
from hardware.twin import search
from hardware.twin.parts import Parts
from hardware.twin.search import SearchParts

_RECORDS_PER_FRAME = 8
_WAKES_PER_DAY = 4  # that do nothing else
_SPARE_J = 2.0  # kept above the lower limit, for the sag of a search in the cold


def fix_j(
    parts: Parts,
    receiver: SearchParts,
    orbits: float,
    frame_j: float,
    follows: bool = False,
    stay_s: float = 0.0,
) -> float:
    """Mean joules of a fix, its wake and its share of a frame.

    Args:
        parts: The hardware.
        receiver: Its searches.
        orbits: Usable.
        frame_j: A frame of eight records.
        follows: It comes half an hour after another: the sky that was open then mostly still is.
        stay_s: At the earliest the receiver is off so long after its begin.
    """
    costs = parts.costs
    power_w = (costs.gnss_search_uw + costs.processor_stop_uw) / 1e6
    mean_s = search.median_s(receiver, orbits) * receiver.mean_factor
    told_s = parts.gnss.startup_s + (life.RESTORE_S if orbits >= receiver.least else 0.0)
    on_s = max(told_s + mean_s + life.POLL_S / 2, stay_s)
    if search.hears(receiver, orbits, on_s):
        on_s += life.SAVE_S
    closed = receiver.closed_share / (1.0 - receiver.closed_share)
    if follows:
        closed *= min(1.0, SLOT_S / receiver.sky_s)
    hopeless_s = told_s + life.SETTLED * receiver.hear_s + life.POLL_S / 2
    boot_j = costs.boot_uj / 1e6
    tried_j = boot_j + power_w * on_s + closed * (boot_j + power_w * hopeless_s)
    return float(tried_j + (boot_j + frame_j) / _RECORDS_PER_FRAME)


def moves(parts: Parts, receiver: SearchParts, frame_j: float, aid_j: float | None) -> Moves:
    """The graph of a receiver, with aid for `aid_j` joules or (None) without."""
    cold_j = fix_j(parts, receiver, 0.0, frame_j)
    satellites, open_j = receiver.decoded, cold_j
    if aid_j is not None:
        aided_j = aid_j + fix_j(parts, receiver, parts.gnss.view, frame_j)
        if aided_j < cold_j:
            satellites, open_j = parts.gnss.view, aided_j
    ages_s = [age * SLOT_S for age in range(1, int(receiver.valid_s // SLOT_S) + 1)]
    ages_s = [age_s for age_s in ages_s if _mean(receiver, satellites, age_s) >= receiver.least]
    states = len(ages_s) + 1
    idle = np.array([0, *range(2, states), 0])
    cost_j = np.full((states, 2), np.inf)  # new orbits, or those there are
    cost_j[:, 0] = open_j
    then = np.stack([np.ones(states, dtype=np.int64), idle], axis=1)
    for state, age_s in enumerate(ages_s, 1):
        chances = _chances(receiver, satellites, age_s)
        cost_j[state, 1] = sum(
            chance * fix_j(parts, receiver, orbits, frame_j, True) for orbits, chance in chances
        )
        if satellites == receiver.decoded:
            stay_s = receiver.download_s
            stayed_j = sum(
                chance * fix_j(parts, receiver, orbits, frame_j, True, stay_s)
                for orbits, chance in chances
            )
            cost_j[state, 0] = min(open_j, stayed_j)
    return Moves(idle, cost_j, then)


def _mean(receiver: SearchParts, satellites: int, age_s: float) -> float:
    """Orbits worth having of those of so many satellites, on the mean."""
    return satellites * search.holding(receiver, age_s) * search.worth(receiver, age_s)


def _chances(receiver: SearchParts, satellites: int, age_s: float) -> list[tuple[float, float]]:
    """How many orbits may be worth having, and how likely."""
    share, each = search.holding(receiver, age_s), search.worth(receiver, age_s)
    return [
        (
            held * each,
            math.comb(satellites, held) * share**held * (1 - share) ** (satellites - held),
        )
        for held in range(satellites + 1)
    ]


def store(one: life.Life) -> Store:
    """The storage of a life, as it is at its start."""
    return Store(
        low_j=_SPARE_J,
        high_j=one.full_j,
        start_j=one.start_j,
        always_w=one.asleep_w + _WAKES_PER_DAY * one.boot_j / 86_400,
        leak_w=one.leak_per_s * one.zero_j,
        leak_per_s=one.leak_per_s,
    )
