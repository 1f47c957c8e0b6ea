"""What one wake knows and has: board, settings, state, log, and the time.

`look` takes in what there is to see at the start of every wake; the tasks are in search.py and
app.py. A part that fails is noted once as a health record and is done without.
"""

from . import (
    config,
    energy,
    health,
    learning,
    link,
    log,
    moment,
    motion,
    outbox,
    payload,
    purse,
    rota,
    schedule,
)
from ._typing import TYPE_CHECKING
from .block import State
from .board import RESET_BROWNOUT, RESET_WATCHDOG
from .generation import read_generation
from .wire import alarm, hello, region
from .wire.kind import KIND_ACTIVITY, KIND_ALARM, KIND_HEALTH, KIND_STATUS
from .wire.status import Status

if TYPE_CHECKING:
    from .board import Board
    from .state import Identity

_CLOCK_JUMP_S = 60  # a correction beyond this moves the duty-cycle ledger
_PHASE_STEP_S, _PHASES_S = 97, 600  # collars differ in when they look at the sky together
_BROKEN = 3  # wakes in a row, and settings that have never worked are rolled back
_LOST = 6  # frames without an answer, and so are those of the link that never had one
_BACK_PERCENT = 150  # of the reserve: energy is back


class Wake:
    """One wake.

    Attributes:
        board, fram, costs, identity, settings, state, log, outbox: what it works with.
        now_s: the clock's time, corrected; of its era while `known` is False.
        voltage_uv: of the storage, 0 when it cannot be measured.
        energy_uj: stored; by the book when it cannot be measured.
    """

    def __init__(self, board: "Board", identity: "Identity", attempts: int) -> None:
        self.board = board
        self.fram = board.fram
        self.costs = board.costs
        self.identity = identity
        state = State()
        found = state.load(board.fram)
        generation = read_generation(board.fram, state.generation)
        if state.generation != generation:
            state.restart(generation)
        state.phase_s = identity.collar * _PHASE_STEP_S % _PHASES_S
        self.state = state
        self.settings = config.load(board.fram)
        if self.settings.order:
            state.settings_order = self.settings.order  # the power may have failed in between
        self._use_region()
        self.log = log.Log(board.fram, generation, state.newest)
        self.outbox = outbox.Outbox(self.log, state)
        self.voltage_uv = self.energy_uj = 0
        self.now_s = moment.START_S
        self.known = False
        state.newest = self.log.newest
        cause = board.reset_cause()
        brownouts = state.brownouts
        health.note_reset(state, cause, attempts)
        if state.brownouts > brownouts and state.faults & 1 << health.VOLTAGE:
            learning.humble(state)
        self.guard(schedule.TASK_SLEEP, self.read_clock)
        if not found and self.log.newest:
            self.write(KIND_HEALTH, payload.pack_health(health.MEMORY, 0))
        if cause == RESET_BROWNOUT:
            self.write(KIND_HEALTH, payload.pack_health(health.BROWNOUT, state.brownouts))
        elif cause == RESET_WATCHDOG:
            self.write(KIND_HEALTH, payload.pack_health(health.WATCHDOG, state.watchdogs))
        broken = attempts > _BROKEN and self.settings.version != state.config_version
        if broken or self._cuts_contact():
            self._roll_back()

    def _use_region(self) -> None:
        settings, state = self.settings, self.state
        region.use(settings.region, settings.channel, settings.sf)
        state.sf = max(region.SF_MIN, min(state.sf, region.SF_MAX))

    def _cuts_contact(self) -> bool:
        """Return whether the last order changed the link and no station has answered since.

        It came with an answer, so the settings before it were heard.
        """
        settings, state = self.settings, self.state
        if not state.answered or state.misses < _LOST:
            return False
        before = config.earlier(self.fram)
        if before is None or not before.version == state.answered_version != settings.version:
            return False
        return any(
            [getattr(before, name) != getattr(settings, name) for name in config.OF_THE_LINK]
        )

    def _roll_back(self) -> None:
        """Return to the settings that worked, and frame at once."""
        state, settings = self.state, self.settings
        if state.order == settings.order and state.order_result == hello.RESULT_DONE:
            state.order_result = hello.RESULT_UNDONE
            state.order_told = state.hello_at_s = 0
            self.commit()
        if config.roll_back(self.fram):
            self.settings = config.load(self.fram)
            self._use_region()
            state.settings_order = self.settings.order
            state.fence_known = state.fence_inside = 0
            state.misses = state.send_after_s = 0
            self.write(KIND_HEALTH, payload.pack_health(health.SETTINGS, settings.version))

    def guard(self, task: int, action) -> None:  # type: ignore[no-untyped-def]
        """Run `action`; an error becomes a number."""
        try:
            action()
        except Exception as error:
            health.note_error(self.state, task, error)

    def commit(self) -> None:
        """Write the state."""
        state = self.state
        state.newest = self.log.newest
        state.lost_records += self.log.dropped
        self.log.dropped = 0
        state.commit(self.fram)

    def write(self, kind: int, data: bytes, at_s: int = 0) -> int:
        """Append a record, of now or of `at_s`; returns its number."""
        return self.log.append(kind, moment.stamp(self.state, at_s or self.now_s), data)

    def alarm(self, what: int, number: int, value: int) -> None:
        """Append an alarm; frames are urgent until a station has it.

        One of the animal does not wait on an old silence; one of its death may spend all frames
        that the reserve holds for it.
        """
        if what in (alarm.MORTALITY, alarm.FENCE_LEFT, alarm.FENCE_ENTERED):
            self.state.send_after_s = 0
        if what == alarm.MORTALITY:
            self.state.misses = 0
        self.state.alarm_record = self.write(KIND_ALARM, payload.pack_alarm(what, number, value))

    def fault(self, code: int, wrong: bool, value: int = 0) -> None:
        """Note that a part fails or works again; only the beginning is a record."""
        bit = 1 << code
        if wrong and not self.state.faults & bit:
            self.write(KIND_HEALTH, payload.pack_health(code, value))
        self.state.faults = self.state.faults | bit if wrong else self.state.faults & ~bit

    # --- time -----------------------------------------------------------------------------------

    def read_clock(self) -> None:
        """Take the time; a clock that lost it starts another era."""
        rtc, state = self.board.rtc, self.state
        if not rtc.valid():
            knew = state.set_at_s
            moment.new_era(state)
            self.commit()
            rtc.set_s(moment.START_S)
            self.now_s = moment.START_S
            if knew:
                self.write(KIND_HEALTH, payload.pack_health(health.CLOCK, state.era))
        self.now_s = moment.now_s(state, rtc)
        self.known = self.now_s >= moment.KNOWN_S

    def set_clock(self, unix_s: int) -> None:
        """Correct the clock when it is off by more than a second; the ledger never gains by it."""
        rtc, state = self.board.rtc, self.state
        moment.learn_drift(state, rtc, unix_s)
        now_s = moment.now_s(state, rtc)
        off_s = unix_s - now_s
        if not -1 <= off_s <= 1:
            if now_s < moment.KNOWN_S:
                moment.tell(state, now_s, unix_s)
            if abs(off_s) > _CLOCK_JUMP_S:
                motion.move_clock(state, off_s)
                state.anchor_at_s = state.purse_at_s = state.activity_at_s = 0
                state.calm_at_s = 0
                state.tried_at_s = unix_s
            if off_s > _CLOCK_JUMP_S:
                for ledger in link.uplink_ledgers(self.fram):
                    ledger.move(now_s, unix_s)
            if now_s < moment.KNOWN_S:
                self.commit()  # the era's date, before its clock is gone
            rtc.set_s(unix_s)
            state.set_at_s = unix_s
            state.tried_at_s = min(state.tried_at_s, unix_s)  # ahead of the clock it would be due
            for ledger in link.uplink_ledgers(self.fram):
                ledger.settle(unix_s)
        self.now_s = unix_s
        self.known = True

    # --- looking --------------------------------------------------------------------------------

    def look(self) -> None:
        """Feel, measure, and write what is due."""
        sleep = schedule.TASK_SLEEP
        self.guard(sleep, self._feel)
        self.guard(sleep, self._measure)
        if self.known:
            self.guard(sleep, self._write_regular)

    def _measure(self) -> None:
        """Take the stored energy, and learn what came in."""
        state, costs = self.state, self.costs
        try:
            long = self.known and learning.wants_long(state, costs, self.settings)
            voltage_uv = self.board.gauge.voltage_uv(long)
        except Exception as error:
            health.note_error(state, schedule.TASK_SLEEP, error)
            voltage_uv = 0
        good = learning.plausible(state, costs, self.settings, voltage_uv)
        if good and state.faults & 1 << health.VOLTAGE:
            state.anchor_at_s = 0  # what was estimated teaches nothing
        self.fault(health.VOLTAGE, not good, voltage_uv // 1000)
        if not good:
            self.energy_uj = learning.estimate_uj(state, costs, self.settings, self.now_s)
            return
        self.voltage_uv = voltage_uv
        self.energy_uj = energy.stored_uj(costs, voltage_uv)
        if self.known:
            learning.balance(state, costs, self.settings, self.now_s, self.energy_uj, long)
        reserve_uj = purse.reserve_uj(state, costs, self.settings)
        if not state.low and self.energy_uj < reserve_uj:
            state.low = 1
            self.alarm(alarm.ENERGY_LOW, 0, max(0, self.energy_uj // 1000))
        elif state.low and self.energy_uj * 100 > reserve_uj * _BACK_PERCENT:
            state.low = 0
            self.alarm(alarm.ENERGY_BACK, 0, self.energy_uj // 1000)

    def _feel(self) -> None:
        """Take what the accelerometer knows; without it nothing is taken for dead."""
        moved, mean_mg = True, 0
        try:
            part = self.board.accelerometer
            part.start(self.settings.motion_threshold_mg)
            moved = part.moved()
            mean_mg = motion.intensity_mg(part.samples())
            self.fault(health.ACCELEROMETER, False)
        except Exception:
            self.fault(health.ACCELEROMETER, True)
        state = self.state
        still_at_s = state.still_at_s
        change = motion.note(state, self.settings, self.now_s, moved, mean_mg)
        if change == motion.DIED:
            self.alarm(alarm.MORTALITY, 0, self.now_s - still_at_s)
        elif change == motion.REVIVED:
            self.alarm(alarm.REVIVAL, 0, max(0, self.now_s - still_at_s))

    def _write_regular(self) -> None:
        """Write the records that are due by the clock."""
        state, settings, now_s = self.state, self.settings, self.now_s
        if rota.activity_at_s(state, settings, now_s) <= now_s:
            wakes, moved, mean_mg = motion.take_interval(state)
            income_mj, state.activity_uj = state.activity_uj // 1000, 0
            interval_s, state.activity_at_s = now_s - state.activity_at_s, now_s
            data = payload.pack_activity(interval_s, wakes, moved, mean_mg, income_mj)
            self.write(KIND_ACTIVITY, data)
        if rota.status_at_s(state, settings, now_s) <= now_s:
            state.status_at_s = now_s
            self.write(KIND_STATUS, payload.pack_status(self._status()))

    def _status(self) -> Status:
        state = self.state
        try:
            temperature_c = self.board.gauge.temperature_c()
        except Exception as error:
            health.note_error(state, schedule.TASK_SLEEP, error)
            temperature_c = None
        return Status(
            0,
            self.now_s,
            self.voltage_uv // 1000,
            max(0, self.energy_uj // 1000),
            state.income_uj // 1000,
            state.fixes,
            state.failed_fixes,
            state.frames,
            state.brownouts,
            temperature_c,
        )
