"""The collar's own plan in the fast simulator: the pure modules of the firmware, unmodified.

One turn of the loop is one wake, as in `firmware.app`: balance, motion, decide, the task, decide
again, sleep. Records are only counted; frames are answered when a station is in reach.
"""

from dataclasses import dataclass

from firmware import energy, learning, link, motion, outbox, purse, rota, schedule
from firmware.block import State
from firmware.board import Costs
from firmware.config import Settings
from firmware.wire import region
from firmware.wire.airtime import airtime_us
from hardware.budget.life import Life
from hardware.twin.seeded import uniform

_RECORD_BYTES = 6  # of a packed record, on the mean
_FRAME_BYTES = 20  # of header, tag and the payload's own head
_ANSWER_BYTES = 30
_AID_BYTES = 700  # twelve ephemerides, DESIGN D4
_AID_FRAMES = 6
_AID_SF = 9
_BACK_PERCENT = 150  # of the reserve: the energy is back (firmware/wake.py)
_HEARD = 0.95  # share of frames that are answered
_MARGIN_DB = 12


def aid_uj(costs: Costs) -> int:
    """A request for ephemerides and its answer, the processor in Stop while it listens."""
    request_us = airtime_us(_AID_SF, region.UPLINK_CHANNELS[0].bw_hz, _FRAME_BYTES)
    request_uj = energy.send_uj(costs, request_us, 0) - costs.boot_uj
    answer_us = _AID_FRAMES * airtime_us(
        _AID_SF, region.ACK_CHANNEL.bw_hz, _AID_BYTES // _AID_FRAMES
    )
    return int(request_uj + (costs.radio_rx_uw + costs.processor_stop_uw) * answer_us // 1_000_000)


def frame_uj(costs: Costs) -> int:
    """A frame of eight records at the fastest rate and its window, without the wake."""
    size, sf = _FRAME_BYTES + 8 * _RECORD_BYTES, region.SF_MIN
    air_us = airtime_us(sf, region.UPLINK_CHANNELS[0].bw_hz, size)
    return int(energy.send_uj(costs, air_us, region.silence_ms(sf)) - costs.boot_uj)


@dataclass(frozen=True)
class Book:
    """A day of the collar's energy book against the truth [J].

    Attributes:
        day: Counted from the start.
        booked_j: What it thinks was spent.
        spent_j: What was.
        unsure_j: Standard deviation of the day's rest that all readings so far leave: the bound
            of Cramer and Rao, as its filter is the best for noise like that of the gauge.
        long_reads: Long readings so far.
    """

    day: int
    booked_j: float
    spent_j: float
    unsure_j: float
    long_reads: int


class Ours:
    """Our firmware's plan, living a life.

    Args:
        life: The collar's year.
        settings: The collar's.
        costs: What it believes; the board's by default.
        uplink: Whether a station hears it.
    """

    def __init__(
        self,
        life: Life,
        settings: Settings | None = None,
        costs: Costs | None = None,
        uplink: bool = True,
    ) -> None:
        self.life, self.uplink = life, uplink
        self.settings = settings or Settings()
        self.costs = costs or life.parts.costs
        self.state = State()
        self.state.phase_s = life.year.seed * 97 % 600
        self.books: list[Book] = []
        self._waiting = 0
        self._oldest_s = 0
        self._urgent = self._dead = False  # an alarm waits; one that tells of a death
        self._booked_j = self._spent_j = self._noted_s = 0.0
        self._measured_uj = round(life.energy_j * 1e6)
        self._long_reads = 0

    def run(self) -> None:
        """Live to the end of the year."""
        self.life.sleep(uniform(self.life.year.seed, "switched on") * 600)
        while not self.life.over:
            self.life.sleep(self.wake())

    def wake(self) -> int:
        """One wake; returns how long to sleep."""
        life, state, costs, settings = self.life, self.state, self.costs, self.settings
        life.boot()
        now_s = life.now_s
        self._note()
        self._feel(now_s)
        self._measured_uj = measured_uj = self._measure(now_s)
        if rota.activity_at_s(state, settings, now_s) <= now_s:
            motion.take_interval(state)
            state.activity_uj, state.activity_at_s = 0, now_s
            self._record(now_s)
        if rota.status_at_s(state, settings, now_s) <= now_s:
            state.status_at_s = now_s
            self._record(now_s)
        before_uj = state.spent_uj
        decision = schedule.decide(state, costs, settings, self._seen(now_s, measured_uj))
        if decision.task == schedule.TASK_FIX:
            self._fix(decision)
        elif decision.task == schedule.TASK_SEND:
            self._send(measured_uj)
        energy.book(state, costs.boot_uj)
        self._booked_j += (state.spent_uj - before_uj) / 1e6
        left_uj = measured_uj - (state.spent_uj - before_uj)
        return int(schedule.decide(state, costs, settings, self._seen(life.now_s, left_uj)).wake_s)

    def _feel(self, now_s: int) -> None:
        """Motion: a death and a revival are alarms."""
        life, state, settings = self.life, self.state, self.settings
        change = motion.note(state, settings, now_s, life.moved(), round(600 * life.activity()))
        if change == motion.DIED:
            life.diary.alarms_s.append(life.t_s)
            self._dead = True
        if change != motion.NOTHING:
            self._alarm(now_s)

    def _measure(self, now_s: int) -> int:
        """The stored energy, what it teaches, and an alarm when it is low, or back; returns it."""
        life, state, costs, settings = self.life, self.state, self.costs, self.settings
        long_read = learning.wants_long(state, costs, settings)
        measured_uj = energy.stored_uj(costs, life.read_uv(long_read))
        learning.balance(state, costs, settings, now_s, measured_uj, long_read)
        if long_read:
            self._booked_j += costs.gauge_long_uj / 1e6
            self._long_reads += 1
        reserve_uj = purse.reserve_uj(state, costs, settings)
        sinks = not state.low and measured_uj < reserve_uj
        if sinks or (state.low and measured_uj * 100 > reserve_uj * _BACK_PERCENT):
            state.low = 1 if sinks else 0
            self._alarm(now_s)
        return measured_uj

    def _alarm(self, now_s: int) -> None:
        self._record(now_s)
        self._urgent = True

    # --- what a wake sees -----------------------------------------------------------------------

    def _seen(self, now_s: int, energy_uj: int) -> schedule.Seen:
        return schedule.Seen(
            now_s,
            True,
            energy_uj,
            min(self._waiting, self.settings.send_records),
            self._oldest_s if self._waiting else 0,
            self._urgent,
            self._frame_uj(region.MAX_PHY_BYTES[self.state.sf]) + self._answer_uj(),
            now_s,
            self._aid_uj(),
            0,
        )

    def _frame_uj(self, count: int) -> int:
        sf = self.state.sf
        air_us = airtime_us(sf, region.UPLINK_CHANNELS[0].bw_hz, count)
        frame_uj = energy.send_uj(self.costs, air_us, region.silence_ms(sf))
        return int(frame_uj - self.costs.boot_uj)

    def _full_frame_uj(self, sf: int) -> int:
        air_us = airtime_us(sf, region.UPLINK_CHANNELS[0].bw_hz, region.MAX_PHY_BYTES[sf])
        frame_uj = energy.send_uj(self.costs, air_us, region.silence_ms(sf))
        return int(frame_uj - self.costs.boot_uj)

    def _answer_uj(self) -> int:
        sf = self.state.sf
        air_us = airtime_us(sf, region.ACK_CHANNEL.bw_hz, _ANSWER_BYTES)
        return energy.listen_uj(self.costs, (region.RX_EARLY_US + air_us) // 1000)

    def _aid_uj(self) -> int:
        return aid_uj(self.costs) if self.life.aid_j is not None else 0

    # --- tasks ----------------------------------------------------------------------------------

    def _record(self, now_s: int) -> None:
        if not self._waiting:
            self._oldest_s = now_s
        self._waiting += 1

    def _fix(self, decision: schedule.Decision) -> None:
        life, state, costs = self.life, self.state, self.costs
        schedule.begin_fix(state, life.now_s)
        knows = decision.knows
        if decision.aid:
            life.ask_for_aid()
            schedule.end_aid(state, life.now_s, self._aid_uj(), True)
            knows = energy.knows(state, life.now_s)
        kind = energy.RENEW if decision.renews else knows
        long_read = learning.search_long(state, kind)
        before_uv = life.read_uv(long_read)
        on_s, fixed = life.search(
            decision.limit_ms / 1000,
            restored=knows > energy.STALE,
            stay_s=life.receiver.download_s if decision.renews else 0.0,
        )
        on_ms = round(on_s * 1000)
        after_uv = life.read_uv(long_read)
        heard = fixed and (decision.renews or knows <= energy.STALE)
        now_s = life.now_s
        if fixed:
            schedule.take_fix(state, decision, now_s, round(life.gone_m()))
        schedule.end_fix(state, costs, self.settings, decision, knows, now_s, on_ms, fixed, heard)
        learning.learn_search(state, costs, kind, before_uv, after_uv, on_ms, fixed, long_read)
        if fixed:
            self._record(life.now_s)

    def _send(self, measured_uj: int) -> None:
        life, state = self.life, self.state
        budget_uj = purse.budget_uj_per_day(state, self.costs, self.settings, measured_uj)
        most = (region.MAX_PHY_BYTES[state.sf] - _FRAME_BYTES) // _RECORD_BYTES
        count = min(self._waiting, 1 if state.misses >= outbox.MISSES_ROUND else most)
        size = _FRAME_BYTES + _RECORD_BYTES * count
        salt = life.year.seed * 31 + life.diary.wakes * 7
        poor_s = link.poor_wait_s(self._frame_uj(size), budget_uj)
        schedule.begin_send(state, life.now_s)
        sf = link.begin_frame(state, life.now_s, salt, poor_s)
        air_us = airtime_us(sf, region.UPLINK_CHANNELS[0].bw_hz, size)
        listened_ms = region.silence_ms(sf)
        true_uj = energy.send_uj(life.parts.costs, air_us, listened_ms)
        life.send((true_uj - life.parts.costs.boot_uj) / 1e6)
        energy.after_send(state, self.costs, air_us, listened_ms)
        heard = uniform(life.year.seed, "heard", round(life.t_s)) < _HEARD
        if self.uplink and heard:
            self._waiting -= count
            self._oldest_s = life.now_s
            if self._urgent and self._dead:
                life.diary.heard_s.append(life.t_s)
                self._dead = False
            self._urgent = False
            more = self._waiting > 0
            link.answered(state, sf, _MARGIN_DB, more, self._full_frame_uj)

    # --- the book, looked at from outside -------------------------------------------------------

    def _note(self) -> None:
        """Add what the book says of the time since the last wake; a line for each whole day."""
        life = self.life
        rest_uj = energy.rest_uj_per_day(self.state, self.costs, self._measured_uj)
        self._booked_j += rest_uj / 1e6 * (life.t_s - self._noted_s) / 86_400
        if int(life.t_s // 86_400) > int(self._noted_s // 86_400):
            spent_j = life.diary.spent_j - self._spent_j
            unsure_j = learning.rest_variance(self.state, self.costs) ** 0.5 * 86_400 / 1e12
            day = int(self._noted_s // 86_400)
            self.books.append(Book(day, self._booked_j, spent_j, unsure_j, self._long_reads))
            self._booked_j, self._spent_j = 0.0, life.diary.spent_j
        self._noted_s = life.t_s
