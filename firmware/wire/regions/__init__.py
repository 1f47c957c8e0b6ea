"""Radio rules and channel plans as data, one file per region; `region.use` puts one in force.

    NAME              as people write it
    SUB_BANDS         where duty cycle and power are limited, each apart
    UPLINK_CHANNELS   collars take them in turn; one eight-channel gateway hears them all
    WIDE_CHANNELS     250 kHz, half the airtime at 3 dB less reach: of a gateway's ninth receiver,
                      or of a bridge set to it; a collar sends there only if its settings say so
    ACK_CHANNEL       answers, with the spreading factor of the uplink
    MAX_PHY_BYTES     longest frame by spreading factor; what is not there is not used

To add one: a file, its number and a line in `region._module`.
"""

from collections import namedtuple

# ERP: effective radiated power, what a half-wave dipole would have to be fed with.
SubBand = namedtuple("SubBand", ("low_hz", "high_hz", "duty_permille", "erp_dbm"))
Channel = namedtuple("Channel", ("freq_hz", "bw_hz"))
