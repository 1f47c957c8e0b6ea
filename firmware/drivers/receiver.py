"""One search of the u-blox receiver: tell it what is known, let it search, collect the fix.

While the receiver searches, the processor is in Stop and wakes only to poll: what the receiver
says meanwhile is lost, which does not matter, since it is asked again. (A wake out of Standby
costs as much as minutes in Stop.) The search ends with the first solution good enough; when the
time is over; when fewer satellites are heard than a fix needs after the receiver has had time to
hear them (a closed sky); or when the receiver does not answer at any rate of the line.

A time of day is believed when it agrees with the collar's own clock, or when epochs agree with
each other as far as they are apart: one bad epoch moves no clock.

Its line starts at 9600 baud, where two kilobytes of navigation data take two seconds of its
power: it is raised to 38400 first, what the collar's buffer can take between two reads.
"""

from collections import namedtuple

from .._typing import TYPE_CHECKING
from . import gnss

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..board import Clock, GnssPort

_START_MS = 300  # from power to the first byte it understands
_RAISE_MS = 50  # until the line has its new rate, the message at the old one included
_PERIOD_MS = 1000
_ANSWER_MS = 160  # a solution takes 104 ms at 9600 baud
_SATELLITES_MS = 450
_ORBITS_MS = 300
_ORBITS_LEAST = 6  # heard anew
_FEED_MS = 20000
_RATES = (38400, 9600, 115200)  # tried in turn when nothing is understood
_DEAF_POLLS = 3  # at each rate
_HEARD_LEAST = 5  # satellites
_CNO_LEAST = 10  # dB-Hz
_AGREE_S = 30  # with the collar's clock
_EPOCHS = 3  # or so many agree
_DUMP_MS, _DUMP_QUIET_MS, _DUMP_STEP_MS = 6000, 1000, 100

#: What to accept, and when to look. timeout_ms; accuracy_mm (68 %); pdop_e2; year_least;
#: first_ms: no fix is likely before; settle_ms: by then all satellites that can be are heard.
Limits = namedtuple(
    "Limits", ("timeout_ms", "accuracy_mm", "pdop_e2", "year_least", "first_ms", "settle_ms")
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

    def tell(self, clock_s: int, lat_e5: int, lon_e5: int) -> None:
        """Tell the receiver the time and where it was."""
        self._port.write(gnss.pack_time(clock_s) + gnss.pack_position(lat_e5, lon_e5))

    def restore(self, frames: "Callable[[], bytes]") -> None:
        """Tell it its own navigation data, saved by `save`: chunks until an empty one."""
        while True:
            chunk = frames()
            if not chunk:
                return
            self._port.write(chunk)
            self._feed()

    def run(self, limits: Limits, clock_s: int = 0) -> Outcome:
        """Wait for a fix.

        Args:
            limits: what to accept, and when to look.
            clock_s: the collar's time at the start of the session, 0 while it does not know it.
        """
        solution = None
        judged = False
        first_ms = min(limits.first_ms, limits.timeout_ms)
        self._sleep_until(min(first_ms, limits.settle_ms))
        while solution is None and self._age_ms() < limits.timeout_ms:
            for kind, payload in self._poll():
                if kind != gnss.PVT or len(payload) != gnss.PVT_BYTES:
                    continue
                unix_s, candidate = gnss.decode_pvt(payload, limits.year_least)
                if unix_s is not None:
                    self._hear_time(unix_s, clock_s)
                if (
                    candidate is not None
                    and self._trusted
                    and candidate.accuracy_mm <= limits.accuracy_mm
                    and candidate.pdop_e2 <= limits.pdop_e2
                ):
                    solution = candidate
            if self._deaf >= _DEAF_POLLS * len(_RATES):
                break
            if solution is None and not judged and self._age_ms() >= limits.settle_ms:
                judged = True
                if self._closed():
                    break
            if solution is None and not self._time_s:
                self._sleep_until(first_ms)
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
            self._port.write(gnss.pack(*gnss.ORB))
            self._clock.sleep_ms(_ORBITS_MS)
            for kind, payload in self._read():
                if kind == gnss.ORB and gnss.count_fresh(payload, minutes) >= _ORBITS_LEAST:
                    return True
            self._feed()
            self._clock.stop_ms(_PERIOD_MS - _ORBITS_MS)
            self._sleep_until(min(first_ms, timeout_ms))
        return False

    def save(self, keep: "Callable[[bytes], None]") -> None:
        """Ask for the receiver's own navigation data and `keep` each message, ready to restore."""
        self._port.write(gnss.pack(*gnss.DBD))
        quiet_ms = waited_ms = 0
        while quiet_ms < _DUMP_QUIET_MS and waited_ms < _DUMP_MS:
            self._clock.sleep_ms(_DUMP_STEP_MS)
            waited_ms += _DUMP_STEP_MS
            quiet_ms += _DUMP_STEP_MS
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
            self._clock.stop_ms(min(left_ms, _FEED_MS))

    def _poll(self) -> "list[tuple[tuple[int, int], bytes]]":
        """Ask for the solution once a second; returns the messages that came."""
        begun_ms = self._clock.ticks_ms()
        self._port.write((b"" if self._quiet else gnss.QUIET) + gnss.pack(*gnss.PVT))
        self._clock.sleep_ms(_ANSWER_MS)
        found = self._read()
        self._feed()
        if found:
            self._deaf = 0
            self.answered = True
        else:
            self._deaf += 1
            if self._deaf % _DEAF_POLLS == 0:
                self._port.set_baud(_RATES[self._deaf // _DEAF_POLLS % len(_RATES)])
        if not any(kind == gnss.PVT for kind, _ in found) or not self._solved(found):
            self._clock.stop_ms(_PERIOD_MS - (self._clock.ticks_ms() - begun_ms))
        return found

    @staticmethod
    def _solved(found: "list[tuple[tuple[int, int], bytes]]") -> bool:
        """Return whether a message looks like a position: then there is nothing to wait for."""
        return any(
            kind == gnss.PVT and len(payload) == gnss.PVT_BYTES and payload[20] == gnss.FIX_3D
            for kind, payload in found
        )

    def _read(self) -> "list[tuple[tuple[int, int], bytes]]":
        found = []
        for kind, number, payload in self._reader.feed(self._port.read()):
            if (kind, number) == gnss.ACK and payload == bytes(gnss.VALSET):
                self._quiet = True
            found.append(((kind, number), payload))
        return found

    def _closed(self) -> bool:
        """Return whether too few satellites are heard for a fix; False when it does not say."""
        self._port.write(gnss.pack(*gnss.SAT))
        self._clock.sleep_ms(_SATELLITES_MS)
        for kind, payload in self._read():
            if kind == gnss.SAT:
                return gnss.count_heard(payload, _CNO_LEAST) < _HEARD_LEAST
        return False

    def _hear_time(self, unix_s: int, clock_s: int) -> None:
        """Take the time of an epoch and judge whether to believe it."""
        now_ms = self._clock.ticks_ms()
        apart_s = (now_ms - self._time_ms + 500) // 1000
        agrees = self._time_s and -1 <= unix_s - self._time_s - apart_s <= 1
        self._agreeing = self._agreeing + 1 if agrees else 1
        self._time_s, self._time_ms = unix_s, now_ms
        off_s = unix_s - clock_s - self._age_ms() // 1000
        near = bool(clock_s) and -_AGREE_S <= off_s <= _AGREE_S
        self._trusted = near or self._agreeing >= _EPOCHS
