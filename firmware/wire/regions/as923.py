"""AS923 (group 1): Japan, Singapore, Thailand and others.

Duty cycle 1 %, and at most 400 ms a packet, which ends at spreading factor 9. 16 dBm EIRP are
13.85 dBm ERP.

Source: LoRaWAN regional parameters RP002, AS923-1.
"""

from . import Channel, SubBand

NAME = "AS923"
SUB_BANDS = (SubBand(915_000_000, 928_000_000, 10, 13),)
UPLINK_CHANNELS = tuple([Channel(923_200_000 + 200_000 * n, 125_000) for n in range(8)])
WIDE_CHANNELS = (Channel(924_500_000, 250_000),)
ACK_CHANNEL = Channel(923_200_000, 125_000)
MAX_PHY_BYTES = {7: 234, 8: 138, 9: 66}
