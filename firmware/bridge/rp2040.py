"""The bridge's board: Waveshare RP2040-LoRa-HF (SX1262, with its antenna switch on two pins).

For another board of RP2040 and SX126x, change the pins here. The board has no clock: it tells no
UTC. Source of the pins: waveshare.com/wiki/RP2040-LoRa.
"""

import time

import machine
import micropython

from .clock import Clock
from .line import Line
from .protocol import Bridge
from .radio import Radio

_FIRMWARE = 1
_SPI = 1
_BAUD = 4_000_000
_SCK, _MOSI, _MISO = 14, 15, 24
_CS, _RESET, _BUSY, _DIO1 = 13, 23, 18, 16
_ANTENNA_TX = 17  # the other side of the switch is the modem's DIO2
_TCXO_MV = 1800
_FIRST_KHZ = 868_300
_MOST_DBM = 22
_WATCHDOG_MS = 5000
_HELD_LIMIT = 64  # of 300 bytes each, at most


class _AntennaSwitch:
    def __init__(self) -> None:
        self._tx = machine.Pin(_ANTENNA_TX, machine.Pin.OUT, value=0)

    def tx(self, _high_power: bool) -> None:
        self._tx(1)

    def rx(self) -> None:
        self._tx(0)

    def idle(self) -> None:
        self._tx(0)


def _modem() -> object:
    from lora import SX1262  # type: ignore[import-not-found]

    modem = SX1262(
        machine.SPI(
            _SPI,
            _BAUD,
            sck=machine.Pin(_SCK),
            mosi=machine.Pin(_MOSI),
            miso=machine.Pin(_MISO),
        ),
        machine.Pin(_CS, machine.Pin.OUT, value=1),
        busy=machine.Pin(_BUSY, machine.Pin.IN),
        dio1=machine.Pin(_DIO1, machine.Pin.IN),
        dio2_rf_sw=True,
        dio3_tcxo_millivolts=_TCXO_MV,
        reset=machine.Pin(_RESET, machine.Pin.OUT, value=1),
        lora_cfg={"freq_khz": _FIRST_KHZ},
        ant_sw=_AntennaSwitch(),
    )
    modem.calibrate_image()
    return modem


def run() -> None:
    """Serve the station for ever; whatever goes wrong ends in a reset."""
    watchdog = machine.WDT(timeout=_WATCHDOG_MS)
    micropython.kbd_intr(-1)  # byte 3 is data, not Ctrl-C
    try:
        line = Line()
        clock = Clock(time.ticks_us, time.ticks_ms, time.ticks_diff)
        radio = Radio(_modem(), clock)
        number = int.from_bytes(machine.unique_id(), "big")
        bridge = Bridge(
            number,
            _FIRMWARE,
            radio,
            line.write,
            clock.now_us,
            most_dbm=_MOST_DBM,
            held_limit=_HELD_LIMIT,
        )
        while True:
            watchdog.feed()
            data = line.read()
            if data:
                bridge.feed(data)
            radio.poll(bridge)
    finally:
        machine.reset()
