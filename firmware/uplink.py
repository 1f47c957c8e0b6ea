"""One conversation with the stations: seal a frame, send it, listen once for who holds it."""

from collections import namedtuple

from . import link
from ._typing import TYPE_CHECKING
from .state import take_counter
from .wire import ack, aes, command, config, frame, region
from .wire.airtime import airtime_us

if TYPE_CHECKING:
    from .board import Board, Fram
    from .state import Identity

#: A frame ready to go: its channel, rate, power and airtime, and the cipher that opens its answer.
Sealed = namedtuple("Sealed", ("channel", "sf", "power_dbm", "airtime_us", "data", "encrypt"))

#: What a station has answered: kind and counter of its frame, and the message in it.
Answer = namedtuple("Answer", ("kind", "counter", "message"))
_ANSWERS = {frame.ACK: ack, frame.CONFIG: config, frame.COMMAND: command}


def seal(
    fram: "Fram",
    identity: "Identity",
    antenna_gain_cdbi: int,
    power_dbm: int,
    now_s: int,
    sf: int,
    payload: bytes,
    kind: int = frame.DATA,
) -> Sealed:
    """Seal a payload under a new nonce counter and enter its airtime in the ledger.

    Raises:
        NoCounter: nothing may be sealed under this key any more.
        WireError: so much power into this antenna is not allowed.
        DutyCycleFull: no airtime is left.
        In both cases the counter is passed over.
    """
    counter = take_counter(fram)
    channel = region.UPLINK_CHANNELS[counter % len(region.UPLINK_CHANNELS)]
    region.check_power(channel.freq_hz, channel.bw_hz, power_dbm, antenna_gain_cdbi)
    encrypt = aes.block_cipher(identity.key)
    header = frame.Header(frame.VERSION, kind, identity.collar, counter)
    data = frame.seal_frame(encrypt, frame.UPLINK, identity.epoch, header, payload)
    air_us = airtime_us(sf, channel.bw_hz, len(data))
    link.Ledger(fram, channel.freq_hz).charge(now_s, air_us)
    return Sealed(channel, sf, power_dbm, air_us, data, encrypt)


def exchange(board: "Board", sealed: Sealed) -> "tuple[bytes | None, int]":
    """Send a frame and open the window; returns what came (None: silence) and the ms listened."""
    board.feed_watchdog()
    channel = sealed.channel
    board.radio.send(channel.freq_hz, sealed.sf, channel.bw_hz, sealed.power_dbm, sealed.data)
    board.feed_watchdog()
    board.clock.sleep_ms((region.RX_DELAY_US - region.RX_EARLY_US) // 1000)
    channel = region.ACK_CHANNEL
    opened_ms = board.clock.ticks_ms()
    heard = board.radio.receive(
        channel.freq_hz, sealed.sf, channel.bw_hz, region.window_ms(sealed.sf)
    )
    return None if heard is None else heard[0], board.clock.ticks_ms() - opened_ms


def read_answer(identity: "Identity", sealed: Sealed, data: bytes) -> "Answer | None":
    """Return what a station has answered; None when it is for another collar or not known here.

    An old acknowledgement played again does no harm: a station did hold what it names. An old
    order is told by its numbers (orders.py).

    Raises:
        WireError: what came in the window is not from a station that has the key.
    """
    header, payload = frame.open_frame(sealed.encrypt, frame.DOWNLINK, identity.epoch, data)
    if header.collar != identity.collar or header.kind not in _ANSWERS:
        return None
    return Answer(header.kind, header.counter, _ANSWERS[header.kind].decode(payload))
