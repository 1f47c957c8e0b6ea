"""How fixes come: in groups, which give most of them per joule, or one by one when they tell most.

A fix that the receiver finds with fresh ephemerides costs a tenth of one from cold. A group is an
opening, which fetches ephemerides, and a fix every `group_interval_s` while the next one is
cheaper than the average so far. A chain goes on with a fix after which the receiver stays on until
it has heard ephemerides anew: that saves the acquisition of a start from cold. With what is
learned about searches (`energy.expected_uj`) this gives what a fix costs each way.

Where fixes one by one cost at most `spread_permille` more than in groups, they come so: the better
a collar lives, the sooner the next one is due while ephemerides are still young.
"""

from collections import namedtuple

from . import energy
from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .block import State
    from .board import Costs
    from .config import Settings

DAY_MIN = 1440
_CHAIN_MOST = 4  # the fifth part of a chain saves less than a hundredth more
_CHAIN_SHARE = 20  # of the full storage is the most a chain takes: what it swings by also leaks
_NEAR_PERMILLE = 1010  # of the cost per fix in the best group: a smaller one comes more often
_DEAR_PERMILLE = 1050  # of the average, and a group is not gone on with: what is learned is off

#: size: fixes for which ephemerides serve; 1: fixes come one by one. chain: how often they are
#: fetched in a row. cost_uj: of the whole chain, or of one fix on the mean, wakes included.
#: open_uj: of a fix that fetches them, from the sky or (aided) from a station.
Group = namedtuple("Group", ("size", "chain", "cost_uj", "open_uj", "aided"))

#: What the next fix would be. runs: with ephemerides there are; renews: it hears them anew after
#: that. cost_uj: its own, wake included.
Step = namedtuple("Step", ("runs", "renews", "cost_uj"))


def best_group(
    state: "State", costs: "Costs", settings: "Settings", now_s: int, budget_uj: int, aid_uj: int
) -> Group:
    """Return how fixes are to come now."""
    opening = energy.COLD if energy.knows(state, now_s) == energy.COLD else energy.STALE
    open_uj = costs.boot_uj + energy.expected_uj(state, costs, opening)
    aided = False
    if aid_uj:
        aided_uj = aid_uj + 2 * costs.boot_uj + energy.expected_uj(state, costs, energy.AIDED)
        aided = aided_uj < open_uj
        open_uj = min(aided_uj, open_uj)
    step_s = settings.group_interval_s
    young_uj: "list[int]" = []  # of the fixes after an opening
    while True:
        class_ = energy.own_class((len(young_uj) + 1) * step_s)
        if class_ == energy.STALE:
            break
        young_uj.append(costs.boot_uj + energy.expected_uj(state, costs, class_))
    sums_uj = [open_uj]  # of a group of 1, 2, ...
    for next_uj in young_uj[: settings.group_fixes - 1]:
        if next_uj * len(sums_uj) >= sums_uj[-1]:
            break
        sums_uj.append(sums_uj[-1] + next_uj)
    chains = not (aided or state.vain_renewals or len(sums_uj) == 1)
    if chains:  # it goes on while the old ephemerides still help
        while len(sums_uj) > 2 and _after(young_uj, len(sums_uj), open_uj) > open_uj // 2:
            sums_uj.pop()
    best = len(sums_uj)
    renew_uj = costs.boot_uj + energy.expected_renew_uj(state, costs)
    chain = 1
    if chains:
        next_uj = sums_uj[-1] - open_uj + renew_uj
        room_uj = energy.full_uj(costs) // _CHAIN_SHARE - sums_uj[-1]
        chain += max(0, min(_CHAIN_MOST - 1, room_uj // next_uj))
    saved_uj = (chain - 1) * (open_uj - renew_uj)
    least_uj = (chain * sums_uj[-1] - saved_uj) // (chain * best)
    size = 1
    while chain * sums_uj[size - 1] - saved_uj > chain * size * least_uj * _NEAR_PERMILLE // 1000:
        size += 1
    alone_uj = _alone_uj(open_uj, young_uj, DAY_MIN * 60 // step_s, budget_uj)
    if size == 1 or alone_uj * 1000 <= least_uj * (1000 + settings.spread_permille):
        return Group(1, 1, alone_uj, open_uj, aided)
    return Group(size, chain, chain * sums_uj[size - 1] - saved_uj, open_uj, aided)


def _after(young_uj: "list[int]", size: int, open_uj: int) -> int:
    """Return what the fix after a group of this size would cost without new ephemerides."""
    return young_uj[size - 1] if size <= len(young_uj) else open_uj


def _alone_uj(open_uj: int, young_uj: "list[int]", per_day: int, budget_uj: int) -> int:
    """Return the mean cost of fixes one by one, as close together as the budget pays."""
    for every in range(1, len(young_uj) + 1):
        sum_uj, count = open_uj, 1
        for next_uj in young_uj[every - 1 :: every]:
            if next_uj * count >= sum_uj:
                break
            sum_uj += next_uj
            count += 1
        if sum_uj * per_day <= budget_uj * every * count:
            return sum_uj // count
    return open_uj


def next_step(state: "State", costs: "Costs", group: Group, now_s: int) -> Step:
    """Return what the next fix would be if it were taken now."""
    knows = energy.knows(state, now_s)
    stops = Step(False, False, group.open_uj)
    if knows < energy.AIDED:
        return stops
    young = Step(True, False, costs.boot_uj + energy.expected_uj(state, costs, knows))
    renews = Step(True, True, costs.boot_uj + energy.expected_renew_uj(state, costs))
    may_renew = knows >= energy.OWN and not group.aided and not state.vain_renewals
    if group.size == 1:
        best = renews if may_renew and renews.cost_uj < young.cost_uj else young
        return best if best.cost_uj < group.open_uj else stops
    left = state.group_left
    if left % group.size:
        dear_uj = group.cost_uj * _DEAR_PERMILLE // 1000
        if young.cost_uj * group.size * group.chain <= dear_uj:
            return young
    return renews if left >= group.size and may_renew else stops


def more(state: "State", group: Group, step: Step, plain: bool) -> int:
    """Return how many fixes of its group follow the next one; a plain opening makes no chain."""
    if not step.runs:
        return int(group.size * (1 if plain else group.chain) - 1)
    left = state.group_left
    if step.renews:
        left = left // group.size * group.size
    return max(0, left - 1)


NONE = Group(1, 1, 0, 0, False)
