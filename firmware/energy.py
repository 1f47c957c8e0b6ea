"""Joules: what is stored, what comes in, what a day may spend, and whether a task may start.

All energies are micro-joules at the storage, above its lower voltage limit; all integers. Nothing
here reads hardware or a clock.

    stored   E = C (V^2 - Vempty^2) / 2                                     V at rest
    income   (change of E + what was spent) per day, averaged over `income_days`
    budget   income + (E - target) / horizon - upkeep, within 0 .. E - reserve
    gate     after its cost and under its load a task leaves the reserve, and the voltage above the
             brown-out line: V(E - cost) - 3 ESR P / V - margin
"""

from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .block import State
    from .board import Costs
    from .config import Settings

DAY_S = 86400
_BALANCE_S = 21600  # shortest balance: voltage noise of 0.2 mV is then 0.1 J/day
_BALANCE_MAX_S = 30 * DAY_S  # beyond, the clock is more likely wrong than the balance right
_ESR_COLD = 3  # the storage's series resistance at -20 degrees, as a multiple of the tabled one
_WAKES_PER_DAY = 4  # without any task


def stored_uj(costs: "Costs", voltage_uv: int) -> int:
    """Return the energy stored at `voltage_uv` at rest; negative below the lower limit."""
    squares = voltage_uv * voltage_uv - costs.empty_uv * costs.empty_uv
    return int(costs.capacitance_mf * squares // 2_000_000_000)


def voltage_uv(costs: "Costs", energy_uj: int) -> int:
    """Return the voltage at rest with `energy_uj` stored, rounded down; 0 when there is none."""
    square = costs.empty_uv * costs.empty_uv + energy_uj * 2_000_000_000 // costs.capacitance_mf
    return _isqrt(square) if square > 0 else 0


def _isqrt(n: int) -> int:
    """Integer square root, by Newton's method from above."""
    x = 1
    while x * x <= n:
        x <<= 1
    while True:
        y = (x + n // x) // 2
        if y >= x:
            return x
        x = y


def upkeep_uj_per_day(costs: "Costs") -> int:
    """Return what a day costs without any task: Standby and the wakes to look around."""
    return int(costs.standby_nw * DAY_S // 1000 + _WAKES_PER_DAY * costs.boot_uj)


def reserve_uj(costs: "Costs", settings: "Settings") -> int:
    """Return the energy no task may touch: `reserve_days` of upkeep."""
    return settings.reserve_days * upkeep_uj_per_day(costs)


def fix_uj(costs: "Costs", duration_ms: int) -> int:
    """Return the cost of a search of `duration_ms` and the wake it needs."""
    power_uw = costs.gnss_search_uw + costs.processor_sleep_uw
    return int(costs.boot_uj + power_uw * duration_ms // 1000)


def send_uj(costs: "Costs", airtime_us: int, listened_ms: int) -> int:
    """Return the cost of one frame, its window and the wake it needs.

    The processor sleeps while the modem works (its driver waits for interrupts), and waits in Stop
    for the second before the window.
    """
    return int(
        costs.boot_uj
        + costs.frame_uj
        + (costs.radio_tx_uw + costs.processor_sleep_uw) * airtime_us // 1_000_000
        + costs.processor_stop_uw
        + listen_uj(costs, listened_ms)
    )


def listen_uj(costs: "Costs", listened_ms: int) -> int:
    """Return the cost of listening; negative for a negative time."""
    return int((costs.radio_rx_uw + costs.processor_sleep_uw) * listened_ms // 1000)


def affords(
    costs: "Costs", settings: "Settings", energy_uj: int, cost_uj: int, power_uw: int
) -> bool:
    """Return whether a task may start.

    Args:
        costs: the board's.
        settings: reserve and margin.
        energy_uj: stored now.
        cost_uj: the most the task may take.
        power_uw: its highest load.
    """
    after_uj = energy_uj - cost_uj
    if after_uj < reserve_uj(costs, settings):
        return False
    rest_uv = voltage_uv(costs, after_uj)
    sag_uv = 1000 * power_uw * costs.esr_mohm * _ESR_COLD // rest_uv
    return bool(rest_uv - sag_uv >= costs.brownout_uv + settings.margin_mv * 1000)


def book(state: "State", cost_uj: int) -> None:
    """Add a cost to the running balance."""
    state.spent_uj += cost_uj


def balance(
    state: "State", costs: "Costs", settings: "Settings", now_s: int, energy_uj: int
) -> None:
    """Learn the income from the running balance when it is long enough, and start the next.

    A full storage takes no more: then the balance is a lower bound and never lowers the income.
    """
    elapsed_s = now_s - state.anchor_at_s
    if state.anchor_at_s and 0 <= elapsed_s < _BALANCE_S:
        return
    if state.anchor_at_s and 0 < elapsed_s <= _BALANCE_MAX_S:
        standby_uj = costs.standby_nw * elapsed_s // 1000
        came_uj = energy_uj - state.anchor_uj + state.spent_uj + standby_uj
        sample_uj = max(0, came_uj) * DAY_S // elapsed_s
        memory_s = min(state.learned_s + elapsed_s, settings.income_days * DAY_S)
        if not (sample_uj < state.income_uj and energy_uj >= full_uj(costs) * 98 // 100):
            change_uj = (sample_uj - state.income_uj) * elapsed_s // max(memory_s, elapsed_s)
            state.income_uj += change_uj
        state.learned_s = memory_s
    state.anchor_at_s = now_s
    state.anchor_uj = energy_uj
    state.spent_uj = 0


def full_uj(costs: "Costs") -> int:
    """Return the energy of the full storage."""
    return stored_uj(costs, costs.full_uv)


def budget_uj_per_day(state: "State", costs: "Costs", settings: "Settings", energy_uj: int) -> int:
    """Return what tasks may spend per day."""
    target_uj = full_uj(costs) * settings.target_permille // 1000
    spare_uj = (energy_uj - target_uj) // settings.horizon_days
    budget_uj = state.income_uj + spare_uj - upkeep_uj_per_day(costs)
    return max(0, min(budget_uj, energy_uj - reserve_uj(costs, settings)))


def learn_fix(state: "State", cost_uj: int) -> None:
    """Move the learned cost of an attempt at a fix a quarter of the way to `cost_uj`."""
    known_uj = state.fix_cost_uj
    state.fix_cost_uj = known_uj + (cost_uj - known_uj) // 4 if known_uj else cost_uj


def cycle_uj(state: "State", costs: "Costs", frame_uj: int, records_per_frame: int) -> int:
    """Return the cost of one fix and of its share of a frame."""
    fix = state.fix_cost_uj or fix_uj(costs, costs.gnss_search_s * 1000)
    return int(fix + frame_uj // max(1, records_per_frame))
