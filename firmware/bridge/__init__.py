"""The station's bridge: a LoRa radio on a serial line, on RP2040 and SX126x, and in the twin."""
