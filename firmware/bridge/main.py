"""Entry point of the bridge: runs at power-on."""

from firmware.bridge import rp2040

rp2040.run()
