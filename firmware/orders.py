"""Orders: what an authentic CONFIG or COMMAND from a station makes the collar do.

An order is taken once and in order: its sequence must be higher than that of the last one, its
frame counter higher than that of the last one from the same station, and its time not over; a
collar that does not know the time takes none. What was taken is in the state before anything is
done, as cut short: so a power cut never makes an order come twice, and the result tells of it. The
result goes up in an inventory (`hello`) at once, again every day until a station has answered it.
The sequence is the time an order was made at, so the orders of all stations stand in one row.

Drop-off takes two orders: one arms it with a number drawn at random, another one fires it with the
same number within a day; firing disarms first.
"""

from . import config
from ._typing import TYPE_CHECKING
from .civil import civil_from_unix
from .identity import advance_identity
from .wire import command, hello
from .wire.command import Command

if TYPE_CHECKING:
    from .block import State
    from .board import Board
    from .log import Log
    from .wire.config import Config

FIRMWARE = 2  # version of the program, told in every inventory
_DAY_S = 86400
_STATION_SHIFT = 20  # a downlink counter is the station's number and its count
_HELLO_EVERY_S = 7 * _DAY_S
_TELL_EVERY_S = _DAY_S
_ARMED_EVERY_S = 3600
HIBERNATE_MAX_S = 400 * _DAY_S
_GAPS = 24  # most ranges that are told


def take(
    order: "Config | Command", counter: int, now_s: int, state: "State", log: "Log", board: "Board"
) -> bool:
    """Carry out an order and commit what became of it; returns False for one not to be taken.

    Args:
        order: authentic.
        counter: of the frame that brought it.
        now_s: the time; the caller knows it.
        state: changed in place and committed.
        log: of the present generation.
        board: its memory, and its drop-off if it has one.
    """
    same_station = counter >> _STATION_SHIFT == state.downlink >> _STATION_SHIFT
    if order.sequence <= state.order or (same_station and counter <= state.downlink):
        return False
    state.order = order.sequence
    state.downlink = counter
    state.order_told = state.hello_at_s = 0
    if now_s > order.expires_at_s:
        state.order_result = hello.RESULT_EXPIRED
    else:
        state.order_result = hello.RESULT_CUT
        state.commit(board.fram)
        if isinstance(order, Command):
            state.order_result = _command(order, now_s, state, log, board)
        else:
            state.order_result = _configure(order, now_s, state, board)
    state.commit(board.fram)
    return True


def _configure(order: "Config", now_s: int, state: "State", board: "Board") -> int:
    for number, value in order.changes:
        if number == config.YEAR_LEAST and value > civil_from_unix(now_s)[0]:
            return hello.RESULT_BAD_VALUE  # no fix and no time would count until then
    try:
        config.apply(board.fram, order.changes, order.sequence)
    except config.UnknownSetting:
        return hello.RESULT_UNKNOWN
    except config.ConfigError:
        return hello.RESULT_BAD_VALUE
    state.settings_order = order.sequence
    for number, _ in order.changes:
        if number >= config.FIRST_FENCE:  # where the animal is in another fence is not known
            bit = 1 << config.fence_of(number)
            state.fence_known &= ~bit
            state.fence_inside &= ~bit
    return hello.RESULT_DONE


def _command(order: Command, now_s: int, state: "State", log: "Log", board: "Board") -> int:
    code, argument = order.code, order.argument
    if code == command.LOCATE:
        state.locate = 1
    elif code == command.MORTALITY_CLEAR:
        state.mortal = state.alarm_fixes = state.revival = 0
        state.still_at_s = now_s
    elif code == command.DROP_OFF_ARM:
        if argument > 0xFFFF:
            return hello.RESULT_BAD_VALUE
        state.arm_at_s, state.arm_code = now_s, argument
    elif code == command.DROP_OFF_FIRE:
        return _drop_off(argument, now_s, state, board)
    elif code == command.HIBERNATE:
        if not 0 <= argument - now_s <= HIBERNATE_MAX_S:
            return hello.RESULT_BAD_VALUE
        state.sleep_until_s = argument
    elif code == command.SEND_AGAIN:
        if order.until < argument:
            return hello.RESULT_BAD_VALUE
        log.reopen(argument, order.until)
    elif code == command.NEXT_EPOCH:
        if not advance_identity(board.fram, argument):
            return hello.RESULT_NO_PART
    else:
        return hello.RESULT_UNKNOWN
    return hello.RESULT_DONE


def _drop_off(argument: int, now_s: int, state: "State", board: "Board") -> int:
    armed_at_s, state.arm_at_s = state.arm_at_s, 0
    if not armed_at_s or not 0 <= now_s - armed_at_s <= command.ARMED_S:
        return hello.RESULT_NOT_ARMED
    if argument != state.arm_code:
        return hello.RESULT_NOT_ARMED
    release = getattr(board, "release", None)
    if release is None:
        return hello.RESULT_NO_PART
    state.commit(board.fram)  # disarmed, whatever happens while the actuator draws its current
    release()
    return hello.RESULT_DONE


def hello_at_s(state: "State", now_s: int) -> int:
    """Return when the next inventory is due, whose window is open for orders; 0 for never.

    In contact with a station only: once a week; after an order at once, and as long as no station
    knows its result once a day; every hour while drop-off is armed and may be fired.
    """
    if not state.answered or state.misses:
        return 0
    every_s = _HELLO_EVERY_S if state.order_told else _TELL_EVERY_S
    if state.arm_at_s and 0 <= now_s - state.arm_at_s <= command.ARMED_S:
        every_s = _ARMED_EVERY_S
    if not 0 <= now_s - state.hello_at_s < every_s:
        return now_s
    return state.hello_at_s + every_s


def inventory(state: "State", log: "Log", now_s: int, room: int) -> bytes:
    """Return a HELLO payload of at most `room` bytes."""
    return hello.encode(
        hello.Hello(
            state.generation,
            FIRMWARE,
            now_s,
            state.settings_order,
            state.order,
            state.order_result,
            log.oldest,
            log.newest,
            log.gaps(_GAPS),
        ),
        room,
    )
