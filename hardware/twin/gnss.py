"""The GNSS receiver: bytes in, bytes out, and a search that takes as long as the sky allows.

Powered off it forgets everything; what the collar tells it (UBX-MGA: time, place, its own saved
navigation data) makes a start faster, by the model of `hardware.twin.search`: a message that
arrives during the search speeds up what is left of it. Time is valid some
seconds before the position. Epochs are whole UTC seconds. Noise is one error vector per session,
truncated at four sigma and shrinking as the filter settles, so `noise_bound_m` is a hard bound.

As on the real part, NMEA sentences come out unasked until they are switched off, and bytes sent to
it before it has started are lost. All output goes over one line at its baud rate; what waits for
the line too long is dropped by the receiver, what is not read in time by the collar's UART. A
dump of its navigation data is sent whole, as fast as the line goes, and ends with an
acknowledgement (interface description, UBX-MGA-DBD).
"""

from collections.abc import Callable

from hardware.twin import nmea, ubx
from hardware.twin.seeded import normal
from hardware.twin.session import SIGMA_LIMIT, GnssParts, Place, Session
from hardware.twin.uart import Uart

_KEY_PVT_UART1 = 0x20910007  # CFG-MSGOUT-UBX_NAV_PVT_UART1
_KEY_NMEA_UART1 = 0x10740002  # CFG-UART1OUTPROT-NMEA
_KEY_BAUD_UART1 = 0x40520001  # CFG-UART1-BAUDRATE
_KEY_ACK_AIDING = 0x10110025  # CFG-NAVSPG-ACKAIDING


class GnssReceiver:
    """A receiver on a UART; times are microseconds of the scenario.

    Args:
        parts: Facts.
        seed: Random seed of this receiver.
        start_utc_s: Unix time of scenario time 0.
        place: Where the antenna is at a scenario second.

    Attributes:
        aided: Option until a station's aiding is on the wire: with time and place told, it knows
            the orbits of all satellites in view.
        searches, failed: stretches of power, and those that ended without a fix.
    """

    def __init__(
        self, parts: GnssParts, seed: int, start_utc_s: int, place: Callable[[float], Place]
    ) -> None:
        self._parts = parts
        self._seed = seed
        self._start_utc_us = start_utc_s * 1_000_000
        self._place = place
        self._session: Session | None = None
        self._parser = ubx.UbxParser()
        self._line = Uart(parts.baud, parts.latency_s, parts.backlog_bytes, parts.buffer_bytes)
        self._next_epoch_us = 0
        self._pvt_rate = 0
        self._nmea = True
        self._acks_aiding = False
        self.aided = False
        self.searches = 0
        self.failed = 0

    @property
    def noise_bound_m(self) -> float:
        """No reported position is further than this from the true one of its epoch [m]."""
        parts = self._parts
        return SIGMA_LIMIT * max(parts.sigma_first_m, parts.sigma_settled_m) + 0.02

    @property
    def session(self) -> Session | None:
        """The running session, None without power."""
        return self._session

    def power(self, on: bool, now_us: int) -> None:
        """Switch the supply; a new session starts cold."""
        if bool(on) == (self._session is not None):
            return
        self._line.power(on, now_us)
        if not on:
            session = self._session
            if session is not None and now_us < session.on_us + session.ttff_us:
                self.failed += 1
            self._session = None
            return
        self.searches += 1
        self._session = Session(self._parts, self._seed, now_us)
        self._parser = ubx.UbxParser()
        self._pvt_rate, self._nmea, self._acks_aiding = 0, True, False
        first_us = now_us + round(self._parts.startup_s * 1e6)
        self._next_epoch_us = -(-(first_us + self._start_utc_us) // 1_000_000) * 1_000_000

    def fix_at_us(self) -> int | None:
        """When the running session has (or will have) its first fix; None without power."""
        session = self._session
        return None if session is None else session.on_us + session.ttff_us

    def set_baud(self, baud: int) -> None:
        """The collar's side of the line; a receiver at another rate hears and sends noise."""
        self._line.line_baud = int(baud)

    def line_us(self, count: int) -> int:
        """How long the collar takes to send so many bytes."""
        return self._line.line_us(count)

    def drop(self, now_us: int) -> None:
        """What has arrived until now was read by nobody."""
        self.read(now_us)

    def write(self, data: bytes, now_us: int) -> None:
        """Bytes from the collar."""
        session = self._session
        if session is None or not session.is_ready(now_us):
            return
        self._run_to(now_us)
        for kind, payload in self._parser.feed(self._line.heard(bytes(data))):
            self._answer(kind, payload, now_us)

    def read(self, now_us: int) -> bytes:
        """Bytes to the collar since the last read; what its buffer could not keep is lost."""
        if self._session is None:
            return b""
        self._run_to(now_us)
        return self._line.read(now_us)

    def _utc_s(self, now_us: int) -> float:
        return (now_us + self._start_utc_us) / 1e6

    def _assist(self, kind: tuple[int, int], payload: bytes, now_us: int) -> bytes:
        """Answer an UBX-MGA message."""
        session = self._session
        assert session is not None
        knowledge = session.knowledge
        if kind == ubx.MGA_DBD and not payload:
            session.hear(now_us, self._utc_s(now_us))
            dump = knowledge.dump(self._utc_s(now_us))
            for one in dump:
                self._line.emit(now_us, ubx.frame(ubx.MGA_DBD, one), paced=True)
            count = len(dump).to_bytes(4, "little")
            self._line.emit(now_us, ubx.mga_ack(kind, True, count), paced=True)
            return b""
        place = self._place(now_us / 1e6)
        accepted = knowledge.take(kind, payload, self._utc_s(now_us), place)
        if accepted and self.aided and kind == ubx.MGA_INI and knowledge.oriented:
            knowledge.aid(self._utc_s(now_us), self._parts.view)
        if accepted:
            session.learn(now_us, self._utc_s(now_us))
        return ubx.mga_ack(kind, accepted, payload[:4]) if self._acks_aiding else b""

    def _run_to(self, now_us: int) -> None:
        """Put the periodic output of all epochs up to now into the queue."""
        if self._pvt_rate == 0 and not self._nmea:
            return
        now_utc_us = now_us + self._start_utc_us
        # more than a minute unread has overflowed any buffer: skip what nobody can see
        self._next_epoch_us = max(self._next_epoch_us, (now_utc_us // 1_000_000 - 60) * 1_000_000)
        while self._next_epoch_us <= now_utc_us:
            at_us = self._next_epoch_us - self._start_utc_us
            utc_s = self._next_epoch_us // 1_000_000
            if self._nmea:
                self._line.emit(at_us, self._sentences(utc_s))
            if self._pvt_rate and utc_s % self._pvt_rate == 0:
                self._line.emit(at_us, self._pvt(utc_s))
            self._next_epoch_us += 1_000_000

    def _skip_to(self, now_us: int) -> None:
        utc_us = now_us + self._start_utc_us
        self._next_epoch_us = max(self._next_epoch_us, -(-utc_us // 1_000_000) * 1_000_000)

    def _week_ms(self, now_us: int) -> int:
        """GPS time of week."""
        return (int(self._utc_s(now_us)) - 315_964_800 + 18) % 604_800 * 1000

    def _answer(self, kind: tuple[int, int], payload: bytes, now_us: int) -> None:
        session = self._session
        assert session is not None
        answer = b""
        if kind == ubx.NAV_PVT and not payload:
            answer = self._pvt((now_us + self._start_utc_us) // 1_000_000)
        elif kind == ubx.CFG_VALSET:
            values = ubx.parse_valset(payload)
            if values is not None:
                self._skip_to(now_us)
                self._pvt_rate = values.get(_KEY_PVT_UART1, self._pvt_rate)
                self._nmea = bool(values.get(_KEY_NMEA_UART1, self._nmea))
                self._acks_aiding = bool(values.get(_KEY_ACK_AIDING, self._acks_aiding))
            answer = ubx.frame(ubx.ACK_NAK if values is None else ubx.ACK_ACK, bytes(kind))
            if values is not None and _KEY_BAUD_UART1 in values:
                self._line.emit(now_us, answer)  # still at the old rate
                self._line.baud = min(max(values[_KEY_BAUD_UART1], 4800), 921_600)
                answer = b""
        elif kind == ubx.NAV_SAT and not payload:
            answer = ubx.nav_sat(self._week_ms(now_us), *session.satellites(now_us))
        elif kind == ubx.NAV_ORB and not payload:
            session.hear(now_us, self._utc_s(now_us))
            utc_s = self._utc_s(now_us)
            answer = ubx.nav_orb(self._week_ms(now_us), session.knowledge.holds(utc_s))
        elif kind[0] == ubx.MGA:
            answer = self._assist(kind, payload, now_us)
        elif kind == ubx.CFG_RST:
            self.power(False, now_us)
            self.power(True, now_us)
        elif kind[0] == ubx.CFG:
            answer = ubx.frame(ubx.ACK_NAK, bytes(kind))
        if answer:
            self._line.emit(now_us, answer)

    def _pvt(self, utc_s: int) -> bytes:
        session = self._session
        assert session is not None
        epoch_us = utc_s * 1_000_000 - self._start_utc_us
        age_us = epoch_us - session.on_us
        fixed = age_us >= session.ttff_us
        timed = age_us >= session.time_us
        sigma_m = session.sigma_m(age_us)
        place: Place = (0.0, 0.0, 0.0)
        if fixed:
            place = session.noisy(self._place(epoch_us / 1e6), sigma_m)
        seen = 0 if age_us < 2_000_000 else min(3, age_us * 4 // session.ttff_us)
        if fixed:
            seen = min(14, 5 + (age_us - session.ttff_us) // 3_000_000)
        return ubx.nav_pvt(
            utc_s if timed else 1_420_070_400 + max(age_us, 0) // 1_000_000,  # 2015 until known
            round(2e5 * normal(self._seed, "nano", utc_s)),
            timed,
            fixed,
            seen,
            place,
            round(1414 * sigma_m * session.claims),
            round(2000 * sigma_m * session.claims),
            1.4 + 0.3 * sigma_m,
        )

    def _sentences(self, utc_s: int) -> bytes:
        session = self._session
        assert session is not None
        age_us = utc_s * 1_000_000 - self._start_utc_us - session.on_us
        t_s = (age_us + session.on_us) / 1e6
        place = self._place(t_s)[:2] if age_us >= session.ttff_us else None
        in_view = self._parts.in_view
        seen = min(in_view, max(0, in_view * age_us // session.ttff_us))
        return nmea.sentences(utc_s, age_us >= session.time_us, place, seen)
