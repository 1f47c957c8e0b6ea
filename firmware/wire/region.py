"""Radio rules as data, and the timing that both ends of a link share. Now: EU868.

Source: ETSI EN 300 220-2 V3.2.1, table of operational bands, as used by LoRaWAN regional
parameters RP002; SNR limits: Semtech SX1276 datasheet, table 13.

Sub-bands count their duty cycle apart, over any hour, for every transmitter, stations too. Their
power limit is effective radiated power (ERP): what a half-wave dipole would have to be fed with.
"""

from collections import namedtuple

from .airtime import header_ms, symbol_us
from .errors import BadValue, check_range

EU868 = 1  # number of the region on the serial line

SubBand = namedtuple("SubBand", ("low_hz", "high_hz", "duty_permille", "erp_dbm"))
Channel = namedtuple("Channel", ("freq_hz", "bw_hz"))

SUB_BANDS = (
    SubBand(863_000_000, 865_000_000, 1, 14),
    SubBand(865_000_000, 868_000_000, 10, 14),
    SubBand(868_000_000, 868_600_000, 10, 14),
    SubBand(868_700_000, 869_200_000, 1, 14),
    SubBand(869_400_000, 869_650_000, 100, 27),
    SubBand(869_700_000, 870_000_000, 10, 14),
)
DUTY_WINDOW_S = 3600

UPLINK_CHANNELS = (
    Channel(868_100_000, 125_000),
    Channel(868_300_000, 125_000),
    Channel(868_500_000, 125_000),
)
# Acknowledgements; with the spreading factor of the uplink.
ACK_CHANNEL = Channel(869_525_000, 125_000)

SF_MIN = 7
SF_MAX = 12
# By spreading factor.
MAX_PHY_BYTES = {7: 234, 8: 234, 9: 128, 10: 64, 11: 64, 12: 64}
SNR_LIMIT_QDB = {7: -30, 8: -40, 9: -50, 10: -60, 11: -70, 12: -80}  # dB * 4

DIPOLE_CDBI = 215  # gain of a half-wave dipole over the isotropic radiator, in 0.01 dB

# From the end of an uplink to the start of its answer.
RX_DELAY_US = 1_000_000
# The collar's window opens this much before.
RX_EARLY_US = 5_000


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
    raise BadValue("freq_hz", freq_hz, f"a channel of {bw_hz} Hz inside a sub-band of EU868")


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

    Opens RX_EARLY_US before RX_DELAY_US have passed; BW 125 kHz.
    """
    check_range("sf", sf, SF_MIN, SF_MAX)
    return max(50, (8 * symbol_us(sf, ACK_CHANNEL.bw_hz) + 999) // 1000)


def silence_ms(sf: int) -> int:
    """Return how long the collar listens when no answer comes, in ms.

    A preamble may begin at the very end of the window, and is known by its header.
    """
    return window_ms(sf) + header_ms(sf, ACK_CHANNEL.bw_hz)
