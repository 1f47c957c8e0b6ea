"""The bridge's use of micropython-lib's `lora` driver: it listens, and sends at planned times.

The modem object comes by the constructor (`lora.SX1262` of lora-sync and lora-sx126x; only its
calls that do not wait are used), so this file runs, and is tested, without the driver. One radio
hears one channel and one spreading factor, and nothing while it sends.
"""

from ..drivers.radio import lora_settings
from ..wire import bridge as wire
from ..wire import region
from ..wire.airtime import airtime_us

_BANDWIDTHS = (125000, 250000, 500000)
_LEAST_DBM = -9  # of an SX1262; it would give this where less is asked
_LEAD_US = 10_000  # for setting the modem up, over SPI
_SLACK_US = 5_000  # later than this is too late
_STUCK_US = 500_000  # longer than its airtime no transmission takes
_FAR_US = 60_000_000  # nothing is planned further ahead: it would only block others
_MAX_PLANNED = 8
_LOW_HZ, _HIGH_HZ = 150_000_000, 960_000_000  # of an SX126x


class Radio:
    """A modem that receives continuously but while it sends.

    Args:
        modem: the driver's.
        clock: clock.Clock.

    Attributes:
        crc_errors: packets that came damaged.
    """

    def __init__(self, modem, clock) -> None:  # type: ignore[no-untyped-def]
        self._modem = modem
        self._clock = clock
        self._planned = []  # type: ignore[var-annotated]  # soonest first
        self._sending = None
        self._deadline_us = 0
        first = region.UPLINK_CHANNELS[0]
        self._channel = (first.freq_hz, region.SF_MIN, first.bw_hz)
        self._receive()

    @property
    def crc_errors(self) -> int:
        """Packets that came damaged."""
        return int(self._modem.crc_errors)

    def listen(self, freq_hz: int, sf: int, bw_hz: int) -> None:
        """Hear this channel from now on; one that the modem has not is passed over."""
        can = bw_hz in _BANDWIDTHS and 5 <= sf <= 12 and _LOW_HZ <= freq_hz <= _HIGH_HZ
        if can and (freq_hz, sf, bw_hz) != self._channel:
            self._channel = (freq_hz, sf, bw_hz)
            if self._sending is None:
                self._receive()

    def plan(self, message) -> bool:  # type: ignore[no-untyped-def]
        """Take a transmission for its time; False if it cannot be sent then."""
        if message.bw_hz not in _BANDWIDTHS or message.power_dbm < _LEAST_DBM:
            return False
        far = message.at_ticks_us > self._clock.now_us() + _FAR_US
        if far or len(self._planned) >= _MAX_PLANNED:
            return False
        end_us = _end_us(message)
        busy = self._planned + ([self._sending] if self._sending else [])
        for other in busy:
            if message.at_ticks_us < _end_us(other) + _LEAD_US:
                if other.at_ticks_us < end_us + _LEAD_US:
                    return False
        self._planned.append(message)
        self._planned.sort(key=lambda one: one.at_ticks_us)
        return True

    def poll(self, bridge) -> None:  # type: ignore[no-untyped-def]
        """Do what is due, and tell the bridge what was heard and sent."""
        now_us = self._clock.now_us()
        if self._sending is not None:
            self._poll_send(bridge, now_us)
        elif self._planned and now_us >= self._planned[0].at_ticks_us - _LEAD_US:
            self._send(bridge, self._planned.pop(0), now_us)
        else:
            self._poll_receive(bridge)

    def _poll_receive(self, bridge) -> None:  # type: ignore[no-untyped-def]
        packet = self._modem.poll_recv()
        if packet is True:
            return
        if packet is False:
            return self._receive()
        if not packet.crc_error:
            freq_hz, sf, bw_hz = self._channel
            end_us = self._clock.at_us(packet.ticks_ms)
            bridge.hear(bytes(packet), end_us, freq_hz, sf, bw_hz, packet.rssi, packet.snr)
        return None

    def _send(self, bridge, message, now_us: int) -> None:  # type: ignore[no-untyped-def]
        if now_us > message.at_ticks_us + _SLACK_US:
            return bridge.sent(message, wire.TOO_LATE, now_us)  # type: ignore[no-any-return]
        try:
            self._modem.standby()
            settings = lora_settings(message.freq_hz, message.sf, message.bw_hz)
            settings["output_power"] = message.power_dbm
            settings["invert_iq_tx"] = True
            self._modem.configure(settings)
            self._modem.prepare_send(message.data)
            while self._clock.now_us() < message.at_ticks_us:
                pass
            self._modem.start_send()
        except (OSError, RuntimeError, ValueError):
            bridge.sent(message, wire.RADIO_ERROR, self._clock.now_us())
            return self._receive()
        self._sending = message
        self._deadline_us = _end_us(message) + _STUCK_US
        return None

    def _poll_send(self, bridge, now_us: int) -> None:  # type: ignore[no-untyped-def]
        going = self._modem.poll_send() is True
        if going and now_us < self._deadline_us:
            return
        message, self._sending = self._sending, None
        self._receive()
        bridge.sent(message, wire.RADIO_ERROR if going else wire.SENT, now_us)

    def _receive(self) -> None:
        self._modem.standby()
        settings = lora_settings(*self._channel)
        settings["invert_iq_rx"] = False
        self._modem.configure(settings)
        self._modem.start_recv(continuous=True)


def _end_us(message) -> int:  # type: ignore[no-untyped-def]
    length_us = airtime_us(message.sf, message.bw_hz, len(message.data))
    return int(message.at_ticks_us) + length_us
