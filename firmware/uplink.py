"""One conversation with the stations: seal a frame, send it, listen once for who holds it."""

from collections import namedtuple

from . import link
from ._typing import TYPE_CHECKING
from .state import take_counter
from .wire import ack, aes, frame, region
from .wire.airtime import airtime_us

if TYPE_CHECKING:
    from .board import Board, Fram
    from .config import Settings
    from .state import Identity

#: A frame ready to go: its channel, rate and airtime, and the cipher its answer is opened with.
Sealed = namedtuple("Sealed", ("channel", "sf", "airtime_us", "data", "encrypt"))


def seal(
    fram: "Fram",
    identity: "Identity",
    settings: "Settings",
    now_s: int,
    sf: int,
    payload: bytes,
) -> Sealed:
    """Seal a DATA payload under a new nonce counter and enter its airtime in the ledger.

    Raises:
        NoCounter: nothing may be sealed under this key any more.
        LinkError: too much power or no airtime left; the counter is passed over.
    """
    counter = take_counter(fram)
    channel = region.UPLINK_CHANNELS[counter % len(region.UPLINK_CHANNELS)]
    link.check_power(channel.freq_hz, channel.bw_hz, settings)
    encrypt = aes.block_cipher(identity.key)
    header = frame.Header(frame.VERSION, frame.DATA, identity.collar, counter)
    data = frame.seal_frame(encrypt, frame.UPLINK, identity.epoch, header, payload)
    air_us = airtime_us(sf, channel.bw_hz, len(data))
    link.Ledger(fram, channel.freq_hz).charge(now_s, air_us)
    return Sealed(channel, sf, air_us, data, encrypt)


def exchange(
    board: "Board", identity: "Identity", sealed: Sealed, power_dbm: int
) -> "ack.Ack | None":
    """Send a frame, open the window, return the acknowledgement for this collar; None for silence.

    An old acknowledgement played again does no harm: a station did hold what it names.

    Raises:
        WireError: what came in the window is not from a station that has the key.
    """
    board.feed_watchdog()
    channel = sealed.channel
    board.radio.send(channel.freq_hz, sealed.sf, channel.bw_hz, power_dbm, sealed.data)
    board.feed_watchdog()
    board.clock.sleep_ms((region.RX_DELAY_US - region.RX_EARLY_US) // 1000)
    channel = region.ACK_CHANNEL
    heard = board.radio.receive(
        channel.freq_hz, sealed.sf, channel.bw_hz, region.window_ms(sealed.sf)
    )
    if heard is None:
        return None
    header, payload = frame.open_frame(sealed.encrypt, frame.DOWNLINK, identity.epoch, heard[0])
    if header.kind != frame.ACK or header.collar != identity.collar:
        return None
    return ack.decode(payload)
