"""What is worth doing now, and when to look again. Pure: what is known goes in, a decision out.

Fixes come in groups (`groups.py`), each opened by a fix that fetches ephemerides. The purse
(`purse.fill_purse`) says when a group can be paid. What kind of opening it is says its reason:

    REASON_BACKBONE   on a grid of UTC times, whatever the animal does, by a quarter of the budget
    REASON_MOTION     when it tells most: the further the animal has gone by what its motion is
                      worth (`stride.py`), and the longer that takes, the emptier the purse may be

so that samples drawn towards movement can be told from the regular ones. Alarms come first:

    mortality alarm > fence alarm > fix > transmit > listen > sleep

Where a station in reach gives ephemerides cheaper than the sky, the opening asks for them first,
in the same wake (`Decision.aid`): asked for earlier they would only grow old. `due.py` says when
a fix is due, `rota.py` when records, frames and looks are.

Use, once per wake: `decide`; do the task, told by `begin_fix`, `take_fix` when there is one, and
`end_fix` (or link.begin_frame, energy.after_send); `decide` again, whose `wake_s` is how long to
sleep. Times are Unix seconds. A time in the state that lies ahead of the clock comes from a clock
that was wrong: it is due.
"""

from collections import namedtuple

from . import due, energy, groups, purse, rota, stride
from ._typing import TYPE_CHECKING
from .due import (
    REASON_BACKBONE,
    REASON_COMMAND,
    REASON_FIRST,
    REASON_MORTALITY,
    REASON_MOTION,
    REASON_OTHER,
)
from .rota import NEVER_S

if TYPE_CHECKING:
    from .block import State
    from .board import Costs
    from .config import Settings

TASK_SLEEP = 0
TASK_FIX = 1
TASK_SEND = 2
TASK_HALT = 3
TASK_LISTEN = 4

_VAIN_GROUPS = 4  # opened before the next renewal, when the last one has heard nothing new
_AID_LEAST_S = 1800  # ephemerides younger than this are not asked for again
SOON_S = 2  # until the next wake when something is due at once

#: What a wake knows besides its state. now_s: the clock; while `known` is False it counts from
#: some start of its own. energy_uj: stored. waiting: records no station has, counted up to
#: `send_records`; oldest_at_s: time of the oldest of them. urgent: an alarm is among them.
#: frame_uj: cost of the next frame, at worst. free_at_s: the duty cycle allows no frame before.
#: aid_uj: what an aiding answer costs, 0 when no station in reach gives it. hello_at_s: when the
#: next inventory is due, 0 never.
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
        "hello_at_s",
    ),
)

#: What to do. task: TASK_*. reason: REASON_* of a fix. knows: what the receiver knows (energy).
#: limit_ms: longest search. opens: the fix opens a group. renews: the receiver stays on after it
#: until it has heard ephemerides anew. aid: ask a station for ephemerides first. cost_uj:
#: planned, without the wake.
#: wake_s: how long to sleep when nothing is done now; SOON_S while something is due.
#: more: fixes of its group that follow a fix.
Decision = namedtuple(
    "Decision",
    ("task", "reason", "knows", "limit_ms", "opens", "renews", "aid", "cost_uj", "wake_s", "more"),
)


def _sleep(wake_s: int) -> Decision:
    return Decision(TASK_SLEEP, 0, 0, 0, False, False, False, 0, wake_s, 0)


def _send(seen: Seen, task: int = TASK_SEND) -> Decision:
    return Decision(task, 0, 0, 0, False, False, False, seen.frame_uj, SOON_S, 0)


def decide(state: "State", costs: "Costs", settings: "Settings", seen: Seen) -> Decision:
    """Return the most valuable task that can be afforded, and when to look again."""
    now_s = seen.now_s
    send_at_s = listen_at_s = NEVER_S
    group = groups.NONE
    if not seen.known:
        budget_uj = 0
        step = groups.Step(False, False, costs.boot_uj + energy.expected_uj(state, costs, 0))
        fix_at_s, reason = due.search_at_s(state, settings, now_s), REASON_OTHER
        if seen.urgent:
            send_at_s = rota.frame_at_s(state, costs, settings, seen, 0)
    else:
        budget_uj = purse.budget_uj_per_day(state, costs, settings, seen.energy_uj)
        group = groups.best_group(state, costs, settings, now_s, budget_uj, seen.aid_uj)
        step = groups.next_step(state, costs, group, now_s)
        purse.fill_purse(state, now_s, budget_uj, due.purse_uj(group, budget_uj))
        state.thin = rota.thin(settings, seen.frame_uj, budget_uj)
        fix_at_s, reason = due.fix_at_s(state, costs, settings, seen, budget_uj, group, step)
        send_at_s = rota.frame_at_s(state, costs, settings, seen, budget_uj)
        listen_at_s = rota.listen_at_s(state, costs, settings, seen)
    if seen.urgent and send_at_s <= now_s:
        return _send(seen)
    knows = energy.knows(state, now_s) if seen.known else energy.COLD
    whole_uj = 0
    if not step.runs and reason in (REASON_BACKBONE, REASON_MOTION):
        whole_uj = group.cost_uj // (group.chain if reason == REASON_BACKBONE else 1)
    limit_ms = due.limit_ms(state, costs, settings, seen.energy_uj, knows, whole_uj)
    if not limit_ms:
        fix_at_s = NEVER_S
    if fix_at_s <= now_s:
        if not state.fixes and reason != REASON_MORTALITY:  # fixes of an alarm are counted
            reason = REASON_FIRST
        opens = not step.runs
        if opens and knows > energy.STALE:  # old orbits would only crowd out the fresh ones
            knows = energy.STALE
        aid = opens and group.aided and now_s - state.aid_at_s >= _AID_LEAST_S
        cost_uj = step.cost_uj - costs.boot_uj
        more = groups.more(state, group, step, reason in (REASON_BACKBONE, REASON_FIRST))
        return Decision(
            TASK_FIX, reason, knows, limit_ms, opens, step.renews, aid, cost_uj, SOON_S, more
        )
    if send_at_s <= now_s:
        return _send(seen)
    if listen_at_s <= now_s:
        return _send(seen, TASK_LISTEN)
    at_s = min(fix_at_s, send_at_s, listen_at_s)
    at_s = min(at_s, rota.look_at_s(state, costs, settings, seen, budget_uj))
    if seen.known:
        regular_s = rota.status_at_s(state, settings, now_s)
        at_s = min(at_s, regular_s, rota.activity_at_s(state, settings, now_s))
    return _sleep(max(SOON_S, at_s - now_s))


def begin_fix(state: "State", now_s: int) -> None:
    """Enter a search as failed, before it starts; commit the state then."""
    state.tried_at_s = now_s
    state.failed_in_row = min(state.failed_in_row + 1, 255)
    state.failed_fixes += 1
    if state.locate:
        state.locate = 2  # asked for at once; from now on it backs off like others


def take_fix(state: "State", decision: Decision, now_s: int, gone_m: int) -> None:
    """Enter a fix at `now_s`, `gone_m` from the last one; the receiver may still be on."""
    stride.learn(state, now_s, gone_m)
    state.failed_fixes -= 1
    state.failed_in_row = 0
    state.fixes += 1
    state.fix_at_s = now_s
    if decision.reason in (REASON_BACKBONE, REASON_FIRST):
        state.backbone_at_s = now_s
    elif decision.reason == REASON_COMMAND:
        state.locate = 0


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
    state.group_left = decision.more


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
