"""The task of a fix: search, log, correct the clock, learn what it took, look at the fences."""

from . import config, energy, fence, health, learning, moment, navigation, payload, schedule
from ._typing import TYPE_CHECKING
from .drivers import receiver
from .wire import alarm, fix
from .wire.kind import KIND_FIX

if TYPE_CHECKING:
    from .drivers.gnss import Solution
    from .drivers.receiver import Outcome
    from .wake import Wake

_FENCE_WATCH_S = 3600  # fixes of every interval after a fence was crossed
_EPHEMERIS_MIN = 240  # so long an ephemeris holds at most, from its first sending ...
_SENT_MIN = 120  # ... which goes on so long: what is heard holds for at least the rest
_SILENT = 3  # searches without a word before the receiver counts as broken


def run(wake: "Wake", decision: "schedule.Decision") -> None:
    """Search for a position as decided."""
    board, state, costs = wake.board, wake.state, wake.costs
    schedule.begin_fix(state, wake.now_s)
    wake.commit()
    kind = energy.RENEW if decision.renews else decision.knows
    long = learning.search_long(state, kind)
    before_uv = _read_uv(wake, long)
    search = _Search(wake, decision)
    begun_ms = board.clock.ticks_ms()
    try:
        search.run(before_uv)
    finally:
        on_ms = board.clock.ticks_ms() - begun_ms
        wake.guard(schedule.TASK_FIX, wake.read_clock)
        knows, now_s, heard = decision.knows, wake.now_s, search.heard
        schedule.end_fix(
            state, costs, wake.settings, decision, knows, now_s, on_ms, search.fixed, heard
        )
        if search.answered or state.failed_in_row >= _SILENT:
            wake.fault(health.RECEIVER, not search.answered, state.failed_in_row)
    if before_uv:
        after_uv = _read_uv(wake, long)
        learning.learn_search(state, costs, kind, before_uv, after_uv, on_ms, search.fixed, long)


def _read_uv(wake: "Wake", long: bool = False) -> int:
    """Return the voltage now, 0 when it cannot be measured."""
    return wake.board.gauge.voltage_uv(long) if wake.voltage_uv else 0


class _Search:
    """One search.

    Attributes:
        fixed: it gave a position, which is committed.
        heard: ephemerides heard in it were saved.
        answered: the receiver said anything at all.
    """

    def __init__(self, wake: "Wake", decision: "schedule.Decision") -> None:
        self._wake = wake
        self._decision = decision
        self.fixed = self.heard = self.answered = False

    def run(self, before_uv: int) -> None:
        """Switch the receiver on, and off again whatever happens."""
        wake, knows = self._wake, self._decision.knows
        board, state, costs = wake.board, wake.state, wake.costs
        clock_s = moment.now_s(state, board.rtc) if wake.known else 0
        bound_s = moment.bound_s(state, clock_s)
        session = receiver.Session(board.gnss, board.clock, board.feed_watchdog)
        try:
            if before_uv:
                learning.learn_esr(state, costs, before_uv, _read_uv(wake), costs.gnss_search_uw)
            if wake.known and state.fix_at_s:
                told_s = moment.now_s(state, board.rtc)
                session.tell(told_s, bound_s, state.lat_e5, state.lon_e5)
                if knows >= energy.OWN:
                    session.restore(navigation.Reader(wake.fram).next)
            outcome = session.run(self._limits(), clock_s, bound_s)
            self.answered = outcome.answered
            self._take(outcome)
            if outcome.solution is not None and self._has_heard(session):
                kept = navigation.Writer(wake.fram)
                session.save(kept.keep)
                self.heard = kept.end(outcome.solution.unix_s)
        finally:
            session.close()

    def _limits(self) -> receiver.Limits:
        settings, state, costs = self._wake.settings, self._wake.state, self._wake.costs
        expected_ms = energy.expected_ms(state, costs, self._decision.knows)
        return receiver.Limits(
            self._decision.limit_ms,
            settings.accuracy_limit_m * 1000,
            settings.pdop_limit_tenths * 10,
            settings.year_least,
            expected_ms // 2,
            energy.expected_ms(state, costs, energy.STALE) * 2 // 9 + 1000,
            expected_ms * 2,
        )

    def _take(self, outcome: "Outcome") -> None:
        """Set the clock, log the fix and commit it: the receiver may stay on, the power fail."""
        wake = self._wake
        if outcome.unix_s is not None:
            since_ms = wake.board.clock.ticks_ms() - outcome.ticks_ms
            wake.set_clock(outcome.unix_s + (since_ms + 500) // 1000)
        if outcome.solution is not None:
            self.fixed = True
            place = fix.position_e5(outcome.solution.lat_e7, outcome.solution.lon_e7)
            gone_m = fence.edge_m(wake.state.lat_e5, wake.state.lon_e5, [place])
            schedule.take_fix(wake.state, self._decision, wake.now_s, gone_m)
            _log(wake, self._decision.reason, outcome.solution)
            wake.commit()

    def _has_heard(self, session: receiver.Session) -> bool:
        """Return whether the receiver has heard ephemerides; it stays on if so decided."""
        state, costs = self._wake.state, self._wake.costs
        if not self._decision.renews:
            return self._decision.knows in (energy.COLD, energy.STALE)
        whole_ms = energy.expected_ms(state, costs, energy.STALE)
        old_min = (self._wake.now_s - state.data_at_s) // 60
        new_min = max(_EPHEMERIS_MIN - old_min, _EPHEMERIS_MIN - _SENT_MIN)
        return session.renew(whole_ms * 3 // 4, whole_ms * 3 // 2, new_min)


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
