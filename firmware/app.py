"""The collar: one wake, one task.

A wake is a cold boot. It arms the next wake-up first, reads what it knows from FRAM, does the one
most valuable thing it can afford, commits, arms the next wake-up exactly, and ends. Before a task
starts, its worst outcome (a failed search, a frame nobody answered) is already committed; so a
power cut at any moment is the same as a task that failed. What goes wrong inside a wake becomes a
number in the state; no error stops the collar.
"""

from . import energy, health, link, orders, purse, schedule, search, uplink
from ._typing import TYPE_CHECKING
from .block import State
from .schedule import TASK_FIX, TASK_HALT, TASK_LISTEN, TASK_SEND, TASK_SLEEP
from .state import NoGeneration, NoIdentity, begin_wake, end_wake, read_identity
from .wake import Wake
from .wire import frame, region
from .wire.airtime import airtime_us

if TYPE_CHECKING:
    from .board import Board
    from .wire.ack import Ack

_SAFE_WAKE_S = 3600  # until the wake has planned the next one
_HALT_WAKE_S = 21600


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
            wake = Wake(board, read_identity(board.fram), attempts)
        except (NoIdentity, NoGeneration):  # nothing to do before the collar is provisioned
            board.arm_wakeup(_HALT_WAKE_S)
            end_wake(board.fram)
            return TASK_HALT
        return run(wake)
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


def run(wake: Wake) -> int:
    """Look around, do the one task, plan the next wake; returns the task."""
    state = wake.state
    if wake.known and 0 < state.sleep_until_s - wake.now_s <= orders.HIBERNATE_MAX_S:
        return _hibernate(wake)
    wake.look()
    booked_uj = state.spent_uj
    decision = _decide(wake)
    if decision.task == TASK_FIX:
        wake.guard(TASK_FIX, lambda: search.run(wake, decision))
    elif decision.task in (TASK_SEND, TASK_LISTEN):
        wake.guard(decision.task, lambda: _send(wake, decision.task == TASK_LISTEN))
    energy.book(state, wake.costs.boot_uj)
    wake.energy_uj -= state.spent_uj - booked_uj
    wake.guard(TASK_SLEEP, wake.read_clock)
    _end(wake, _decide(wake).wake_s)
    return int(decision.task)


def _hibernate(wake: Wake) -> int:
    """Sleep on until the time an order has set."""
    energy.book(wake.state, wake.costs.boot_uj)
    wait_s = min(wake.state.sleep_until_s - wake.now_s, wake.settings.wake_max_s)
    _end(wake, max(schedule.SOON_S, wait_s))
    return TASK_SLEEP


def _end(wake: Wake, wait_s: int) -> None:
    """Commit, complete the wake, arm the next."""
    wake.state.config_version = wake.settings.version
    wake.commit()
    end_wake(wake.fram)
    wake.board.arm_wakeup(wait_s)


def _decide(wake: Wake) -> "schedule.Decision":
    """Return what is worth doing now, and when to look again."""
    state, now_s = wake.state, wake.now_s
    waiting = wake.outbox.waiting(wake.settings.send_records, now_s)
    oldest = wake.log.read(waiting[0]) if waiting else None
    urgent = bool(state.alarm_record) and wake.log.waits(state.alarm_record)
    hello_at_s = orders.hello_at_s(state, now_s) if wake.known else 0
    seen = schedule.Seen(
        now_s,
        wake.known,
        wake.energy_uj,
        max(len(waiting), 1) if urgent else len(waiting),
        oldest.recorded_at_s if oldest is not None else 0,
        urgent,
        _frame_uj(wake, wake.state.sf) + _answer_uj(wake),
        _free_at_s(wake) if waiting or urgent or hello_at_s else 0,
        0,
        hello_at_s,
    )
    return schedule.decide(state, wake.costs, wake.settings, seen)


# --- what a frame costs -----------------------------------------------------------------------


def _frame_us(sf: int) -> int:
    """Airtime of the longest frame there may be."""
    return int(airtime_us(sf, region.UPLINK_CHANNELS[0].bw_hz, region.MAX_PHY_BYTES[sf]))


def _frame_uj(wake: Wake, sf: int) -> int:
    """Cost of the longest frame when nobody answers."""
    cost_uj = energy.send_uj(wake.costs, _frame_us(sf), region.silence_ms(sf))
    return cost_uj - int(wake.costs.boot_uj)


def _answer_uj(wake: Wake) -> int:
    """Cost of receiving the longest answer there can be."""
    sf = wake.state.sf
    air_us = airtime_us(sf, region.ACK_CHANNEL.bw_hz, region.MAX_PHY_BYTES[sf])
    return energy.listen_uj(wake.costs, (region.RX_EARLY_US + air_us) // 1000)


def _free_at_s(wake: Wake) -> int:
    """When the duty cycle allows the next frame."""
    ledger = link.Ledger(wake.fram, region.UPLINK_CHANNELS[0].freq_hz)
    ledger.settle(wake.now_s)
    return wake.now_s + ledger.wait_s(wake.now_s, _frame_us(wake.state.sf))


# --- the task of a frame ----------------------------------------------------------------------


def _short(wake: Wake) -> bool:
    """Whether less than half of the energy is stored that the collar aims at."""
    aim_uj = energy.full_uj(wake.costs) * wake.settings.target_permille // 1000
    return bool(2 * wake.energy_uj < aim_uj)


def _send(wake: Wake, greets: bool) -> None:
    """Send waiting records, or an inventory, and listen for who holds them, and for orders."""
    state, now_s, costs = wake.state, wake.now_s, wake.costs
    budget_uj = purse.budget_uj_per_day(state, costs, wake.settings, wake.energy_uj)
    poor_s = link.poor_wait_s(_frame_uj(wake, wake.state.sf), budget_uj)
    alarms = bool(state.alarm_record) and wake.log.waits(state.alarm_record)
    first, alone = 0, False
    apart = alarms and state.misses % 2 == 0  # the alarm itself, wherever the outbox stands
    if wake.known and not greets:
        if apart:
            first = wake.outbox.newest()
        else:
            first, alone = wake.outbox.choose(now_s, alarms or _short(wake))
    salt = wake.identity.collar * 31 + state.boots * 7
    sf = link.begin_frame(state, now_s, salt, poor_s)
    schedule.begin_send(state, now_s)
    kind, room = frame.DATA, link.frame_room(sf)
    payload = b""
    if greets:
        state.hello_at_s = now_s
        kind, payload = frame.HELLO, orders.inventory(state, wake.log, now_s, room)
    elif not wake.known and alarms:
        payload = wake.outbox.pack_undated(state.alarm_record, room)
        if not payload:  # it is older than the loss of the clock
            payload = wake.outbox.pack(state.alarm_record, True, room)
    wake.commit()
    if first:
        payload = wake.outbox.pack(first, alone, room)
    if not payload:
        return
    sealed = uplink.seal(
        wake.fram,
        wake.identity,
        costs.antenna_gain_cdbi,
        wake.settings.tx_power_dbm,
        now_s,
        sf,
        payload,
        kind,
    )
    state.frames += 1
    heard, listened_ms = None, region.silence_ms(sf)
    try:
        heard, listened_ms = uplink.exchange(wake.board, sealed)
    finally:
        energy.after_send(state, costs, sealed.airtime_us, listened_ms)
    answer = uplink.read_answer(wake.identity, sealed, heard) if heard is not None else None
    if answer is None:
        return
    state.answered_version = wake.settings.version
    if answer.kind != frame.ACK:
        if wake.known and orders.take(
            answer.message, answer.counter, now_s, state, wake.log, wake.board
        ):
            link.ordered(state, sf)
    elif answer.message.generation == state.generation:
        _acknowledged(wake, sf, answer.message, 0 if apart else first, alone, greets)


def _acknowledged(
    wake: Wake, sf: int, message: "Ack", first: int, alone: bool, greets: bool
) -> None:
    """Take an acknowledgement of the frame that began with `first`; 0: it was out of the row."""
    wake.state.send_next = 0
    new = wake.log.acknowledge(message.ranges)
    if greets:
        wake.state.order_told = 1
    if new or greets:
        more = bool(wake.outbox.waiting(1, wake.now_s))
        if first:
            more = wake.outbox.answered(first, alone, wake.now_s)
        link.answered(
            wake.state, sf, message.snr_margin_db, more, lambda rate: _frame_uj(wake, rate)
        )
