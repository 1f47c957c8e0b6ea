"""IN865: India. No duty cycle; 29.2 dBm EIRP by default, which are 27.05 dBm ERP.

Source: LoRaWAN regional parameters RP002-1.0.5, IN865 (earlier issues: 30 dBm EIRP).
"""

from . import Channel, SubBand

NAME = "IN865"
SUB_BANDS = (SubBand(865_000_000, 867_000_000, 1000, 27),)
UPLINK_CHANNELS = (
    Channel(865_062_500, 125_000),
    Channel(865_402_500, 125_000),
    Channel(865_985_000, 125_000),
)
WIDE_CHANNELS = ()  # no channel of the plan leaves room
ACK_CHANNEL = Channel(866_550_000, 125_000)
MAX_PHY_BYTES = {7: 234, 8: 234, 9: 128, 10: 64, 11: 64, 12: 64}
