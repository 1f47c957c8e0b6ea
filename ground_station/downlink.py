"""What the station sends: acknowledgements, within its duty cycle, no counter used twice.

A downlink counter is `station number (12 bits) | count (20 bits)`. The number keeps stations
apart that hold the same collar's key. The count goes on from the spool; in a new spool it
starts at the time since 2026 in steps of 16 minutes, so that after a lost disk none returns
unless the collar was answered more than 90 times a day ever since.
"""

import hashlib
from collections import deque
from dataclasses import dataclass, replace

from firmware.wire import ack, frame, region
from firmware.wire.airtime import airtime_us
from firmware.wire.bridge import Received, Transmit
from ground_station.clock import SETTLED_UTC_US
from ground_station.errors import StationError
from ground_station.keys import KeyRing
from ground_station.memory import Airtime, Change, Memory
from ground_station.session import Accepted

_COUNT_BITS = 20
_COUNT_STEP_US = 16 * 60 * 1_000_000
_MAX_ACK_BYTES = (
    64  # of the whole frame: a dozen ranges; more would only cost the collar listening
)
_HOUR_US = region.DUTY_WINDOW_S * 1_000_000


class DownlinkRefused(StationError):
    """An acknowledgement may not be sent; the frame is kept all the same."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement ready to be sent, once its change is on the disk."""

    transmit: Transmit
    change: Change
    airtime: Airtime


class DutyLedger:
    """Airtime of one sub-band over any hour.

    Args:
        duty_permille: how much of an hour the rules allow.
        airtimes: what was sent before, ascending.
    """

    def __init__(self, duty_permille: int, airtimes: list[Airtime]) -> None:
        self._limit_us = _HOUR_US * duty_permille // 1000
        self._airtimes = deque(airtimes)

    def used_us(self, at_us: int) -> int:
        """Return the airtime of the hour that ends at a Unix time [us]."""
        # An hour ahead and more: booked while the clock was wrong, would else silence the
        # station for long.
        near = [one for one in self._airtimes if abs(at_us - one.at_us) < _HOUR_US]
        self._airtimes = deque(near)
        return sum(one.airtime_us for one in near)

    def allows(self, airtime: Airtime) -> bool:
        """Return whether this transmission stays within the limit."""
        return self.used_us(airtime.at_us) + airtime.airtime_us <= self._limit_us

    def book(self, airtime: Airtime) -> None:
        """Note a transmission."""
        self._airtimes.append(airtime)

    def give_back(self, airtime: Airtime) -> None:
        """Forget a transmission that was not sent after all."""
        if airtime in self._airtimes:
            self._airtimes.remove(airtime)


class Downlink:
    """Composes acknowledgements.

    Args:
        memory: holds the next counters and the airtime of the last hour.
        station: name of the station; gives its number unless the key file does.
    """

    def __init__(self, memory: Memory, station: str) -> None:
        self._memory = memory
        self._station = station
        self._transmission = 0
        band = region.sub_band(region.ACK_CHANNEL.freq_hz, region.ACK_CHANNEL.bw_hz)
        self.ledger = DutyLedger(band.duty_permille, memory.airtimes)

    def acknowledge(
        self,
        accepted: Accepted,
        received: Received,
        change: Change,
        held: list[tuple[int, int]],
        keys: KeyRing,
        heard_at_us: int,
        *,
        time_known: bool = True,
    ) -> Answer:
        """Return the acknowledgement of an accepted frame, its counter and airtime in the change.

        Args:
            accepted: the frame; its payload could be decoded.
            received: how it was heard.
            change: what storing it changes.
            held: ranges of its generation to name.
            keys: the collars' keys.
            heard_at_us: Unix time at the end of the frame [us].
            time_known: whether that time can be told to the collar; else 0 is sent.

        Raises:
            DownlinkRefused: the duty cycle is used up, or the counters of this key are.
        """
        assert accepted.generation is not None
        at_us = heard_at_us + region.RX_DELAY_US
        counter = self._next_counter(accepted, keys, heard_at_us)
        margin_db = (received.snr_qdb - region.SNR_LIMIT_QDB[received.sf]) // 4
        message = ack.Ack(
            accepted.generation,
            at_us // 1_000_000 if time_known else 0,
            max(-128, min(127, margin_db)),
            held,
        )
        limit = min(region.MAX_PHY_BYTES[received.sf], _MAX_ACK_BYTES) - frame.OVERHEAD_DOWNLINK
        header = frame.Header(frame.VERSION, frame.ACK, accepted.collar, counter)
        encrypt = keys.cipher(accepted.collar, accepted.epoch)
        assert encrypt is not None
        sealed = frame.seal_frame(
            encrypt, frame.DOWNLINK, accepted.epoch, header, ack.encode(message, limit)
        )
        channel = region.ACK_CHANNEL
        airtime = Airtime(at_us, airtime_us(received.sf, channel.bw_hz, len(sealed)))
        if not self.ledger.allows(airtime):
            raise DownlinkRefused(
                f"duty cycle: {self.ledger.used_us(at_us) // 1000} ms of the last hour are used, "
                f"{airtime.airtime_us // 1000} ms more are too many"
            )
        self._transmission = self._transmission % 0xFFFFFFFF + 1
        transmit = Transmit(
            self._transmission,
            received.reception,
            received.ticks_us + region.RX_DELAY_US,
            channel.freq_hz,
            received.sf,
            channel.bw_hz,
            channel.power_dbm,
            sealed,
        )
        change = replace(change, next_counter=counter + 1, airtime=airtime)
        return Answer(transmit, change, airtime)

    def _next_counter(self, accepted: Accepted, keys: KeyRing, heard_at_us: int) -> int:
        number = keys.station_number
        if number is None:
            number = int.from_bytes(hashlib.sha256(self._station.encode()).digest()[:2]) >> 4
        base = number << _COUNT_BITS
        steps = (heard_at_us - SETTLED_UTC_US) // _COUNT_STEP_US
        start = base + max(0, min(steps, 1 << (_COUNT_BITS - 1)))
        counter = self._memory.next_counters.get((accepted.collar, accepted.epoch), start)
        if counter == (number + 1) << _COUNT_BITS:
            raise DownlinkRefused(
                f"downlink counters of collar {accepted.collar} in epoch {accepted.epoch} "
                f"are used up at {counter}: give the collar a new key"
            )
        return counter if counter >> _COUNT_BITS == number else start  # it may have been renamed
