"""The task of a fix: search, log, correct the clock, learn what it took, look at the fences."""

from . import config, energy, fence, health, moment, navigation, payload, schedule
from ._typing import TYPE_CHECKING
from .drivers import receiver
from .wire import alarm, fix
from .wire.kind import KIND_FIX

if TYPE_CHECKING:
    from .drivers.gnss import Solution
    from .drivers.receiver import Outcome
    from .wake import Wake

_FENCE_WATCH_S = 3600  # fixes of every interval after a fence was crossed
_EPHEMERIS_MIN = 240  # so long ephemerides just heard hold
_SILENT = 3  # searches without a word before the receiver counts as broken


def run(wake: "Wake", decision: "schedule.Decision") -> None:
    """Search for a position as decided."""
    board, state, settings = wake.board, wake.state, wake.settings
    schedule.begin_fix(state, wake.now_s)
    wake.commit()
    outcome, heard = None, False
    before_uv = _read_uv(wake)
    begun_ms = board.clock.ticks_ms()
    try:
        outcome, heard = _search(wake, decision, before_uv)
    finally:
        on_ms = board.clock.ticks_ms() - begun_ms
        if outcome is not None and outcome.unix_s is not None:
            since_ms = board.clock.ticks_ms() - outcome.ticks_ms
            wake.set_clock(outcome.unix_s + (since_ms + 500) // 1000)
        fixed = outcome is not None and outcome.solution is not None
        knows, now_s = decision.knows, wake.now_s
        schedule.end_fix(state, wake.costs, settings, decision, knows, now_s, on_ms, fixed, heard)
        answered = outcome is not None and outcome.answered
        if answered or state.failed_in_row >= _SILENT:
            wake.fault(health.RECEIVER, not answered, state.failed_in_row)
    if outcome.solution is not None:
        _log(wake, decision.reason, outcome.solution)
    after_uv = _read_uv(wake)
    if before_uv and after_uv:
        energy.learn_search_power(state, wake.costs, before_uv, after_uv, on_ms)


def _read_uv(wake: "Wake") -> int:
    """Return the voltage now, 0 when it cannot be measured."""
    return wake.board.gauge.voltage_uv() if wake.voltage_uv else 0


def _search(wake: "Wake", decision: "schedule.Decision", before_uv: int) -> "tuple[Outcome, bool]":
    """Return what it gave, and whether ephemerides heard in it were saved."""
    heard = False
    board, state, settings, costs = wake.board, wake.state, wake.settings, wake.costs
    limits = receiver.Limits(
        decision.limit_ms,
        settings.accuracy_limit_m * 1000,
        settings.pdop_limit_tenths * 10,
        settings.year_least,
        energy.expected_ms(state, costs, decision.knows) // 2,
        energy.expected_ms(state, costs, energy.STALE) * 2 // 9 + 1000,
    )
    began_s = wake.now_s if wake.known else 0
    session = receiver.Session(board.gnss, board.clock, board.feed_watchdog)
    try:
        if before_uv:
            energy.learn_esr(state, costs, before_uv, _read_uv(wake), costs.gnss_search_uw)
        if wake.known and state.fix_at_s:
            session.tell(moment.now_s(state, board.rtc), state.lat_e5, state.lon_e5)
            if decision.knows >= energy.OWN:
                session.restore(navigation.Reader(wake.fram).next)
        outcome = session.run(limits, began_s)
        if outcome.solution is not None:
            heard = decision.knows in (energy.COLD, energy.STALE)
            if decision.renews:
                whole_ms = energy.expected_ms(state, costs, energy.STALE)
                old_min = (wake.now_s - state.data_at_s) // 60
                new_min = _EPHEMERIS_MIN - old_min // 2
                heard = session.renew(whole_ms * 3 // 4, whole_ms * 3 // 2, new_min)
        if heard and outcome.solution is not None:
            kept = navigation.Writer(wake.fram)
            session.save(kept.keep)
            heard = kept.end(outcome.solution.unix_s)
    finally:
        session.close()
    return outcome, heard


def _log(wake: "Wake", reason: int, solution: "Solution") -> None:
    """Write the fix, and an alarm for every fence it lies beyond."""
    state = wake.state
    state.lat_e5, state.lon_e5 = fix.position_e5(solution.lat_e7, solution.lon_e7)
    data = payload.pack_fix(
        state.lat_e5,
        state.lon_e5,
        (solution.altitude_mm + 500) // 1000,
        fix.accuracy_class(solution.accuracy_mm),
        reason,
    )
    wake.write(KIND_FIX, data, solution.unix_s)
    if wake.settings.fence_version:
        polygons = config.fences(wake.fram, wake.settings)
        for number in range(len(polygons)):
            if polygons[number]:
                _look_at_fence(wake, number, polygons[number])


def _look_at_fence(wake: "Wake", number: int, polygon: "list[tuple[int, int]]") -> None:
    state, bit = wake.state, 1 << number
    if not state.fence_known & bit:
        state.fence_known |= bit
        if fence.inside(state.lat_e5, state.lon_e5, polygon):
            state.fence_inside |= bit
        return
    was_inside = bool(state.fence_inside & bit)
    margin_m = wake.settings.fence_margin_m
    if fence.crossed(was_inside, state.lat_e5, state.lon_e5, polygon, margin_m):
        state.fence_inside ^= bit
        state.fence_until_s = wake.now_s + _FENCE_WATCH_S
        wake.alarm(alarm.FENCE_LEFT if was_inside else alarm.FENCE_ENTERED, number, 0)
