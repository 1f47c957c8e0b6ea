"""When the regular things are due: records by the clock, frames, and wakes that only look.

A poor collar does them more rarely, so that they take a small share of what it may spend.
"""

from . import learning, purse
from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .block import State
    from .board import Costs
    from .config import Settings
    from .schedule import Seen

DAY_S = 86400
NEVER_S = 1 << 40
SEND_WAIT_MAX_S = 86400 + 64  # longest back-off between frames nobody answers
_RECORDS_PER_FRAME = 8
_THIN_MOST = 4
_THIN_SHARE = 200  # activities take a two-hundredth of the budget
_RADIO_SHARE = 50  # frames that are not urgent take a fiftieth of the budget
_LOOK_SHARE = 100  # wakes that only look take a hundredth of it
_LOOK_LEAST_S = 1800
_CALM_LOOK_S = 2700
_POOR_LOOK_S = 21600  # without a budget, whatever the settings say: the reserve is for sleep


def thin(settings: "Settings", frame_uj: int, budget_uj: int) -> int:
    """Return how often the interval of activities is doubled, so that they take their share."""
    day_uj = frame_uj // _RECORDS_PER_FRAME * DAY_S // settings.activity_interval_s
    doubled = 0
    while doubled < _THIN_MOST and day_uj * _THIN_SHARE > budget_uj << doubled:
        doubled += 1
    return doubled


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


def frame_at_s(
    state: "State", costs: "Costs", settings: "Settings", seen: "Seen", budget_uj: int
) -> int:
    """Return when the next frame is due; an alarm may be paid from the reserve."""
    alarms = seen.urgent and state.misses < purse.alarm_frames(state)
    keep_uj = 0 if alarms else purse.reserve_uj(state, costs, settings)
    power_uw = costs.radio_tx_uw + costs.processor_uw
    worst_uj = costs.boot_uj + seen.frame_uj
    if not seen.waiting or not purse.affords(
        state, costs, seen.energy_uj, worst_uj, power_uw, keep_uj, settings.margin_mv
    ):
        return NEVER_S
    at_s = send_at_s(state, settings, seen, budget_uj)
    return int(max(at_s, seen.free_at_s))


def send_at_s(state: "State", settings: "Settings", seen: "Seen", budget_uj: int) -> int:
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
                at_s = max(at_s, state.sent_at_s + _pause_s(settings, seen, budget_uj))
    if 0 <= state.send_after_s - now_s <= SEND_WAIT_MAX_S:
        at_s = max(at_s, state.send_after_s)
    return int(max(at_s, now_s))


def listen_at_s(state: "State", costs: "Costs", settings: "Settings", seen: "Seen") -> int:
    """Return when the collar tells what it has, and listens for orders."""
    if not seen.hello_at_s:
        return NEVER_S
    keep_uj = purse.reserve_uj(state, costs, settings)
    power_uw = costs.radio_tx_uw + costs.processor_uw
    worst_uj = costs.boot_uj + seen.frame_uj
    if not purse.affords(
        state, costs, seen.energy_uj, worst_uj, power_uw, keep_uj, settings.margin_mv
    ):
        return NEVER_S
    at_s = max(seen.hello_at_s, seen.free_at_s)
    if 0 <= state.send_after_s - seen.now_s <= SEND_WAIT_MAX_S:
        at_s = max(at_s, state.send_after_s)
    return int(at_s)


def _pause_s(settings: "Settings", seen: "Seen", budget_uj: int) -> int:
    """Return how long the radio's share of the budget pays a frame."""
    pause_s = DAY_S * _RADIO_SHARE * seen.frame_uj // max(budget_uj, 1)
    return int(min(pause_s, settings.send_age_max_s))


def look_wait_s(costs: "Costs", settings: "Settings", budget_uj: int) -> int:
    """Return the seconds between wakes that only look, so that they take their share."""
    if budget_uj <= 0:
        return _POOR_LOOK_S
    wait_s = DAY_S * _LOOK_SHARE * costs.boot_uj // budget_uj
    return int(min(settings.wake_max_s, max(_LOOK_LEAST_S, wait_s)))


def look_at_s(
    state: "State", costs: "Costs", settings: "Settings", seen: "Seen", budget_uj: int
) -> int:
    """Return the next wake that only looks; also when stillness becomes an alarm.

    While rest is not known well, an animal that seems to lie is looked at more often: what it
    takes then is rest. Without the time nothing would be learned from that.
    """
    now_s = seen.now_s
    wait_s = look_wait_s(costs, settings, budget_uj)
    if seen.known and learning.wants_long(state, costs, settings):
        wait_s = min(wait_s, _CALM_LOOK_S)
    at_s = now_s + wait_s
    if state.still_at_s and not state.mortal:
        alarm_at_s = state.still_at_s + settings.mortality_s
        if alarm_at_s > now_s:
            at_s = min(at_s, alarm_at_s)
    return int(at_s)
