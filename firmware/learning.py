"""What the voltage of the storage teaches: income, the power of rest and of a search, the ESR.

There is no current sensor. A millivolt of the storage is 0.12 J, and a reading is off by some
0.2 mV, so only what is large is measured, and over long times.

    income    change of the stored energy + what was booked + rest, over six hours and more
    rest      a filter over the readings of times in which nothing moved: nothing came in then
    search    voltage before and after it, under equal load
    ESR       sag of the voltage when a known load comes on

Rest is Standby, a constant power, and leakage, a resistance beside the storage: V^2 / R. The
filter (Kalman's, in integers) holds the stored energy, both powers, and how sure it is of each; it
starts from the board's table, taken to be off by 30 and 60 percent. How much of the sum is leakage
shows only as far as the voltage has changed; the sum itself is learned at any voltage.
"""

from . import energy, health
from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .block import State
    from .board import Costs
    from .config import Settings

_BALANCE_S = 21600  # shortest balance: voltage noise of 0.2 mV is then 0.1 J/day
_BALANCE_MAX_S = 30 * energy.DAY_S  # beyond, the clock is more likely wrong than the balance right
_BLIND_PERCENT = 75  # of the learned income, counted on while the voltage cannot be measured
_STANDBY_OFF, _LEAK_OFF = 30, 60  # percent the table may be off by, one standard deviation
_FADES_DAYS = 3000  # in which rest becomes as uncertain again as the table was
_KNOWN_PERCENT = 5  # of rest: closer its readings need not be
_SEARCH_LEAST_MS = 5000  # a shorter one says little of the power
_SEARCHES_LONG = 8  # of a kind, whose steps are read long
_STUCK_TIMES, _STUCK_UJ = 8, 250000  # the same reading so often, and two millivolts booked: no
_ODD = 4  # standard deviations: the animal did not lie still, whatever the sensor says


def balance(
    state: "State",
    costs: "Costs",
    settings: "Settings",
    now_s: int,
    energy_uj: int,
    long_read: bool = False,
) -> None:
    """Learn rest and income from the stored energy at the begin of a wake.

    Args:
        state: changed in place.
        costs: the board's.
        settings: the collar's.
        now_s: the clock.
        energy_uj: stored, by the voltage.
        long_read: whether that was a long reading (`wants_long`); it is booked.
    """
    _learn_motion(state, settings, now_s)
    _learn_rest(state, costs, now_s, energy_uj, long_read)
    _learn_income(state, costs, settings, now_s, energy_uj)
    if long_read:  # not from the purse: a wake that waits until it is full would never find it so
        state.spent_uj += costs.gauge_long_uj
        state.calm_uj -= costs.gauge_long_uj


def _learn_income(
    state: "State", costs: "Costs", settings: "Settings", now_s: int, energy_uj: int
) -> None:
    """Learn income from the running balance when it is long enough; start the next.

    A full storage takes no more: then the balance is a lower bound and never lowers the income.
    """
    elapsed_s = now_s - state.anchor_at_s
    if state.anchor_at_s and (0 <= elapsed_s < _BALANCE_S or state.seen_times > 1):
        return  # too soon, or a converter that may be stuck
    if state.anchor_at_s and 0 < elapsed_s <= _BALANCE_MAX_S:
        change_uj = energy_uj - state.anchor_uj + state.spent_uj
        middle_uj = (energy_uj + state.anchor_uj) // 2
        rest_uj = energy.rest_uj_per_day(state, costs, middle_uj)
        came_uj = change_uj + rest_uj * elapsed_s // energy.DAY_S
        state.activity_uj += max(0, came_uj)
        sample_uj = came_uj * energy.DAY_S // elapsed_s
        memory_s = min(state.learned_s + elapsed_s, settings.income_days * energy.DAY_S)
        if not (sample_uj < state.income_uj and energy_uj >= energy.full_uj(costs) * 98 // 100):
            step_uj = (sample_uj - state.income_uj) * elapsed_s // max(memory_s, elapsed_s)
            state.income_uj = max(0, state.income_uj + step_uj)
        state.learned_s = memory_s
    state.anchor_at_s = now_s
    state.anchor_uj = energy_uj
    state.spent_uj = 0


def estimate_uj(state: "State", costs: "Costs", settings: "Settings", now_s: int) -> int:
    """Return what should be stored by the book, for a collar that cannot measure it.

    The book goes on from there every six hours, as it does from a measured voltage; on the safe
    side: less comes in than was learned, and nothing while nothing moves. A collar that has never
    measured was charged to its target.
    """
    if not (state.anchor_at_s or state.anchor_uj or state.brownouts):
        state.anchor_uj = energy.full_uj(costs) * settings.target_permille // 1000
    elapsed_s = now_s - state.anchor_at_s
    if not state.anchor_at_s or not 0 <= elapsed_s <= _BALANCE_MAX_S:
        elapsed_s = 0  # the clock was set meanwhile
        state.anchor_at_s = now_s
    moved = state.still_at_s > state.anchor_at_s
    income_uj = state.income_uj * _BLIND_PERCENT // 100 if moved else 0
    net_uj = income_uj - energy.rest_uj_per_day(state, costs, state.anchor_uj)
    stored_uj = state.anchor_uj - state.spent_uj + net_uj * elapsed_s // energy.DAY_S
    stored_uj = max(0, min(stored_uj, energy.full_uj(costs)))
    if elapsed_s >= _BALANCE_S:
        state.anchor_at_s, state.anchor_uj, state.spent_uj = now_s, stored_uj, 0
    return stored_uj


def humble(state: "State") -> None:
    """An estimate has ended in a brown-out: nothing is stored, and half as much comes in."""
    state.anchor_at_s = state.anchor_uj = state.spent_uj = 0
    state.income_uj //= 2


def plausible(state: "State", costs: "Costs", settings: "Settings", voltage_uv: int) -> bool:
    """Return whether the reading at the begin of a wake can be the storage's voltage.

    It cannot be one with which the collar does not run, nor one that does not change by the least
    step, wake after wake, while more is spent than a step of 12 bits: a reading has noise.
    """
    if voltage_uv != state.seen_uv:
        state.trusted_uv = state.seen_uv if state.seen_times < _STUCK_TIMES else 0
        state.seen_uv, state.seen_times, state.drawn_uj = voltage_uv, 0, 0
    state.seen_times = min(state.seen_times + 1, 255)
    if state.seen_times >= _STUCK_TIMES and state.drawn_uj >= _STUCK_UJ:
        _unlearn(state, costs, settings)
        return False
    return bool(costs.brownout_uv * 9 // 10 <= voltage_uv <= costs.full_uv * 103 // 100)


def _unlearn(state: "State", costs: "Costs", settings: "Settings") -> None:
    """Take back what a converter has taught that was stuck: a step that was no income."""
    stuck_uj = energy.stored_uj(costs, state.seen_uv)
    if state.trusted_uv and state.anchor_uj == stuck_uj:
        step_uj = stuck_uj - energy.stored_uj(costs, state.trusted_uv)
        memory_s = max(min(state.learned_s, settings.income_days * energy.DAY_S), _BALANCE_S)
        state.income_uj = max(0, state.income_uj - step_uj * energy.DAY_S // memory_s)
        state.anchor_uj -= step_uj
    state.trusted_uv = 0


# --- rest ---------------------------------------------------------------------------------------


def wants_long(state: "State", costs: "Costs", settings: "Settings") -> bool:
    """Return whether a long reading is worth it: rest is not known, the animal seems to lie."""
    # what is left of the reserve is not for that
    lies = not state.low and state.mean_mg * 2 < settings.motion_threshold_mg
    felt = not state.faults & 1 << health.ACCELEROMETER
    return bool(lies and felt and not rest_is_known(state, costs))


def rest_is_known(state: "State", costs: "Costs") -> bool:
    """Return whether rest is known so well that nothing is spent to know it better."""
    off_pw = energy.rest_pw(state, costs, energy.full_uj(costs) // 2) * _KNOWN_PERCENT // 100
    return bool(0 < state.rest_ss and rest_variance(state, costs) < off_pw * off_pw)


def rest_variance(state: "State", costs: "Costs") -> int:
    """Return how uncertain the power of rest is with half of the energy stored [pW^2]."""
    part, full = energy.leaking(costs, energy.full_uj(costs) // 2), energy.FULL
    return int(state.rest_ss + (2 * state.rest_sl + state.rest_ll * part // full) * part // full)


def _learn_motion(state: "State", settings: "Settings", now_s: int) -> None:
    """Learn how much the animal moves on the mean, and what the sensor says when nothing does."""
    state.quiet_mg = min(state.quiet_mg, state.mean_mg)
    elapsed_s = now_s - state.usual_at_s
    if state.usual_at_s and 0 <= elapsed_s <= energy.DAY_S:
        memory_s = settings.income_days * energy.DAY_S
        state.usual_mg += (16 * state.mean_mg - state.usual_mg) * elapsed_s // memory_s
    else:
        state.usual_mg = state.usual_mg or 16 * state.mean_mg
    state.usual_at_s = now_s


def _came_uj(state: "State", elapsed_s: int) -> int:
    """Return what came in while the animal lay: it breathes and turns below the flag's threshold.

    In proportion to what its samples say of motion at both ends.
    """
    moved_mg = 8 * max(0, state.calm_mg + state.mean_mg - 2 * state.quiet_mg)
    usual_mg = max(16, state.usual_mg - 16 * state.quiet_mg)
    return int(state.income_uj * elapsed_s // energy.DAY_S * min(moved_mg, usual_mg) // usual_mg)


def _learn_rest(
    state: "State", costs: "Costs", now_s: int, energy_uj: int, long_read: bool
) -> None:
    """Learn Standby and leakage from one more reading, if nothing has moved since the last one.

    `state.calm_uj` is what the filter thinks is stored; costs are taken off it as they are booked.
    """
    if not state.rest_ss:
        state.standby_pw, state.leakage_pw = costs.standby_nw * 1000, costs.leakage_nw * 1000
        state.rest_ss = (state.standby_pw * _STANDBY_OFF // 100) ** 2
        state.rest_ll = (state.leakage_pw * _LEAK_OFF // 100) ** 2
    noise_uv = costs.gauge_long_uv if long_read else costs.gauge_short_uv
    noise = (costs.capacitance_mf * noise_uv) ** 2 * energy.square_uv2(costs, energy_uj) // 10**18
    elapsed_s = now_s - state.calm_at_s
    still = 0 < state.still_at_s < now_s and 0 < state.calm_at_s and 0 <= elapsed_s < energy.DAY_S
    if not still or not _update(state, costs, elapsed_s, energy_uj, noise):
        state.calm_uj, state.calm_ee = energy_uj, noise
        state.calm_es = state.calm_el = 0
    state.calm_at_s, state.calm_mg = now_s, state.mean_mg


def _update(state: "State", costs: "Costs", elapsed_s: int, energy_uj: int, noise: int) -> bool:
    """Go on in time and take a reading; False, and nothing learned, when it cannot be."""
    million = 1_000_000  # picowatts and seconds make millionths of microjoules
    part, full = energy.leaking(costs, energy_uj), energy.FULL
    ss, sl, ll = state.rest_ss, state.rest_sl, state.rest_ll
    fades = (costs.standby_nw * 10 * _STANDBY_OFF) ** 2
    ss += fades * elapsed_s // (_FADES_DAYS * energy.DAY_S)
    rate_s = ss + sl * part // full  # covariance of the power of rest with Standby,
    rate_l = sl + ll * part // full  # with leakage,
    rate_e = state.calm_es + state.calm_el * part // full  # with the energy
    rate = rate_s + rate_l * part // full
    ee = state.calm_ee - 2 * rate_e * elapsed_s // million + rate * elapsed_s**2 // million**2
    es = state.calm_es - rate_s * elapsed_s // million
    el = state.calm_el - rate_l * elapsed_s // million
    gone_uj = energy.rest_pw(state, costs, energy_uj) * elapsed_s // million
    came_uj = _came_uj(state, elapsed_s)
    off_uj = energy_uj - (state.calm_uj - gone_uj + came_uj)
    ee += came_uj * came_uj // 4  # known to a half
    total = ee + noise
    if off_uj * off_uj > _ODD * _ODD * total:
        # A loss is no income: rest may have become another; so may one far above the table.
        if off_uj < 0 or state.standby_pw > 2000 * costs.standby_nw:
            state.rest_ss += (state.standby_pw * _STANDBY_OFF // 100) ** 2
        return False
    state.calm_uj = energy_uj - off_uj + ee * off_uj // total
    state.standby_pw = max(0, state.standby_pw + es * off_uj // total)
    state.leakage_pw = max(0, state.leakage_pw + el * off_uj // total)
    state.calm_ee, state.calm_es = ee * noise // total, es * noise // total
    state.calm_el = el * noise // total
    state.rest_ss = ss - es * es // total
    state.rest_sl = sl - es * el // total
    state.rest_ll = ll - el * el // total
    return True


# --- loads --------------------------------------------------------------------------------------


def search_long(state: "State", known: int) -> bool:
    """Return whether the step of such a search is worth long readings: it is not known well."""
    return state.search_count[known] < _SEARCHES_LONG


def learn_search(
    state: "State",
    costs: "Costs",
    known: int,
    before_uv: int,
    after_uv: int,
    on_ms: int,
    fixed: bool,
    long_read: bool,
) -> None:
    """Learn what a search took from the voltage before and after it, under equal load.

    Both the power of searches, and the cost of those that begin with the same knowledge. Income
    during the search makes it look cheaper than it is, by a few percent.

    Args:
        state: changed in place, energy.after_search has booked the search.
        costs: the board's.
        known: what the receiver knew, energy.RENEW for one that renews.
        before_uv: the voltage before.
        after_uv: and after it.
        on_ms: how long the receiver was on.
        fixed: whether it gave a fix.
        long_read: whether these were long readings (`search_long`); they are booked.
    """
    if long_read:
        energy.book(state, 2 * costs.gauge_long_uj)
    tabled_uj = (costs.gnss_search_uw + costs.processor_stop_uw) * on_ms // 1000
    if not 0 < after_uv < before_uv or not tabled_uj:
        return
    booked_uj = energy.search_uj(state, costs, on_ms)
    step_uj = energy.stored_uj(costs, before_uv) - energy.stored_uj(costs, after_uv)
    permille = max(300, min(step_uj * 1000 // tabled_uj, 3000))
    if fixed:  # the mean of its kind took what was booked for it
        off_uj = permille * tabled_uj // 1000 - booked_uj
        state.search_uj[known] += off_uj // energy.search_weight(state, known)
    if on_ms >= _SEARCH_LEAST_MS:
        state.search_permille += (permille - state.search_permille) // 8


def learn_esr(state: "State", costs: "Costs", rest_uv: int, under_uv: int, load_uw: int) -> None:
    """Learn the series resistance from the sag a known load makes, for the gates."""
    sag_uv = max(0, rest_uv - under_uv)
    mohm = sag_uv * (rest_uv // 1000) // max(load_uw, 1)
    known = state.esr_mohm or costs.esr_mohm
    state.esr_mohm = max(1, known + (min(mohm, 5000) - known) // 8)
