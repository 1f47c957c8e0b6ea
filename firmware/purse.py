"""What may be spent: the reserve, the gates of tasks, a day's budget, the purse.

reserve  so many days of sleep, and the frames of an alarm that nobody answers
gate     after its cost a task leaves the reserve, and under its load the voltage stays above
         the brown-out line: V(E - cost) - ESR P / V - margin
budget   income - rest + (E - target) / horizon, within 0 .. E - reserve
purse    budget that has come in and is not yet spent: may be overdrawn by one group of fixes
"""

from . import energy, link
from ._typing import TYPE_CHECKING
from .wire import region
from .wire.airtime import airtime_us

if TYPE_CHECKING:
    from .block import State
    from .board import Costs
    from .config import Settings

_ESR_COLD = 3  # the storage's series resistance at -20 degrees, as a multiple of the tabled one
_WAKES_PER_DAY = 4  # without any task
ALARM_FRAMES = 24  # of a mortality alarm nobody answers, kept in reserve
OTHER_FRAMES = 4  # of any other one
_PURSE_MAX_S = 30 * energy.DAY_S  # beyond, the clock is more likely wrong than the budget right


def reserve_uj(state: "State", costs: "Costs", settings: "Settings") -> int:
    """Return the energy only an alarm may touch: `reserve_days` of sleep, and the alarm.

    Leakage is that of the reserve's own voltage. A table that says more than was learned counts.
    """
    alarm_uj = _alarm_uj(costs)
    reserve = energy.full_uj(costs)
    for _ in range(3):  # what leaks depends on what is stored
        pw = max(energy.rest_pw(state, costs, reserve), energy.table_pw(costs, reserve))
        day_uj = pw * energy.DAY_S // 1_000_000 + _WAKES_PER_DAY * costs.boot_uj
        reserve = min(reserve, settings.reserve_days * day_uj + alarm_uj)
    return int(reserve)


def alarm_frames(state: "State") -> int:
    """Return how many frames in a row an alarm may take from the reserve."""
    return ALARM_FRAMES if state.mortal else OTHER_FRAMES


def _alarm_uj(costs: "Costs") -> int:
    """Return what the frames of the reserve cost: the longest, that begin at the slowest rate."""
    count = ALARM_FRAMES + OTHER_FRAMES
    quick = len([misses for misses in range(ALARM_FRAMES) if link.goes_quick(misses)])
    uj = 0
    for sf, frames in ((region.SF_MAX, count - quick), (link.quick_sf(), quick)):
        air_us = airtime_us(sf, region.UPLINK_CHANNELS[0].bw_hz, region.MAX_PHY_BYTES[sf])
        uj += frames * energy.send_uj(costs, air_us, region.silence_ms(sf))
    return uj


def affords(
    state: "State",
    costs: "Costs",
    energy_uj: int,
    cost_uj: int,
    power_uw: int,
    keep_uj: int,
    margin_mv: int,
) -> bool:
    """Return whether a task may start.

    Args:
        state: for the learned series resistance.
        costs: the board's.
        energy_uj: stored now.
        cost_uj: the most the task may take.
        power_uw: its highest load.
        keep_uj: what must be left: `reserve_uj`, 0 for an alarm.
        margin_mv: above the brown-out line.
    """
    after_uj = energy_uj - cost_uj
    if after_uj < keep_uj:
        return False
    rest_uv = energy.voltage_uv(costs, after_uj)
    esr_mohm = max(costs.esr_mohm * _ESR_COLD, state.esr_mohm * 3 // 2)
    sag_uv = 1000 * power_uw * esr_mohm // rest_uv
    return bool(rest_uv - sag_uv >= costs.brownout_uv + margin_mv * 1000)


def budget_uj_per_day(state: "State", costs: "Costs", settings: "Settings", energy_uj: int) -> int:
    """Return what tasks and the wakes they need may spend per day."""
    target_uj = energy.full_uj(costs) * settings.target_permille // 1000
    spare_uj = (energy_uj - target_uj) // settings.horizon_days
    budget_uj = state.income_uj + spare_uj - energy.rest_uj_per_day(state, costs, energy_uj)
    return max(0, min(budget_uj, energy_uj - reserve_uj(state, costs, settings)))


def fill_purse(state: "State", now_s: int, budget_uj: int, most_uj: int) -> None:
    """Put the budget since the last time into the purse; it holds `most_uj`, owes twice that."""
    elapsed_s = now_s - state.purse_at_s
    if state.purse_at_s and 0 < elapsed_s <= _PURSE_MAX_S:
        state.purse_uj += budget_uj * elapsed_s // energy.DAY_S
    state.purse_uj = max(-2 * most_uj, min(state.purse_uj, most_uj))
    state.purse_at_s = now_s
