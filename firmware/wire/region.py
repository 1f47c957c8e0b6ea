"""The radio rules in force, and the timing that both ends of a link share.

A device is in one region: EU868 until `use` puts another one in force (regions/). Sub-bands count
their duty cycle apart, over any hour, for every transmitter, stations too.

Source of the SNR limits: Semtech SX1276 datasheet, table 13.
"""

from .airtime import header_ms, symbol_us
from .errors import BadValue, check_range
from .regions import Channel as Channel
from .regions import SubBand as SubBand
from .regions import eu868 as _eu868

try:
    from typing import Any as _Any
except ImportError:  # MicroPython, which ignores annotations
    pass

# Numbers of the regions: on the serial line, and in the collar's settings.
EU868 = 1
US915 = 2
AS923 = 3
IN865 = 4
NUMBERS = {"EU868": EU868, "US915": US915, "AS923": AS923, "IN865": IN865}

NAME = _eu868.NAME
SUB_BANDS = _eu868.SUB_BANDS
UPLINK_CHANNELS = _eu868.UPLINK_CHANNELS
ACK_CHANNEL = _eu868.ACK_CHANNEL
MAX_PHY_BYTES = _eu868.MAX_PHY_BYTES
SF_MAX = max(MAX_PHY_BYTES)
SF_MIN = 7
DUTY_WINDOW_S = 3600
SNR_LIMIT_QDB = {7: -30, 8: -40, 9: -50, 10: -60, 11: -70, 12: -80}  # dB * 4

DIPOLE_CDBI = 215  # gain of a half-wave dipole over the isotropic radiator, in 0.01 dB

# From the end of an uplink to the start of its answer.
RX_DELAY_US = 1_000_000
# The collar's window opens this much before.
RX_EARLY_US = 5_000


def _module(number: int) -> "_Any":
    """Return the data of a region; only what is used is loaded."""
    if number == EU868:
        return _eu868
    if number == US915:
        from .regions import us915 as found
    elif number == AS923:
        from .regions import as923 as found  # type: ignore[no-redef]
    elif number == IN865:
        from .regions import in865 as found  # type: ignore[no-redef]
    else:
        raise BadValue("region", number, "1 EU868, 2 US915, 3 AS923 or 4 IN865")
    return found


def use(number: int, channel: int = 0, sf: int = 0) -> None:
    """Put the rules of a region in force, for the whole process.

    Args:
        number: of the region.
        channel: the only one to send on, from 1: of the region's, then its wide one (250 kHz);
            0 or one it has not: all in turn.
        sf: the only spreading factor to send with; 0 or one it has not: as needed.

    Raises:
        BadValue: there is no region of this number.
    """
    global NAME, SUB_BANDS, UPLINK_CHANNELS, ACK_CHANNEL, MAX_PHY_BYTES, SF_MIN, SF_MAX
    found = _module(number)
    NAME = found.NAME
    SUB_BANDS = found.SUB_BANDS
    one = (found.UPLINK_CHANNELS + found.WIDE_CHANNELS)[channel - 1 : channel] if channel else ()
    UPLINK_CHANNELS = one or found.UPLINK_CHANNELS
    ACK_CHANNEL = found.ACK_CHANNEL
    MAX_PHY_BYTES = found.MAX_PHY_BYTES
    fixed = sf in MAX_PHY_BYTES
    SF_MIN = sf if fixed else min(MAX_PHY_BYTES)
    SF_MAX = sf if fixed else max(MAX_PHY_BYTES)


def sub_band(freq_hz: int, bw_hz: int = 0) -> SubBand:
    """Return the sub-band that holds a channel, its whole bandwidth if given.

    Raises:
        BadValue: no sub-band does.
    """
    for band in SUB_BANDS:
        if (
            band.low_hz <= freq_hz < band.high_hz
            and band.low_hz <= freq_hz - bw_hz // 2
            and freq_hz + bw_hz // 2 <= band.high_hz
        ):
            return band
    raise BadValue("freq_hz", freq_hz, f"a channel of {bw_hz} Hz inside a sub-band of {NAME}")


def erp_cdbm(power_dbm: int, antenna_gain_cdbi: int) -> int:
    """Return the effective radiated power in 0.01 dBm.

    Args:
        power_dbm: fed to the antenna, -128..127.
        antenna_gain_cdbi: over the isotropic radiator, in 0.01 dB, cable loss taken off.

    Raises:
        BadValue: an argument out of range.
    """
    check_range("power_dbm", power_dbm, -128, 127)
    check_range("antenna_gain_cdbi", antenna_gain_cdbi, -6000, 6000)
    return 100 * power_dbm + antenna_gain_cdbi - DIPOLE_CDBI


def check_power(freq_hz: int, bw_hz: int, power_dbm: int, antenna_gain_cdbi: int) -> None:
    """Require that a channel may be sent on with this power into this antenna.

    Raises:
        BadValue: more ERP than the sub-band allows, no sub-band, or an argument out of range.
    """
    limit_dbm = sub_band(freq_hz, bw_hz).erp_dbm
    erp = erp_cdbm(power_dbm, antenna_gain_cdbi)
    if erp > 100 * limit_dbm:
        raise BadValue(
            "radiated power in 0.01 dBm ERP", erp, f"at most {100 * limit_dbm} at {freq_hz} Hz"
        )


def window_ms(sf: int) -> int:
    """Return how long the collar listens for a preamble, in ms: 8 symbols, at least 50 ms.

    Opens RX_EARLY_US before RX_DELAY_US have passed.
    """
    check_range("sf", sf, SF_MIN, SF_MAX)
    return max(50, (8 * symbol_us(sf, ACK_CHANNEL.bw_hz) + 999) // 1000)


def silence_ms(sf: int) -> int:
    """Return how long the collar listens when no answer comes, in ms.

    A preamble may begin at the very end of the window, and is known by its header.
    """
    return window_ms(sf) + header_ms(sf, ACK_CHANNEL.bw_hz)
