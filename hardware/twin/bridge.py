"""The virtual bridge: a radio on a serial line, as `firmware.wire.bridge` describes it.

Its radio is the twin's ether, its line a real pseudo-terminal. Ping and Configure are answered at
once by the listening thread. A heard frame is handed to the station while virtual time stands
still: the hub waits for the station's answer (Release or Transmit), so an acknowledgement is never
late because virtual time runs faster than the wall clock. What stays unanswered is kept and sent
again after the next Configure. A power that its antenna may not radiate is refused; more than its
amplifier has is given as what it has, as the modem's driver does.
"""

import math
import threading
from collections import OrderedDict, deque

from firmware.wire import bridge as wire
from firmware.wire import region
from firmware.wire.airtime import airtime_us
from firmware.wire.errors import WireError
from hardware.twin.errors import StationSilent
from hardware.twin.ether import Ether, Transmission, reading
from hardware.twin.hub import Hub
from hardware.twin.line import SerialLine

_FIRMWARE = 1
_MOST_DBM = 22  # of its amplifier: SX1262 datasheet, high-power amplifier
_HELD_LIMIT = 256
_SILENT_WAIT_S = 0.5


class Bridge:
    """One bridge, one port.

    Args:
        hub: Owner of the time.
        ether: What it hears and sends with.
        start_utc_s: Unix time of scenario time 0; this bridge knows UTC.
        number: Its 64-bit id.
        answer_limit_s: How long (wall clock) the hub waits for the answer to a frame. Once a
            station has let it pass without a sign of life, later frames wait half a second until
            the next message.

    Attributes:
        unanswered: Frames that were not answered in time.
        late: Transmissions that came after their time.
        refused: Transmissions that would have broken the duty cycle.
        noise: Chunks on the line that were no message.
    """

    def __init__(
        self,
        hub: Hub,
        ether: Ether,
        start_utc_s: int,
        number: int = 0xCA94A000_00000001,
        answer_limit_s: float = 20.0,
    ) -> None:
        self._hub = hub
        self._ether = ether
        self._start_utc_us = start_utc_s * 1_000_000
        self._number = number
        self.answer_limit_s = answer_limit_s
        self.unanswered = self.late = self.refused = self.noise = 0
        self._dropped = 0
        self._reception = 0
        self._sent: deque[Transmission] = deque()
        self._held: OrderedDict[int, bytes] = OrderedDict()
        self._inbox: deque[wire.Transmit | wire.Release] = deque()
        self._changed = threading.Condition()
        self._configured = threading.Event()
        self._heard_from_station = True
        self._splitter = wire.Splitter()
        ether.on_heard = self.hear
        self._line = SerialLine(self._on_bytes, resync=wire.DELIMITER)

    @property
    def port(self) -> str:
        """Path the station opens."""
        return self._line.port

    def wait_configured(self, timeout_s: float) -> None:
        """Wait (wall clock) for the station's first Configure.

        Raises:
            StationSilent: None came in time.
        """
        if not self._configured.wait(timeout_s):
            raise StationSilent(self.port, timeout_s)

    def hear(self, frame: Transmission) -> None:
        """Hand a received frame to the station and wait for its answer."""
        self._work()
        rssi_dbm, snr_qdb = reading(frame)
        self._reception += 1
        reception = self._reception
        message = wire.Received(
            reception,
            frame.end_us,
            self._start_utc_us + frame.end_us,
            frame.freq_hz,
            frame.sf,
            frame.bw_hz,
            rssi_dbm,
            snr_qdb,
            frame.data,
        )
        encoded = wire.encode(message)
        with self._changed:
            self._held[reception] = encoded
            if len(self._held) > _HELD_LIMIT:
                self._held.popitem(last=False)
                self._dropped += 1
        self._line.write(encoded)
        self._await_answer(reception)

    def close(self) -> None:
        """Close the port."""
        self._line.close()

    def _await_answer(self, reception: int) -> None:
        with self._changed:
            limit_s = self.answer_limit_s
            if not self._heard_from_station:
                limit_s = min(limit_s, _SILENT_WAIT_S)
            self._heard_from_station = False
        while True:
            self._work()
            if reception not in self._held:
                return
            with self._changed:
                if not self._inbox and not self._changed.wait(limit_s):
                    self.unanswered += 1
                    return

    def _work(self) -> None:
        """Act on the station's answers, in the hub's thread."""
        while self._inbox:
            message = self._inbox.popleft()
            if isinstance(message, wire.Release):
                with self._changed:
                    self._held.pop(message.reception, None)
            else:
                with self._changed:
                    answered = self._held.pop(message.in_reply_to, None) is None
                if answered and message.in_reply_to:  # a second answer to one frame
                    self.late += 1
                    self._report(message, wire.TOO_LATE, 0)
                else:
                    self._transmit(message)

    def _transmit(self, message: wire.Transmit) -> None:
        try:
            band = region.sub_band(message.freq_hz, message.bw_hz)
            gain_cdbi = math.ceil(100 * self._ether.air.station_gain_db)
            region.check_power(message.freq_hz, message.bw_hz, message.power_dbm, gain_cdbi)
            length_us = airtime_us(message.sf, message.bw_hz, len(message.data))
        except WireError:
            return self._report(message, wire.RADIO_ERROR, 0)
        if message.at_ticks_us < self._hub.now_us:
            self.late += 1
            return self._report(message, wire.TOO_LATE, 0)
        if not self._affordable(message.at_ticks_us, band, length_us):
            self.refused += 1
            return self._report(message, wire.DUTY_CYCLE_REFUSED, 0)
        power_dbm = min(message.power_dbm, _MOST_DBM)
        frame = self._ether.downlink(
            message.at_ticks_us,
            message.freq_hz,
            message.sf,
            message.bw_hz,
            power_dbm,
            message.data,
        )
        if frame is None:
            return self._report(message, wire.RADIO_ERROR, 0)
        self._sent.append(frame)
        self._hub.at(frame.end_us, lambda: self._report(message, wire.SENT, length_us))

    def _affordable(self, at_us: int, band: region.SubBand, length_us: int) -> bool:
        """Whether the sub-band's share of the hour before the end still has room."""
        window_us = region.DUTY_WINDOW_S * 1_000_000
        while self._sent and self._sent[0].end_us <= self._hub.now_us - window_us:
            self._sent.popleft()
        used_us = sum(
            f.end_us - f.start_us
            for f in self._sent
            if band.low_hz <= f.freq_hz < band.high_hz and f.end_us > at_us + length_us - window_us
        )
        allowed_us: int = window_us * band.duty_permille // 1000
        return used_us + length_us <= allowed_us

    def _report(self, message: wire.Transmit, status: int, length_us: int) -> None:
        self._line.write(
            wire.encode(
                wire.Transmitted(message.transmission, status, self._hub.now_us, length_us)
            )
        )

    def _on_bytes(self, data: bytes) -> None:
        for chunk in self._splitter.feed(data):
            try:
                message = wire.decode(chunk)
            except WireError:
                self.noise += 1
                continue
            self._on_message(message)

    def _on_message(self, message: tuple[object, ...]) -> None:
        """In the listening thread: answer what needs no virtual time, pass on the rest."""
        now_us = self._hub.now_us
        utc_us = self._start_utc_us + now_us
        with self._changed:
            self._heard_from_station = True
            held = list(self._held.values())
        if isinstance(message, wire.Ping):
            self._line.write(
                wire.encode(wire.Pong(message.token, now_us, utc_us, len(held), self._dropped))
            )
        elif isinstance(message, wire.Configure):
            hello = wire.Hello(wire.PROTOCOL, self._number, _FIRMWARE, now_us, utc_us)
            self._line.write(wire.DELIMITER + wire.encode(hello))
            for encoded in held:
                self._line.write(encoded)
            self._configured.set()
        elif isinstance(message, wire.Transmit | wire.Release):
            with self._changed:
                self._inbox.append(message)
                self._changed.notify()
            self._hub.post(self._work)
