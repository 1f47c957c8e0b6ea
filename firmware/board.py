"""All that the collar needs of its hardware: the seam between firmware, board and twin.

`firmware/boards/collar_l476.py` and the twin both offer these members; the firmware sees no other
hardware. Classes are protocols: nothing inherits from them, mypy compares the shapes.
"""

from collections import namedtuple

RESET_POWER_ON = 0
RESET_STANDBY_WAKE = 1
RESET_WATCHDOG = 2
RESET_BROWNOUT = 3
RESET_PIN = 4

#: What things cost, as integers. Every power and energy is stated at the storage, conversion loss
#: included. Generated from `hardware/collar.toml` by `python -m hardware.describe`.
#:
#: capacitance_mf, esr_mohm: the storage; full_uv: charging stops; empty_uv: zero of the stored
#: energy; brownout_uv: the supervisor cuts the rail, also when a sag reaches it.
#: standby_nw: the whole collar asleep; leakage_nw: of the full storage, a resistance beside it.
#: gauge_short_uv, gauge_long_uv: noise of a reading; gauge_long_uj: what a long one costs more.
#: boot_uj: a wake without a task, the voltage read included.
#: frame_uj: the processor's work for one frame and its window, besides waiting.
#: processor_uw runs; processor_sleep_uw waits for a part (receiver on, modem at work);
#: processor_stop_uw waits in Stop. gnss_search_uw while the receiver is on; gnss_search_s: first
#: guess of a search. radio_tx_uw at radio_tx_dbm; radio_rx_uw while listening.
#: antenna_gain_cdbi: of the antenna fitted, over the isotropic radiator, in 0.01 dB.
Costs = namedtuple(
    "Costs",
    (
        "capacitance_mf",
        "esr_mohm",
        "full_uv",
        "empty_uv",
        "brownout_uv",
        "standby_nw",
        "leakage_nw",
        "gauge_short_uv",
        "gauge_long_uv",
        "gauge_long_uj",
        "boot_uj",
        "frame_uj",
        "processor_uw",
        "processor_sleep_uw",
        "processor_stop_uw",
        "gnss_search_uw",
        "gnss_search_s",
        "radio_tx_uw",
        "radio_tx_dbm",
        "radio_rx_uw",
        "antenna_gain_cdbi",
    ),
)

try:
    from typing import Protocol
except ImportError:  # MicroPython, which ignores hints
    pass
else:

    class Fram(Protocol):
        """Non-volatile memory, written byte after byte; a power cut leaves a prefix of a write."""

        size_bytes: int

        def read(self, address: int, count: int) -> bytes:
            """Return `count` bytes from `address`."""
            ...

        def write(self, address: int, data: bytes) -> None:
            """Write `data` at `address`, lowest address first."""
            ...

    class Rtc(Protocol):
        """Clock that runs on through Standby."""

        def now_s(self) -> int:
            """Return Unix seconds; without meaning while `valid()` is False."""
            ...

        def valid(self) -> bool:
            """Return whether the clock was set since it last lost power."""
            ...

        def set_s(self, unix_s: int) -> None:
            """Set the clock to `unix_s` Unix seconds; it is valid from then on."""
            ...

    class Gauge(Protocol):
        """Voltage of the storage, and the collar's temperature."""

        def voltage_uv(self, long: bool = False) -> int:
            """Return the storage voltage [uV], averaged; the divider is on only meanwhile.

            A long reading has less noise (`Costs.gauge_long_uv`), and a cost.
            """
            ...

        def temperature_c(self) -> int:
            """Return the processor's temperature [degrees Celsius]."""
            ...

    class GnssPort(Protocol):
        """Power switch and serial line of the GNSS receiver."""

        def power(self, on: bool) -> None:
            """Switch the receiver's rail and backup together."""
            ...

        def write(self, data: bytes) -> None:
            """Send bytes to the receiver."""
            ...

        def read(self) -> bytes:
            """Return the bytes received since the last read, possibly none; never waits."""
            ...

        def set_baud(self, baud: int) -> None:
            """Set this side's rate; after power-on it is the receiver's default."""
            ...

    class Accelerometer(Protocol):
        """Sensor of motion that runs on through Standby (drivers/accelerometer.py)."""

        def start(self, threshold_mg: int) -> None:
            """Let it run with this threshold, unless it does; raises when it does not answer."""
            ...

        def moved(self) -> bool:
            """Return whether the threshold was passed since this was last asked."""
            ...

        def samples(self) -> "list[tuple[int, int, int]]":
            """Return the last samples (x, y, z) [mg], the oldest first, and forget them."""
            ...

    class Radio(Protocol):
        """LoRa modem: asleep outside these two calls."""

        def send(self, freq_hz: int, sf: int, bw_hz: int, power_dbm: int, data: bytes) -> None:
            """Send one frame (explicit header, CRC, 4/5, 8 symbols); return when it has ended."""
            ...

        def receive(
            self, freq_hz: int, sf: int, bw_hz: int, window_ms: int
        ) -> "tuple[bytes, int, int] | None":
            """Listen with IQ inverted for a preamble that begins within `window_ms`.

            Returns at the end of the frame, or of a preamble and header after the window.

            Returns:
                (data, rssi_dbm, snr_qdb), the SNR in quarters of a decibel; None for silence.
            """
            ...

    class Clock(Protocol):
        """Time within one wake."""

        def ticks_ms(self) -> int:
            """Return milliseconds since some moment of this wake; never goes back within it."""
            ...

        def sleep_ms(self, ms: int) -> None:
            """Wait; serial lines that are in use stay alive."""
            ...

        def stop_ms(self, ms: int) -> None:
            """Wait in Stop: pins keep their level, what serial lines bring is lost."""
            ...

    class Board(Protocol):
        """One collar's hardware, built anew at every wake."""

        @property
        def fram(self) -> Fram:
            """Memory of this collar."""
            ...

        @property
        def rtc(self) -> Rtc:
            """Clock that runs on through Standby."""
            ...

        @property
        def gauge(self) -> Gauge:
            """Voltage of the storage."""
            ...

        @property
        def gnss(self) -> GnssPort:
            """GNSS receiver."""
            ...

        @property
        def accelerometer(self) -> Accelerometer:
            """Sensor of motion."""
            ...

        @property
        def radio(self) -> Radio:
            """LoRa modem."""
            ...

        @property
        def clock(self) -> Clock:
            """Time within this wake."""
            ...

        @property
        def costs(self) -> Costs:
            """What things cost on this board."""
            ...

        def arm_wakeup(self, seconds: int) -> None:
            """Make the wake-up timer fire every `seconds` (1..129600), until armed again."""
            ...

        def feed_watchdog(self) -> None:
            """Restart the watchdog's countdown (at most 30 s between calls)."""
            ...

        def reset_cause(self) -> int:
            """Return why this wake began, one of RESET_*."""
            ...

        def standby(self) -> None:
            """Enter Standby: switched rails off, memory lost. Does not return on a board."""
            ...
