"""US915: United States and Canada; hybrid hopping over the second eight channels.

No duty cycle; a packet on 125 kHz lasts at most 400 ms, which ends at spreading factor 9. Answers
are wide-band (digital modulation, 500 kHz).

Source: 47 CFR 15.247; channels: LoRaWAN regional parameters RP002, US902-928. 30 dBm conducted
into 6 dBi is 33.85 dBm ERP; 21 dBm conducted (hybrid, fewer than 50 channels) is kept here.
"""

from . import Channel, SubBand

NAME = "US915"
SUB_BANDS = (SubBand(902_000_000, 928_000_000, 1000, 21),)
UPLINK_CHANNELS = tuple([Channel(903_900_000 + 200_000 * n, 125_000) for n in range(8)])
WIDE_CHANNELS = ()  # 125 kHz or 500 kHz only
ACK_CHANNEL = Channel(923_300_000, 500_000)
MAX_PHY_BYTES = {7: 234, 8: 138, 9: 66}
