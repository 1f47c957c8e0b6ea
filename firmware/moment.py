"""What time it is, and what to write when that is not known.

A clock that has lost its power starts an *era*: it counts from `START_S`, far before any real
time. A record made in it carries the era and the seconds in it; once a fix has told the time, the
state keeps the Unix time at which that era began, and every record of it has its date.

Stamp, u32: at least `KNOWN_S` it is Unix seconds; below, era (5 bits) << 24 | seconds in the era
(24 bits, 194 days).

The crystal's drift is learned from the error that has come up since the clock was set; readings
are corrected by it. How far they still go astray is learned too (`bound_s`): the most the crystal
was off lately, by its temperature. A time within that bound is what was expected; one beyond it
has to be said more than once (drivers/receiver.py).
"""

from ._typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .block import State
    from .board import Rtc

START_S = 946684800  # 2000-01-01, where the processor's calendar begins
KNOWN_S = 1041379200  # 2003-01-01: a clock that lost its time three years ago is still known to
ERAS = 16  # whose beginnings the state keeps
_ERA_BITS = 24
_UPTIME_MAX_S = (1 << _ERA_BITS) - 1
_ERA_MODULUS = 32
_PLAIN_S = 21600  # drift is learned over at least so long
_LEARN_S = 2 * 86400  # and at every fix from then on: 1 s is 6 ppm
_DRIFT_MAX_PPB = 200000  # of any crystal at any temperature
_READ_S = 2  # a reading and an epoch are whole seconds, each up to one old
_BILLION = 1000000000


def new_era(state: "State") -> None:
    """Begin an era; commit the state before the clock is started."""
    state.era = (state.era + 1) % _ERA_MODULUS
    state.era_zero_s[state.era % ERAS] = 0
    state.set_at_s = 0


def now_s(state: "State", rtc: "Rtc") -> int:
    """Return the clock's time, corrected by its learned drift."""
    raw_s = rtc.now_s()
    elapsed_s = raw_s - state.set_at_s
    if not state.set_at_s or elapsed_s < 0:
        return raw_s
    return raw_s - elapsed_s * state.drift_ppb // _BILLION


def bound_s(state: "State", now_s: int) -> int:
    """Return how far the corrected clock may be off at `now_s`; it knows the time."""
    checked_s = max(state.set_at_s, state.fix_at_s)  # a fix has found it right, or set it
    astray_ppb = state.drift_off_ppb or _DRIFT_MAX_PPB
    return _READ_S + max(0, now_s - checked_s) * astray_ppb // _BILLION


def learn_drift(state: "State", rtc: "Rtc", unix_s: int) -> None:
    """Learn the drift from the true time: the mean one since the clock was set.

    A second is 46 ppm of six hours, so early on only what is plainly wrong is corrected.
    """
    _learn_astray(state, now_s(state, rtc) - unix_s, unix_s)
    raw_s = rtc.now_s()
    elapsed_s = unix_s - state.set_at_s
    if not state.set_at_s or elapsed_s < _PLAIN_S:
        return
    if elapsed_s < _LEARN_S and -1 <= now_s(state, rtc) - unix_s <= 1:
        return
    ppb = (raw_s - unix_s) * _BILLION // elapsed_s
    if -_DRIFT_MAX_PPB <= ppb <= _DRIFT_MAX_PPB:
        state.drift_ppb = ppb


def _learn_astray(state: "State", off_s: int, unix_s: int) -> None:
    """Learn how far the corrected clock goes astray: twice the worst lately, which fades."""
    elapsed_s = unix_s - max(state.set_at_s, state.fix_at_s)
    if not state.set_at_s or elapsed_s < _PLAIN_S:
        return
    seen_ppb = 2 * (abs(off_s) + 1) * _BILLION // elapsed_s
    known_ppb = state.drift_off_ppb or _DRIFT_MAX_PPB
    state.drift_off_ppb = min(max(seen_ppb, known_ppb - known_ppb // 8), _DRIFT_MAX_PPB)


def tell(state: "State", era_s: int, unix_s: int) -> None:
    """Enter that the running era's clock read `era_s` at `unix_s`."""
    state.era_zero_s[state.era % ERAS] = unix_s - (era_s - START_S)


def stamp(state: "State", clock_s: int) -> int:
    """Return what a record made when the clock reads `clock_s` carries."""
    if clock_s >= KNOWN_S:
        return clock_s
    uptime_s = max(0, min(clock_s - START_S, _UPTIME_MAX_S))
    return state.era % _ERA_MODULUS << _ERA_BITS | uptime_s


def date(state: "State", stamp_s: int) -> "int | None":
    """Return the Unix time of a stamp, None while its era has no date."""
    if stamp_s >= KNOWN_S:
        return stamp_s
    era = stamp_s >> _ERA_BITS
    if (state.era - era) % _ERA_MODULUS >= ERAS:
        return None
    zero_s = state.era_zero_s[era % ERAS]
    return zero_s + (stamp_s & _UPTIME_MAX_S) if zero_s else None


def era_of(stamp_s: int) -> "tuple[int, int]":
    """Return (era, seconds in it) of a stamp without a date."""
    return stamp_s >> _ERA_BITS, stamp_s & _UPTIME_MAX_S
