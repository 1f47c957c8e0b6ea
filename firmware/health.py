"""What went wrong, as numbers: an error on the collar is a counter and a name, never a stop.

Codes of health records, written once when something begins to be wrong (`Wake.fault`):
"""

from ._typing import TYPE_CHECKING
from .board import RESET_BROWNOUT, RESET_POWER_ON, RESET_WATCHDOG

if TYPE_CHECKING:
    from .block import State

BROWNOUT = 1  # value: how many so far
WATCHDOG = 2  # value: how many so far
VOLTAGE = 3  # the gauge says what cannot be; value: mV
ACCELEROMETER = 4  # does not answer
RECEIVER = 5  # does not answer; value: searches in vain
MEMORY = 6  # the state was not whole, the collar begins anew
SETTINGS = 7  # rolled back; value: the version that broke wakes
CLOCK = 8  # lost the time; value: eras so far


def note_reset(state: "State", cause: int, attempts: int) -> None:
    """Count why this wake began.

    Args:
        state: changed in place.
        cause: one of board.RESET_*.
        attempts: wakes begun since one was completed, this one included.
    """
    if cause == RESET_BROWNOUT or (cause == RESET_POWER_ON and state.boots):
        state.brownouts += 1  # a rail that comes back had collapsed
    state.boots += 1
    if cause == RESET_WATCHDOG:
        state.watchdogs += 1
    if attempts > 1:
        state.broken_wakes += 1


def note_error(state: "State", task: int, error: Exception) -> None:
    """Count an error and remember the name and the task of the last one."""
    state.errors += 1
    state.error_task = task
    state.error_name = type(error).__name__.encode()[:15]


def skips_task(attempts: int) -> bool:
    """Return whether this wake should only sleep, because wakes keep breaking.

    Three in a row may be chance; after that every second one is passed over.
    """
    return attempts > 3 and attempts % 2 == 0
