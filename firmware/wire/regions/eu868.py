"""EU868: Europe; also South Africa and others that follow it.

Source: ETSI EN 300 220-2 V3.2.1, table of operational bands, as used by LoRaWAN regional
parameters RP002.
"""

from . import Channel, SubBand

NAME = "EU868"
SUB_BANDS = (
    SubBand(863_000_000, 865_000_000, 1, 14),
    SubBand(865_000_000, 868_000_000, 10, 14),
    SubBand(868_000_000, 868_600_000, 10, 14),
    SubBand(868_700_000, 869_200_000, 1, 14),
    SubBand(869_400_000, 869_650_000, 100, 27),
    SubBand(869_700_000, 870_000_000, 10, 14),
)
UPLINK_CHANNELS = (
    Channel(868_100_000, 125_000),
    Channel(868_300_000, 125_000),
    Channel(868_500_000, 125_000),
)
WIDE_CHANNELS = (Channel(868_300_000, 250_000),)
ACK_CHANNEL = Channel(869_525_000, 125_000)
MAX_PHY_BYTES = {7: 234, 8: 234, 9: 128, 10: 64, 11: 64, 12: 64}
