"""Orders to collars: made by an operator, kept in the spool, sent in the collar's window.

    locate                    search for a position at the next wake
    mortality-clear           the animal lives
    set NAME=VALUE ...        change settings, all or none
    send-again FIRST LAST     send records again that a station has lost
    hibernate SECONDS         neither search nor send for so long
    arm                       first step of opening the collar; prints the number for the second
    fire NUMBER               second step, within a day
    next-epoch EPOCH          use the key of this epoch, which it holds since it was provisioned

A collar takes each order once, and only before it expires; then it says what became of it. Orders
of all stations stand in one row, by the second they were made in: one that comes after a later one
is not taken.
"""

import random
import time
from collections.abc import Sequence
from typing import NamedTuple

from firmware.wire import command, config, frame, hello
from firmware.wire.errors import WireError
from firmware.wire.settings import NAMES
from ground_station.clock import SETTLED_UTC_US
from ground_station.errors import SettingsError

OVERTAKEN = 0x100
"""Result of an order that was not heard of before a later one was taken"""
RESULTS = {
    OVERTAKEN: "overtaken by a later order, perhaps of another station",
    hello.RESULT_DONE: "done",
    hello.RESULT_CUT: "cut by a power failure",
    hello.RESULT_EXPIRED: "expired",
    hello.RESULT_UNKNOWN: "not known to this firmware",
    hello.RESULT_BAD_VALUE: "refused: outside its limits",
    hello.RESULT_NOT_ARMED: "refused: not armed",
    hello.RESULT_NO_PART: "refused: no such part",
    hello.RESULT_UNDONE: "undone: it broke the collar's wakes or its contact",
}
_DAYS = 7
_CODES = {
    "locate": (command.LOCATE, 0),
    "mortality-clear": (command.MORTALITY_CLEAR, 0),
    "arm": (command.DROP_OFF_ARM, 0),
    "fire": (command.DROP_OFF_FIRE, 1),
    "hibernate": (command.HIBERNATE, 1),
    "send-again": (command.SEND_AGAIN, 2),
    "next-epoch": (command.NEXT_EPOCH, 1),
}


class Order(NamedTuple):
    """One order in the spool."""

    number: int
    collar: int
    sequence: int
    words: str
    kind: int
    payload: bytes
    expires_at_s: int
    sent: int
    """How often it was sent"""
    result: int
    """What the collar said of it, `hello.RESULT_*`; 0: nothing yet"""

    def state(self, now_s: float) -> str:
        """Return what has become of it, for people."""
        if self.result:
            return RESULTS.get(self.result, f"result {self.result}")
        if now_s > self.expires_at_s:
            return "expired"
        return f"sent {self.sent} times, no result yet" if self.sent else "waits for the collar"


def compose(
    words: Sequence[str], sequence: int, now_s: int, days: float = _DAYS
) -> tuple[int, bytes, int, str]:
    """Return frame kind, payload, expiry and words of an order.

    Args:
        words: as an operator writes them.
        sequence: of the order.
        now_s: Unix time [s].
        days: after which it expires.

    Raises:
        SettingsError: the words are no order; says what was expected.
    """
    if now_s * 1_000_000 < SETTLED_UTC_US:
        raise SettingsError("the clock is not set: an order expires, and is told from older ones")
    name, *arguments = words
    expires_at_s = now_s + int(days * 86400)
    try:
        if name == "set":
            changes = [_change(one) for one in arguments]
            payload = config.encode(config.Config(sequence, expires_at_s, changes))
            return frame.CONFIG, payload, expires_at_s, " ".join(words)
        if name not in _CODES or len(arguments) != _CODES[name][1]:
            raise SettingsError(f"order {' '.join(words)!r}: expected {_expected()}")
        numbers = [*(_number(one) for one in arguments), 0, 0]
        if name == "arm":
            numbers[0] = random.SystemRandom().randint(0, 0xFFFF)
        if name == "hibernate":
            if numbers[0] < 0:
                raise SettingsError(f"hibernate {numbers[0]}: expected seconds from now on")
            numbers[0] += now_s
        code = _CODES[name][0]
        made = command.Command(sequence, expires_at_s, code, numbers[0], numbers[1])
        said = f"arm, then fire {numbers[0]}" if name == "arm" else " ".join(words)
        return frame.COMMAND, command.encode(made), expires_at_s, said
    except WireError as error:
        raise SettingsError(f"order {' '.join(words)!r}: {error}") from error


def now_s() -> int:
    """Return Unix time [s]."""
    return int(time.time())


def _change(word: str) -> tuple[int, int]:
    name, _, value = word.partition("=")
    if name not in NAMES:
        raise SettingsError(f"setting {name!r} does not exist, expected {', '.join(NAMES)}")
    return NAMES.index(name), _number(value)


def _number(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise SettingsError(f"{word!r} is no whole number") from None


def _expected() -> str:
    return (
        "locate, mortality-clear, set NAME=VALUE ..., send-again FIRST LAST, hibernate SECONDS, "
        "arm, fire NUMBER or next-epoch EPOCH"
    )
