"""What a bridge says and does, without pins: frames kept, answers timed, the law kept.

The radio comes by the constructor: `plan(message)` takes a transmission for its time, False when
another is planned then; `listen(freq_hz, sf, bw_hz)` tells what to hear meanwhile. Whoever runs
the bridge tells it what was heard (`hear`), what was sent (`sent`) and what came over the line
(`feed`). The same code runs on the board and in the twin.

The duty cycle is counted in minutes, per sub-band: a minute counts until it has ended an hour ago.
It does not outlive a reset; the station's own ledger does, and counts for both.
"""

from ..wire import bridge as wire
from ..wire import region
from ..wire.airtime import airtime_us
from ..wire.errors import WireError

_MINUTE_US = 60_000_000
_WINDOW_MINUTES = region.DUTY_WINDOW_S // 60


class DutyCycle:
    """Airtime by sub-band and minute; at most 61 of them are remembered per sub-band."""

    def __init__(self) -> None:
        self._spent = {}  # type: ignore[var-annotated]

    def book(self, at_us: int, length_us: int, band: region.SubBand) -> bool:
        """Enter a transmission; False, and nothing is entered, if the hour has no room for it."""
        minute = (at_us + length_us) // _MINUTE_US
        used_us = length_us
        for key in list(self._spent):
            if key[0] < minute - _WINDOW_MINUTES - 1:
                del self._spent[key]
            elif key[1] == band.low_hz and key[0] >= minute - _WINDOW_MINUTES:
                used_us += self._spent[key]
        if used_us > region.DUTY_WINDOW_S * 1000 * band.duty_permille:
            return False
        key = (minute, band.low_hz)
        self._spent[key] = self._spent.get(key, 0) + length_us
        return True


class Bridge:
    """One bridge.

    Args:
        number: its id, u64.
        firmware: version told in Hello, u16.
        radio: see above.
        write: takes bytes for the line.
        ticks_us: returns its clock, which never jumps.
        utc_us: returns Unix time in us; 0: not known.
        most_dbm: what the amplifier has; more is given as this.
        held_limit: frames kept; beyond it the oldest is dropped.
        antenna_gain_cdbi: until the station tells another.

    Attributes:
        late: transmissions that came after their time.
        refused: transmissions that would have broken the duty cycle.
        noise: chunks on the line that were no message.
        dropped: frames that were not answered before too many younger ones came.
        configured: whether a station has spoken.
    """

    def __init__(  # type: ignore[no-untyped-def]
        self,
        number,
        firmware,
        radio,
        write,
        ticks_us,
        utc_us=lambda: 0,
        most_dbm=22,
        held_limit=64,
        antenna_gain_cdbi=region.DIPOLE_CDBI,
    ) -> None:
        self._number = number
        self._firmware = firmware
        self._radio = radio
        self._write = write
        self._ticks_us = ticks_us
        self._utc_us = utc_us
        self._most_dbm = most_dbm
        self._held_limit = held_limit
        self._gain_cdbi = antenna_gain_cdbi
        self._splitter = wire.Splitter()
        self._held = []  # type: ignore[var-annotated]  # (reception, encoded), oldest first
        self._reception = 0
        self._duty = DutyCycle()
        self.late = self.refused = self.noise = self.dropped = 0
        self.configured = False

    def holds(self, reception: int) -> bool:
        """Return whether a frame waits for its answer."""
        for one in self._held:
            if one[0] == reception:
                return True
        return False

    def hear(  # type: ignore[no-untyped-def]
        self, data, end_us, freq_hz, sf, bw_hz, rssi_dbm, snr_qdb, utc_us=0
    ) -> int:
        """Keep a frame that was heard and tell the station; returns its number."""
        self._reception = (self._reception & 0xFFFFFFFF) + 1
        encoded = wire.encode(
            wire.Received(
                self._reception, end_us, utc_us, freq_hz, sf, bw_hz, rssi_dbm, snr_qdb, data
            )
        )
        self._held.append((self._reception, encoded))
        if len(self._held) > self._held_limit:
            self._held.pop(0)
            self.dropped += 1
        self._write(encoded)
        return self._reception

    def feed(self, data: bytes) -> None:
        """Take bytes from the line and act on the messages in them."""
        for message in self.read(data):
            self.take(message)

    def read(self, data: bytes) -> list:  # type: ignore[type-arg]
        """Take bytes from the line; return the messages that they complete."""
        messages = []
        for chunk in self._splitter.feed(data):
            try:
                messages.append(wire.decode(chunk))
            except WireError:
                self.noise += 1
        return messages

    def take(self, message: tuple) -> None:  # type: ignore[type-arg]
        """Act on a message of the station."""
        if isinstance(message, wire.Transmit):
            self._transmit(message)
        elif isinstance(message, wire.Release):
            self._forget(message.reception)
        elif isinstance(message, wire.Ping):
            held = min(len(self._held), 0xFFFF)
            pong = (message.token, self._ticks_us(), self._utc_us(), held, self.dropped)
            self._write(wire.encode(wire.Pong(*pong)))
        elif isinstance(message, wire.Listen):
            self._gain_cdbi = message.antenna_gain_cdbi
            self._radio.listen(message.freq_hz, message.sf, message.bw_hz)
        elif isinstance(message, wire.Configure):
            self._configure(message.region)

    def _configure(self, number: int) -> None:
        """Put the station's radio rules in force and greet; without a greeting it is told."""
        try:
            region.use(number)
        except WireError:
            return
        self._greet()

    def sent(self, message: tuple, status: int, end_us: int) -> None:  # type: ignore[type-arg]
        """Tell the station what became of a planned transmission."""
        length_us = 0
        if status == wire.SENT:
            length_us = airtime_us(message.sf, message.bw_hz, len(message.data))  # type: ignore[attr-defined]
        self._report(message, status, end_us, length_us)

    def _greet(self) -> None:
        hello = wire.Hello(
            wire.PROTOCOL, self._number, self._firmware, self._ticks_us(), self._utc_us()
        )
        self._write(wire.DELIMITER + wire.encode(hello))
        for one in self._held:
            self._write(one[1])
        self.configured = True

    def _forget(self, reception: int) -> bool:
        for i in range(len(self._held)):
            if self._held[i][0] == reception:
                self._held.pop(i)
                return True
        return False

    def _transmit(self, message) -> None:  # type: ignore[no-untyped-def]
        known = self._forget(message.in_reply_to)
        now_us = self._ticks_us()
        if (message.in_reply_to and not known) or message.at_ticks_us < now_us:
            self.late += 1
            return self._report(message, wire.TOO_LATE, now_us, 0)
        try:
            band = region.sub_band(message.freq_hz, message.bw_hz)
            region.check_power(message.freq_hz, message.bw_hz, message.power_dbm, self._gain_cdbi)
            length_us = airtime_us(message.sf, message.bw_hz, len(message.data))
        except WireError:
            return self._report(message, wire.NOT_SENT, now_us, 0)
        if not self._duty.book(message.at_ticks_us, length_us, band):
            self.refused += 1
            return self._report(message, wire.DUTY_CYCLE_REFUSED, now_us, 0)
        fields = list(message)
        fields[6] = min(message.power_dbm, self._most_dbm)
        if not self._radio.plan(wire.Transmit(*fields)):
            self._report(message, wire.NOT_SENT, now_us, 0)
        return None

    def _report(self, message, status: int, ticks_us: int, length_us: int) -> None:  # type: ignore[no-untyped-def]
        self._write(
            wire.encode(wire.Transmitted(message.transmission, status, ticks_us, length_us))
        )
