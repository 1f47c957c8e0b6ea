"""When the next fix is due, and why: the backbone's grid, the purse, alarms, back-off.

backbone   on a grid of UTC times that a quarter of the budget pays, whatever the animal does
motion     the purse (`purse.fill_purse`) needs the less for a group the more it will tell:
the further the animal has gone by what its motion is worth (`stride.py`), and the
longer that took. So the fixes follow the animal, and their costs the budget
group      every `group_interval_s` while one runs (`groups.py`)
"""

from . import energy, groups, purse, rota, stride
from ._typing import TYPE_CHECKING
from .energy import isqrt
from .rota import DAY_S, NEVER_S

if TYPE_CHECKING:
    from .block import State
    from .board import Costs
    from .config import Settings
    from .groups import Group, Step
    from .schedule import Seen

REASON_BACKBONE = 0
REASON_FIRST = 1
REASON_MOTION = 2
REASON_GROUP = 3
REASON_MORTALITY = 4
REASON_FENCE = 5
REASON_COMMAND = 6
REASON_OTHER = 7

_RETRY_S = 300  # search without a clock, doubling
_CLOSED_S = 3600  # after a search without a fix, doubling: the sky stays closed for a while
_CLOSED_MAX_S = 21600
_ALARM_EVERY_S = 1800  # fixes of an alarm ...
_ALARM_FIXES = 12  # ... for six hours
_HOUR_S = 3600
_LOOK_LEAST_S, _LOOKS = 600, 4  # before a group is opened, so that it comes in time
_PURSE_GROUPS = 8  # the purse holds at most, and no more than half a day's budget unless a group
#: Grids of the backbone, in hours: from five on without a common factor with the day, so that
#: they come round all its hours.
_GRIDS_H = (1, 2, 3, 4, 5, 7, 11, 13, 19, 25, 37, 49, 73, 97, 121, 169, 241, 337, 673)


def purse_uj(group: "Group", budget_uj: int) -> int:
    """Return what the purse holds: a group, or half a day if that is a few of them."""
    return int(max(group.cost_uj, min(_PURSE_GROUPS * group.cost_uj, budget_uj // 2)))


def fix_at_s(
    state: "State",
    costs: "Costs",
    settings: "Settings",
    seen: "Seen",
    budget_uj: int,
    group: "Group",
    step: "Step",
) -> "tuple[int, int]":
    """Return when the next fix is due, and why."""
    now_s = seen.now_s
    if not 0 < state.tried_at_s <= now_s or not (state.fixes or state.failed_in_row):
        return now_s, REASON_OTHER
    least_s = settings.fix_interval_min_s
    if state.failed_in_row:
        least_s = min(_CLOSED_S << min(state.failed_in_row - 1, 10), _CLOSED_MAX_S)
    least_s += state.tried_at_s
    if state.locate:
        return now_s if state.locate == 1 else least_s, REASON_COMMAND
    last_s = state.fix_at_s if 0 < state.fix_at_s <= now_s else state.tried_at_s
    if state.mortal and state.alarm_fixes:
        return max(least_s, last_s + _ALARM_EVERY_S), REASON_MORTALITY
    at_s, reason = _backbone_at_s(state, settings, now_s, budget_uj, group), REASON_BACKBONE
    if not step.runs:
        at_s = max(at_s, _paid_at_s(state, now_s, -group.cost_uj // 2, budget_uj))
    if step.runs and group.size > 1:
        next_s = state.tried_at_s + settings.group_interval_s
        if next_s < at_s:
            at_s, reason = next_s, REASON_GROUP
    else:
        open_s = _opening_at_s(state, costs, settings, seen, budget_uj, group, step, last_s)
        if open_s < at_s:
            at_s, reason = open_s, REASON_MOTION
    if now_s < state.fence_until_s <= now_s + DAY_S:
        next_s = last_s + settings.group_interval_s
        if next_s < at_s:
            at_s, reason = next_s, REASON_FENCE
    return max(least_s, at_s), reason


def _backbone_at_s(
    state: "State", settings: "Settings", now_s: int, budget_uj: int, group: "Group"
) -> int:
    """Return the next time on the backbone's grid; also keeps the grid to the budget.

    The grid changes when a quarter of the budget affords twice its openings, or not two thirds.
    """
    grid_h = state.grid_h
    if settings.grid_h:
        grid_h = settings.grid_h
    else:
        uj = 96 * group.cost_uj // group.chain  # grid_h * budget pays for it
        if not grid_h or uj * 2 > 3 * grid_h * budget_uj or uj * 2 < grid_h * budget_uj:
            for grid_h in _GRIDS_H:
                if grid_h * budget_uj >= uj:
                    break
    state.grid_h = grid_h
    every_s = grid_h * _HOUR_S
    last_s = state.backbone_at_s if state.backbone_at_s <= now_s else 0
    late_s = (now_s - state.phase_s) // every_s * every_s + state.phase_s
    if last_s < late_s and now_s - late_s < min(every_s // 4, _HOUR_S):
        return late_s
    return late_s + every_s


def _opening_at_s(
    state: "State",
    costs: "Costs",
    settings: "Settings",
    seen: "Seen",
    budget_uj: int,
    group: "Group",
    step: "Step",
    last_s: int,
) -> int:
    """Return when the purse opens the next group: sooner the more it will tell."""
    now_s = seen.now_s
    holds_uj = purse_uj(group, budget_uj)
    need_uj = holds_uj
    at_s = NEVER_S
    if budget_uj > 0:
        every_min = max(1, group.cost_uj * groups.DAY_MIN // budget_uj)
        if group.size == 1:  # what tells as much for half the joules is due sooner
            every_min = max(1, every_min * isqrt(step.cost_uj * 10000 // group.cost_uj) // 100)
        need_uj = max(-holds_uj, need_uj - holds_uj * stride.due_min(state, now_s) // every_min)
        # need and lack close in on each other while the animal goes on as on the mean
        lack_uj = max(0, need_uj - state.purse_uj)
        wait_s = lack_uj * DAY_S // (budget_uj + holds_uj * groups.DAY_MIN // every_min)
        at_s = now_s
        if lack_uj:
            look_s = max(_LOOK_LEAST_S, every_min * 60 // _LOOKS)
            at_s += max(wait_s, min(look_s, rota.look_wait_s(costs, settings, budget_uj)))
    if seen.energy_uj >= energy.full_uj(costs) * 98 // 100:
        at_s = now_s
    most_s = last_s + settings.fix_interval_max_s
    return max(min(at_s, most_s), last_s + settings.group_interval_s)


def _paid_at_s(state: "State", now_s: int, need_uj: int, budget_uj: int) -> int:
    """Return when the purse will hold `need_uj`."""
    lack_uj = need_uj - state.purse_uj
    if lack_uj <= 0:
        return now_s
    return now_s + lack_uj * DAY_S // budget_uj if budget_uj > 0 else NEVER_S


def search_at_s(state: "State", settings: "Settings", now_s: int) -> int:
    """Return when a collar that does not know the time searches again: ever more rarely."""
    if not 0 < state.tried_at_s <= now_s:
        return now_s
    return state.tried_at_s + search_again_s(state.failed_in_row, settings.wake_max_s)


def search_again_s(failed_in_row: int, most_s: int) -> int:
    """Return the seconds until the next search of a collar that does not know the time."""
    return min(_RETRY_S << min(max(failed_in_row - 1, 0), 10), most_s)


def limit_ms(
    state: "State", costs: "Costs", settings: "Settings", energy_uj: int, knows: int, most_uj: int
) -> int:
    """Return how long a search may take: it ends before it touches the reserve. 0: none may start.

    Args:
        state: the collar's.
        costs: the board's.
        settings: the collar's.
        energy_uj: stored now.
        knows: what the receiver knows at its start.
        most_uj: of what it opens, which is begun only if all of it can be paid.
    """
    limit = energy.limit_ms(state, costs, settings, knows)
    keep_uj = purse.reserve_uj(state, costs, settings)
    room_uj = energy_uj - keep_uj - costs.boot_uj
    paid_ms = room_uj * 1000000 // energy.search_uj(state, costs, 1000000) - 1
    if room_uj < most_uj or paid_ms * 2 < 3 * energy.expected_ms(state, costs, knows):
        return 0
    limit = min(limit, paid_ms)
    worst_uj = costs.boot_uj + energy.search_uj(state, costs, limit)
    power_uw = costs.gnss_search_uw + costs.processor_uw
    pays = purse.affords(state, costs, energy_uj, worst_uj, power_uw, keep_uj, settings.margin_mv)
    return limit if pays else 0
