"""One search of the u-blox receiver: tell it what is known, let it search, collect the fix.

While the receiver searches, the processor is in Stop and wakes only to poll: what the receiver
says meanwhile is lost, which does not matter, since it is asked again. (A wake out of Standby
costs as much as minutes in Stop.) The search ends with the first solution good enough; when the
time is over; when what is heard of the sky, look by look, gives no hope (sky.py); or when the
receiver does not answer at any rate of the line.

A time of day is believed when it agrees with the collar's own clock as far as that may have
drifted, or when epochs agree with each other as far as they are apart: one bad epoch moves no
clock. An answer is read in steps, none longer than the collar's buffer holds at any rate.

Its line starts at 9600 baud, where two kilobytes of navigation data take two seconds of its
power: it is raised to 38400 first, what the collar's buffer can take between two reads.
"""

from collections import namedtuple

from .._typing import TYPE_CHECKING
from . import gnss, sky

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..board import Clock, GnssPort

_START_MS = 300  # from power to the first byte it understands
_RAISE_MS = 50  # until the line has its new rate, the message at the old one included
_PERIOD_MS = 1000
_STEP_MS = 40  # 460 bytes at the fastest rate; the buffer holds 512
_ANSWER_MS = 160  # a solution takes 104 ms at 9600 baud
_LIST_MS = 1000  # at most, for lists of satellites
_LOOK_MS = 8000  # between looks at the sky
_ORBITS_LEAST = 6  # heard anew
_FEED_MS = 20000
_RATES = (38400, 9600, 115200)  # tried in turn when nothing is understood
_DEAF_POLLS = 3  # at each rate
_EPOCHS = 3  # that agree are believed against the collar's clock
_DUMP_MS, _DUMP_QUIET_MS = 6000, 1000

#: What to accept, and when to look. timeout_ms; accuracy_mm (68 %); pdop_e2; year_least;
#: first_ms: no fix is likely before; settle_ms: by then all satellites that can be are heard;
#: likely_ms: by then what it knows gives a fix, later it has to read orbits.
Limits = namedtuple(
    "Limits",
    ("timeout_ms", "accuracy_mm", "pdop_e2", "year_least", "first_ms", "settle_ms", "likely_ms"),
)

#: What a search gave. solution: None when no epoch was good enough. unix_s: UTC at ticks_ms, None
#: when none is to be believed. duration_ms: receiver on. answered: it said anything at all.
Outcome = namedtuple("Outcome", ("solution", "unix_s", "ticks_ms", "duration_ms", "answered"))


class Session:
    """The receiver switched on; `close` switches it off.

    Args:
        port: the receiver's rail and serial line.
        clock: waits.
        feed: called at least every 20 s, for the watchdog.
    """

    def __init__(self, port: "GnssPort", clock: "Clock", feed: "Callable[[], None]") -> None:
        self._port = port
        self._clock = clock
        self._feed = feed
        self._reader = gnss.Reader()
        self._begun_ms = clock.ticks_ms()
        self._quiet = False  # sentences are off
        self._deaf = 0  # polls without any answer
        self._time_s = 0
        self._time_ms = 0
        self._agreeing = 0
        self._trusted = False
        self.answered = False
        port.power(True)
        clock.sleep_ms(_START_MS)
        port.write(gnss.pack_baud(_RATES[0]))
        clock.sleep_ms(_RAISE_MS)
        port.set_baud(_RATES[0])
        port.read()  # its acknowledgement is none of the switch of the sentences

    def close(self) -> None:
        """Switch the receiver off."""
        self._port.power(False)

    def tell(self, clock_s: int, bound_s: int, lat_e5: int, lon_e5: int) -> None:
        """Tell the receiver the time, how far that may be off, and where it was."""
        time = gnss.pack_time(clock_s, bound_s)
        self._port.write(time + gnss.pack_position(lat_e5, lon_e5))

    def restore(self, frames: "Callable[[], bytes]") -> None:
        """Tell it its own navigation data, saved by `save`: chunks until an empty one."""
        while True:
            chunk = frames()
            if not chunk:
                return
            self._port.write(chunk)
            self._feed()

    def run(self, limits: Limits, clock_s: int = 0, bound_s: int = 0) -> Outcome:
        """Wait for a fix.

        Args:
            limits: what to accept, and when to look.
            clock_s: the collar's time at the start of the session, 0 while it does not know it.
            bound_s: how far that may be off.
        """
        solution = None
        looks = sky.Sky()
        look_ms = limits.settle_ms * 3 // 5
        first_ms = min(limits.first_ms, limits.timeout_ms)
        self._sleep_until(min(first_ms, look_ms))
        while solution is None and self._age_ms() < limits.timeout_ms:
            next_ms = self._age_ms() + _PERIOD_MS
            for kind, payload in self._poll():
                if kind != gnss.PVT or len(payload) != gnss.PVT_BYTES:
                    continue
                unix_s, candidate = gnss.decode_pvt(payload, limits.year_least)
                if unix_s is not None:
                    self._hear_time(unix_s, clock_s, bound_s)
                if (
                    candidate is not None
                    and self._trusted
                    and candidate.accuracy_mm <= limits.accuracy_mm
                    and candidate.pdop_e2 <= limits.pdop_e2
                ):
                    solution = candidate
            if self._deaf >= _DEAF_POLLS * len(_RATES):
                break
            age_ms = self._age_ms()
            if solution is None and age_ms >= look_ms:
                if self._hopeless(looks, age_ms >= limits.likely_ms):
                    break
                settled = age_ms >= limits.settle_ms
                look_ms = age_ms + _LOOK_MS if settled else limits.settle_ms
            if solution is None:
                if not self._time_s:
                    next_ms = max(next_ms, min(first_ms, look_ms))
                self._sleep_until(next_ms)
        unix_s = self._time_s if self._trusted else None
        return Outcome(solution, unix_s, self._time_ms, self._age_ms(), self.answered)

    def renew(self, first_ms: int, timeout_ms: int, minutes: int) -> bool:
        """Stay on until the receiver has heard ephemerides anew; returns whether it has.

        Args:
            first_ms: of the session; it hardly has before.
            timeout_ms: of the session.
            minutes: what is new holds longer.
        """
        while self._age_ms() < timeout_ms:
            begun_ms = self._clock.ticks_ms()
            for kind, payload in self._ask(gnss.pack(*gnss.ORB), gnss.ORB, _LIST_MS):
                if kind == gnss.ORB and gnss.count_fresh(payload, minutes) >= _ORBITS_LEAST:
                    return True
            self._feed()
            self._stop(_PERIOD_MS - (self._clock.ticks_ms() - begun_ms))
            self._sleep_until(min(first_ms, timeout_ms))
        return False

    def save(self, keep: "Callable[[bytes], None]") -> None:
        """Ask for the receiver's own navigation data and `keep` each message, ready to restore."""
        self._port.write(gnss.pack(*gnss.DBD))
        quiet_ms = waited_ms = 0
        while quiet_ms < _DUMP_QUIET_MS and waited_ms < _DUMP_MS:
            self._clock.sleep_ms(_STEP_MS)
            waited_ms += _STEP_MS
            quiet_ms += _STEP_MS
            for kind, payload in self._read():
                if kind == gnss.DBD:
                    keep(gnss.pack(kind[0], kind[1], payload))
                    quiet_ms = 0
                elif kind == gnss.MGA_ACK and payload[3:4] == bytes((gnss.DBD[1],)):
                    return
        self._feed()

    # --- inside ---------------------------------------------------------------------------------

    def _age_ms(self) -> int:
        return self._clock.ticks_ms() - self._begun_ms

    def _sleep_until(self, age_ms: int) -> None:
        """Stop until the session is so old."""
        while True:
            left_ms = age_ms - self._age_ms()
            if left_ms <= 0:
                return
            self._feed()
            self._stop(min(left_ms, _FEED_MS))

    def _stop(self, ms: int) -> None:
        """Stop for a while: a message that has begun is lost."""
        if ms > 0:
            self._clock.stop_ms(ms)
            self._reader.drop()

    def _ask(
        self, request: bytes, wanted: "tuple[int, int]", most_ms: int
    ) -> "list[tuple[tuple[int, int], bytes]]":
        """Return the messages that came up to the wanted one, or in `most_ms`."""
        self._port.write(request)
        found = []
        while most_ms > 0:
            self._clock.sleep_ms(min(_STEP_MS, most_ms))
            most_ms -= _STEP_MS
            found += self._read()
            if any([kind == wanted for kind, _ in found]):
                break
        return found

    def _poll(self) -> "list[tuple[tuple[int, int], bytes]]":
        """Ask for the solution; returns the messages that came."""
        request = (b"" if self._quiet else gnss.QUIET) + gnss.pack(*gnss.PVT)
        found = self._ask(request, gnss.PVT, _ANSWER_MS)
        self._feed()
        if found:
            self._deaf = 0
            self.answered = True
        else:
            self._deaf += 1
            if self._deaf % _DEAF_POLLS == 0:
                self._port.set_baud(_RATES[self._deaf // _DEAF_POLLS % len(_RATES)])
        return found

    def _read(self) -> "list[tuple[tuple[int, int], bytes]]":
        found = []
        for kind, number, payload in self._reader.feed(self._port.read()):
            if (kind, number) == gnss.ACK and payload == bytes(gnss.VALSET):
                self._quiet = True
            found.append(((kind, number), payload))
        return found

    def _hopeless(self, looks: sky.Sky, reads: bool) -> bool:
        """Look at the sky; returns whether to end the search. Who does not say goes on."""
        for kind, payload in self._ask(gnss.pack(*gnss.SAT), gnss.SAT, _LIST_MS):
            if kind == gnss.SAT:
                return looks.hopeless(gnss.signals(payload), reads)
        return False

    def _hear_time(self, unix_s: int, clock_s: int, bound_s: int) -> None:
        """Take the time of an epoch and judge whether to believe it."""
        now_ms = self._clock.ticks_ms()
        if unix_s == self._time_s:
            return  # the same epoch, asked for again
        apart_s = (now_ms - self._time_ms + 500) // 1000
        agrees = self._time_s and -1 <= unix_s - self._time_s - apart_s <= 1
        self._agreeing = self._agreeing + 1 if agrees else 1
        self._time_s, self._time_ms = unix_s, now_ms
        off_s = unix_s - clock_s - self._age_ms() // 1000
        near = bool(clock_s) and abs(off_s) <= bound_s
        self._trusted = near or self._agreeing >= _EPOCHS
