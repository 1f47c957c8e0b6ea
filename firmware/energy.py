"""Joules: what is stored, and what things cost. What may be spent is in purse.py.

All energies are micro-joules at the storage, above its lower voltage limit; all integers. Nothing
here reads hardware or a clock; functions take the `State` and change it in place.

    stored   E = C (V^2 - Vempty^2) / 2                                     V at rest
    rest     what a day takes without a task, at a voltage        learning.py, as the income

The cost of a search is learned for each thing the receiver may know, `COLD` to `OWN` + 7, since
that is what makes it short or long: its time, and the power that voltages have shown
(learning.py). Small costs come from the board's table. All are in joules of the book's own
capacitance: when that is wrong by a fifth, so are all of them, and plans still come true.

Use, once per wake, in this order (`app.py` does, and whoever simulates it):

    learning.balance(...)                                at the start, with the voltage
    ... schedule.decide, the task; then one of
    after_search(...) or after_send(...)                 which book it
    book(state, costs.boot_uj)                           at the end: every wake pays for its boot
"""

from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .block import State
    from .board import Costs
    from .config import Settings

DAY_S = 86400
FULL = 1024  # see `leaking`

# What the receiver knows when it is switched on; the index of what is learned about searches.
COLD = 0  # nothing
STALE = 1  # time, position, almanac; its ephemerides are older than 6 h
AIDED = 2  # ephemerides a station has just given
OWN = 3  # ephemerides half an hour old; OWN + 1 an hour, ... OWN + 7 four hours
RENEW = 11  # ephemerides of some hours, and the receiver stays on until it has heard new ones
CLASSES = 12
AGE_S = 1800  # between the classes of age
DATA_MAX_S = 8 * AGE_S + AGE_S // 2  # ephemerides hold for four hours

#: First guess of a search's time, in thousandths of the board's cold one; the ones for young data
#: are hopeful, so that they are tried and then learned.
_GUESS_PERMILLE = (1000, 900, 150, 120, 130, 150, 200, 700, 800, 900, 900, 900)
_RENEW_PERMILLE = 850  # the same for `RENEW`, of what is learned about `STALE`
_LEARN_LEAST = 3  # attempts the first guess counts for
_LEARN_MOST = 16  # attempts that are remembered
_VAIN_MOST = 4  # vain searches before one fix count at most so many times its cost


def stored_uj(costs: "Costs", voltage_uv: int) -> int:
    """Return the energy stored at `voltage_uv` at rest; negative below the lower limit."""
    squares = voltage_uv * voltage_uv - costs.empty_uv * costs.empty_uv
    return int(costs.capacitance_mf * squares // 2_000_000_000)


def voltage_uv(costs: "Costs", energy_uj: int) -> int:
    """Return the voltage at rest with `energy_uj` stored, rounded down; 0 when there is none."""
    return isqrt(square_uv2(costs, energy_uj))


def square_uv2(costs: "Costs", energy_uj: int) -> int:
    """Return the square of the voltage at rest with `energy_uj` stored [uV^2]."""
    return int(costs.empty_uv * costs.empty_uv + energy_uj * 2_000_000_000 // costs.capacitance_mf)


def isqrt(n: int) -> int:
    """Integer square root, by Newton's method from above; 0 of what is not positive."""
    if n <= 0:
        return 0
    x = 1
    while x * x <= n:
        x <<= 1
    while True:
        y = (x + n // x) // 2
        if y >= x:
            return x
        x = y


def full_uj(costs: "Costs") -> int:
    """Return the energy of the full storage."""
    return stored_uj(costs, costs.full_uv)


# --- what things cost ---------------------------------------------------------------------------


def leaking(costs: "Costs", energy_uj: int) -> int:
    """Return the leakage with so much stored, of `FULL` for the full storage: it goes with V^2."""
    return int(square_uv2(costs, energy_uj) * FULL // (costs.full_uv * costs.full_uv))


def rest_pw(state: "State", costs: "Costs", energy_uj: int) -> int:
    """Return the power of the sleeping collar with so much stored [pW]: Standby and leakage."""
    if not state.rest_ss:
        return table_pw(costs, energy_uj)
    return int(state.standby_pw + state.leakage_pw * leaking(costs, energy_uj) // FULL)


def table_pw(costs: "Costs", energy_uj: int) -> int:
    """Return the same by the board's table."""
    return int(1000 * (costs.standby_nw + costs.leakage_nw * leaking(costs, energy_uj) // FULL))


def rest_uj_per_day(state: "State", costs: "Costs", energy_uj: int) -> int:
    """Return what a day takes without a wake, with so much stored."""
    return rest_pw(state, costs, energy_uj) * DAY_S // 1_000_000


def search_uj(state: "State", costs: "Costs", duration_ms: int) -> int:
    """Return the cost of a search of `duration_ms`, without the wake it needs."""
    power_uw = costs.gnss_search_uw + costs.processor_stop_uw
    return int(power_uw * duration_ms // 1000 * state.search_permille // 1000)


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


# --- the receiver: what it knows, what that makes a search cost ---------------------------------


def knows(state: "State", now_s: int) -> int:
    """Return what the receiver will know when it is switched on at `now_s`, COLD..OWN + 7."""
    data_at_s = state.data_at_s
    if data_at_s < state.aid_at_s <= now_s:
        data_at_s = state.aid_at_s
        if now_s - data_at_s < AGE_S // 2:
            return AIDED
    if data_at_s and 0 <= now_s - data_at_s < DATA_MAX_S:
        return own_class(now_s - data_at_s)
    return STALE if state.fix_at_s and state.fix_at_s <= now_s else COLD


def own_class(age_s: int) -> int:
    """Return the class of ephemerides of this age, STALE when they are void."""
    if age_s >= DATA_MAX_S:
        return STALE
    return OWN + max(0, (age_s + AGE_S // 2) // AGE_S - 1)


def expected_uj(state: "State", costs: "Costs", known: int) -> int:
    """Return the mean cost of a fix whose search begins with `known`, its share of vain ones too.

    Whether the sky is closed does not hang on what the receiver knows, so that share is one.
    """
    mean_uj = state.search_uj[known] or search_uj(state, costs, _guess_ms(costs, known))
    return int(mean_uj + state.vain_uj)


def expected_renew_uj(state: "State", costs: "Costs") -> int:
    """Return the mean cost of a fix after which the receiver stays on for new ephemerides."""
    if state.search_uj[RENEW]:
        return expected_uj(state, costs, RENEW)
    return expected_uj(state, costs, STALE) * _RENEW_PERMILLE // 1000


def expected_ms(state: "State", costs: "Costs", known: int) -> int:
    """Return the mean time of a successful search that begins with `known`."""
    return int(state.search_ms[known] or _guess_ms(costs, known))


def limit_ms(state: "State", costs: "Costs", settings: "Settings", known: int) -> int:
    """Return when a search that begins with `known` is given up: twice a cold one, and 10 s.

    A search that does not end soon although the receiver knew much becomes an opening: it fetches
    ephemerides. One that hears nothing is stopped long before (drivers/gnss.py).
    """
    mean_ms = max(expected_ms(state, costs, known), expected_ms(state, costs, COLD))
    return min(2 * mean_ms + 10000, settings.gnss_timeout_s * 1000)


def _guess_ms(costs: "Costs", known: int) -> int:
    return int(costs.gnss_search_s * _GUESS_PERMILLE[known])


def after_search(
    state: "State",
    costs: "Costs",
    now_s: int,
    known: int,
    on_ms: int,
    fixed: bool,
    renews: bool = False,
) -> None:
    """Book a search and learn from its time; learning.learn_search adds what voltages say.

    Args:
        state: changed in place; also when the receiver last took up ephemerides.
        costs: the board's.
        now_s: the clock at its end.
        known: what the receiver knew at its start (`knows`).
        on_ms: how long it was on.
        fixed: whether it gave a fix.
        renews: whether it went on after the fix, for new ephemerides.
    """
    cost_uj = search_uj(state, costs, on_ms)
    book(state, cost_uj)
    state.calm_at_s = 0  # an error of this cost must not look like rest
    if not fixed:
        state.vain_now_uj += cost_uj
        return
    state.vain_uj += (min(state.vain_now_uj, _VAIN_MOST * cost_uj) - state.vain_uj) // _LEARN_MOST
    state.vain_now_uj = 0
    if renews:
        known = RENEW
    mean_uj = state.search_uj[known] or search_uj(state, costs, _guess_ms(costs, known))
    mean_ms = expected_ms(state, costs, known)
    state.search_count[known] = min(state.search_count[known] + 1, 255)
    weight = search_weight(state, known)
    state.search_uj[known] = mean_uj + (cost_uj - mean_uj) // weight
    state.search_ms[known] = mean_ms + (on_ms - mean_ms) // weight


def search_weight(state: "State", known: int) -> int:
    """Return of how many searches the newest of its kind is one."""
    return max(_LEARN_LEAST, min(state.search_count[known], _LEARN_MOST))


def after_send(state: "State", costs: "Costs", airtime_us: int, listened_ms: int) -> None:
    """Book a frame and its window."""
    book(state, send_uj(costs, airtime_us, listened_ms) - costs.boot_uj)


def book(state: "State", cost_uj: int) -> None:
    """Add a cost to the running balance and take it from the purse."""
    state.spent_uj += cost_uj
    state.purse_uj -= cost_uj
    state.calm_uj -= cost_uj
    state.drawn_uj += cost_uj
