"""The collar's board in the twin: what `firmware.board.Board` asks for, made of simulated parts.

`TwinBoard` is what one wake sees of the electronics, built anew at every boot as on a real board.
"""

from firmware import board
from firmware.drivers.accelerometer import Accelerometer
from firmware.drivers.fram import Fram
from hardware.twin.electronics import Hardware
from hardware.twin.errors import StandbyEntered
from hardware.twin.fram import ChipSelect, SpiBus
from hardware.twin.seeded import normal


class _Rtc:
    """`board.rtc`."""

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware

    def now_s(self) -> int:
        return self._hardware.rtc.now_s(self._hardware.hub.now_us)

    def valid(self) -> bool:
        return self._hardware.rtc.valid()

    def set_s(self, unix_s: int) -> None:
        self._hardware.rtc.set_s(unix_s, self._hardware.hub.now_us)


class _Gauge:
    """`board.gauge`."""

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware

    def voltage_uv(self, long: bool = False) -> int:
        hardware = self._hardware
        parts = hardware.parts
        hardware.run(parts.duration_us["gauge"] + (parts.long_us if long else 0), "gauge")
        noise_uv = parts.costs.gauge_long_uv if long else parts.costs.gauge_short_uv
        noise = noise_uv * normal(hardware.seed, "gauge", hardware.hub.now_us)
        step_uv = hardware.parts.gauge_full_uv / 65_535  # 16 bits
        true_uv = hardware.supply.voltage_v * 1e6
        steps = round((true_uv * hardware.parts.gauge_gain + noise) / step_uv)
        return int(min(steps, 65_535) * step_uv + 0.5)

    def temperature_c(self) -> int:
        return round(self._hardware.temperature_c())


class _GnssPort:
    """`board.gnss`."""

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware

    def power(self, on: bool) -> None:
        self._hardware.pay()
        self._hardware.receiver.power(on, self._hardware.hub.now_us)

    def set_baud(self, baud: int) -> None:
        self._hardware.receiver.set_baud(baud)

    def write(self, data: bytes) -> None:
        hardware = self._hardware
        hardware.wait(hardware.receiver.line_us(len(data)))
        hardware.receiver.write(data, hardware.hub.now_us)

    def read(self) -> bytes:
        return self._hardware.receiver.read(self._hardware.hub.now_us)


class _Radio:
    """`board.radio`."""

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware

    def send(self, freq_hz: int, sf: int, bw_hz: int, power_dbm: int, data: bytes) -> None:
        hardware = self._hardware
        duration_us = hardware.parts.duration_us
        hardware.run(duration_us["frame"] + duration_us["radio_startup"])
        hardware.send(freq_hz, sf, bw_hz, power_dbm, data)

    def receive(
        self, freq_hz: int, sf: int, bw_hz: int, window_ms: int
    ) -> tuple[bytes, int, int] | None:
        self._hardware.run(self._hardware.parts.duration_us["radio_startup"])
        return self._hardware.listen(freq_hz, sf, bw_hz, window_ms * 1000)


class _Clock:
    """`board.clock`."""

    def __init__(self, hardware: Hardware) -> None:
        self._hardware = hardware
        self._boot_us = hardware.hub.now_us

    def ticks_ms(self) -> int:
        return (self._hardware.hub.now_us - self._boot_us) // 1000

    def sleep_ms(self, ms: int) -> None:
        if ms > 0:
            self._hardware.idle(ms * 1000)

    def stop_ms(self, ms: int) -> None:
        if ms > 0:
            self._hardware.stop(ms * 1000)


class TwinBoard:
    """One wake's view of the hardware; offers the members of `firmware.board.Board`."""

    def __init__(self, hardware: Hardware, cause: int = board.RESET_POWER_ON) -> None:
        self._hardware = hardware
        self._cause = cause
        chip = hardware.chip
        self.fram: board.Fram = Fram(
            SpiBus(chip, hardware.transfer), ChipSelect(chip), hardware.parts.fram_bytes
        )
        shaken = hardware.accelerometer
        self.accelerometer = Accelerometer(SpiBus(shaken, hardware.transfer), ChipSelect(shaken))
        self.rtc: board.Rtc = _Rtc(hardware)
        self.gauge: board.Gauge = _Gauge(hardware)
        self.gnss: board.GnssPort = _GnssPort(hardware)
        self.radio: board.Radio = _Radio(hardware)
        self.clock: board.Clock = _Clock(hardware)
        self.costs: board.Costs = hardware.parts.costs

    def arm_wakeup(self, seconds: int) -> None:
        """Make the wake-up timer fire every `seconds` from now."""
        self._hardware.arm(seconds)

    def feed_watchdog(self) -> None:
        """Restart the watchdog's countdown."""
        self._hardware.feed()

    def reset_cause(self) -> int:
        """Why this wake began."""
        return self._cause

    def standby(self) -> None:
        """End the wake; never returns."""
        raise StandbyEntered
