"""The collar: one wake, one task.

A wake is a cold boot. It arms the next wake-up first, reads what it knows from FRAM, does the one
most valuable thing it can afford, commits, arms the next wake-up exactly, and ends. Before a task
starts, its worst outcome (a failed search, a frame nobody answered) is already committed; so a
power cut at any moment is the same as a task that failed. What goes wrong inside a wake becomes a
number in the state; no error stops the collar.
"""

from . import config, energy, health, link, log, moment, orders, outbox, schedule, uplink
from ._typing import TYPE_CHECKING
from .block import State
from .drivers import gnss
from .schedule import TASK_FIX, TASK_HALT, TASK_SEND, TASK_SLEEP
from .state import (
    Identity,
    NoGeneration,
    NoIdentity,
    begin_wake,
    end_wake,
    read_generation,
    read_identity,
)
from .wire import data, fix, frame, region
from .wire.airtime import airtime_us
from .wire.status import Status

if TYPE_CHECKING:
    from .board import Board

_SAFE_WAKE_S = 3600  # until the wake has planned the next one
_HALT_WAKE_S = 21600
_CLOCK_JUMP_S = 60  # a correction beyond this moves the duty-cycle ledger
_PHASE_STEP_S, _PHASES_S = 97, 600  # collars wake apart, or they would send at once


def step(board: "Board") -> int:
    """Do one wake's work and arm the next wake-up; returns the task done, one of TASK_*.

    Raises nothing: an error that no task has caught leaves the wake-up of one hour armed and the
    wake uncompleted; wakes that keep failing thin out.
    """
    board.arm_wakeup(_SAFE_WAKE_S)
    board.feed_watchdog()
    try:
        attempts = begin_wake(board.fram)
        if health.skips_task(attempts):
            board.arm_wakeup(_HALT_WAKE_S)
            return TASK_SLEEP
        try:
            wake = _Wake(board, read_identity(board.fram), attempts)
        except (NoIdentity, NoGeneration):  # nothing to do before the collar is provisioned
            board.arm_wakeup(_HALT_WAKE_S)
            end_wake(board.fram)
            return TASK_HALT
        return wake.run()
    except Exception as error:
        _note_broken(board, error)
        return TASK_SLEEP


def _note_broken(board: "Board", error: Exception) -> None:
    """Keep the name of an error that ended a wake, if the memory still answers."""
    try:
        state = State()
        if state.load(board.fram):
            health.note_error(state, TASK_SLEEP, error)
            state.commit(board.fram)
    except Exception:  # nothing is left to write to; the wake-up is armed
        pass


class _Wake:
    """What one wake knows, and the tasks."""

    def __init__(self, board: "Board", identity: Identity, attempts: int) -> None:
        self._board = board
        self._fram = board.fram
        self._costs = board.costs
        self._identity = identity
        self._settings = config.load(board.fram)
        state = State()
        state.load(board.fram)
        generation = read_generation(board.fram, state.generation)
        if state.generation != generation:
            state.restart(generation)
        state.phase_s = identity.collar * _PHASE_STEP_S % _PHASES_S
        self._state = state
        health.note_reset(state, board.reset_cause(), attempts)
        self._log = log.Log(board.fram, generation, state.newest)
        state.newest = self._log.newest
        self._outbox = outbox.Outbox(self._log, state)
        self._voltage_uv = 0
        self._energy_uj = 0
        self._booked_uj = 0
        self._now_s = moment.START_S
        self._known = False

    def run(self) -> int:
        """Do the one task and plan the next wake; returns the task."""
        state = self._state
        self._guard(TASK_SLEEP, self._measure)
        self._guard(TASK_SLEEP, self._read_clock)
        if self._known:
            if self._voltage_uv:
                energy.balance(state, self._costs, self._settings, self._now_s, self._energy_uj)
            if schedule.status_at_s(state, self._settings, self._now_s) <= self._now_s:
                self._guard(TASK_SLEEP, self._log_status)
        self._booked_uj = state.spent_uj
        decision = self._decide()
        if decision.task == TASK_FIX:
            self._guard(TASK_FIX, lambda: self._fix(decision))
        elif decision.task == TASK_SEND:
            self._guard(TASK_SEND, self._send)
        self._end()
        return int(decision.task)

    def _guard(self, task: int, action) -> None:  # type: ignore[no-untyped-def]
        """Run `action`; an error becomes a number."""
        try:
            action()
        except Exception as error:
            health.note_error(self._state, task, error)

    def _measure(self) -> None:
        self._voltage_uv = self._board.gauge.voltage_uv()
        self._energy_uj = energy.stored_uj(self._costs, self._voltage_uv)

    def _read_clock(self) -> None:
        """Take the time; a clock that lost it starts another era."""
        rtc, state = self._board.rtc, self._state
        if not rtc.valid():
            moment.new_era(state)
            self._commit()
            rtc.set_s(moment.START_S)
        self._now_s = moment.now_s(state, rtc)
        self._known = self._now_s >= moment.KNOWN_S

    def _decide(self) -> "schedule.Decision":
        """Return what is worth doing now, and when to look again."""
        waiting = self._outbox.waiting(self._settings.send_records, self._now_s)
        oldest = self._log.read(waiting[0]) if waiting else None
        seen = schedule.Seen(
            self._now_s,
            self._known,
            self._energy_uj,
            len(waiting),
            oldest.recorded_at_s if oldest is not None else 0,
            False,
            self._frame_uj() + self._answer_uj(),
            self._free_at_s() if waiting else 0,
            0,
        )
        return schedule.decide(self._state, self._costs, self._settings, seen)

    def _end(self) -> None:
        """Commit, complete the wake, arm the next."""
        state = self._state
        energy.book(state, self._costs.boot_uj)
        self._energy_uj -= state.spent_uj - self._booked_uj
        self._guard(TASK_SLEEP, self._read_clock)
        wait_s = self._decide().wake_s
        self._commit()
        end_wake(self._fram)
        self._board.arm_wakeup(wait_s)

    def _commit(self) -> None:
        state = self._state
        state.newest = self._log.newest
        state.lost_records += self._log.dropped
        self._log.dropped = 0
        state.commit(self._fram)

    # --- what a frame costs ---------------------------------------------------------------------

    def _frame_bytes(self) -> int:
        """Bytes on the air of the longest frame the next one may be."""
        return int(region.MAX_PHY_BYTES[self._state.sf])

    def _frame_uj(self) -> int:
        sf = self._state.sf
        air_us = airtime_us(sf, region.UPLINK_CHANNELS[0].bw_hz, self._frame_bytes())
        frame_uj = energy.send_uj(self._costs, air_us, region.silence_ms(sf))
        return int(frame_uj - self._costs.boot_uj)

    def _answer_uj(self) -> int:
        """Cost of receiving the longest answer there can be."""
        sf = self._state.sf
        air_us = airtime_us(sf, region.ACK_CHANNEL.bw_hz, region.MAX_PHY_BYTES[sf])
        return energy.listen_uj(self._costs, (region.RX_EARLY_US + air_us) // 1000)

    def _free_at_s(self) -> int:
        """When the duty cycle allows the next frame."""
        channel = region.UPLINK_CHANNELS[0]
        air_us = airtime_us(self._state.sf, channel.bw_hz, self._frame_bytes())
        ledger = link.Ledger(self._fram, channel.freq_hz)
        ledger.settle(self._now_s)
        return self._now_s + ledger.wait_s(self._now_s, air_us)

    # --- tasks ----------------------------------------------------------------------------------

    def _log_status(self) -> None:
        state = self._state
        state.status_at_s = self._now_s
        status = Status(
            0,
            self._now_s,
            self._voltage_uv // 1000,
            max(0, self._energy_uj // 1000),
            state.income_uj // 1000,
            state.fixes,
            state.failed_fixes,
            state.frames,
            state.brownouts,
            self._board.gauge.temperature_c(),
        )
        self._log.append(data.KIND_STATUS, self._now_s, log.pack_status(status))

    def _fix(self, decision: "schedule.Decision") -> None:
        """Search for a position, log it, correct the clock."""
        board, state, settings = self._board, self._state, self._settings
        schedule.begin_fix(state, self._now_s)
        self._commit()
        start_ms = board.clock.ticks_ms()
        solution = None
        try:
            outcome = gnss.search(
                board.gnss,
                board.clock,
                decision.limit_ms,
                settings.accuracy_limit_m * 1000,
                settings.pdop_limit_tenths * 10,
                settings.year_least,
                board.feed_watchdog,
            )
            solution = outcome.solution
            if outcome.unix_s is not None:
                since_ms = board.clock.ticks_ms() - outcome.ticks_ms
                self._set_clock(outcome.unix_s + (since_ms + 500) // 1000)
        finally:
            on_ms = board.clock.ticks_ms() - start_ms
            fixed = solution is not None
            schedule.end_fix(
                state, self._costs, settings, decision, decision.knows, self._now_s, on_ms, fixed
            )
        if solution is None:
            return
        lat_e5, lon_e5 = fix.position_e5(solution.lat_e7, solution.lon_e7)
        payload = log.pack_fix(
            lat_e5,
            lon_e5,
            (solution.altitude_mm + 500) // 1000,
            fix.accuracy_class(solution.accuracy_mm),
            decision.reason,
        )
        self._log.append(data.KIND_FIX, solution.unix_s, payload)

    def _set_clock(self, unix_s: int) -> None:
        """Correct the clock when it is off by more than a second; the ledger never gains by it."""
        rtc, state = self._board.rtc, self._state
        now_s = moment.now_s(state, rtc)
        moment.learn_drift(state, rtc, unix_s)
        off_s = unix_s - now_s
        if not -1 <= off_s <= 1:
            if now_s < moment.KNOWN_S:
                moment.tell(state, now_s, unix_s)
                state.still_at_s = state.anchor_at_s = state.purse_at_s = 0
            elif abs(off_s) > _CLOCK_JUMP_S:
                state.anchor_at_s = state.purse_at_s = 0
            if off_s > _CLOCK_JUMP_S:
                for ledger in link.uplink_ledgers(self._fram):
                    ledger.move(now_s, unix_s)
            rtc.set_s(unix_s)
            state.set_at_s = unix_s
            for ledger in link.uplink_ledgers(self._fram):
                ledger.settle(unix_s)
            if abs(off_s) > _CLOCK_JUMP_S:
                state.tried_at_s = unix_s
        self._now_s = unix_s
        self._known = True

    def _send(self) -> None:
        """Send waiting records and listen for who holds them."""
        state, collar = self._state, self._identity.collar
        now_s = self._now_s
        budget_uj = energy.budget_uj_per_day(state, self._costs, self._settings, self._energy_uj)
        poor_s = link.poor_wait_s(self._frame_uj(), budget_uj)
        greets = orders.hello_due(state, now_s)
        first, alone = (0, False) if greets else self._outbox.choose(now_s)
        sf = link.begin_frame(state, now_s, collar * 31 + state.boots * 7, poor_s)
        schedule.begin_send(state, now_s)
        kind, room = frame.DATA, link.frame_room(sf)
        payload = b""
        if greets:
            state.hello_at_s = now_s
            kind, payload = frame.HELLO, orders.inventory(state, self._log, now_s, room)
        self._commit()
        if first:
            payload = self._outbox.pack(first, alone, room)
        if not payload:
            return
        sealed = uplink.seal(
            self._fram,
            self._identity,
            self._costs.antenna_gain_cdbi,
            self._settings.tx_power_dbm,
            now_s,
            sf,
            payload,
            kind,
        )
        state.frames += 1
        heard, listened_ms = None, region.silence_ms(sf)
        try:
            heard, listened_ms = uplink.exchange(self._board, sealed)
        finally:
            energy.after_send(state, self._costs, sealed.airtime_us, listened_ms)
        answer = uplink.read_answer(self._identity, sealed, heard) if heard is not None else None
        if answer is None:
            return
        message = answer.message
        if answer.kind != frame.ACK:
            if self._known and orders.take(
                message, answer.counter, now_s, state, self._log, self._board
            ):
                link.ordered(state, sf)
        elif message.generation == state.generation:
            new = self._log.acknowledge(message.ranges)
            if greets:
                state.order_told = 1
            if new or greets:
                more = bool(self._outbox.waiting(1, now_s))
                if first:
                    more = self._outbox.answered(first, alone, now_s)
                link.answered(state, sf, message.snr_margin_db, more)
