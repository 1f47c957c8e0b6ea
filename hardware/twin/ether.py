"""The air between collars and the station: who hears what.

Link budget: SNR = transmit power + antenna gains - path loss - noise floor, path loss growing with
the logarithm of the distance, with shadowing that belongs to a place (100 m cells) and fading that
belongs to a frame; both seeded. A frame is received with logistic probability around the limit of
its spreading factor (50 % half a decibel below it), unless a frame of the same spreading factor
and channel is less than 6 dB weaker, the station is transmitting itself (half duplex), is deaf, or
all its demodulators are busy.

Sources: SNR limits SX1276 data sheet table 13; capture 6 dB, first preamble symbols not needed,
eight demodulators: LoRaSim (Bor et al. 2016, doi:10.1145/2988287.2989163). Path loss, spreads and
the slope of the logistic are assumed: no measured curve is known for collars in the Alps.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from firmware.wire import region
from firmware.wire.airtime import airtime_us, symbol_us
from hardware.twin.errors import ScenarioError
from hardware.twin.hub import Hub
from hardware.twin.landscape import distance_m, metres_per_degree
from hardware.twin.seeded import normal, uniform

Place = tuple[float, float, float]
_PREAMBLE_SYMBOLS = 8
_SPARE_SYMBOLS = 3  # of the preamble: five are enough to catch it
_KEEP_US = 30_000_000  # longer than any frame
_SNR_READING_MAX_DB = 12.0  # the modem's reading saturates


@dataclass(frozen=True)
class Air:
    """What the air is like; part of the scenario.

    Attributes:
        reference_db: Path loss at 1 km [dB]; free space would be 91.
        exponent: Path loss grows by 10 x this per decade of distance.
        shadowing_db: Standard deviation over places [dB].
        fading_db: Standard deviation over frames [dB].
        noise_figure_db: Of both receivers [dB].
        station_gain_db: Antenna of the station [dB over the isotropic radiator].
        collar_gain_db: Antenna of the collar, what neck and body take away included [dB].
        slope_db: Scale of the logistic; 90 % of frames arrive 2.2 of these above its centre.
        capture_db: A frame survives an equal one that is weaker by this.
        demodulators: Frames the station can receive at once.
        loss_up: Probability that an otherwise good uplink is lost; for tests.
        loss_down: The same for downlinks.
        deaf: Intervals [scenario s] in which the station hears nothing.
    """

    reference_db: float = 112.0
    exponent: float = 3.0
    shadowing_db: float = 5.0
    fading_db: float = 2.0
    noise_figure_db: float = 6.0
    station_gain_db: float = 2.0
    collar_gain_db: float = -3.0
    slope_db: float = 0.7
    capture_db: float = 6.0
    demodulators: int = 8
    loss_up: float = 0.0
    loss_down: float = 0.0
    deaf: Sequence[tuple[float, float]] = ()

    def __post_init__(self) -> None:
        for name in ("loss_up", "loss_down"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ScenarioError(name, getattr(self, name), "a probability from 0 to 1")
        for interval in self.deaf:
            if not interval[0] < interval[1]:
                raise ScenarioError("deaf", interval, "a pair (from, to) in ascending order")

    def path_loss_db(self, metres: float) -> float:
        """Mean path loss [dB] over a distance; not below that of 10 m."""
        return self.reference_db + 10.0 * self.exponent * math.log10(max(metres, 10.0) / 1000.0)

    def noise_dbm(self, bw_hz: int) -> float:
        """Noise floor [dBm]: -174 dBm/Hz at room temperature, bandwidth, noise figure."""
        return -174.0 + 10.0 * math.log10(bw_hz) + self.noise_figure_db

    def reception_probability(self, snr_db: float, sf: int) -> float:
        """Share of frames received at an SNR, without any other frame in the air."""
        limit_db = region.SNR_LIMIT_QDB[sf] / 4.0
        exponent = -(snr_db - (limit_db - 0.5)) / self.slope_db
        return 1.0 / (1.0 + math.exp(min(exponent, 700.0)))


@dataclass
class Transmission:
    """One frame on its way, up or down."""

    collar: int  # sender of an uplink; 0 for the station
    start_us: int
    end_us: int
    freq_hz: int
    sf: int
    bw_hz: int
    power_dbm: float
    data: bytes
    rssi_dbm: float = 0.0
    snr_db: float = 0.0
    aborted: bool = False

    @property
    def critical_us(self) -> int:
        """From here on the receiver must hear it."""
        return self.start_us + _SPARE_SYMBOLS * symbol_us(self.sf, self.bw_hz)


@dataclass
class Ether:
    """All frames in the air around one station.

    Args:
        hub: Owner of the time.
        air: What it is like.
        seed: Random seed.
        station: Where the station's antenna is.
        on_heard: Called at the end of each uplink the station received.

    Attributes:
        fates: What became of uplinks: sent, heard, or the reason of the loss.
    """

    hub: Hub
    air: Air
    seed: int
    station: Place
    on_heard: Callable[[Transmission], None] | None = None
    fates: Counter[str] = field(default_factory=Counter)
    _up: list[Transmission] = field(default_factory=list)
    _down: list[Transmission] = field(default_factory=list)

    def uplink(
        self,
        collar: int,
        place: Place,
        freq_hz: int,
        sf: int,
        bw_hz: int,
        power_dbm: int,
        data: bytes,
    ) -> Transmission:
        """Start to send a frame from a collar; its end is `end_us` of the result."""
        start_us = self.hub.now_us
        frame = Transmission(
            collar,
            start_us,
            start_us + airtime_us(sf, bw_hz, len(data)),
            freq_hz,
            sf,
            bw_hz,
            power_dbm,
            bytes(data),
        )
        self._measure(frame, collar, place)
        self._up = [f for f in self._up if f.end_us > start_us - _KEEP_US]
        self._up.append(frame)
        self.fates["sent"] += 1
        self.hub.at(frame.end_us, lambda: self._arrive(frame))
        return frame

    def downlink(
        self, start_us: int, freq_hz: int, sf: int, bw_hz: int, power_dbm: int, data: bytes
    ) -> Transmission | None:
        """Plan a frame from the station; None when it is already sending then."""
        end_us = start_us + airtime_us(sf, bw_hz, len(data))
        horizon_us = self.hub.now_us - _KEEP_US
        self._down = [f for f in self._down if f.end_us > horizon_us]
        if any(f.start_us < end_us and start_us < f.end_us for f in self._down):
            return None
        frame = Transmission(0, start_us, end_us, freq_hz, sf, bw_hz, power_dbm, bytes(data))
        self._down.append(frame)
        return frame

    def find_downlink(
        self, open_us: int, close_us: int, freq_hz: int, sf: int, bw_hz: int
    ) -> Transmission | None:
        """The first downlink whose preamble a receiver with this window notices."""
        for frame in sorted(self._down, key=lambda f: f.start_us):
            same = (frame.freq_hz, frame.sf, frame.bw_hz) == (freq_hz, sf, bw_hz)
            if same and frame.critical_us >= open_us and frame.start_us < close_us:
                return frame
        return None

    def reaches(self, frame: Transmission, collar: int, place: Place) -> bool:
        """Whether a downlink arrives whole at a collar; sets its RSSI and SNR."""
        self._measure(frame, collar, place)
        chance = self.air.reception_probability(frame.snr_db, frame.sf)
        key = (collar, frame.start_us)
        return (
            uniform(self.seed, "receive", "down", *key) < chance
            and uniform(self.seed, "loss", "down", *key) >= self.air.loss_down
        )

    def snr_db(
        self, collar: int, place: Place, power_dbm: float, bw_hz: int, key: object
    ) -> float:
        """SNR [dB] of one frame between a collar at a place and the station, either way."""
        air = self.air
        per_lat_m, per_lon_m = metres_per_degree(self.station[0])
        cell = (round(place[0] * per_lat_m / 100.0), round(place[1] * per_lon_m / 100.0))
        return (
            power_dbm
            + air.station_gain_db
            + air.collar_gain_db
            - air.path_loss_db(distance_m(place, self.station))
            + air.shadowing_db * normal(self.seed, "shadow", *cell)
            + air.fading_db * normal(self.seed, "fading", collar, key)
            - air.noise_dbm(bw_hz)
        )

    def _measure(self, frame: Transmission, collar: int, place: Place) -> None:
        key = (frame.start_us, "up" if frame.collar else "down")
        frame.snr_db = self.snr_db(collar, place, frame.power_dbm, frame.bw_hz, key)
        frame.rssi_dbm = frame.snr_db + self.air.noise_dbm(frame.bw_hz)

    def _arrive(self, frame: Transmission) -> None:
        fate = self._fate(frame)
        self.fates[fate] += 1
        if fate == "heard" and self.on_heard is not None:
            self.on_heard(frame)

    def _fate(self, frame: Transmission) -> str:
        key = (frame.collar, frame.start_us)
        if frame.aborted:
            return "cut"
        if any(a * 1e6 < frame.end_us and frame.start_us < b * 1e6 for a, b in self.air.deaf):
            return "deaf"
        if any(f.start_us < frame.end_us and frame.critical_us < f.end_us for f in self._down):
            return "half_duplex"
        if uniform(self.seed, "receive", "up", *key) >= self.air.reception_probability(
            frame.snr_db, frame.sf
        ):
            return "weak"
        others = [
            f
            for f in self._up
            if f is not frame and f.start_us < frame.end_us and frame.critical_us < f.end_us
        ]
        if self._collides(frame, others):
            return "collision"
        if sum(f.start_us <= frame.start_us for f in others) >= self.air.demodulators:
            return "busy"
        if uniform(self.seed, "loss", "up", *key) < self.air.loss_up:
            return "lost"
        return "heard"

    def _collides(self, frame: Transmission, others: list[Transmission]) -> bool:
        """Whether frames of the same spreading factor and channel leave too little margin."""
        apart_hz = 30_000 * frame.bw_hz // 125_000
        power_mw = sum(
            10.0 ** (f.rssi_dbm / 10.0)
            for f in others
            if f.sf == frame.sf and abs(f.freq_hz - frame.freq_hz) <= apart_hz
        )
        if power_mw == 0.0:
            return False
        return frame.rssi_dbm - 10.0 * math.log10(power_mw) < self.air.capture_db


def reading(frame: Transmission) -> tuple[int, int]:
    """What a modem reports of a frame: RSSI [dBm] and SNR [dB x 4], as integers."""
    snr_db = min(frame.snr_db, _SNR_READING_MAX_DB)
    return max(round(frame.rssi_dbm), -160), max(round(snr_db * 4), -128)
