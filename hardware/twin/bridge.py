"""The virtual bridge: the bridge's own code (`firmware.bridge.protocol`) on the twin's air.

Its radio is the twin's ether, its line a real pseudo-terminal. Ping and Configure are answered at
once by the listening thread. A heard frame is handed to the station while virtual time stands
still: the hub waits for the station's answer (Release or Transmit), so an acknowledgement is never
late because virtual time runs faster than the wall clock. What stays unanswered is kept and sent
again after the next Configure.
"""

import math
import threading
from collections import deque

from firmware.bridge import protocol
from firmware.wire import bridge as wire
from hardware.twin.errors import StationSilent
from hardware.twin.ether import Ether, Transmission, reading
from hardware.twin.hub import Hub
from hardware.twin.line import SerialLine

_FIRMWARE = 1
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
        self.answer_limit_s = answer_limit_s
        self.unanswered = 0
        self._inbox: deque[tuple[object, ...]] = deque()
        self._changed = threading.Condition()  # also guards the protocol
        self._configured = threading.Event()
        self._heard_from_station = True
        ether.on_heard = self.hear
        self._line = SerialLine(self._on_bytes, resync=wire.DELIMITER)
        self._protocol = protocol.Bridge(
            number,
            _FIRMWARE,
            self,
            self._line.write,
            lambda: self._hub.now_us,
            lambda: self._start_utc_us + self._hub.now_us,
            held_limit=_HELD_LIMIT,
            antenna_gain_cdbi=math.ceil(100 * ether.air.station_gain_db),
        )

    @property
    def port(self) -> str:
        """Path the station opens."""
        return self._line.port

    @property
    def late(self) -> int:
        """Transmissions that came after their time."""
        return self._protocol.late

    @property
    def refused(self) -> int:
        """Transmissions that would have broken the duty cycle."""
        return self._protocol.refused

    @property
    def noise(self) -> int:
        """Chunks on the line that were no message."""
        return self._protocol.noise

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
        with self._changed:
            reception = self._protocol.hear(
                frame.data,
                frame.end_us,
                frame.freq_hz,
                frame.sf,
                frame.bw_hz,
                rssi_dbm,
                snr_qdb,
                self._start_utc_us + frame.end_us,
            )
        self._await_answer(reception)

    def listen(self, freq_hz: int, sf: int, bw_hz: int) -> None:
        """Go on hearing everything: the ether's receiver has all channels, as a gateway has."""

    def plan(self, message: wire.Transmit) -> bool:
        """Take a transmission for its time; False if the radio is sending then."""
        frame = self._ether.downlink(
            message.at_ticks_us,
            message.freq_hz,
            message.sf,
            message.bw_hz,
            message.power_dbm,
            message.data,
        )
        if frame is None:
            return False
        self._hub.at(frame.end_us, lambda: self._note_sent(message, frame.end_us))
        return True

    def close(self) -> None:
        """Close the port."""
        self._line.close()

    def _note_sent(self, message: wire.Transmit, end_us: int) -> None:
        with self._changed:
            self._protocol.sent(message, wire.SENT, end_us)

    def _await_answer(self, reception: int) -> None:
        with self._changed:
            limit_s = self.answer_limit_s
            if not self._heard_from_station:
                limit_s = min(limit_s, _SILENT_WAIT_S)
            self._heard_from_station = False
        while True:
            self._work()
            with self._changed:
                if not self._protocol.holds(reception):
                    return
                if not self._inbox and not self._changed.wait(limit_s):
                    self.unanswered += 1
                    return

    def _work(self) -> None:
        """Act on the station's answers, in the hub's thread."""
        while self._inbox:
            with self._changed:
                self._protocol.take(self._inbox.popleft())

    def _on_bytes(self, data: bytes) -> None:
        """In the listening thread: answer what needs no virtual time, pass on the rest."""
        with self._changed:
            for message in self._protocol.read(data):
                self._heard_from_station = True
                if isinstance(message, wire.Transmit | wire.Release):
                    self._inbox.append(message)
                    self._changed.notify()
                    self._hub.post(self._work)
                else:
                    self._protocol.take(message)
            if self._protocol.configured:
                self._configured.set()
