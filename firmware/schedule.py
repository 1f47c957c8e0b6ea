"""What is worth doing now, and when to look again. Pure: what is known goes in, a decision out.

A fix that the receiver finds with fresh ephemerides costs a tenth of one from cold. So fixes come
in groups: an opening, which fetches ephemerides, and then a fix every `group_interval_s` while
the next one is cheaper than the average of the group so far; with what is learned about searches
(`energy.expected_uj`) that rule gives the most fixes per joule. The purse (`energy.fill_purse`)
says when a group can be paid. A group that has ended goes on, while the purse may owe for it,
with a fix after which the receiver stays on until it has heard ephemerides anew
(`Decision.renews`): that saves the acquisition of a start from cold. What kind of opening it is
says its reason:

    REASON_BACKBONE   on a grid of UTC times, whatever the animal does; at most half of the budget
    REASON_MOTION     when the purse is full enough: the more the animal moves the less it takes

so that samples drawn towards movement can be told from the regular ones. Alarms come first:

    mortality alarm > fence alarm > fix > transmit > sleep

Where a station in reach gives ephemerides cheaper than the sky, the opening asks for them first,
in the same wake (`Decision.aid`): asked for earlier they would only grow old.

Use, once per wake: `decide`; do the task, told by `begin_fix`, `take_fix` when there is one, and
`end_fix` (or link.begin_frame,
energy.after_send); `decide` again, whose `wake_s` is how long to sleep. Times are Unix seconds.
A time in the state that lies ahead of the clock comes from a clock that was wrong: it is due.
"""

from collections import namedtuple

from . import energy, learning
from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .block import State
    from .board import Costs
    from .config import Settings

DAY_S = 86400

TASK_SLEEP = 0
TASK_FIX = 1
TASK_SEND = 2
TASK_HALT = 3

REASON_BACKBONE = 0
REASON_FIRST = 1
REASON_MOTION = 2
REASON_GROUP = 3
REASON_MORTALITY = 4
REASON_FENCE = 5
REASON_COMMAND = 6
REASON_OTHER = 7

SOON_S = 2  # until the next wake when something is due at once
SEND_WAIT_MAX_S = 86400 + 64  # longest back-off between frames nobody answers
_RETRY_S = 300  # search without a clock, doubling
_CLOSED_S = 3600  # after a search without a fix, doubling: the sky stays closed for a while
_CLOSED_MAX_S = 21600
_ALARM_EVERY_S = 1800  # fixes of an alarm ...
_ALARM_FIXES = 12  # ... for six hours
_DEAR_PERMILLE = 1250  # of the average, and a group is not gone on with
_NEAR_PERMILLE = 1020  # of the cost per fix in the best group
_RECORDS_PER_FRAME = 8
_THIN_MOST = 4
_VAIN_GROUPS = 4  # opened before the next renewal, when the last one has heard nothing new
_RADIO_SHARE = 50  # frames that are not urgent take a fiftieth of the budget
_LOOK_SHARE = 100  # wakes that only look take a hundredth of it
_HOUR_S = 3600
_LOOK_LEAST_S = 1800
_CALM_LOOK_S = 2700
_POOR_LOOK_S = 21600  # without a budget, whatever the settings say: the reserve is for sleep
_NEVER_S = 1 << 40
#: Grids of the backbone, in hours: from five on without a common factor with the day, so that
#: they come round all its hours.
_GRIDS_H = (1, 2, 3, 4, 5, 7, 11, 13, 19, 25, 37, 49, 73, 97, 121, 169, 241, 337, 673)

#: What a wake knows besides its state. now_s: the clock; while `known` is False it counts from
#: some start of its own. energy_uj: stored. waiting: records no station has, counted up to
#: `send_records`; oldest_at_s: time of the oldest of them. urgent: an alarm is among them.
#: frame_uj: cost of the next frame, at worst. free_at_s: the duty cycle allows no frame before.
#: aid_uj: what an aiding answer costs, 0 when no station in reach gives it.
Seen = namedtuple(
    "Seen",
    (
        "now_s",
        "known",
        "energy_uj",
        "waiting",
        "oldest_at_s",
        "urgent",
        "frame_uj",
        "free_at_s",
        "aid_uj",
    ),
)

#: What to do. task: TASK_*. reason: REASON_* of a fix. knows: what the receiver knows (energy).
#: limit_ms: longest search. opens: the fix opens a group. renews: the receiver stays on after it
#: until it has heard ephemerides anew. aid: ask a station for ephemerides first. cost_uj:
#: planned, without the wake.
#: wake_s: how long to sleep when nothing is done now; SOON_S while something is due.
Decision = namedtuple(
    "Decision",
    ("task", "reason", "knows", "limit_ms", "opens", "renews", "aid", "cost_uj", "wake_s"),
)

#: The group of fixes that gives most per joule. running: one has been opened and goes on; renews:
#: with new ephemerides. count, cost_uj: of a whole group, its wakes included. aided: asking a
#: station opens it cheaper.
Group = namedtuple("Group", ("running", "renews", "count", "cost_uj", "aided"))


def decide(state: "State", costs: "Costs", settings: "Settings", seen: Seen) -> Decision:
    """Return the most valuable task that can be afforded, and when to look again."""
    now_s = seen.now_s
    send_at_s = _NEVER_S
    if not seen.known:
        budget_uj = 0
        group = Group(False, False, 1, 0, False)
        fix_at_s, reason = _search_at_s(state, settings, now_s), REASON_OTHER
        if seen.urgent:
            send_at_s = _send_at_s(state, costs, settings, seen, 0)
    else:
        budget_uj = energy.budget_uj_per_day(state, costs, settings, seen.energy_uj)
        group = best_group(state, costs, settings, now_s, seen.aid_uj)
        energy.fill_purse(state, now_s, budget_uj, 2 * group.cost_uj)
        state.thin = _thin(settings, seen.frame_uj, budget_uj)
        fix_at_s, reason = _fix_at_s(state, costs, settings, seen, budget_uj, group)
        send_at_s = _send_at_s(state, costs, settings, seen, budget_uj)
    if seen.urgent and send_at_s <= now_s:
        return Decision(TASK_SEND, 0, 0, 0, False, False, False, seen.frame_uj, SOON_S)
    knows = energy.knows(state, now_s) if seen.known else energy.COLD
    limit_ms = energy.limit_ms(state, costs, settings, knows)
    if not _affords_search(state, costs, settings, seen.energy_uj, limit_ms):
        fix_at_s = _NEVER_S
    if fix_at_s <= now_s:
        if not state.fixes:
            reason = REASON_FIRST
        opens = not group.running
        if opens and knows > energy.STALE:  # old orbits would only crowd out the fresh ones
            knows = energy.STALE
        aid = opens and group.aided and now_s - state.aid_at_s >= _HOUR_S // 2
        starts = energy.AIDED if aid else energy.STALE if group.renews else knows
        cost_uj = energy.expected_uj(state, costs, starts) + (seen.aid_uj if aid else 0)
        return Decision(
            TASK_FIX, reason, knows, limit_ms, opens, group.renews, aid, cost_uj, SOON_S
        )
    if send_at_s <= now_s:
        return Decision(TASK_SEND, 0, 0, 0, False, False, False, seen.frame_uj, SOON_S)
    at_s = min(fix_at_s, send_at_s, _look_at_s(state, costs, settings, now_s, budget_uj))
    if seen.known:
        regular_s = (status_at_s(state, settings, now_s), activity_at_s(state, settings, now_s))
        at_s = min(at_s, *regular_s)
    return Decision(TASK_SLEEP, 0, 0, 0, False, False, False, 0, max(SOON_S, at_s - now_s))


def begin_fix(state: "State", now_s: int) -> None:
    """Enter a search as failed, before it starts; commit the state then."""
    state.tried_at_s = now_s
    state.failed_in_row = min(state.failed_in_row + 1, 255)
    state.failed_fixes += 1
    if state.locate:
        state.locate = 2  # asked for at once; from now on it backs off like others


def take_fix(state: "State", decision: Decision, now_s: int) -> None:
    """Enter that the search has given a fix at `now_s`; the receiver may still be on."""
    state.failed_fixes -= 1
    state.failed_in_row = 0
    state.fixes += 1
    state.fix_at_s = now_s
    if decision.reason in (REASON_BACKBONE, REASON_FIRST):
        state.backbone_at_s = now_s
    elif decision.reason == REASON_COMMAND:
        state.locate = 0
    state.moved_since = state.looks_since = 0


def end_fix(
    state: "State",
    costs: "Costs",
    settings: "Settings",
    decision: Decision,
    knows: int,
    now_s: int,
    on_ms: int,
    fixed: bool,
    heard: bool,
) -> None:
    """Book a search, learn from it, and go on in its group.

    Args:
        state: changed in place.
        costs: the board's.
        settings: the collar's.
        decision: that led to it.
        knows: what the receiver knew at its start: `decision.knows`, or after aid
            `energy.knows` anew.
        now_s: the clock at its end, which a fix has set.
        on_ms: how long the receiver was on.
        fixed: whether it gave a position (`take_fix`).
        heard: whether ephemerides heard in it were saved.
    """
    energy.after_search(state, costs, now_s, knows, on_ms, fixed, decision.renews)
    if heard:
        state.data_at_s = now_s
    if decision.reason == REASON_MORTALITY and state.alarm_fixes:
        state.alarm_fixes -= 1  # tried: under a closed sky they must end, too
    if not fixed:
        return
    if decision.renews:
        state.vain_renewals = 0 if heard else _VAIN_GROUPS
    elif decision.opens and state.vain_renewals:
        state.vain_renewals -= 1
    if decision.opens or state.data_at_s == now_s:  # it has fetched new ephemerides
        aid_uj = state.aid_uj if decision.aid else 0
        state.group_left = best_group(state, costs, settings, now_s, aid_uj).count - 1
    elif state.group_left:
        state.group_left -= 1


def begin_send(state: "State", now_s: int) -> None:
    """Enter a frame, before it goes out."""
    state.sent_at_s = now_s


def end_aid(state: "State", now_s: int, cost_uj: int, ok: bool) -> None:
    """Book a request for ephemerides; without an answer the fix does without."""
    energy.book(state, cost_uj)
    known_uj = state.aid_uj or cost_uj
    state.aid_uj = known_uj + (cost_uj - known_uj) // 8
    if ok:
        state.aid_at_s = now_s


# --- groups of fixes ----------------------------------------------------------------------------


def best_group(
    state: "State", costs: "Costs", settings: "Settings", now_s: int, aid_uj: int
) -> Group:
    """Return the smallest group with nearly the most fixes per joule.

    The best one ends before a fix dearer than its average; smaller ones come more often.
    """
    knows = energy.knows(state, now_s)
    opening = energy.COLD if knows == energy.COLD else energy.STALE
    total_uj = costs.boot_uj + energy.expected_uj(state, costs, opening)
    aided = False
    if aid_uj:
        aided_uj = aid_uj + 2 * costs.boot_uj + energy.expected_uj(state, costs, energy.AIDED)
        aided = aided_uj < total_uj
        total_uj = min(aided_uj, total_uj)
    sums_uj = [total_uj]  # of a group of 1, 2, ...
    while len(sums_uj) < settings.group_fixes:
        class_ = energy.own_class(len(sums_uj) * settings.group_interval_s)
        next_uj = costs.boot_uj + energy.expected_uj(state, costs, class_)
        if class_ == energy.STALE or next_uj * len(sums_uj) >= total_uj:
            break
        total_uj += next_uj
        sums_uj.append(total_uj)
    best = len(sums_uj)
    count = 1
    while sums_uj[count - 1] * best * 1000 > total_uj * count * _NEAR_PERMILLE:
        count += 1
    total_uj = sums_uj[count - 1]
    running = renews = False
    if state.group_left and knows >= energy.AIDED:
        next_uj = costs.boot_uj + energy.expected_uj(state, costs, knows)
        # not after a pause that made it dear; what is learned is off by some percent
        running = next_uj * count * 1000 <= total_uj * _DEAR_PERMILLE
    elif (
        knows >= energy.OWN and settings.group_fixes > 1 and not aided and not state.vain_renewals
    ):
        # while there are old ephemerides new ones are cheaper than from cold, if they can be paid
        renews = running = state.purse_uj >= -3 * total_uj // 2
    return Group(running, renews, count, total_uj, aided)


# --- when ---------------------------------------------------------------------------------------


def _fix_at_s(
    state: "State",
    costs: "Costs",
    settings: "Settings",
    seen: Seen,
    budget_uj: int,
    group: Group,
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
    if state.purse_uj < -group.cost_uj and not group.running:
        at_s = max(at_s, _paid_at_s(state, now_s, -group.cost_uj, budget_uj))
    if group.running:
        next_s = state.tried_at_s + settings.group_interval_s
        if next_s < at_s:
            at_s, reason = next_s, REASON_GROUP
    else:
        open_s = _opening_at_s(state, costs, settings, seen, budget_uj, group, last_s)
        if open_s < at_s:
            at_s, reason = open_s, REASON_MOTION
    if now_s < state.fence_until_s <= now_s + DAY_S:
        next_s = last_s + settings.group_interval_s
        if next_s < at_s:
            at_s, reason = next_s, REASON_FENCE
    return max(least_s, at_s), reason


def _backbone_at_s(
    state: "State", settings: "Settings", now_s: int, budget_uj: int, group: Group
) -> int:
    """Return the next time on the backbone's grid; also keeps the grid to the budget.

    The grid changes only when half of the budget affords twice its openings, or not two thirds.
    """
    grid_h = state.grid_h
    if settings.grid_h:
        grid_h = settings.grid_h
    else:
        uj = 48 * group.cost_uj  # grid_h * budget pays for it
        if not grid_h or uj * 2 > 3 * grid_h * budget_uj or uj * 2 < grid_h * budget_uj:
            most_h = max(1, settings.fix_interval_max_s // _HOUR_S)
            for grid_h in _GRIDS_H:
                if grid_h * budget_uj >= uj or grid_h >= most_h:
                    break
            grid_h = min(grid_h, most_h)
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
    seen: Seen,
    budget_uj: int,
    group: Group,
    last_s: int,
) -> int:
    """Return when the purse opens the next group: sooner while the animal moves."""
    now_s = seen.now_s
    need_uj = group.cost_uj
    if state.looks_since:
        need_uj -= need_uj * state.moved_since // state.looks_since
    if seen.energy_uj >= energy.full_uj(costs) * 98 // 100:
        need_uj = -group.cost_uj
    most_s = max(
        last_s + settings.fix_interval_max_s,
        _paid_at_s(state, now_s, -group.cost_uj // 2, budget_uj),
    )
    at_s = min(_paid_at_s(state, now_s, need_uj, budget_uj), most_s)
    return max(at_s, last_s + settings.group_interval_s)


def _paid_at_s(state: "State", now_s: int, need_uj: int, budget_uj: int) -> int:
    """Return when the purse will hold `need_uj`."""
    lack_uj = need_uj - state.purse_uj
    if lack_uj <= 0:
        return now_s
    return now_s + lack_uj * DAY_S // budget_uj if budget_uj > 0 else _NEVER_S


def _search_at_s(state: "State", settings: "Settings", now_s: int) -> int:
    """Return when a collar that does not know the time searches again: ever more rarely."""
    if not 0 < state.tried_at_s <= now_s:
        return now_s
    return state.tried_at_s + search_again_s(state.failed_in_row, settings.wake_max_s)


def search_again_s(failed_in_row: int, most_s: int) -> int:
    """Return the seconds until the next search of a collar that does not know the time."""
    return min(_RETRY_S << min(max(failed_in_row - 1, 0), 10), most_s)


def _affords_search(
    state: "State", costs: "Costs", settings: "Settings", energy_uj: int, limit_ms: int
) -> bool:
    """Return whether a search may start, even if it takes all its time."""
    worst_uj = costs.boot_uj + energy.search_uj(state, costs, limit_ms)
    power_uw = costs.gnss_search_uw + costs.processor_uw
    keep_uj = energy.reserve_uj(state, costs, settings)
    return energy.affords(state, costs, energy_uj, worst_uj, power_uw, keep_uj, settings.margin_mv)


def _thin(settings: "Settings", frame_uj: int, budget_uj: int) -> int:
    """Return how often the interval of activities is doubled: until they cost a hundredth."""
    day_uj = frame_uj // _RECORDS_PER_FRAME * DAY_S // settings.activity_interval_s
    thin = 0
    while thin < _THIN_MOST and day_uj * 100 > budget_uj << thin:
        thin += 1
    return thin


def activity_at_s(state: "State", settings: "Settings", now_s: int) -> int:
    """Return when the running activity interval ends; a first one begins now."""
    if not 0 < state.activity_at_s <= now_s:
        state.activity_at_s = now_s
    return state.activity_at_s + (settings.activity_interval_s << state.thin)


def status_at_s(state: "State", settings: "Settings", now_s: int) -> int:
    """Return when the next status record is due."""
    if not 0 < state.status_at_s <= now_s:
        return now_s
    return state.status_at_s + (settings.status_interval_s << max(0, state.thin - 2))


def _send_at_s(
    state: "State", costs: "Costs", settings: "Settings", seen: Seen, budget_uj: int
) -> int:
    """Return when the next frame is due; an alarm may be paid from the reserve."""
    alarms = seen.urgent and state.misses < energy.alarm_frames(state)
    keep_uj = 0 if alarms else energy.reserve_uj(state, costs, settings)
    power_uw = costs.radio_tx_uw + costs.processor_uw
    worst_uj = costs.boot_uj + seen.frame_uj
    if not seen.waiting or not energy.affords(
        state, costs, seen.energy_uj, worst_uj, power_uw, keep_uj, settings.margin_mv
    ):
        return _NEVER_S
    at_s = send_at_s(state, settings, seen, budget_uj)
    return int(max(at_s, seen.free_at_s))


def send_at_s(state: "State", settings: "Settings", seen: Seen, budget_uj: int) -> int:
    """Return when what waits makes a frame.

    A collar that no station has answered yet sends its first record at once. Few records wait
    until the oldest is `send_age_s` old, and until the radio's share of the budget has paid the
    last frame.
    """
    now_s = seen.now_s
    at_s = now_s
    drains = state.draining and state.send_from  # a long silence is over (outbox.py)
    if not (seen.urgent or drains or not state.answered):
        if seen.waiting < settings.send_records:
            at_s = min(seen.oldest_at_s, now_s) + settings.send_age_s
            if 0 < state.sent_at_s <= now_s:
                pause_s = DAY_S * _RADIO_SHARE * seen.frame_uj // max(budget_uj, 1)
                at_s = max(at_s, state.sent_at_s + min(pause_s, settings.send_age_max_s))
    if 0 <= state.send_after_s - now_s <= SEND_WAIT_MAX_S:
        at_s = max(at_s, state.send_after_s)
    return int(max(at_s, now_s))


def _look_at_s(
    state: "State", costs: "Costs", settings: "Settings", now_s: int, budget_uj: int
) -> int:
    """Return the next wake that only looks; also when stillness becomes an alarm.

    While rest is not known well, an animal that seems to lie is looked at more often: what it
    takes then is rest.
    """
    wait_s = settings.wake_max_s if budget_uj > 0 else _POOR_LOOK_S
    if learning.wants_long(state, costs, settings):
        wait_s = _CALM_LOOK_S
    if budget_uj > 0:
        wait_s = min(wait_s, max(_LOOK_LEAST_S, DAY_S * _LOOK_SHARE * costs.boot_uj // budget_uj))
    at_s = now_s + wait_s
    if state.still_at_s and not state.mortal:
        alarm_at_s = state.still_at_s + settings.mortality_s
        if alarm_at_s > now_s:
            at_s = min(at_s, alarm_at_s)
    return at_s
