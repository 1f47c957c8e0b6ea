"""The GNSS receiver: bytes in, bytes out, and a search that takes as long as the sky allows.

Powered off it forgets everything, so each power-on is a cold start. Time to first fix = the cold
start of the data sheet (27 s under open sky) plus a log-normal delay; under closed sky (trees,
rock, a lying animal) a much longer one that often outlasts any patience. Time is valid some
seconds before the position. Epochs are whole UTC seconds. Noise is one error vector per session,
truncated at four sigma and shrinking as the filter settles, so `noise_bound_m` is a hard bound.

As on the real part, NMEA sentences come out unasked until they are switched off, and bytes sent to
it before it has started are lost. All output goes over one line at its baud rate; what waits for
the line too long is dropped by the receiver, what is not read in time by the collar's UART.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from hardware.twin import nmea, ubx
from hardware.twin.landscape import metres_per_degree
from hardware.twin.seeded import normal, normal_pair_within, uniform

_KEY_PVT_UART1 = 0x20910007  # CFG-MSGOUT-UBX_NAV_PVT_UART1
_KEY_NMEA_UART1 = 0x10740002  # CFG-UART1OUTPROT-NMEA
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
        ttff_min_s: Fastest cold start [s].
        ttff_open_s: Median of what comes on top under open sky [s].
        ttff_open_spread: Sigma of the logarithm of that.
        closed_share: Share of searches under closed sky.
        ttff_closed_s: Median of what comes on top under closed sky [s].
        ttff_closed_spread: Sigma of the logarithm of that.
        sigma_first_m: Noise per axis at the first fix [m].
        sigma_settled_m: Noise per axis after a long time [m].
        settle_s: Time constant between the two [s].
    """

    startup_s: float
    latency_s: float
    baud: int
    backlog_bytes: int
    buffer_bytes: int
    ttff_min_s: float
    ttff_open_s: float
    ttff_open_spread: float
    closed_share: float
    ttff_closed_s: float
    ttff_closed_spread: float
    sigma_first_m: float
    sigma_settled_m: float
    settle_s: float


@dataclass(frozen=True)
class Session:
    """One stretch of power: everything chance decides about it."""

    on_us: int
    ttff_us: int
    time_us: int
    error_sigma: tuple[float, float]
    height_sigma: float
    accuracy_factor: float


class GnssReceiver:
    """A receiver on a UART; times are microseconds of the scenario.

    Args:
        parts: Facts.
        seed: Random seed of this receiver.
        start_utc_s: Unix time of scenario time 0.
        place: Where the antenna is at a scenario second.
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
        self._queue: deque[tuple[int, bytes]] = deque()  # start on the line, what is to go
        self._line_free_us = 0
        self._next_epoch_us = 0
        self._pvt_rate = 0
        self._nmea = True
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
            self._queue.clear()
            return
        self.searches += 1
        self._session = self._start(now_us)
        self._parser = ubx.UbxParser()
        self._queue.clear()
        self._pvt_rate, self._nmea = 0, True
        self._line_free_us = now_us
        first_us = now_us + round(self._parts.startup_s * 1e6)
        self._next_epoch_us = -(-(first_us + self._start_utc_us) // 1_000_000) * 1_000_000

    def fix_at_us(self) -> int | None:
        """When the running session has (or will have) its first fix; None without power."""
        session = self._session
        return None if session is None else session.on_us + session.ttff_us

    def write(self, data: bytes, now_us: int) -> None:
        """Bytes from the collar."""
        session = self._session
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
            start_us, data = self._queue.popleft()
            count = (now_us - start_us) // self._byte_us
            arrived += data[:count]
            if count < len(data):
                self._queue.appendleft((start_us + count * self._byte_us, data[count:]))
                break
        return arrived[: self._parts.buffer_bytes]

    @property
    def _byte_us(self) -> int:
        return _BITS_PER_BYTE * 1_000_000 // self._parts.baud

    def _emit(self, at_us: int, message: bytes) -> None:
        """Put a message on the line, behind what is already on it."""
        start_us = max(at_us + round(self._parts.latency_s * 1e6), self._line_free_us)
        if start_us - at_us <= self._parts.backlog_bytes * self._byte_us:
            self._queue.append((start_us, message))
            self._line_free_us = start_us + len(message) * self._byte_us

    def _start(self, now_us: int) -> Session:
        parts, seed = self._parts, self._seed
        closed = uniform(seed, "sky", now_us) < parts.closed_share
        median_s = parts.ttff_closed_s if closed else parts.ttff_open_s
        spread = parts.ttff_closed_spread if closed else parts.ttff_open_spread
        ttff_s = parts.ttff_min_s + median_s * math.exp(spread * normal(seed, "ttff", now_us))
        early_s = 3.0 + 6.0 * uniform(seed, "time", now_us)
        vertical, _ = normal_pair_within(_SIGMA_LIMIT, seed, "height", now_us)
        return Session(
            on_us=now_us,
            ttff_us=round(ttff_s * 1e6),
            time_us=round((ttff_s - early_s) * 1e6),
            error_sigma=normal_pair_within(_SIGMA_LIMIT, seed, "noise", now_us),
            height_sigma=vertical,
            accuracy_factor=0.8 + 0.6 * uniform(seed, "accuracy", now_us),
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

    def _answer(self, kind: tuple[int, int], payload: bytes, now_us: int) -> None:
        answer = b""
        if kind == ubx.NAV_PVT and not payload:
            answer = self._pvt((now_us + self._start_utc_us) // 1_000_000)
        elif kind == ubx.CFG_VALSET:
            values = ubx.parse_valset(payload)
            if values is not None:
                self._skip_to(now_us)
                self._pvt_rate = values.get(_KEY_PVT_UART1, self._pvt_rate)
                self._nmea = bool(values.get(_KEY_NMEA_UART1, self._nmea))
            answer = ubx.frame(ubx.ACK_NAK if values is None else ubx.ACK_ACK, bytes(kind))
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
