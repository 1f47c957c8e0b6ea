"""The facts of the collar's parts, from `hardware/collar.toml`, in the twin's units.

No number of a part stands anywhere else in the twin. Powers are those of the part at its own rail;
what the converter loses comes on top and is booked as "conversion".
"""

from dataclasses import dataclass
from functools import cache

from firmware.board import Costs
from hardware import describe
from hardware.twin.lis2dw12 import AccelerometerParts
from hardware.twin.search import SearchParts
from hardware.twin.session import GnssParts
from hardware.twin.storage import StorageParts


@dataclass(frozen=True)
class Parts:
    """Everything the twin knows of one collar's hardware.

    Attributes:
        storage, gnss, accelerometer: facts of those parts.
        receivers: receivers to plan for, by the seconds of their cold start: the data sheet's, and
            what was measured on animals.
        costs: what the firmware is told, the same numbers as the generated module.
        brownout_v, restart_v: the rail is cut below one and returns above the other [V].
        efficiency: of the converter, 0..1.  quiescent_a: its own current from the storage [A].
        power_w: power at the rail by load [W].
        duration_us: how long what nobody waits for takes [us].
        watchdog_us: longest time between two feedings [us].
        wakeup_max_s: longest period of the wake-up timer [s].
        fram_bytes: size of the memory.  bus_hz: its clock.
        drift_ppm: largest error of the clock crystal.
        long_us: how much longer a long reading of the voltage takes than a short one.
        gauge_full_uv: storage voltage at which the converter reads its reference, the rail.
        tx_dbm: what the radio's amplifier gives at most.
        climate_c: constant temperature [degrees Celsius]; None: the air's, by season and height.
        gauge_gain: what the gauge reads over what is there.
        income_j_per_day: default of the generator at the storage.  generator_max_w: its limit.
    """

    storage: StorageParts
    gnss: GnssParts
    receivers: dict[int, SearchParts]
    accelerometer: AccelerometerParts
    costs: Costs
    brownout_v: float
    restart_v: float
    efficiency: float
    quiescent_a: float
    power_w: dict[str, float]
    duration_us: dict[str, int]
    watchdog_us: int
    wakeup_max_s: int
    fram_bytes: int
    bus_hz: int
    drift_ppm: int
    long_us: int
    gauge_full_uv: int
    tx_dbm: int
    income_j_per_day: float
    generator_max_w: float
    climate_c: float | None = None
    gauge_gain: float = 1.0


def _section(values: describe.Description, name: str) -> dict[str, int]:
    return {key: value for key, value in values[name].items() if isinstance(value, int)}


@cache
def load() -> Parts:
    """The parts of `hardware/collar.toml`.

    Raises:
        DescriptionError: The file has faults, or a number the twin needs is missing.
    """
    values = describe.load()
    try:
        return _parts(values)
    except KeyError as error:
        fault = f"{error.args[0]} is missing, expected a number for the twin"
        raise describe.DescriptionError(describe.TOML, [fault]) from error


def _parts(values: describe.Description) -> Parts:
    storage, converter = _section(values, "storage"), _section(values, "converter")
    processor, radio = _section(values, "processor"), _section(values, "radio")
    fram, gauge = _section(values, "fram"), _section(values, "gauge")
    gnss = _section(values, "gnss")
    generator, accelerometer = _section(values, "generator"), _section(values, "accelerometer")
    return Parts(
        storage=StorageParts(
            capacitance_f=storage["capacitance_mf"] / 1e3,
            esr_ohm=storage["esr_mohm"] / 1e3,
            leakage_a=storage["leakage_na"] / 1e9,
            full_v=storage["full_uv"] / 1e6,
            esr_cold=storage["esr_cold_permille"] / 1e3,
        ),
        gnss=_gnss(gnss),
        receivers={
            start_ms // 1000: _search(gnss, start_ms)
            for start_ms in (gnss["cold_start_ms"], gnss["animal_start_ms"])
        },
        accelerometer=AccelerometerParts(
            rate_hz=accelerometer["rate_mhz"] / 1e3,
            noise_mg=accelerometer["noise_mg"],
            active_mg=accelerometer["active_mg"],
        ),
        costs=Costs(**describe.costs(values)),
        brownout_v=storage["brownout_uv"] / 1e6,
        restart_v=storage["restart_uv"] / 1e6,
        efficiency=converter["efficiency_permille"] / 1e3,
        quiescent_a=converter["quiescent_na"] / 1e9,
        power_w=_powers(values),
        duration_us={
            "boot": processor["boot_ms"] * 1000,
            "wake": processor["wake_ms"] * 1000,
            "frame": processor["frame_ms"] * 1000,
            "radio_startup": radio["startup_ms"] * 1000,
            "gauge": (gauge["settle_ms"] + gauge["sample_ms"]) * 1000,
        },
        watchdog_us=processor["watchdog_ms"] * 1000,
        wakeup_max_s=processor["wakeup_max_s"],
        fram_bytes=fram["size_bytes"],
        bus_hz=fram["bus_baud"],
        drift_ppm=_section(values, "rtc")["drift_ppm"],
        long_us=gauge["sample_ms"] * 1000 * (gauge["long_count"] // gauge["short_count"] - 1),
        gauge_full_uv=converter["rail_mv"] * 1_000_000 // gauge["divider_permille"],
        tx_dbm=radio["tx_dbm"],
        income_j_per_day=generator["default_mj_per_day"] / 1e3,
        generator_max_w=generator["max_mj_per_day"] / 1e3 / 86_400,
    )


def _powers(values: describe.Description) -> dict[str, float]:
    """Power at the rail [W] by load; the names are those of the energy book."""
    rail_v = _section(values, "converter")["rail_mv"] / 1e3
    processor, gnss = _section(values, "processor"), _section(values, "gnss")
    radio, fram = _section(values, "radio"), _section(values, "fram")
    gnss_v, radio_v = gnss["supply_mv"] / 1e3, radio["supply_mv"] / 1e3
    io_w = gnss["io_ua"] / 1e6 * rail_v
    return {
        "standby": processor["standby_na"] / 1e9 * rail_v,
        "accelerometer": _section(values, "accelerometer")["supply_na"] / 1e9 * rail_v,
        "radio_sleep": radio["sleep_na"] / 1e9 * rail_v,
        "fram_sleep": fram["sleep_na"] / 1e9 * rail_v,
        "boot": processor["run_ua"] / 1e6 * rail_v,
        "processor": processor["run_ua"] / 1e6 * rail_v,
        "processor_sleep": processor["sleep_ua"] / 1e6 * rail_v,
        "processor_stop": processor["stop_ua"] / 1e6 * rail_v,
        "gnss_search": gnss["acquisition_ua"] / 1e6 * gnss_v + io_w,
        "gnss_track": gnss["tracking_ua"] / 1e6 * gnss_v + io_w,
        "radio_tx": radio["tx_ua"] / 1e6 * radio_v,
        "radio_rx": radio["rx_ua"] / 1e6 * radio_v,
        "fram": fram["active_ua"] / 1e6 * rail_v,
        "gauge": _section(values, "gauge")["divider_ua"] / 1e6 * rail_v,
    }


def _search(gnss: dict[str, int], cold_ms: int) -> SearchParts:
    return SearchParts(
        cold_s=cold_ms / 1e3,
        hot_s=gnss["hot_start_ms"] / 1e3 * cold_ms / gnss["cold_start_ms"],
        spread=gnss["start_spread_permille"] / 1e3,
        full=gnss["full_count"],
        least=gnss["least_count"],
        decoded=gnss["decoded_count"],
        renew_s=gnss["orbit_renew_s"],
        valid_s=gnss["orbit_valid_s"],
        pass_s=gnss["pass_s"],
        closed_share=gnss["closed_permille"] / 1e3,
        closed_factor=gnss["closed_factor_permille"] / 1e3,
        sky_s=gnss["sky_s"],
        heard_open=gnss["heard_open_count"],
        heard_closed=gnss["heard_closed_count"],
        heard_spread=gnss["heard_spread_permille"] / 1e3,
        hear_s=gnss["hear_ms"] / 1e3 * cold_ms / gnss["cold_start_ms"],
    )


def _gnss(gnss: dict[str, int]) -> GnssParts:
    sigma_m = gnss["accuracy_mm"] / 1e3 / 1.515  # 68 % radius of a circular normal = 1.515 sigma
    return GnssParts(
        startup_s=gnss["startup_ms"] / 1e3,
        latency_s=gnss["latency_ms"] / 1e3,
        baud=gnss["baud"],
        backlog_bytes=gnss["backlog_bytes"],
        buffer_bytes=gnss["buffer_bytes"],
        search=_search(gnss, gnss["field_start_ms"]),
        view=gnss["view_count"],
        in_view=gnss["in_view_count"],
        cno_open=gnss["cno_open_dbhz"],
        cno_closed=gnss["cno_closed_dbhz"],
        early_s=(gnss["early_least_ms"] / 1e3, gnss["early_most_ms"] / 1e3),
        claims=(gnss["claims_least_permille"] / 1e3, gnss["claims_most_permille"] / 1e3),
        sigma_first_m=2.0 * sigma_m,
        sigma_settled_m=sigma_m,
        settle_s=gnss["settle_ms"] / 1e3,
    )
