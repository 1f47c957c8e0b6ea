"""The collar's electronics in the twin: every part of it on one supply, in one virtual time.

`Hardware` is the collar itself and lasts. Every call that takes time passes through
`Hardware.spend`, so it costs energy, can be cut short by a brown-out, and is under the watchdog's
eye.
"""

from collections.abc import Iterable

from firmware.wire import frame
from firmware.wire.airtime import header_ms
from firmware.wire.errors import WireError
from hardware.twin.animal import Animal
from hardware.twin.errors import PowerCut, WatchdogReset
from hardware.twin.ether import Ether, Transmission, reading
from hardware.twin.fram import FramChip
from hardware.twin.gnss import GnssReceiver
from hardware.twin.hub import Hub
from hardware.twin.landscape import air_temperature_c
from hardware.twin.lis2dw12 import Lis2dw12
from hardware.twin.parts import Parts
from hardware.twin.rtc import Rtc
from hardware.twin.seeded import normal
from hardware.twin.supply import Supply

_ALWAYS = ("accelerometer", "radio_sleep")
_STANDBY = ("standby", "fram_sleep", *_ALWAYS)
_FLUSH_US = 1000  # memory traffic is paid for in portions of a millisecond


class Hardware:
    """Everything of one collar that a reset does not replace.

    Args:
        hub: Owner of the time.
        parts: Facts.
        supply: Storage and generator.
        ether: The air.
        animal: The wearer.
        collar: Its number.
        seed: Random seed of this collar.
        start_utc_s: Unix time of scenario time 0.

    Attributes:
        frames_sent, airtime_us: uplinks.
        last_contact_us: end of the last uplink whose acknowledgement arrived, None before.
        acknowledged: how many were.
    """

    def __init__(
        self,
        hub: Hub,
        parts: Parts,
        supply: Supply,
        ether: Ether,
        animal: Animal,
        collar: int,
        seed: int,
        start_utc_s: int,
    ) -> None:
        self.hub, self.parts, self.supply = hub, parts, supply
        self.ether, self.animal, self.collar, self.seed = ether, animal, collar, seed
        self.start_utc_s = start_utc_s
        self.chip = FramChip(parts.fram_bytes)
        self.chip.on_cut = self._cut
        self.rtc = Rtc(
            drift_ppm=parts.drift_ppm * max(-1.0, min(normal(seed, "crystal") / 2, 1.0))
        )
        self.receiver = GnssReceiver(parts.gnss, seed, start_utc_s, animal.position)
        self.accelerometer = Lis2dw12(
            parts.accelerometer, seed, animal.activity, lambda: self.hub.now_us
        )
        self.frames_sent = self.airtime_us = self.acknowledged = 0
        self.last_contact_us: int | None = None
        self._uplink: Transmission | None = None
        self._armed: tuple[int, int] | None = None
        self._fed_us = 0
        self._pending_us = 0.0

    def reset(self) -> None:
        """What any reset does: the watchdog starts, switched rails are off."""
        self._fed_us = self.hub.now_us
        self._pending_us = 0.0
        self.supply.storage.feel(self.temperature_c())
        self.receiver.power(False, self.hub.now_us)
        self.chip.power_off()

    def power_lost(self) -> None:
        """What the end of the rail does: clock and timer gone."""
        self.reset()
        self._armed = None
        self.rtc.power_on(self.hub.now_us)
        self.accelerometer.power_on()

    def temperature_c(self) -> float:
        """Temperature around the collar [degrees Celsius]."""
        t_s = self.hub.now_us / 1e6
        if self.parts.climate_c is not None:
            return self.parts.climate_c
        return air_temperature_c(self.start_utc_s + t_s, self.animal.position(t_s)[2])

    def feed(self) -> None:
        """Start the watchdog's countdown again."""
        self._fed_us = self.hub.now_us

    def arm(self, seconds: int) -> None:
        """Let the wake-up timer fire every `seconds` from now."""
        if not 1 <= seconds <= self.parts.wakeup_max_s:
            raise ValueError(
                f"wake-up in {seconds} s, expected 1 to {self.parts.wakeup_max_s} seconds"
            )
        period_us = round(seconds * 1e6 / (1.0 + self.rtc.drift_ppm * 1e-6))
        self._armed = (self.hub.now_us, period_us)

    def sleep(self) -> None:
        """Standby until the wake-up timer fires; for ever when it was never armed."""
        self.reset()
        self.supply.draw(_STANDBY)
        if self._armed is None:
            self.supply.wait_until(1 << 62)
        else:
            armed_us, period_us = self._armed
            periods = (self.hub.now_us - armed_us) // period_us + 1
            self.supply.wait_until(armed_us + periods * period_us)

    def spend(self, duration_us: int, loads: Iterable[str]) -> None:
        """Let time pass while awake with these loads besides those always on.

        Raises:
            PowerCut: The rail collapsed.
            WatchdogReset: The countdown ran out.
        """
        loads = (*loads, *_ALWAYS)
        until_us = self.hub.now_us + duration_us
        limit_us = self._fed_us + self.parts.watchdog_us
        fix_us = self.receiver.fix_at_us()
        while True:
            now_us = self.hub.now_us
            rest = (*loads,)
            stop_us = min(until_us, limit_us)
            if fix_us is not None:
                searching = now_us < fix_us
                rest = (*loads, "gnss_search" if searching else "gnss_track")
                if searching:
                    stop_us = min(stop_us, fix_us)
            self.supply.draw(rest)
            self.supply.wait_until(stop_us)
            if self.hub.now_us >= until_us:
                return
            if self.hub.now_us >= limit_us:
                raise WatchdogReset(self.hub.now_us / 1e6, self.parts.watchdog_us / 1e6)

    def run(self, duration_us: int, *loads: str) -> None:
        """Let time pass with the processor running; pays for memory traffic first."""
        self.pay()
        self.spend(duration_us, ("processor", *loads))

    def wait(self, duration_us: int, *loads: str) -> None:
        """Let time pass with the processor asleep, as its drivers wait for a part."""
        self.pay()
        self.spend(duration_us, ("processor_sleep", *loads))

    def idle(self, duration_us: int) -> None:
        """Let time pass with the processor stopped; asleep while the receiver's UART is on."""
        if self.receiver.session is not None:
            return self.wait(duration_us)
        self.pay()
        return self.spend(duration_us, ("processor_stop",))

    def stop(self, duration_us: int) -> None:
        """Let time pass with the processor stopped; bytes that arrive meanwhile are lost."""
        self.pay()
        self.spend(duration_us, ("processor_stop",))
        self.receiver.drop(self.hub.now_us)

    def transfer(self, count: int) -> None:
        """Account for bytes on the memory's bus."""
        self._pending_us += count * 8e6 / self.parts.bus_hz
        if self._pending_us >= _FLUSH_US:
            self.pay()

    def pay(self) -> None:
        """Spend the time of the memory traffic not yet paid for."""
        pending_us, self._pending_us = round(self._pending_us), 0.0
        if pending_us:
            self.spend(pending_us, ("processor", "fram"))

    def send(self, freq_hz: int, sf: int, bw_hz: int, power_dbm: int, data: bytes) -> None:
        """Send one frame; a power cut on the way leaves half a frame, which nobody receives."""
        place = self.animal.position(self.hub.now_us / 1e6)
        power_dbm = min(power_dbm, self.parts.tx_dbm)
        uplink = self.ether.uplink(self.collar, place, freq_hz, sf, bw_hz, power_dbm, data)
        self._uplink = uplink
        self.frames_sent += 1
        start_us = self.hub.now_us
        try:
            self.wait(uplink.end_us - start_us, "radio_tx")
        except (PowerCut, WatchdogReset):
            uplink.aborted = True
            raise
        finally:
            self.airtime_us += self.hub.now_us - start_us

    def listen(
        self, freq_hz: int, sf: int, bw_hz: int, window_us: int
    ) -> tuple[bytes, int, int] | None:
        """Listen for a downlink: to its end, or to where a late one's header would have ended."""
        open_us = self.hub.now_us
        self.wait(window_us, "radio_rx")
        downlink = self.ether.find_downlink(open_us, self.hub.now_us, freq_hz, sf, bw_hz)
        place = self.animal.position(self.hub.now_us / 1e6)
        if downlink is None or not self.ether.reaches(downlink, self.collar, place):
            self.wait(header_ms(sf, bw_hz) * 1000, "radio_rx")
            return None
        self.wait(max(downlink.end_us - self.hub.now_us, 0), "radio_rx")
        self._note_contact(downlink.data)
        return (downlink.data, *reading(downlink))

    def _note_contact(self, data: bytes) -> None:
        try:
            header = frame.parse_header(data)
        except WireError:
            return
        if header.kind == frame.ACK and header.collar == self.collar and self._uplink is not None:
            self.acknowledged += 1
            self.last_contact_us = self._uplink.end_us

    def _cut(self) -> None:
        raise PowerCut(self.hub.now_us / 1e6, "the memory's test hook")
