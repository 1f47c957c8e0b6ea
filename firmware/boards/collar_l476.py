"""The collar's board: STM32L476 with SX1261, u-blox MAX-M10S and SPI FRAM.

Abbreviation: RM = ST RM0351 (STM32L47x reference manual), DS = ST DS10198 (STM32L476 datasheet).
"""

import time

import machine
import stm

from ..board import (
    RESET_BROWNOUT,
    RESET_PIN,
    RESET_POWER_ON,
    RESET_STANDBY_WAKE,
    RESET_WATCHDOG,
)
from ..drivers.accelerometer import Accelerometer
from ..drivers.fram import Fram
from ..drivers.gauge import Gauge
from ..drivers.radio import Radio
from ..drivers.rtc import Rtc
from . import _pins_collar_l476 as pins
from ._costs_collar_l476 import COSTS

_RADIO_BAUD = 8_000_000
_RADIO_KHZ = 868_300
_SAFE_WAKE_S = 3600  # until the application has armed its own wake-up

_VREFINT_CAL = 0x1FFF75AA  # 12-bit reading of the internal reference at 3.0 V, DS 3.15.2
_TS_CAL1 = 0x1FFF75A8  # temperature sensor at 30 degrees and 3.0 V, DS 3.15.1
_TS_CAL2 = 0x1FFF75CA  # at 110 degrees
_CAL_UV = 3_000_000


def _off(name: str) -> machine.Pin:
    """Return an output that starts low: the part it switches is off."""
    return machine.Pin(name, machine.Pin.OUT, value=0)


def _reference_uv(count: int = 1) -> int:
    """Return the converter's reference, the rail, from the internal one read `count` times."""
    channel, total = machine.ADC(machine.ADC.CORE_VREF), 0
    for _ in range(count):
        total += channel.read_u16() >> 4
    return int(_CAL_UV * stm.mem16[_VREFINT_CAL] * count // max(total, 1))


def _temperature_c() -> int:
    raw = machine.ADC(machine.ADC.CORE_TEMP).read_u16() >> 4
    cal1, cal2 = stm.mem16[_TS_CAL1], stm.mem16[_TS_CAL2]
    at_cal = raw * _reference_uv() // _CAL_UV
    return int(30 + (at_cal - cal1) * 80 // (cal2 - cal1))


def _mark_address() -> int:
    return stm.RTC + stm.RTC_BKP5R  # the first ones are left to boot loaders


def _read_mark() -> int:
    return int(stm.mem32[_mark_address()])


def _write_mark(value: int) -> None:
    stm.mem32[_mark_address()] = value


class _GnssPort:
    """Receiver rail and UART; the UART exists only while the receiver is on."""

    def __init__(self) -> None:
        self._switch = _off(pins.GNSS_POWER)
        self._uart: machine.UART | None = None

    @property
    def on(self) -> bool:
        return self._uart is not None

    def power(self, on: bool) -> None:
        """Switch the receiver's rail and backup together."""
        if on:
            self._switch(1)
            self._uart = machine.UART(
                pins.GNSS_UART, pins.GNSS_BAUD, rxbuf=pins.GNSS_BUFFER_BYTES, timeout=0
            )
        else:
            if self._uart is not None:
                self._uart.deinit()
                self._uart = None
            self._switch(0)

    def set_baud(self, baud: int) -> None:
        """Set this side's rate; after power-on it is the receiver's default."""
        if self._uart is not None:
            self._uart.init(baud, rxbuf=pins.GNSS_BUFFER_BYTES, timeout=0)

    def write(self, data: bytes) -> None:
        """Send bytes to the receiver; none while it is off."""
        if self._uart is not None:
            self._uart.write(data)

    def read(self) -> bytes:
        """Return the bytes received since the last read, possibly none; never waits."""
        if self._uart is None:
            return b""
        return self._uart.read(self._uart.any()) or b""


class _AntennaSwitch:
    """Supply of the shield's antenna switch; the modem's DIO2 selects the side."""

    def __init__(self) -> None:
        self._power = _off(pins.RADIO_SWITCH)

    def tx(self, _high_power: bool) -> None:
        self._power(1)

    def rx(self) -> None:
        self._power(1)

    def idle(self) -> None:
        self._power(0)


class _LazyRadio:
    """The modem, built when first used: most wakes do without."""

    def __init__(self) -> None:
        self._radio: Radio | None = None

    def _ready(self) -> Radio:
        if self._radio is None:
            from lora import SX1261  # type: ignore[import-not-found]

            modem = SX1261(
                machine.SPI(pins.RADIO_SPI, _RADIO_BAUD),
                machine.Pin(pins.RADIO_CS, machine.Pin.OUT, value=1),
                busy=machine.Pin(pins.RADIO_BUSY, machine.Pin.IN),
                dio1=machine.Pin(pins.RADIO_DIO1, machine.Pin.IN),
                reset=machine.Pin(pins.RADIO_RESET, machine.Pin.OUT, value=1),
                lora_cfg={"freq_khz": _RADIO_KHZ},
                ant_sw=_AntennaSwitch(),
            )
            modem.calibrate_image()  # the chip comes up calibrated for 915 MHz
            self._radio = Radio(modem)
        return self._radio

    def send(self, freq_hz: int, sf: int, bw_hz: int, power_dbm: int, data: bytes) -> None:
        """Send one frame; return when it has ended."""
        self._ready().send(freq_hz, sf, bw_hz, power_dbm, data)

    def receive(
        self, freq_hz: int, sf: int, bw_hz: int, window_ms: int
    ) -> "tuple[bytes, int, int] | None":
        """Listen for one frame."""
        return self._ready().receive(freq_hz, sf, bw_hz, window_ms)

    def close(self, always: bool) -> None:
        """Put the modem into its deepest sleep; `always`: even if this wake did not use it."""
        if always or self._radio is not None:
            self._ready().close()
            self._radio = None


class _Clock:
    """Milliseconds of this wake, the time in Stop included."""

    def __init__(self, board: "CollarL476") -> None:
        self._board = board
        self._stopped_ms = 0

    def ticks_ms(self) -> int:
        """Return milliseconds since some moment of this wake."""
        return time.ticks_ms() + self._stopped_ms

    def sleep_ms(self, ms: int) -> None:
        """Wait in Stop, or in Sleep while the receiver's UART must stay alive."""
        if ms > 0 and self._board.gnss.on:
            time.sleep_ms(ms)
            return
        self.stop_ms(ms)

    def stop_ms(self, ms: int) -> None:
        """Wait in Stop: pins keep their level, what serial lines bring is lost.

        Stop borrows the wake-up timer, so it is armed again behind it; the watchdog runs on.
        """
        if ms <= 0:
            return
        machine.lightsleep(ms)  # its own clock stands still meanwhile
        self._stopped_ms += ms
        self._board.arm_wakeup(self._board.armed_s)


class CollarL476:
    """The members of `firmware.board.Board`."""

    def __init__(self) -> None:
        self._machine_rtc = machine.RTC()
        self.armed_s = _SAFE_WAKE_S
        self.arm_wakeup(self.armed_s)
        self._watchdog = machine.WDT(id=0, timeout=pins.PROCESSOR_WATCHDOG_MS)
        self.gnss = _GnssPort()
        self._fram_switch = _off(pins.FRAM_POWER)
        self._fram_switch(1)
        time.sleep_ms(1)  # power-up time of the memory
        self.costs = COSTS
        self.clock = _Clock(self)
        self.rtc = Rtc(self._machine_rtc.datetime, _read_mark, _write_mark)
        # the accelerometer knows only mode 3, the memory both 0 and 3
        bus = machine.SPI(pins.FRAM_SPI, pins.FRAM_BUS_BAUD, polarity=1, phase=1)
        self.accelerometer = Accelerometer(
            bus, machine.Pin(pins.ACCEL_CS, machine.Pin.OUT, value=1)
        )
        self.fram = Fram(
            bus,
            machine.Pin(pins.FRAM_CS, machine.Pin.OUT, value=1),
            pins.FRAM_SIZE_BYTES,
        )
        self.gauge = Gauge(
            machine.ADC(machine.Pin(pins.GAUGE_ADC)),
            _off(pins.GAUGE_POWER),
            lambda: time.sleep_ms(pins.GAUGE_SETTLE_MS),
            _reference_uv,
            pins.GAUGE_DIVIDER_PERMILLE,
            (pins.GAUGE_SHORT_COUNT, pins.GAUGE_LONG_COUNT),
            _temperature_c,
        )
        self.radio = _LazyRadio()

    def arm_wakeup(self, seconds: int) -> None:
        """Make the wake-up timer fire every `seconds` from now, until armed again."""
        self.armed_s = max(1, min(seconds, pins.PROCESSOR_WAKEUP_MAX_S))
        self._machine_rtc.wakeup(self.armed_s * 1000)

    def feed_watchdog(self) -> None:
        """Restart the watchdog's countdown."""
        self._watchdog.feed()

    def reset_cause(self) -> int:
        """Return why this wake began.

        MicroPython has cleared the flags that tell a brown-out from a first power-on (both are
        BORRSTF on this chip): it was a brown-out when the clock kept its mark.
        """
        cause = machine.reset_cause()
        if cause == machine.DEEPSLEEP_RESET:
            return RESET_STANDBY_WAKE
        if cause == machine.WDT_RESET:
            return RESET_WATCHDOG
        if cause == machine.PWRON_RESET:
            return RESET_BROWNOUT if self.rtc.valid() else RESET_POWER_ON
        return RESET_PIN

    def standby(self) -> None:
        """Enter Standby: switched rails off, memory lost. Does not return.

        A part that fails is left as it is: nothing may keep the processor awake.
        """
        try:
            for switch_off in (self._gnss_off, self._radio_off, self._fram_off):
                try:
                    switch_off()
                except Exception:  # nobody is left to tell
                    pass
        finally:
            machine.deepsleep()

    def _gnss_off(self) -> None:
        self.gnss.power(False)

    def _radio_off(self) -> None:
        self.radio.close(always=self.reset_cause() != RESET_STANDBY_WAKE)

    def _fram_off(self) -> None:
        self._fram_switch(0)


def build() -> CollarL476:
    """Return the board: wake-up timer first, then the watchdog, then everything else."""
    return CollarL476()


def sleep_without_board() -> None:
    """Enter Standby for an hour when the board could not be built; does not return."""
    try:
        machine.RTC().wakeup(_SAFE_WAKE_S * 1000)
    finally:
        machine.deepsleep()
