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

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hardware.twin import nmea, search, ubx
from hardware.twin.assist import Knowledge
from hardware.twin.landscape import metres_per_degree
from hardware.twin.seeded import normal, normal_pair_within, uniform

_KEY_PVT_UART1 = 0x20910007  # CFG-MSGOUT-UBX_NAV_PVT_UART1
_KEY_NMEA_UART1 = 0x10740002  # CFG-UART1OUTPROT-NMEA
_KEY_BAUD_UART1 = 0x40520001  # CFG-UART1-BAUDRATE
_KEY_ACK_AIDING = 0x10110025  # CFG-NAVSPG-ACKAIDING
_CNO_OPEN, _CNO_CLOSED = 36, 19  # [dB-Hz]
_SIGMA_LIMIT = 4.0
_IN_VIEW = 32  # satellites of all systems under open sky
_BITS_PER_BYTE = 10  # with start and stop bit

Place = tuple[float, float, float]


@dataclass(frozen=True)
class GnssParts:
    """Facts of the receiver and its sky.

    Attributes:
        startup_s: From power to the first byte it understands [s].
        latency_s: From an epoch or a poll to the first byte of the answer on an idle line [s].
        baud: Of the line.
        backlog_bytes: Output that may wait for the line before messages are dropped.
        buffer_bytes: What the collar's UART keeps between two reads.
        search: How long searches take.
        view: Satellites an aiding answer has orbits of.
        sigma_first_m: Noise per axis at the first fix [m].
        sigma_settled_m: Noise per axis after a long time [m].
        settle_s: Time constant between the two [s].
    """

    startup_s: float
    latency_s: float
    baud: int
    backlog_bytes: int
    buffer_bytes: int
    search: search.SearchParts
    view: int
    sigma_first_m: float
    sigma_settled_m: float
    settle_s: float


def _noise(data: bytes) -> bytes:
    """What is read from a line at another rate."""
    return bytes(byte ^ 0x55 for byte in data)


@dataclass
class Session:
    """One stretch of power: everything chance decides about it, and how far the search is.

    The search has done the share `done` at `done_us`; what is left takes its share of the time a
    whole one takes with what is known since.
    """

    on_us: int
    done_us: int
    done: float
    ttff_us: int
    early_us: int
    error_sigma: tuple[float, float]
    height_sigma: float
    accuracy_factor: float
    knowledge: Knowledge
    decoded: bool = False

    @property
    def time_us(self) -> int:
        """When the time is valid, after power [us]."""
        return self.ttff_us - min(self.early_us, self.ttff_us // 4)


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
        self._queue: deque[tuple[int, int, bytes]] = deque()  # start on the line, its rate, what
        self._line_free_us = 0
        self._next_epoch_us = 0
        self._pvt_rate = 0
        self._nmea = True
        self._acks_aiding = False
        self._baud = self._line_baud = parts.baud
        self.aided = False
        self.searches = 0
        self.failed = 0

    @property
    def noise_bound_m(self) -> float:
        """No reported position is further than this from the true one of its epoch [m]."""
        parts = self._parts
        return _SIGMA_LIMIT * max(parts.sigma_first_m, parts.sigma_settled_m) + 0.02

    @property
    def session(self) -> Session | None:
        """The running session, None without power."""
        return self._session

    def power(self, on: bool, now_us: int) -> None:
        """Switch the supply; a new session starts cold."""
        if bool(on) == (self._session is not None):
            return
        if not on:
            session = self._session
            if session is not None and now_us < session.on_us + session.ttff_us:
                self.failed += 1
            self._session = None
            self._line_baud = self._parts.baud
            self._queue.clear()
            return
        self.searches += 1
        self._session = self._start(now_us)
        self._parser = ubx.UbxParser()
        self._queue.clear()
        self._pvt_rate, self._nmea, self._acks_aiding = 0, True, False
        self._baud = self._parts.baud
        self._line_free_us = now_us
        first_us = now_us + round(self._parts.startup_s * 1e6)
        self._next_epoch_us = -(-(first_us + self._start_utc_us) // 1_000_000) * 1_000_000

    def fix_at_us(self) -> int | None:
        """When the running session has (or will have) its first fix; None without power."""
        session = self._session
        return None if session is None else session.on_us + session.ttff_us

    def set_baud(self, baud: int) -> None:
        """The collar's side of the line; a receiver at another rate hears and sends noise."""
        self._line_baud = int(baud)

    def line_us(self, count: int) -> int:
        """How long the collar takes to send so many bytes."""
        return count * _BITS_PER_BYTE * 1_000_000 // self._line_baud

    def drop(self, now_us: int) -> None:
        """What has arrived until now was read by nobody."""
        self.read(now_us)

    def write(self, data: bytes, now_us: int) -> None:
        """Bytes from the collar."""
        session = self._session
        if self._line_baud != self._baud:
            data = _noise(data)
        if session is None or now_us < session.on_us + round(self._parts.startup_s * 1e6):
            return
        self._run_to(now_us)
        for kind, payload in self._parser.feed(bytes(data)):
            self._answer(kind, payload, now_us)

    def read(self, now_us: int) -> bytes:
        """Bytes to the collar since the last read; what its buffer could not keep is lost."""
        if self._session is None:
            return b""
        self._run_to(now_us)
        arrived = b""
        while self._queue and self._queue[0][0] <= now_us:
            start_us, baud, data = self._queue.popleft()
            byte_us = _BITS_PER_BYTE * 1_000_000 // baud
            count = (now_us - start_us) // byte_us
            arrived += data[:count] if baud == self._line_baud else _noise(data[:count])
            if count < len(data):
                self._queue.appendleft((start_us + count * byte_us, baud, data[count:]))
                break
        return arrived[: self._parts.buffer_bytes]

    @property
    def _byte_us(self) -> int:
        return _BITS_PER_BYTE * 1_000_000 // self._baud

    def _emit(self, at_us: int, message: bytes, paced: bool = False) -> None:
        """Put a message on the line, behind what is already on it; what is `paced` can wait."""
        start_us = max(at_us + round(self._parts.latency_s * 1e6), self._line_free_us)
        if paced or start_us - at_us <= self._parts.backlog_bytes * self._byte_us:
            self._queue.append((start_us, self._baud, message))
            self._line_free_us = start_us + len(message) * self._byte_us

    def _start(self, now_us: int) -> Session:
        parts, seed = self._parts, self._seed
        ready_us = now_us + round(parts.startup_s * 1e6)
        ttff_s = search.draw_s(parts.search, seed, now_us / 1e6, 0.0)
        early_s = 3.0 + 6.0 * uniform(seed, "time", now_us)
        vertical, _ = normal_pair_within(_SIGMA_LIMIT, seed, "height", now_us)
        return Session(
            on_us=now_us,
            done_us=ready_us,
            done=0.0,
            ttff_us=ready_us - now_us + round(ttff_s * 1e6),
            early_us=round(early_s * 1e6),
            error_sigma=normal_pair_within(_SIGMA_LIMIT, seed, "noise", now_us),
            height_sigma=vertical,
            accuracy_factor=0.8 + 0.6 * uniform(seed, "accuracy", now_us),
            knowledge=Knowledge(parts.search, seed),
        )

    def _learn(self, now_us: int) -> None:
        """Something was told: what is left of the search takes as long as it now does."""
        session = self._session
        assert session is not None
        end_us = session.on_us + session.ttff_us
        if now_us >= end_us:
            return
        now_us = max(now_us, session.done_us)
        if end_us > session.done_us:
            left = (end_us - now_us) / (end_us - session.done_us)
            session.done = 1.0 - (1.0 - session.done) * left
        session.done_us = now_us
        orbits = session.knowledge.orbits(self._utc_s(now_us))
        whole_s = search.draw_s(self._parts.search, self._seed, session.on_us / 1e6, orbits)
        rest_us = round((1.0 - session.done) * whole_s * 1e6)
        session.ttff_us = now_us - session.on_us + rest_us

    def _utc_s(self, now_us: int) -> float:
        return (now_us + self._start_utc_us) / 1e6

    def _hear(self, now_us: int) -> None:
        """With a cold start's fix, or some time later, the receiver has orbits of its own."""
        session = self._session
        assert session is not None
        on_us = now_us - session.on_us
        if on_us < session.ttff_us or session.decoded:
            return
        parts, utc_s = self._parts.search, self._utc_s(now_us)
        if search.hears(parts, session.knowledge.orbits(utc_s), on_us / 1e6):
            session.decoded = True
            session.knowledge.decode(utc_s, parts.decoded)

    def _assist(self, kind: tuple[int, int], payload: bytes, now_us: int) -> bytes:
        """Answer an UBX-MGA message."""
        session = self._session
        assert session is not None
        knowledge = session.knowledge
        if kind == ubx.MGA_DBD and not payload:
            self._hear(now_us)
            dump = knowledge.dump(self._utc_s(now_us))
            for one in dump:
                self._emit(now_us, ubx.frame(ubx.MGA_DBD, one), paced=True)
            count = len(dump).to_bytes(4, "little")
            self._emit(now_us, ubx.mga_ack(kind, True, count), paced=True)
            return b""
        place = self._place(now_us / 1e6)
        accepted = knowledge.take(kind, payload, self._utc_s(now_us), place)
        if accepted and self.aided and kind == ubx.MGA_INI and knowledge.oriented:
            knowledge.aid(self._utc_s(now_us), self._parts.view)
        if accepted:
            self._learn(now_us)
        return ubx.mga_ack(kind, accepted, payload[:4]) if self._acks_aiding else b""

    def _satellites(self, now_us: int) -> bytes:
        """NAV-SAT."""
        session = self._session
        assert session is not None
        parts, on_s = self._parts.search, session.on_us / 1e6
        age_s = (now_us - session.on_us) / 1e6 - self._parts.startup_s
        closed = search.is_closed(parts, self._seed, on_s)
        return ubx.nav_sat(
            self._week_ms(now_us),
            search.heard(parts, self._seed, on_s, age_s),
            _CNO_CLOSED if closed else _CNO_OPEN,
        )

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
                self._emit(at_us, self._sentences(utc_s))
            if self._pvt_rate and utc_s % self._pvt_rate == 0:
                self._emit(at_us, self._pvt(utc_s))
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
                self._emit(now_us, answer)  # still at the old rate
                self._baud = min(max(values[_KEY_BAUD_UART1], 4800), 921_600)
                answer = b""
        elif kind == ubx.NAV_SAT and not payload:
            answer = self._satellites(now_us)
        elif kind == ubx.NAV_ORB and not payload:
            self._hear(now_us)
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
            self._emit(now_us, answer)

    def _pvt(self, utc_s: int) -> bytes:
        session = self._session
        assert session is not None
        epoch_us = utc_s * 1_000_000 - self._start_utc_us
        age_us = epoch_us - session.on_us
        fixed = age_us >= session.ttff_us
        timed = age_us >= session.time_us
        parts = self._parts
        sigma_m = parts.sigma_settled_m
        place: Place = (0.0, 0.0, 0.0)
        if fixed:
            share = math.exp(-(age_us - session.ttff_us) / 1e6 / parts.settle_s)
            sigma_m += (parts.sigma_first_m - parts.sigma_settled_m) * share
            place = self._noisy(epoch_us / 1e6, sigma_m, session)
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
            round(1414 * sigma_m * session.accuracy_factor),
            round(2000 * sigma_m * session.accuracy_factor),
            1.4 + 0.3 * sigma_m,
        )

    def _noisy(self, t_s: float, sigma_m: float, session: Session) -> Place:
        lat, lon, altitude_m = self._place(t_s)
        per_lat_m, per_lon_m = metres_per_degree(lat)
        east, north = session.error_sigma
        return (
            lat + north * sigma_m / per_lat_m,
            lon + east * sigma_m / per_lon_m,
            altitude_m + 1.7 * session.height_sigma * sigma_m,
        )

    def _sentences(self, utc_s: int) -> bytes:
        session = self._session
        assert session is not None
        age_us = utc_s * 1_000_000 - self._start_utc_us - session.on_us
        t_s = (age_us + session.on_us) / 1e6
        place = self._place(t_s)[:2] if age_us >= session.ttff_us else None
        seen = min(_IN_VIEW, max(0, _IN_VIEW * age_us // session.ttff_us))
        return nmea.sentences(utc_s, age_us >= session.time_us, place, seen)
