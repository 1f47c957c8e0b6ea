"""What the station sends: acknowledgements, within its duty cycle, no counter used twice.

A downlink counter is `station number (12 bits) | count (20 bits)`. The number keeps stations
apart that hold the same collar's key. The count goes on from the spool, which counts every
number apart; where the spool has none, it starts at the time since 2026 in steps of 16 minutes
(of 16 years, then again from 0), so that after a lost disk none returns unless the collar was
answered more than 90 times a day ever since. Such a start needs the time: as long as it is not
known, collars that the spool has no count of get no answer.
"""

import hashlib
from dataclasses import dataclass, replace

from firmware.wire import ack, frame, region
from firmware.wire.airtime import airtime_us
from firmware.wire.bridge import Received, Transmit
from ground_station.clock import SETTLED_UTC_US
from ground_station.duty import DutyLedger
from ground_station.errors import StationError
from ground_station.keys import KeyRing
from ground_station.memory import Airtime, Change, Counter, Memory
from ground_station.session import Accepted

_COUNT_BITS = 20
_COUNT_STEP_US = 16 * 60 * 1_000_000
_COUNT_STEPS = 1 << (_COUNT_BITS - 1)
_MAX_ACK_BYTES = (
    64  # of the whole frame: a dozen ranges; more would only cost the collar listening
)


class DownlinkRefused(StationError):
    """An acknowledgement may not be sent; the frame is kept all the same."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An acknowledgement ready to be sent, once its change is on the disk."""

    transmit: Transmit
    change: Change
    airtime: Airtime


def station_number(keys: KeyRing, station: str) -> int:
    """Return the number of a station: that of the key file, else one made from its name."""
    if keys.station_number is not None:
        return keys.station_number
    return int.from_bytes(hashlib.sha256(station.encode()).digest()[:2]) >> 4


class Downlink:
    """Composes acknowledgements.

    Args:
        memory: holds the next counters and the airtime of the last hour.
        station: name of the station; gives its number unless the key file does.
        power_dbm: what the bridge is asked to feed to the antenna.
    """

    def __init__(self, memory: Memory, station: str, power_dbm: int) -> None:
        self._memory = memory
        self._station = station
        self._power_dbm = power_dbm
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
        tell_time: bool = True,
    ) -> Answer:
        """Return the acknowledgement of an accepted frame, its counter and airtime in the change.

        Args:
            accepted: the frame; its payload could be decoded.
            received: how it was heard.
            change: what storing it changes.
            held: ranges of its generation to name.
            keys: the collars' keys.
            heard_at_us: Unix time at the end of the frame [us].
            time_known: whether that time is good enough to start a counter from.
            tell_time: whether it is also good enough for the collar; else 0 is sent.

        Raises:
            DownlinkRefused: the duty cycle is used up, or the counters of this key are, or the
                first of them needs the time.
        """
        assert accepted.generation is not None
        at_us = heard_at_us + region.RX_DELAY_US
        margin_db = (received.snr_qdb - region.SNR_LIMIT_QDB[received.sf]) // 4
        message = ack.Ack(
            accepted.generation,
            at_us // 1_000_000 if time_known and tell_time else 0,
            max(-128, min(127, margin_db)),
            held,
        )
        limit = min(region.MAX_PHY_BYTES[received.sf], _MAX_ACK_BYTES) - frame.OVERHEAD_DOWNLINK
        payload = ack.encode(message, limit)
        now_us = heard_at_us if time_known else None
        return self.compose(frame.ACK, payload, accepted, received, change, keys, now_us)

    def compose(
        self,
        kind: int,
        payload: bytes,
        accepted: Accepted,
        received: Received,
        change: Change,
        keys: KeyRing,
        heard_at_us: int | None,
    ) -> Answer:
        """Return a downlink of any kind in answer to a frame; arguments as for `acknowledge`.

        Args:
            kind: of the frame.
            payload: not sealed yet.
            accepted: the frame to answer.
            received: how it was heard.
            change: what storing it changes.
            keys: the collars' keys.
            heard_at_us: None while the time is not known.

        Raises:
            DownlinkRefused: as for `acknowledge`.
        """
        number = station_number(keys, self._station)
        counter = self._next_counter(accepted, number, heard_at_us)
        header = frame.Header(frame.VERSION, kind, accepted.collar, counter)
        encrypt = keys.cipher(accepted.collar, accepted.epoch)
        assert encrypt is not None
        sealed = frame.seal_frame(encrypt, frame.DOWNLINK, accepted.epoch, header, payload)
        channel = region.ACK_CHANNEL
        at_ticks_us = received.ticks_us + region.RX_DELAY_US
        length_us = airtime_us(received.sf, channel.bw_hz, len(sealed))
        airtime = Airtime(at_ticks_us, length_us, self.ledger.bridge)
        if not self.ledger.allows(airtime):
            used_us = self.ledger.used_us(at_ticks_us)
            raise DownlinkRefused(
                f"duty cycle: {used_us // 1000} ms of the last hour are used, "
                f"{airtime.airtime_us // 1000} ms more are too many"
            )
        self._transmission = self._transmission % 0xFFFFFFFF + 1
        transmit = Transmit(
            self._transmission,
            received.reception,
            at_ticks_us,
            channel.freq_hz,
            received.sf,
            channel.bw_hz,
            self._power_dbm,
            sealed,
        )
        change = replace(change, next_counter=Counter(number, counter + 1), airtime=airtime)
        return Answer(transmit, change, airtime)

    def _next_counter(self, accepted: Accepted, number: int, heard_at_us: int | None) -> int:
        """Return the counter to use; `heard_at_us` is None while the time is not known."""
        counter = self._memory.counters.get((accepted.collar, accepted.epoch, number))
        if counter is None:
            if heard_at_us is None:
                raise DownlinkRefused(
                    f"no counter of collar {accepted.collar} in the spool, and the time to start "
                    "one from is not known: expected the clock to be set"
                )
            steps = (heard_at_us - SETTLED_UTC_US) // _COUNT_STEP_US
            counter = (number << _COUNT_BITS) + steps % _COUNT_STEPS
        if counter == (number + 1) << _COUNT_BITS:
            raise DownlinkRefused(
                f"downlink counters of collar {accepted.collar} in epoch {accepted.epoch} "
                f"are used up at {counter}: give the collar a new key"
            )
        return counter
